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
use crate::render::{Detail, Numbering, Renderer, Style};
use crate::state::{Lock, Owner, StateError, check_environment};

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

    /// Seconds to wait for another run of the same stack
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    lock_timeout: u64,

    /// Accept that config from the environment is not what this state was made with
    #[arg(long)]
    rename_environment: bool,
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
}

/// Changes the cloud to what is planned, once the user agrees.
pub(super) fn change(job: &Job<'_>) -> Result {
    let answers = Answers::here(job.global.yes);
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
        let settings = self.settings(&site)?;
        let local = site.local();
        if self.mode != Mode::Up && !local.exists() {
            return Err(site.not_found());
        }
        let run = ulid::Ulid::generate().to_string();
        let lock = self.lock(&site, &run).await?;
        let keys = site.keys().await?;
        let (state, session) = lock.session(keys, site.fresh()?).await.map_err(failed)?;
        let session = Arc::new(session);
        let (cloud, environment) = self.open(&site, &state, &settings)?;
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
        let planned = match plan(request).await {
            Ok(planned) => planned,
            Err(problems) => return Err(stage.refuse(problems)),
        };
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
        let outcome = outcome?;
        session.finish(&outcome.state).await.map_err(failed)?;
        kept?;
        Ok((&outcome.ended).into())
    }

    async fn look(&self, mut site: Site, form: Form) -> Result<Plan> {
        let settings = self.settings(&site)?;
        let local = site.local();
        let state = if local.exists() { site.state().await?.0 } else { site.fresh()? };
        let (cloud, _) = self.open(&site, &state, &settings)?;
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
        let planned = match plan(request).await {
            Ok(planned) => planned,
            Err(problems) => return Err(stage.refuse(problems)),
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

    fn settings(&self, site: &Site) -> Result<Settings> {
        let asked = self.manner.settings(&self.global.selection, site)?;
        let always = site.loaded.as_ref().is_some_and(|loaded| loaded.refresh);
        Ok(Settings { refresh: asked.refresh || always, ..asked })
    }

    fn open(&self, site: &Site, state: &State, settings: &Settings) -> Result<(Cloud, BTreeMap<String, String>)> {
        let environment = site.loaded.as_ref().map_or_else(|| state.environment.clone(), |l| l.environment.clone());
        if !self.manner.rename_environment {
            let asked = environment.iter().map(|(k, v)| (k.clone(), Some(v.clone()))).collect();
            check_environment(&site.stack, &state.environment, &asked).map_err(crate::engine::error::Error::from)?;
        }
        let there: Vec<&str> = state.rows.values().map(|row| row.place.0.as_str()).collect();
        let cloud = site.cloud_reached_by(&there, &settings.unavailable)?;
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
            Err(StateError::Locked { owner: holder }) if self.manner.lock_timeout > 0 => {
                let who = holder.map_or_else(|| "another run".to_owned(), |holder| holder.to_string());
                render::say(format_args!("Waiting for {who}\n"));
                let timeout = Duration::from_secs(self.manner.lock_timeout);
                site.local().lock(owner, timeout).await.map_err(failed)
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
            unchanged: job.showing.show_unchanged,
            eta: job.showing.eta || cloud.is_simulated(),
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
            message: message.into(),
            urn: None,
            at: None,
            help: None,
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
fn exit_of(code: &str) -> Exit {
    match code {
        "credentials" | "wrong-account" => Exit::Authentication,
        "protected" => Exit::Policy,
        "unreadable" | "interrupted" | "identity" => Exit::Resource,
        _ => Exit::Configuration,
    }
}
