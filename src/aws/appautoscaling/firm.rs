//! Nested objects of which AWS requires some fields, so that the SDK builds them by a check.
//!
//! `firm!` makes the struct and its way to and from every SDK type named after `=`, as
//! [`mirror!`](crate::aws::mirror) does for objects without such fields. A field stands with the name
//! of the SDK's setter, under `must` if AWS requires it and under `may` if not.

macro_rules! firm {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident = $($sdk:ty)|+ {
            must { $( $(#[$need:meta])* pub $field:ident by $set:ident: $ty:ty, )* }
            may { $( $(#[$note:meta])* pub $free:ident by $put:ident: $wide:ty, )* }
        }
    )*) => {$(
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        $(#[$meta])*
        pub struct $name {
            $( $(#[$need])* pub $field: $ty, )*
            $( $(#[$note])* pub $free: $wide, )*
        }

        $crate::aws::appautoscaling::firm::firm!(
            @each $name { $($field $set)* } { $($free $put)* } $($sdk)|+
        );
    )*};

    (@each $name:ident $must:tt $may:tt $($sdk:ty)|+) => {
        $( $crate::aws::appautoscaling::firm::firm!(@one $name $must $may $sdk); )+
    };

    (@one $name:ident { $($field:ident $set:ident)* } { $($free:ident $put:ident)* } $sdk:ty) => {
        impl $crate::aws::mirror::Mirror<$sdk> for $name {
            fn send(&self) -> $crate::engine::error::Result<$sdk> {
                let sdk = <$sdk>::builder();
                $( let sdk = sdk.$set($crate::aws::mirror::Field::put(&self.$field)?); )*
                $( let sdk = sdk.$put($crate::aws::mirror::Field::put(&self.$free)?); )*
                Ok(sdk.build()?)
            }

            fn show(sdk: $sdk) -> $crate::engine::error::Result<Self> {
                Ok(Self {
                    $( $field: $crate::aws::mirror::Field::take(stringify!($field), Some(sdk.$field))?, )*
                    $( $free: $crate::aws::mirror::Field::take(stringify!($free), sdk.$free)?, )*
                })
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

pub(super) use firm;
