//! Config entries of a program and inputs of components: their types, and where values come from.

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::value::{Map, Value};
use crate::stack::expr::{Expr, Keys, Reader, Scope, wrong};
use crate::stack::functions::{self, scalar_text};
use crate::stack::pulumi_secrets::GIVE_PASSPHRASE;
use crate::stack::yaml::{self, Entry, Kind, Node};

/// A config entry as declared.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) at: Location,
    pub(crate) ty: Option<Ty>,
    pub(crate) default: Option<Expr>,
    pub(crate) secret: bool,
    /// Key under which stack files give the value, where it is not the name.
    pub(crate) key: Option<String>,
    /// Variable of the environment that may give the value.
    pub(crate) env: Option<String>,
}

/// A type of a config value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ty {
    Text,
    Number,
    Integer,
    Boolean,
    Object,
    List(Box<Self>),
    Any,
}

const KEYS: [&str; 9] = ["type", "default", "value", "secret", "name", "items", "description", "env", "properties"];

impl Input {
    pub(crate) fn read(entry: &Entry, scope: &dyn Scope, problems: &mut Vec<Diagnostic>) -> Self {
        let mut input = Self {
            name: entry.key.clone(),
            at: entry.at.clone(),
            ty: None,
            default: None,
            secret: false,
            key: None,
            env: None,
        };
        if entry.value.as_map().is_none() {
            if entry.value.is_null() {
                problems.push(untyped(entry));
            }
            input.default = Some(Reader { scope, problems }.expr(&entry.value));
            return input;
        }
        let what = format!("config value `{}`", entry.key);
        let Some(keys) = Keys::of(&entry.value, &what, &KEYS, problems) else { return input };
        if let Some(node) = keys.get("type") {
            input.ty = ty(node, keys.get("items"), problems);
        }
        input.default = keys.get("value").or(keys.get("default")).map(|n| Reader { scope, problems }.expr(n));
        if let (Some(Kind::Bool(true)), Some(node)) =
            (keys.get("secret").map(|n| &n.kind), keys.get("value").or(keys.get("default")))
        {
            node.at.hide();
        }
        match keys.get("secret").map(|n| (&n.kind, n)) {
            None => {}
            Some((Kind::Bool(secret), _)) => input.secret = *secret,
            Some((_, node)) => problems.push(wrong("`secret`", "a boolean", node)),
        }
        let mut text = |key: &str| {
            let node = keys.get(key)?;
            if node.as_text().is_none() {
                problems.push(wrong(&format!("`{key}`"), "a string", node));
            }
            node.as_text().map(str::to_owned)
        };
        input.key = text("name");
        input.env = text("env");
        if keys.get("type").is_none() && input.default.is_none() && input.env.is_none() {
            problems.push(untyped(entry));
        }
        input
    }
}

fn untyped(entry: &Entry) -> Diagnostic {
    Diagnostic::error("untyped-config", format!("config value `{}` needs `type` or `default`", entry.key))
        .at(entry.at.clone())
        .help("for example `type: string`")
}

fn ty(node: &Node, items: Option<&Node>, problems: &mut Vec<Diagnostic>) -> Option<Ty> {
    let Some(name) = node.as_text() else {
        problems.push(wrong("`type`", "a string", node));
        return None;
    };
    if name.eq_ignore_ascii_case("array") {
        let item = items.and_then(|items| items.get("type").map(|e| (e, items.get("items"))));
        let item = item.and_then(|(entry, inner)| ty(&entry.value, inner.map(|e| &e.value), problems));
        return Some(Ty::List(Box::new(item.unwrap_or(Ty::Any))));
    }
    let found = named(name);
    if found.is_none() {
        let problem = Diagnostic::error("unknown-type", format!("there is no config type `{name}`"));
        let help = "the types are `string`, `number`, `integer`, `boolean`, `object` and `list<…>`";
        problems.push(problem.at(node.at.clone()).help(help));
    }
    found
}

fn named(name: &str) -> Option<Ty> {
    let lower = name.to_ascii_lowercase();
    Some(match lower.as_str() {
        "string" => Ty::Text,
        "number" => Ty::Number,
        "int" | "integer" => Ty::Integer,
        "bool" | "boolean" => Ty::Boolean,
        "object" | "map" => Ty::Object,
        "list" => Ty::List(Box::new(Ty::Any)),
        "any" => Ty::Any,
        _ => Ty::List(Box::new(named(lower.strip_prefix("list<")?.strip_suffix('>')?)?)),
    })
}

impl Ty {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Text => "string".into(),
            Self::Number => "number".into(),
            Self::Integer => "integer".into(),
            Self::Boolean => "boolean".into(),
            Self::Object => "object".into(),
            Self::List(item) if **item == Self::Any => "list".into(),
            Self::List(item) => format!("list<{}>", item.name()),
            Self::Any => "any".into(),
        }
    }

    /// The value as this type, texts of stack files and the command line converted. `None` if it
    /// cannot be one. Unknown values pass.
    pub(crate) fn convert(&self, value: Value) -> Option<Value> {
        if let Value::Secret(inner) = value {
            return self.convert(*inner).map(Value::secret);
        }
        match (self, value) {
            (_, Value::Unknown) => Some(Value::Unknown),
            (Self::Any, value) => Some(value),
            (Self::Text, value) => scalar_text(&value).map(Value::from),
            (Self::Number, Value::Number(n)) => Some(Value::Number(n)),
            (Self::Number, Value::String(s)) => yaml::number(&s).map(Value::Number),
            (Self::Integer, Value::Number(n)) => functions::whole(&n).map(Value::from),
            (Self::Integer, Value::String(s)) => yaml::number(&s).and_then(|n| functions::whole(&n)).map(Value::from),
            (Self::Boolean, Value::Bool(b)) => Some(Value::Bool(b)),
            (Self::Boolean, Value::String(s)) => s.parse().ok().map(Value::Bool),
            (Self::Object, Value::Map(map)) => Some(Value::Map(map)),
            (Self::Object | Self::List(_), Value::String(s)) => {
                let json = Value::from_json(serde_json::from_str(&s).ok()?);
                if matches!(json, Value::String(_)) { None } else { self.convert(json) }
            }
            (Self::List(item), Value::List(items)) => {
                items.into_iter().map(|v| item.convert(v)).collect::<Option<_>>().map(Value::List)
            }
            _ => None,
        }
    }
}

/// A value of a stack file. `secure` reveals what a `{secure: …}` holds.
///
/// # Errors
/// If a secure value cannot be read.
pub(crate) fn value(node: &Node, secure: &mut dyn FnMut(&str) -> Result<String, String>) -> Result<Value, Diagnostic> {
    Ok(match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(b) => Value::Bool(*b),
        Kind::Number(n) => Value::Number(n.clone()),
        Kind::Text(text) => Value::from(text.as_str()),
        Kind::List(items) => Value::List(items.iter().map(|n| value(n, secure)).collect::<Result<_, _>>()?),
        Kind::Map(entries) => match entries.as_slice() {
            [Entry { key, value: sealed, .. }] if key == "secure" => {
                let Some(text) = sealed.as_text() else { return Err(wrong("`secure`", "a string", sealed)) };
                let plain = secure(text).map_err(|why| {
                    Diagnostic::error("sealed-config", format!("the secure value cannot be opened: {why}"))
                        .at(sealed.at.clone())
                        .help(GIVE_PASSPHRASE)
                })?;
                Value::from(plain).secret()
            }
            entries => {
                let pairs = entries.iter().map(|e| Ok((e.key.clone(), value(&e.value, secure)?)));
                Value::Map(pairs.collect::<Result<Map, Diagnostic>>()?)
            }
        },
    })
}
