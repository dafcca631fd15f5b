//! Values against schemas: every problem at once, each at its place; and the conversions that make
//! a value what its type wants.

use std::fmt;

use crate::engine::diagnostic::{Diagnostic, Location, nearest};
use crate::engine::path::{Path, Segment};
use crate::engine::schema::{Bounds, Group, Object, Property, Shape};
use crate::engine::value::{Map, Value};
use crate::stack::expr::{Accessor, Expr, Kind, listed};
use crate::stack::functions::{noun, scalar_text, to_json_text, whole};
use crate::stack::yaml;

/// Names what is checked: the subject in backticks, and whether its parts are inputs or arguments.
struct Checker<'a> {
    subject: &'a str,
    word: &'static str,
    /// The value at hand is secret, so no message may quote it.
    hidden: bool,
    /// Where nothing was given and a default was filled in.
    defaults: Vec<Path>,
    problems: &'a mut Vec<Diagnostic>,
}

/// Which part of the whole a value is. A text or a path is only made of it where there is something to tell.
#[derive(Clone, Copy)]
enum Way<'a> {
    Whole,
    Key(&'a Self, &'a str),
    /// Items that are null are left out of what the check gives.
    Item {
        of: &'a Self,
        written: usize,
        kept: usize,
    },
}

impl Way<'_> {
    /// The part of what the check gives.
    fn path(&self) -> Path {
        match self {
            Self::Whole => Path::default(),
            Self::Key(of, name) => of.path().key(name),
            Self::Item { of, kept, .. } => of.path().child(Segment::Index(*kept)),
        }
    }
}

/// The part of what is written.
impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Key(Self::Whole, name) => f.write_str(name),
            Self::Key(of, name) => write!(f, "{of}.{name}"),
            Self::Item { of, written, .. } => write!(f, "{of}[{written}]"),
        }
    }
}

/// The place of a value: its own expression where that is still visible, else the nearest around it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'e> {
    expr: &'e Expr,
    /// The expression is that of the value itself and not of something around it.
    exact: bool,
    /// What mistakes of the whole are shown at.
    at: &'e Location,
}

impl<'e> Place<'e> {
    /// The place of named values, with what mistakes of the whole are shown at.
    pub(crate) fn of(expr: &'e Expr, at: &'e Location) -> Self {
        Self { expr, exact: true, at }
    }

    pub(crate) fn at(self) -> Location {
        self.at.clone()
    }

    pub(crate) fn key(self, name: &str) -> Location {
        match &self.expr.kind {
            Kind::Map(entries) if self.exact => {
                entries.iter().find(|(k, _, _)| k == name).map_or_else(|| self.at(), |(_, at, _)| at.clone())
            }
            _ => self.at(),
        }
    }

    pub(crate) fn entry(self, name: &str) -> Self {
        let found = match &self.expr.kind {
            Kind::Map(entries) if self.exact => entries.iter().find(|(k, _, _)| k == name).map(|(_, _, e)| e),
            _ => None,
        };
        found.map_or(Self { exact: false, ..self }, |expr| Self { expr, exact: true, at: &expr.at })
    }

    pub(crate) fn item(self, n: usize) -> Self {
        let found = match &self.expr.kind {
            Kind::List(items) if self.exact => items.get(n),
            _ => None,
        };
        found.map_or(Self { exact: false, ..self }, |expr| Self { expr, exact: true, at: &expr.at })
    }

    /// Keeps what is written for the value out of everything that shows the source.
    fn hide(self) {
        if self.exact {
            self.expr.hide();
        }
    }

    /// The text of a literal as it stands in the file.
    fn literal(self) -> Option<&'e str> {
        match self.expr.kind {
            Kind::Literal(Value::Number(_)) if self.exact => {
                self.expr.at.source.text.get(self.expr.at.start..self.expr.at.end)
            }
            _ => None,
        }
    }
}

/// Checks named values against a schema: converted, defaults filled in, secrets marked. `expr` is
/// where they are written, `at` what a mistake of the whole is shown at. Values with problems are left out.
/// The second half of the answer is where the defaults are.
pub(crate) fn object(
    schema: &Object,
    given: Map,
    (expr, at): (&Expr, &Location),
    subject: &str,
    word: &'static str,
    problems: &mut Vec<Diagnostic>,
) -> (Map, Vec<Path>) {
    let mut checker = Checker::new(subject, word, problems);
    let map = checker.object(schema, given, Place::of(expr, at), &Way::Whole);
    (map, checker.defaults)
}

/// "… `given`", with the nearest of the known names or all of them.
pub(crate) fn no_such(what: &str, given: &str, known: &[&str]) -> Diagnostic {
    let problem = Diagnostic::error("unknown-property", format!("{what} `{given}`"));
    match nearest(given, known.iter().copied()) {
        Some(near) => {
            let others: Vec<&str> = known.iter().copied().filter(|k| *k != near).collect();
            if others.is_empty() {
                problem.help(format!("did you mean `{near}`?"))
            } else {
                problem.help(format!("did you mean `{near}`? Others are {}", listed(&others, 5)))
            }
        }
        None if known.is_empty() => problem,
        None => problem.help(format!("there are {}", listed(known, 12))),
    }
}

/// A resource with `each` was asked for an instance that it does not have.
pub(crate) fn no_instance(name: &str, accessor: &Accessor, keys: &[&str]) -> Diagnostic {
    let text = match accessor {
        Accessor::Index(index) => format!("`{name}` has {} instances and no index {index}", keys.len()),
        Accessor::Key(key) => format!("`{name}` has no instance `{key}`"),
        Accessor::Name(key) => format!("`{name}` has `each`, and no instance `{key}`"),
        Accessor::Of(_) | Accessor::All => format!("`{name}` has no instance of that key"),
    };
    let problem = Diagnostic::error("unknown-instance", text);
    match keys {
        [] => problem.help("its `each` is empty"),
        keys => {
            let keys: Vec<String> = keys.iter().map(|k| format!("[\"{k}\"]")).collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            problem.help(format!("its instances are {}; `[*]` stands for all", listed(&keys, 8)))
        }
    }
}

impl<'a> Checker<'a> {
    fn new(subject: &'a str, word: &'static str, problems: &'a mut Vec<Diagnostic>) -> Self {
        Self { subject, word, hidden: false, defaults: Vec::new(), problems }
    }

    fn error(&mut self, code: &'static str, text: impl Into<String>, at: Location) {
        self.problems.push(Diagnostic::error(code, text).at(at));
    }

    fn object(&mut self, schema: &Object, given: Map, place: Place, way: &Way<'_>) -> Map {
        let mut map = Map::with_capacity(given.len());
        let mut failed = Vec::new();
        for (name, value) in given {
            if value.is_null() {
                continue;
            }
            let Some(property) = schema.get(&name) else {
                // A secret under a misspelt name is one all the same.
                let known = schema.properties.iter().map(|p| p.name.as_str());
                if nearest(&name, known).and_then(|near| schema.get(near)).is_some_and(|p| p.secret) {
                    place.entry(&name).hide();
                }
                self.unknown(schema, &name, place.key(&name), way);
                continue;
            };
            let checked = self.value(property, value, place.entry(&name), &Way::Key(way, &name));
            match checked {
                Some(value) => {
                    map.insert(name, value);
                }
                None => failed.push(name),
            }
        }
        let given = |name: &str| map.contains_key(name) || failed.iter().any(|f| f == name);
        for group in &schema.groups {
            self.group(group, &given, place, way);
        }
        for property in &schema.properties {
            let name = property.name.as_str();
            if given(name) {
                continue;
            }
            if property.required && property.auto_name.is_none() && property.default.is_none() {
                let text = format!("{} lacks the required {} `{}`", self.subject, self.word, Way::Key(way, name));
                self.error("missing-property", text, place.at());
            }
        }
        for property in &schema.properties {
            if let (Some(default), false) = (&property.default, map.contains_key(&property.name))
                && !failed.contains(&property.name)
            {
                let value = Value::from_json(default.clone());
                self.defaults.push(Way::Key(way, &property.name).path());
                map.insert(property.name.clone(), if property.secret { value.secret() } else { value });
            }
        }
        map
    }

    fn unknown(&mut self, schema: &Object, name: &str, at: Location, way: &Way<'_>) {
        let known: Vec<&str> = schema.properties.iter().map(|p| p.name.as_str()).collect();
        let what = match way {
            Way::Whole => format!("{} has no {}", self.subject, self.word),
            way => format!("`{way}` of {} has no property", self.subject),
        };
        let problem = no_such(&what, name, &known);
        self.problems.push(match schema.why_left_out(name) {
            Some(reason) => problem.help(reason).at(at),
            None => problem.at(at),
        });
    }

    fn group(&mut self, group: &Group, given: &dyn Fn(&str) -> bool, place: Place, way: &Way<'_>) {
        let full = |names: &[String]| {
            let names: Vec<String> = names.iter().map(|n| Way::Key(way, n).to_string()).collect();
            listed(&names.iter().map(String::as_str).collect::<Vec<_>>(), 12)
        };
        let present = |names: &[String]| names.iter().filter(|n| given(n)).cloned().collect::<Vec<_>>();
        let (text, at) = match group {
            Group::Exclusive(names) | Group::ExactlyOne(names) if present(names).len() > 1 => {
                let both = present(names);
                (format!("{} takes only one of {}", self.subject, full(&both)), place.key(&both[1]))
            }
            Group::ExactlyOne(names) if present(names).is_empty() => {
                (format!("{} needs one of {}", self.subject, full(names)), place.at())
            }
            Group::AtLeastOne(names) if present(names).is_empty() => {
                (format!("{} needs at least one of {}", self.subject, full(names)), place.at())
            }
            Group::Needs(names) => {
                let Some((first, others)) = names.split_first().filter(|(first, _)| given(first)) else { return };
                let missing: Vec<String> = others.iter().filter(|n| !given(n)).cloned().collect();
                if missing.is_empty() {
                    return;
                }
                let first_name = Way::Key(way, first);
                let text = format!("`{first_name}` of {} needs {} too", self.subject, full(&missing));
                (text, place.key(first))
            }
            _ => return,
        };
        self.error("properties", text, at);
    }

    /// The value as its property wants it; `None` after a problem.
    fn value(&mut self, property: &Property, value: Value, place: Place, way: &Way<'_>) -> Option<Value> {
        let before = self.hidden;
        if property.secret {
            place.hide();
        }
        self.hidden |= property.secret || matches!(value, Value::Secret(_));
        let checked = self.plain(property, value, place, way);
        self.hidden = before;
        checked.map(|value| if property.secret { value.secret() } else { value })
    }

    fn plain(&mut self, property: &Property, value: Value, place: Place, way: &Way<'_>) -> Option<Value> {
        if let Value::Secret(inner) = value {
            return self.plain(property, *inner, place, way).map(Value::secret);
        }
        let value = self.shape(property, value, place, way)?;
        self.bounds(property, &value, place, way)?;
        Some(value)
    }

    /// A value as messages may show it.
    fn quoted(&self, value: impl std::fmt::Display) -> String {
        if self.hidden { "a secret value".to_owned() } else { value.to_string() }
    }

    fn wrong(&mut self, property: &Property, value: &Value, place: Place, way: &Way<'_>) -> Option<Value> {
        let wanted = property.shape.noun();
        let article = if wanted.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        let text = format!("`{way}` of {} must be {article} {wanted}, not {}", self.subject, noun(value));
        let problem = Diagnostic::error("wrong-type", text).at(place.at());
        self.problems.push(match (&property.shape, value) {
            (Shape::List { .. }, value) if !matches!(value, Value::Map(_) | Value::List(_)) => {
                problem.help("write a list: `[…]`")
            }
            (Shape::Text, Value::List(_) | Value::Map(_)) => problem.help("write it as text with `fn::toJSON`"),
            _ => problem,
        });
        None
    }

    fn shape(&mut self, property: &Property, value: Value, place: Place, way: &Way<'_>) -> Option<Value> {
        match (&property.shape, value) {
            (_, Value::Unknown) => Some(Value::Unknown),
            (Shape::Any, value) => Some(ids(value)),
            (Shape::Bool, Value::Bool(b)) => Some(Value::Bool(b)),
            (Shape::Bool, Value::String(s)) if s == "true" || s == "false" => Some(Value::Bool(s == "true")),
            (Shape::Integer, Value::Number(n)) => match whole(&n) {
                Some(n) => Some(Value::from(n)),
                None => {
                    let text = format!("`{way}` of {} must be a whole number, not {}", self.subject, self.quoted(n));
                    self.error("wrong-type", text, place.at());
                    None
                }
            },
            (Shape::Integer, Value::String(s)) => match yaml::number(&s).and_then(|n| whole(&n)) {
                Some(n) => Some(Value::from(n)),
                None => self.wrong(property, &Value::String(s), place, way),
            },
            (Shape::Number, Value::Number(n)) => Some(Value::Number(n)),
            (Shape::Number, Value::String(s)) => match yaml::number(&s) {
                Some(n) => Some(Value::Number(n)),
                None => self.wrong(property, &Value::String(s), place, way),
            },
            (Shape::Text, Value::Number(n)) => {
                // `16.10` written without quotes is the version 16.10 and not the number 16.1.
                let text = place.literal().map(str::to_owned);
                Some(text.or_else(|| scalar_text(&Value::Number(n))).unwrap_or_default().into())
            }
            (Shape::Text, value @ (Value::String(_) | Value::Bool(_))) => scalar_text(&value).map(Value::from),
            (Shape::Text | Shape::Integer | Shape::Document, Value::Resource(handle)) => match handle.id {
                Value::Unknown => Some(Value::Unknown),
                id => self.shape(property, id, place, way),
            },
            (Shape::Document, Value::String(text)) => match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
                Ok(_) => Some(Value::String(text)),
                Err(error) => {
                    // The error names a place in the document and quotes nothing of it.
                    let text = format!("`{way}` of {} is no JSON: {error}", self.subject);
                    self.problems.push(
                        Diagnostic::error("wrong-type", text)
                            .at(place.at())
                            .help("write the document as YAML, or as text with `fn::toJSON`"),
                    );
                    None
                }
            },
            (Shape::Document, value @ (Value::Map(_) | Value::List(_))) => {
                let secret = value.has_secret();
                let text = to_json_text(&value).map_or(Value::Unknown, Value::from);
                Some(if secret { text.secret() } else { text })
            }
            (Shape::Asset, Value::Asset(asset)) => Some(Value::Asset(asset)),
            (Shape::List { item, .. }, Value::List(items)) => {
                let checked: Vec<_> = items
                    .into_iter()
                    .enumerate()
                    .filter(|(_, v)| !v.is_null())
                    .enumerate()
                    .map(|(kept, (n, v))| self.value(item, v, place.item(n), &Way::Item { of: way, written: n, kept }))
                    .collect();
                checked.into_iter().collect::<Option<_>>().map(Value::List)
            }
            (Shape::Map(item), Value::Map(map)) => {
                let checked: Vec<_> = map
                    .into_iter()
                    .filter(|(_, v)| !v.is_null())
                    .map(|(k, v)| {
                        let value = self.value(item, v, place.entry(&k), &Way::Key(way, &k));
                        (k, value)
                    })
                    .collect();
                let pairs = checked.into_iter().map(|(k, v)| Some((k, v?)));
                pairs.collect::<Option<Map>>().map(Value::Map)
            }
            (Shape::Object(object), Value::Map(map)) => {
                let before = self.problems.len();
                let map = self.object(object, map, place, way);
                let fine = self.problems[before..].iter().all(|p| p.severity == SEVERITY_WARNING);
                fine.then_some(Value::Map(map))
            }
            (_, value) => self.wrong(property, &value, place, way),
        }
    }

    fn bounds(&mut self, property: &Property, value: &Value, place: Place, way: &Way<'_>) -> Option<()> {
        let bounds = &property.bounds;
        let subject = self.subject;
        let size = |n: usize| match (bounds.min_length, bounds.max_length) {
            (Some(min), _) if n < min => Some(format!("at least {min}")),
            (_, Some(max)) if n > max => Some(format!("at most {max}")),
            _ => None,
        };
        let problem = match value {
            Value::Number(n) => {
                let n = n.as_f64().unwrap_or(0.0);
                out_of_range(n, bounds)
                    .map(|limit| format!("`{way}` of {subject} must be {limit}, not {}", self.quoted(n)))
            }
            Value::String(text) => {
                self.known_value(bounds, text, place, way);
                let length = text.chars().count();
                match size(length) {
                    Some(limit) => Some(format!("`{way}` of {subject} must have {limit} characters, not {length}")),
                    None => self.pattern(property, text, way),
                }
            }
            Value::List(items) => size(items.len())
                .map(|limit| format!("`{way}` of {subject} must have {limit} items, not {}", items.len())),
            _ => None,
        };
        match problem {
            None => Some(()),
            Some(text) => {
                self.error("out-of-bounds", text, place.at());
                None
            }
        }
    }

    /// The cloud may know values that are newer than this program, so others pass with a warning.
    fn known_value(&mut self, bounds: &Bounds, text: &str, place: Place, way: &Way<'_>) {
        if self.hidden || bounds.values.is_empty() || bounds.values.iter().any(|v| v == text) {
            return;
        }
        let known: Vec<&str> = bounds.values.iter().map(String::as_str).collect();
        let message = format!("`{text}` is no known value of `{way}` of {}", self.subject);
        let problem = Diagnostic::warning("unknown-value", message).at(place.at());
        self.problems.push(match nearest(text, known.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("known are {}", listed(&known, 12))),
        });
    }

    fn pattern(&self, property: &Property, text: &str, way: &Way<'_>) -> Option<String> {
        let pattern = property.bounds.pattern.as_deref()?;
        if crate::stack::pattern::matches(pattern, text) {
            return None;
        }
        let form = property.bounds.form.as_deref().map_or_else(|| format!("match `{pattern}`"), |f| format!("be {f}"));
        Some(format!("`{way}` of {} must {form}", self.subject))
    }
}

const SEVERITY_WARNING: crate::engine::diagnostic::Severity = crate::engine::diagnostic::Severity::Warning;

/// Resources as their ids.
fn ids(value: Value) -> Value {
    match value {
        Value::Resource(handle) => handle.id,
        Value::Secret(inner) => ids(*inner).secret(),
        Value::List(items) => Value::List(items.into_iter().map(ids).collect()),
        Value::Map(map) => Value::Map(map.into_iter().map(|(k, v)| (k, ids(v))).collect()),
        other => other,
    }
}

fn out_of_range(n: f64, bounds: &Bounds) -> Option<String> {
    let low = bounds.min.is_some_and(|min| n < min);
    let high = bounds.max.is_some_and(|max| n > max);
    if !low && !high {
        return None;
    }
    Some(match (bounds.min, bounds.max) {
        (Some(min), Some(max)) => format!("between {min} and {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => return None,
    })
}
