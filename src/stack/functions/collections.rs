//! Lists and maps.

use unicode_segmentation::UnicodeSegmentation;

use super::arguments::{by_value, integer, list, map, noun, operand, operands, scalar_text, text};
use super::text::order;
use super::{Fault, Outcome, Site};
use crate::engine::value::{Map, Value};

pub(crate) fn number(n: usize) -> Value {
    Value::from(i64::try_from(n).unwrap_or(i64::MAX))
}

pub(super) fn select(value: &Value, _: &Site) -> Outcome {
    operands::<2>(value, "`[index, list]`")?;
    let all = list(value)?;
    let (index, items) = (operand(all, 0, integer)?, operand(all, 1, list)?);
    let item = usize::try_from(index).ok().and_then(|i| items.get(i));
    item.cloned()
        .ok_or_else(|| Fault::at(0, format!("index {index} is out of bounds for a list of length {}", items.len())))
}

/// Items of a list, entries of a map, or characters of a text as a reader counts them.
pub(super) fn length(value: &Value, _: &Site) -> Outcome {
    match value.bare() {
        Value::List(items) => Ok(number(items.len())),
        Value::Map(map) => Ok(number(map.len())),
        Value::String(text) => Ok(number(text.graphemes(true).count())),
        Value::Unknown => Err(Fault::Unknown),
        other => Err(Fault::new(format!("expected a list, a map or a string, got {}", noun(other)))),
    }
}

pub(super) fn concat(value: &Value, _: &Site) -> Outcome {
    let all = list(value)?;
    let lists = super::arguments::each(all, list)?;
    Ok(Value::List(lists.concat()))
}

pub(super) fn flatten(value: &Value, _: &Site) -> Outcome {
    /// Tells whether a list in there was secret: then the number of its items is, too.
    fn into(items: &[Value], out: &mut Vec<Value>) -> Outcome<bool> {
        let mut secret = false;
        for item in items {
            match item {
                Value::List(inner) => secret |= into(inner, out)?,
                Value::Secret(inner) if inner.as_list().is_some() => {
                    into(inner.as_list().unwrap_or_default(), out)?;
                    secret = true;
                }
                Value::Unknown => return Err(Fault::Unknown),
                other => out.push(other.clone()),
            }
        }
        Ok(secret)
    }
    let mut out = Vec::new();
    let secret = into(list(value)?, &mut out)?;
    Ok(if secret { Value::List(out).secret() } else { Value::List(out) })
}

/// Later maps win.
pub(super) fn merge(value: &Value, _: &Site) -> Outcome {
    let maps = super::arguments::each(list(value)?, map)?;
    let mut out = Map::default();
    maps.into_iter().flatten().for_each(|(k, v)| {
        out.insert(k.clone(), v.clone());
    });
    Ok(Value::Map(out))
}

pub(super) fn keys(value: &Value, _: &Site) -> Outcome {
    Ok(Value::List(map(value)?.keys().map(|k| Value::from(k.as_str())).collect()))
}

pub(super) fn values(value: &Value, _: &Site) -> Outcome {
    Ok(Value::List(map(value)?.values().cloned().collect()))
}

/// `[map, key]` or `[map, key, default]`.
pub(super) fn lookup(value: &Value, _: &Site) -> Outcome {
    let all = list(value)?;
    if !(2..=3).contains(&all.len()) {
        return Err(Fault::new(format!("expected `[map, key, default]`, got {} operands", all.len())));
    }
    let (entries, key) = (operand(all, 0, map)?, operand(all, 1, text)?);
    match (entries.get(&key), all.get(2)) {
        (Some(found), _) => Ok(found.clone()),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => Err(Fault::at(1, format!("the map has no key `{key}`, and no default is given"))),
    }
}

/// `[keys, values]` to a map.
pub(super) fn zip(value: &Value, _: &Site) -> Outcome {
    operands::<2>(value, "`[keys, values]`")?;
    let all = list(value)?;
    let (keys, values) = (operand(all, 0, list)?, operand(all, 1, list)?);
    if keys.len() != values.len() {
        return Err(Fault::new(format!("{} keys for {} values", keys.len(), values.len())));
    }
    // A key cannot hide by itself.
    let secret = keys.iter().any(Value::has_secret);
    let keys = super::arguments::each(keys, text)?;
    let zipped = Value::Map(keys.into_iter().zip(values.iter().cloned()).collect());
    Ok(if secret { zipped.secret() } else { zipped })
}

pub(super) fn reverse(value: &Value, _: &Site) -> Outcome {
    Ok(Value::List(list(value)?.iter().rev().cloned().collect()))
}

/// Numbers from 0, from a start, or by a step: `3`, `[1, 4]`, `[0, 10, 5]`; the end is not included.
pub(super) fn range(value: &Value, _: &Site) -> Outcome {
    const MOST: usize = 100_000;
    let (start, end, step) = match value.bare() {
        Value::List(all) => match all.len() {
            1 => (0, operand(all, 0, integer)?, 1),
            2 => (operand(all, 0, integer)?, operand(all, 1, integer)?, 1),
            3 => (operand(all, 0, integer)?, operand(all, 1, integer)?, operand(all, 2, integer)?),
            n => return Err(Fault::new(format!("expected `[start, end, step]`, got {n} operands"))),
        },
        _ => (0, integer(value)?, 1),
    };
    if step == 0 {
        return Err(Fault::at(2, "the step is 0"));
    }
    let inside = |n: &i64| if step > 0 { *n < end } else { *n > end };
    let numbers = std::iter::successors(Some(start).filter(inside), |n| n.checked_add(step).filter(inside));
    let numbers: Vec<Value> = numbers.take(MOST + 1).map(Value::from).collect();
    if numbers.len() > MOST {
        return Err(Fault::new(format!("the range has more than {MOST} numbers")));
    }
    Ok(Value::List(numbers))
}

pub(super) fn sort(value: &Value, _: &Site) -> Outcome {
    let mut items = list(value)?.to_vec();
    for (n, item) in items.iter().enumerate() {
        order(item, &items[0]).map_err(|fault| match fault {
            Fault::Wrong(message, _) => Fault::at(n, message),
            other => other,
        })?;
    }
    items.sort_by(|a, b| order(a, b).unwrap_or(std::cmp::Ordering::Equal));
    Ok(Value::List(items))
}

/// Keeps the first of equal items. Numbers are equal by value.
pub(super) fn distinct(value: &Value, _: &Site) -> Outcome {
    let mut seen = std::collections::HashSet::new();
    let items = list(value)?.iter().filter(|item| {
        let text = by_value(item).to_json().map(|json| json.to_string()).unwrap_or_default();
        seen.insert(text)
    });
    Ok(Value::List(items.cloned().collect()))
}

/// `[list, item]`, `[map, key]` or `[text, part]`.
pub(super) fn contains(value: &Value, _: &Site) -> Outcome {
    let [whole, part] = operands(value, "`[list, item]`")?;
    match whole.bare() {
        Value::List(items) => Ok(items.iter().any(|item| by_value(item) == by_value(part)).into()),
        Value::Map(entries) => Ok(scalar_text(part).is_some_and(|key| entries.contains_key(&key)).into()),
        Value::String(text) => Ok(scalar_text(part).is_some_and(|p| text.contains(&p)).into()),
        other => Err(Fault::at(0, format!("expected a list, a map or a string, got {}", noun(other)))),
    }
}

pub(super) fn single_or_none(value: &Value, _: &Site) -> Outcome {
    match list(value)? {
        [] => Ok(Value::Null),
        [only] => Ok(only.clone()),
        more => Err(Fault::new(format!("expected no more than one item, got {}", more.len()))),
    }
}
