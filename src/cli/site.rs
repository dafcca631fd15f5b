//! What a command works on: a stack with its program and its state.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::Global;
use crate::cli::cloud::{Cloud, aws_settings};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, failed, io};
use crate::cli::key_source::source;
use crate::cli::places::{nearest_state_root, place, state_root};
use crate::cli::program::{catalog, checked, show_warnings, try_load};
use crate::cli::project::request;
use crate::cli::target::Target;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::error::Error;
use crate::engine::key_provider::KeyProvider;
use crate::engine::program::{Declaration, Program};
use crate::engine::state::State;
use crate::engine::urn::Place;
use crate::render;
use crate::render::regions::Regions;
use crate::stack::{self, Loaded, Reads};
use crate::state::{
    Keys, Lock, Notice, Owner, Source, StateError, States, Stored, check_environment, check_project, check_target,
    make_dir, make_new, silently,
};

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
    /// Regions that are not asked for anything.
    unavailable: Vec<String>,
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

    /// The resources of the program, as far as it is there.
    pub(super) fn declarations(&self) -> &[Declaration] {
        self.loaded.as_ref().map_or(&[], |loaded| loaded.program.declarations())
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
            states: place(global.state.as_deref(), &target, backend.as_ref(), root.clone(), unavailable.clone())?,
            unavailable,
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
            states: place(
                global.state.as_deref(),
                &target,
                loaded.backend.as_ref(),
                root.clone(),
                unavailable.clone(),
            )?,
            unavailable,
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

    /// The keys that opened before the lock was taken, unless whoever had it meanwhile changed them.
    pub(super) async fn keys_by_now(&self, keys: Keys) -> Result<Keys> {
        match self.stored().has_keys(&keys).await.map_err(failed)? {
            true => Ok(keys),
            false => self.keys().await,
        }
    }

    /// What is at hand to open the keys, and what the user asks to open them with.
    pub(super) fn source(&self) -> std::result::Result<Source, StateError> {
        let source = source(&self.target, aws_settings(self.loaded.as_ref()), &self.unavailable)?;
        Ok(Source { wanted: self.wanted(), ..source })
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
        let text =
            if path.is_file() { std::fs::read_to_string(&path).map_err(io("read", &path))? } else { String::new() };
        let lineage = text.trim().to_owned();
        if lineage.parse::<ulid::Ulid>().is_err() {
            let message = format!("`{}` holds no lineage, which names a stack without a state", path.display());
            return Err(Failure::new(Exit::Configuration, message, "remove it: another one is made"));
        }
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
