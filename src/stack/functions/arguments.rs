//! Arguments of functions, read with the errors that a user needs.

use crate::engine::value::{Map, Value};

/// Why a function gives no value.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The argument is wrong. The number is the operand, if one is to blame.
    Wrong(String, Option<usize>),
    /// An operand is not known yet.
    Unknown,
    /// The bytes behind that URL must be fetched first.
    Remote(String),
    /// There is no room for what it would give.
    TooBig,
}

pub(crate) type Outcome<T = Value> = Result<T, Fault>;

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::Wrong(message.into(), None)
    }

    pub(crate) fn at(operand: usize, message: impl Into<String>) -> Self {
        Self::Wrong(message.into(), Some(operand))
    }

    fn within(self, operand: usize) -> Self {
        match self {
            Self::Wrong(message, None) => Self::Wrong(message, Some(operand)),
            other => other,
        }
    }
}

/// The name of a kind of value for errors.
pub(crate) fn noun(value: &Value) -> &'static str {
    match value.bare() {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Asset(_) => "a file or archive",
        Value::Resource(_) => "a resource",
        Value::Unknown | Value::Secret(_) => "a value",
    }
}

/// A number as text: plain decimals, without a fraction where there is none.
pub(crate) fn number_text(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float.to_string(),
        _ => number.to_string(),
    }
}

/// The text of a value that has one.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value.bare() {
        Value::String(text) => Some(text.clone()),
        Value::Bool(b) => Some(b.to_string()),
        Value::Number(n) => Some(number_text(n)),
        Value::Resource(handle) => scalar_text(&handle.id),
        _ => None,
    }
}

fn expected<T>(what: &str, value: &Value) -> Outcome<T> {
    match value.bare() {
        Value::Unknown => Err(Fault::Unknown),
        other => Err(Fault::new(format!("expected {what}, got {}", noun(other)))),
    }
}

pub(crate) fn text(value: &Value) -> Outcome<String> {
    scalar_text(value).map_or_else(|| expected("a string", value), Ok)
}

pub(crate) fn list(value: &Value) -> Outcome<&[Value]> {
    value.as_list().map_or_else(|| expected("a list", value), Ok)
}

pub(crate) fn map(value: &Value) -> Outcome<&Map> {
    value.as_map().map_or_else(|| expected("a map", value), Ok)
}

pub(crate) fn boolean(value: &Value) -> Outcome<bool> {
    match value.bare() {
        Value::Bool(b) => Ok(*b),
        Value::String(s) if s == "true" => Ok(true),
        Value::String(s) if s == "false" => Ok(false),
        other => expected("a boolean", other),
    }
}

pub(crate) fn number(value: &Value) -> Outcome<serde_json::Number> {
    match value.bare() {
        Value::Number(n) => Ok(n.clone()),
        Value::String(s) => crate::stack::yaml::number(s).map_or_else(|| expected("a number", value), Ok),
        other => expected("a number", other),
    }
}

/// A whole number; `2.0` is one.
pub(crate) fn integer(value: &Value) -> Outcome<i64> {
    let number = number(value)?;
    whole(&number).map_or_else(|| Err(Fault::new(format!("expected a whole number, got {number}"))), Ok)
}

pub(crate) fn whole(number: &serde_json::Number) -> Option<i64> {
    // Up to 2^53 a float holds every integer exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = || number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() <= EXACT);
    #[allow(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
    number.as_i64().or_else(|| float().map(|f| f as i64))
}

/// A value in which equal numbers are written alike: `1.0` is `1`.
pub(crate) fn by_value(value: &Value) -> Value {
    match value {
        Value::Number(n) => whole(n).map_or_else(|| value.clone(), Value::from),
        Value::Secret(inner) => by_value(inner).secret(),
        Value::List(items) => Value::List(items.iter().map(by_value).collect()),
        Value::Map(map) => Value::Map(map.iter().map(|(key, value)| (key.clone(), by_value(value))).collect()),
        other => other.clone(),
    }
}

/// The operands of a function that takes a list of exactly `N`; `form` shows how to write them.
pub(crate) fn operands<'a, const N: usize>(value: &'a Value, form: &str) -> Outcome<&'a [Value; N]> {
    let given = list(value)?;
    given.try_into().map_err(|_| Fault::new(format!("expected {N} operands, {form}, got {}", given.len())))
}

/// Reads an operand, blaming it for what is wrong.
pub(crate) fn operand<'a, T>(all: &'a [Value], n: usize, read: impl FnOnce(&'a Value) -> Outcome<T>) -> Outcome<T> {
    let value = all.get(n).ok_or_else(|| Fault::new(format!("operand {} is missing", n + 1)))?;
    read(value).map_err(|fault| fault.within(n))
}

/// Reads every operand.
pub(crate) fn each<'a, T>(all: &'a [Value], read: impl Fn(&'a Value) -> Outcome<T>) -> Outcome<Vec<T>> {
    (0..all.len()).map(|n| operand(all, n, &read)).collect()
}
