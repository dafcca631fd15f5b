//! Paths to parts of a value: `tags.Name`, `rules[0].toPort`, `a["b.c"]`, `ingress[*].cidr`.

use std::fmt;

use crate::engine::value::Value;

/// The way from a value to one of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path(pub Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    Key(String),
    Index(usize),
    /// Any key or index; only in paths that a program writes.
    Any,
}

/// Text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no property path")]
pub struct NoPath(pub String);

impl Path {
    /// Reads a path as programs write it.
    ///
    /// # Errors
    /// If a bracket or a quote is not closed, or a part is empty.
    pub fn parse(text: &str) -> Result<Self, NoPath> {
        let fail = || NoPath(text.to_owned());
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (segment, after) = bracket(inner).ok_or_else(fail)?;
                segments.push(segment);
                rest = after;
            } else {
                let rest_of = if segments.is_empty() { rest } else { rest.strip_prefix('.').ok_or_else(fail)? };
                let end = rest_of.find(['.', '[']).unwrap_or(rest_of.len());
                if end == 0 {
                    return Err(fail());
                }
                let name = &rest_of[..end];
                segments.push(if name == "*" { Segment::Any } else { Segment::Key(name.to_owned()) });
                rest = &rest_of[end..];
            }
        }
        if segments.is_empty() { Err(fail()) } else { Ok(Self(segments)) }
    }

    pub fn child(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.0.push(segment);
        path
    }

    pub fn key(&self, name: &str) -> Self {
        self.child(Segment::Key(name.to_owned()))
    }

    /// The property of the resource that the path lies in.
    pub fn root(&self) -> Option<&str> {
        match self.0.first() {
            Some(Segment::Key(name)) => Some(name),
            _ => None,
        }
    }

    /// Whether this pattern names `path`, a part of it, or what it is a part of.
    pub fn touches(&self, path: &Self) -> bool {
        self.0.iter().zip(&path.0).all(|(pattern, part)| *pattern == Segment::Any || pattern == part)
    }

    /// Copies what lies at this path from `from` into `into`, for each part that a `*` stands for.
    /// A part that `from` lacks is removed.
    pub fn transplant(&self, from: &Value, into: &mut Value) {
        transplant(&self.0, Some(from), into);
    }
}

fn bracket(inner: &str) -> Option<(Segment, &str)> {
    if let Some(quoted) = inner.strip_prefix('"') {
        let mut key = String::new();
        let mut chars = quoted.char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '\\' => key.push(chars.next()?.1),
                '"' => return Some((Segment::Key(key), quoted[i + 1..].strip_prefix(']')?)),
                _ => key.push(c),
            }
        }
        return None;
    }
    let (index, rest) = inner.split_once(']')?;
    let segment = if index == "*" { Segment::Any } else { Segment::Index(index.parse().ok()?) };
    Some((segment, rest))
}

fn transplant(segments: &[Segment], from: Option<&Value>, into: &mut Value) {
    let Some((first, rest)) = segments.split_first() else { return };
    if let Value::Secret(inner) = into {
        return transplant(segments, from.map(Value::bare), inner);
    }
    let from = from.map(Value::bare);
    match (first, into) {
        (Segment::Key(key), Value::Map(map)) => {
            let old = from.and_then(|f| f.get(key));
            if !rest.is_empty() {
                if let Some(part) = map.get_mut(key) {
                    transplant(rest, old, part);
                }
            } else if let Some(old) = old {
                map.insert(key.clone(), old.clone());
            } else {
                map.shift_remove(key);
            }
        }
        (Segment::Index(i), Value::List(items)) => {
            let old = from.and_then(Value::as_list).and_then(|l| l.get(*i));
            match (items.get_mut(*i), old) {
                (Some(part), _) if !rest.is_empty() => transplant(rest, old, part),
                (Some(part), Some(old)) => *part = old.clone(),
                _ => {}
            }
        }
        (Segment::Any, into @ Value::Map(_)) => {
            let keys: Vec<String> = match &*into {
                Value::Map(map) => {
                    map.keys().chain(from.and_then(Value::as_map).into_iter().flat_map(|m| m.keys())).cloned().collect()
                }
                _ => Vec::new(),
            };
            for key in keys {
                let mut path = vec![Segment::Key(key)];
                path.extend_from_slice(rest);
                transplant(&path, from, into);
            }
        }
        (Segment::Any, into @ Value::List(_)) if rest.is_empty() => {
            if let Some(old) = from {
                *into = old.clone();
            }
        }
        (Segment::Any, Value::List(items)) => {
            let old = from.and_then(Value::as_list).unwrap_or_default();
            for (i, part) in items.iter_mut().enumerate() {
                transplant(rest, old.get(i), part);
            }
        }
        _ => {}
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if key.is_empty() || key.contains(['.', '[', '"', ' ']) => write!(f, "[{key:?}]")?,
                Segment::Key(key) if i == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(n) => write!(f, "[{n}]")?,
                Segment::Any => f.write_str(if i == 0 { "*" } else { "[*]" })?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_prints_as_it_is_read() {
        for text in ["tags.Name", "rules[0].toPort", "a[\"b.c\"].d", "list[*].x", "*"] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "a..b", "a[", "a[x]", "a[\"b]"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn transplanting_takes_the_old_value_of_each_part_named() {
        let old = Value::from(serde_json::json!({"a": 1, "l": [{"x": 1, "y": 1}], "gone": null}));
        let mut new = Value::from(serde_json::json!({"a": 2, "b": 3, "l": [{"x": 2, "y": 2}]}));
        Path::parse("a").unwrap().transplant(&old, &mut new);
        Path::parse("b").unwrap().transplant(&old, &mut new);
        Path::parse("l[*].x").unwrap().transplant(&old, &mut new);
        assert_eq!(new, Value::from(serde_json::json!({"a": 1, "l": [{"x": 1, "y": 2}]})));
    }
}
