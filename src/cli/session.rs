//! What a command works on: the program, where its state lies, and the cloud.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;

use crate::aws::{self, Aws};
use crate::checks;
use crate::cli::Global;
use crate::cli::data_keys::ByKms;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, io};
use crate::cli::watch::{Questions, Watched};
use crate::engine::clock::Clock;
use crate::engine::diagnostic::{Diagnostic, Severity};
use crate::engine::error::Error;
use crate::engine::key_provider::{KeyProvider, KeyService};
use crate::engine::program::Program;
use crate::engine::provider::{Catalog, Provider};
use crate::engine::state::State;
use crate::engine::urn::Place;
use crate::engine::value::Map;
use crate::random::WithRandom;
use crate::render;
use crate::render::regions::Regions;
use crate::stack::{self, Backend, Loaded, Reads, Request, Stacks};
use crate::state::{
    Buckets, FileLock, Finding, Keys, Location, Lock, Notice, Owner, Source, StateError, States, Stored, World,
    check_environment, check_project, check_target, lint, lint_names, make_dir, make_new, silently,
};
use crate::twin::Twin;

pub(super) use crate::cli::target::Target;
use crate::cli::target::profile_region;

/// How long a command waits for another one that changes the twin.
const PATIENCE: Duration = Duration::from_secs(60);

/// All types and functions that programs may name, made when a command first needs them.
pub(super) fn catalog() -> &'static Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    CATALOG.get_or_init(|| Arc::clone(WithRandom::new(Arc::new(Aws::new(aws::Settings::default()))).catalog()))
}

/// Everything that is wrong with a state, in itself and in what it names.
pub(super) fn lint_all(state: &State) -> Vec<Finding> {
    let world = World { catalog: catalog(), regions: &stack::REGIONS };
    lint(state).into_iter().chain(lint_names(state, world)).collect()
}

/// The variables of the process. Where none names a region, the AWS profile does.
pub(super) fn environment() -> BTreeMap<String, String> {
    let own = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let mut environment: BTreeMap<String, String> = own.collect();
    let given = |name: &str| environment.get(name).is_some_and(|region| !region.is_empty());
    if !given("AWS_REGION") && !given("AWS_DEFAULT_REGION") {
        let region = profile_region(&environment).map(|region| ("AWS_DEFAULT_REGION".to_owned(), region));
        environment.extend(region);
    }
    environment
}

/// Where commands look for files.
pub(super) fn directory(global: &Global) -> Result<PathBuf> {
    let here = std::env::current_dir().map_err(io("read", Path::new(".")))?;
    let directory = global.cwd.as_ref().map_or_else(|| here.clone(), |cwd| here.join(cwd));
    if directory.is_dir() {
        return Ok(directory);
    }
    let message = format!("there is no directory {}", directory.display());
    Err(Failure::new(Exit::Configuration, message, "name a directory that exists with `--cwd`"))
}

/// Loads the program of the stack that was asked for, for commands that ask no cloud, and shows its
/// warnings and what it leaves out.
pub(super) fn load(global: &Global) -> Result<Loaded> {
    let loaded = read(global)?;
    show_warnings(&loaded);
    Ok(loaded)
}

/// The same for commands that show warnings themselves.
pub(super) fn read(global: &Global) -> Result<Loaded> {
    let mut loaded = checked(global, Arc::default())?;
    loaded.warnings.extend(loaded.questions.iter().map(stack::Question::note));
    Ok(loaded)
}

/// Loads the program as far as it can be known with these answers.
///
/// A program that breaks a rule is refused here and not in `try_load`: whatever the text says, what
/// exists can be looked at and destroyed.
fn checked(global: &Global, answers: Arc<stack::Answers>) -> Result<Loaded> {
    let mut loaded = loading(global, answers)?.map_err(|refused| refused.with(checks::check))?;
    loaded.warnings.extend(checks::check(&loaded.program));
    if loaded.program.declarations().is_empty() && loaded.questions.is_empty() {
        let empty = Diagnostic::warning("no-resources", format!("`{}` declares no resource", loaded.stack));
        loaded.warnings.push(empty.help(format!("is {} complete?", loaded.file.display())));
    }
    if loaded.warnings.iter().any(|found| found.severity == Severity::Error) {
        return Err(Failure::Program(loaded.warnings));
    }
    Ok(loaded)
}

fn show_warnings(loaded: &Loaded) {
    if !loaded.warnings.is_empty() {
        render::say(render::diagnostics::Diagnostics(&loaded.warnings));
    }
}

fn try_load(global: &Global, answers: Arc<stack::Answers>) -> Result<Loaded> {
    Ok(loading(global, answers)?.map_err(Vec::from)?)
}

fn loading(global: &Global, answers: Arc<stack::Answers>) -> Result<std::result::Result<Loaded, stack::Refused>> {
    let request = request(global)?;
    let others = Others {
        request: request.clone(),
        target: Target::chosen(global)?,
        state: global.state.clone(),
        unavailable: global.selection.unavailable.clone(),
    };
    Ok(stack::load_with(&request, catalog(), Arc::new(others), &ByKms, answers))
}

/// The stack that the command line asks for, with all that its program may depend on.
pub(super) fn request(global: &Global) -> Result<Request> {
    let cwd = directory(global)?;
    let stack = named(global, &cwd)?;
    Ok(Request { stack, cwd, config: global.config.clone(), environment: environment() })
}

/// The stack that was asked for, or the only one there is.
fn named(global: &Global, cwd: &Path) -> Result<String> {
    if let Some(stack) = &global.stack {
        return Ok(stack.clone());
    }
    let mut stacks = stacks_below(cwd);
    match stacks.len() {
        1 => Ok(stacks.remove(0)),
        0 => Err(Failure::new(
            Exit::StackNotFound,
            "no stack was named, and there is none in `stacks/` and no `Pulumi.yaml` here",
            "name one with `--stack`, or another directory with `--cwd`",
        )),
        _ => Err(Failure::new(
            Exit::StackNotFound,
            "no stack was named, and there are several",
            format!("use `--stack` with one of {}", stacks.join(", ")),
        )),
    }
}

fn stacks_below(cwd: &Path) -> Vec<String> {
    let files = |directory: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.filter_map(|e| e.file_name().into_string().ok()).collect()
    };
    let here = files(cwd);
    let mut stacks: Vec<String> = if here.iter().any(|f| f == "Pulumi.yaml") {
        let names = here.iter().filter_map(|f| f.strip_prefix("Pulumi.")?.strip_suffix(".yaml"));
        let stacks: Vec<String> = names.map(str::to_owned).collect();
        if stacks.is_empty() { vec!["dev".to_owned()] } else { stacks }
    } else {
        let names = files(&cwd.join("stacks"));
        let stacks = names.iter().filter(|f| !f.starts_with("Pulumi.")).filter_map(|f| f.strip_suffix(".yaml"));
        stacks.map(str::to_owned).collect()
    };
    stacks.sort();
    stacks
}

fn state_root(directory: &Path) -> PathBuf {
    directory.join(".drctl")
}

/// The file that `config set` writes to. It must be found before the program is whole, because what
/// is missing may be the very value to be set.
pub(super) fn config_file(global: &Global) -> Result<PathBuf> {
    Ok(stack::locate(&request(global)?)?.config_file())
}

/// The state directory of the project that a directory is in: the nearest one here or above, but none above
/// the first directory that has stacks of its own.
pub(super) fn nearest_state_root(cwd: &Path) -> PathBuf {
    let is_project =
        |directory: &&Path| ["stacks", "Pulumi.yaml", "Pulumi.yml"].iter().any(|name| directory.join(name).exists());
    let project = cwd.ancestors().find(is_project);
    let within = cwd.ancestors().take_while(|directory| project.is_none_or(|project| directory.starts_with(project)));
    let found = within.map(state_root).find(|root| root.is_dir());
    found.unwrap_or_else(|| state_root(project.unwrap_or(cwd)))
}

/// Where the states of a target are kept: what the command line says, else what the stack's file says.
/// States of the twin stay beside the twin unless the command line says otherwise. Buckets in regions that
/// are `unavailable` are left alone.
fn place(
    state: Option<&str>,
    target: &Target,
    backend: Option<&Backend>,
    root: PathBuf,
    unavailable: Vec<String>,
) -> Result<States> {
    let location = |url: &str, region: Option<&String>| -> Result<Location> {
        let parsed = Location::parse(url).map_err(failed)?;
        Ok(Location { region: region.cloned().or(parsed.region.clone()), ..parsed })
    };
    let written = match backend {
        Some(Backend { url, region, replica, .. }) => {
            let replica = replica.as_ref().map(|(url, region)| location(url, region.as_ref())).transpose()?;
            Some((location(url, region.as_ref())?, replica))
        }
        None => None,
    };
    let (first, copy) = match (state, written) {
        (Some("local"), _) => return Ok(States::local(root, target.name())),
        (Some(url), written) => {
            let given = location(url, None)?;
            match written {
                Some((first, second)) if first.is_same_place(&given) => (first, second),
                // The copy takes the lead, for as long as the other one is away.
                Some((first, Some(second))) if second.is_same_place(&given) => (second, Some(first)),
                _ => (given, None),
            }
        }
        (None, Some(written)) if *target != Target::Twin => written,
        (None, _) => return Ok(States::local(root, target.name())),
    };
    if copy.as_ref().is_some_and(|copy| copy.bucket == first.bucket) {
        let message = format!("a state in {first} can have no copy in the same bucket");
        return Err(Failure::new(Exit::Configuration, message, "name a bucket in another region as `replica`"));
    }
    let tell = Arc::new(|bucket: &str| render::say(format_args!("Waiting for {bucket}\n")));
    Ok(States::s3(root, target.name(), Buckets { first, copy, unavailable, tell }))
}

/// Where states are kept of stacks that are not named: of the only stack there is, or of all of them
/// if they agree.
pub(super) fn states_here(global: &Global) -> Result<States> {
    let cwd = directory(global)?;
    let names = match &global.stack {
        Some(stack) => vec![stack.clone()],
        None => stacks_below(&cwd),
    };
    let mut backends = Vec::new();
    for stack in names {
        let request = Request { stack, cwd: cwd.clone(), environment: environment(), ..Request::default() };
        // A file that cannot be read hides no other stack.
        let backend = stack::backend(&request).unwrap_or_default();
        let urls = |backend: &Option<Backend>| backend.as_ref().map(|b| (b.url.clone(), b.replica.clone()));
        if !backends.iter().any(|known| urls(known) == urls(&backend)) {
            backends.push(backend);
        }
    }
    let target = Target::chosen(global)?;
    let backend = match backends.as_slice() {
        _ if global.state.is_some() || target == Target::Twin => None,
        [] => None,
        [only] => only.as_ref(),
        _ => {
            return Err(Failure::new(
                Exit::Configuration,
                "the stacks here keep their states in different places",
                "name one of them with `--stack`, or a place with `--state`",
            ));
        }
    };
    place(global.state.as_deref(), &target, backend, nearest_state_root(&cwd), Vec::new())
}

/// Outputs of other stacks on the same target, each where its own file says that its state is. One
/// without a file is beside the stack that refers to it.
struct Others {
    request: Request,
    target: Target,
    state: Option<String>,
    /// Regions that were given as such. Those that were given as roles are known once the program is.
    unavailable: Vec<String>,
}

impl Others {
    fn states(&self, stack: &str) -> Result<States> {
        let request = |stack: &str| Request { stack: stack.to_owned(), ..self.request.clone() };
        let backend = match stack::backend(&request(stack)) {
            Ok(backend) => backend,
            Err(_) => stack::backend(&self.request).unwrap_or_default(),
        };
        let root = nearest_state_root(&self.request.cwd);
        place(self.state.as_deref(), &self.target, backend.as_ref(), root, self.unavailable.clone())
    }
}

impl Stacks for Others {
    fn outputs(&self, stack: &str) -> std::result::Result<Option<Map>, String> {
        // `organization/project/stack` is how Pulumi names stacks of others.
        let stack = stack.rsplit('/').next().unwrap_or(stack);
        let states = self.states(stack).map_err(|failure| failure.message())?;
        let (stored, target) = (states.of(stack), self.target.clone());
        // Expressions are evaluated inside a runtime too, where another may not be started.
        let reader = std::thread::spawn(move || {
            let runtime = runtime(false).map_err(|_| "no runtime could be started".to_owned())?;
            let load = async {
                if !stored.exists().await? {
                    return Ok(None);
                }
                let (keys, _) = stored.open_keys(source(&target)?).await?;
                stored.load(&keys).await
            };
            runtime.block_on(load).map_err(|e: StateError| e.to_string())
        });
        let state = reader.join().map_err(|_| "the reader of its state failed".to_owned())??;
        Ok(state.map(|s| s.outputs))
    }
}

/// What is at hand to open keys. A simulation asks nobody.
fn source(target: &Target) -> std::result::Result<Source, StateError> {
    let source = Source::from_environment(|name| std::env::var(name).ok())?;
    let service = || Arc::new(aws::Kms::new(aws::Settings::default())) as Arc<dyn KeyService>;
    Ok(Source { service: (*target != Target::Twin).then(service), ..source })
}

/// Where the state of a stack lies.
pub(super) struct Site {
    /// The project's `.drctl`.
    pub(super) root: PathBuf,
    pub(super) states: States,
    pub(super) target: Target,
    pub(super) stack: String,
    pub(super) project: String,
    pub(super) regions: Regions,
    /// What the user asks to open the secrets with.
    secrets: Option<KeyProvider>,
    /// The program, where it could be loaded.
    pub(super) loaded: Option<Loaded>,
    /// Those of the program.
    pub(super) hashes: Option<Hashes>,
}

/// What a saved plan remembers of a program.
#[derive(Debug, Clone, Default)]
pub(super) struct Hashes {
    pub(super) program: String,
    pub(super) config: String,
    /// Complete once there is a plan.
    pub(super) reads: Arc<Reads>,
}

impl Hashes {
    fn of(loaded: &Loaded) -> Self {
        Self {
            program: loaded.program_hash.clone(),
            config: loaded.config_hash.clone(),
            reads: Arc::clone(&loaded.reads),
        }
    }
}

impl Site {
    /// For commands that run the program.
    pub(super) fn with_program(global: &Global) -> Result<Self> {
        let loaded = checked(global, Arc::default())?;
        if loaded.questions.is_empty() {
            show_warnings(&loaded);
        }
        Self::of(loaded, global)
    }

    /// Asks the cloud what the program leaves to it, and loads the program anew with the answers, until
    /// all of it is there.
    pub(super) async fn complete(&mut self, global: &Global, cloud: &Cloud) -> Result<()> {
        let answers = Arc::<stack::Answers>::default();
        while let Some(loaded) = self.loaded.as_ref().filter(|loaded| !loaded.questions.is_empty()) {
            answers.ask(&loaded.questions, catalog(), &*cloud.provider()).await.map_err(Failure::Program)?;
            let loaded = checked(global, Arc::clone(&answers))?;
            if loaded.questions.is_empty() {
                show_warnings(&loaded);
            }
            self.hashes = Some(Hashes::of(&loaded));
            self.loaded = Some(loaded);
        }
        Ok(())
    }

    /// For commands that need no more than the state, whatever has become of the program.
    pub(super) fn of_state(global: &Global) -> Result<Self> {
        match try_load(global, Arc::default()) {
            Ok(loaded) => Self::of(loaded, global),
            Err(Failure::Program(_)) => Self::without_program(global),
            Err(failure) => Err(failure),
        }
    }

    /// Where the state of a stack lies whose program is broken, or has gone. A file that was named and
    /// does not exist stands for nothing else.
    fn without_program(global: &Global) -> Result<Self> {
        let request = request(global)?;
        let target = Target::chosen(global)?;
        let (root, stack, found) = match (stack::locate(&request), stack::bare_name(&request)) {
            (Ok(located), _) => {
                let stack = located.stack();
                let text = format!("the program of `{stack}` cannot be loaded: its state alone is used");
                let found =
                    Diagnostic::warning("no-program", text).help("`drctl validate` tells what is wrong with it");
                (state_root(&located.directory()), stack, found)
            }
            (Err(problems), Some(stack)) if problems.iter().all(|p| p.code == stack::UNKNOWN) => {
                let text = format!("there is no program of a stack `{stack}`: its state alone is used");
                let help = problems.into_iter().find_map(|p| p.help);
                let found = Diagnostic { help, ..Diagnostic::warning("no-program", text) };
                (nearest_state_root(&request.cwd), stack, found)
            }
            (Err(problems), _) => return Err(Failure::Program(problems)),
        };
        let backend = match stack::backend(&request) {
            Ok(backend) => backend,
            // A stack without a file has its state where files are.
            Err(problems) if problems.iter().any(|problem| problem.code == stack::UNKNOWN) => None,
            Err(_) if global.state.is_some() || target == Target::Twin => None,
            // Where its state is stands in the file.
            Err(problems) => return Err(Failure::Program(problems)),
        };
        render::say(render::diagnostics::Diagnostics(&[found]));
        let regions = Regions::default();
        let unavailable = global.selection.unavailable(&regions)?;
        Ok(Self {
            states: place(global.state.as_deref(), &target, backend.as_ref(), root.clone(), unavailable)?,
            root,
            target,
            stack,
            project: String::new(),
            regions,
            secrets: global.secrets.clone(),
            loaded: None,
            hashes: None,
        })
    }

    pub(super) fn of(loaded: Loaded, global: &Global) -> Result<Self> {
        let target = Target::with_profile(global, loaded.credentials.profile.as_deref())?;
        let root = state_root(&loaded.directory);
        let regions = Regions::new(loaded.regions.clone());
        let unavailable = global.selection.unavailable(&regions)?;
        Ok(Self {
            states: place(global.state.as_deref(), &target, loaded.backend.as_ref(), root.clone(), unavailable)?,
            root,
            target,
            secrets: global.secrets.clone().or_else(|| loaded.secrets.clone()),
            stack: loaded.stack.clone(),
            project: loaded.project.clone(),
            regions,
            hashes: Some(Hashes::of(&loaded)),
            loaded: Some(loaded),
        })
    }

    pub(super) fn stored(&self) -> Stored {
        self.states.of(&self.stack)
    }

    /// Whether the stack has a state.
    pub(super) async fn exists(&self) -> Result<bool> {
        self.stored().exists().await.map_err(failed)
    }

    /// The place of the stack's state if it were kept in that place.
    pub(super) fn elsewhere(&self, to: &str) -> Result<Stored> {
        let backend = self.loaded.as_ref().and_then(|loaded| loaded.backend.as_ref());
        Ok(place(Some(to), &self.target, backend, self.root.clone(), Vec::new())?.of(&self.stack))
    }

    /// Where the file of the stack says that its state is.
    pub(super) fn backend_place(&self) -> Option<String> {
        let backend = self.loaded.as_ref().and_then(|loaded| loaded.backend.as_ref());
        Some(place(None, &self.target, backend, self.root.clone(), Vec::new()).ok()?.place())
    }

    /// Says what a user should know of the place where the state is kept.
    pub(super) fn warn(&self) {
        self.states.warnings().into_iter().for_each(render::warn);
    }

    pub(super) async fn must_exist(&self) -> Result<()> {
        if self.exists().await? { Ok(()) } else { Err(self.not_found()) }
    }

    /// Takes the lock for a command that changes the state and waits for nobody.
    pub(super) async fn lock(&self, command: &str) -> Result<Lock> {
        let owner = Owner::here(&ulid::Ulid::generate().to_string(), &format!("{command} --stack {}", self.stack));
        self.stored().lock(owner, Duration::ZERO, silently()).await.map_err(failed)
    }

    /// Opens the keys of the state's secrets, and tells what the user should know of them.
    pub(super) async fn keys(&self) -> Result<Keys> {
        let (keys, notice) = self.stored().open_keys(self.source().map_err(failed)?).await.map_err(failed)?;
        match notice {
            Some(Notice::KeyFileMade(path)) => render::say(format_args!(
                "Secrets of this project are sealed with the new key in {}: keep it, and keep it to yourself.\n",
                path.display()
            )),
            Some(Notice::PassphraseUnused(path)) => render::warn(format_args!(
                "the passphrase is not used: {} still opens the secrets of this project",
                path.display()
            )),
            Some(notice) => render::warn(notice),
            None => {}
        }
        Ok(keys)
    }

    /// What is at hand to open the keys, and what the user asks to open them with.
    pub(super) fn source(&self) -> std::result::Result<Source, StateError> {
        let source = source(&self.target)?;
        let service = || Arc::new(aws::Kms::new(aws_settings(self.loaded.as_ref()))) as Arc<dyn KeyService>;
        Ok(Source { wanted: self.wanted(), service: source.service.map(|_| service()), ..source })
    }

    /// What the user asks to open the secrets with. A simulation asks no service.
    pub(super) fn wanted(&self) -> Option<KeyProvider> {
        let asks = |wanted: &KeyProvider| self.target != Target::Twin || !matches!(wanted, KeyProvider::Kms(_));
        self.secrets.clone().filter(asks)
    }

    /// The state, for commands that only look at it.
    pub(super) async fn state(&self) -> Result<(State, Keys)> {
        self.must_exist().await?;
        let keys = self.keys().await?;
        let state = self.stored().load(&keys).await;
        self.warn();
        let state = state.map_err(failed)?.ok_or_else(|| self.not_found())?;
        Ok((state, keys))
    }

    /// Config that comes from the environment: the program's, or what the state remembers of it.
    pub(super) fn environment(&self, state: &State) -> BTreeMap<String, String> {
        self.loaded.as_ref().map_or_else(|| state.environment.clone(), |l| l.environment.clone())
    }

    /// Refuses a state that was made with another environment.
    pub(super) fn check_environment(&self, state: &State) -> Result<()> {
        let asked = self.environment(state).into_iter().map(|(name, value)| (name, Some(value))).collect();
        Ok(check_environment(&self.stack, &state.environment, &asked).map_err(Error::from)?)
    }

    /// Refuses a state that another program made, or that was written for another target.
    pub(super) fn check_project(&self, state: &State) -> Result<()> {
        check_target(state, &self.stack, self.target.name()).map_err(Error::from)?;
        match self.loaded {
            Some(_) => Ok(check_project(state, &self.project).map_err(Error::from)?),
            None => Ok(()),
        }
    }

    pub(super) fn not_found(&self) -> Failure {
        let message = format!("stack `{}` has no state on `{}`", self.stack, self.target.name());
        Failure::new(Exit::StackNotFound, message, "`drctl stack ls` lists the stacks that have one")
    }

    /// The lineage of a state to come. A preview fixes it, so that automatic names are the same in
    /// the `up` after it.
    pub(super) fn fresh(&self) -> Result<State> {
        let path = self.stored().lineage_file();
        if !path.exists() {
            make_dir(path.parent().unwrap_or(&self.root)).map_err(failed)?;
            // Of two that begin at once, the first decides.
            make_new(&path, ulid::Ulid::generate().to_string().as_bytes()).map_err(failed)?;
        }
        let lineage = std::fs::read_to_string(&path).map_err(io("read", &path))?.trim().to_owned();
        Ok(State::new(lineage, &self.stack, &self.project, self.target.name()))
    }

    /// Opens the cloud of the target. Inside the runtime, because clocks belong to one.
    pub(super) fn cloud(&self) -> Result<Cloud> {
        self.cloud_reached_by(&[], &[])
    }

    /// The same for a run, which must not need a region that does not answer to learn who it is: those of
    /// the program do, and `others`.
    pub(super) fn cloud_reached_by(&self, others: &[&str], unavailable: &[String]) -> Result<Cloud> {
        let mut settings = aws_settings(self.loaded.as_ref());
        let declared = self.loaded.iter().flat_map(|loaded| loaded.regions.values().map(String::as_str));
        for region in declared.chain(others.iter().copied()).filter(|region| *region != Place::GLOBAL) {
            if !unavailable.iter().chain(&settings.sts_regions).any(|known| known == region) {
                settings.sts_regions.push(region.to_owned());
            }
        }
        Cloud::open(&self.target, &self.root, settings)
    }
}

/// How AWS is reached by a program, or by no program.
pub(super) fn aws_settings(loaded: Option<&Loaded>) -> aws::Settings {
    let mut settings = aws::Settings::default();
    if let Some(loaded) = loaded {
        let assets = Arc::clone(&loaded.assets);
        let credentials = loaded.credentials.clone();
        settings.profile = credentials.profile;
        settings.roles = credentials.roles.into_iter().map(assumed).collect();
        settings.region = loaded.regions.values().next().cloned();
        settings.allowed_account_ids.clone_from(&loaded.allowed_account_ids);
        settings.read_asset = Arc::new(move |asset| {
            assets.bytes(asset).map_err(|e| Error::invalid(format!("cannot read the {asset}: {e}")))
        });
    }
    settings
}

fn assumed(role: stack::Role) -> aws::Role {
    let stack::Role { arn, session_name, external_id, policy, policy_arns, session, tags } = role;
    aws::Role { arn, session_name, external_id, policy, policy_arns, session, tags }
}

/// Keeps other commands from changing the twin for as long as what is returned lives. Says whom it
/// waits for. Whoever needs the lock of a stack too takes that first.
pub(super) async fn take_twin(root: &Path, owner: Owner) -> Result<FileLock> {
    let path = root.join(Target::Twin.name()).join("world.lock");
    let waits = Box::new(|holder: Option<&Owner>| {
        render::say(format_args!("Waiting for the twin, on which works {}\n", who(holder)));
    });
    FileLock::take(path, owner, PATIENCE, waits).await.map_err(|error| match error {
        StateError::Locked { owner: holder } => {
            let (who, waited) = (who(holder.as_deref()), PATIENCE.as_secs());
            let message = format!("the twin is in use after {waited} s of waiting: on it works {who}");
            Failure::new(Exit::Error, message, "wait until it ends, or end that process: its lock ends with it")
        }
        other => failed(other),
    })
}

fn who(holder: Option<&Owner>) -> String {
    holder.map_or_else(|| "another run".to_owned(), ToString::to_string)
}

/// The twin that a project keeps.
pub(super) fn open_twin(root: &Path) -> Result<Twin> {
    let (twin, _) = Twin::open(&twin_file(root), Arc::clone(aws::catalog()), Timestamp::now())?;
    Ok(twin)
}

/// Where the twin of a project is kept.
pub(super) fn twin_file(root: &Path) -> PathBuf {
    root.join(Target::Twin.name()).join("world.json")
}

/// The cloud that a command works on.
#[derive(Clone)]
pub(super) struct Cloud {
    provider: Arc<dyn Provider>,
    /// What answers in the place of AWS.
    twin: Option<Arc<Twin>>,
    questions: Arc<Questions>,
}

impl Cloud {
    /// With so many attempts at each call, or as many as usual.
    pub(super) fn open(target: &Target, root: &Path, settings: aws::Settings) -> Result<Self> {
        if *target == Target::Twin {
            let twin = Arc::new(open_twin(root)?);
            let provider = Arc::new(WithRandom::new(Arc::clone(&twin) as _));
            return Ok(Self { provider, twin: Some(twin), questions: Arc::default() });
        }
        let at = match target {
            Target::Endpoint(endpoint) => format!(" at {}", endpoint.url),
            Target::Twin | Target::Aws => String::new(),
        };
        let door = format!("STS{at} to tell which account this is");
        let aws = Aws::new(settings);
        let (watched, questions) = Watched::new(Arc::new(WithRandom::new(Arc::new(aws))), door);
        Ok(Self { provider: Arc::new(watched), twin: None, questions })
    }

    /// What has been asked for so long that it is worth a word, and how long.
    pub(super) fn waits_for(&self) -> Option<(String, Duration)> {
        self.questions.oldest()
    }

    pub(super) fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.provider)
    }

    pub(super) fn clock(&self) -> Clock {
        self.twin.as_ref().map_or_else(Clock::system, |twin| twin.clock())
    }

    /// Whether time is virtual.
    pub(super) fn is_simulated(&self) -> bool {
        self.twin.is_some()
    }

    /// Gives the twin the secrets back that its file does not hold.
    pub(super) fn remind(&self, state: &State) {
        if let Some(twin) = &self.twin {
            twin.remind(state);
        }
    }

    /// Keeps what a run did to the twin.
    pub(super) fn keep(&self) -> Result<()> {
        match &self.twin {
            Some(twin) => Ok(twin.save()?),
            None => Ok(()),
        }
    }
}

/// The runtime of a command. On the twin time is virtual: whenever all wait, it jumps.
pub(super) fn runtime(simulated: bool) -> Result<tokio::runtime::Runtime> {
    let mut builder = if simulated {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    builder.enable_all().worker_threads(2);
    if simulated {
        builder.start_paused(true);
    }
    builder.build().map_err(|error| {
        Failure::new(
            Exit::Internal,
            format!("no runtime could be started: {error}"),
            "look at the limits of this process",
        )
    })
}

/// A failure of the state's files.
pub(super) fn failed(error: StateError) -> Failure {
    let exit = match &error {
        StateError::Locked { .. } | StateError::Lost { .. } => Exit::Error,
        StateError::Bucket { source, .. } => source.kind.into(),
        _ => Exit::Configuration,
    };
    let hint = error.hint();
    Failure::new(exit, error.to_string(), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_stack_needs_no_name() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("stacks")).unwrap();
        assert!(stacks_below(dir.path()).is_empty());
        for name in ["prod.yaml", "test.yaml", "notes.md"] {
            std::fs::write(dir.path().join("stacks").join(name), "").unwrap();
        }
        assert_eq!(stacks_below(dir.path()), ["prod", "test"]);
        std::fs::write(dir.path().join("Pulumi.yaml"), "").unwrap();
        assert_eq!(stacks_below(dir.path()), ["dev"]);
        std::fs::write(dir.path().join("Pulumi.live.yaml"), "").unwrap();
        assert_eq!(stacks_below(dir.path()), ["live"]);
    }
}
