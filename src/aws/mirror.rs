//! Nested objects that AWS writes as we do: one list of fields, read in both directions.
//!
//! `mirror!` makes the struct and its way to and from every SDK type named after `=`; fields bear
//! the names that the SDK gives them, so a `serde(rename)` stands where Pulumi's name differs.
//! `words!` does the same for the enums of the SDK, which are texts for us.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::engine::error::{Error, Result, need};

/// A value that the SDK has in a form of its own.
pub(super) trait Mirror<S>: Sized {
    fn send(&self) -> Result<S>;
    fn show(sdk: S) -> Result<Self>;
}

/// A field of an object. The SDK takes all fields for optional.
pub(super) trait Field<S>: Sized {
    fn put(&self) -> Result<Option<S>>;
    fn take(name: &str, sdk: Option<S>) -> Result<Self>;
}

impl<T: Mirror<S>, S> Field<S> for Option<T> {
    fn put(&self) -> Result<Option<S>> {
        self.as_ref().map(Mirror::send).transpose()
    }

    fn take(_: &str, sdk: Option<S>) -> Result<Self> {
        sdk.map(Mirror::show).transpose()
    }
}

impl Field<Self> for i32 {
    fn put(&self) -> Result<Option<Self>> {
        Ok(Some(*self))
    }

    fn take(name: &str, sdk: Option<Self>) -> Result<Self> {
        need(name, sdk)
    }
}

impl Field<Self> for f64 {
    fn put(&self) -> Result<Option<Self>> {
        Ok(Some(*self))
    }

    fn take(name: &str, sdk: Option<Self>) -> Result<Self> {
        need(name, sdk)
    }
}

impl Field<Self> for bool {
    fn put(&self) -> Result<Option<Self>> {
        Ok(Some(*self))
    }

    /// AWS leaves out switches that are off.
    fn take(_: &str, sdk: Option<Self>) -> Result<Self> {
        Ok(sdk.unwrap_or_default())
    }
}

impl<S> Field<S> for String
where
    Self: Mirror<S>,
{
    fn put(&self) -> Result<Option<S>> {
        self.send().map(Some)
    }

    fn take(name: &str, sdk: Option<S>) -> Result<Self> {
        Self::show(need(name, sdk)?)
    }
}

impl<T: Mirror<S>, S> Field<Vec<S>> for Vec<T> {
    fn put(&self) -> Result<Option<Vec<S>>> {
        self.send().map(Some)
    }

    fn take(_: &str, sdk: Option<Vec<S>>) -> Result<Self> {
        Self::show(sdk.unwrap_or_default())
    }
}

impl<T: Mirror<S>, S> Mirror<Vec<S>> for Vec<T> {
    fn send(&self) -> Result<Vec<S>> {
        self.iter().map(Mirror::send).collect()
    }

    fn show(sdk: Vec<S>) -> Result<Self> {
        sdk.into_iter().map(Mirror::show).collect()
    }
}

macro_rules! same {
    ($($ty:ty),*) => {$(
        impl Mirror<$ty> for $ty {
            fn send(&self) -> Result<$ty> {
                Ok(self.clone())
            }

            fn show(sdk: $ty) -> Result<Self> {
                Ok(sdk)
            }
        }
    )*};
}

same!(String, bool, i32, i64, f64);

/// Pulumi has switches of three positions as texts: on, off, and not given.
impl Mirror<bool> for String {
    fn send(&self) -> Result<bool> {
        self.parse().map_err(|_| Error::invalid(format!("`{self}` is neither `true` nor `false`")))
    }

    fn show(sdk: bool) -> Result<Self> {
        Ok(sdk.to_string())
    }
}

/// Some numbers are texts for Pulumi.
impl Mirror<i32> for String {
    fn send(&self) -> Result<i32> {
        self.parse().map_err(|_| Error::invalid(format!("`{self}` is no whole number")))
    }

    fn show(sdk: i32) -> Result<Self> {
        Ok(sdk.to_string())
    }
}

impl Mirror<f64> for String {
    fn send(&self) -> Result<f64> {
        self.parse().map_err(|_| Error::invalid(format!("`{self}` is no number")))
    }

    fn show(sdk: f64) -> Result<Self> {
        Ok(sdk.to_string())
    }
}

impl Mirror<DateTime> for String {
    fn send(&self) -> Result<DateTime> {
        let wrong = |e| Error::invalid(format!("`{self}` is no time such as `2030-01-31T12:00:00Z`: {e}"));
        DateTime::from_str(self, Format::DateTime).map_err(wrong)
    }

    fn show(sdk: DateTime) -> Result<Self> {
        Ok(sdk.to_string())
    }
}

/// Enums of the SDK.
macro_rules! words {
    ($($word:ty),* $(,)?) => {$(
        impl $crate::aws::mirror::Mirror<$word> for String {
            fn send(&self) -> $crate::engine::error::Result<$word> {
                Ok(<$word>::from(self.as_str()))
            }

            fn show(sdk: $word) -> $crate::engine::error::Result<Self> {
                Ok(sdk.as_str().to_owned())
            }
        }
    )*};
}

/// Objects, each with the SDK types that hold the same.
macro_rules! mirror {
    ($(
        $(#[$meta:meta])*
        $vis:vis struct $name:ident = $($sdk:ty)|+ {
            $( $(#[$note:meta])* pub $field:ident: $ty:ty, )*
        }
    )*) => {$(
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        $(#[$meta])*
        $vis struct $name {
            $( $(#[$note])* pub $field: $ty, )*
        }

        $crate::aws::mirror::mirror!(@each $name { $($field)* } $($sdk)|+);
    )*};

    (@each $name:ident $fields:tt $($sdk:ty)|+) => {
        $( $crate::aws::mirror::mirror!(@one $name $fields $sdk); )+
    };

    (@one $name:ident { $($field:ident)* } $sdk:ty) => {
        impl $crate::aws::mirror::Mirror<$sdk> for $name {
            fn send(&self) -> $crate::engine::error::Result<$sdk> {
                let mut sdk = <$sdk>::builder().build();
                $( sdk.$field = $crate::aws::mirror::Field::put(&self.$field)?; )*
                Ok(sdk)
            }

            fn show(sdk: $sdk) -> $crate::engine::error::Result<Self> {
                Ok(Self { $( $field: $crate::aws::mirror::Field::take(stringify!($field), sdk.$field)?, )* })
            }
        }

        impl $crate::aws::mirror::Field<$sdk> for $name {
            fn put(&self) -> $crate::engine::error::Result<Option<$sdk>> {
                $crate::aws::mirror::Mirror::send(self).map(Some)
            }

            fn take(name: &str, sdk: Option<$sdk>) -> $crate::engine::error::Result<Self> {
                $crate::aws::mirror::Mirror::show($crate::engine::error::need(name, sdk)?)
            }
        }
    };
}

pub(super) use {mirror, words};

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{AmdSevSnpSpecification, LaunchTemplateCpuOptions, LaunchTemplateCpuOptionsRequest};

    use super::*;
    use crate::engine::error::Kind;

    mirror! {
        /// Options of a processor.
        struct Cpu = LaunchTemplateCpuOptionsRequest | LaunchTemplateCpuOptions {
            /// Encrypted memory.
            pub amd_sev_snp: Option<String>,
            /// Cores.
            pub core_count: i32,
        }
    }

    #[test]
    fn an_object_comes_back_as_it_was_sent() {
        let ours = Cpu { amd_sev_snp: Some("enabled".into()), core_count: 2 };
        let sent: LaunchTemplateCpuOptionsRequest = ours.send().unwrap();
        assert_eq!((sent.amd_sev_snp, sent.core_count), (Some(AmdSevSnpSpecification::Enabled), Some(2)));
        let shown = LaunchTemplateCpuOptions::builder().amd_sev_snp(AmdSevSnpSpecification::Enabled).core_count(2);
        assert_eq!(Cpu::show(shown.build()).unwrap(), ours);
    }

    #[test]
    fn a_field_that_aws_owes_is_named_when_it_is_missing() {
        let error = Cpu::show(LaunchTemplateCpuOptions::builder().build()).unwrap_err();
        assert!(error.message.contains("core_count"), "{error:?}");
    }

    #[test]
    fn a_text_that_stands_for_something_else_must_be_readable() {
        let wrong = [
            Mirror::<bool>::send(&"yes".to_owned()).map(drop),
            Mirror::<i32>::send(&"many".to_owned()).map(drop),
            Mirror::<DateTime>::send(&"soon".to_owned()).map(drop),
        ];
        assert!(wrong.into_iter().all(|result| result.unwrap_err().kind == Kind::Invalid));
    }
}
