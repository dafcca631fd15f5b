//! A plan that is saved, and one that is carried out only if it still holds.

use std::path::{Path, PathBuf};

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, failed};
use crate::cli::run::Job;
use crate::cli::site::{Hashes, Site};
use crate::engine::plan::{Plan, Step};
use crate::engine::planner::Mode;
use crate::engine::redact::Redactor;
use crate::engine::settings::Settings;
use crate::engine::state::State;
use crate::render;
use crate::render::words::{count, resource};
use crate::stack::Reads;
use crate::state::{Basis, Keys, SavedPlan, fingerprint};

/// A saved plan that is to be carried out.
pub(super) struct Promise {
    pub(super) saved: SavedPlan,
    pub(super) basis: Basis,
    pub(super) path: PathBuf,
}

impl Job<'_> {
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

    pub(super) fn hashes(&self, program: Option<&Hashes>) -> Hashes {
        program.filter(|_| self.mode == Mode::Up).cloned().unwrap_or_default()
    }

    pub(super) async fn save(
        &self,
        path: &Path,
        plan: &Plan,
        site: &Site,
        state: &State,
        settings: Settings,
    ) -> Result<()> {
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
    pub(super) fn promise(&self, path: &Path, site: &Site, keys: &Keys) -> Result<Promise> {
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
    pub(super) fn still_holds(&self, promise: &Promise, site: &Site, state: &State, keys: &Keys) -> Result<()> {
        promise.check_basis(&self.basis(site.hashes.as_ref(), state, keys)?, &state.lineage)
    }
}

impl Promise {
    fn check_basis(&self, now: &Basis, lineage: &str) -> Result<()> {
        let Self { saved, basis, .. } = self;
        let version = env!("CARGO_PKG_VERSION");
        let tool = format!("drctl (it was {}, and is {version})", saved.tool);
        let differs = [
            (saved.tool != version, tool.as_str()),
            (basis.program != now.program, "the program"),
            (basis.config != now.config, "the config"),
            (saved.lineage != lineage || basis.state != now.state, "the state"),
        ];
        let differs: Vec<&str> = differs.iter().filter_map(|(differs, what)| differs.then_some(*what)).collect();
        match differs.as_slice() {
            [] => Ok(()),
            several => Err(self.stale(&format!("since then {} changed", several.join(" and ")))),
        }
    }

    fn stale(&self, why: &str) -> Failure {
        let message = format!("the plan in {} does not hold any more: {why}", self.path.display());
        Failure::new(Exit::Configuration, message, "make a new one with `drctl preview --save-plan`, and look at it")
    }

    /// What the program reads may be secret, and two secrets look the same in a plan. What was read
    /// only once, then or now, the cloud decided about.
    pub(super) fn check_reads(&self, now: &Reads, redactor: &Redactor) -> Result<()> {
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
    pub(super) fn check_plan(&self, now: &Plan) -> Result<()> {
        let (old, now) = (timeless(&self.saved.plan), timeless(now));
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

/// A plan without what differs with the time alone: how long its steps take, and orders that stop to matter.
fn timeless(plan: &Plan) -> Plan {
    let steps = plan.steps.iter().map(|step| Step { typical: 0, ..step.clone() }).collect();
    Plan { steps, edges: Vec::new(), ..plan.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::Op;
    use crate::engine::state::Key;
    use crate::engine::urn::{Place, Urn};

    #[test]
    fn a_plan_holds_whatever_it_foresees_of_its_time() {
        let step = |name: &str, typical| {
            let key = Key { urn: Urn::new("s", "p", "t:i:T", name), generation: 0 };
            Step { typical, ..Step::new(key, "t:i:T", &Place::global(), Op::Delete) }
        };
        let plan = |typical, edges| Plan { steps: vec![step("a", typical), step("b", 1)], edges, ..Plan::default() };
        let promise = promise(plan(900, vec![(0, 1)]), Basis::default());
        assert!(promise.check_plan(&plan(1, Vec::new())).is_ok());
        let other = Plan { steps: vec![step("c", 900)], ..Plan::default() };
        assert!(promise.check_plan(&other).is_err());
    }

    fn promise(plan: Plan, basis: Basis) -> Promise {
        let saved = SavedPlan {
            tool: env!("CARGO_PKG_VERSION").into(),
            command: "up".into(),
            stack: "s".into(),
            target: "twin".into(),
            lineage: "lineage".into(),
            settings: Settings::default(),
            plan,
        };
        Promise { saved, basis, path: "p".into() }
    }

    #[test]
    fn a_plan_holds_only_for_the_program_the_config_the_state_and_the_tool_that_it_was_made_with() {
        let now = || Basis { program: "p".into(), config: "c".into(), state: "s".into(), ..Basis::default() };
        let refused = |promise: &Promise, lineage: &str| {
            let why = promise.check_basis(&now(), lineage).err()?.message();
            why.split_once("since then ").map(|(_, what)| what.to_owned())
        };
        let with = |change: fn(&mut Promise)| {
            let mut promise = promise(Plan::default(), now());
            change(&mut promise);
            refused(&promise, "lineage").unwrap()
        };
        assert_eq!(refused(&promise(Plan::default(), now()), "lineage"), None);
        assert_eq!(with(|promise| promise.basis.program.push('x')), "the program changed");
        assert_eq!(with(|promise| promise.basis.config.push('x')), "the config changed");
        assert_eq!(with(|promise| promise.basis.state.push('x')), "the state changed");
        assert_eq!(refused(&promise(Plan::default(), now()), "another").unwrap(), "the state changed");
        let tool = with(|promise| promise.saved.tool = "0.0.1".into());
        assert_eq!(tool, format!("drctl (it was 0.0.1, and is {}) changed", env!("CARGO_PKG_VERSION")));
        let both = with(|promise| (promise.basis.program, promise.basis.config) = Default::default());
        assert_eq!(both, "the program and the config changed");
    }

    #[test]
    fn a_plan_that_does_not_hold_names_what_its_program_reads_and_was_changed() {
        let reads = |all: &[(&str, &str)]| {
            let reads = Reads::default();
            all.iter().for_each(|(what, content)| reads.note((*what).to_owned(), content.as_bytes()));
            reads
        };
        let then = [("`code`", "a"), ("`pw.txt`", "b"), ("`then`", "c")];
        let basis = Basis { reads: reads(&then).so_far(), ..Basis::default() };
        let promise = promise(Plan::default(), basis);
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
