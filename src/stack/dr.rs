//! The `dr:` block: what recovery has to achieve.

use std::time::Duration;

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::duration::duration;
use crate::engine::value::{Map, Value};
use crate::stack::functions::scalar_text;

/// Targets of recovery, and whatever else the block says.
#[derive(Debug, Clone)]
pub struct Dr {
    /// Longest time until the service is back.
    pub rto: Option<Duration>,
    /// Longest stretch of data that may be lost.
    pub rpo: Option<Duration>,
    /// The whole block, for the commands that know more of it.
    pub settings: Map,
    pub at: Location,
}

pub(crate) fn read(value: &Value, at: &Location, problems: &mut Vec<Diagnostic>) -> Option<Dr> {
    let Some(settings) = value.as_map() else {
        problems.push(Diagnostic::error("wrong-type", "`dr` must be a map").at(at.clone()));
        return None;
    };
    let mut target = |name: &str| {
        let given = settings.get(name)?;
        let found = match given.bare() {
            Value::Number(n) => n.as_f64().and_then(|s| Duration::try_from_secs_f64(s).ok()),
            other => scalar_text(other).as_deref().and_then(duration),
        };
        if found.is_none() {
            let problem = Diagnostic::error("wrong-type", format!("`{name}` of `dr` is no duration")).at(at.clone());
            problems.push(problem.help("write for example `300s` or `15m`"));
        }
        found
    };
    let (rto, rpo) = (target("rto"), target("rpo"));
    Some(Dr { rto, rpo, settings: settings.clone(), at: at.clone() })
}
