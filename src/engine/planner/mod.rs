//! From declarations, a state and what the cloud shows to a plan. Nothing here changes anything.
//!
//! 1. Settle what earlier runs left open: look for creates whose answer was lost.
//! 2. Look at the cloud, in batches: everything with `refresh`, otherwise only rows that were left
//!    in doubt and types that the cloud changes by itself.
//! 3. Walk the declarations in dependency order. Each is evaluated with what is known by then, and
//!    [`decide`](crate::engine::decide) says what to do with it. What a step will make is predicted
//!    as far as possible, the rest is unknown to those that come after.
//! 4. Add the deletions, what must come before them, and the order of everything.
//!
//! What `execute` then does is exactly this plan: see `execute`.

mod changes;
mod company;
mod deletions;
mod departures;
mod drift;
mod existing;
mod hold;
mod look;
mod namesakes;
mod settle;
mod walk;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::engine::clock::Clock;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::discreet::Discreet;
use crate::engine::error::{Error, Kind};
use crate::engine::event::Sink;
use crate::engine::journal::{Entry, apply};
use crate::engine::observe::{Sights, Watch};
use crate::engine::plan::{Change, Op, Plan, Reason, Step};
use crate::engine::planner::namesakes::Collision;
use crate::engine::program::{Declaration, Known, Program, unavailable};
use crate::engine::provider::{Catalog, Identity, Provider};
use crate::engine::redact::Redactor;
use crate::engine::resource::Where;
use crate::engine::selection::{Candidate, Selection, select};
use crate::engine::settings::Settings;
use crate::engine::state::{Key, Row, State};
use crate::engine::task::Task;
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Shown, Value};

/// What kind of run is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Bring the cloud to what the program says.
    Up,
    /// Delete everything.
    Destroy,
    /// Bring the state to what the cloud shows.
    Refresh,
}

/// What is to be planned.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// None only where the program does not matter: `destroy` and `refresh`.
    pub program: Option<&'a dyn Program>,
    pub state: &'a State,
    pub cloud: &'a dyn Provider,
    pub mode: Mode,
    pub settings: &'a Settings,
    pub clock: Clock,
    /// Where planning says what it waits for.
    pub sink: &'a Sink,
}

impl<'a> Request<'a> {
    fn watch(&self) -> Watch<'a> {
        Watch { clock: self.clock, sink: self.sink, skip_unsupported: self.settings.skip_unsupported }
    }
}

/// A plan and what is needed to carry it out.
#[derive(Debug)]
pub struct Planned {
    pub plan: Plan,
    pub mode: Mode,
    /// The work behind each step.
    pub tasks: Vec<Task>,
    /// The state with what was settled and seen while planning.
    pub state: State,
    /// The entries that lead from the old state to that one, to be written before anything else.
    pub prelude: Vec<Entry>,
    pub identity: Identity,
    /// What no word of the run may hold.
    pub redactor: Arc<Redactor>,
}

/// Plans a run.
///
/// # Errors
/// Everything that forbids the run, at once: wrong inputs, protected resources, unknown targets,
/// what cannot be read.
pub async fn plan(request: Request<'_>) -> Result<Planned, Vec<Diagnostic>> {
    let redactor = request.program.map(Program::secrets).unwrap_or_default();
    redactor.learn_state(request.state);
    let cloud = Discreet::new(request.cloud, Arc::clone(&redactor));
    let planned = planned(Request { cloud: &cloud, ..request }, Arc::clone(&redactor)).await;
    planned.map_err(|problems| problems.into_iter().map(|problem| redactor.diagnostic(problem)).collect())
}

async fn planned(request: Request<'_>, redactor: Arc<Redactor>) -> Result<Planned, Vec<Diagnostic>> {
    request.cloud.reach().begin(&request.settings.unavailable);
    let identity = identified(request.cloud.identity().await, request.state)?;
    let mut planner = Planner::new(request, identity);
    planner.check_unavailable()?;
    planner.settle_lost_creates().await?;
    planner.take_back_old_halves()?;
    planner.adopt_aliases()?;
    planner.selection = planner.select()?;
    planner.look().await?;
    planner.take_back_old_halves()?;
    planner.settle_bequests()?;
    planner.index_rows();
    planner.observe_roles()?;
    let mut planner = planner.decided().await?;
    planner.gather_companies();
    planner.note_unavailable();
    planner.finish(redactor).await
}

/// Who we are in the cloud, by its answer.
///
/// # Errors
/// If it cannot tell, or the state belongs to another account.
pub fn identified(answer: Result<Identity, Error>, state: &State) -> Result<Identity, Vec<Diagnostic>> {
    let identity = answer.map_err(|e| {
        let code = match e.kind {
            Kind::Denied => "credentials",
            kind => kind.code("identity"),
        };
        // Without an operation the refusal is drctl's own, which knows the account.
        let message = match e.kind {
            Kind::Denied if e.operation.is_none() => e.message,
            _ => format!("cannot tell which account this is: {e}"),
        };
        vec![Diagnostic { help: e.hint, ..Diagnostic::error(code, message) }]
    })?;
    identity.check(state).map_err(|problem| vec![problem])?;
    Ok(identity)
}

#[derive(Clone)]
struct Planner<'a> {
    request: Request<'a>,
    catalog: &'a Catalog,
    identity: Identity,
    state: State,
    prelude: Vec<Entry>,
    selection: Selection,
    sights: Sights,
    /// What the state knew and the cloud does not show any more.
    gone: HashSet<Urn>,
    /// Attempts of creates that had no effect, to be tried again with the same token.
    retries: HashMap<Urn, String>,
    known: Known,
    steps: Vec<Step>,
    tasks: Vec<Task>,
    edges: Vec<(usize, usize)>,
    /// The row that stands for each resource, and the highest generation it ever had here.
    rows: HashMap<Urn, (Option<Key>, u32)>,
    /// The old halves of replacements that are still there.
    halves: HashMap<Urn, Vec<Key>>,
    /// The step that brings a resource up to date.
    current: HashMap<Urn, usize>,
    replaced: HashSet<Urn>,
    deleted_first: HashSet<Urn>,
    /// Resources that are deleted first if they are replaced, so that others can have a name.
    makes_way: BTreeSet<Urn>,
    collisions: Vec<Collision>,
    /// Resources that the program wants, that do not exist, and that cannot be made now.
    absent: HashSet<Urn>,
    /// Resources whose changes wait, and what the changes are.
    waiting: HashSet<Urn>,
    held: Vec<Step>,
    /// Steps whose changes go together, by a name that they share.
    companies: Vec<(usize, String)>,
    /// Old rows that the walk wants deleted: key, and whether the new half comes after.
    retired: Vec<(Key, bool)>,
    /// What those that make room leave to the new halves.
    bequests: HashMap<Key, Value>,
    problems: Vec<Diagnostic>,
    notes: Vec<String>,
    outputs: Vec<(String, Shown, Shown)>,
}

impl<'a> Planner<'a> {
    fn new(request: Request<'a>, identity: Identity) -> Self {
        Self {
            request,
            catalog: request.cloud.catalog(),
            identity,
            state: request.state.clone(),
            prelude: Vec::new(),
            selection: Selection::All,
            sights: Sights::new(),
            gone: HashSet::new(),
            retries: HashMap::new(),
            known: Known::new(),
            steps: Vec::new(),
            tasks: Vec::new(),
            edges: Vec::new(),
            rows: HashMap::new(),
            halves: HashMap::new(),
            current: HashMap::new(),
            replaced: HashSet::new(),
            deleted_first: HashSet::new(),
            makes_way: BTreeSet::new(),
            collisions: Vec::new(),
            absent: HashSet::new(),
            waiting: HashSet::new(),
            held: Vec::new(),
            companies: Vec::new(),
            retired: Vec::new(),
            bequests: HashMap::new(),
            problems: Vec::new(),
            notes: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// Plans what becomes of everything; again from here, as long as something has to make way first.
    async fn decided(mut self) -> Result<Self, Vec<Diagnostic>> {
        loop {
            let mut planner = self.clone();
            match self.request.mode {
                Mode::Up => {
                    planner.walk().await?;
                    planner.plan_deletions()?;
                }
                Mode::Destroy => planner.plan_deletions()?,
                Mode::Refresh => planner.note_drift()?,
            }
            let more = planner.who_makes_way();
            if more.is_empty() {
                return Ok(planner);
            }
            self.makes_way.extend(more);
        }
    }

    fn declarations(&self) -> &'a [Declaration] {
        self.request.program.map_or(&[], Program::declarations)
    }

    /// Changes the planned state, and remembers how.
    fn record(&mut self, entry: Entry) -> Result<(), Vec<Diagnostic>> {
        apply(&mut self.state, entry.clone()).map_err(|e| {
            vec![Diagnostic { help: e.hint.clone(), ..Diagnostic::error("damaged-state", e.to_string()) }]
        })?;
        self.prelude.push(entry);
        Ok(())
    }

    fn select(&self) -> Result<Selection, Vec<Diagnostic>> {
        let declared = self.declarations().iter().map(|d| Candidate {
            urn: d.urn.clone(),
            key: d.key.clone(),
            place: d.place.clone(),
            needs: d.needs.clone(),
        });
        let known: HashSet<&Urn> = self.declarations().iter().map(|d| &d.urn).collect();
        let remembered = self.state.rows.values().filter(|r| !known.contains(&r.key.urn)).map(|r| Candidate {
            urn: r.key.urn.clone(),
            key: r.key.urn.name().to_owned(),
            place: r.place.clone(),
            needs: r.needs.clone(),
        });
        let candidates: Vec<Candidate> = declared.chain(remembered).collect();
        select(self.request.settings, &candidates)
    }

    async fn finish(mut self, redactor: Arc<Redactor>) -> Result<Planned, Vec<Diagnostic>> {
        if let (Mode::Up, Some(program), true) = (self.request.mode, self.request.program, self.problems.is_empty()) {
            match program.outputs(&self.known, self.request.cloud).await {
                Ok(outputs) => {
                    let old = &self.state.outputs;
                    let names = outputs.keys().chain(old.keys().filter(|k| !outputs.contains_key(*k)));
                    let shown = |v: Option<&Value>| Shown::of(v.unwrap_or(&Value::Null));
                    // What no step of this run makes known stays as it is.
                    let quiet = self.steps.iter().all(|step| step.op == Op::Same);
                    let stays_unknown = |name: &str| quiet && outputs.get(name).is_some_and(Value::has_unknown);
                    let measured_again = |name: &String| old.contains_key(name) && program.measured().contains(name);
                    self.outputs = names
                        .filter(|name| old.get(*name) != outputs.get(*name))
                        .filter(|name| !stays_unknown(name) && !measured_again(name))
                        .map(|name| (name.clone(), shown(old.get(name)), shown(outputs.get(name))))
                        .collect();
                }
                // What cannot be told now stays as it was told last.
                Err(problems) if problems.iter().all(unavailable) => {}
                Err(problems) => self.problems.extend(problems),
            }
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        self.edges.sort_unstable();
        self.edges.dedup();
        Ok(Planned {
            plan: Plan {
                selection: self.selection.extent(),
                steps: self.steps,
                edges: self.edges,
                held: self.held,
                notes: self.notes,
                outputs: self.outputs,
            },
            mode: self.request.mode,
            tasks: self.tasks,
            state: self.state,
            prelude: self.prelude,
            identity: self.identity,
            redactor,
        })
    }

    fn index_rows(&mut self) {
        for (key, row) in &self.state.rows {
            let entry = self.rows.entry(key.urn.clone()).or_default();
            entry.1 = entry.1.max(key.generation);
            if row.old {
                self.halves.entry(key.urn.clone()).or_default().push(key.clone());
            } else {
                entry.0 = Some(key.clone());
            }
        }
    }

    fn live(&self, urn: &Urn) -> Option<&Arc<Row>> {
        self.state.rows.get(self.rows.get(urn)?.0.as_ref()?)
    }

    fn first_key(&self, urn: &Urn) -> Key {
        Key { urn: urn.clone(), generation: self.rows.get(urn).map_or(0, |(_, newest)| *newest) }
    }

    fn next_key(&self, urn: &Urn) -> Key {
        Key { urn: urn.clone(), generation: self.rows.get(urn).map_or(0, |(_, newest)| newest + 1) }
    }

    fn place(&self, region: &Place, id: Option<Id>) -> Where {
        let Identity { account, partition, .. } = self.identity.clone();
        Where { partition, account, region: region.clone(), id }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one step, each used once")]
    fn push(
        &mut self,
        declaration: &Declaration,
        row: &Row,
        op: Op,
        why: Vec<Reason>,
        changes: Vec<Change>,
        typical: u32,
        task: Task,
    ) {
        let step = Step {
            key: row.key.clone(),
            ty: declaration.ty.clone(),
            place: declaration.place.clone(),
            op,
            id: row.id.clone(),
            why,
            changes,
            replacement: None,
            typical,
            at: Some(declaration.at.to_string()),
            company: None,
        };
        let index = self.add(step, task);
        self.current.insert(declaration.urn.clone(), index);
    }

    fn add(&mut self, step: Step, task: Task) -> usize {
        self.steps.push(step);
        self.tasks.push(task);
        self.steps.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_known_and_not_allowed_is_not_told_to_be_unknown() {
        let state = State::new("l", "s", "p", "aws");
        let said = |error| identified(Err(error), &state).unwrap_err().remove(0);
        let refused = Error::new(Kind::Denied, "the credentials are for account `1`").hint("use others");
        let ours = said(refused.clone());
        assert_eq!((ours.code, ours.message.as_str()), ("credentials", "the credentials are for account `1`"));
        assert_eq!(ours.help.as_deref(), Some("use others"));
        let theirs = said(Error { operation: Some("sts:GetCallerIdentity".into()), ..refused });
        assert!(theirs.message.starts_with("cannot tell which account this is: "), "{}", theirs.message);
    }
}
