//! Decisions, secrecy and the environment. The lazy ones are in `eval`.

use super::arguments::{boolean, by_value, list, operand, operands, text};
use super::{Fault, Outcome, Site};
use crate::engine::value::Value;

pub(super) fn not(value: &Value, _: &Site) -> Outcome {
    boolean(value).map(|b| Value::Bool(!b))
}

/// Numbers are equal by value, so `1` is `1.0`.
pub(super) fn equals(value: &Value, _: &Site) -> Outcome {
    let [a, b] = operands(value, "`[a, b]`")?;
    Ok((by_value(a) == by_value(b)).into())
}

/// The first operand that is not null.
pub(super) fn coalesce(value: &Value, _: &Site) -> Outcome {
    for item in list(value)? {
        match item.bare() {
            Value::Null => {}
            Value::Unknown => return Err(Fault::Unknown),
            _ => return Ok(item.clone()),
        }
    }
    Ok(Value::Null)
}

pub(super) fn secret(value: &Value, _: &Site) -> Outcome {
    Ok(value.clone().secret())
}

pub(super) fn unsecret(value: &Value, _: &Site) -> Outcome {
    Ok(value.bare().clone())
}

/// `NAME` or `[NAME, default]`.
pub(super) fn env(value: &Value, site: &Site) -> Outcome {
    let (name, default) = match value.bare() {
        Value::List(all) if all.len() == 2 => (operand(all, 0, text)?, Some(all[1].clone())),
        _ => (text(value)?, None),
    };
    let given = site.environment.get(&name);
    site.reads.note(format!("the variable `{name}`"), format!("{given:?}").as_bytes());
    match (given, default) {
        (Some(found), _) => Ok(found.as_str().into()),
        (None, Some(default)) => Ok(default),
        (None, None) => {
            Err(Fault::new(format!("the environment variable `{name}` is not set, and no default is given")))
        }
    }
}
