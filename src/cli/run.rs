//! A run from its plan to its end: plan, show, ask, carry out, remember.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::cli::Global;
use crate::cli::confirm::{Answers, declined};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::cli::interrupt::Interrupts;
use crate::cli::selection::Selection;
use crate::cli::session::{Cloud, Hashes, Site, Target, failed, runtime, take_twin};
use crate::engine::clock::Clock;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::event::{Ended, Event, Sink, VERSION};
use crate::engine::execute::{Outcome, Run, execute};
use crate::engine::plan::Plan;
use crate::engine::planner::{Mode, Planned, Request, plan};
use crate::engine::program::Program;
use crate::engine::settings::Settings;
use crate::engine::state::State;
use crate::engine::stop::Stop;
use crate::render;
use crate::render::diagnostics::Diagnostics;
use crate::render::log::Log;
use crate::render::plan_markdown::PlanMarkdown;
use crate::render::words::resource;
use crate::render::{Detail, Numbering, Renderer, Style};
use crate::state::{Basis, Keys, Lock, Owner, SavedPlan, StateError, fingerprint, in_project};

/// How a run goes about it.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to go about it")]
pub(super) struct Manner {
    /// Delete and replace what is protected, lifting each protection as a step of its own
    #[arg(long)]
    force_override_protection: bool,

    /// With a custom endpoint: go on past operations that it does not implement
    #[arg(long)]
    skip_unsupported: bool,

    /// Start nothing new after the first failure
    #[arg(long)]
    fail_fast: bool,

    /// How long to wait for another run of the same stack: `90`, `10m`, `1h` [default: 0]
    #[arg(long, value_name = "DURATION", value_parser = duration, hide_default_value = true, default_value = "0")]
    lock_timeout: Duration,

    /// Accept that config from the environment is not what this state was made with
    #[arg(long)]
    rename_environment: bool,

    /// Give the state, which another project made, to the project of this program
    #[arg(long)]
    rename_project: bool,
}

fn duration(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let written = || text.parse::<jiff::SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
    seconds.or_else(written).ok_or_else(|| "expected seconds, or a duration such as `90s`, `10m` or `1h`".to_owned())
}

/// How a plan is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to show")]
pub(super) struct Showing {
    /// Show unchanged resources and defaults of new ones, too
    #[arg(long)]
    show_unchanged: bool,

    /// Tell how long AWS usually takes, and because of which resources
    #[arg(long)]
    eta: bool,

    /// Fail with exit code 7 if anything would change
    #[arg(long)]
    pub(super) expect_no_changes: bool,
}

impl Manner {
    fn settings(&self, selection: &Selection, site: &Site) -> Result<Settings> {
        if self.skip_unsupported && !matches!(site.target, Target::Endpoint(_)) {
            return Err(Failure::new(
                Exit::Configuration,
                "`--skip-unsupported` is for custom endpoints, and this run goes elsewhere",
                "set `AWS_ENDPOINT_URL`, or leave the flag out",
            ));
        }
        Ok(Settings {
            override_protection: self.force_override_protection,
            skip_unsupported: self.skip_unsupported,
            fail_fast: self.fail_fast,
            ..selection.settings(&site.regions)
        })
    }
}

/// A run that a command wants.
pub(super) struct Job<'a> {
    pub(super) command: &'static str,
    pub(super) mode: Mode,
    pub(super) global: &'a Global,
    pub(super) manner: &'a Manner,
    pub(super) showing: &'a Showing,
    /// A saved plan: the one to write if the job only looks, else the one to carry out.
    pub(super) plan: Option<&'a Path>,
}

/// A saved plan that is to be carried out.
struct Promise {
    saved: SavedPlan,
    basis: Basis,
    path: PathBuf,
}

/// Changes the cloud to what is planned, once the user agrees.
pub(super) fn change(job: &Job<'_>) -> Result {
    let mut answers = Answers::here(job.global.yes);
    if job.plan.is_some() {
        // Whoever gives a plan has agreed to it.
        answers = Answers::Yes;
    }
    answers.refuse_nobody(job.command)?;
    let site = job.site()?;
    runtime(site.target == Target::Twin)?.block_on(job.change(site, answers))
}

/// Plans and changes nothing.
pub(super) fn look(job: &Job<'_>, form: Form) -> Result<Plan> {
    let site = job.site()?;
    runtime(site.target == Target::Twin)?.block_on(job.look(site, form))
}

/// How a plan that is only looked at is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Screen,
    Markdown,
}

impl Job<'_> {
    /// `up` needs the program; destroying and refreshing work from the state alone.
    fn site(&self) -> Result<Site> {
        match self.mode {
            Mode::Up => Site::with_program(self.global),
            Mode::Destroy | Mode::Refresh => Site::of_state(self.global),
        }
    }

    async fn change(&self, mut site: Site, answers: Answers) -> Result {
        let mut settings = self.settings(&site)?;
        if self.mode != Mode::Up {
            site.must_exist().await?;
        }
        let run = ulid::Ulid::generate().to_string();
        let lock = self.lock(&site, &run).await?;
        site.warn();
        let keys = site.keys().await?;
        let lock = match self.manner.rename_project && site.loaded.is_some() {
            true => lock.rename_project(&keys, &site.project).await.map_err(failed)?,
            false => lock,
        };
        let mut fresh = site.fresh()?;
        let promise = match self.plan {
            Some(path) => Some(self.promise(path, &site, &settings, &keys)?),
            None => None,
        };
        if let Some(Promise { saved, .. }) = &promise {
            settings = saved.settings.clone();
            // Names that are made up derive from it.
            fresh.lineage.clone_from(&saved.lineage);
        }
        let (state, session) = lock.session(keys.clone(), fresh).await.map_err(failed)?;
        if let Some(promise) = &promise {
            self.still_holds(promise, &site, &state, &keys)?;
        }
        let session = Arc::new(session);
        let _twin = match site.target {
            Target::Twin => Some(take_twin(&site.root, self.owner(&site, &run)).await?),
            Target::Aws | Target::Endpoint(_) => None,
        };
        let (cloud, environment) = self.open(&site, &state, &settings)?;
        let program = self.program(&mut site, &cloud).await?;
        let mut stage = Stage::new(self, &site, &cloud, &run, self.style(&cloud));
        stage.show(self.started(&site, &run));
        let (sink, mut events) = Sink::new();
        let request = Request {
            program: program.as_deref(),
            state: &state,
            cloud: &*cloud.provider(),
            mode: self.mode,
            settings: &settings,
            clock: cloud.clock(),
            sink: &sink,
        };
        let planned = match stage.follow(plan(request), &mut events).await {
            Ok(planned) => planned,
            Err(problems) => return Err(stage.refuse(problems)),
        };
        if let Some(promise) = &promise
            && promise.saved.plan != planned.plan
        {
            stage.close();
            return Err(promise.broken(&planned.plan));
        }
        stage.show(Event::Planned { plan: planned.plan.clone(), summary: planned.plan.summary() });
        let changes = !planned.plan.is_empty();
        if self.showing.expect_no_changes && (changes || !planned.plan.held.is_empty()) {
            stage.close();
            return Ok(Exit::UnexpectedChanges);
        }
        if changes && !answers.agree(&self.question(&site))? {
            stage.close();
            return Ok(declined());
        }
        let outcome = stage.carry_out(planned, program, session.clone(), settings, environment, &cloud).await;
        stage.close();
        // The twin must know of everything that the state knows of, so it is kept whatever happened.
        let kept = cloud.keep();
        if let Some(lost) = session.loss() {
            return Err(Failure::new(Exit::Error, lost.to_string(), lost.hint()));
        }
        let outcome = outcome?;
        let finished = session.finish(&outcome.state).await.map_err(failed);
        site.warn();
        finished?;
        kept?;
        Ok((&outcome.ended).into())
    }

    async fn look(&self, mut site: Site, form: Form) -> Result<Plan> {
        let settings = self.settings(&site)?;
        let state = if site.exists().await? { site.state().await?.0 } else { site.fresh()? };
        let state = match self.manner.rename_project && site.loaded.is_some() {
            true => in_project(state, &site.project).map_err(failed)?,
            false => state,
        };
        let (cloud, _) = self.open(&site, &state, &settings)?;
        let program = self.program(&mut site, &cloud).await?;
        let run = ulid::Ulid::generate().to_string();
        let style = match form {
            Form::Screen => self.style(&cloud),
            Form::Markdown => Style::Silent,
        };
        let mut stage = Stage::new(self, &site, &cloud, &run, style);
        let started = cloud.clock().now();
        stage.show(self.started(&site, &run));
        let (sink, mut events) = Sink::new();
        let request = Request {
            program: program.as_deref(),
            state: &state,
            cloud: &*cloud.provider(),
            mode: self.mode,
            settings: &settings,
            clock: cloud.clock(),
            sink: &sink,
        };
        let planned = match stage.follow(plan(request), &mut events).await {
            Ok(planned) => planned,
            Err(problems) => return Err(stage.refuse(problems)),
        };
        let plan = planned.plan;
        let saved = match self.plan {
            Some(path) => self.save(path, &plan, &site, &state, settings.clone()).await,
            None => Ok(()),
        };
        stage.show(Event::Planned { plan: plan.clone(), summary: plan.summary() });
        let took = u64::try_from(cloud.clock().now().duration_since(started).as_millis()).unwrap_or_default();
        stage.show(Event::RunEnded { ended: Ended::Completed, summary: plan.summary(), took, notes: Vec::new() });
        stage.close();
        if form == Form::Markdown {
            let (stack, target) = (&site.stack, site.target.name());
            render::data(PlanMarkdown { stack, target, plan: &plan, regions: &site.regions });
        }
        saved?;
        Ok(plan)
    }

    fn settings(&self, site: &Site) -> Result<Settings> {
        let asked = self.manner.settings(&self.global.selection, site)?;
        let always = site.loaded.as_ref().is_some_and(|loaded| loaded.refresh);
        Ok(Settings { refresh: asked.refresh || always, ..asked })
    }

    /// The command that carries out what this job plans.
    fn deed(&self) -> &'static str {
        match self.mode {
            Mode::Up => "up",
            Mode::Destroy => "destroy",
            Mode::Refresh => "refresh",
        }
    }

    /// What a plan is made from. A program that does not matter is left out.
    fn basis(&self, program: Option<&Hashes>, state: &State, keys: &Keys) -> Result<Basis> {
        let Hashes { program, config } = program.filter(|_| self.mode == Mode::Up).cloned().unwrap_or_default();
        Ok(Basis { program, config, state: fingerprint(state, keys).map_err(failed)? })
    }

    async fn save(&self, path: &Path, plan: &Plan, site: &Site, state: &State, settings: Settings) -> Result<()> {
        let keys = site.keys().await?;
        let saved = SavedPlan {
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            command: self.deed().to_owned(),
            stack: site.stack.clone(),
            target: site.target.name().to_owned(),
            lineage: state.lineage.clone(),
            settings,
            plan: plan.clone(),
        };
        saved.write(path, &self.basis(site.hashes.as_ref(), state, &keys)?, &keys).map_err(failed)?;
        let path = path.display();
        render::say(format_args!("Saved the plan in {path}: `drctl {} --plan {path}` carries it out\n", self.deed()));
        Ok(())
    }

    /// Reads the plan that is to be carried out.
    fn promise(&self, path: &Path, site: &Site, settings: &Settings, keys: &Keys) -> Result<Promise> {
        let (saved, basis) = SavedPlan::read(path, keys).map_err(failed)?;
        let refused = |message: String, help: String| Err(Failure::new(Exit::Configuration, message, help));
        if *settings != Settings::default() {
            let message = "a saved plan says by itself what it touches and how".to_owned();
            return refused(message, "leave the other flags out, or make another plan with them".to_owned());
        }
        let meant = (saved.stack.as_str(), saved.target.as_str());
        if meant != (site.stack.as_str(), site.target.name()) {
            let message = format!(
                "the plan in {} is for `{}` on `{}`, and this is `{}` on `{}`",
                path.display(),
                saved.stack,
                saved.target,
                site.stack,
                site.target.name()
            );
            return refused(message, "name the stack that it is for".to_owned());
        }
        if saved.command != self.deed() {
            let message = format!("the plan in {} is one of `{}`", path.display(), saved.command);
            return refused(message, format!("carry it out with `drctl {} --plan`", saved.command));
        }
        Ok(Promise { saved, basis, path: path.to_owned() })
    }

    /// Refuses a plan that was made from something else than what is there now.
    fn still_holds(&self, promise: &Promise, site: &Site, state: &State, keys: &Keys) -> Result<()> {
        let now = self.basis(site.hashes.as_ref(), state, keys)?;
        let Promise { saved, basis, .. } = promise;
        let version = env!("CARGO_PKG_VERSION");
        let tool = format!("drctl (it was {}, and is {version})", saved.tool);
        let differs = [
            (saved.tool != version, tool.as_str()),
            (basis.program != now.program, "the program"),
            (basis.config != now.config, "the config"),
            (saved.lineage != state.lineage || basis.state != now.state, "the state"),
        ];
        let differs: Vec<&str> = differs.iter().filter_map(|(differs, what)| differs.then_some(*what)).collect();
        match differs.as_slice() {
            [] => Ok(()),
            several => Err(promise.stale(&format!("since then {} changed", several.join(" and ")))),
        }
    }

    fn open(&self, site: &Site, state: &State, settings: &Settings) -> Result<(Cloud, BTreeMap<String, String>)> {
        let environment = site.environment(state);
        site.check_project(state)?;
        if !self.manner.rename_environment {
            site.check_environment(state)?;
        }
        let there: Vec<&str> = state.rows.values().map(|row| row.place.0.as_str()).collect();
        let cloud = site.cloud_reached_by(&there, &settings.unavailable)?;
        // What decides about the program is asked before there is a plan.
        cloud.provider().reach().begin(&settings.unavailable);
        cloud.remind(state);
        Ok((cloud, environment))
    }

    /// Destroying needs no program: what was asked of a resource stands in its row.
    async fn program(&self, site: &mut Site, cloud: &Cloud) -> Result<Option<Arc<dyn Program>>> {
        if self.mode == Mode::Destroy {
            return Ok(None);
        }
        site.complete(self.global, cloud).await?;
        Ok(site.loaded.take().map(|loaded| Arc::new(loaded.program) as Arc<dyn Program>))
    }

    fn owner(&self, site: &Site, run: &str) -> Owner {
        Owner::here(run, &format!("{} --stack {}", self.command, site.stack))
    }

    /// Takes the lock, and says whom it waits for if it is taken.
    async fn lock(&self, site: &Site, run: &str) -> Result<Lock> {
        let owner = self.owner(site, run);
        let waits = Box::new(|holder: Option<&Owner>| {
            let who = holder.map_or_else(|| "another run".to_owned(), ToString::to_string);
            render::say(format_args!("Waiting for {who}\n"));
        });
        site.stored().lock(owner, self.manner.lock_timeout, waits).await.map_err(failed)
    }

    /// A simulation is over before a live view could show anything.
    fn style(&self, cloud: &Cloud) -> Style {
        match Style::fitting(self.global.json) {
            Style::Live if cloud.is_simulated() => Style::Plain,
            style => style,
        }
    }

    fn started(&self, site: &Site, run: &str) -> Event {
        Event::RunStarted {
            version: VERSION,
            run: run.to_owned(),
            command: self.command.to_owned(),
            stack: site.stack.clone(),
            target: site.target.name().to_owned(),
        }
    }

    fn question(&self, site: &Site) -> String {
        let Site { stack, target, .. } = site;
        match self.mode {
            Mode::Up => format!("Make these changes to `{stack}` on `{}`?", target.name()),
            Mode::Destroy => format!("Delete all this of `{stack}` on `{}`?", target.name()),
            Mode::Refresh => format!("Change the state of `{stack}` on `{}` so?", target.name()),
        }
    }
}

impl Promise {
    fn stale(&self, why: &str) -> Failure {
        let message = format!("the plan in {} does not hold any more: {why}", self.path.display());
        Failure::new(Exit::Configuration, message, "make a new one with `drctl preview --save-plan`, and look at it")
    }

    /// The cloud is not what it was, though nothing else changed.
    fn broken(&self, now: &Plan) -> Failure {
        let old = &self.saved.plan;
        let step = now.steps.iter().find(|step| !old.steps.contains(step));
        let step = step.or_else(|| old.steps.iter().find(|step| !now.steps.contains(step)));
        let whose = step.map(|step| format!(", first of all for {}", resource(&step.key.urn))).unwrap_or_default();
        self.stale(&format!("what would be done now differs{whose}, because the cloud shows something else"))
    }
}

/// Where the events of a run go: to the user and into the record.
struct Stage {
    numbering: Numbering,
    renderer: Box<dyn Renderer>,
    log: Log,
    clock: Clock,
    simulated: bool,
    json: bool,
}

impl Stage {
    fn new(job: &Job<'_>, site: &Site, cloud: &Cloud, run: &str, style: Style) -> Self {
        let detail = Detail {
            regions: site.regions.clone(),
            unchanged: job.showing.show_unchanged,
            eta: job.showing.eta || cloud.is_simulated(),
        };
        let clock = cloud.clock();
        Self {
            numbering: Numbering::default(),
            renderer: style.renderer(detail, clock),
            log: Log::create(&site.stored().runs_dir(), run),
            clock,
            simulated: cloud.is_simulated(),
            json: job.global.json,
        }
    }

    fn show(&mut self, event: Event) {
        let envelope = self.numbering.envelope(event, self.clock.now());
        self.log.event(&envelope);
        self.renderer.event(&envelope);
    }

    /// Carries the plan out and shows what happens until the last event.
    async fn carry_out(
        &mut self,
        planned: Planned,
        program: Option<Arc<dyn Program>>,
        journal: Arc<crate::state::Session>,
        settings: Settings,
        environment: BTreeMap<String, String>,
        cloud: &Cloud,
    ) -> crate::engine::error::Result<Outcome> {
        let (sink, mut events) = Sink::new();
        let stop = Stop::default();
        let mut interrupts = Interrupts::listen();
        let (mut lost, mut left) = (journal.lost(), false);
        let run = Run {
            program,
            cloud: cloud.provider(),
            journal,
            sink,
            clock: self.clock,
            stop: stop.clone(),
            settings,
            environment,
        };
        let work = execute(planned, run);
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => self.show(event),
                outcome = &mut work => {
                    self.drain(&mut events);
                    return outcome;
                }
                () = interrupts.next() => self.press(&stop),
                reason = &mut lost, if !left => {
                    left = true;
                    self.leave(&stop, &reason);
                }
                () = tokio::time::sleep(render::TICK), if !self.simulated => self.renderer.tick(),
            }
        }
    }

    /// Shows what happens while something is worked on.
    async fn follow<T>(&mut self, work: impl Future<Output = T>, events: &mut UnboundedReceiver<Event>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => self.show(event),
                done = &mut work => {
                    self.drain(events);
                    return done;
                }
                () = tokio::time::sleep(render::TICK), if !self.simulated => self.renderer.tick(),
            }
        }
    }

    fn drain(&mut self, events: &mut UnboundedReceiver<Event>) {
        while let Ok(event) = events.try_recv() {
            self.show(event);
        }
    }

    fn press(&mut self, stop: &Stop) {
        let message = if stop.is_pressed() {
            "leaving at once; the next run settles what was under way"
        } else {
            "stopping: nothing new starts, and what runs is settled; once more leaves at once"
        };
        stop.press();
        self.show(Event::Diagnostic {
            severity: "warning".into(),
            message: message.into(),
            urn: None,
            at: None,
            help: None,
        });
    }

    /// Leaves the stack to the run that has it now: nothing new starts, and no call is waited for.
    fn leave(&mut self, stop: &Stop, reason: &StateError) {
        stop.press();
        stop.press();
        self.show(Event::Diagnostic {
            severity: "error".into(),
            message: format!("leaving at once: {reason}"),
            urn: None,
            at: None,
            help: Some(reason.hint()),
        });
    }

    /// Tells why there is no plan. The record gets it in any case, programs as events.
    fn refuse(mut self, problems: Vec<Diagnostic>) -> Failure {
        let exit = problems.iter().map(|p| exit_of(p.code)).next().unwrap_or(Exit::Configuration);
        for problem in &problems {
            let event = Event::Diagnostic {
                severity: format!("{:?}", problem.severity).to_lowercase(),
                message: problem.message.clone(),
                urn: problem.urn.clone(),
                at: problem.at.as_ref().map(ToString::to_string),
                help: problem.help.clone(),
            };
            let envelope = self.numbering.envelope(event, self.clock.now());
            self.log.event(&envelope);
            if self.json {
                self.renderer.event(&envelope);
            }
        }
        self.close();
        render::say(Diagnostics(&problems));
        Failure::Shown(exit)
    }

    fn close(self) {
        self.renderer.finish();
        if let Some(failure) = self.log.failure() {
            render::warn(failure);
        }
    }
}

/// What a refusal of the planner means for scripts.
pub(super) fn exit_of(code: &str) -> Exit {
    match code {
        "credentials" | "wrong-account" => Exit::Authentication,
        "protected" => Exit::Policy,
        "unreadable" | "identity" => Exit::Resource,
        _ => Exit::Configuration,
    }
}
