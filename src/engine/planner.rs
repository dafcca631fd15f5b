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

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::engine::decide::{Case, Decision, Order, decide, ignore_changes};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::diff::diff;
use crate::engine::error::Kind;
use crate::engine::handle::Handle;
use crate::engine::journal::{Entry, apply};
use crate::engine::names;
use crate::engine::observe::{self, Sights};
use crate::engine::plan::{Change, Op, Plan, Reason, SetBy, Step};
use crate::engine::program::{Declaration, Known, Program};
use crate::engine::provider::{Catalog, Identity, KindAt, Live, Provider};
use crate::engine::removal::{self, Deletion};
use crate::engine::resource::{Seen, Want, Where};
use crate::engine::schema::TypeSchema;
use crate::engine::selection::{Candidate, Selection, matches, select};
use crate::engine::settings::Settings;
use crate::engine::state::{Begun, Key, Roles, Row, State};
use crate::engine::task::Task;
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Shown, Value};
use crate::engine::{foresight, graph};

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
}

/// Plans a run.
///
/// # Errors
/// Everything that forbids the run, at once: wrong inputs, protected resources, unknown targets,
/// what cannot be read.
pub async fn plan(request: Request<'_>) -> Result<Planned, Vec<Diagnostic>> {
    let identity = identify(&request).await?;
    let mut planner = Planner::new(request, identity);
    planner.settle_lost_creates().await?;
    planner.adopt_aliases()?;
    planner.selection = planner.select()?;
    planner.look().await?;
    planner.index_rows();
    planner.observe_roles()?;
    match request.mode {
        Mode::Up => planner.walk().await?,
        Mode::Destroy | Mode::Refresh => {}
    }
    match request.mode {
        Mode::Refresh => planner.note_drift()?,
        Mode::Up | Mode::Destroy => planner.plan_deletions()?,
    }
    planner.finish().await
}

async fn identify(request: &Request<'_>) -> Result<Identity, Vec<Diagnostic>> {
    let identity = request.cloud.identity().await.map_err(|e| {
        let code = if e.kind == Kind::Denied { "credentials" } else { "identity" };
        vec![Diagnostic {
            help: e.hint.clone(),
            ..Diagnostic::error(code, format!("cannot tell which account this is: {e}"))
        }]
    })?;
    match &request.state.account {
        Some(account) if *account != identity.account => Err(vec![
            Diagnostic::error(
                "wrong-account",
                format!("this state belongs to account {account}, the credentials to {}", identity.account),
            )
            .help("use the credentials of that account, or another instance of the stack: `--stack NAME@INSTANCE`"),
        ]),
        _ => Ok(identity),
    }
}

struct Planner<'a> {
    request: Request<'a>,
    catalog: &'a Catalog,
    identity: Identity,
    state: State,
    prelude: Vec<Entry>,
    selection: Selection,
    sights: Sights,
    /// Attempts of creates that had no effect, to be tried again with the same token.
    retries: HashMap<Urn, String>,
    known: Known,
    steps: Vec<Step>,
    tasks: Vec<Task>,
    edges: Vec<(usize, usize)>,
    /// The row that stands for each resource, and the highest generation it ever had here.
    rows: HashMap<Urn, (Option<Key>, u32)>,
    /// The step that brings a resource up to date.
    current: HashMap<Urn, usize>,
    replaced: HashSet<Urn>,
    deleted_first: HashSet<Urn>,
    /// Old rows that the walk wants deleted: key, and whether the new half comes after.
    retired: Vec<(Key, bool)>,
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
            retries: HashMap::new(),
            known: Known::new(),
            steps: Vec::new(),
            tasks: Vec::new(),
            edges: Vec::new(),
            rows: HashMap::new(),
            current: HashMap::new(),
            replaced: HashSet::new(),
            deleted_first: HashSet::new(),
            retired: Vec::new(),
            problems: Vec::new(),
            notes: Vec::new(),
            outputs: Vec::new(),
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

    async fn settle_lost_creates(&mut self) -> Result<(), Vec<Diagnostic>> {
        let lineage = self.state.lineage.clone();
        let found = observe::find(self.request.cloud, &self.state, |key| names::owner(&lineage, key)).await?;
        for (key, id) in found.made {
            self.notes.push(format!("an interrupted create of `{}` had made `{id}`: it is adopted", key.urn.name()));
            self.record(Entry::Made { key, id })?;
        }
        for key in found.without_effect {
            if let Some(pending) = self.state.rows.get(&key).and_then(|row| row.pending.as_ref()) {
                self.retries.insert(key.urn.clone(), pending.attempt.clone());
            }
            let error = "it was interrupted before it had an effect".to_owned();
            self.record(Entry::Failed { key, error, settled: true })?;
        }
        Ok(())
    }

    /// Rows whose resource was renamed in the program move to the new URN.
    fn adopt_aliases(&mut self) -> Result<(), Vec<Diagnostic>> {
        let mut taken: HashMap<Urn, &Declaration> = HashMap::new();
        for declaration in self.declarations() {
            if declaration.options.aliases.is_empty() || self.state.live(&declaration.urn).is_some() {
                continue;
            }
            let declared = |urn: &Urn| self.declarations().iter().any(|d| d.urn == *urn);
            let old = declaration.options.aliases.iter().find_map(|alias| self.state.live(alias)).cloned();
            let Some(old) = old.filter(|row| !declared(&row.key.urn)) else { continue };
            if let Some(other) = taken.insert(old.key.urn.clone(), declaration) {
                self.problems.push(
                    Diagnostic::error("alias-conflict", format!("`{}` is claimed by two aliases", old.key.urn.name()))
                        .at(declaration.at.clone())
                        .also(other.at.clone(), "also claimed here"),
                );
                continue;
            }
            let key = Key { urn: declaration.urn.clone(), generation: old.key.generation };
            let (from, to) = (old.key.urn.clone(), declaration.urn.clone());
            self.record(Entry::Put { row: Arc::new(Row { key, ..Row::clone(&old) }) })?;
            self.record(Entry::Gone { key: old.key.clone() })?;
            let users: Vec<Arc<Row>> = self.state.rows.values().filter(|r| r.needs.contains(&from)).cloned().collect();
            for user in users {
                let mut row = Arc::unwrap_or_clone(user);
                for urn in row.needs.iter_mut().chain(row.refers.values_mut().flatten()).filter(|urn| **urn == from) {
                    *urn = to.clone();
                }
                self.record(Entry::Put { row: Arc::new(row) })?;
            }
        }
        Ok(())
    }

    fn select(&self) -> Result<Selection, Vec<Diagnostic>> {
        let settings = self.request.settings;
        let declared = self.declarations().iter().map(|d| Candidate {
            urn: d.urn.clone(),
            place: d.place.clone(),
            needs: d.needs.clone(),
        });
        let known: HashSet<&Urn> = self.declarations().iter().map(|d| &d.urn).collect();
        let remembered = self.state.rows.values().filter(|r| !known.contains(&r.key.urn)).map(|r| Candidate {
            urn: r.key.urn.clone(),
            place: r.place.clone(),
            needs: r.needs.clone(),
        });
        let candidates: Vec<Candidate> = declared.chain(remembered).collect();
        for pattern in &settings.replaces {
            if !candidates.iter().any(|c| matches(pattern, &c.urn)) {
                let asked = Settings { targets: vec![pattern.clone()], ..Settings::default() };
                return select(&asked, &candidates);
            }
        }
        select(settings, &candidates)
    }

    async fn look(&mut self) -> Result<(), Vec<Diagnostic>> {
        let everything = self.request.settings.refresh || self.request.mode == Mode::Refresh;
        let destroying = self.request.mode == Mode::Destroy;
        let doubtful = |row: &Row| row.pending.is_some() || row.failure.is_some();
        let guarded = |schema: &TypeSchema| schema.inputs.properties.iter().any(|p| p.protection);
        let wanted = |row: &&Arc<Row>| {
            let schema = self.catalog.find(&row.ty);
            self.selection.has(&row.key.urn)
                && (everything
                    || doubtful(row)
                    || schema.is_some_and(|s| s.facts.always_read || destroying && guarded(s)))
        };
        let rows = self.state.rows.values().filter(wanted).map(Arc::as_ref);
        self.sights = observe::read(self.request.cloud, rows).await?;
        let seen: Vec<(Key, Seen<Live>)> = self.sights.iter().map(|(k, s)| (k.clone(), s.clone())).collect();
        for (key, seen) in seen {
            self.believe(key, seen)?;
        }
        Ok(())
    }

    /// A promotion may have happened without drctl; it is a fact to be recorded, never a difference
    /// to be undone.
    fn observe_roles(&mut self) -> Result<(), Vec<Diagnostic>> {
        let Some(active) = self.catalog.active_region.and_then(|of| of(&self.state)) else { return Ok(()) };
        let Roles { active_region, epoch } = self.state.dr.clone();
        match active_region {
            Some(before) if before == active => return Ok(()),
            Some(before) => self.notes.push(format!(
                "promotion detected (epoch {epoch} → {}): {active} writes now, {before} did before",
                epoch + 1
            )),
            None => {}
        }
        self.record(Entry::Roles { roles: Roles { active_region: Some(active), epoch: epoch + 1 } })
    }

    /// What the cloud shows beats what we remember.
    fn believe(&mut self, key: Key, seen: Seen<Live>) -> Result<(), Vec<Diagnostic>> {
        let Some(row) = self.state.rows.get(&key) else { return Ok(()) };
        match seen {
            Seen::Gone if self.request.mode == Mode::Refresh => Ok(()),
            Seen::Gone => self.record(Entry::Gone { key }),
            Seen::Ready(live) => {
                let (inputs, outputs) =
                    (live.inputs.tainted_like(&row.inputs), live.outputs.tainted_like(&row.outputs));
                if row.seen == inputs && row.outputs == outputs {
                    return Ok(());
                }
                if self.request.mode == Mode::Refresh {
                    return Ok(());
                }
                let row = Row { seen: inputs, outputs, ..Row::clone(row) };
                self.record(Entry::Put { row: Arc::new(row) })
            }
            Seen::Pending(_) | Seen::Failed(_) => Ok(()),
        }
    }

    async fn walk(&mut self) -> Result<(), Vec<Diagnostic>> {
        let declarations = self.declarations();
        let implied = self.implied_needs();
        let ordered: Vec<Declaration> = declarations
            .iter()
            .enumerate()
            .map(|(i, d)| {
                let mut d = d.clone();
                d.needs.extend(implied.get(&i).into_iter().flatten().map(|(urn, _)| urn.clone()));
                d
            })
            .collect();
        for index in graph::order(&ordered)? {
            let permanent = implied.get(&index).into_iter().flatten().filter(|(_, on_delete)| *on_delete);
            let needs: Vec<Urn> =
                declarations[index].needs.iter().cloned().chain(permanent.map(|(urn, _)| urn.clone())).collect();
            self.visit(&declarations[index], needs).await?;
            let Some(&step) = self.current.get(&declarations[index].urn) else { continue };
            let before = ordered[index].needs.iter().chain(&ordered[index].parent);
            self.edges.extend(before.filter_map(|urn| Some((*self.current.get(urn)?, step))).filter(|(a, b)| a != b));
        }
        Ok(())
    }

    /// For each declaration, what the cloud wants to exist first, and whether that counts for
    /// deletions too.
    fn implied_needs(&self) -> HashMap<usize, Vec<(Urn, bool)>> {
        let declarations = self.declarations();
        let mut needs: HashMap<usize, Vec<(Urn, bool)>> = HashMap::new();
        for order in self.catalog.orders.iter().flat_map(|rule| rule(declarations)) {
            needs.entry(order.after).or_default().push((declarations[order.before].urn.clone(), order.on_delete));
        }
        needs
    }

    /// Decides about one declaration.
    async fn visit(&mut self, declaration: &Declaration, needs: Vec<Urn>) -> Result<(), Vec<Diagnostic>> {
        let urn = &declaration.urn;
        let row = self.live(urn).cloned();
        if !self.selection.has(urn) {
            self.leave_alone(declaration, row);
            return Ok(());
        }
        let Some(schema) = self.catalog.find(&declaration.ty) else {
            let problem = Diagnostic::error("unknown-type", format!("no provider has the type `{}`", declaration.ty));
            self.problems.push(problem.at(declaration.at.clone()).of(urn));
            return Ok(());
        };
        self.check_unselected_needs(declaration);
        let Some(program) = self.request.program else { return Ok(()) };
        let given = match program.inputs(urn, &self.known, self.request.cloud).await {
            Ok(given) => given,
            Err(problems) => {
                self.problems.extend(problems);
                self.known.insert(urn.clone(), foresight::of_gone(urn));
                return Ok(());
            }
        };
        // A component groups its children and has no row of its own.
        let parent = declaration.parent.clone().filter(|urn| self.current.contains_key(urn));
        let template = |key: Key, row: Option<&Row>| Row {
            parent: parent.clone(),
            ..template(declaration, needs.clone(), key, row)
        };
        if let Some(external) = &declaration.external {
            let id = match &external.id {
                Value::Unknown => given.get("id").cloned().unwrap_or(Value::Unknown),
                id => id.clone(),
            };
            return self.look_at_external(declaration, template(self.first_key(urn), row.as_deref()), id).await;
        }
        match row {
            None => match &declaration.options.import {
                Some(id) => {
                    self.import(declaration, schema, template(self.next_key(urn), None), id.clone(), given).await
                }
                None => {
                    let row = template(self.next_key(urn), None);
                    self.make(declaration, schema, row, given, Vec::from([Reason::New]), Vec::new(), None);
                    Ok(())
                }
            },
            Some(row) => {
                let kept = template(row.key.clone(), Some(&row));
                self.keep_change_or_replace(declaration, schema, &row, kept, given);
                Ok(())
            }
        }
    }

    fn leave_alone(&mut self, declaration: &Declaration, row: Option<Arc<Row>>) {
        let Some(row) = row else { return };
        self.known.insert(declaration.urn.clone(), Handle::of(&row));
        let options = Box::new(declaration.options.clone());
        self.push(
            declaration,
            &row,
            Op::Same,
            Vec::new(),
            Vec::new(),
            0,
            Task::Keep { row: Arc::clone(&row), options },
        );
    }

    fn check_unselected_needs(&mut self, declaration: &Declaration) {
        if self.selection.is_all() {
            return;
        }
        let absent = |need: &&Urn| !self.selection.has(need) && self.live(need).is_none();
        for need in declaration.needs.iter().filter(absent).collect::<Vec<_>>() {
            self.problems.push(
                Diagnostic::error(
                    "target-needs",
                    format!(
                        "`{}` needs `{}`, which does not exist and is not selected",
                        declaration.urn.name(),
                        need.name()
                    ),
                )
                .at(declaration.at.clone())
                .of(&declaration.urn)
                .help(format!("add `--target '{}'`", need.name())),
            );
        }
    }

    fn keep_change_or_replace(
        &mut self,
        declaration: &Declaration,
        schema: &TypeSchema,
        row: &Arc<Row>,
        kept: Row,
        given: Value,
    ) {
        let wanted = names::fill(schema, given.clone(), &self.state.lineage, &row.key, Some(row));
        let live = match self.sights.get(&row.key) {
            Some(Seen::Ready(live)) => Some(live.clone()),
            _ => None,
        };
        let wanted = ignore_changes(schema, &declaration.options, row, live.as_ref(), wanted);
        let decision = decide(&Case {
            schema,
            row,
            live: live.as_ref(),
            given: &given,
            wanted: &wanted,
            options: &declaration.options,
            moved: row.place != declaration.place || row.ty != declaration.ty,
            asked: self.reasons_to_replace(declaration, row),
        });
        let decision = if row.is_skipped() { Decision::Same } else { decision };
        match decision {
            Decision::Same => {
                let kept = Row { inputs: wanted, ..kept };
                let kept = if kept == **row { Arc::clone(row) } else { Arc::new(kept) };
                self.known.insert(declaration.urn.clone(), Handle::of(&kept));
                let options = Box::new(declaration.options.clone());
                let task = Task::Keep { row: kept, options };
                self.push(declaration, row, Op::Same, Vec::new(), Vec::new(), 0, task);
            }
            Decision::Update { why, changes } => {
                let handle = foresight::of_changed(schema, row, &wanted, &self.place(&row.place, row.id.clone()));
                self.known.insert(declaration.urn.clone(), handle);
                let options = Box::new(declaration.options.clone());
                let task = Task::Change { row: Arc::new(kept), options, live: live.map(Box::new) };
                self.push(declaration, row, Op::Update, why, changes, schema.facts.takes.update, task);
            }
            Decision::Replace { why, changes, order } => {
                let makes_room = order == Order::DeleteFirst
                    || declaration.needs.iter().any(|need| self.deleted_first.contains(need));
                self.replaced.insert(declaration.urn.clone());
                self.retired.push((row.key.clone(), makes_room));
                let fresh = Row { key: self.next_key(&declaration.urn), created: None, ..kept };
                let fresh = Row { id: None, not_kept: Vec::new(), skipped: Vec::new(), tainted: false, ..fresh };
                let aside = (!makes_room).then(|| row.key.clone());
                self.make(declaration, schema, fresh, given, why, changes, aside);
                if makes_room {
                    self.deleted_first.insert(declaration.urn.clone());
                    self.known.insert(declaration.urn.clone(), foresight::of_gone(&declaration.urn));
                }
            }
        }
    }

    fn reasons_to_replace(&self, declaration: &Declaration, row: &Row) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let deletion_begun = row.pending.as_ref().is_some_and(|p| p.op == Begun::Delete);
        if deletion_begun && !matches!(self.sights.get(&row.key), Some(Seen::Ready(_))) {
            reasons.push(Reason::Interrupted);
        }
        if row.tainted {
            reasons.push(Reason::Asked("tainted".into()));
        }
        if self.request.settings.replaces.iter().any(|pattern| matches(pattern, &declaration.urn)) {
            reasons.push(Reason::Asked("--replace".into()));
        }
        let options = &declaration.options;
        if options.replacement_trigger != row.replacement_trigger
            && options.replacement_trigger.is_some()
            && row.replacement_trigger.is_some()
        {
            reasons.push(Reason::Asked("replacementTrigger".into()));
        }
        for urn in options.replace_with.iter().chain(&options.deleted_with) {
            if self.replaced.contains(urn) {
                reasons.push(Reason::Dependency(urn.clone()));
            }
        }
        reasons
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one step, each used once")]
    fn make(
        &mut self,
        declaration: &Declaration,
        schema: &TypeSchema,
        row: Row,
        given: Value,
        why: Vec<Reason>,
        changes: Vec<Change>,
        set_aside: Option<Key>,
    ) {
        let inputs = names::fill(schema, given, &self.state.lineage, &row.key, None);
        let changes = if changes.is_empty() { all_new(schema, &inputs) } else { changes };
        let handle = foresight::of_new(schema, &declaration.urn, &inputs, &self.place(&row.place, None));
        self.known.insert(declaration.urn.clone(), handle);
        let attempt = self.retries.remove(&declaration.urn);
        let task = Task::Make { row: Arc::new(Row { inputs, ..row.clone() }), attempt, set_aside };
        self.push(declaration, &row, Op::Create, why, changes, schema.facts.takes.create, task);
    }

    async fn import(
        &mut self,
        declaration: &Declaration,
        schema: &TypeSchema,
        row: Row,
        id: Id,
        given: Value,
    ) -> Result<(), Vec<Diagnostic>> {
        let Some(live) = self.read_one(declaration, &id).await? else { return Ok(()) };
        let row = Row {
            id: Some(id),
            inputs: live.inputs.clone(),
            seen: live.inputs.clone(),
            outputs: live.outputs.clone(),
            ..row
        };
        let wanted = names::fill(schema, given, &self.state.lineage, &row.key, Some(&row));
        let wanted = ignore_changes(schema, &declaration.options, &row, None, wanted);
        let found = diff(&schema.inputs, &live.inputs, &wanted);
        if let Some(bad) = found.iter().find(|d| d.replaces) {
            self.problems.push(
                Diagnostic::error(
                    "import-differs",
                    format!(
                        "importing `{}` would replace it: `{}` is {} in the cloud and {} in the program",
                        declaration.urn.name(),
                        bad.path,
                        Shown::of(&bad.before),
                        Shown::of(&bad.after)
                    ),
                )
                .at(declaration.at.clone())
                .of(&declaration.urn)
                .help("write the value of the cloud into the program, or name the property in `ignoreChanges`"),
            );
        }
        let changes = found
            .into_iter()
            .map(|d| Change {
                path: d.path.to_string(),
                before: Shown::of(&d.before),
                after: Shown::of(&d.after),
                replaces: d.replaces,
                set_by: SetBy::Program,
            })
            .collect();
        let handle = foresight::of_changed(schema, &row, &wanted, &self.place(&row.place, row.id.clone()));
        self.known.insert(declaration.urn.clone(), handle);
        let options = Box::new(declaration.options.clone());
        let task = Task::Change { row: Arc::new(row.clone()), options, live: Some(Box::new(live)) };
        self.push(declaration, &row, Op::Import, vec![Reason::New], changes, 0, task);
        Ok(())
    }

    async fn look_at_external(
        &mut self,
        declaration: &Declaration,
        row: Row,
        id: Value,
    ) -> Result<(), Vec<Diagnostic>> {
        let Some(id) = id.as_str().map(|id| Id(id.to_owned())) else {
            self.known.insert(declaration.urn.clone(), foresight::of_gone(&declaration.urn));
            self.push(
                declaration,
                &row,
                Op::Read,
                Vec::new(),
                Vec::new(),
                0,
                Task::Look { row: Arc::new(row.clone()) },
            );
            return Ok(());
        };
        let Some(live) = self.read_one(declaration, &id).await? else { return Ok(()) };
        let row = Arc::new(Row {
            id: Some(id),
            external: true,
            inputs: live.inputs.clone(),
            seen: live.inputs,
            outputs: live.outputs,
            ..row
        });
        self.known.insert(declaration.urn.clone(), Handle::of(&row));
        let same = self.state.rows.get(&row.key).is_some_and(|old| *old == row);
        let op = if same { Op::Same } else { Op::Read };
        self.push(declaration, &row, op, Vec::new(), Vec::new(), 0, Task::Look { row: Arc::clone(&row) });
        Ok(())
    }

    async fn read_one(&mut self, declaration: &Declaration, id: &Id) -> Result<Option<Live>, Vec<Diagnostic>> {
        let kind = KindAt { ty: declaration.ty.clone(), place: declaration.place.clone() };
        let seen = self.request.cloud.read(&kind, std::slice::from_ref(id), &Want::All).await;
        let problem = match seen.map(|mut seen| seen.pop()) {
            Ok(Some(Seen::Ready(live))) => return Ok(Some(live)),
            Ok(Some(Seen::Pending(word) | Seen::Failed(word))) => format!("it is not ready: {word}"),
            Ok(Some(Seen::Gone) | None) => format!("no such resource in {}", declaration.place),
            Err(error) => error.to_string(),
        };
        self.problems.push(
            Diagnostic::error(
                "unreadable",
                format!("cannot read `{}` with id `{id}`: {problem}", declaration.urn.name()),
            )
            .at(declaration.at.clone())
            .of(&declaration.urn),
        );
        self.known.insert(declaration.urn.clone(), foresight::of_gone(&declaration.urn));
        Ok(None)
    }

    fn plan_deletions(&mut self) -> Result<(), Vec<Diagnostic>> {
        let declared: HashSet<&Urn> = match self.request.mode {
            Mode::Up => self.declarations().iter().map(|d| &d.urn).collect(),
            Mode::Destroy | Mode::Refresh => HashSet::new(),
        };
        let retired: HashMap<Key, bool> = self.retired.iter().cloned().collect();
        let state = self.state.clone();
        let doomed: Vec<&Row> = state
            .rows
            .values()
            .map(Arc::as_ref)
            .filter(|row| {
                self.selection.has(&row.key.urn)
                    && (row.old || retired.contains_key(&row.key) || !declared.contains(&row.key.urn))
            })
            .collect();
        self.check_surviving_dependents(&state, &doomed);
        let deletes: Vec<&Row> = doomed.iter().copied().filter(|row| !row.external && !row.retain_on_delete).collect();
        if !self.request.settings.override_protection {
            let guarded = deletes.iter().copied().filter(|row| !row.old);
            let unprotected_by_program: HashSet<&Urn> =
                self.declarations().iter().filter(|d| !d.options.protect).map(|d| &d.urn).collect();
            let guarded: Vec<Row> = guarded
                .map(|row| Row {
                    protect: row.protect && !unprotected_by_program.contains(&row.key.urn),
                    ..row.clone()
                })
                .collect();
            self.problems.extend(removal::blockers(self.catalog, &guarded));
        }
        let mut deletions = Vec::new();
        let (mut acts, mut own_acts) = (Vec::new(), Vec::new());
        let doomed_urns: HashSet<&Urn> = deletes.iter().map(|row| &row.key.urn).collect();
        for row in &doomed {
            let why = self.why_deleted(row, &retired);
            let makes_room = retired.get(&row.key).copied().unwrap_or(false);
            let partner = self.current.get(&row.key.urn).copied().filter(|_| retired.contains_key(&row.key));
            let with = row.deleted_with.as_ref().filter(|urn| doomed_urns.contains(urn));
            let schema = self.catalog.find(&row.ty);
            let forget = row.external || row.retain_on_delete;
            if let (Some(schema), false, None) = (schema, forget, with) {
                for precaution in removal::precautions(schema, row) {
                    let (step, task) = removal::act(row, schema, &precaution, why.clone());
                    let index = self.add(step, task);
                    acts.push(index);
                    own_acts.push((index, row.key.clone()));
                }
            }
            let (op, task) = match (forget, with, schema) {
                (false, ..) if row.is_skipped() => (Op::Forget, Task::Drop { key: row.key.clone() }),
                (true, ..) => (Op::Forget, Task::Drop { key: row.key.clone() }),
                (false, Some(_), _) => (Op::Delete, Task::Drop { key: row.key.clone() }),
                (false, None, Some(schema)) => {
                    let applied = removal::applied(schema, row, self.request.settings.override_protection);
                    (Op::Delete, Task::Remove { key: row.key.clone(), applied })
                }
                (false, None, None) => {
                    let text = format!("no provider has the type `{}` of `{}`", row.ty, row.key.urn.name());
                    self.problems.push(Diagnostic::error("unknown-type", text).of(&row.key.urn));
                    continue;
                }
            };
            let step = Step {
                key: row.key.clone(),
                ty: row.ty.clone(),
                place: row.place.clone(),
                op,
                id: row.id.clone(),
                why,
                changes: Vec::new(),
                replacement: partner,
                typical: schema.map_or(0, |s| s.facts.takes.delete),
                at: row.at.clone(),
            };
            let index = self.add(step, task);
            if let Some(partner) = partner {
                self.steps[partner].replacement = Some(index);
                self.edges.push(if makes_room { (index, partner) } else { (partner, index) });
            }
            deletions.push(Deletion { step: index, row, with, makes_room });
        }
        let live: Vec<&Row> = state.rows.values().map(Arc::as_ref).filter(|row| !row.old).collect();
        let order = removal::edges(&deletions, &live, &self.current);
        let step_of: HashMap<&Key, usize> = deletions.iter().map(|d| (&d.row.key, d.step)).collect();
        if self.request.mode == Mode::Destroy {
            let later: HashSet<usize> = order.iter().map(|(_, b)| *b).collect();
            let first: Vec<usize> = deletions.iter().map(|d| d.step).filter(|s| !later.contains(s)).collect();
            self.edges.extend(acts.iter().flat_map(|a| first.iter().map(|d| (*a, *d))));
        }
        self.edges.extend(own_acts.iter().filter_map(|(act, key)| Some((*act, *step_of.get(key)?))));
        self.edges.extend(order);
        Ok(())
    }

    fn why_deleted(&self, row: &Row, retired: &HashMap<Key, bool>) -> Vec<Reason> {
        if self.request.mode == Mode::Destroy {
            return vec![Reason::Destroy];
        }
        if let Some(step) = self.current.get(&row.key.urn).filter(|_| retired.contains_key(&row.key)) {
            return self.steps[*step].why.clone();
        }
        vec![if row.old { Reason::Interrupted } else { Reason::GoneFromProgram }]
    }

    /// With targets: nothing may be deleted while something that stays depends on it.
    fn check_surviving_dependents(&mut self, state: &State, doomed: &[&Row]) {
        if self.selection.is_all() {
            return;
        }
        let gone: HashSet<&Urn> =
            doomed.iter().filter(|r| !self.current.contains_key(&r.key.urn)).map(|r| &r.key.urn).collect();
        for row in state.rows.values().filter(|r| !r.old && !gone.contains(&r.key.urn)) {
            for need in row.needs.iter().filter(|n| gone.contains(n)) {
                self.problems.push(
                    Diagnostic::error(
                        "target-dependents",
                        format!("`{}` depends on `{}`, which would be deleted", row.key.urn.name(), need.name()),
                    )
                    .of(&row.key.urn)
                    .help("add --target-dependents to delete it too"),
                );
            }
        }
    }

    /// In a refresh each row that the cloud shows differently is a step.
    fn note_drift(&mut self) -> Result<(), Vec<Diagnostic>> {
        let rows: Vec<Arc<Row>> =
            self.state.rows.values().filter(|r| self.sights.contains_key(&r.key)).cloned().collect();
        for row in rows {
            let Some(schema) = self.catalog.find(&row.ty) else { continue };
            let (why, changes, entry) = match self.sights.get(&row.key) {
                Some(Seen::Gone) => (vec![Reason::GoneFromCloud], Vec::new(), Entry::Gone { key: row.key.clone() }),
                Some(Seen::Ready(live)) => {
                    let base = crate::engine::diff::baseline(&schema.inputs, &live.inputs, &row.inputs, &row.not_kept);
                    let drift = diff(&schema.inputs, &row.inputs, &base);
                    let changes: Vec<Change> = drift
                        .into_iter()
                        .map(|d| Change {
                            path: d.path.to_string(),
                            before: Shown::of(&d.before),
                            after: Shown::of(&d.after),
                            replaces: false,
                            set_by: SetBy::Cloud,
                        })
                        .collect();
                    let seen = live.inputs.clone().tainted_like(&row.inputs);
                    let outputs = live.outputs.clone().tainted_like(&row.outputs);
                    if changes.is_empty() && row.seen == seen && row.outputs == outputs {
                        continue;
                    }
                    // A create or an update that was interrupted may be complete by now.
                    let pending = row.pending.clone().filter(|_| !changes.is_empty());
                    let failure = row.failure.clone().filter(|_| !changes.is_empty());
                    let put = Row { seen, outputs, pending, failure, ..Row::clone(&row) };
                    (vec![Reason::Changed], changes, Entry::Put { row: Arc::new(put) })
                }
                _ => continue,
            };
            let silent = changes.is_empty() && why == [Reason::Changed];
            self.record(entry)?;
            if !silent {
                let step = Step {
                    key: row.key.clone(),
                    ty: row.ty.clone(),
                    place: row.place.clone(),
                    op: Op::Refresh,
                    id: row.id.clone(),
                    why,
                    changes,
                    replacement: None,
                    typical: 0,
                    at: row.at.clone(),
                };
                self.add(step, Task::Note);
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Planned, Vec<Diagnostic>> {
        if let (Mode::Up, Some(program), true) = (self.request.mode, self.request.program, self.problems.is_empty()) {
            match program.outputs(&self.known, self.request.cloud).await {
                Ok(outputs) => {
                    let old = &self.state.outputs;
                    let names = outputs.keys().chain(old.keys().filter(|k| !outputs.contains_key(*k)));
                    let shown = |v: Option<&Value>| Shown::of(v.unwrap_or(&Value::Null));
                    self.outputs = names
                        .filter(|name| old.get(*name) != outputs.get(*name))
                        .map(|name| (name.clone(), shown(old.get(name)), shown(outputs.get(name))))
                        .collect();
                }
                Err(problems) => self.problems.extend(problems),
            }
        }
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        self.edges.sort_unstable();
        self.edges.dedup();
        Ok(Planned {
            plan: Plan { steps: self.steps, edges: self.edges, notes: self.notes, outputs: self.outputs },
            mode: self.request.mode,
            tasks: self.tasks,
            state: self.state,
            prelude: self.prelude,
            identity: self.identity,
        })
    }

    fn index_rows(&mut self) {
        for (key, row) in &self.state.rows {
            let entry = self.rows.entry(key.urn.clone()).or_default();
            entry.1 = entry.1.max(key.generation);
            if !row.old {
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
        let Identity { account, partition } = self.identity.clone();
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

/// The row that a declaration asks for, keeping what an existing row knows.
fn template(declaration: &Declaration, needs: Vec<Urn>, key: Key, row: Option<&Row>) -> Row {
    let fresh = || Row::new(key.clone(), &declaration.ty, declaration.place.clone());
    let options = &declaration.options;
    Row {
        key: key.clone(),
        ty: declaration.ty.clone(),
        place: declaration.place.clone(),
        needs,
        refers: declaration.refers.clone(),
        protect: options.protect,
        retain_on_delete: options.retain_on_delete,
        deleted_with: options.deleted_with.clone(),
        replace_with: options.replace_with.clone(),
        replacement_trigger: options.replacement_trigger.clone(),
        additional_secret_outputs: options.additional_secret_outputs.clone(),
        timeouts: options.timeouts,
        at: Some(declaration.at.to_string()),
        // What is wanted again is not on its way out.
        delete_after: None,
        ..row.cloned().unwrap_or_else(fresh)
    }
}

/// For a create, every input that is set.
fn all_new(schema: &TypeSchema, inputs: &Value) -> Vec<Change> {
    let set = inputs.as_map().into_iter().flatten().filter(|(_, value)| !value.is_null());
    set.filter_map(|(name, value)| {
        let property = schema.inputs.get(name)?;
        let by_default = property.default.is_some() && value.to_json().ok() == property.default;
        let value = if property.secret { value.clone().secret() } else { value.clone() };
        Some(Change {
            path: name.clone(),
            before: Shown::of(&Value::Null),
            after: Shown::of(&value),
            replaces: false,
            set_by: if by_default { SetBy::Default } else { SetBy::Program },
        })
    })
    .collect()
}
