//! What one step does: it evaluates its inputs, writes its intent, calls, and writes the result.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::engine::converge::{Arrived, Journey};
use crate::engine::crew::Crew;
use crate::engine::decide::{Case, Decision, base, decide, ignore_changes, ignored, triggered};
use crate::engine::error::{Error, Kind, Result};
use crate::engine::event::Event;
use crate::engine::handle::Handle;
use crate::engine::inherit::Inheritance;
use crate::engine::journal::Entry;
use crate::engine::path::Path;
use crate::engine::placeholder::{WRITE_IT, placeholder_in};
use crate::engine::plan::{Op, Step};
use crate::engine::program::{Given, Known, Options, Program, Timeouts};
use crate::engine::provider::{At, Company, KindAt, Live};
use crate::engine::redact::Redactor;
use crate::engine::remove::{Removal, Removed};
use crate::engine::resource::{Limits, Seen, Want};
use crate::engine::schema::TypeSchema;
use crate::engine::state::{Begun, Key, Row};
use crate::engine::task::Task;
use crate::engine::urn::{Id, Urn};
use crate::engine::value::{Map, Value};
use crate::engine::{names, observe};

/// How long something that is not ours may take until it is there: what another resource makes, such as
/// a network interface, shows within seconds.
const READ: Duration = Duration::from_secs(60);
const READ_EVERY: Duration = Duration::from_secs(5);

/// What became of a step.
pub(super) enum Done {
    /// Nothing that others can see has changed.
    Unmoved,
    Moved,
    /// The endpoint lacks the operation.
    Unsupported(String),
    /// A deletion that the cloud allows only then.
    Later(Timestamp),
}

/// What every step works with. Cheap to clone.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) crew: Crew,
    pub(super) program: Option<Arc<dyn Program>>,
    pub(super) known: Arc<RwLock<Known>>,
    pub(super) redactor: Arc<Redactor>,
}

impl Worker {
    /// Whether the state says already what a step without a call would write.
    pub(super) fn is_as_written(&self, row: &Arc<Row>) -> bool {
        let Some(old) = self.crew.ledger.row(&row.key) else { return true };
        self.learn(&old);
        old == *row
    }

    pub(super) fn everything_known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What others see of a resource from now on. What happens to the old half of a replacement is none of it.
    fn learn(&self, row: &Arc<Row>) {
        if row.old {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(row.key.urn.clone(), Handle::of(row));
    }

    pub(super) async fn step(&self, step: Step, task: Task, needs_moved: bool) -> Result<Done> {
        let _member = self.crew.join();
        let quiet = match task {
            Task::Keep { .. } | Task::Note => step.op == Op::Same,
            Task::Stay { .. } => true,
            _ => false,
        };
        let company = step.company.clone();
        let started = self.crew.clock.now();
        if !quiet {
            let (urn, place, op) = (step.key.urn.clone(), step.place.clone(), step.op.clone());
            self.crew.sink.send(Event::StepStarted { urn, place, op });
        }
        let result = match task {
            Task::Keep { row, options } => self.keep(&step, Arc::unwrap_or_clone(row), &options, needs_moved).await,
            Task::Stay { row } => {
                self.learn(&row);
                Ok(Done::Unmoved)
            }
            Task::Make { row, attempt, set_aside, inherits } => {
                self.make(Arc::unwrap_or_clone(row), attempt, set_aside, &inherits, company).await
            }
            Task::Change { row, options, live } => {
                self.change(&step, Arc::unwrap_or_clone(row), &options, live.map(|l| *l)).await
            }
            Task::Act { key, patch } => self.act(&key, &patch).await,
            Task::Unprotect { key } => self.unprotect(&key).await,
            Task::Remove { key, applied, leaves } => self.remove(&step, &key, &applied, leaves).await,
            Task::Drop { key } => self.crew.ledger.record(vec![Entry::Gone { key }]).await.map(|()| Done::Moved),
            Task::Look { row } => self.look(Arc::unwrap_or_clone(row)).await,
            Task::Note => Ok(Done::Unmoved),
        };
        if let (Ok(Done::Moved | Done::Unmoved), false) = (&result, quiet) {
            let took = self.crew.clock.now().duration_since(started).as_millis();
            self.crew.sink.send(Event::StepDone {
                urn: step.key.urn.clone(),
                place: step.place.clone(),
                op: step.op.clone(),
                took: u64::try_from(took).unwrap_or_default(),
            });
        }
        result
    }

    /// The inputs of a declaration, with what is known now.
    async fn inputs(&self, row: &Row) -> Result<Given> {
        let Some(program) = &self.program else {
            let (inputs, trigger) = (row.inputs.clone(), row.replacement_trigger.clone());
            return Ok(Given { inputs, trigger, ..Given::default() });
        };
        let known: Known = {
            let all = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let needed = row.needs.iter().filter_map(|urn| Some((urn.clone(), all.get(urn)?.clone())));
            needed.collect()
        };
        let inputs = program.inputs(&row.key.urn, &known, &*self.crew.cloud).await;
        inputs.map_err(|problems| {
            for problem in &problems[1.min(problems.len())..] {
                self.crew.sink.send((&self.redactor.diagnostic(problem.clone())).into());
            }
            let first = problems.into_iter().next();
            let Some(first) = first else { return Error::bug("an evaluation failed without saying why") };
            let place = first.at.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
            Error { hint: first.help, ..Error::invalid(format!("{place}{}", first.message)) }
        })
    }

    fn schema(&self, ty: &str) -> Result<&TypeSchema> {
        self.crew.cloud.catalog().find(ty).ok_or_else(|| Error::invalid(format!("no provider has the type `{ty}`")))
    }

    /// Looks at what the cloud changes by itself and at who writes, where the run gave a reason to.
    pub(super) async fn look_again(&self, moved: &HashSet<Urn>) -> Result<()> {
        let (state, catalog) = (self.crew.ledger.state(), self.crew.cloud.catalog());
        let users = state.rows.values().filter(|row| moved.contains(&row.key.urn));
        let used: HashSet<&Urn> = users.flat_map(|row| &row.needs).collect();
        let watched = |row: &&Arc<Row>| {
            let reached = self.crew.lost(&row.ty, &row.place).is_none();
            let by_itself = || catalog.find(&row.ty).is_some_and(|schema| schema.facts.always_read);
            reached && used.contains(&row.key.urn) && !row.external && row.pending.is_none() && by_itself()
        };
        let rows = state.rows.values().filter(watched).map(Arc::as_ref);
        // A cloud that does not answer now is asked again by the next plan.
        let (lenient, identity) = (self.crew.skip_unsupported, self.crew.identity());
        let sights = observe::read(&*self.crew.cloud, identity, rows, lenient).await.unwrap_or_default();
        let mut entries = Vec::new();
        for (key, seen) in sights {
            let (Some(row), Seen::Ready(live)) = (state.rows.get(&key), seen) else { continue };
            let (seen, outputs) = (live.inputs.tainted_like(&row.inputs), live.outputs.tainted_like(&row.outputs));
            if row.seen != seen || row.outputs != outputs {
                let row = Arc::new(Row { seen, outputs, ..Row::clone(row) });
                self.learn(&row);
                entries.push(Entry::Put { row });
            }
        }
        if !entries.is_empty() {
            self.crew.ledger.record(entries).await?;
        }
        let state = self.crew.ledger.state();
        match catalog.active_region.and_then(|of| of(&state)).and_then(|active| state.dr.moved_to(active)) {
            Some(roles) => self.crew.ledger.record(vec![Entry::Roles { roles }]).await,
            None => Ok(()),
        }
    }

    fn at(&self, row: &Row, attempt: String, company: Option<Company>) -> At {
        At {
            urn: row.key.urn.clone(),
            kind: KindAt { ty: row.ty.clone(), place: row.place.clone() },
            attempt,
            owner: names::owner(&self.crew.ledger.lineage(), &row.key),
            company,
        }
    }

    /// Nothing was planned; but if something it refers to has moved, its inputs may have too.
    async fn keep(&self, step: &Step, row: Row, options: &Options, needs_moved: bool) -> Result<Done> {
        let Some(old) = self.crew.ledger.row(&row.key).filter(|old| !old.is_skipped()) else {
            return Ok(Done::Unmoved);
        };
        let mut row = row;
        if needs_moved || row.replacement_trigger.as_ref().is_some_and(Value::has_unknown) {
            let schema = self.schema(&row.ty)?;
            let given = self.inputs(&row).await?;
            row.replacement_trigger = known_trigger(&given);
            let wanted = names::fill(schema, given.inputs.clone(), &self.crew.ledger.lineage(), &row.key, Some(&old));
            let wanted = ignore_changes(schema, options, &old, None, wanted);
            if self.decide(schema, &old, None, &given, &wanted, options, step)? {
                return self.bring(Row { inputs: wanted, ..row }, &old, None, &ignored(options), None).await;
            }
        }
        let kept = Arc::new(Row { seen: old.seen.clone(), outputs: old.outputs.clone(), ..row });
        if kept != old {
            self.crew.ledger.record(vec![Entry::Put { row: Arc::clone(&kept) }]).await?;
        }
        self.learn(&kept);
        Ok(Done::Unmoved)
    }

    async fn make(
        &self,
        row: Row,
        attempt: Option<String>,
        set_aside: Option<Key>,
        inherits: &Inheritance,
        company: Option<Company>,
    ) -> Result<Done> {
        let schema = self.schema(&row.ty)?;
        let given = self.inputs(&row).await?;
        let row = Row { replacement_trigger: known_trigger(&given), ..row };
        let wanted = inherits.over(&schema.inputs, given.inputs);
        let wanted = names::fill(schema, wanted, &self.crew.ledger.lineage(), &row.key, None);
        if wanted.has_unknown() {
            return self.without(&row, &wanted).await;
        }
        check(schema, &wanted)?;
        let doubtful = attempt.is_some();
        let attempt = attempt.unwrap_or_else(new_attempt);
        let created = Some(self.crew.clock.now());
        let row = Row { inputs: wanted, created, pending: None, failure: None, ..row };
        let at = self.at(&row, attempt.clone(), company);
        let journey = self.journey(&at, &row.key, schema, &row.timeouts, &row.inputs);
        let looked = journey.leave_alone(&row).await;
        // Before it is begun: what is begun and not ended is taken for made by us where its names are found.
        if let (Err(error), false) = (&looked, doubtful) {
            return Err(error.clone());
        }
        let mut entries = Vec::new();
        let aside = set_aside.and_then(|key| self.crew.ledger.row(&key));
        if let Some(half) = &aside {
            entries.push(Entry::Put { row: Arc::new(Row { old: true, ..Row::clone(half) }) });
        }
        entries.push(Entry::Begin { row: Arc::new(row.clone()), op: Begun::Create, attempt });
        self.crew.ledger.record(entries).await?;
        let made = match journey.create(doubtful, looked).await {
            Ok(made) => made,
            // What exists does not give way to what the endpoint cannot make.
            Err(error) if error.kind == Kind::Unsupported && self.crew.skip_unsupported && aside.is_none() => {
                let failed = Entry::Failed { key: row.key.clone(), error: error.to_string(), settled: true };
                self.crew.ledger.record(vec![failed]).await?;
                let operation = error.operation.unwrap_or(error.message);
                return self.skip(row, operation).await;
            }
            Err(error) => return Err(self.not_made(&row.key, aside, error).await),
        };
        // What lives in the state is made by being written: an id alone would be half of it.
        if !schema.facts.local {
            self.crew.ledger.record(vec![Entry::Made { key: row.key.clone(), id: made.id.clone() }]).await?;
        }
        self.crew.sink.send(Event::IdKnown { urn: row.key.urn.clone(), id: made.id.clone() });
        match journey.converge(&made.id, made.seen, &row, true).await {
            Ok(arrived) => self.arrive(row, made.id, arrived).await,
            Err(error) => Err(self.fail(&row.key, error, false).await),
        }
    }

    /// A resource whose inputs can never be known, because what they come from was skipped.
    async fn without(&self, row: &Row, wanted: &Value) -> Result<Done> {
        let absent = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            row.needs.iter().find(|urn| known.get(*urn).is_none_or(|h| h.id.has_unknown())).cloned()
        };
        match absent {
            Some(urn) if self.crew.skip_unsupported => self.skip(row.clone(), format!("needs `{}`", urn.name())).await,
            _ => Err(Error::bug(format!("an input is still unknown: {wanted:?}"))),
        }
    }

    async fn skip(&self, row: Row, operation: String) -> Result<Done> {
        let row = Row { id: None, skipped: vec![operation.clone()], inputs: known_part(row.inputs), ..row };
        self.crew.ledger.record(vec![Entry::Put { row: Arc::new(row) }]).await?;
        Ok(Done::Unsupported(operation))
    }

    async fn change(&self, step: &Step, row: Row, options: &Options, live: Option<Live>) -> Result<Done> {
        let schema = self.schema(&row.ty)?;
        let given = self.inputs(&row).await?;
        let row = Row { replacement_trigger: known_trigger(&given), ..row };
        if step.op == Op::Import {
            self.crew.ledger.record(vec![Entry::Put { row: Arc::new(row.clone()) }]).await?;
        }
        let old = self.crew.ledger.row(&row.key).ok_or_else(|| Error::bug("the row to update is gone"))?;
        let wanted = names::fill(schema, given.inputs.clone(), &self.crew.ledger.lineage(), &row.key, Some(&old));
        let wanted = ignore_changes(schema, options, &old, live.as_ref(), wanted);
        if wanted.has_unknown() {
            return self.without(&row, &wanted).await;
        }
        if !self.decide(schema, &old, live.as_ref(), &given, &wanted, options, step)? && old.pending.is_none() {
            let kept =
                Row { inputs: wanted, seen: old.seen.clone(), outputs: old.outputs.clone(), failure: None, ..row };
            let kept = Arc::new(kept);
            self.crew.ledger.record(vec![Entry::Put { row: Arc::clone(&kept) }]).await?;
            self.learn(&kept);
            return Ok(Done::Moved);
        }
        self.bring(Row { inputs: wanted, ..row }, &old, live, &ignored(options), step.company.clone()).await
    }

    /// Whether something is to be updated.
    #[expect(clippy::too_many_arguments, reason = "the facts of one decision")]
    fn decide(
        &self,
        schema: &TypeSchema,
        old: &Row,
        live: Option<&Live>,
        given: &Given,
        wanted: &Value,
        options: &Options,
        step: &Step,
    ) -> Result<bool> {
        // What interrupts or fails is taken up by the step itself and is no reason to replace.
        let settled = Row { pending: None, failure: None, ..old.clone() };
        let asked = Vec::from_iter(triggered(old, given));
        let decision = decide(&Case { schema, row: &settled, live, given, wanted, options, moved: None, asked });
        match decision {
            Decision::Same => Ok(false),
            Decision::Update { .. } => Ok(true),
            Decision::Replace { changes, .. } => {
                let trigger = triggered(old, given).map(|_| "`replacementTrigger`".to_owned());
                let paths = changes.iter().filter(|c| c.replaces).map(|c| format!("`{}`", c.path));
                let paths = paths.chain(trigger).collect::<Vec<_>>().join(", ");
                let planned = format!("{:?}", step.op).to_lowercase();
                let text = format!("the plan said {planned}, but {paths} turned out to need a replacement");
                Err(Error::invalid(text).hint("run again: the next plan shows the replacement"))
            }
        }
    }

    /// Updates a resource, but for what it `follows`; see [`Journey`].
    async fn bring(
        &self,
        row: Row,
        old: &Row,
        live: Option<Live>,
        follows: &[Path],
        company: Option<Company>,
    ) -> Result<Done> {
        let schema = self.schema(&row.ty)?;
        let id = old.id.clone().ok_or_else(|| Error::bug("a row without an id cannot be updated"))?;
        check(schema, &row.inputs)?;
        let attempt = new_attempt();
        let just_made = old.pending.as_ref().is_some_and(|p| p.op == Begun::Create);
        if !just_made {
            let begin = Entry::Begin { row: Arc::new(row.clone()), op: Begun::Update, attempt: attempt.clone() };
            self.crew.ledger.record(vec![begin]).await?;
        }
        let at = self.at(&row, attempt, company);
        let journey = Journey { follows, ..self.journey(&at, &row.key, schema, &row.timeouts, &row.inputs) };
        match journey.converge(&id, live.map(Seen::Ready), old, just_made).await {
            Ok(arrived) => self.arrive(Row { id: Some(id.clone()), ..row }, id, arrived).await,
            Err(error) => Err(self.fail(&row.key, error, false).await),
        }
    }

    async fn arrive(&self, row: Row, id: Id, arrived: Arrived) -> Result<Done> {
        let schema = self.schema(&row.ty)?;
        let mut outputs = arrived.live.outputs.tainted_like(&row.outputs);
        if let Value::Map(map) = &mut outputs {
            for property in schema.outputs.properties.iter().filter(|p| p.secret) {
                hide(map, &property.name);
            }
            for name in &row.additional_secret_outputs {
                hide(map, name);
            }
        }
        let row = Row {
            id: Some(id),
            seen: arrived.live.inputs.tainted_like(&row.inputs),
            outputs,
            not_kept: arrived.not_kept,
            skipped: arrived.skipped,
            failure: None,
            pending: None,
            tainted: false,
            delete_after: None,
            modified: Some(self.crew.clock.now()),
            ..row
        };
        let row = Arc::new(row);
        let mut entries = vec![Entry::Done { row: Arc::clone(&row) }];
        // The row below holds what this one has taken over.
        if let Some(generation) = row.key.generation.checked_sub(1) {
            let below = Key { urn: row.key.urn.clone(), generation };
            let bequest = self.crew.ledger.row(&below).filter(|row| row.is_bequest());
            entries.extend(bequest.map(|_| Entry::Gone { key: below }));
        }
        self.crew.ledger.record(entries).await?;
        self.learn(&row);
        Ok(Done::Moved)
    }

    async fn unprotect(&self, key: &Key) -> Result<Done> {
        let Some(row) = self.crew.ledger.row(key) else { return Ok(Done::Unmoved) };
        let row = Row { protect: false, protected_by_hand: false, ..Arc::unwrap_or_clone(row) };
        self.crew.ledger.record(vec![Entry::Put { row: Arc::new(row) }]).await.map(|()| Done::Unmoved)
    }

    async fn act(&self, key: &Key, patch: &Value) -> Result<Done> {
        let old = self.crew.ledger.row(key).filter(|_| !self.crew.ledger.has_heir(key));
        let Some(old) = old else { return Ok(Done::Unmoved) };
        let schema = self.schema(&old.ty)?;
        let mut wanted = base(schema, &old, None);
        let mut others = Vec::new();
        if let (Value::Map(map), Some(patch)) = (&mut wanted, patch.as_map()) {
            others.extend(map.keys().filter(|name| !patch.contains_key(*name)).map(|name| Path::default().key(name)));
            map.extend(patch.clone());
        }
        self.bring(Row { inputs: wanted, ..Row::clone(&old) }, &old, None, &others, None).await
    }

    async fn remove(&self, step: &Step, key: &Key, applied: &Value, leaves: Value) -> Result<Done> {
        let Some(row) = self.crew.ledger.row(key) else { return Ok(Done::Moved) };
        let local = self.crew.cloud.catalog().find(&row.ty).is_some_and(|s| s.facts.local);
        let Some(id) = row.id.clone().filter(|_| !local && !self.crew.ledger.has_heir(key)) else {
            let gone = Entry::Gone { key: key.clone() };
            return self.crew.ledger.record(vec![gone]).await.map(|()| Done::Moved);
        };
        let schema = self.schema(&step.ty)?;
        let attempt = new_attempt();
        let begun = Arc::new(Row { inputs: leaves, ..Row::clone(&row) });
        let begin = Entry::Begin { row: begun, op: Begun::Delete, attempt: attempt.clone() };
        self.crew.ledger.record(vec![begin]).await?;
        let at = self.at(&row, attempt, step.company.clone());
        let limits = limits(schema, &row.timeouts);
        let limited = row.timeouts.delete.is_some();
        let removal = Removal { crew: &self.crew, at: &at, schema, limits, limited, key, applied };
        match removal.remove(&id).await {
            Ok(Removed::Gone) => {
                let left = self.crew.ledger.row(key).and_then(|row| row.bequest());
                self.crew.ledger.record(vec![Entry::gone(key.clone(), left)]).await?;
                Ok(Done::Moved)
            }
            Ok(Removed::Later(until)) => {
                // What the cloud said first stands: a later run knows no better when the time began.
                let now = self.crew.clock.now();
                let until = row.delete_after.filter(|known| *known > now).map_or(until, |known| known.min(until));
                let kept = Row { pending: None, failure: None, delete_after: Some(until), ..Row::clone(&row) };
                self.crew.ledger.record(vec![Entry::Put { row: Arc::new(kept) }]).await?;
                Ok(Done::Later(until))
            }
            Err(error) => Err(self.fail(key, error, false).await),
        }
    }

    /// Reads what the program does not manage; its id may have become known only now.
    async fn look(&self, row: Row) -> Result<Done> {
        let row = match row.id {
            Some(_) => row,
            None => {
                let given = self.inputs(&row).await?;
                let id = given.inputs.get("id").and_then(Value::as_str).map(|id| Id(id.to_owned()));
                let id = id.ok_or_else(|| Error::invalid("the id to read is not known"))?;
                let live = self.found(&row, &id).await?;
                Row { id: Some(id), inputs: live.inputs.clone(), seen: live.inputs, outputs: live.outputs, ..row }
            }
        };
        let row = Arc::new(Row { external: true, ..row });
        if self.crew.ledger.row(&row.key).as_ref() != Some(&row) {
            self.crew.ledger.record(vec![Entry::Put { row: Arc::clone(&row) }]).await?;
        }
        self.learn(&row);
        Ok(Done::Moved)
    }

    /// Something that is not ours, as soon as it is there.
    async fn found(&self, row: &Row, id: &Id) -> Result<Live> {
        let at = self.at(row, new_attempt(), None);
        let clock = &self.crew.clock;
        let (since, deadline) = (Instant::now(), clock.after(row.timeouts.read.unwrap_or(READ)));
        loop {
            let call = self.crew.cloud.read(&at.kind, std::slice::from_ref(id), &Want::All);
            let word = match self.crew.call(&row.key.urn, &at.kind, call).await?.pop() {
                Some(Seen::Ready(live)) => return Ok(live),
                Some(Seen::Failed(why)) => return Err(Error::invalid(format!("`{id}` has failed: {why}"))),
                Some(Seen::Pending(word)) => word,
                Some(Seen::Gone) | None if clock.passed(deadline) => {
                    return Err(Error::new(Kind::NotFound, format!("`{id}` does not exist in {}", row.place)));
                }
                Some(Seen::Gone) | None => "missing".to_owned(),
            };
            self.crew.wait(&at, &word, READ_EVERY, since, deadline).await?;
        }
    }

    fn journey<'a>(
        &'a self,
        at: &'a At,
        key: &'a Key,
        schema: &'a TypeSchema,
        timeouts: &Timeouts,
        wanted: &'a Value,
    ) -> Journey<'a> {
        Journey { crew: &self.crew, at, key, schema, limits: limits(schema, timeouts), wanted, follows: &[] }
    }

    /// Writes down that a create failed. If nothing was made, the half that was set aside for it is
    /// in use as before.
    async fn not_made(&self, key: &Key, aside: Option<Arc<Row>>, error: Error) -> Error {
        let settled = !error.ambiguous;
        let back = aside.filter(|_| settled).map(|row| Entry::Put { row });
        self.fail_and(key, error, settled, back).await
    }

    async fn fail(&self, key: &Key, error: Error, settled: bool) -> Error {
        self.fail_and(key, error, settled, None).await
    }

    /// Writes down that an operation failed; what could not be written is the worse news.
    async fn fail_and(&self, key: &Key, error: Error, settled: bool, more: Option<Entry>) -> Error {
        if error.kind == Kind::Cancelled {
            return error;
        }
        let text = self.redactor.text(&error.to_string()).into_owned();
        let failed = Entry::Failed { key: key.clone(), error: text, settled };
        match self.crew.ledger.record(std::iter::once(failed).chain(more).collect()).await {
            Ok(()) => error,
            Err(worse) => worse,
        }
    }
}

/// Refuses what no call may be made with.
fn check(schema: &TypeSchema, inputs: &Value) -> Result<()> {
    if let Some(path) = placeholder_in(inputs) {
        return Err(Error::invalid(format!("`{path}` holds the placeholder of `drctl import`")).hint(WRITE_IT));
    }
    let json = inputs.to_json().map_err(|e| Error::bug(e.to_string()))?;
    (schema.accepts)(&json).map_err(Error::invalid)
}

/// The inputs that can be written down, though others will never be known.
fn known_part(inputs: Value) -> Value {
    match inputs {
        Value::Map(all) => Value::Map(all.into_iter().filter(|(_, value)| !value.has_unknown()).collect()),
        other => other,
    }
}

/// What the program gives now. What comes from a resource that was skipped will never be known.
fn known_trigger(given: &Given) -> Option<Value> {
    given.trigger.clone().filter(|value| !value.has_unknown())
}

fn hide(map: &mut Map, name: &str) {
    if let Some(value) = map.get_mut(name) {
        *value = std::mem::take(value).secret();
    }
}

fn limits(schema: &TypeSchema, timeouts: &Timeouts) -> Limits {
    let usual = schema.facts.limits;
    Limits {
        create: timeouts.create.unwrap_or(usual.create),
        update: timeouts.update.unwrap_or(usual.update),
        delete: timeouts.delete.unwrap_or(usual.delete),
        ..usual
    }
}

/// An id for an attempt: it sorts by time and is unique.
fn new_attempt() -> String {
    ulid::Ulid::generate().to_string()
}
