//! Parameters of a database engine, and what must be called to get from one set to another.

use std::collections::HashMap;

use aws_sdk_rds::types::{ApplyMethod, Parameter as SdkParameter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::alike::Alike;
use crate::engine::error::{Result, need};
use crate::engine::rules::{alike, initial, one_of};

/// Parameters that AWS takes in one call.
pub(super) const AT_ONCE: usize = 20;

/// The source of parameters that were set, as opposed to an engine's defaults.
pub(super) const SET: &str = "user";

/// One parameter of a database engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    /// When a new value takes effect. Static parameters take effect with a reboot only. AWS keeps
    /// the way in which a value was set last, so a change of this alone is no change.
    #[schemars(transform = initial, transform = one_of(&["immediate", "pending-reboot"]))]
    #[serde(default = "immediate")]
    pub apply_method: String,
    /// Name of the parameter.
    #[schemars(transform = alike(Alike::Case))]
    pub name: String,
    /// Value of the parameter.
    pub value: String,
}

fn immediate() -> String {
    "immediate".to_owned()
}

impl Parameter {
    /// What AWS shows of a parameter that was set.
    pub(super) fn shown(p: SdkParameter) -> Result<Self> {
        Ok(Self {
            apply_method: p.apply_method.map_or_else(immediate, |m| m.as_str().to_owned()),
            name: need("ParameterName", p.parameter_name)?,
            value: need("ParameterValue", p.parameter_value)?,
        })
    }

    fn sent(&self) -> SdkParameter {
        SdkParameter::builder()
            .apply_method(ApplyMethod::from(self.apply_method.as_str()))
            .parameter_name(&self.name)
            .parameter_value(&self.value)
            .build()
    }

    fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }
}

/// What turns one set of parameters into another.
#[derive(Debug)]
pub(super) struct Changes {
    pub set: Vec<SdkParameter>,
    /// Those that go back to the engine's default.
    pub reset: Vec<SdkParameter>,
}

pub(super) fn changes(live: &[Parameter], wanted: &[Parameter]) -> Changes {
    let old: HashMap<String, &Parameter> = live.iter().map(|p| (p.key(), p)).collect();
    let new: HashMap<String, &Parameter> = wanted.iter().map(|p| (p.key(), p)).collect();
    let set = wanted.iter().filter(|p| old.get(&p.key()).is_none_or(|o| o.value != p.value));
    let reset = live.iter().filter(|p| !new.contains_key(&p.key()));
    Changes { set: set.map(Parameter::sent).collect(), reset: reset.map(Parameter::sent).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, value: &str) -> Parameter {
        Parameter { apply_method: "pending-reboot".into(), name: name.into(), value: value.into() }
    }

    #[test]
    fn what_is_new_or_changed_is_set_and_what_is_removed_is_reset() {
        let live = [parameter("a", "1"), parameter("b", "1"), parameter("c", "1")];
        let wanted = [parameter("A", "1"), parameter("b", "2"), parameter("d", "1")];
        let names = |list: &[SdkParameter]| list.iter().filter_map(|p| p.parameter_name.clone()).collect::<Vec<_>>();
        let changes = changes(&live, &wanted);
        assert_eq!(names(&changes.set), ["b", "d"]);
        assert_eq!(names(&changes.reset), ["c"]);
        assert_eq!(changes.reset[0].apply_method, Some(ApplyMethod::PendingReboot));
    }
}
