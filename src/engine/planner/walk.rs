//! The declarations in dependency order, and what becomes of each.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::decide::{Case, Decision, Move, Order, decide, ignore_changes, triggered};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::handle::Handle;
use crate::engine::inherit::Inheritance;
use crate::engine::journal::Entry;
use crate::engine::names;
use crate::engine::path::Path;
use crate::engine::placeholder::{WRITE_IT, placeholder_in};
use crate::engine::plan::{Change, Op, Reason};
use crate::engine::planner::Planner;
use crate::engine::program::{Declaration, Given};
use crate::engine::resource::{Lack, Seen};
use crate::engine::schema::TypeSchema;
use crate::engine::selection::matches;
use crate::engine::state::{Begun, Key, Row};
use crate::engine::task::Task;
use crate::engine::urn::Urn;
use crate::engine::value::{Shown, Value};
use crate::engine::{foresight, graph};

impl Planner<'_> {
    pub(super) async fn walk(&mut self) -> Result<(), Vec<Diagnostic>> {
        let declarations = self.declarations();
        let implied = self.implied_needs();
        let of = |index: usize| implied.get(&index).into_iter().flatten();
        for index in graph::order(declarations, |i| of(i).map(|(urn, _)| urn).collect())? {
            let declaration = &declarations[index];
            let permanent = of(index).filter(|(_, on_delete)| *on_delete).map(|(urn, _)| urn);
            let needs = declaration.needs.iter().chain(permanent).cloned().collect();
            let others = declaration.needs.iter().chain(of(index).map(|(urn, _)| urn));
            let waits = self.waits(declaration, others).filter(|_| self.selection.has(&declaration.urn));
            let mark = self.mark();
            // Of what is read and not managed there is nothing to tell without a read.
            let is_read = declaration.external.is_some() || declaration.options.import.is_some();
            if waits.is_none() || !is_read || self.live(&declaration.urn).is_some_and(|row| !row.external) {
                self.visit(declaration, needs).await?;
            }
            if let Some(why) = waits.or_else(|| self.waits_after_all(&mark)) {
                self.hold(declaration, why, &mark);
            }
            let Some(&step) = self.current.get(&declaration.urn) else { continue };
            let before = declaration.needs.iter().chain(of(index).map(|(urn, _)| urn)).chain(&declaration.parent);
            self.edges.extend(before.filter_map(|urn| Some((*self.current.get(urn)?, step))).filter(|(a, b)| a != b));
        }
        self.order_changes();
        Ok(())
    }

    /// For each declaration, what the cloud wants to exist first, and whether that counts for
    /// deletions too.
    pub(super) fn implied_needs(&self) -> HashMap<usize, Vec<(Urn, bool)>> {
        let declarations = self.declarations();
        let mut needs: HashMap<usize, Vec<(Urn, bool)>> = HashMap::new();
        for order in self.catalog.orders.iter().flat_map(|rule| rule(declarations)) {
            needs.entry(order.after).or_default().push((declarations[order.before].urn.clone(), order.on_delete));
        }
        needs
    }

    /// Decides about one declaration.
    pub(super) async fn visit(&mut self, declaration: &Declaration, needs: Vec<Urn>) -> Result<(), Vec<Diagnostic>> {
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
        // A service may quote in one answer what it was sent in another.
        program.secrets().learn_given(&given.inputs);
        // A component groups its children and has no row of its own.
        let parent = declaration.parent.clone().filter(|urn| self.current.contains_key(urn));
        let template = |key: Key, row: Option<&Row>| Row {
            parent: parent.clone(),
            replacement_trigger: given.trigger.clone(),
            ..template(declaration, needs.clone(), key, row)
        };
        if let Some(external) = &declaration.external {
            let id = match &external.id {
                Value::Unknown => given.inputs.get("id").cloned().unwrap_or(Value::Unknown),
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
                    let left = self.bequest(urn);
                    let why = match (&left, self.gone.contains(urn)) {
                        (Some(_), _) => Reason::Interrupted,
                        (None, true) => Reason::GoneFromCloud,
                        (None, false) => Reason::New,
                    };
                    let inherits = match left.filter(|left| moved(left, declaration).is_none()) {
                        Some(left) => Inheritance::of(schema, &declaration.options, &left, None),
                        None => Inheritance::default(),
                    };
                    self.make(declaration, schema, row, given, inherits, Vec::from([why]), None, None);
                    Ok(())
                }
            },
            Some(row) => {
                let row = match self.half_that_fits_again(declaration, schema, &row, &given) {
                    Some(old) => self.return_to(&old, &row)?,
                    None => row,
                };
                let kept = template(row.key.clone(), Some(&row));
                self.keep_change_or_replace(declaration, schema, &row, kept, given);
                Ok(())
            }
        }
    }

    /// What the resource takes over from one that made room for it in an earlier run.
    fn bequest(&self, urn: &Urn) -> Option<Arc<Row>> {
        let halves = self.halves.get(urn)?.iter().rev().filter_map(|key| self.state.rows.get(key));
        halves.filter(|row| row.is_bequest()).max_by_key(|row| row.key.generation).cloned()
    }

    pub(super) fn leave_alone(&mut self, declaration: &Declaration, row: Option<Arc<Row>>) {
        let Some(row) = row else { return };
        self.known.insert(declaration.urn.clone(), Handle::of(&row));
        let options = Box::new(declaration.options.clone());
        self.push(
            declaration,
            &row,
            Op::Same,
            vec![Reason::NotSelected],
            Vec::new(),
            0,
            Task::Keep { row: Arc::clone(&row), options },
        );
    }

    pub(super) fn check_unselected_needs(&mut self, declaration: &Declaration) {
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
                .help(self.selection.to_have(need)),
            );
        }
    }

    pub(super) fn keep_change_or_replace(
        &mut self,
        declaration: &Declaration,
        schema: &TypeSchema,
        row: &Arc<Row>,
        kept: Row,
        given: Given,
    ) {
        let (decision, wanted) = self.judge(declaration, schema, row, &given);
        let decision = if row.is_skipped() { Decision::Same } else { decision };
        let live = match self.sights.get(&row.key) {
            Some(Seen::Ready(live)) => Some(live.clone()),
            _ => None,
        };
        let options_change = changes_of_options(row, &kept);
        match decision {
            Decision::Same => {
                // A deletion that never arrived, of what is wanted after all, is over.
                let pending = kept.pending.filter(|pending| pending.op != Begun::Delete);
                // Of what was skipped nothing is known, as in the run that skipped it.
                let inputs = if row.is_skipped() { row.inputs.clone() } else { wanted };
                let kept = Row { inputs, pending, ..kept };
                let kept = if kept == **row { Arc::clone(row) } else { Arc::new(kept) };
                if !row.is_skipped() {
                    self.known.insert(declaration.urn.clone(), Handle::of(&kept));
                }
                let options = Box::new(declaration.options.clone());
                let task = Task::Keep { row: kept, options };
                let (op, why) = match options_change.is_empty() {
                    true => (Op::Same, Vec::new()),
                    false => (Op::Update, vec![Reason::Changed]),
                };
                self.push(declaration, row, op, why, options_change, 0, task);
            }
            Decision::Update { why, mut changes } => {
                self.check_written(declaration, &wanted);
                self.note_company(schema, &kept, &wanted);
                let at = self.place(&row.place, row.id.clone());
                let handle = foresight::of_changed(schema, row, &wanted, &changes, &at);
                self.known.insert(declaration.urn.clone(), handle);
                changes.extend(options_change);
                let options = Box::new(declaration.options.clone());
                let task = Task::Change { row: Arc::new(kept), options, live: live.map(Box::new) };
                let op = if row.is_begun() { Op::Create } else { Op::Update };
                self.push(declaration, row, op, why, changes, schema.facts.takes.update, task);
            }
            Decision::Replace { why, mut changes, order } => {
                changes.extend(options_change);
                self.check_room(declaration, schema, row, order);
                let makes_way = self.makes_way.contains(&declaration.urn);
                if makes_way {
                    let name = declaration.urn.name();
                    self.notes.push(format!(
                        "`{name}` is deleted before it is made anew: only then another resource can have a name"
                    ));
                }
                let makes_room = order == Order::DeleteFirst
                    || makes_way
                    || declaration.needs.iter().any(|need| self.deleted_first.contains(need));
                self.replaced.insert(declaration.urn.clone());
                self.retired.push((row.key.clone(), makes_room));
                let fresh = Row { key: self.next_key(&declaration.urn), created: None, ..kept };
                let fresh = Row { id: None, not_kept: Vec::new(), skipped: Vec::new(), tainted: false, ..fresh };
                let aside = (!makes_room).then(|| row.key.clone());
                // In another region and of another type the values that were mean something else.
                let inherits = match moved(row, declaration) {
                    None => Inheritance::of(schema, &declaration.options, row, live.as_ref()),
                    Some(_) => Inheritance::default(),
                };
                if makes_room {
                    self.bequests.insert(row.key.clone(), inherits.left());
                }
                self.make(declaration, schema, fresh, given, inherits, why, Some(changes), aside);
                if makes_room {
                    self.deleted_first.insert(declaration.urn.clone());
                    self.known.insert(declaration.urn.clone(), foresight::of_gone(&declaration.urn));
                }
            }
        }
    }

    /// What was not written down must be, before a cloud gets it.
    pub(super) fn check_written(&mut self, declaration: &Declaration, inputs: &Value) {
        let (Some(path), Some(program)) = (placeholder_in(inputs), self.request.program) else { return };
        let name = declaration.urn.name();
        let text = format!("`{path}` of `{name}` would become the placeholder of `drctl import`");
        let problem = Diagnostic::error("placeholder", text).at(program.written_at(declaration, &path));
        self.problems.push(problem.of(&declaration.urn).help(WRITE_IT));
    }

    /// What one that exists can be without is needed to make one.
    fn check_complete(&mut self, declaration: &Declaration, schema: &TypeSchema, inputs: &Value) {
        let Some(Lack { inputs, help }) = (schema.lacks)(inputs) else { return };
        let lacking = inputs.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        let text = format!("`{}` cannot be made without {lacking}", declaration.urn.name());
        let problem = Diagnostic::error("incomplete", text).at(declaration.at.clone());
        self.problems.push(problem.of(&declaration.urn).help(help));
    }

    /// What stays under its name makes no room for another one of that name.
    fn check_room(&mut self, declaration: &Declaration, schema: &TypeSchema, row: &Row, order: Order) {
        let by_name = !schema.facts.delete_first && declaration.options.delete_before_replace.is_none();
        if order == Order::CreateFirst || !by_name || !row.retain_on_delete {
            return;
        }
        let name = declaration.urn.name();
        let text =
            format!("`{name}` would be replaced by another one of its name, which `retainOnDelete` leaves taken");
        let problem = Diagnostic::error("retained-name", text).at(declaration.at.clone()).of(&declaration.urn);
        self.problems
            .push(problem.help("give it another name; or take `retainOnDelete` away and run `drctl up` before"));
    }

    /// What the program wants of a resource, and the inputs in full.
    fn judge(&self, declaration: &Declaration, schema: &TypeSchema, row: &Row, given: &Given) -> (Decision, Value) {
        let live = match self.sights.get(&row.key) {
            Some(Seen::Ready(live)) => Some(live),
            _ => None,
        };
        let wanted = names::fill(schema, given.inputs.clone(), &self.state.lineage, &row.key, Some(row));
        let wanted = ignore_changes(schema, &declaration.options, row, live, wanted);
        let decision = decide(&Case {
            schema,
            row,
            live,
            given,
            wanted: &wanted,
            options: &declaration.options,
            moved: moved(row, declaration),
            asked: self.reasons_to_replace(declaration, row, given),
        });
        (decision, wanted)
    }

    /// The old half of a replacement that was never complete, if the program asks for what it is: it is there,
    /// under the name that another one would need.
    fn half_that_fits_again(
        &self,
        declaration: &Declaration,
        schema: &TypeSchema,
        row: &Row,
        given: &Given,
    ) -> Option<Arc<Row>> {
        let halves = self.halves.get(&row.key.urn)?;
        let replaces = |row: &Row| matches!(self.judge(declaration, schema, row, given).0, Decision::Replace { .. });
        if !replaces(row) {
            return None;
        }
        let whole = |old: &&Arc<Row>| {
            old.old && old.id.is_some() && old.pending.is_none() && old.failure.is_none() && !old.is_leaving()
        };
        let mut halves = halves.iter().rev().filter_map(|key| self.state.rows.get(key)).filter(whole);
        halves.find(|old| !replaces(old)).cloned()
    }

    /// Lets the old half stand for the resource again, and the new one be deleted.
    fn return_to(&mut self, old: &Row, new: &Row) -> Result<Arc<Row>, Vec<Diagnostic>> {
        let urn = &old.key.urn;
        let key = self.next_key(urn);
        let back = Arc::new(Row { key: key.clone(), old: false, ..old.clone() });
        self.record(Entry::Put { row: Arc::clone(&back) })?;
        self.record(Entry::Gone { key: old.key.clone() })?;
        self.record(Entry::Put { row: Arc::new(Row { old: true, ..new.clone() }) })?;
        self.rows.insert(urn.clone(), (Some(key.clone()), key.generation));
        Ok(back)
    }

    fn reasons_to_replace(&self, declaration: &Declaration, row: &Row, given: &Given) -> Vec<Reason> {
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
        reasons.extend(triggered(row, given));
        let options = &declaration.options;
        for urn in options.replace_with.iter().chain(&options.deleted_with) {
            let why = Reason::Dependency(urn.clone());
            if self.replaced.contains(urn) && !reasons.contains(&why) {
                reasons.push(why);
            }
        }
        reasons
    }

    /// Plans a new resource. `changes` are the differences from the one that it replaces, if it does.
    #[expect(clippy::too_many_arguments, reason = "the parts of one step, each used once")]
    pub(super) fn make(
        &mut self,
        declaration: &Declaration,
        schema: &TypeSchema,
        row: Row,
        given: Given,
        inherits: Inheritance,
        why: Vec<Reason>,
        changes: Option<Vec<Change>>,
        set_aside: Option<Key>,
    ) {
        let inputs = inherits.over(&schema.inputs, given.inputs.clone());
        let inputs = names::fill(schema, inputs, &self.state.lineage, &row.key, None);
        self.check_written(declaration, &inputs);
        self.check_complete(declaration, schema, &inputs);
        self.note_company(schema, &row, &inputs);
        let changes = changes.unwrap_or_else(|| all_new(schema, &inputs, &given));
        let handle = foresight::of_new(schema, &declaration.urn, &inputs, &self.place(&row.place, None));
        self.known.insert(declaration.urn.clone(), handle);
        let attempt = self.retries.remove(&declaration.urn);
        let task = Task::Make {
            row: Arc::new(Row { inputs, ..row.clone() }),
            attempt,
            set_aside,
            inherits: Box::new(inherits),
        };
        self.push(declaration, &row, Op::Create, why, changes, schema.facts.takes.create, task);
    }
}

/// What of a resource can only be had by a new one.
fn moved<'a>(row: &'a Row, declaration: &'a Declaration) -> Option<Move<'a>> {
    let differs = |what, from: &'a str, to: &'a str| (from != to).then_some(Move { what, from, to });
    differs("region", &row.place.0, &declaration.place.0).or_else(|| differs("type", &row.ty, &declaration.ty))
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
        additional_secret_outputs: options.additional_secret_outputs.clone(),
        timeouts: options.timeouts,
        at: Some(declaration.at.to_string()),
        // What is wanted again is not on its way out.
        delete_after: None,
        ..row.cloned().unwrap_or_else(fresh)
    }
}

/// Options that decide about the end of a resource, where they change. They are applied without a
/// call.
fn changes_of_options(row: &Row, wanted: &Row) -> Vec<Change> {
    let switches =
        [("protect", row.protect, wanted.protect), ("retainOnDelete", row.retain_on_delete, wanted.retain_on_delete)];
    let changed = switches.into_iter().filter(|(_, before, after)| before != after);
    changed.map(|(name, before, after)| Change::of_option(name, before, after)).collect()
}

/// For a create, every input that is set.
fn all_new(schema: &TypeSchema, inputs: &Value, given: &Given) -> Vec<Change> {
    let set = inputs.as_map().into_iter().flatten().filter(|(_, value)| !value.is_null());
    set.filter_map(|(name, value)| {
        let property = schema.inputs.get(name)?;
        let value = if property.secret { value.clone().secret() } else { value.clone() };
        Some(Change {
            path: name.clone(),
            before: Shown::of(&Value::Null),
            after: Shown::of(&value),
            replaces: false,
            set_by: given.set_by(&Path::default().key(name)),
        })
    })
    .collect()
}
