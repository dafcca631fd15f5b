//! Texts: join, split, replace, cut, format.

use super::arguments::{each, integer, list, noun, number, operand, operands, scalar_text, text, whole};
use super::{Fault, Outcome, Site};
use crate::engine::value::Value;
use crate::stack::budget::Amount;

pub(super) fn join(value: &Value, site: &Site) -> Outcome {
    let [_, items] = operands(value, "`[delimiter, [text, …]]`")?;
    let delimiter = operand(list(value)?, 0, text)?;
    let items = list(items).and_then(|items| each(items, text)).map_err(|fault| match fault {
        Fault::Wrong(message, _) => Fault::at(1, message),
        other => other,
    })?;
    let texts: usize = items.iter().map(String::len).sum();
    site.room_for(Amount::bytes(delimiter.len().saturating_mul(items.len()).saturating_add(texts)))?;
    Ok(items.join(&delimiter).into())
}

pub(super) fn split(value: &Value, site: &Site) -> Outcome {
    operands::<2>(value, "`[delimiter, text]`")?;
    let all = list(value)?;
    let (delimiter, whole) = (operand(all, 0, text)?, operand(all, 1, text)?);
    // Without a delimiter there is a match around each character.
    site.room_for(Amount::values(whole.matches(&delimiter).count()))?;
    let parts: Vec<Value> = if delimiter.is_empty() {
        whole.chars().map(|c| c.to_string().into()).collect()
    } else {
        whole.split(&delimiter).map(Value::from).collect()
    };
    Ok(Value::List(parts))
}

pub(super) fn replace(value: &Value, site: &Site) -> Outcome {
    operands::<3>(value, "`[text, from, to]`")?;
    let all = list(value)?;
    let (whole, from, to) = (operand(all, 0, text)?, operand(all, 1, text)?, operand(all, 2, text)?);
    if from.is_empty() {
        return Err(Fault::at(1, "the text to replace is empty"));
    }
    let more = whole.matches(&from).count().saturating_mul(to.len().saturating_sub(from.len()));
    site.room_for(Amount::bytes(more.saturating_add(whole.len())))?;
    Ok(whole.replace(&from, &to).into())
}

/// `[text, start]` or `[text, start, length]`, counted in characters.
pub(super) fn substring(value: &Value, _: &Site) -> Outcome {
    let all = list(value)?;
    if !(2..=3).contains(&all.len()) {
        return Err(Fault::new(format!("expected `[text, start, length]`, got {} operands", all.len())));
    }
    let count = |v| integer(v).and_then(|n| usize::try_from(n).map_err(|_| Fault::new("expected no negative number")));
    let (whole, start) = (operand(all, 0, text)?, operand(all, 1, count)?);
    let length = if all.len() == 3 { operand(all, 2, count)? } else { usize::MAX };
    Ok(whole.chars().skip(start).take(length).collect::<String>().into())
}

pub(super) fn lower(value: &Value, _: &Site) -> Outcome {
    text(value).map(|t| t.to_lowercase().into())
}

pub(super) fn upper(value: &Value, _: &Site) -> Outcome {
    text(value).map(|t| t.to_uppercase().into())
}

pub(super) fn trim(value: &Value, _: &Site) -> Outcome {
    text(value).map(|t| t.trim().into())
}

fn two(value: &Value, form: &str) -> Outcome<(String, String)> {
    operands::<2>(value, form)?;
    let all = list(value)?;
    Ok((operand(all, 0, text)?, operand(all, 1, text)?))
}

pub(super) fn trim_prefix(value: &Value, _: &Site) -> Outcome {
    let (whole, prefix) = two(value, "`[text, prefix]`")?;
    Ok(whole.strip_prefix(&prefix).unwrap_or(&whole).into())
}

pub(super) fn trim_suffix(value: &Value, _: &Site) -> Outcome {
    let (whole, suffix) = two(value, "`[text, suffix]`")?;
    Ok(whole.strip_suffix(&suffix).unwrap_or(&whole).into())
}

pub(super) fn starts_with(value: &Value, _: &Site) -> Outcome {
    let (whole, prefix) = two(value, "`[text, prefix]`")?;
    Ok(whole.starts_with(&prefix).into())
}

pub(super) fn ends_with(value: &Value, _: &Site) -> Outcome {
    let (whole, suffix) = two(value, "`[text, suffix]`")?;
    Ok(whole.ends_with(&suffix).into())
}

/// `["db-%s-%03d", name, 7]`: `%s` any scalar, `%d` a whole number, `%x` one in hex, with a width
/// that may begin with `0` or `-`; `%%` a percent sign.
pub(super) fn format(value: &Value, site: &Site) -> Outcome {
    let all = list(value)?;
    let pattern = operand(all, 0, text)?;
    let (mut out, mut next) = (String::new(), 1);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let left = chars.next_if_eq(&'-').is_some();
        let zero = chars.next_if_eq(&'0').is_some();
        let mut width = 0usize;
        while let Some(digit) = chars.next_if(char::is_ascii_digit) {
            width = (width * 10 + digit.to_digit(10).unwrap_or(0) as usize).min(1000);
        }
        let shown = match chars.next() {
            Some('s' | 'v') => operand(all, next, text)?,
            Some('d') => operand(all, next, integer)?.to_string(),
            Some('x') => operand(all, next, integer).map(|n| format!("{n:x}"))?,
            Some('X') => operand(all, next, integer).map(|n| format!("{n:X}"))?,
            other => {
                let verb = other.map(String::from).unwrap_or_default();
                return Err(Fault::at(0, format!("`%{verb}` is no verb; the verbs are `%s`, `%d`, `%x` and `%%`")));
            }
        };
        next += 1;
        out.push_str(&padded(&shown, width, left, zero));
        site.room_for(Amount::bytes(out.len()))?;
    }
    match all.len() - next {
        0 => Ok(out.into()),
        more => Err(Fault::new(format!("{more} more operands than verbs in the format"))),
    }
}

fn padded(text: &str, width: usize, left: bool, zero: bool) -> String {
    let missing = width.saturating_sub(text.chars().count());
    match (left, zero) {
        (true, _) => format!("{text}{}", " ".repeat(missing)),
        (false, true) => match text.strip_prefix('-') {
            Some(digits) => format!("-{}{digits}", "0".repeat(missing)),
            None => format!("{}{text}", "0".repeat(missing)),
        },
        (false, false) => format!("{}{text}", " ".repeat(missing)),
    }
}

/// Orders scalars: numbers by value, everything else by text.
pub(super) fn order(a: &Value, b: &Value) -> Outcome<std::cmp::Ordering> {
    if let (Value::Number(x), Value::Number(y)) = (a.bare(), b.bare()) {
        if let (Some(x), Some(y)) = (whole(x), whole(y)) {
            return Ok(x.cmp(&y));
        }
        let (x, y) = (number(a)?.as_f64().unwrap_or(0.0), number(b)?.as_f64().unwrap_or(0.0));
        return Ok(x.total_cmp(&y));
    }
    match (scalar_text(a), scalar_text(b)) {
        (Some(x), Some(y)) => Ok(x.cmp(&y)),
        (None, _) => Err(Fault::new(format!("{} has no order", noun(a)))),
        (_, None) => Err(Fault::new(format!("{} has no order", noun(b)))),
    }
}
