//! A run from its plan to its end: plan, show, ask, carry out, remember.

mod manner;
mod saved;
mod stage;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::Global;
use crate::cli::cloud::Cloud;
use crate::cli::confirm::{Answers, declined};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, failed};
use crate::cli::interrupt::Interrupts;
use crate::cli::program::world;
use crate::cli::run::saved::Promise;
use crate::cli::run::stage::{NoPlan, Stage};
use crate::cli::runtime::runtime;
use crate::cli::site::Site;
use crate::cli::target::Target;
use crate::cli::twin::take_twin;
use crate::engine::clock::Clock;
use crate::engine::event::{Ended, Event, VERSION};
use crate::engine::plan::{Plan, Summary};
use crate::engine::planner::Mode;
use crate::engine::program::Program;
use crate::engine::settings::Settings;
use crate::engine::state::State;
use crate::render;
use crate::render::plan_markdown::PlanMarkdown;
use crate::render::words::count;
use crate::render::{Detail, Numbering, Style};
use crate::state::{Lock, Owner, check_sound, in_project};

pub(super) use manner::{Effort, Emptiness, Expecting, Force, Manner, Queue, Showing, Timing, Tolerance};

/// A run that a command wants.
pub(in crate::cli) struct Job<'a> {
    pub(in crate::cli) command: &'static str,
    pub(in crate::cli) mode: Mode,
    pub(in crate::cli) global: &'a Global,
    pub(in crate::cli) manner: Manner<'a>,
    /// A saved plan: the one to write if the job only looks, else the one to carry out.
    pub(in crate::cli) plan: Option<&'a Path>,
}

/// What a run works on, once it has the stack.
struct Begun {
    state: State,
    session: Arc<crate::state::Session>,
    promise: Option<Promise>,
}

/// Changes the cloud to what is planned, once the user agrees.
pub(in crate::cli) fn change(job: &Job<'_>) -> Result {
    let answers = match job.plan {
        // Whoever gives a plan has agreed to it.
        Some(_) => Answers::Yes,
        None => Answers::here(job.global.yes),
    };
    let ready = answers.refuse_nobody(job.command);
    job.told(ready.and_then(|()| job.within(job.change(answers))))
}

/// Plans and changes nothing.
pub(in crate::cli) fn look(job: &Job<'_>, form: Form) -> Result<Plan> {
    job.told(job.within(job.look(form)))
}

/// How a plan that is only looked at is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Form {
    Screen,
    Markdown,
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
            let end = Event::RunEnded {
                version: Some(VERSION),
                ended,
                summary,
                took: 0,
                notes: Vec::new(),
                unwritten: false,
            };
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
        cloud.keep_log()?;
        let program = interrupts.or(self.program(&mut site, &cloud)).await;
        let Some(program) = program.transpose()? else { return Ok(declined()) };
        if promise.is_none() {
            self.refuse_emptied(program.as_deref(), &state, answers)?;
        }
        let mut stage = Stage::new(self, &site, &cloud, &run, self.style(&cloud));
        stage.show(self.started(&site, &run, Some(session.last_entry())));
        let planned = match stage.plan(self.mode, program.as_deref(), &state, &settings, &cloud, &mut interrupts).await
        {
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
        // Whoever cannot open the state takes it from nobody.
        let keys = site.keys().await?;
        let lock = self.lock(site, run).await?;
        site.warn();
        let keys = site.keys_by_now(keys).await?;
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
        let planned = match stage.plan(self.mode, program.as_deref(), &state, &settings, &cloud, &mut interrupts).await
        {
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
            unwritten: false,
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

    fn open(&self, site: &Site, state: &State, settings: &Settings) -> Result<(Cloud, BTreeMap<String, String>)> {
        let environment = site.environment(state);
        site.check_project(state)?;
        check_sound(state, world()).map_err(failed)?;
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
