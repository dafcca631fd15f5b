//! What is made under the name of something that is deleted in the same run: two resources that exchange
//! names, one that goes back to the name of an old half, one that the program calls otherwise now.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::engine::diagnostic::Diagnostic;
use crate::engine::plan::Op;
use crate::engine::planner::Planner;
use crate::engine::planner::departures::{successors, way};
use crate::engine::program::Declaration;
use crate::engine::removal::Deletion;
use crate::engine::resource::{Existing, IdForm, Names};
use crate::engine::schema::TypeSchema;
use crate::engine::state::{Key, Row, State};
use crate::engine::task::Task;
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::Value;

/// A type, a place, and what the cloud calls a resource by there.
type Name<'a> = (&'a str, Option<&'a Place>, Vec<String>);

/// A create under a name that is not free by then.
#[derive(Debug, Clone)]
pub(super) struct Collision {
    /// The step that makes the resource.
    create: usize,
    /// What has the name.
    holder: Key,
    because: Because,
}

/// Why a name is not free.
#[derive(Debug, Clone)]
enum Because {
    /// The steps from the create to the deletion that would have to come before it.
    Circle(Vec<usize>),
    /// `retainOnDelete` leaves it to the old one.
    Retained,
    /// The cloud keeps it for so many days after the deletion.
    Kept(i64),
    /// Nothing deletes what has it.
    Stays,
}

impl Planner<'_> {
    /// The deletion goes first: some clouds refuse a name that is taken, others put in place of creating, and
    /// a deletion that came later would take away what the program wants. Where it cannot go first it goes
    /// last, and is none then: [`Ledger::has_heir`](crate::engine::ledger::Ledger::has_heir).
    pub(super) fn order_namesakes(&mut self, state: &State, deletions: &[Deletion<'_>]) {
        let steps: HashMap<&Key, usize> = deletions.iter().map(|deletion| (&deletion.row.key, deletion.step)).collect();
        let claims: Vec<(usize, &Row)> = self.claims(state);
        let deletion_of = |(create, row): &(usize, &Row)| Some((*steps.get(&row.key)?, *create));
        let pairs: Vec<(usize, usize)> = claims.iter().filter_map(deletion_of).collect();
        let turned = pairs.iter().map(|(deletion, create)| (*create, *deletion)).collect();
        self.order_where_possible(pairs);
        if !claims.is_empty() {
            let after = successors(&self.edges);
            let collision = |(create, row): (usize, &Row)| {
                let because = self.why_taken(create, row, steps.get(&row.key).copied(), &after)?;
                Some(Collision { create, holder: row.key.clone(), because })
            };
            self.collisions = claims.into_iter().filter_map(collision).collect();
        }
        self.order_where_possible(turned);
    }

    /// The steps that make something under a name, each with a row that has the name.
    fn claims<'s>(&self, state: &'s State) -> Vec<(usize, &'s Row)> {
        let mut made: HashMap<Name<'_>, usize> = HashMap::new();
        for (step, task) in self.tasks.iter().enumerate() {
            let Task::Make { row, .. } = task else { continue };
            let Some(schema) = self.catalog.find(&row.ty) else { continue };
            let name = name(schema, &row.place, schema.predicted_id(&row.inputs), |input| row.inputs.get(input));
            made.extend(name.map(|name| (name, step)));
        }
        let rows = state.rows.values().map(Arc::as_ref).filter(|row| row.id.is_some() && !row.external);
        let claim = |row: &'s Row| {
            let schema = self.catalog.find(&row.ty)?;
            let id = schema.predicted_id(&row.inputs).or_else(|| row.id.clone());
            let input = |input: &str| row.inputs.get(input).or_else(|| row.seen.get(input));
            let create = *made.get(&name(schema, &row.place, id, input)?)?;
            (self.steps[create].key != row.key).then_some((create, row))
        };
        rows.filter(|_| !made.is_empty()).filter_map(claim).collect()
    }

    /// Why a name that a row has is not free when a step takes it, if the cloud refuses the name then.
    fn why_taken(
        &self,
        create: usize,
        row: &Row,
        deletion: Option<usize>,
        after: &HashMap<usize, Vec<usize>>,
    ) -> Option<Because> {
        let schema = self.catalog.find(&row.ty).filter(|schema| refuses(schema))?;
        let is_another = self.steps[create].key.urn != row.key.urn;
        let Some(deletion) = deletion else { return Some(Because::Stays) };
        if self.steps[deletion].op != Op::Delete {
            // For itself see `check_room`.
            return is_another.then_some(Because::Retained);
        }
        match (schema.afterlife)(&row.inputs) {
            Some(left) if left.keeps_name && is_another => Some(Because::Kept(left.days)),
            _ => way(after, create, deletion).map(Because::Circle),
        }
    }

    /// Replaced resources that have to be deleted before they are made anew, so that a name is free when it is
    /// taken. Refuses what no such order helps, where the cloud would refuse it in the middle of the run.
    pub(super) fn who_makes_way(&mut self) -> BTreeSet<Urn> {
        let mut all = BTreeSet::new();
        for collision in std::mem::take(&mut self.collisions) {
            let Because::Circle(circle) = &collision.because else {
                self.refuse(&collision);
                continue;
            };
            if circle.iter().any(|step| all.contains(&self.steps[*step].key.urn)) {
                continue;
            }
            let can = circle.iter().map(|step| &self.steps[*step].key.urn).filter(|urn| self.can_make_way(urn));
            match can.min_by_key(|urn| self.cost_of_absence(urn)) {
                Some(urn) => {
                    all.insert(urn.clone());
                }
                None => self.refuse(&collision),
            }
        }
        all
    }

    fn can_make_way(&self, urn: &Urn) -> bool {
        let Some(declared) = self.declared(urn) else { return false };
        let stays = |row: &Row| row.retain_on_delete || row.external;
        self.replaced.contains(urn)
            && !self.deleted_first.contains(urn)
            && declared.options.delete_before_replace.is_none()
            && self.live(urn).is_some_and(|row| !stays(row))
    }

    /// Who would be without it for a while: those that stay, and all.
    fn cost_of_absence(&self, urn: &Urn) -> (usize, usize) {
        let users = self.declarations().iter().filter(|user| user.needs.contains(urn));
        let (replaced, staying): (Vec<_>, Vec<_>) = users.partition(|user| self.replaced.contains(&user.urn));
        (staying.len(), staying.len() + replaced.len())
    }

    fn declared(&self, urn: &Urn) -> Option<&Declaration> {
        self.declarations().iter().find(|declaration| declaration.urn == *urn)
    }

    /// Says that the cloud would refuse the name.
    fn refuse(&mut self, collision: &Collision) {
        let Collision { create, holder, because } = collision;
        let step = &self.steps[*create];
        let name = match (&self.tasks[*create], self.catalog.find(&step.ty)) {
            (Task::Make { row, .. }, Some(schema)) => {
                let named = schema.inputs.properties.iter().filter(|property| property.auto_name.is_some());
                named.filter_map(|property| row.inputs.get(&property.name)?.as_str()).collect::<Vec<_>>().join(" ")
            }
            _ => String::new(),
        };
        let (new, old) = (step.key.urn.name(), holder.urn.name());
        let (why, help) = match because {
            Because::Circle(_) if holder.urn == step.key.urn => (
                "which it has until it is made anew".to_owned(),
                format!("take `deleteBeforeReplace: false` from `{new}`, or give it another name"),
            ),
            Because::Circle(_) if self.replaced.contains(&holder.urn) => (
                format!("which `{old}` has until `{new}` is there"),
                format!(
                    "let `deleteBeforeReplace` be true for `{old}`, or give `{new}` a free name, run `drctl up`, and \
                     then give it this one"
                ),
            ),
            Because::Circle(_) => (
                format!("which `{old}` has until what uses it has moved to `{new}`"),
                format!(
                    "`aliases: [{{name: '{old}'}}]` for `{new}` if it is the same one; or give `{new}` another name"
                ),
            ),
            Because::Retained => (
                format!("which `retainOnDelete` leaves to `{old}`"),
                format!("give `{new}` another name; or take `retainOnDelete` from `{old}` and run `drctl up` before"),
            ),
            Because::Kept(days) => (
                format!("which stays taken for {days} days after `{old}` is deleted"),
                format!(
                    "`aliases: [{{name: '{old}'}}]` for `{new}` if it is the same one; or give `{new}` another name"
                ),
            ),
            Because::Stays => (
                format!("which `{old}` has, and keeps in this run"),
                format!("let the run change `{old}`, too, or give `{new}` another name"),
            ),
        };
        let problem = Diagnostic::error("name-taken", format!("`{new}` would get the name `{name}`, {why}"));
        let problem = problem.of(&step.key.urn).help(help);
        let at = self.declared(&step.key.urn).map(|declared| declared.at.clone());
        self.problems.push(Diagnostic { at, ..problem });
    }
}

/// Whether the cloud refuses a second one of a name. What has no name of its own is put in place of another.
fn refuses(schema: &TypeSchema) -> bool {
    let is_put = matches!(schema.facts.existing, Existing::PutInPlace(_) | Existing::Set);
    !is_put && schema.inputs.properties.iter().any(|property| property.auto_name.is_some())
}

/// What the cloud calls a resource by, if that is known and it is called by anything of its own.
fn name<'a, 'v>(
    schema: &'a TypeSchema,
    place: &'a Place,
    id: Option<Id>,
    input: impl Fn(&str) -> Option<&'v Value>,
) -> Option<Name<'a>> {
    let place = (schema.facts.names != Names::Everywhere).then_some(place);
    if matches!(schema.facts.id, IdForm::Input(_) | IdForm::Joined(..)) {
        return Some((schema.token, place, vec![id?.0]));
    }
    let around = match schema.facts.names {
        Names::Shared => return None,
        Names::Within(around) => Some(around),
        Names::Region | Names::Everywhere => None,
    };
    let named = schema.inputs.properties.iter().filter(|property| property.auto_name.is_some());
    let text = |name: &str| input(name).and_then(Value::as_str).map(str::to_owned);
    let mut names = named.map(|property| text(&property.name)).collect::<Option<Vec<String>>>()?;
    if names.is_empty() {
        return None;
    }
    if let Some(around) = around.filter(|around| input(around).is_some_and(|value| !value.is_null())) {
        names.push(text(around)?);
    }
    Some((schema.token, place, names))
}
