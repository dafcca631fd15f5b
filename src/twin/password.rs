//! `getRandomPassword`: another secret on every call.

use crate::engine::error::{Error, Result};
use crate::engine::value::Value;
use crate::twin::functions::map;

/// Characters, and the argument that leaves them out.
const CLASSES: [(&str, &str); 4] = [
    ("excludeLowercase", "abcdefghijklmnopqrstuvwxyz"),
    ("excludeUppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("excludeNumbers", "0123456789"),
    ("excludePunctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
];

/// The lengths that AWS takes.
const LENGTHS: std::ops::RangeInclusive<usize> = 1..=4096;
const DEFAULT_LENGTH: usize = 32;

/// A password that fits the arguments.
///
/// # Errors
/// If no password can fit them.
pub(super) fn random(arguments: &Value) -> Result<Value> {
    let flag = |name: &str| arguments.get(name).and_then(Value::as_bool);
    let length = match arguments.get("passwordLength").map(Value::bare) {
        Some(Value::Number(n)) => n.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        _ => DEFAULT_LENGTH,
    };
    let excluded = arguments.get("excludeCharacters").and_then(Value::as_str).unwrap_or_default();
    let mut classes: Vec<Vec<char>> = CLASSES
        .iter()
        .filter(|(argument, _)| flag(argument) != Some(true))
        .map(|(_, characters)| characters.chars().filter(|c| !excluded.contains(*c)).collect())
        .filter(|class: &Vec<char>| !class.is_empty())
        .collect();
    if flag("includeSpace") == Some(true) && !excluded.contains(' ') {
        classes.push(vec![' ']);
    }
    let each = flag("requireEachIncludedType") != Some(false);
    if !LENGTHS.contains(&length) || classes.is_empty() || each && length < classes.len() {
        return Err(Error::invalid("no password can have that length and those characters"));
    }
    let mut characters = Vec::with_capacity(length);
    if each {
        for class in &classes {
            characters.push(class[below(class.len())?]);
        }
    }
    let all: Vec<char> = classes.concat();
    while characters.len() < length {
        characters.push(all[below(all.len())?]);
    }
    for last in (1..characters.len()).rev() {
        characters.swap(last, below(last + 1)?);
    }
    let password: String = characters.into_iter().collect();
    Ok(map([("id", Value::from("random")), ("randomPassword", Value::from(password).secret())]))
}

/// A random number below `limit`, which is at most 4096; all of them are equally likely.
fn below(limit: usize) -> Result<usize> {
    let whole = usize::from(u16::MAX) + 1;
    let fair = whole - whole % limit;
    loop {
        let mut bytes = [0; 2];
        getrandom::fill(&mut bytes).map_err(|e| Error::bug(format!("no random numbers: {e}")))?;
        let number = usize::from(u16::from_le_bytes(bytes));
        if number < fair {
            return Ok(number % limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn password(arguments: serde_json::Value) -> String {
        let answer = random(&Value::from_json(arguments)).unwrap();
        let password = answer.get("randomPassword").unwrap();
        assert!(password.has_secret());
        password.as_str().unwrap().to_owned()
    }

    #[test]
    fn a_password_has_the_length_and_the_characters_that_were_asked_for() {
        let arguments = json!({ "passwordLength": 3, "excludePunctuation": true, "excludeCharacters": "abc" });
        let text = password(arguments);
        assert_eq!(text.len(), 3);
        assert!(text.contains(|c: char| c.is_ascii_digit()) && !text.contains(['a', 'b', 'c']), "{text}");
    }

    #[test]
    fn no_two_passwords_are_the_same() {
        assert_ne!(password(json!({})), password(json!({})));
    }

    #[test]
    fn a_length_too_short_for_every_class_is_refused() {
        assert!(random(&Value::from_json(json!({ "passwordLength": 3 }))).is_err());
    }
}
