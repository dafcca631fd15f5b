//! A run from its plan to its end: plan, show, ask, carry out, remember.

use std::collections::BTreeMap;
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
use crate::cli::session::{Cloud, Site, Target, failed, runtime};
use crate::engine::clock::Clock;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::event::{Ended, Event, Sink, VERSION};
use crate::engine::execute::{Outcome, Run, execute};
use crate::engine::plan::{Op, Plan, Summary};
use crate::engine::planner::{Mode, Planned, Request, plan};
use crate::engine::program::Program;
use crate::engine::settings::Settings;
use crate::engine::state::State;
use crate::engine::stop::Stop;
use crate::render;
use crate::render::log::Log;
use crate::render::plan_markdown::PlanMarkdown;
use crate::render::words::count;
use crate::render::{Detail, Numbering, Renderer, Style};
use crate::stack::Loaded;
use crate::state::{Lock, Owner, StateError, check_environment};

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
}

/// Changes the cloud to what is planned, once the user agrees.
pub(super) fn change(job: &Job<'_>) -> Result {
    let answers = Answers::here(job.global.yes);
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
/// How often planning tells what it waits for.
const ASKING: Duration = Duration::from_millis(500);

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
            let end = ended(failure.refusal(), Summary::default());
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
        let settings = self.settings(&site)?;
        let local = site.local();
        if self.mode != Mode::Up && !local.exists() {
            return Err(site.not_found());
        }
        let run = ulid::Ulid::generate().to_string();
        let begin = async {
            let lock = self.lock(&site, &run).await?;
            let keys = site.keys().await?;
            lock.session(keys, site.fresh()?).await.map_err(failed)
        };
        let Some(begun) = interrupts.or(begin).await else { return Ok(declined()) };
        let (state, session) = begun?;
        let session = Arc::new(session);
        self.refuse_emptied(&site, &state, answers)?;
        let (cloud, environment) = self.open(&site, &state)?;
        let program = self.program(&mut site);
        let mut stage = Stage::new(self, &site, &cloud, &run, self.style(&cloud));
        stage.show(self.started(&site, &run));
        let request = Request {
            program: program.as_deref(),
            state: &state,
            cloud: &*cloud.provider(),
            mode: self.mode,
            settings: &settings,
        };
        let planned = match stage.plan(request, &cloud, &mut interrupts).await {
            Ok(planned) => planned,
            Err(NoPlan::Refused(problems)) => return Err(stage.refuse(Failure::Program(problems))),
            Err(NoPlan::Interrupted) => return Ok(stage.decline(&Plan::default())),
        };
        stage.show(Event::Planned { plan: planned.plan.clone(), summary: planned.plan.summary() });
        let changes = !planned.plan.is_empty();
        if changes && self.manner.expecting.expect_no_changes {
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
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return Err(stage.give_up(error.into())),
        };
        stage.close();
        let finished = session.finish(&outcome.state).await.map_err(failed);
        // Programs have been told how the run ended; that this failed is for people.
        finished.and(kept).map_err(|failure| Failure::Shown(failure.show()))?;
        Ok((&outcome.ended).into())
    }

    async fn look(&self, form: Form) -> Result<Plan> {
        let mut interrupts = Interrupts::listen();
        let mut site = self.site()?;
        let settings = self.settings(&site)?;
        let local = site.local();
        let state = async { if local.exists() { Ok(site.state().await?.0) } else { site.fresh() } };
        let state = interrupts.or(state).await.ok_or_else(|| Failure::Shown(declined()))??;
        let (cloud, _) = self.open(&site, &state)?;
        let program = self.program(&mut site);
        let run = ulid::Ulid::generate().to_string();
        let style = match form {
            Form::Screen => self.style(&cloud),
            Form::Markdown => Style::Silent,
        };
        let mut stage = Stage::new(self, &site, &cloud, &run, style);
        let started = cloud.clock().now();
        stage.show(self.started(&site, &run));
        let request = Request {
            program: program.as_deref(),
            state: &state,
            cloud: &*cloud.provider(),
            mode: self.mode,
            settings: &settings,
        };
        let planned = match stage.plan(request, &cloud, &mut interrupts).await {
            Ok(planned) => planned,
            Err(NoPlan::Refused(problems)) => return Err(stage.refuse(Failure::Program(problems))),
            Err(NoPlan::Interrupted) => return Err(Failure::Shown(stage.decline(&Plan::default()))),
        };
        let plan = planned.plan;
        stage.show(Event::Planned { plan: plan.clone(), summary: plan.summary() });
        let took = u64::try_from(cloud.clock().now().duration_since(started).as_millis()).unwrap_or_default();
        stage.show(Event::RunEnded { ended: Ended::Completed, summary: plan.summary(), took, notes: Vec::new() });
        stage.close();
        if form == Form::Markdown {
            let (stack, target) = (&site.stack, site.target.name());
            render::data(PlanMarkdown { stack, target, plan: &plan, regions: &site.regions });
        }
        Ok(plan)
    }

    /// A file that was emptied by mistake must not delete a stack where nobody looks at the plan.
    fn refuse_emptied(&self, site: &Site, state: &State, answers: Answers) -> Result<()> {
        let allowed = self.manner.emptiness.is_none_or(|e| e.allow_empty) || answers == Answers::Person;
        let declares = |loaded: &Loaded| !loaded.program.declarations().is_empty();
        if allowed || state.rows.is_empty() || site.loaded.as_ref().is_none_or(declares) {
            return Ok(());
        }
        let held = count(state.rows.len(), "resource");
        Err(Failure::new(
            Exit::Configuration,
            format!("the program of `{}` declares no resource, and its state has {held}", site.stack),
            "bring the file back; or say that all is to be deleted with `--allow-empty` or `drctl destroy`",
        ))
    }

    fn settings(&self, site: &Site) -> Result<Settings> {
        let asked = self.manner.settings(&self.global.selection, site)?;
        let always = site.loaded.as_ref().is_some_and(|loaded| loaded.refresh);
        Ok(Settings { refresh: asked.refresh || always, ..asked })
    }

    fn open(&self, site: &Site, state: &State) -> Result<(Cloud, BTreeMap<String, String>)> {
        let environment = site.loaded.as_ref().map_or_else(|| state.environment.clone(), |l| l.environment.clone());
        if !self.manner.tolerance.rename_environment {
            let asked = environment.iter().map(|(k, v)| (k.clone(), Some(v.clone()))).collect();
            check_environment(&site.stack, &state.environment, &asked).map_err(crate::engine::error::Error::from)?;
        }
        let cloud = site.cloud()?;
        cloud.remind(state);
        Ok((cloud, environment))
    }

    /// Destroying needs no program: what was asked of a resource stands in its row.
    fn program(&self, site: &mut Site) -> Option<Arc<dyn Program>> {
        match self.mode {
            Mode::Destroy => None,
            Mode::Up | Mode::Refresh => site.loaded.take().map(|l| Arc::new(l.program) as Arc<dyn Program>),
        }
    }

    /// Takes the lock, and says whom it waits for if it is taken.
    async fn lock(&self, site: &Site, run: &str) -> Result<Lock> {
        let owner = Owner::here(run, &format!("{} --stack {}", self.command, site.stack));
        match site.local().lock(owner.clone(), Duration::ZERO).await {
            Err(StateError::Locked { owner: holder }) if !self.manner.lock_timeout().is_zero() => {
                let who = holder.map_or_else(|| "another run".to_owned(), |holder| holder.to_string());
                render::say(format_args!("Waiting for {who}\n"));
                site.local().lock(owner, self.manner.lock_timeout()).await.map_err(failed)
            }
            other => other.map_err(failed),
        }
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
            log: Log::create(&site.local().runs_dir(), run),
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

    /// Plans, and tells what it waits for.
    async fn plan(
        &mut self,
        request: Request<'_>,
        cloud: &Cloud,
        interrupts: &mut Interrupts,
    ) -> std::result::Result<Planned, NoPlan> {
        let work = plan(request);
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                planned = &mut work => return planned.map_err(NoPlan::Refused),
                () = interrupts.next() => return Err(NoPlan::Interrupted),
                () = tokio::time::sleep(ASKING), if !self.simulated => {
                    if let Some((what, waited)) = cloud.waits_for() {
                        let since = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
                        self.show(Event::Asking { what, since });
                    }
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
    Event::RunEnded { ended, summary, took: 0, notes: Vec::new() }
}
