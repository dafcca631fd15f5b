//! What a case says.

use std::collections::BTreeMap;

use drctl::engine::settings::Settings;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    #[serde(skip)]
    pub name: String,
    /// The types that its programs may use.
    pub types: Types,
    pub cases: Vec<Case>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Types {
    /// The small ones of the twin.
    Test,
    Aws,
}

/// A program, the runs of it, and what each must show.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The rule, in a sentence.
    pub rule: String,
    /// The case of Pulumi's own suites that means the same.
    pub like: String,
    /// Files beside the program. With a `Pulumi.yaml` it is a Pulumi project.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// The stack's name.
    #[serde(default = "test")]
    pub stack: String,
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Other stacks, by their outputs.
    #[serde(default)]
    pub stacks: BTreeMap<String, Json>,
    #[serde(default)]
    pub program: Option<String>,
    #[serde(default)]
    pub expect: Expect,
    /// Runs after the first.
    #[serde(default)]
    pub then: Vec<Run>,
}

fn test() -> String {
    "test".into()
}

/// One run more, of another text or in another way.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    #[serde(rename = "do")]
    pub what: What,
    pub program: Option<String>,
    pub files: BTreeMap<String, String>,
    pub with: With,
    pub expect: Expect,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    #[default]
    Up,
    Preview,
    Destroy,
    Refresh,
    /// Forgets the whole state, as if everything had been made by hand.
    Forget,
}

/// What the user chose, and what goes wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct With {
    pub target: Vec<String>,
    pub target_dependents: bool,
    pub exclude: Vec<String>,
    pub replace: Vec<String>,
    pub refresh: bool,
    pub override_protection: bool,
    /// The next creation of the resource of this name fails.
    pub fails: Option<String>,
    /// The next deletion of the resource with this name or id fails.
    pub stays: Option<String>,
}

impl With {
    pub fn settings(&self) -> Settings {
        Settings {
            refresh: self.refresh,
            targets: self.target.clone(),
            target_dependents: self.target_dependents,
            excludes: self.exclude.clone(),
            replaces: self.replace.clone(),
            override_protection: self.override_protection,
            ..Settings::default()
        }
    }
}

/// What must come of a run; what is not said is not looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The run is refused before anything happens; the text that is shown stands in the snapshot.
    pub refused: bool,
    /// The steps of the plan that do something: `create a`.
    pub steps: Option<Vec<String>>,
    /// All outputs. A secret is `{secret: …}`; the directory of the case is `<dir>`.
    pub outputs: Option<Json>,
    /// Parts of rows of the state, by name.
    pub rows: BTreeMap<String, Json>,
    /// Names of all rows of the state, sorted.
    pub names: Option<Vec<String>>,
    /// The calls that change something: `create test:index:Flag a`.
    pub calls: Option<Vec<String>>,
    /// What data sources were asked.
    pub asked: Option<Vec<String>>,
    /// Resources that failed.
    pub failed: Vec<String>,
    /// Resources held back because of these.
    pub skipped: Vec<String>,
}

/// The cases of a file, read when the test runs, so that a changed case needs no build.
pub fn read(name: &str) -> Group {
    let file = format!("{}/tests/it/language/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{file}: {e}"));
    let json: Json = serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
    let group: Group = serde_path(json).unwrap_or_else(|e| panic!("{file}: {e}"));
    Group { name: name.to_owned(), ..group }
}

/// The whole group, or the rule of the case that cannot be read and why.
fn serde_path(json: Json) -> Result<Group, String> {
    if let Some(cases) = json.get("cases").and_then(Json::as_array) {
        for case in cases {
            if let Err(error) = Case::deserialize(case) {
                return Err(format!("{}: {error}", case.get("rule").unwrap_or(case)));
            }
        }
    }
    serde_json::from_value(json).map_err(|e| e.to_string())
}

/// Where a part is otherwise than expected; maps may hold more than is expected of them.
pub fn differs(expected: &Json, found: &Json) -> Option<String> {
    match (expected, found) {
        (Json::Object(expected), Json::Object(found)) => expected.iter().find_map(|(key, expected)| {
            let found = found.get(key).unwrap_or(&Json::Null);
            differs(expected, found).map(|why| format!("{key}: {why}"))
        }),
        (expected, found) if expected == found => None,
        (expected, found) => Some(format!("expected {expected}, found {found}")),
    }
}

/// Everything that a row says of interest.
pub fn row(row: &drctl::engine::state::Row, open: impl Fn(&drctl::engine::value::Value) -> Json) -> Json {
    let names = |urns: &[drctl::engine::urn::Urn]| urns.iter().map(|u| Json::from(u.name())).collect::<Json>();
    let timeout = |d: Option<std::time::Duration>| d.map_or(Json::Null, |d| Json::from(d.as_secs()));
    Json::Object(Map::from_iter([
        ("type".to_owned(), row.ty.as_str().into()),
        ("urn".to_owned(), row.key.urn.as_str().into()),
        ("region".to_owned(), row.place.0.as_str().into()),
        ("id".to_owned(), row.id.as_ref().map_or(Json::Null, |id| id.0.as_str().into())),
        ("inputs".to_owned(), open(&row.inputs)),
        ("outputs".to_owned(), open(&row.outputs)),
        ("parent".to_owned(), row.parent.as_ref().map_or(Json::Null, |u| u.name().into())),
        ("needs".to_owned(), names(&row.needs)),
        ("protect".to_owned(), row.protect.into()),
        ("retainOnDelete".to_owned(), row.retain_on_delete.into()),
        ("external".to_owned(), row.external.into()),
        ("deletedWith".to_owned(), row.deleted_with.as_ref().map_or(Json::Null, |u| u.name().into())),
        ("replaceWith".to_owned(), names(&row.replace_with)),
        ("secretOutputs".to_owned(), row.additional_secret_outputs.clone().into()),
        ("createTimeout".to_owned(), timeout(row.timeouts.create)),
        ("deleteTimeout".to_owned(), timeout(row.timeouts.delete)),
    ]))
}
