//! A type's schema, read once into the form that the checker, the differ and the documents use.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use crate::engine::alike::Alike;
use crate::engine::path::{Path, Segment};
use crate::engine::resource::{Afterlife, Facts, IdForm, Lack, Where};
use crate::engine::urn::{Id, Urn};
use crate::engine::value::Value;

/// The first sentence of a description, whose lines may be broken anywhere.
pub fn summary(description: &str) -> String {
    let paragraph = description.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    match paragraph.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => paragraph,
    }
}

/// All that is known of a type without a call.
#[derive(Debug, Clone)]
pub struct TypeSchema {
    pub token: &'static str,
    pub description: String,
    pub facts: Facts,
    pub inputs: Object,
    pub outputs: Object,
    /// Computes outputs that need no cloud: see `Resource::foresee`.
    pub foresee: fn(&Value, &Where) -> Vec<(&'static str, Value)>,
    /// Whose changes go together: see `Resource::company`.
    pub company: fn(&Value, &BTreeMap<String, Vec<Urn>>) -> Option<String>,
    /// Inputs that this change replaces: see `Resource::replaces`.
    pub replaces: fn(&Value, &Value) -> Vec<&'static str>,
    /// What inputs lack to make one: see `Resource::lacks`.
    pub lacks: fn(&Value) -> Option<Lack>,
    /// What the cloud keeps of a deleted one: see `Resource::afterlife`.
    pub afterlife: fn(&Value) -> Option<Afterlife>,
    /// Whether complete inputs are accepted by the typed form; the error says what is wrong.
    pub accepts: fn(&Json) -> Result<(), String>,
}

/// All that is known of a function (a data source) without a call.
#[derive(Debug, Clone)]
pub struct FunctionSchema {
    pub token: &'static str,
    pub description: String,
    pub arguments: Object,
    pub result: Object,
    pub region_aware: bool,
    /// Every call gives another result, so it must not feed a managed input unnoticed.
    pub volatile: bool,
    /// IAM actions of its calls.
    pub permissions: &'static [&'static str],
    /// ARNs of what these are about, like [`Facts::acts_on`], of its arguments.
    pub acts_on: &'static [&'static str],
    /// Where its answer may be encrypted with a key of KMS: the condition key that names what is decrypted.
    pub decrypts: Option<&'static str>,
}

impl FunctionSchema {
    /// The part of the token after the last colon: `getParameter`.
    pub fn short_name(&self) -> &str {
        self.token.rsplit(':').next().unwrap_or(self.token)
    }
}

/// Named properties and the rules between them.
#[derive(Debug, Clone, Default)]
pub struct Object {
    pub properties: Vec<Property>,
    pub groups: Vec<Group>,
    /// Names that people expect and that are refused, each with the reason.
    pub left_out: Vec<(&'static str, &'static str)>,
}

impl Object {
    pub fn get(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|p| p.name == name)
    }

    /// Why there is no property of that name, if that is on purpose.
    pub fn why_left_out(&self, name: &str) -> Option<&'static str> {
        self.left_out.iter().find(|(left_out, _)| *left_out == name).map(|(_, reason)| *reason)
    }

    /// The part of the schema that a path names: the path with `*` for items and entries.
    pub fn pattern_of(&self, path: &Path) -> Path {
        let mut pattern = Path::default();
        let (mut object, mut shape): (Option<&Self>, Option<&Shape>) = (Some(self), None);
        for segment in &path.0 {
            let (generic, next): (_, Option<&Property>) = match (object, shape, segment) {
                (Some(object), _, Segment::Key(name)) => (segment.clone(), object.get(name)),
                (_, Some(Shape::List { item, .. } | Shape::Map(item)), _) => (Segment::Any, Some(item)),
                _ => (segment.clone(), None),
            };
            pattern = pattern.child(generic);
            shape = next.map(|property| &property.shape);
            object = match shape {
                Some(Shape::Object(object)) => Some(object),
                _ => None,
            };
        }
        pattern
    }
}

/// How many of some properties may be given.
#[derive(Debug, Clone)]
pub enum Group {
    Exclusive(Vec<String>),
    ExactlyOne(Vec<String>),
    AtLeastOne(Vec<String>),
    /// The first needs the others.
    Needs(Vec<String>),
}

/// One input or output, or one field of a nested object.
#[derive(Debug, Clone)]
pub struct Property {
    /// Empty for the items of lists and maps.
    pub name: String,
    pub description: String,
    pub shape: Shape,
    pub required: bool,
    /// What holds when nothing is given; `None` where the cloud decides or nothing holds.
    pub default: Option<Json>,
    pub replace: bool,
    pub computed: bool,
    pub initial: bool,
    /// An output that an update may change.
    pub moves: bool,
    /// Where the cloud shows none, the value applied last stands.
    pub sometimes_shown: bool,
    pub write_only: bool,
    /// Items that agree in their words and numbers count as one.
    pub united: bool,
    pub secret: bool,
    pub deprecated: bool,
    /// Longest automatic name.
    pub auto_name: Option<usize>,
    /// What automatic names begin with.
    pub auto_prefix: String,
    /// `(type token, property)` that the value usually comes from.
    pub refers: Option<(String, String)>,
    /// What it takes beside that: see [`crate::engine::rules::also`].
    pub also: Vec<String>,
    pub alike: Option<Alike>,
    pub protection: bool,
    pub forced: bool,
    pub before_delete: Option<(String, Json)>,
    pub bounds: Bounds,
}

/// What values a property takes.
#[derive(Debug, Clone)]
pub enum Shape {
    Bool,
    Integer,
    Number,
    Text,
    /// A JSON document, as text or as a map.
    Document,
    Asset,
    List {
        item: Box<Property>,
        unordered: bool,
    },
    Map(Box<Property>),
    Object(Object),
    /// Anything: stacks pass it on.
    Any,
}

impl Shape {
    /// The name of the shape for errors and documents.
    pub fn noun(&self) -> String {
        match self {
            Self::Bool => "boolean".into(),
            Self::Integer => "integer".into(),
            Self::Number => "number".into(),
            Self::Text => "string".into(),
            Self::Document => "JSON document".into(),
            Self::Asset => "file or archive".into(),
            Self::List { item, .. } => format!("list of {}", item.shape.noun()),
            Self::Map(item) => format!("map of {}", item.shape.noun()),
            Self::Object(_) => "object".into(),
            Self::Any => "any value".into(),
        }
    }
}

/// Limits of a value.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    pub values: Vec<String>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub min_length: Option<usize>,
    pub max_length: Option<usize>,
    pub pattern: Option<String>,
    /// The pattern in words.
    pub form: Option<String>,
}

impl TypeSchema {
    /// Reads the schema of a type from its structs.
    pub fn of<R: crate::engine::resource::Resource>() -> Self {
        let json = json_schema::<R>();
        Self {
            token: R::TYPE,
            description: text(&json, "description"),
            facts: R::FACTS,
            inputs: object(&json),
            outputs: object(&json_schema::<R::Outputs>()),
            foresee: R::foresee,
            company: R::company,
            replaces: R::replaces,
            lacks: R::lacks,
            afterlife: R::afterlife,
            accepts: |json| serde_path_to_error::deserialize::<_, R>(json).map(drop).map_err(|e| e.to_string()),
        }
    }

    /// The part of the token after the last colon: `Vpc`.
    pub fn short_name(&self) -> &str {
        self.token.rsplit(':').next().unwrap_or(self.token)
    }

    /// `ec2` of `aws:ec2/vpc:Vpc`.
    pub fn service(&self) -> &str {
        let module = self.token.split(':').nth(1).unwrap_or_default();
        module.split('/').next().unwrap_or(module)
    }

    /// The service of the type as it stands in ARNs, which is not always the one in its token.
    pub fn arn_service(&self) -> &str {
        match (self.service(), self.short_name()) {
            ("index", _) => self.token.split(':').next().unwrap_or_default(),
            ("lb" | "alb", _) => "elasticloadbalancing",
            ("apigatewayv2", _) => "apigateway",
            ("cloudwatch", name) if name.starts_with("Log") => "logs",
            ("cloudwatch", name) if name.starts_with("Event") => "events",
            ("kinesis", name) if name.starts_with("Firehose") => "firehose",
            ("sfn", _) => "states",
            (service, _) => service,
        }
    }

    /// The id that these inputs lead to, where no cloud is needed to know it.
    pub fn predicted_id(&self, inputs: &Value) -> Option<Id> {
        let text = |name: &&str| inputs.get(name).and_then(Value::as_str).map(str::to_owned);
        match self.facts.id {
            IdForm::Input(name) => text(&name).map(Id),
            IdForm::Joined(names, separator) => {
                let given = names.iter().filter(|name| self.is_part_of_id(name, inputs));
                let parts = given.map(text).collect::<Option<Vec<_>>>()?;
                (!parts.is_empty()).then(|| Id(parts.join(separator)))
            }
            IdForm::Random(..) | IdForm::Output(_) => None,
        }
    }

    /// The same, or the id that is an output which can be told before.
    pub fn foreseen_id(&self, inputs: &Value, at: &Where) -> Option<Id> {
        let IdForm::Output(name) = self.facts.id else { return self.predicted_id(inputs) };
        let outputs = (self.foresee)(inputs, at).into_iter();
        outputs.filter(|(output, _)| *output == name).find_map(|(_, id)| Some(Id(id.as_str()?.to_owned())))
    }

    /// The inputs that the cloud calls the resource by.
    pub fn naming_inputs(&self) -> Vec<&str> {
        let automatic = self.inputs.properties.iter().filter(|p| p.auto_name.is_some()).map(|p| p.name.as_str());
        let id: &[&str] = match &self.facts.id {
            IdForm::Input(name) => std::slice::from_ref(name),
            IdForm::Joined(names, _) => names,
            IdForm::Random(..) | IdForm::Output(_) => &[],
        };
        automatic.chain(id.iter().copied()).collect()
    }

    /// An optional input that is not given, or holds its default, has no part in a joined id.
    fn is_part_of_id(&self, name: &str, inputs: &Value) -> bool {
        let Some(property) = self.inputs.get(name) else { return true };
        let default = property.default.clone().map_or(Value::Null, Value::from_json);
        let optional = !property.required && property.auto_name.is_none() && !property.computed;
        !optional || inputs.get(name).is_some_and(|value| !value.is_null() && *value.bare() != default)
    }
}

/// The raw JSON Schema, nested types in place.
pub fn json_schema<T: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Reads an object schema.
pub fn object(schema: &Json) -> Object {
    let required: Vec<&str> =
        schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    let properties = schema.get("properties").and_then(Json::as_object).into_iter().flatten();
    Object {
        properties: properties.map(|(name, s)| property(name, s, required.contains(&name.as_str()))).collect(),
        groups: [
            ("x-exclusive", Group::Exclusive as fn(Vec<String>) -> Group),
            ("x-exactly-one", Group::ExactlyOne),
            ("x-at-least-one", Group::AtLeastOne),
            ("x-needs", Group::Needs),
        ]
        .into_iter()
        .flat_map(|(key, make)| {
            let groups = schema.get(key).and_then(Json::as_array).into_iter().flatten();
            groups.map(move |names| make(strings(names)))
        })
        .collect(),
        left_out: Vec::new(),
    }
}

fn property(name: &str, schema: &Json, required: bool) -> Property {
    let core = core(schema);
    let either = |key: &str| schema.get(key).or_else(|| core.get(key));
    let flag = |key: &str| either(key).and_then(Json::as_bool).unwrap_or(false);
    let word = |key: &str| either(key).and_then(Json::as_str).map(str::to_owned);
    let size = |key: &str| either(key).and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok());
    Property {
        name: name.to_owned(),
        description: word("description").unwrap_or_default(),
        shape: shape(core, flag("x-unordered")),
        required,
        default: schema.get("default").filter(|d| !d.is_null()).cloned(),
        replace: flag("x-replace"),
        computed: flag("x-computed"),
        initial: flag("x-initial"),
        moves: flag("x-moves"),
        sometimes_shown: flag("x-sometimes-shown"),
        write_only: flag("writeOnly"),
        united: flag("x-united"),
        secret: flag("x-secret"),
        deprecated: flag("deprecated"),
        auto_name: size("x-auto-name"),
        auto_prefix: word("x-auto-prefix").unwrap_or_default(),
        refers: word("x-refers").and_then(|r| r.rsplit_once('.').map(|(t, p)| (t.to_owned(), p.to_owned()))),
        also: either("x-also").map(strings).unwrap_or_default(),
        alike: word("x-alike").and_then(|a| Alike::named(&a)),
        protection: flag("x-protection"),
        forced: flag("x-forced"),
        before_delete: either("x-before-delete")
            .and_then(|b| Some((b["act"].as_str()?.to_owned(), b["value"].clone()))),
        bounds: Bounds {
            values: either("enum").map(strings).unwrap_or_default(),
            min: either("minimum").and_then(Json::as_f64),
            max: either("maximum").and_then(Json::as_f64),
            min_length: size("minLength").or_else(|| size("minItems")),
            max_length: size("maxLength").or_else(|| size("maxItems")),
            pattern: word("pattern"),
            form: word("x-form"),
        },
    }
}

fn shape(schema: &Json, unordered: bool) -> Shape {
    let is = |key: &str| schema.get(key) == Some(&Json::Bool(true));
    if is("x-asset") {
        return Shape::Asset;
    }
    if is("x-json") {
        return Shape::Document;
    }
    match kind(schema) {
        "boolean" => Shape::Bool,
        "integer" => Shape::Integer,
        "number" => Shape::Number,
        "string" => Shape::Text,
        "array" => Shape::List {
            item: Box::new(property("", schema.get("items").unwrap_or(&Json::Bool(true)), false)),
            unordered: unordered || is("uniqueItems"),
        },
        "object" if schema.get("properties").is_some() => Shape::Object(object(schema)),
        "object" => {
            Shape::Map(Box::new(property("", schema.get("additionalProperties").unwrap_or(&Json::Bool(true)), false)))
        }
        _ => Shape::Any,
    }
}

/// The type of a schema; `null` beside another type only says that the value is optional.
fn kind(schema: &Json) -> &str {
    match schema.get("type") {
        Some(Json::String(name)) => name,
        Some(Json::Array(names)) => {
            let mut names = names.iter().filter_map(Json::as_str).filter(|n| *n != "null");
            match (names.next(), names.next()) {
                (Some(only), None) => only,
                _ => "",
            }
        }
        _ => "",
    }
}

/// The useful branch of `anyOf: [X, null]`, which is how an optional struct is written.
fn core(schema: &Json) -> &Json {
    let branches = schema.get("anyOf").and_then(Json::as_array);
    branches.and_then(|b| b.iter().find(|s| s.get("type") != Some(&Json::String("null".into())))).map_or(schema, core)
}

fn strings(list: &Json) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

fn text(schema: &Json, key: &str) -> String {
    schema.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}
