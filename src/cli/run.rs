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
use crate::engine::plan::{Op, Plan, Summary};
use crate::engine::planner::{Mode, Planned, Request, plan};
use crate::engine::program::Program;
use crate::engine::redact::Redactor;
use crate::engine::settings::Settings;
use crate::engine::state::State;
use crate::engine::stop::Stop;
use crate::render;
use crate::render::log::Log;
use crate::render::plan_markdown::PlanMarkdown;
use crate::render::words::{count, resource};
use crate::render::{Detail, Numbering, Renderer, Style};
use crate::stack::Reads;
use crate::state::{Basis, Keys, Lock, Owner, SavedPlan, StateError, fingerprint, in_project};

/// How a run goes about what is protected.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to go about it")]
pub(super) struct Force {
    /// Delete and replace what is protected, lifting each protection as a step of its own
    #[arg(long)]
    force_override_protection: bool,
}

/// What a run puts up with.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to go about it")]
pub(super) struct Tolerance {
    /// With a custom endpoint: go on past operations that it does not implement
    #[arg(long)]
    skip_unsupported: bool,

    /// Accept that config from the environment is not what this state was made with
    #[arg(long)]
    rename_environment: bool,

    /// Give the state, which another project made, to the project of this program
    #[arg(long)]
    rename_project: bool,
}

/// What a run does about failures.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to go about it")]
pub(super) struct Effort {
    /// Start nothing new after the first failure
    #[arg(long)]
    fail_fast: bool,
}

/// What a run does about a program that wants nothing.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to go about it")]
pub(super) struct Emptiness {
    /// Delete everything if the program declares no resource any more
    #[arg(long)]
    allow_empty: bool,
}

/// What a run does about others.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to go about it")]
pub(super) struct Queue {
    /// How long to wait for another run of the same stack: `90`, `10m`, `1h` [default: 0]
    #[arg(long, value_name = "DURATION", value_parser = duration, hide_default_value = true, default_value = "0")]
    lock_timeout: Duration,
}

fn duration(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let written = || text.parse::<jiff::SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
    seconds.or_else(written).ok_or_else(|| "expected seconds, or a duration such as `90s`, `10m` or `1h`".to_owned())
}

/// What a plan has to be.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to show")]
pub(super) struct Expecting {
    /// Fail with exit code 7 if anything would change
    #[arg(long)]
    pub(super) expect_no_changes: bool,
}

/// How long it will take.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to show")]
pub(super) struct Timing {
    /// Tell how long AWS usually takes, and because of which resources
    #[arg(long)]
    eta: bool,
}

/// How much of a plan is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to show")]
pub(super) struct Showing {
    /// Show unchanged resources and defaults of new ones, too
    #[arg(long)]
    show_unchanged: bool,
}

/// The flags of one command, each as it stands without the flag where the command has none.
pub(super) struct Manner<'a> {
    pub(super) tolerance: &'a Tolerance,
    pub(super) expecting: &'a Expecting,
    pub(super) force: Option<&'a Force>,
    pub(super) effort: Option<&'a Effort>,
    pub(super) emptiness: Option<&'a Emptiness>,
    pub(super) queue: Option<&'a Queue>,
    pub(super) timing: Option<&'a Timing>,
    pub(super) showing: Option<&'a Showing>,
}

impl Manner<'_> {
    fn settings(&self, selection: &Selection, site: &Site) -> Result<Settings> {
        let skip_unsupported = self.tolerance.skip_unsupported;
        if skip_unsupported && !matches!(site.target, Target::Endpoint(_)) {
            return Err(Failure::new(
                Exit::Configuration,
                "`--skip-unsupported` is for custom endpoints, and this run goes elsewhere",
                "set `AWS_ENDPOINT_URL`, or leave the flag out",
            ));
        }
        Ok(Settings {
            override_protection: self.force.is_some_and(|f| f.force_override_protection),
            skip_unsupported,
            fail_fast: self.effort.is_some_and(|e| e.fail_fast),
            ..selection.settings(&site.regions)?
        })
    }

    fn lock_timeout(&self) -> Duration {
        self.queue.map_or(Duration::ZERO, |queue| queue.lock_timeout)
    }
}

/// A run that a command wants.
pub(super) struct Job<'a> {
    pub(super) command: &'static str,
    pub(super) mode: Mode,
    pub(super) global: &'a Global,
    pub(super) manner: Manner<'a>,
    /// A saved plan: the one to write if the job only looks, else the one to carry out.
    pub(super) plan: Option<&'a Path>,
}

/// A saved plan that is to be carried out.
struct Promise {
    saved: SavedPlan,
    basis: Basis,
    path: PathBuf,
}

/// What a run works on, once it has the stack.
struct Begun {
    state: State,
    session: Arc<crate::state::Session>,
    promise: Option<Promise>,
}

/// Changes the cloud to what is planned, once the user agrees.
pub(super) fn change(job: &Job<'_>) -> Result {
    let answers = match job.plan {
        // Whoever gives a plan has agreed to it.
        Some(_) => Answers::Yes,
        None => Answers::here(job.global.yes),
    };
    let ready = answers.refuse_nobody(job.command);
    job.told(ready.and_then(|()| job.within(job.change(answers))))
}

/// Plans and changes nothing.
pub(super) fn look(job: &Job<'_>, form: Form) -> Result<Plan> {
    job.told(job.within(job.look(form)))
}

/// How a plan that is only looked at is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Screen,
    Markdown,
}

/// Why there is no plan.
enum NoPlan {
    Refused(Vec<Diagnostic>),
    Interrupted,
}

/// How long a lookup that nobody waits for any more may hold up the end.
const LEAVING: Duration = Duration::from_secs(2);

impl Job<'_> {
    fn within<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let runtime = runtime(Target::chosen(self.global)? == Target::Twin)?;
        let done = runtime.block_on(work);
        runtime.shutdown_timeout(LEAVING);
        done
    }

    /// With `--json`, what nobody has told yet is told as events, too.
    fn told<T>(&self, done: Result<T>) -> Result<T> {
        if let (true, Err(failure)) = (self.global.json, &done)
            && !matches!(failure, Failure::Shown(_))
        {
            let (mut numbering, clock) = (Numbering::default(), Clock::system());
            let mut json = Style::Json.renderer(Detail::default(), clock);
            let (ended, summary) = (failure.refusal(), Summary::default());
            let end = Event::RunEnded { version: Some(VERSION), ended, summary, took: 0, notes: Vec::new() };
            for event in failure.diagnostics().into_iter().chain([end]) {
                json.event(&numbering.envelope(event, clock.now()));
            }
            json.finish();
        }
        done
    }

    /// `up` needs the program; destroying and refreshing work from the state alone.
    fn site(&self) -> Result<Site> {
        match self.mode {
            Mode::Up => Site::with_program(self.global),
            Mode::Destroy | Mode::Refresh => Site::of_state(self.global),
        }
    }

    async fn change(&self, answers: Answers) -> Result {
        let mut interrupts = Interrupts::listen();
        let mut site = self.site()?;
        let mut settings = self.settings(&site)?;
        let run = ulid::Ulid::generate().to_string();
        let begin = self.begin(&site, &mut settings, &run);
        let Some(begun) = interrupts.or(begin).await else { return Ok(declined()) };
        let Begun { state, session, promise } = begun?;
        let twin = match site.target {
            Target::Twin => interrupts.or(take_twin(&site.root, self.owner(&site, &run))).await.map(Some),
            Target::Aws | Target::Endpoint(_) => Some(None),
        };
        let Some(twin) = twin else { return Ok(declined()) };
        let _held = twin.transpose()?;
        let (cloud, environment) = self.open(&site, &state, &settings)?;
        let program = interrupts.or(self.program(&mut site, &cloud)).await;
        let Some(program) = program.transpose()? else { return Ok(declined()) };
        if promise.is_none() {
            self.refuse_emptied(program.as_deref(), &state, answers)?;
        }
        let mut stage = Stage::new(self, &site, &cloud, &run, self.style(&cloud));
        stage.show(self.started(&site, &run, Some(session.last_entry())));
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
        let planned = match stage.plan(request, &mut events, &cloud, &mut interrupts).await {
            Ok(planned) => planned,
            Err(NoPlan::Refused(problems)) => return Err(stage.refuse(Failure::Program(problems))),
            Err(NoPlan::Interrupted) => return Ok(stage.decline(&Plan::default())),
        };
        if let Some(promise) = &promise {
            let reads = self.hashes(site.hashes.as_ref()).reads;
            let kept = promise.check_reads(&reads, &planned.redactor).and_then(|()| promise.check_plan(&planned.plan));
            if let Err(failure) = kept {
                return Err(stage.refuse(failure));
            }
        }
        stage.show(Event::Planned { plan: planned.plan.clone(), summary: planned.plan.summary() });
        let changes = !planned.plan.is_empty();
        if (changes || !planned.plan.held.is_empty()) && self.manner.expecting.expect_no_changes {
            stage.end(Ended::Refused { code: Exit::UnexpectedChanges.word().to_owned() }, planned.plan.summary());
            return Ok(Exit::UnexpectedChanges);
        }
        if changes && !answers.agree(&self.question(&site)).await? {
            return Ok(stage.decline(&planned.plan));
        }
        let outcome =
            stage.carry_out(planned, program, session.clone(), settings, environment, &cloud, &mut interrupts).await;
        // The twin must know of everything that the state knows of, so it is kept whatever happened.
        let kept = cloud.keep();
        let lost = session.loss().map(|lost| Failure::new(Exit::Error, lost.to_string(), lost.hint()));
        let outcome = match (outcome, lost) {
            (Ok(outcome), None) => outcome,
            // How the run ended has been told.
            (Ok(_), Some(lost)) => {
                stage.close();
                return Err(Failure::Shown(lost.show()));
            }
            (Err(error), lost) => return Err(stage.give_up(lost.unwrap_or_else(|| error.into()))),
        };
        stage.close();
        let finished = session.finish(&outcome.state).await.map_err(failed);
        site.warn();
        finished.and(kept).map_err(|failure| Failure::Shown(failure.show()))?;
        Ok((&outcome.ended).into())
    }

    /// Takes the stack, reads its state, and the plan that is to be carried out.
    async fn begin(&self, site: &Site, settings: &mut Settings, run: &str) -> Result<Begun> {
        if self.mode != Mode::Up {
            site.must_exist().await?;
        }
        let lock = self.lock(site, run).await?;
        site.warn();
        let keys = site.keys().await?;
        let lock = match self.manner.tolerance.rename_project && site.loaded.is_some() {
            true => lock.rename_project(&keys, &site.project).await.map_err(failed)?,
            false => lock,
        };
        let mut fresh = site.fresh()?;
        let promise = match self.plan {
            Some(path) => Some(self.promise(path, site, &keys)?),
            None => None,
        };
        if let Some(Promise { saved, .. }) = &promise {
            *settings = saved.settings.clone();
            // Names that are made up derive from it.
            fresh.lineage.clone_from(&saved.lineage);
        }
        let (state, session) = lock.session(keys.clone(), fresh).await.map_err(failed)?;
        if let Some(promise) = &promise {
            self.still_holds(promise, site, &state, &keys)?;
        }
        Ok(Begun { state, session: Arc::new(session), promise })
    }

    async fn look(&self, form: Form) -> Result<Plan> {
        let stopped = || Failure::Shown(declined());
        let mut interrupts = Interrupts::listen();
        let mut site = self.site()?;
        let settings = self.settings(&site)?;
        let state = async { if site.exists().await? { Ok(site.state().await?.0) } else { site.fresh() } };
        let state = interrupts.or(state).await.ok_or_else(stopped)??;
        let state = match self.manner.tolerance.rename_project && site.loaded.is_some() {
            true => in_project(state, &site.project).map_err(failed)?,
            false => state,
        };
        let (cloud, _) = self.open(&site, &state, &settings)?;
        let program = interrupts.or(self.program(&mut site, &cloud)).await.ok_or_else(stopped)??;
        let run = ulid::Ulid::generate().to_string();
        let style = match form {
            Form::Screen => self.style(&cloud),
            Form::Markdown => Style::Silent,
        };
        let mut stage = Stage::new(self, &site, &cloud, &run, style);
        let started = cloud.clock().now();
        stage.show(self.started(&site, &run, None));
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
        let planned = match stage.plan(request, &mut events, &cloud, &mut interrupts).await {
            Ok(planned) => planned,
            Err(NoPlan::Refused(problems)) => return Err(stage.refuse(Failure::Program(problems))),
            Err(NoPlan::Interrupted) => return Err(Failure::Shown(stage.decline(&Plan::default()))),
        };
        let plan = planned.plan;
        let saved = match self.plan {
            Some(path) => self.save(path, &plan, &site, &state, settings.clone()).await,
            None => Ok(()),
        };
        stage.show(Event::Planned { plan: plan.clone(), summary: plan.summary() });
        let took = u64::try_from(cloud.clock().now().duration_since(started).as_millis()).unwrap_or_default();
        stage.show(Event::RunEnded {
            version: None,
            ended: Ended::Completed,
            summary: plan.summary(),
            took,
            notes: Vec::new(),
        });
        stage.close();
        if form == Form::Markdown {
            let (stack, target) = (&site.stack, site.target.name());
            render::data(PlanMarkdown { stack, target, plan: &plan, regions: &site.regions });
        }
        saved?;
        Ok(plan)
    }

    /// A file that was emptied by mistake must not delete a stack where nobody looks at the plan.
    fn refuse_emptied(&self, program: Option<&dyn Program>, state: &State, answers: Answers) -> Result<()> {
        let allowed = self.manner.emptiness.is_none_or(|e| e.allow_empty) || answers == Answers::Person;
        let declares = |program: &dyn Program| !program.declarations().is_empty();
        if allowed || state.rows.is_empty() || program.is_none_or(declares) {
            return Ok(());
        }
        let held = count(state.rows.len(), "resource");
        Err(Failure::new(
            Exit::Configuration,
            format!("the program of `{}` declares no resource, and its state has {held}", state.stack),
            "bring the file back; or say that all is to be deleted with `--allow-empty` or `drctl destroy`",
        ))
    }

    /// What the command line says.
    fn asked(&self, site: &Site) -> Result<Settings> {
        self.manner.settings(&self.global.selection, site)
    }

    fn settings(&self, site: &Site) -> Result<Settings> {
        let asked = self.asked(site)?;
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
        let Hashes { program, config, reads } = self.hashes(program);
        Ok(Basis { program, config, state: fingerprint(state, keys).map_err(failed)?, reads: reads.so_far() })
    }

    fn hashes(&self, program: Option<&Hashes>) -> Hashes {
        program.filter(|_| self.mode == Mode::Up).cloned().unwrap_or_default()
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
    fn promise(&self, path: &Path, site: &Site, keys: &Keys) -> Result<Promise> {
        let (saved, basis) = SavedPlan::read(path, keys).map_err(failed)?;
        let refused = |message: String, help: String| Err(Failure::new(Exit::Configuration, message, help));
        // What the program itself asks for stands in the plan, too.
        if self.asked(site)? != Settings::default() {
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
        if !self.manner.tolerance.rename_environment {
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
        site.stored().lock(owner, self.manner.lock_timeout(), waits).await.map_err(failed)
    }

    /// A simulation is over before a live view could show anything.
    fn style(&self, cloud: &Cloud) -> Style {
        match Style::fitting(self.global.json) {
            Style::Live if cloud.is_simulated() => Style::Plain,
            style => style,
        }
    }

    fn started(&self, site: &Site, run: &str, after: Option<u64>) -> Event {
        Event::RunStarted {
            version: VERSION,
            run: run.to_owned(),
            command: self.command.to_owned(),
            stack: site.stack.clone(),
            target: site.target.name().to_owned(),
            after,
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

    /// What the program reads may be secret, and two secrets look the same in a plan. What was read
    /// only once, then or now, the cloud decided about.
    fn check_reads(&self, now: &Reads, redactor: &Redactor) -> Result<()> {
        let (old, now) = (&self.basis.reads, now.so_far());
        let differs = |what: &str| now.get(what).is_some_and(|hashes| old.get(what) != Some(hashes));
        let changed: Vec<&str> = old.keys().map(String::as_str).filter(|what| differs(what)).collect();
        match changed.as_slice() {
            [] => Ok(()),
            [first] => Err(self.stale(&redactor.text(&format!("since then {first} changed, which the program reads")))),
            [first, others @ ..] => {
                let others = count(others.len(), "other thing");
                let why = format!("since then {first} changed and {others} that the program reads");
                Err(self.stale(&redactor.text(&why)))
            }
        }
    }

    /// The cloud may not be what it was, though nothing else changed.
    fn check_plan(&self, now: &Plan) -> Result<()> {
        let old = &self.saved.plan;
        if old == now {
            return Ok(());
        }
        let step = now.steps.iter().find(|step| !old.steps.contains(step));
        let step = step.or_else(|| old.steps.iter().find(|step| !now.steps.contains(step)));
        let whose = step.map(|step| format!(", first of all for {}", resource(&step.key.urn))).unwrap_or_default();
        let why = format!("what would be done now differs{whose}, because the cloud shows something else");
        Err(self.stale(&why))
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
            unchanged: job.manner.showing.is_some_and(|s| s.show_unchanged),
            eta: job.manner.timing.is_some_and(|t| t.eta) || cloud.is_simulated(),
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

    /// Plans, shows what happens meanwhile, and tells what it waits for.
    async fn plan(
        &mut self,
        request: Request<'_>,
        events: &mut UnboundedReceiver<Event>,
        cloud: &Cloud,
        interrupts: &mut Interrupts,
    ) -> std::result::Result<Planned, NoPlan> {
        let work = plan(request);
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => self.show(event),
                planned = &mut work => {
                    self.drain(events);
                    return planned.map_err(NoPlan::Refused);
                }
                () = interrupts.next() => return Err(NoPlan::Interrupted),
                () = tokio::time::sleep(render::TICK), if !self.simulated => {
                    if let Some((what, waited)) = cloud.waits_for() {
                        let since = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
                        self.show(Event::Asking { what, since });
                    }
                    self.renderer.tick();
                }
            }
        }
    }

    /// Carries the plan out and shows what happens until the last event.
    #[expect(clippy::too_many_arguments, reason = "the parts of one run, each used once")]
    async fn carry_out(
        &mut self,
        planned: Planned,
        program: Option<Arc<dyn Program>>,
        journal: Arc<crate::state::Session>,
        settings: Settings,
        environment: BTreeMap<String, String>,
        cloud: &Cloud,
        interrupts: &mut Interrupts,
    ) -> crate::engine::error::Result<Outcome> {
        let (sink, mut events) = Sink::new();
        let stop = Stop::default();
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
            code: Some(Exit::Cancelled.word().to_owned()),
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
            code: Some("lost".into()),
            message: format!("leaving at once: {reason}"),
            urn: None,
            at: None,
            help: Some(reason.hint()),
        });
    }

    /// Notes what people are told in other words: for the record, and for programs.
    fn note(&mut self, event: Event) {
        let envelope = self.numbering.envelope(event, self.clock.now());
        self.log.event(&envelope);
        if self.json {
            self.renderer.event(&envelope);
        }
    }

    /// Tells why nothing is done.
    fn refuse(self, failure: Failure) -> Failure {
        let end = failure.refusal();
        self.tell(failure, end)
    }

    /// Tells why no more is done.
    fn give_up(self, failure: Failure) -> Failure {
        self.tell(failure, Ended::Failed { failed: Vec::new(), skipped: Vec::new() })
    }

    fn tell(mut self, failure: Failure, end: Ended) -> Failure {
        failure.diagnostics().into_iter().for_each(|event| self.note(event));
        self.end(end, Summary::default());
        Failure::Shown(failure.show())
    }

    /// The end of a run that the user does not want.
    fn decline(self, plan: &Plan) -> Exit {
        let left = plan.steps.iter().filter(|step| step.op != Op::Same).map(|step| step.key.urn.clone());
        self.end(Ended::Cancelled { left: left.collect() }, Summary::default());
        declined()
    }

    /// The end of a run that changed nothing.
    fn end(mut self, how: Ended, summary: Summary) {
        self.note(ended(how, summary));
        self.close();
    }

    fn close(self) {
        self.renderer.finish();
        if let Some(failure) = self.log.failure() {
            render::warn(failure);
        }
    }
}

fn ended(ended: Ended, summary: Summary) -> Event {
    Event::RunEnded { version: None, ended, summary, took: 0, notes: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_does_not_hold_names_what_its_program_reads_and_was_changed() {
        let reads = |all: &[(&str, &str)]| {
            let reads = Reads::default();
            all.iter().for_each(|(what, content)| reads.note((*what).to_owned(), content.as_bytes()));
            reads
        };
        let then = [("`code`", "a"), ("`pw.txt`", "b"), ("`then`", "c")];
        let saved = SavedPlan {
            tool: String::new(),
            command: "up".into(),
            stack: "s".into(),
            target: "twin".into(),
            lineage: String::new(),
            settings: Settings::default(),
            plan: Plan::default(),
        };
        let basis = Basis { reads: reads(&then).so_far(), ..Basis::default() };
        let promise = Promise { saved, basis, path: "p".into() };
        let told = |now: &[(&str, &str)]| {
            promise.check_reads(&reads(now), &Redactor::default()).err().map(|failure| failure.message())
        };
        assert_eq!(told(&then), None);
        assert_eq!(told(&[("`code`", "a"), ("`pw.txt`", "b"), ("`now`", "c")]), None);
        let expected = "the plan in p does not hold any more: since then `pw.txt` changed, which the program reads";
        assert_eq!(told(&[("`code`", "a"), ("`pw.txt`", "x")]).unwrap(), expected);
        let several = told(&[("`code`", "x"), ("`pw.txt`", "x")]).unwrap();
        assert!(several.ends_with("`code` changed and 1 other thing that the program reads"), "{several}");
    }
}
