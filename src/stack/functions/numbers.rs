//! Arithmetic: exact on integers, which never overflow silently.

use serde_json::Number;

use super::arguments::{each, list, number, whole};
use super::{Fault, Outcome, Site};
use crate::engine::value::Value;

fn float(f: f64) -> Outcome {
    Number::from_f64(f).map(Value::Number).ok_or_else(|| Fault::new("the result is no finite number"))
}

type Exact = fn(i64, i64) -> Option<i64>;
type Float = fn(f64, f64) -> f64;

/// Folds two or more operands from the left.
fn fold(value: &Value, exact: Exact, floating: Float) -> Outcome {
    let numbers = each(list(value)?, number)?;
    let [first, rest @ ..] = numbers.as_slice() else {
        return Err(Fault::new("expected two or more numbers"));
    };
    if rest.is_empty() {
        return Err(Fault::new("expected two or more numbers, got 1"));
    }
    let mut result = first.clone();
    for (n, operand) in rest.iter().enumerate() {
        result = match (whole(&result), whole(operand)) {
            (Some(a), Some(b)) => {
                let exactly = exact(a, b);
                exactly
                    .map(Number::from)
                    .ok_or_else(|| Fault::at(n + 1, format!("{a} and {b} give a number that is too large")))?
            }
            _ => {
                let (a, b) = (result.as_f64().unwrap_or(0.0), operand.as_f64().unwrap_or(0.0));
                let Value::Number(number) = float(floating(a, b))? else { return Err(Fault::new("no number")) };
                number
            }
        };
    }
    Ok(Value::Number(result))
}

pub(super) fn add(value: &Value, _: &Site) -> Outcome {
    fold(value, i64::checked_add, |a, b| a + b)
}

pub(super) fn sub(value: &Value, _: &Site) -> Outcome {
    fold(value, i64::checked_sub, |a, b| a - b)
}

pub(super) fn mul(value: &Value, _: &Site) -> Outcome {
    fold(value, i64::checked_mul, |a, b| a * b)
}

pub(super) fn modulo(value: &Value, _: &Site) -> Outcome {
    divisors(value)?;
    fold(value, i64::checked_rem_euclid, f64::rem_euclid)
}

/// An integer where the division leaves nothing, otherwise a fraction.
pub(super) fn div(value: &Value, _: &Site) -> Outcome {
    divisors(value)?;
    let numbers = each(list(value)?, number)?;
    let exact = fold(value, |a, b| a.checked_rem(b).filter(|r| *r == 0).and_then(|_| a.checked_div(b)), |a, b| a / b);
    match exact {
        Ok(result) => Ok(result),
        Err(_) => {
            let mut all = numbers.iter().map(|n| n.as_f64().unwrap_or(0.0));
            let first = all.next().unwrap_or(0.0);
            float(all.fold(first, |a, b| a / b))
        }
    }
}

fn divisors(value: &Value) -> Outcome<()> {
    let numbers = each(list(value)?, number)?;
    if numbers.len() < 2 {
        return Err(Fault::new("expected two or more numbers"));
    }
    match numbers.iter().skip(1).position(|n| n.as_f64() == Some(0.0)) {
        Some(n) => Err(Fault::at(n + 1, "division by zero")),
        None => Ok(()),
    }
}

fn extreme(value: &Value, wanted: std::cmp::Ordering) -> Outcome {
    let numbers = each(list(value)?, number)?;
    let mut best: Option<Value> = None;
    for number in numbers {
        let candidate = Value::Number(number);
        let better = match &best {
            None => true,
            Some(b) => super::text::order(&candidate, b)? == wanted,
        };
        if better {
            best = Some(candidate);
        }
    }
    best.ok_or_else(|| Fault::new("the list is empty"))
}

pub(super) fn min(value: &Value, _: &Site) -> Outcome {
    extreme(value, std::cmp::Ordering::Less)
}

pub(super) fn max(value: &Value, _: &Site) -> Outcome {
    extreme(value, std::cmp::Ordering::Greater)
}
