//! What a command works on: the program, where its state lies, and the cloud.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;

use crate::aws::{self, Aws};
use crate::checks;
use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, io};
use crate::cli::watch::{Questions, Watched};
use crate::engine::clock::Clock;
use crate::engine::diagnostic::{Diagnostic, Severity};
use crate::engine::error::Error;
use crate::engine::program::Program;
use crate::engine::provider::{Catalog, Provider};
use crate::engine::state::State;
use crate::engine::value::Map;
use crate::random::WithRandom;
use crate::render;
use crate::render::regions::Regions;
use crate::stack::{self, Loaded, Request, Stacks};
use crate::state::{Keys, Local, Notice, Source, StateError, make_dir, make_new};
use crate::twin::Twin;

pub(super) use crate::cli::target::Target;

/// All types and functions that programs may name, made when a command first needs them.
pub(super) fn catalog() -> &'static Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    CATALOG.get_or_init(|| Arc::clone(WithRandom::new(Arc::new(Aws::new(aws::Settings::default()))).catalog()))
}

pub(super) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect()
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

/// Loads the program of the stack that was asked for, and shows its warnings.
pub(super) fn load(global: &Global) -> Result<Loaded> {
    let loaded = checked(global)?;
    if !loaded.warnings.is_empty() {
        render::say(render::diagnostics::Diagnostics(&loaded.warnings));
    }
    Ok(loaded)
}

/// The same for callers that show warnings themselves.
///
/// A program that breaks a rule is refused here and not in `try_load`: whatever the text says, what
/// exists can be looked at and destroyed.
pub(super) fn checked(global: &Global) -> Result<Loaded> {
    let mut loaded = try_load(global)?;
    loaded.warnings.extend(checks::check(&loaded.program));
    if loaded.program.declarations().is_empty() {
        let empty = Diagnostic::warning("no-resources", format!("`{}` declares no resource", loaded.stack));
        loaded.warnings.push(empty.help(format!("is {} complete?", loaded.file.display())));
    }
    if loaded.warnings.iter().any(|found| found.severity == Severity::Error) {
        return Err(Failure::Program(loaded.warnings));
    }
    Ok(loaded)
}

fn try_load(global: &Global) -> Result<Loaded> {
    let request = request(global)?;
    let target = Target::chosen(global)?.name().to_owned();
    let others = Others { root: nearest_state_root(&request.cwd), target };
    Ok(stack::load_beside(&request, catalog(), Arc::new(others))?)
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
    if let Ok(loaded) = try_load(global) {
        return Ok(loaded.config_file);
    }
    Ok(stack::locate(&request(global)?)?.config_file())
}

/// The nearest state directory here or above; the one to be made here if there is none.
pub(super) fn nearest_state_root(cwd: &Path) -> PathBuf {
    cwd.ancestors().map(state_root).find(|root| root.is_dir()).unwrap_or_else(|| state_root(cwd))
}

/// Outputs of other stacks on the same target.
struct Others {
    root: PathBuf,
    target: String,
}

impl Stacks for Others {
    fn outputs(&self, stack: &str) -> std::result::Result<Option<Map>, String> {
        // `organization/project/stack` is how Pulumi names stacks of others.
        let stack = stack.rsplit('/').next().unwrap_or(stack);
        let local = Local::at(self.root.clone(), &self.target, stack);
        if !local.exists() {
            return Ok(None);
        }
        let root = self.root.clone();
        // Expressions are evaluated inside a runtime too, where another may not be started.
        let reader = std::thread::spawn(move || {
            let runtime = runtime(false).map_err(|_| "no runtime could be started".to_owned())?;
            runtime.block_on(async {
                let source = source().map_err(|e| e.to_string())?;
                let (keys, _) = Keys::open(&root, source).await.map_err(|e| e.to_string())?;
                local.load(&keys).await.map_err(|e| e.to_string())
            })
        });
        let state = reader.join().map_err(|_| "the reader of its state failed".to_owned())??;
        Ok(state.map(|s| s.outputs))
    }
}

fn source() -> std::result::Result<Source, StateError> {
    Source::from_environment(|name| std::env::var(name).ok())
}

/// Where the state of a stack lies.
pub(super) struct Site {
    pub(super) root: PathBuf,
    pub(super) target: Target,
    pub(super) stack: String,
    pub(super) project: String,
    pub(super) regions: Regions,
    /// The program, where it could be loaded.
    pub(super) loaded: Option<Loaded>,
}

impl Site {
    /// For commands that run the program.
    pub(super) fn with_program(global: &Global) -> Result<Self> {
        Self::of(load(global)?, global)
    }

    /// For commands that need no more than the state, whatever has become of the program.
    pub(super) fn of_state(global: &Global) -> Result<Self> {
        match try_load(global) {
            Ok(loaded) => Self::of(loaded, global),
            Err(Failure::Program(_)) => Self::without_program(&request(global)?, Target::chosen(global)?),
            Err(failure) => Err(failure),
        }
    }

    /// Where the state of a stack lies whose program is broken, or has gone. A file that was named and
    /// does not exist stands for nothing else.
    fn without_program(request: &Request, target: Target) -> Result<Self> {
        let (root, stack, found) = match (stack::locate(request), stack::bare_name(request)) {
            (Ok(located), _) => {
                let stack = located.stack();
                let found = Diagnostic::warning(
                    "no-program",
                    format!("the program of `{stack}` cannot be loaded: its state alone is used"),
                );
                (state_root(&located.directory()), stack, found.help("`drctl validate` tells what is wrong with it"))
            }
            (Err(problems), Some(stack)) if problems.iter().all(|p| p.code == stack::UNKNOWN) => {
                let found = Diagnostic::warning(
                    "no-program",
                    format!("there is no program of a stack `{stack}`: its state alone is used"),
                );
                let help = problems.into_iter().find_map(|p| p.help);
                (nearest_state_root(&request.cwd), stack, Diagnostic { help, ..found })
            }
            (Err(problems), _) => return Err(Failure::Program(problems)),
        };
        render::say(render::diagnostics::Diagnostics(&[found]));
        let (project, regions) = (String::new(), Regions::default());
        Ok(Self { root, target, stack, project, regions, loaded: None })
    }

    pub(super) fn of(loaded: Loaded, global: &Global) -> Result<Self> {
        Ok(Self {
            root: state_root(&loaded.directory),
            target: Target::with_profile(global, loaded.credentials.profile.as_deref())?,
            stack: loaded.stack.clone(),
            project: loaded.project.clone(),
            regions: Regions::new(loaded.regions.clone()),
            loaded: Some(loaded),
        })
    }

    pub(super) fn local(&self) -> Local {
        Local::at(self.root.clone(), self.target.name(), &self.stack)
    }

    /// Opens the keys of the state's secrets, and tells what the user should know of them.
    pub(super) async fn keys(&self) -> Result<Keys> {
        let (keys, notice) = Keys::open(&self.root, source().map_err(failed)?).await.map_err(failed)?;
        match notice {
            Some(Notice::KeyFileMade(path)) => render::say(format_args!(
                "Secrets of this project are sealed with the new key in {}: keep it, and keep it to yourself.\n",
                path.display()
            )),
            Some(Notice::PassphraseUnused(path)) => render::warn(format_args!(
                "the passphrase is not used: {} still opens the secrets of this project",
                path.display()
            )),
            None => {}
        }
        Ok(keys)
    }

    /// The state, for commands that only look at it.
    pub(super) async fn state(&self) -> Result<(State, Keys)> {
        let local = self.local();
        if !local.exists() {
            return Err(self.not_found());
        }
        let keys = self.keys().await?;
        let state = local.load(&keys).await.map_err(failed)?.ok_or_else(|| self.not_found())?;
        Ok((state, keys))
    }

    pub(super) fn not_found(&self) -> Failure {
        let message = format!("stack `{}` has no state on `{}`", self.stack, self.target.name());
        Failure::new(Exit::StackNotFound, message, "`drctl stack ls` lists the stacks that have one")
    }

    /// The lineage of a state to come. A preview fixes it, so that automatic names are the same in
    /// the `up` after it.
    pub(super) fn fresh(&self) -> Result<State> {
        let path = self.local().runs_dir().with_file_name("lineage");
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
        Cloud::open(&self.target, &self.root, self.loaded.as_ref(), None)
    }
}

fn assumed(role: stack::Role) -> aws::Role {
    let stack::Role { arn, session_name, external_id, policy, policy_arns, session, tags } = role;
    aws::Role { arn, session_name, external_id, policy, policy_arns, session, tags }
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
    pub(super) fn open(target: &Target, root: &Path, loaded: Option<&Loaded>, attempts: Option<u32>) -> Result<Self> {
        if *target == Target::Twin {
            let twin = Arc::new(open_twin(root)?);
            let provider = Arc::new(WithRandom::new(Arc::clone(&twin) as _));
            return Ok(Self { provider, twin: Some(twin), questions: Arc::default() });
        }
        let mut settings = aws::Settings { attempts, ..aws::Settings::default() };
        if let Some(loaded) = loaded {
            let directory = loaded.program_directory.clone();
            let credentials = loaded.credentials.clone();
            settings.profile = credentials.profile;
            settings.roles = credentials.roles.into_iter().map(assumed).collect();
            settings.region = loaded.regions.values().next().cloned();
            settings.allowed_account_ids.clone_from(&loaded.allowed_account_ids);
            settings.read_asset = Arc::new(move |asset| {
                stack::bytes(&directory, asset).map_err(|e| Error::invalid(format!("cannot read the {asset}: {e}")))
            });
        }
        let at = match target {
            Target::Endpoint(endpoint) => format!(" at {}", endpoint.url),
            Target::Twin | Target::Aws => String::new(),
        };
        let door = format!("STS{at} to tell which account this is");
        let aws = Arc::new(WithRandom::new(Arc::new(Aws::new(settings))));
        let (watched, questions) = Watched::new(aws, door);
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
        StateError::Locked { .. } => Exit::Error,
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
