//! What a case says.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// The life of one resource of a type, called `subject` in its program.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    #[serde(skip)]
    pub token: String,
    /// Tells cases of one type apart.
    #[serde(default)]
    pub name: String,
    /// The server to run on.
    #[serde(default)]
    pub on: Server,
    /// Resources that the subject needs, as in a stack file.
    #[serde(default)]
    pub given: Map<String, Json>,
    /// Variables of the program.
    #[serde(default)]
    pub variables: Map<String, Json>,
    /// The inputs to begin with.
    pub inputs: Map<String, Json>,
    /// Options of the subject.
    #[serde(default)]
    pub options: Map<String, Json>,
    /// Region of the subject: a role or a name.
    pub region: Option<String>,
    /// Changes, one after the other, each of which must be an update in place. `null` removes an input.
    #[serde(default)]
    pub updates: Vec<Map<String, Json>>,
    /// Changes that must replace the resource.
    #[serde(default)]
    pub replaces: Vec<Map<String, Json>>,
    /// Inputs that the server accepts and then shows otherwise: path → reason.
    #[serde(default)]
    pub drops: BTreeMap<String, String>,
    /// Operations that the server lacks: operation → reason.
    #[serde(default)]
    pub lacks: BTreeMap<String, String>,
    /// Inputs that no case of the type sets: path → reason. A reason holds for the parts too.
    #[serde(default)]
    pub unset: BTreeMap<String, String>,
    /// Inputs that are set and that no case of the type changes: input → reason.
    #[serde(default)]
    pub unchanged: BTreeMap<String, String>,
    /// Permissions that the type lists and that no case of it sends: action → reason.
    #[serde(default)]
    pub unsent: BTreeMap<String, String>,
    /// What the type sends without a permission for it, because it goes on where that is refused: action → reason.
    #[serde(default)]
    pub forgone: BTreeMap<String, String>,
    /// Why the id cannot be imported on the server.
    pub no_import: Option<String>,
    /// Why the resource stays visible after its deletion.
    pub stays: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    #[default]
    Ministack,
    Moto,
}

/// The cases of a service's file: token → one case, or a list of them. They are read when the test
/// runs, so that a changed case needs no build.
pub fn read(service: &str) -> Vec<Case> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(Box<Case>),
        More(Vec<Case>),
    }
    let file = format!("{}/tests/it/conformance/{service}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
    let merged = serde_yaml::from_str(&text).and_then(|mut all: serde_yaml::Value| {
        all.apply_merge()?;
        serde_yaml::from_value(all)
    });
    let all: BTreeMap<String, serde_json::Value> = merged.unwrap_or_else(|e| panic!("{file}: {e}"));
    let mut cases = Vec::new();
    for (token, value) in all {
        let list = match serde_json::from_value::<OneOrMore>(value.clone()) {
            Ok(OneOrMore::One(case)) => vec![*case],
            Ok(OneOrMore::More(list)) => list,
            // The error of an untagged enum says nothing; that of the plain case does.
            Err(_) => panic!("{file}: {token}: {:?}", serde_json::from_value::<Case>(value).err()),
        };
        cases.extend(list.into_iter().map(|case| Case { token: token.clone(), ..case }));
    }
    cases
}

impl Case {
    /// The inputs at the beginning and after each change.
    pub fn sets(&self) -> impl Iterator<Item = &Map<String, Json>> {
        std::iter::once(&self.inputs).chain(&self.updates).chain(&self.replaces)
    }

    pub fn updates(&self, input: &str) -> bool {
        self.updates.iter().any(|change| change.contains_key(input))
    }

    pub fn replaces(&self, input: &str) -> bool {
        self.replaces.iter().any(|change| change.contains_key(input))
    }

    /// The program with these inputs of the subject.
    pub fn program(&self, inputs: &Map<String, Json>, import: Option<&str>) -> String {
        let mut options = self.options.clone();
        if let Some(id) = import {
            options.insert("import".into(), id.into());
        }
        let mut subject = serde_json::json!({ "type": self.token, "properties": inputs, "options": options });
        if let Some(region) = &self.region {
            subject["region"] = region.as_str().into();
        }
        let mut resources = self.given.clone();
        resources.insert("subject".into(), subject);
        let program = serde_json::json!({
            "name": "conformance",
            "runtime": "yaml",
            "regions": { "primary": "us-east-1", "secondary": "eu-west-1" },
            "variables": self.variables,
            "resources": resources,
        });
        serde_yaml::to_string(&program).unwrap()
    }
}

/// The inputs with a change on top.
pub fn changed(inputs: &Map<String, Json>, change: &Map<String, Json>) -> Map<String, Json> {
    let mut inputs = inputs.clone();
    for (name, value) in change {
        if value.is_null() {
            inputs.remove(name);
        } else {
            inputs.insert(name.clone(), value.clone());
        }
    }
    inputs
}
