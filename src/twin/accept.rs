//! Whether inputs are what a type takes, and the form in which the cloud shows them again.

use crate::engine::error::{Error, Result};
use crate::engine::schema::{Group, Object, Property, Shape};
use crate::engine::value::{Map, Value};
use crate::twin::refusal::Refusal;

/// Checks inputs and brings them into the form in which the cloud shows them: defaults filled in,
/// documents as text, unordered lists in an order of the cloud's own, no nulls.
///
/// # Errors
/// If an input is unknown to the type, missing, of a wrong shape or out of bounds.
pub(super) fn inputs(no: Refusal<'_>, inputs: &Value) -> Result<Map> {
    match inputs.bare() {
        Value::Map(map) => object(no, "", &no.schema.inputs, map),
        Value::Null => object(no, "", &no.schema.inputs, &Map::default()),
        _ => Err(Error::bug("the inputs of a resource are a map")),
    }
}

fn object(no: Refusal<'_>, path: &str, object: &Object, given: &Map) -> Result<Map> {
    let at = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, value) in given {
        if !value.is_null() && object.get(name).is_none() {
            return Err(no.invalid(format!("`{}` is no input of this type", at(name))));
        }
    }
    let mut out = Map::default();
    for property in &object.properties {
        let default = || property.default.clone().map(Value::from_json);
        match given.get(&property.name).filter(|v| !v.is_null()).cloned().or_else(default) {
            Some(found) => {
                out.insert(property.name.clone(), value(no, &at(&property.name), property, &found)?);
            }
            None if property.required => return Err(no.invalid(format!("`{}` is required", at(&property.name)))),
            None => {}
        }
    }
    for group in &object.groups {
        groups(no, group, object, &out)?;
    }
    Ok(out)
}

/// A default takes no part in what excludes what: nobody chose it.
fn groups(no: Refusal<'_>, group: &Group, object: &Object, given: &Map) -> Result<()> {
    let default = |name: &str| object.get(name).and_then(|p| p.default.clone()).map(Value::from_json);
    let chosen = |name: &String| given.get(name).is_some_and(|value| default(name).as_ref() != Some(value));
    let choices = |names: &[String]| names.iter().filter(|n| chosen(n)).count();
    let count = |names: &[String]| names.iter().filter(|n| given.contains_key(*n)).count();
    let list = |names: &[String]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let wrong = match group {
        Group::Exclusive(names) if choices(names) > 1 => format!("only one of {} may be given", list(names)),
        Group::ExactlyOne(names) if choices(names) > 1 || count(names) == 0 => {
            format!("exactly one of {} must be given", list(names))
        }
        Group::AtLeastOne(names) if count(names) == 0 => format!("one of {} must be given", list(names)),
        Group::Needs(names) => match names.split_first() {
            Some((first, others)) if chosen(first) && count(others) < others.len() => {
                format!("`{first}` needs {}", list(others))
            }
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    Err(no.invalid(wrong))
}

fn value(no: Refusal<'_>, path: &str, property: &Property, given: &Value) -> Result<Value> {
    let found = match given {
        Value::Secret(inner) => return value(no, path, property, inner).map(Value::secret),
        Value::Unknown => return Err(Error::bug(format!("`{path}` is not known yet"))),
        Value::Resource(handle) => return value(no, path, property, &handle.id),
        other => shaped(no, path, property, other)?,
    };
    let bounds = &property.bounds;
    let outside = |n: f64| bounds.min.is_some_and(|min| n < min) || bounds.max.is_some_and(|max| n > max);
    let too_long = |n: usize| bounds.min_length.is_some_and(|m| n < m) || bounds.max_length.is_some_and(|m| n > m);
    let wrong = match &found {
        Value::Number(n) => n.as_f64().is_some_and(outside),
        Value::String(text) => too_long(text.chars().count()),
        Value::List(items) => too_long(items.len()),
        _ => false,
    };
    if wrong {
        return Err(no.invalid(format!("`{path}` is out of bounds")));
    }
    let hidden = property.secret || property.write_only && matches!(property.shape, Shape::Text);
    Ok(if hidden { found.secret() } else { found })
}

fn shaped(no: Refusal<'_>, path: &str, property: &Property, given: &Value) -> Result<Value> {
    Ok(match (&property.shape, given) {
        (Shape::Any, Value::List(items)) => {
            let items = items.iter().enumerate();
            Value::List(items.map(|(i, v)| value(no, &format!("{path}[{i}]"), property, v)).collect::<Result<_>>()?)
        }
        (Shape::Any, Value::Map(map)) => Value::Map(
            map.iter()
                .map(|(k, v)| Ok((k.clone(), value(no, &format!("{path}[\"{k}\"]"), property, v)?)))
                .collect::<Result<_>>()?,
        ),
        (Shape::Any, _)
        | (Shape::Bool, Value::Bool(_))
        | (Shape::Number, Value::Number(_))
        | (Shape::Text, Value::String(_))
        | (Shape::Asset, Value::Asset(_)) => given.clone(),
        (Shape::Integer, Value::Number(n)) if n.is_i64() || n.is_u64() => given.clone(),
        (Shape::Document, Value::String(_)) => given.clone(),
        (Shape::Document, Value::Map(_) | Value::List(_)) => {
            let text = given.to_json().map_err(|e| Error::bug(format!("`{path}`: {e}")))?.to_string();
            if given.has_secret() { Value::from(text).secret() } else { Value::from(text) }
        }
        (Shape::List { item, unordered }, Value::List(items)) => {
            let mut items: Vec<Value> = items
                .iter()
                .enumerate()
                .map(|(i, v)| value(no, &format!("{path}[{i}]"), item, v))
                .collect::<Result<_>>()?;
            if *unordered {
                items.sort_by_cached_key(|v| v.to_json().map(|j| j.to_string()).unwrap_or_default());
            }
            Value::List(items)
        }
        (Shape::Map(item), Value::Map(map)) => Value::Map(
            map.iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| Ok((k.clone(), value(no, &format!("{path}[\"{k}\"]"), item, v)?)))
                .collect::<Result<_>>()?,
        ),
        (Shape::Object(inner), Value::Map(map)) => Value::Map(object(no, path, inner, map)?),
        (shape, _) => return Err(no.invalid(format!("`{path}` must be {}", shape.noun()))),
    })
}
