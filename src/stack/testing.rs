//! A small catalog and a cloud that only answers questions, so that the language is tested alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::asset::AssetInput;
use crate::engine::diagnostic::{Diagnostic, Severity};
use crate::engine::document::Document;
use crate::engine::error::{Error, Kind, Result};
use crate::engine::handle::Handle;
use crate::engine::program::{Given, Known, Program};
use crate::engine::provider::{At, Catalog, Identity, KindAt, Live, Made, Next, Provider};
use crate::engine::reach::Reach;
use crate::engine::resource::{self, Await, Facts, FoundBy, IdForm, Resource, Scope, Seen, Want};
use crate::engine::rules::{auto_name, exclusive, form, one_of, refers, replace};
use crate::engine::schema::{FunctionSchema, TypeSchema, json_schema, object};
use crate::engine::secret::Secret;
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Map, Value};
use crate::stack::load::NoStacks;
use crate::stack::{Answers, Loaded, NoDataKeys, Refused, Request, load, load_with};

type Tags = BTreeMap<String, String>;

/// A network.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Vpc {
    /// Range.
    #[schemars(transform = replace, transform = form(r"^\d+\.\d+\.\d+\.\d+/\d+$", "an IPv4 range such as `10.0.0.0/16`"))]
    cidr_block: Option<String>,
    /// Whether names resolve.
    #[serde(default)]
    enable_dns_hostnames: bool,
    /// Tenancy.
    #[schemars(transform = one_of(&["default", "dedicated"]))]
    instance_tenancy: Option<String>,
    /// Days.
    #[schemars(range(min = 1, max = 30))]
    retention: Option<i64>,
    /// Tags.
    #[serde(default)]
    tags: Tags,
}

/// What the cloud says of a network.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct VpcOutputs {
    arn: String,
    main_route_table_id: String,
}

/// A part of a network.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Subnet {
    /// Network.
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    vpc_id: String,
    /// Range.
    cidr_block: String,
    /// Zone.
    availability_zone: Option<String>,
    /// Tags.
    #[serde(default)]
    tags: Tags,
}

/// What the cloud says of a subnet.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SubnetOutputs {
    arn: String,
}

/// A rule of a group.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    /// Port.
    #[schemars(range(min = 0, max = 65535))]
    port: u16,
    /// Protocol.
    #[serde(default = "tcp")]
    protocol: String,
    /// Ranges.
    #[serde(default)]
    cidr_blocks: Vec<String>,
}

fn tcp() -> String {
    "tcp".into()
}

/// A group of rules.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SecurityGroup {
    /// Name.
    #[schemars(transform = auto_name(255))]
    name: Option<String>,
    /// Network.
    vpc_id: Option<String>,
    /// Rules.
    #[serde(default)]
    ingress: Vec<Rule>,
    /// Tags.
    #[serde(default)]
    tags: Tags,
}

/// A role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Role {
    /// Name.
    #[schemars(transform = auto_name(64))]
    name: Option<String>,
    /// Who may take it.
    assume_role_policy: Document,
    /// Tags.
    #[serde(default)]
    tags: Tags,
}

/// A database.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["password", "managePassword"]))]
struct Cluster {
    /// Version.
    engine_version: String,
    /// Password.
    password: Option<Secret<String>>,
    /// Whether the cloud keeps the password.
    manage_password: Option<bool>,
    /// Subnets.
    #[serde(default)]
    subnet_ids: Vec<String>,
}

/// What the cloud says of a database.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ClusterOutputs {
    endpoint: String,
    master: Vec<Master>,
}

/// A secret kept by the cloud.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Master {
    secret_arn: String,
}

/// Code.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Function {
    /// Archive.
    code: AssetInput,
    /// Environment.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// Role.
    role: String,
}

/// Nothing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Nothing {}

macro_rules! resource {
    ($ty:ident, $token:literal, $outputs:ident, $scope:expr) => {
        impl Resource for $ty {
            const TYPE: &'static str = $token;
            const FACTS: Facts = Facts { scope: $scope, ..Facts::new(IdForm::Random("x-", 8), FoundBy::OwnerTag) };
            type Outputs = $outputs;
            type Cx = ();

            async fn create(&self, _: &()) -> Result<resource::Made<Self>> {
                Err(Error::bug("no cloud"))
            }
            async fn read(_: &[Id], _: &Want, _: &()) -> Result<Vec<Seen<resource::Live<Self>>>> {
                Err(Error::bug("no cloud"))
            }
            async fn delete(&self, _: &Id, _: Option<&resource::Live<Self>>, _: &()) -> Result<resource::Next<Self>> {
                Err(Error::bug("no cloud"))
            }
            async fn find(&self, _: &()) -> Result<Vec<Id>> {
                Err(Error::bug("no cloud"))
            }
        }
    };
}

resource!(Vpc, "aws:ec2/vpc:Vpc", VpcOutputs, Scope::Region);
resource!(Subnet, "aws:ec2/subnet:Subnet", SubnetOutputs, Scope::Region);
resource!(SecurityGroup, "aws:ec2/securityGroup:SecurityGroup", SubnetOutputs, Scope::Region);
resource!(Role, "aws:iam/role:Role", SubnetOutputs, Scope::Global);
resource!(Cluster, "aws:rds/cluster:Cluster", ClusterOutputs, Scope::Region);
resource!(Function, "aws:lambda/function:Function", Nothing, Scope::Region);

/// Zones of a region.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
#[serde(rename_all = "camelCase")]
struct ZonesArguments {
    state: Option<String>,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct Zones {
    names: Vec<String>,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
#[serde(rename_all = "camelCase")]
struct RandomArguments {
    password_length: Option<i64>,
}

#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
#[serde(rename_all = "camelCase")]
struct RandomResult {
    random_password: Secret<String>,
}

fn function<A: JsonSchema, R: JsonSchema>(token: &'static str, volatile: bool) -> FunctionSchema {
    FunctionSchema {
        token,
        description: String::new(),
        arguments: object(&json_schema::<A>()),
        result: object(&json_schema::<R>()),
        region_aware: true,
        volatile,
        permissions: &[],
        acts_on: &[],
        decrypts: None,
    }
}

pub(crate) fn catalog() -> Arc<Catalog> {
    let types = vec![
        TypeSchema::of::<Vpc>(),
        TypeSchema::of::<Subnet>(),
        TypeSchema::of::<SecurityGroup>(),
        TypeSchema::of::<Role>(),
        TypeSchema::of::<Cluster>(),
        TypeSchema::of::<Function>(),
    ];
    let functions = vec![
        function::<ZonesArguments, Zones>("aws:index/getAvailabilityZones:getAvailabilityZones", false),
        function::<RandomArguments, RandomResult>("aws:secretsmanager/getRandomPassword:getRandomPassword", true),
    ];
    Arc::new(Catalog::new(types, functions))
}

/// Answers data sources and notes what was asked.
pub(crate) struct Cloud {
    catalog: Arc<Catalog>,
    reach: Reach,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Cloud {
    pub(crate) fn new() -> Self {
        Self { catalog: catalog(), reach: Reach::default(), asked: Mutex::default() }
    }
}

fn none<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T>> {
    Box::pin(async { Err(Error::bug("this cloud only answers questions")) })
}

impl Provider for Cloud {
    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }
    fn reach(&self) -> &Reach {
        &self.reach
    }
    fn identity(&self) -> BoxFuture<'_, Result<Identity>> {
        none()
    }
    fn identity_now(&self) -> BoxFuture<'_, Result<Identity>> {
        none()
    }
    fn create<'a>(&'a self, _: &'a At, _: &'a Value) -> BoxFuture<'a, Result<Made>> {
        none()
    }
    fn read<'a>(&'a self, _: &'a KindAt, _: &'a [Id], _: &'a Want) -> BoxFuture<'a, Result<Vec<Seen<Live>>>> {
        none()
    }
    fn update<'a>(&'a self, _: &'a At, _: &'a Id, _: &'a Value, _: &'a Live) -> BoxFuture<'a, Result<Next>> {
        none()
    }
    fn delete<'a>(&'a self, _: &'a At, _: &'a Id, _: &'a Value, _: Option<&'a Live>) -> BoxFuture<'a, Result<Next>> {
        none()
    }
    fn find<'a>(&'a self, _: &'a At, _: &'a Value) -> BoxFuture<'a, Result<Vec<Id>>> {
        none()
    }
    fn namesake<'a>(&'a self, _: &'a At, _: &'a Value) -> BoxFuture<'a, Result<Option<Id>>> {
        none()
    }
    fn awaits<'a>(
        &'a self,
        _: &'a At,
        _: &'a Id,
        _: &'a Value,
        _: Option<&'a Value>,
    ) -> BoxFuture<'a, Result<Option<Await>>> {
        none()
    }
    fn invoke<'a>(&'a self, function: &'a str, place: &'a Place, arguments: &'a Value) -> BoxFuture<'a, Result<Value>> {
        let json = arguments.to_json().map(|json| json.to_string()).unwrap_or_default();
        self.asked.lock().unwrap().push(format!("{function} {place} {json}"));
        Box::pin(async move {
            match function {
                _ if arguments.get("state").and_then(Value::as_str) == Some("refused") => {
                    Err(Error::new(Kind::Invalid, "not allowed"))
                }
                "aws:index/getAvailabilityZones:getAvailabilityZones" => {
                    Ok(Value::from_json(serde_json::json!({ "names": [format!("{place}a"), format!("{place}b")] })))
                }
                "aws:secretsmanager/getRandomPassword:getRandomPassword" => {
                    Ok(Value::from_json(serde_json::json!({ "randomPassword": "hunter2" })))
                }
                other => Err(Error::new(Kind::Invalid, format!("no {other}"))),
            }
        })
    }
}

/// A directory with files, loaded as a user would.
pub(crate) struct Desk {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) request: Request,
}

impl Desk {
    /// A stack `test` of one file.
    pub(crate) fn of(text: &str) -> Self {
        Self::files(&[("stacks/test.yaml", text)])
    }

    pub(crate) fn files(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let request = Request {
            stack: "test".into(),
            cwd: dir.path().to_owned(),
            config: Vec::new(),
            environment: BTreeMap::from([("AWS_REGION".to_owned(), "us-east-1".to_owned())]),
        };
        Self { dir, request }
    }

    pub(crate) fn stack(mut self, name: &str) -> Self {
        self.request.stack = name.into();
        self
    }

    pub(crate) fn cwd(mut self, path: &str) -> Self {
        self.request.cwd = self.dir.path().join(path);
        self
    }

    pub(crate) fn config(mut self, key: &str, value: &str) -> Self {
        self.request.config.push((key.into(), value.into()));
        self
    }

    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.request.environment.insert(key.into(), value.into());
        self
    }

    /// The program with the types of another catalog.
    pub(crate) fn load_of(&self, catalog: &Arc<Catalog>) -> std::result::Result<Loaded, Refused> {
        load_with(&self.request, catalog, Arc::new(NoStacks), &NoDataKeys, Arc::default())
    }

    pub(crate) fn load(&self) -> std::result::Result<Loaded, Vec<Diagnostic>> {
        load(&self.request, &catalog())
    }

    /// The program, which must be right.
    pub(crate) fn good(&self) -> Loaded {
        self.load().unwrap_or_else(|problems| panic!("{}", shown(&problems)))
    }

    /// The program as far as it can be known with some answers.
    pub(crate) fn with(&self, answers: &Arc<Answers>) -> Loaded {
        let loaded = load_with(&self.request, &catalog(), Arc::new(NoStacks), &NoDataKeys, Arc::clone(answers));
        loaded.unwrap_or_else(|refused| panic!("{}", shown(&Vec::from(refused))))
    }

    /// What is wrong with it.
    pub(crate) fn wrong(&self) -> String {
        match self.load() {
            Ok(loaded) => format!("loads, with warnings:\n{}", shown(&loaded.warnings)),
            Err(problems) => shown(&problems).replace(&self.dir.path().display().to_string(), "<dir>"),
        }
    }
}

/// Diagnostics in a plain and stable form.
pub(crate) fn shown(problems: &[Diagnostic]) -> String {
    let mut out = String::new();
    for problem in problems {
        let at = problem.at.as_ref().map(|at| format!("{at} ")).unwrap_or_default();
        let word = if problem.severity == Severity::Error { "error" } else { "warning" };
        let _ = writeln!(out, "{at}{word}[{}]: {}", problem.code, problem.message);
        for (place, word) in &problem.also {
            let _ = writeln!(out, "  {place} {word}");
        }
        if let Some(help) = &problem.help {
            let _ = writeln!(out, "  help: {help}");
        }
    }
    out
}

/// The outputs of a program as JSON, secrets as `{"secret": …}`, unknowns as `"?"`.
pub(crate) fn outputs(loaded: &Loaded) -> serde_json::Value {
    outputs_with(loaded, &Known::new())
}

pub(crate) fn outputs_with(loaded: &Loaded, known: &Known) -> serde_json::Value {
    let cloud = Cloud::new();
    let outputs = futures::executor::block_on(loaded.program.outputs(known, &cloud));
    match outputs {
        Ok(map) => open(&Value::Map(map)),
        Err(problems) => panic!("{}", shown(&problems)),
    }
}

/// The inputs of the resource of that name.
pub(crate) fn inputs(loaded: &Loaded, name: &str) -> serde_json::Value {
    inputs_with(loaded, name, &Known::new())
}

pub(crate) fn inputs_with(loaded: &Loaded, name: &str, known: &Known) -> serde_json::Value {
    open(&given(loaded, name, known).inputs)
}

/// What the program gives the resource of that name.
pub(crate) fn given(loaded: &Loaded, name: &str, known: &Known) -> Given {
    let cloud = Cloud::new();
    let urn = urn(loaded, name);
    let given = futures::executor::block_on(loaded.program.inputs(&urn, known, &cloud));
    given.unwrap_or_else(|problems| panic!("{}", shown(&problems)))
}

pub(crate) fn urn(loaded: &Loaded, name: &str) -> Urn {
    let found = loaded.program.declarations().iter().find(|d| d.urn.name() == name);
    found.unwrap_or_else(|| panic!("no resource {name}")).urn.clone()
}

/// Makes resources known with an id and outputs.
pub(crate) fn known(loaded: &Loaded, resources: &[(&str, &str, serde_json::Value)]) -> Known {
    let handle = |(name, id, properties): &(&str, &str, serde_json::Value)| {
        let urn = urn(loaded, name);
        let properties = match Value::from_json(properties.clone()) {
            Value::Map(map) => map,
            _ => Map::default(),
        };
        (urn.clone(), Handle::foreseen(&urn, Value::from(*id), Map::default(), properties))
    };
    resources.iter().map(handle).collect()
}

fn open(value: &Value) -> serde_json::Value {
    match value {
        Value::Secret(inner) => serde_json::json!({ "secret": open(inner) }),
        Value::Unknown => "?".into(),
        Value::List(items) => items.iter().map(open).collect(),
        Value::Map(map) => serde_json::Value::Object(map.iter().map(|(k, v)| (k.clone(), open(v))).collect()),
        Value::Resource(handle) => serde_json::json!({ "resource": handle.urn.name() }),
        other => other.to_json().unwrap(),
    }
}

/// A path below the crate.
#[allow(dead_code, reason = "used by tests that read files")]
pub(crate) fn here(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}
