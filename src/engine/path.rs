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

/// The way to a part while a value is walked through. It costs nothing until a [`Path`] is made of it, which
/// most parts never need.
#[derive(Debug, Clone, Copy)]
pub enum Trail<'a> {
    Start,
    Key(&'a Self, &'a str),
    Index(&'a Self, usize),
}

impl Trail<'_> {
    pub fn path(&self) -> Path {
        let mut segments = Vec::new();
        let mut at = self;
        loop {
            at = match at {
                Self::Start => break,
                Self::Key(before, name) => {
                    segments.push(Segment::Key((*name).to_owned()));
                    before
                }
                Self::Index(before, n) => {
                    segments.push(Segment::Index(*n));
                    before
                }
            };
        }
        segments.reverse();
        Path(segments)
    }
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
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(segment);
        Self(segments)
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

    /// The parts of a value that this pattern stands for.
    pub fn places_in(&self, value: &Value) -> Vec<Self> {
        let mut places = vec![(Self::default(), value)];
        for segment in &self.0 {
            let inside = places.into_iter();
            let inside = inside.flat_map(|(at, value)| parts(value, segment).map(move |(s, part)| (at.child(s), part)));
            places = inside.collect();
        }
        places.into_iter().map(|(path, _)| path).collect()
    }

    /// What lies at this path, which holds no `*`.
    pub fn in_value<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, segment| match segment {
            Segment::Key(key) => value.get(key),
            Segment::Index(n) => value.as_list()?.get(*n),
            Segment::Any => None,
        })
    }

    /// Copies what lies at this path from `from` into `into`, for each part that a `*` stands for.
    /// A part that `from` lacks is removed. What is secret on either side is so afterwards.
    pub fn transplant(&self, from: &Value, into: &mut Value) {
        transplant(&self.0, Some(from), false, into);
    }
}

/// The parts of a value that one segment of a pattern names.
fn parts<'v>(value: &'v Value, segment: &Segment) -> Box<dyn Iterator<Item = (Segment, &'v Value)> + 'v> {
    match (value.bare(), segment.clone()) {
        (Value::Map(map), Segment::Any) => Box::new(map.iter().map(|(key, part)| (Segment::Key(key.clone()), part))),
        (Value::List(items), Segment::Any) => {
            Box::new(items.iter().enumerate().map(|(n, part)| (Segment::Index(n), part)))
        }
        (bare, one) => Box::new(Path(vec![one.clone()]).in_value(bare).map(|part| (one, part)).into_iter()),
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

/// `hidden` tells whether `from` is a part of a secret.
fn transplant(segments: &[Segment], from: Option<&Value>, hidden: bool, into: &mut Value) {
    let Some((first, rest)) = segments.split_first() else { return };
    if let Value::Secret(inner) = into {
        return transplant(segments, from.map(Value::bare), false, inner);
    }
    let hidden = hidden || matches!(from, Some(Value::Secret(_)));
    let from = from.map(Value::bare);
    let copy = |old: &Value, new: &Value| {
        let old = old.clone().tainted_like(new);
        if hidden { old.secret() } else { old }
    };
    match (first, into) {
        (Segment::Key(key), Value::Map(map)) => {
            let old = from.and_then(|f| f.get(key));
            if !rest.is_empty() {
                if let Some(part) = map.get_mut(key) {
                    transplant(rest, old, hidden, part);
                }
            } else if let Some(old) = old {
                let old = copy(old, map.get(key).unwrap_or(&Value::Null));
                map.insert(key.clone(), old);
            } else {
                map.shift_remove(key);
            }
        }
        (Segment::Index(i), Value::List(items)) => {
            let old = from.and_then(Value::as_list).and_then(|l| l.get(*i));
            match (items.get_mut(*i), old) {
                (Some(part), _) if !rest.is_empty() => transplant(rest, old, hidden, part),
                (Some(part), Some(old)) => *part = copy(old, part),
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
                transplant(&path, from, hidden, into);
            }
        }
        (Segment::Any, into @ Value::List(_)) if rest.is_empty() => {
            if let Some(old) = from {
                *into = copy(old, into);
            }
        }
        (Segment::Any, Value::List(items)) => {
            let old = from.and_then(Value::as_list).unwrap_or_default();
            for (i, part) in items.iter_mut().enumerate() {
                transplant(rest, old.get(i), hidden, part);
            }
        }
        _ => {}
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if key.is_empty() || key == "*" || key.contains(['.', '[', '"', ' ']) => {
                    write!(f, "[\"{}\"]", key.replace('\\', "\\\\").replace('"', "\\\""))?;
                }
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
        for text in ["tags.Name", "rules[0].toPort", "a[\"b.c\"].d", "list[*].x", "*", "a[\"*\"]", r#"a["b \\ \"c"]"#] {
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

    #[test]
    fn what_is_transplanted_stays_as_secret_as_it_was_on_either_side() {
        let map = |value: Value| Value::Map([("a".to_owned(), value)].into_iter().collect());
        let hidden = map(Value::from("old").secret());
        let path = Path::parse("m.a").unwrap();
        let whole = |value: Value| Value::Map([("m".to_owned(), value)].into_iter().collect());
        for (old, new) in [
            (map("old".into()), map(Value::from("new").secret())),
            (hidden.clone(), map("new".into())),
            (map("old".into()).secret(), map("new".into())),
        ] {
            let mut into = whole(new);
            path.transplant(&whole(old), &mut into);
            assert_eq!(into, whole(hidden.clone()));
        }
    }
}
