//! `drctl schema`: one JSON Schema for stack files, so that editors complete and check them.
//!
//! It is draft 7, which the YAML language server of the common editors reads. Wherever a value may
//! stand, an expression may too: text with `${…}` or an object with one `fn::…` key.

use serde_json::{Map, Value as Json, json};

use crate::engine::provider::Catalog;
use crate::engine::resource::Scope;
use crate::engine::schema::{Object, Property, Shape, TypeSchema};

/// The schema of stack files whose resources are those of the catalog.
pub(super) fn stack_files(catalog: &Catalog) -> Json {
    let mut definitions: Map<String, Json> = [
        ("expression", expression()),
        (
            "optional",
            json!({"description": "An expression, or nothing.", "anyOf": [{"type": "null"}, reference("expression")]}),
        ),
        ("value", json!({"description": "Any value or expression."})),
        ("text", json!({"anyOf": [{"type": ["string", "number", "boolean"]}, {"$ref": "#/definitions/expression"}]})),
        ("config", config()),
        ("component", or_null(component())),
        ("options", or_null(options())),
        ("resource", or_null(resource(catalog))),
        ("asset", asset()),
    ]
    .into_iter()
    .map(|(name, schema)| (name.to_owned(), schema))
    .collect();
    for ty in catalog.types() {
        let mut schema = object(&ty.inputs);
        schema["description"] = ty.description.clone().into();
        if ty.facts.scope == Scope::Region {
            schema["properties"]["region"] =
                json!({"description": "Region or role of a region.", "$ref": "#/definitions/text"});
        }
        definitions.insert(name(ty.token), json!({"anyOf": [schema, reference("optional")]}));
    }
    for function in catalog.functions() {
        definitions.insert(name(function.token), object(&function.arguments));
    }
    let mut root = or_null(program());
    root["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    root["title"] = "drctl stack".into();
    root["definitions"] = Json::Object(definitions);
    // What is laid over another file may leave to it what a resource is.
    root["if"] = json!({"not": {"required": ["extends"]}});
    root["then"] = json!({"properties": {"resources": {"additionalProperties": {"required": ["type"]}}}});
    root
}

/// A name that needs no escapes in a reference: `aws.ec2.vpc.Vpc`.
fn name(token: &str) -> String {
    token.replace([':', '/'], ".")
}

fn reference(name: &str) -> Json {
    json!({"$ref": format!("#/definitions/{name}")})
}

fn map_of(name: &str) -> Json {
    json!({"type": "object", "additionalProperties": reference(name)})
}

/// A key that may be left out may be null, too.
fn or_null(mut object: Json) -> Json {
    let required: Vec<String> = serde_json::from_value(object["required"].clone()).unwrap_or_default();
    let keys = object["properties"].as_object_mut().into_iter().flatten();
    for (_, schema) in keys.filter(|(key, _)| !required.contains(key)) {
        let Some(parts) = schema.as_object_mut() else { continue };
        if let Some(reference) = parts.shift_remove("$ref") {
            parts.insert("anyOf".into(), json!([{"$ref": reference}, {"type": "null"}]));
        } else if let Some(Json::Array(forms)) = parts.get_mut("anyOf") {
            forms.push(json!({"type": "null"}));
        } else if let Some(ty) = parts.get_mut("type") {
            let mut types = ty.as_array().cloned().unwrap_or_else(|| vec![ty.clone()]);
            types.push("null".into());
            *ty = types.into();
        }
    }
    object
}

fn described(mut schema: Json, description: &str) -> Json {
    schema["description"] = description.into();
    schema
}

fn expression() -> Json {
    json!({
        "description": "An expression: text with ${…}, or a function.",
        "anyOf": [
            {"type": "string", "pattern": "\\$\\{"},
            {"type": "object", "minProperties": 1, "maxProperties": 1, "patternProperties": {"^[Ff]n::": {}}, "additionalProperties": false},
        ],
    })
}

/// Keys of a file. Pulumi ignores keys that it does not know, so others are allowed.
fn program() -> Json {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "Name of the project; part of every URN."},
            "runtime": {
                "description": "Always `yaml`.",
                "anyOf": [{"const": "yaml"}, {"type": "object", "properties": {"name": {"const": "yaml"}, "options": {"type": "object"}}, "required": ["name"]}],
            },
            "description": {"type": "string", "description": "What the stack is for."},
            "main": {"type": "string", "description": "Directory of the program, below that of the project."},
            "config": described(map_of("config"), "Settings: a plain value, or a type, a default and where the value comes from."),
            "variables": described(map_of("value"), "Named expressions."),
            "resources": described(map_of("resource"), "Resources by their logical names."),
            "outputs": described(map_of("value"), "What the stack gives to others."),
            "components": described(
                json!({"type": "object", "additionalProperties": {"anyOf": [{"type": "string", "description": "File of the component."}, reference("component")]}}),
                "Groups of resources that are written once and used as `type: <name>`.",
            ),
            "regions": {
                "type": "object", "additionalProperties": reference("text"),
                "description": "Role of a region → region. The first is the default.",
            },
            "extends": {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
                "description": "File that this one is merged over, or several.",
            },
            "backend": {
                "description": "Where the state is kept, if not in files beside the stack.",
                "anyOf": [
                    {"enum": ["local"]},
                    {"type": "string", "pattern": "^s3://", "description": "A bucket and a prefix in it."},
                    {
                        "type": "object",
                        "properties": {
                            "url": {"type": "string", "description": "`s3://BUCKET/PREFIX`."},
                            "region": {"type": "string", "description": "Region of the bucket; S3 is asked without it."},
                            "replica": {
                                "type": "object",
                                "description": "A bucket in another region, which gets everything as well.",
                                "properties": {
                                    "url": {"type": "string", "description": "`s3://BUCKET/PREFIX`."},
                                    "region": {"type": "string", "description": "Region of the bucket."},
                                },
                                "required": ["url"],
                            },
                        },
                        "required": ["url"],
                    },
                ],
            },
            "tags": described(map_of("text"), "Default tags of everything that takes tags; may use ${region.role}."),
            "globalTags": described(map_of("text"), "The same for what belongs to no region, as IAM and Route 53; over `tags`."),
            "dr": {
                "type": "object", "description": "Objectives of disaster recovery.",
                "properties": {
                    "rto": {"type": "string", "description": "Longest time until service is back: `300s`."},
                    "rpo": {"type": "string", "description": "Longest stretch of lost writes: `60s`."},
                },
            },
            "secrets": {
                "description": "What opens the secrets of the state; `drctl state rotate-key` changes it later.",
                "anyOf": [
                    {"type": "string", "enum": ["key-file", "passphrase"]},
                    {
                        "type": "object", "additionalProperties": false, "required": ["kms"],
                        "properties": {
                            "kms": {
                                "type": "array", "items": reference("text"), "minItems": 1,
                                "description": "ARNs of KMS keys, one a region; any one of them opens the secrets.",
                            },
                        },
                    },
                ],
            },
            "assets": {
                "type": "object", "additionalProperties": false,
                "description": "Files and archives that the program names.",
                "properties": {
                    "outside": {
                        "type": "boolean",
                        "description": "Whether they may lie outside of the project, by path or by symbolic link.",
                    },
                },
            },
        },
    })
}

fn config() -> Json {
    json!({
        "anyOf": [
            {"type": ["string", "number", "boolean", "array", "null"]},
            {
                "type": "object",
                "properties": {
                    "type": {"type": "string", "description": "`string`, `integer`, `number`, `boolean`, `object`, `list<…>`."},
                    "default": {"description": "Value if nothing else gives one."},
                    "value": {"description": "Value that the stack sets."},
                    "env": {"type": "string", "description": "Environment variable that the value comes from."},
                    "secret": {"type": "boolean", "description": "Never show the value."},
                    "name": {"type": "string", "description": "Name of the key, if it is another one."},
                    "items": {"description": "Type of the items of an array."},
                    "description": {"type": "string"},
                },
            },
        ],
    })
}

fn component() -> Json {
    json!({
        "type": "object",
        "properties": {
            "description": {"type": "string"},
            "inputs": described(map_of("config"), "What whoever uses the component gives it."),
            "variables": map_of("value"),
            "resources": map_of("resource"),
            "outputs": map_of("value"),
            "tags": described(map_of("text"), "Default tags of what the component holds."),
        },
    })
}

fn resource(catalog: &Catalog) -> Json {
    let own = ["pulumi:providers:aws", "pulumi:pulumi:StackReference"].map(str::to_owned);
    let tokens: Vec<String> = catalog.types().flat_map(spellings).chain(own).collect();
    let by_type: Vec<Json> = catalog
        .types()
        .map(|ty| {
            json!({
                "if": {"properties": {"type": {"enum": spellings(ty).collect::<Vec<_>>()}}, "required": ["type"]},
                "then": {"properties": {"properties": reference(&name(ty.token))}},
            })
        })
        .collect();
    json!({
        "type": "object",
        "properties": {
            "type": {
                "description": "Type of the resource, or a component.",
                "anyOf": [{"enum": tokens}, {"type": "string", "pattern": "^[^:]*$"}],
            },
            "name": described(reference("text"), "Logical name, if it is not the key."),
            "properties": {"description": "Inputs."},
            "options": reference("options"),
            "region": described(reference("text"), "Region or role of a region."),
            "each": {"description": "List or map: one instance for each of its items."},
            "if": {"description": "Whether the resource exists at all."},
            "tags": described(
                json!({"anyOf": [map_of("text"), reference("expression")]}),
                "Default tags of what a component holds.",
            ),
            "get": {
                "type": "object", "description": "The resource exists already and is only read.",
                "properties": {"id": reference("text"), "state": {"type": "object"}}, "required": ["id"],
            },
            "defaultProvider": {"type": "boolean"},
            "condition": {},
            "metadata": {},
        },
        "additionalProperties": false,
        "allOf": by_type,
    })
}

/// The canonical token, the short ones, and older ones.
fn spellings(ty: &TypeSchema) -> impl Iterator<Item = String> {
    let mut parts = ty.token.splitn(3, ':');
    let parts = (parts.next(), parts.next().map(|module| module.split('/').next().unwrap_or(module)), parts.next());
    let short = match parts {
        (Some(package), Some("index"), Some(name)) => {
            vec![format!("{package}:index:{name}"), format!("{package}:{name}")]
        }
        (Some(package), Some(module), Some(name)) => vec![format!("{package}:{module}:{name}")],
        _ => Vec::new(),
    };
    let aliases = ty.facts.aliases.iter().map(|a| (*a).to_owned());
    std::iter::once(ty.token.to_owned()).chain(short.into_iter().filter(|s| s != ty.token)).chain(aliases)
}

/// The schema of the options of resources.
pub(super) fn options() -> Json {
    let flag =
        |description: &str| described(json!({"anyOf": [{"type": "boolean"}, reference("expression")]}), description);
    let paths = |description: &str| described(json!({"type": "array", "items": {"type": "string"}}), description);
    let resource = |description: &str| described(reference("expression"), description);
    let resources = |description: &str| {
        let list = json!({"anyOf": [{"type": "array", "items": reference("expression")}, reference("expression")]});
        described(list, description)
    };
    let duration = json!({"type": "string", "pattern": "^([0-9.]+(ns|us|µs|ms|s|m|h))+$"});
    json!({
        "type": "object",
        "description": "How the engine treats the resource.",
        "properties": {
            "additionalSecretOutputs": paths("Outputs to hide."),
            "aliases": {"type": "array", "description": "Earlier identities: URNs, or what differed in them."},
            "customTimeouts": {
                "type": "object", "description": "Deadlines that differ from those of the type: `30m`.",
                "properties": {"create": duration, "update": duration, "delete": duration, "read": duration},
                "additionalProperties": false,
            },
            "deleteBeforeReplace": flag("Delete the old one before the new one is made."),
            "deletedWith": resource("Deleting that resource deletes this one too, so no call is made."),
            "dependsOn": resources("Resources that must exist first."),
            "envVarMappings": {"type": "object"},
            "hideDiffs": paths("Property paths whose values a plan does not show."),
            "ignoreChanges": paths("Property paths whose old values are kept, also by what replaces the resource."),
            "import": {"type": "string", "description": "Id of a resource to adopt instead of making one."},
            "parent": resource("Component that this belongs to."),
            "pluginDownloadURL": {"type": "string"},
            "protect": flag("Refuse to delete or replace it."),
            "provider": resource("Provider resource to use."),
            "providers": {"description": "Providers of the children."},
            "replaceOnChanges": paths("Property paths whose change replaces the resource."),
            "replaceWith": resources("Replacing any of these replaces this one too."),
            "replacementTrigger": {"description": "Replaced when this value changes."},
            "retainOnDelete": flag("Forget it instead of deleting it."),
            "version": {"type": "string"},
        },
        "additionalProperties": false,
    })
}

fn asset() -> Json {
    let keys = [
        "fn::stringAsset",
        "fn::fileAsset",
        "fn::remoteAsset",
        "fn::fileArchive",
        "fn::remoteArchive",
        "fn::assetArchive",
    ];
    let functions: Vec<Json> =
        keys.iter().map(|key| json!({"type": "object", "required": [key], "maxProperties": 1})).collect();
    let mut forms = functions;
    forms.push(reference("expression"));
    json!({"description": "A file or an archive.", "anyOf": forms})
}

/// The schema of an object: inputs of a type, arguments of a function, a nested object.
pub(super) fn object(object: &Object) -> Json {
    let properties: Map<String, Json> = object.properties.iter().map(|p| (p.name.clone(), property(p))).collect();
    let asked_for = |p: &&Property| p.required && p.auto_name.is_none() && p.default.is_none();
    let required: Vec<&str> = object.properties.iter().filter(asked_for).map(|p| p.name.as_str()).collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

pub(super) fn property(property: &Property) -> Json {
    let mut schema = with_expression(shape(property), if property.required { "expression" } else { "optional" });
    if !property.description.is_empty() {
        schema["description"] = property.description.clone().into();
    }
    if let Some(default) = &property.default {
        schema["default"] = default.clone();
    }
    if property.deprecated {
        schema["deprecated"] = true.into();
    }
    schema
}

fn with_expression(schema: Json, expression: &str) -> Json {
    if schema.as_object().is_some_and(Map::is_empty) {
        return schema;
    }
    json!({"anyOf": [schema, reference(expression)]})
}

fn shape(property: &Property) -> Json {
    let bounds = &property.bounds;
    let mut schema = match &property.shape {
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Integer => json!({"type": "integer"}),
        Shape::Number => json!({"type": "number"}),
        // Stacks may write numbers where text is wanted.
        Shape::Text if bounds.values.is_empty() => json!({"type": ["string", "number", "boolean"]}),
        // Known values are offered; AWS adds others faster than drctl learns them.
        Shape::Text => json!({"anyOf": [{"enum": bounds.values}, {"type": ["string", "number", "boolean"]}]}),
        Shape::Document => json!({"type": ["string", "object", "array"]}),
        Shape::Asset => return reference("asset"),
        Shape::List { item, .. } => json!({"type": "array", "items": self::property(item)}),
        Shape::Map(item) => json!({"type": "object", "additionalProperties": self::property(item)}),
        Shape::Object(inner) => object(inner),
        Shape::Any => return json!({}),
    };
    let numeric = matches!(property.shape, Shape::Integer | Shape::Number);
    let list = matches!(property.shape, Shape::List { .. });
    let limits = [
        ("minimum", bounds.min.filter(|_| numeric).map(Json::from)),
        ("maximum", bounds.max.filter(|_| numeric).map(Json::from)),
        (if list { "minItems" } else { "minLength" }, bounds.min_length.map(Json::from)),
        (if list { "maxItems" } else { "maxLength" }, bounds.max_length.map(Json::from)),
    ];
    for (key, limit) in limits {
        if let Some(limit) = limit {
            schema[key] = limit;
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::catalog;

    #[test]
    fn the_schema_knows_all_types_and_all_keys() {
        insta::assert_snapshot!(format!("{:#}", stack_files(&catalog())));
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let schema = stack_files(&catalog());
        let text = schema.to_string();
        let references = text.split("\"$ref\":\"#/definitions/").skip(1);
        for name in references.filter_map(|rest| rest.split('"').next()) {
            assert!(schema["definitions"].get(name).is_some(), "{name}");
        }
        assert!(catalog().functions().iter().all(|f| schema["definitions"].get(super::name(f.token)).is_some()));
    }
}
