//! Where the events of a run go: to the user and into its record.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::cli::cloud::Cloud;
use crate::cli::confirm::declined;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupts;
use crate::cli::run::Job;
use crate::cli::site::Site;
use crate::engine::clock::Clock;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::event::{Ended, Event, Sink};
use crate::engine::execute::{Outcome, Run, execute};
use crate::engine::plan::{Op, Plan, Summary};
use crate::engine::planner::{Mode, Planned, Request, plan};
use crate::engine::program::Program;
use crate::engine::settings::Settings;
use crate::engine::state::State;
use crate::engine::stop::Stop;
use crate::render;
use crate::render::log::Log;
use crate::render::{Detail, Numbering, Renderer, Style};
use crate::state::StateError;

/// Why there is no plan.
pub(super) enum NoPlan {
    Refused(Vec<Diagnostic>),
    Interrupted,
}

/// Where the events of a run go: to the user and into the record.
pub(super) struct Stage {
    numbering: Numbering,
    renderer: Box<dyn Renderer>,
    log: Log,
    clock: Clock,
    simulated: bool,
    json: bool,
}

impl Stage {
    pub(super) fn new(job: &Job<'_>, site: &Site, cloud: &Cloud, run: &str, style: Style) -> Self {
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

    pub(super) fn show(&mut self, event: Event) {
        let envelope = self.numbering.envelope(event, self.clock.now());
        self.log.event(&envelope);
        self.renderer.event(&envelope);
    }

    /// Plans, shows what happens meanwhile, and tells what it waits for.
    pub(super) async fn plan(
        &mut self,
        mode: Mode,
        program: Option<&dyn Program>,
        state: &State,
        settings: &Settings,
        cloud: &Cloud,
        interrupts: &mut Interrupts,
    ) -> std::result::Result<Planned, NoPlan> {
        let (sink, mut events) = Sink::new();
        let provider = cloud.provider();
        let work = plan(Request { program, state, cloud: &*provider, mode, settings, clock: self.clock, sink: &sink });
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => self.show(event),
                planned = &mut work => {
                    self.drain(&mut events);
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
    pub(super) async fn carry_out(
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
    pub(super) fn refuse(self, failure: Failure) -> Failure {
        let end = failure.refusal();
        self.tell(failure, end)
    }

    /// Tells why no more is done.
    pub(super) fn give_up(self, failure: Failure) -> Failure {
        self.tell(failure, Ended::Failed { failed: Vec::new(), skipped: Vec::new() })
    }

    fn tell(mut self, failure: Failure, end: Ended) -> Failure {
        failure.diagnostics().into_iter().for_each(|event| self.note(event));
        self.end(end, Summary::default());
        Failure::Shown(failure.show())
    }

    /// The end of a run that the user does not want.
    pub(super) fn decline(self, plan: &Plan) -> Exit {
        let left = plan.steps.iter().filter(|step| step.op != Op::Same).map(|step| step.key.urn.clone());
        self.end(Ended::Cancelled { left: left.collect() }, Summary::default());
        declined()
    }

    /// The end of a run that changed nothing.
    pub(super) fn end(mut self, how: Ended, summary: Summary) {
        self.note(ended(how, summary));
        self.close();
    }

    pub(super) fn close(self) {
        self.renderer.finish();
        if let Some(failure) = self.log.failure() {
            render::warn(failure);
        }
    }
}

fn ended(ended: Ended, summary: Summary) -> Event {
    Event::RunEnded { version: None, ended, summary, took: 0, notes: Vec::new(), unwritten: false }
}
