//! From a stack's name to a checked program: the one entry of the language.

mod config;
mod declared;
mod early;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use crate::engine::diagnostic::{Diagnostic, Location, Severity, nearest};
use crate::engine::key_provider::KeyProvider;
use crate::engine::program::Known;
use crate::engine::provider::Catalog;
use crate::engine::resource;
use crate::engine::value::{Map, Value};
use crate::stack::answers::{Answers, NoAnswers, Question};
use crate::stack::assets::Assets;
use crate::stack::backend::Backend;
use crate::stack::body::{self, Context, Sections, section};
use crate::stack::budget::Unfolded;
use crate::stack::components::Library;
use crate::stack::credentials::{self, Credentials};
use crate::stack::dr::{self, Dr};
use crate::stack::eval::Run;
use crate::stack::expand::{Expansion, failed};
use crate::stack::expr::{Keys, Kind as ExprKind, wrong};
use crate::stack::fence::{self, Fence};
use crate::stack::files::Files;
use crate::stack::functions::scalar_text;
use crate::stack::instance::{Bound, Ending, Frame, Instance, Member, Others, Slot, Stacks, Tags, World};
use crate::stack::load::config::{AWS, PROVIDER};
use crate::stack::paths;
use crate::stack::program::StackProgram;
use crate::stack::project::{self, Project};
use crate::stack::pulumi_secrets::{DataKeys, NoDataKeys};
use crate::stack::reads::Reads;
use crate::stack::regions;
use crate::stack::request::Request;
use crate::stack::secrets;
use crate::stack::tags;
use crate::stack::yaml::{Kind as Yaml, Node};

pub(crate) use declared::{Declared, declared};

/// A program that passed every check that needs no cloud.
pub struct Loaded {
    pub program: StackProgram,
    /// What only a cloud can decide. While there is any, the program is a part of itself and must not be
    /// planned: give [`load_with`] the answers.
    pub questions: Vec<Question>,
    pub warnings: Vec<Diagnostic>,
    pub project: String,
    /// Name of the stack, with `@` and the instance if there is one.
    pub stack: String,
    /// Directory that the state lies in.
    pub directory: PathBuf,
    /// Directory that paths of assets start in.
    pub program_directory: PathBuf,
    /// Values of config entries that the environment may give, by variable, for the state.
    /// Secret ones are left out.
    pub environment: BTreeMap<String, String>,
    /// Role → region; the first is the default.
    pub regions: IndexMap<String, String>,
    pub dr: Option<Dr>,
    pub allowed_account_ids: Vec<String>,
    /// What AWS is reached with.
    pub credentials: Credentials,
    /// A hash of the files of the program.
    pub program_hash: String,
    /// A hash of the values of its config, secret ones too: to be kept sealed.
    pub config_hash: String,
    /// The file that holds the program.
    pub file: PathBuf,
    /// The file that `config set` writes to; it may not exist yet.
    pub config_file: PathBuf,
    /// The project wants every run to look at the cloud first: `options: {refresh: always}`.
    pub refresh: bool,
    /// Where the state is to be kept; none stands for files beside the stack.
    pub backend: Option<Backend>,
    /// What the secrets of a new state are to be opened with.
    pub secrets: Option<KeyProvider>,
    /// Reads the files and archives of the program.
    pub assets: Arc<Assets>,
    /// What the program has read beside its own text; more while it is planned and carried out.
    pub reads: Arc<Reads>,
}

/// No other stack is known.
pub(super) struct NoStacks;

impl Stacks for NoStacks {
    fn outputs(&self, _: &str) -> Result<Option<Map>, String> {
        Ok(None)
    }
}

/// Loads a program that refers to no other stack.
///
/// # Errors
/// Everything that is wrong, sorted by file and place.
pub fn load(request: &Request, catalog: &Arc<Catalog>) -> Result<Loaded, Vec<Diagnostic>> {
    load_beside(request, catalog, Arc::new(NoStacks), &NoDataKeys)
}

/// Loads a program that may refer to outputs of other stacks, and whose secure values a service may open.
///
/// # Errors
/// Everything that is wrong, sorted by file and place, and what only a cloud can decide.
pub fn load_beside(
    request: &Request,
    catalog: &Arc<Catalog>,
    stacks: Arc<dyn Stacks>,
    data_keys: &dyn DataKeys,
) -> Result<Loaded, Vec<Diagnostic>> {
    let loaded = load_with(request, catalog, stacks, data_keys, Arc::default())?;
    if loaded.questions.is_empty() {
        return Ok(loaded);
    }
    let open = |question: &Question| Diagnostic { severity: Severity::Error, help: None, ..question.note() };
    Err(loaded.questions.iter().map(open).collect())
}

/// Why a program was not loaded.
pub struct Refused {
    /// Everything that is wrong, sorted by file and place.
    problems: Vec<Diagnostic>,
    /// What can be told of the program all the same.
    program: Option<Box<StackProgram>>,
}

impl Refused {
    /// Everything that is wrong, and what else is by rules that look at the whole program.
    pub fn with(self, rules: impl FnOnce(&StackProgram) -> Vec<Diagnostic>) -> Vec<Diagnostic> {
        let mut problems = self.problems;
        if let Some(program) = &self.program {
            problems.extend(rules(program));
            sort(&mut problems);
        }
        problems
    }
}

impl From<Refused> for Vec<Diagnostic> {
    fn from(refused: Refused) -> Self {
        refused.problems
    }
}

/// Loads a program with the answers of data sources that its resources depend on. What has no answer
/// yet becomes one of [`Loaded::questions`], and the resources that it decides about are left out.
///
/// # Errors
/// Everything that is wrong.
pub fn load_with(
    request: &Request,
    catalog: &Arc<Catalog>,
    stacks: Arc<dyn Stacks>,
    data_keys: &dyn DataKeys,
    answers: Arc<Answers>,
) -> Result<Loaded, Refused> {
    let mut problems = Vec::new();
    let cwd = std::path::absolute(&request.cwd).unwrap_or_else(|_| request.cwd.clone());
    let request = &Request { cwd, ..request.clone() };
    let loaded = Loader::read(request, catalog, stacks, data_keys, answers, &mut problems);
    sort(&mut problems);
    match loaded {
        Some(mut loaded) if !failed(&problems) => {
            loaded.warnings = problems;
            Ok(loaded)
        }
        loaded => {
            // Regions that are placeholders, and what is too big to be looked at, tell nothing.
            let tells = !problems.iter().any(|problem| problem.code == regions::MISSING);
            let program = loaded.map(|loaded| loaded.program).filter(|program| tells && !program.is_too_big());
            Err(Refused { problems, program: program.map(Box::new) })
        }
    }
}

/// By file and place, each mistake once.
fn sort(problems: &mut Vec<Diagnostic>) {
    let key = |p: &Diagnostic| {
        let at = p.at.as_ref().map(|at| (at.source.name.clone(), at.start));
        (at.is_none(), at, p.code, p.message.clone())
    };
    problems.sort_by_cached_key(key);
    problems.dedup_by(|a, b| a.at == b.at && a.code == b.code && a.message == b.message);
    // Instances of one text make one mistake.
    problems.dedup_by(|a, b| a.at.is_some() && a.at == b.at && a.code == b.code && a.code == "function");
}

struct Loader<'a> {
    request: &'a Request,
    project: Project,
    problems: &'a mut Vec<Diagnostic>,
    /// Values that the stack file gives, by full key.
    given: Map,
    /// Where the stack file gives each of them.
    places: HashMap<String, Location>,
    /// Keys of values that could not be opened.
    sealed: Vec<String>,
    /// Full keys of the stack file, and where they stand.
    written: Vec<(String, Location)>,
    /// Something gives a config value what it has in this environment.
    is_set_apart: bool,
}

/// Sections of a program, for the warning about misspelt ones.
const SECTIONS: [&str; 27] = [
    "name",
    "description",
    "version",
    "namespace",
    "pulumi",
    "config",
    "configuration",
    "variables",
    "resources",
    "outputs",
    "components",
    "packages",
    "runtime",
    "main",
    "author",
    "website",
    "license",
    "backend",
    "options",
    "template",
    "plugins",
    "regions",
    "tags",
    "globalTags",
    "dr",
    "secrets",
    "assets",
];

impl<'a> Loader<'a> {
    fn new(request: &'a Request, project: Project, problems: &'a mut Vec<Diagnostic>) -> Self {
        let (given, places) = (Map::default(), HashMap::new());
        Self { request, project, problems, given, places, sealed: Vec::new(), written: Vec::new(), is_set_apart: false }
    }

    fn read(
        request: &'a Request,
        catalog: &Arc<Catalog>,
        stacks: Arc<dyn Stacks>,
        data_keys: &dyn DataKeys,
        answers: Arc<Answers>,
        problems: &'a mut Vec<Diagnostic>,
    ) -> Option<Loaded> {
        let mut files = Files::new(&request.cwd);
        let project = match project::find(request, &mut files) {
            Ok(project) => project,
            Err(found) => {
                problems.extend(files.slips);
                problems.extend(found);
                return None;
            }
        };
        problems.extend(project.warnings.iter().cloned());
        let mut loader = Self::new(request, project, problems);
        loader.stack_config(data_keys);
        loader.foreign_config();
        loader.program(files, catalog, stacks, answers)
    }

    fn program(
        mut self,
        mut files: Files,
        catalog: &Arc<Catalog>,
        stacks: Arc<dyn Stacks>,
        answers: Arc<Answers>,
    ) -> Option<Loaded> {
        let node = self.project.program.clone();
        if node.as_map().is_none() && !node.is_null() {
            self.problems.append(&mut files.slips);
            self.problems.push(wrong("a program", "a map", &node));
            return None;
        }
        self.misspelt_sections(&node);
        let mut part = |word: &str| section(&node, word, self.problems).map(|e| &e.value);
        let (variables, resources, outputs) = (part("variables"), part("resources"), part("outputs"));
        let (tags, global_tags) = (part("tags"), part("globalTags"));
        let (regions, dr, components) = (part("regions"), part("dr"), part("components"));
        let (secrets, assets) = (part("secrets"), part("assets"));
        let config_entries = self.config_entries(&node);
        self.undeclared_config(&config_entries);
        let outside: Vec<String> = [variables, resources]
            .into_iter()
            .flatten()
            .flat_map(|section| section.as_map().unwrap_or_default())
            .chain(&config_entries)
            .map(|entry| entry.key.clone())
            .collect();
        let cx = Context { catalog, project: &self.project.name, components: &[], outside: &outside };
        let mut library = Library::new(&mut files, cx, self.problems);
        let own = library.components(components, &[]);
        // A component whose file cannot be read is still a known name.
        let declared = components.and_then(Node::as_map).unwrap_or_default();
        let names: Vec<String> = declared.iter().map(|e| e.key.clone()).collect();
        let cx = Context { catalog, project: &self.project.name, components: &names, outside: &[] };
        let inputs = config_entries.iter().collect();
        let sections = Sections { inputs, variables, resources, outputs, tags, global_tags };
        let program = body::read(&sections, own.clone(), &cx, library.problems);
        library.bodies[0] = Some(program);
        let bodies: Vec<_> = library.bodies.into_iter().flatten().collect();
        self.problems.extend(paths::check(&bodies, &own, catalog));
        self.problems.append(&mut files.slips);
        let program_hash = files.fingerprint(&self.project.config_file);
        let homes = files.dirs.values().map(|dir| fence::home(dir));
        let fence = Fence::around(std::iter::once(self.project.directory.clone()).chain(homes));
        let mut world = World {
            catalog: Arc::clone(catalog),
            bodies,
            instances: Vec::new(),
            nodes: Vec::new(),
            by_urn: HashMap::new(),
            pulumi: self.pulumi(),
            roles: IndexMap::new(),
            regions: Vec::new(),
            dirs: files.dirs,
            program_dir: self.project.program_dir.clone(),
            environment: self.request.environment.clone(),
            assets: Arc::new(Assets::new(&self.project.program_dir, fence)),
            reads: Arc::default(),
            secrets: Arc::default(),
            stacks: Others::new(stacks),
            constants: HashMap::new(),
            is_partial: failed(self.problems),
            too_big: OnceLock::new(),
            default_tags: Map::default(),
        };
        if self.is_open(assets) {
            world.assets = Arc::new(Assets::new(&self.project.program_dir, Fence::open()));
        }
        let (assets, reads) = (Arc::clone(&world.assets), Arc::clone(&world.reads));
        let environment = self.root(&mut world);
        let config_hash = self.config_hash(&world);
        self.regions(&mut world, regions);
        self.provider_config(&mut world);
        let mut questions = Vec::new();
        Expansion {
            answers: &*answers,
            questions: &mut questions,
            unfolded: Unfolded::default(),
            world: &mut world,
            project: &self.project.name,
            stack: &self.project.stack,
            components: &own,
            problems: self.problems,
        }
        .run();
        self.idle_instance(&world);
        let dr = dr.and_then(|node| {
            let value = self.early(&world, node)?;
            dr::read(&value, &node.at, self.problems)
        });
        let secrets = secrets.and_then(|node| {
            let value = self.early(&world, node)?;
            secrets::read(&value, &node.at, self.problems)
        });
        let regions = world.roles.clone();
        let allowed_account_ids = self.allowed_accounts(&world);
        let credentials = credentials::of(&world, &self.given, self.problems);
        let program =
            StackProgram::new(self.project.stack.clone(), self.project.name.clone(), world, answers, self.problems);
        regions::tell_once(self.problems, &node.at.source.name);
        Some(Loaded {
            program,
            questions,
            warnings: Vec::new(),
            project: self.project.name,
            stack: self.project.stack,
            directory: self.project.directory,
            program_directory: self.project.program_dir,
            environment,
            regions,
            dr,
            allowed_account_ids,
            credentials,
            program_hash,
            config_hash,
            file: self.project.file,
            config_file: self.project.config_file,
            backend: self.project.backend,
            refresh: self.project.refresh,
            secrets,
            assets,
            reads,
        })
    }

    /// Whether the program may read files outside of the project.
    fn is_open(&mut self, assets: Option<&Node>) -> bool {
        const KEYS: [&str; 1] = ["outside"];
        let Some(assets) = assets.filter(|node| !node.is_null()) else { return false };
        let keys = Keys::of(assets, "`assets`", &KEYS, self.problems);
        match keys.as_ref().and_then(|keys| keys.get("outside")).map(|node| (&node.kind, node)) {
            None => false,
            Some((Yaml::Bool(outside), _)) => *outside,
            Some((_, node)) => {
                self.problems.push(wrong("`outside` of `assets`", "a boolean", node));
                false
            }
        }
    }

    /// Other keys are legal and mean nothing; one that looks like a section or a setting of the provider is
    /// a slip.
    fn misspelt_sections(&mut self, node: &Node) {
        for entry in node.as_map().unwrap_or_default() {
            if SECTIONS.iter().any(|s| entry.key.eq_ignore_ascii_case(s)) {
                continue;
            }
            let setting = entry.key.strip_prefix(AWS).unwrap_or(&entry.key);
            // What a file extends is taken out of it when it is read.
            let help = match (nearest(&entry.key, SECTIONS.into_iter().chain(["extends"])), nearest(setting, PROVIDER))
            {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, Some(setting)) => format!("write it under `config` as `{AWS}{setting}`"),
                (None, None) => continue,
            };
            let problem = Diagnostic::warning("unknown-section", format!("`{}` has no meaning here", entry.key));
            self.problems.push(problem.at(entry.at.clone()).help(help));
        }
    }

    fn pulumi(&self) -> Value {
        let text = |path: &Path| Value::from(path.to_string_lossy().into_owned());
        let project = &self.project;
        Value::Map(Map::from_iter([
            ("cwd".to_owned(), text(&project.program_dir)),
            ("stack".to_owned(), Value::from(project.stack.as_str())),
            ("project".to_owned(), Value::from(project.name.as_str())),
            ("organization".to_owned(), Value::from("organization")),
            ("rootDirectory".to_owned(), text(&project.root)),
        ]))
    }

    /// Makes the program's own instance, with the config in it. Gives what the environment may set.
    fn root(&mut self, world: &mut World) -> BTreeMap<String, String> {
        let frame = Frame { instance: 0, each: None, region: None };
        let body = &world.bodies[0];
        let members = body.resources.iter().map(|_| Member::Pending).collect();
        let everywhere = body.tags.clone().map(|expr| Tags { expr, frame, only: None });
        let global = body.global_tags.clone().map(|expr| Tags { expr, frame, only: Some(resource::Scope::Global) });
        let tags = everywhere.into_iter().chain(global).collect();
        let inputs = body.inputs.iter().map(|_| Bound::Default).collect();
        world.instances.push(Instance {
            body: 0,
            prefix: String::new(),
            parent: None,
            frame,
            inputs,
            members,
            groups: HashMap::new(),
            tags,
            ending: Ending::default(),
            provider: None,
            depends_on: Vec::new(),
            former: Vec::new(),
            chain: vec![0],
            position: Vec::new(),
        });
        let mut environment = BTreeMap::new();
        for n in 0..world.bodies[0].inputs.len() {
            let input = &world.bodies[0].inputs[n];
            let bound = self.config_value(world, n);
            if let (Bound::Value(value), Some(variable)) = (&bound, &input.env)
                && !value.has_secret()
            {
                let shown = scalar_text(value).or_else(|| value.to_json().ok().map(|json| json.to_string()));
                environment.extend(shown.map(|text| (variable.clone(), text)));
            }
            if let Bound::Value(value) = &bound {
                let key = self.full_key(&input.name);
                self.given.entry(key).or_insert_with(|| Value::clone(value));
                world.constants.insert(Slot::Input(0, n), Arc::clone(value));
            }
            world.instances[0].inputs[n] = bound;
        }
        self.unknown_config(world);
        environment
    }

    /// The roles of the stack, and the region of everything that says nothing else.
    fn regions(&mut self, world: &mut World, node: Option<&Node>) {
        let before = self.problems.len();
        if let Some(node) = node.filter(|n| !n.is_null())
            && let Some(value) = self.early(world, node)
        {
            match value.as_map() {
                Some(map) => {
                    for (role, region) in map {
                        let entry = node.get(role);
                        let at = entry.map_or(&node.at, |e| &e.value.at);
                        match scalar_text(region).filter(|text| regions::is_region(text)) {
                            Some(name) => {
                                let doubt = regions::doubtful(&name).map(|problem| problem.at(at.clone()));
                                let unfit = regions::unfit_role(role, &name);
                                let unfit = unfit.map(|problem| problem.at(entry.map_or(at, |e| &e.at).clone()));
                                self.problems.extend(doubt.into_iter().chain(unfit));
                                world.roles.insert(role.clone(), name);
                            }
                            None => {
                                let text = format!("role `{role}` does not name an AWS region");
                                let problem = Diagnostic::error("unknown-region", text).at(at.clone());
                                self.problems.push(problem.help("AWS regions look like `eu-west-1`"));
                            }
                        }
                    }
                }
                None => self.problems.push(wrong("`regions`", "a map from roles to AWS regions", node)),
            }
        }
        if !world.roles.is_empty() && self.request.config.iter().any(|(key, _)| key == "aws:region") {
            let problem = Diagnostic::error("region", "`aws:region` has no effect where `regions:` names the regions");
            self.problems.push(problem.help("change `regions:`, or make a region a config value that it uses"));
        }
        let environment = |name: &str| self.request.environment.get(name).filter(|v| !v.is_empty()).cloned();
        let default = world
            .roles
            .keys()
            .next()
            .cloned()
            .or_else(|| self.given.get("aws:region").and_then(scalar_text))
            .or_else(|| environment("AWS_REGION"))
            .or_else(|| environment("AWS_DEFAULT_REGION"));
        if let Some(default) = &default {
            let place = |problem: Diagnostic| Diagnostic { at: self.places.get("aws:region").cloned(), ..problem };
            let (found, doubt) = (world.find_region(default), world.doubt(default));
            match found {
                Ok(region) => {
                    world.instances[0].frame.region = Some(region);
                    self.problems.extend(doubt.map(place));
                }
                Err(problem) => self.problems.push(place(problem)),
            }
        }
        if failed(&self.problems[before..]) && world.instances[0].frame.region.is_none() {
            world.instances[0].frame.region = world.find_region(&regions::placeholder().name).ok();
        }
        let root = world.instances[0].frame;
        world.instances[0].tags.iter_mut().for_each(|tags| tags.frame = root);
    }

    /// `aws:*` values steer the default provider.
    fn provider_config(&mut self, world: &mut World) {
        let given = self.given.get("aws:defaultTags").map(credentials::opened);
        if let Some(tags) = given.as_ref().and_then(|t| t.get("tags")).and_then(Value::as_map) {
            let place = self.places.get("aws:defaultTags");
            world.default_tags = tags::sound(tags, |_| place.cloned(), self.problems);
        }
    }

    fn allowed_accounts(&self, world: &World) -> Vec<String> {
        let known = Known::new();
        let mut run = Run::new(world, &known, &NoAnswers);
        let mut ids: Vec<String> = Vec::new();
        let mut add = |value: &Value| match value.bare() {
            Value::List(items) => ids.extend(items.iter().filter_map(scalar_text)),
            Value::String(text) => {
                let list = serde_json::from_str::<Vec<String>>(text).unwrap_or_else(|_| vec![text.clone()]);
                ids.extend(list);
            }
            _ => {}
        };
        self.given.get("aws:allowedAccountIds").into_iter().for_each(&mut add);
        for node in &world.nodes {
            if let (crate::stack::body::Type::Provider, ExprKind::Map(entries)) =
                (&node.block.ty, &node.block.properties.kind)
                && let Some((_, _, expr)) = entries.iter().find(|(k, _, _)| k == "allowedAccountIds")
                && let Some(value) = run.eval(expr, node.frame)
            {
                add(&value);
            }
        }
        ids.sort();
        ids.dedup();
        ids
    }
}
