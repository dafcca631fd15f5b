//! The whole life of a shipped stack of two sides, on the twin and on MiniStack: made, what its
//! specification asks for, unchanged, changed in one place of each service and back, protected, and gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use drctl::aws::Aws;
use drctl::engine::clock::Clock;
use drctl::engine::diagnostic::Diagnostic;
use drctl::engine::error::Error;
use drctl::engine::plan::{Op, Plan};
use drctl::engine::state::{Row, State};
use drctl::engine::value::{Map, Value};
use drctl::random::WithRandom;
use drctl::stack::Assets;

use crate::gaps;
use crate::stacks::{Shipped, completed};
use crate::support::checkout::Checkout;
use crate::support::emulator::ministack;
use crate::support::stage::{Report, Stage, steps, told};
use crate::tagged::{Demand, carry_their_tags};
use crate::verify::verify;

/// A change of one property: a file below `stacks/`, a text in it and what takes its place, and the
/// steps that this takes, `{side}` standing for both sides.
pub type Change = (&'static str, &'static str, &'static str, &'static [&'static str]);

#[derive(Clone, Copy)]
pub struct WholeLife {
    /// A file below `stacks/`.
    pub stack: &'static str,
    /// The environment that it is for by default.
    pub suffix: &'static str,
    pub sides: [&'static str; 2],
    pub regions: [&'static str; 2],
    pub resources: usize,
    /// Sorted.
    pub outputs: &'static [&'static str],
    pub tags: Demand,
    pub changes: &'static [&'static [Change]],
    /// Some of what a refused `destroy` lists.
    pub protected: &'static [&'static str],
    /// Keys that wait for their end when all else is gone.
    pub keys: usize,
}

impl WholeLife {
    /// On the twin each change is made and taken back by itself.
    pub async fn is_lived_on_the_twin(self) {
        let Shipped { twin, stage } = Shipped::new();
        let mut life = Life::of(self, Checkout::new(), stage);
        life.begins().await;
        life.stays_as_it_is().await;
        for change in self.changes.concat() {
            life.changes(&[change]).await;
        }
        life.ends().await;
        assert_eq!(twin.leftovers(), []);
        let kept = twin.inspect();
        assert!(kept.iter().all(|entry| entry.state == "PendingDeletion"), "{kept:#?}");
        assert_eq!(kept.len(), self.keys, "{kept:#?}");
    }

    /// On MiniStack all changes are made in one run, which takes the steps of all of them and no other,
    /// and taken back in another one: one by one they would only cost time, and the twin does that. The
    /// checks of the specification end with a failover where it has one, and all that follows happens
    /// after it.
    ///
    /// A further look is taken before anything changes. Gives the outputs as they were at the end.
    pub async fn is_lived_on_ministack(self, account: &str, look: impl FnOnce(&Map)) -> Map {
        let checkout = Checkout::new();
        let stage = on_ministack(&checkout, account);
        let mut life = Life::of(self, checkout, stage);
        life.begins().await;
        verify(self.stack, self.suffix, account, &life.stage.state.outputs);
        look(&life.stage.state.outputs);
        life.stays_as_it_is().await;
        life.changes(&self.changes.concat()).await;
        gaps::are_known("ministack", &life.stage.state);
        let outputs = life.stage.state.outputs.clone();
        life.ends().await;
        assert_eq!(ministack().leftovers(account, &self.regions), "");
        outputs
    }
}

fn on_ministack(checkout: &Checkout, account: &str) -> Stage {
    let assets = Assets::below(checkout.path());
    let mut settings = ministack().settings(account);
    settings.read_asset = Arc::new(move |asset| assets.bytes(asset).map_err(|e| Error::invalid(e.to_string())));
    let mut stage = Stage::new(Arc::new(WithRandom::new(Arc::new(Aws::new(settings)))), Clock::system());
    stage.settings.skip_unsupported = true;
    stage
}

/// A life that is being lived.
struct Life {
    of: WholeLife,
    checkout: Checkout,
    stage: Stage,
    /// Of which something was changed.
    services: BTreeSet<String>,
}

impl Life {
    fn of(of: WholeLife, checkout: Checkout, stage: Stage) -> Self {
        Self { of, checkout, stage, services: BTreeSet::new() }
    }

    async fn begins(&mut self) {
        assert_eq!(steps(&self.up().await).len(), self.of.resources);
        let names: BTreeSet<&str> = self.stage.state.outputs.keys().map(String::as_str).collect();
        assert!(names.iter().eq(self.of.outputs), "{names:?}");
        let tagged = carry_their_tags(&self.stage.state, &*self.stage.cloud, self.of.tags).await;
        assert!(tagged > self.of.resources / 3, "only {tagged} of {} take tags", self.of.resources);
    }

    async fn stays_as_it_is(&mut self) {
        assert_eq!(self.preview().await, [""; 0], "a preview after `up` shows changes");
        assert_eq!(steps(&self.up().await), [""; 0], "a second `up` does something");
        assert_eq!(self.drift().await, [""; 0], "`up` leaves something else than it should");
    }

    /// Makes some changes at once, and takes them back. What the endpoint could not make does not change.
    async fn changes(&mut self, changes: &[Change]) {
        let made: Vec<&str> = changes.iter().map(|(_, _, to, _)| *to).collect();
        for (file, from, to, _) in changes {
            self.checkout.replace(&format!("stacks/{file}"), from, to);
        }
        let mut expected: BTreeSet<String> =
            changes.iter().flat_map(|(.., expected)| self.of_both_sides(expected)).collect();
        for row in self.stage.state.rows.values().filter(|row| row.is_skipped()) {
            expected.remove(&format!("update {}", row.key.urn.name()));
        }
        let plan = self.up().await;
        assert_eq!(BTreeSet::from_iter(steps(&plan)), expected, "{made:?}");
        let changed = plan.steps.iter().filter(|step| step.op != Op::Same);
        self.services.extend(changed.map(|step| service(&step.ty)));
        assert_eq!(self.preview().await, [""; 0], "{made:?}");
        for (file, from, to, _) in changes.iter().rev() {
            self.checkout.replace(&format!("stacks/{file}"), to, from);
        }
        self.up().await;
        assert_eq!(self.drift().await, [""; 0], "after {made:?} were taken back");
    }

    async fn ends(&mut self) {
        let rows = self.stage.state.rows.values().filter(|row| row.ty.starts_with("aws:"));
        let services: BTreeSet<String> = rows.map(|row| service(&row.ty)).collect();
        assert_eq!(services, self.services, "in each service something is changed");
        let Err(refused) = self.stage.destroy().await else { panic!("`destroy` does not mind the protection") };
        for protected in self.of.protected {
            assert!(told(&refused).contains(protected), "{protected}: {}", told(&refused));
        }
        self.stage.settings.override_protection = true;
        completed(good(self.stage.destroy().await));
    }

    async fn up(&mut self) -> Plan {
        let program = self.program();
        completed(good(self.stage.up(&program).await)).plan
    }

    async fn preview(&self) -> Vec<String> {
        let plan = self.stage.preview(&self.program()).await;
        steps(&plan.unwrap_or_else(|p| panic!("{}", told(&p))))
    }

    /// What differs from the program, and not only from the state.
    async fn drift(&mut self) -> Vec<String> {
        self.stage.settings.refresh = true;
        let steps = self.preview().await;
        self.stage.settings.refresh = false;
        steps
    }

    fn program(&self) -> String {
        program(&self.checkout, self.of.stack)
    }

    fn of_both_sides(&self, expected: &[&str]) -> BTreeSet<String> {
        let sides = |step: &&str| self.of.sides.map(|side| step.replace("{side}", side));
        expected.iter().flat_map(sides).collect()
    }
}

/// The service that a type belongs to: `ec2` has two modules of types.
fn service(ty: &str) -> String {
    let module = ty.split([':', '/']).nth(1).unwrap();
    if module == "vpc" { "ec2".to_owned() } else { module.to_owned() }
}

fn good(report: Result<Report, Vec<Diagnostic>>) -> Report {
    report.unwrap_or_else(|problems| panic!("{}", told(&problems)))
}

/// A stack as it lies in a checkout, whose files may be changed.
pub fn program(checkout: &Checkout, stack: &str) -> String {
    format!("extends: {}\n", checkout.path().join("stacks").join(stack).display())
}

pub fn row<'a>(state: &'a State, name: &str) -> &'a Row {
    let found = state.rows.values().find(|row| row.key.urn.name() == name);
    found.unwrap_or_else(|| panic!("there is no `{name}`"))
}

pub fn text<'a>(row: &'a Row, input: &str) -> Option<&'a str> {
    row.inputs.get(input).and_then(Value::as_str)
}
