//! Deletions in a plan: what stands in their way, what must come before them, and their order.

use std::collections::{HashMap, HashSet};

use crate::engine::diagnostic::Diagnostic;
use crate::engine::plan::{Change, Op, Reason, SetBy, Step};
use crate::engine::provider::Catalog;
use crate::engine::resource::Afterlife;
use crate::engine::schema::TypeSchema;
use crate::engine::state::{Key, Row};
use crate::engine::task::Task;
use crate::engine::urn::Urn;
use crate::engine::value::{Map, Shown, Value};

/// Something that must be done to a resource before it, or anything, is deleted.
#[derive(Debug, Clone, PartialEq)]
pub struct Precaution {
    /// `lift deletionProtection`.
    pub act: String,
    pub property: String,
    pub value: Value,
    /// It is refused without the override.
    pub protects: bool,
}

/// What must come before the deletion of a row. What was never made needs none.
pub fn precautions(schema: &TypeSchema, row: &Row) -> Vec<Precaution> {
    if row.is_skipped() {
        return Vec::new();
    }
    let now = |name: &str| match row.seen.get(name) {
        Some(seen) if !seen.is_null() => Some(seen.clone()),
        _ => row.inputs.get(name).cloned(),
    };
    let of_property = |p: &crate::engine::schema::Property| {
        let current = now(&p.name);
        if p.protection && current.as_ref().and_then(Value::as_bool) == Some(true) {
            return Some(Precaution {
                act: format!("lift {}", p.name),
                property: p.name.clone(),
                value: Value::Bool(false),
                protects: true,
            });
        }
        let (act, value) = p.before_delete.as_ref()?;
        let value = Value::from_json(value.clone());
        (current.as_ref() != Some(&value)).then(|| Precaution {
            act: act.clone(),
            property: p.name.clone(),
            value,
            protects: false,
        })
    };
    schema.inputs.properties.iter().filter_map(of_property).collect()
}

/// Everything that forbids deleting these rows, for the user to see at once.
pub fn blockers<'a>(catalog: &Catalog, rows: impl IntoIterator<Item = &'a Row>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for row in rows {
        let name = row.key.urn.name();
        if row.is_protected() {
            found.push(
                Diagnostic::error("protected", format!("`{name}` ({}) is protected in the state", row.ty))
                    .of(&row.key.urn)
                    .help(format!("`drctl state unprotect {name}`, or --force-override-protection")),
            );
        }
        let Some(schema) = catalog.find(&row.ty) else { continue };
        for precaution in precautions(schema, row).into_iter().filter(|p| p.protects) {
            let text = format!("`{name}` ({}) has `{}` on in {}", row.ty, precaution.property, row.place);
            found.push(
                Diagnostic::error("protected", text)
                    .of(&row.key.urn)
                    .help("set it to false and run `up`, or --force-override-protection"),
            );
        }
    }
    found
}

/// The step and the work of a precaution.
pub fn act(row: &Row, schema: &TypeSchema, precaution: &Precaution, why: Vec<Reason>) -> (Step, Task) {
    let patch = Value::Map(Map::from_iter([(precaution.property.clone(), precaution.value.clone())]));
    let before = row.inputs.get(&precaution.property).cloned().unwrap_or_default();
    let change = Change {
        path: precaution.property.clone(),
        before: Shown::of(&before),
        after: Shown::of(&precaution.value),
        replaces: false,
        set_by: SetBy::Deletion,
    };
    let step = Step {
        key: row.key.clone(),
        ty: row.ty.clone(),
        place: row.place.clone(),
        op: Op::Act(precaution.act.clone()),
        id: row.id.clone(),
        why,
        changes: vec![change],
        replacement: None,
        typical: schema.facts.takes.update,
        at: row.at.clone(),
        company: None,
    };
    (step, Task::Act { key: row.key.clone(), patch })
}

/// The step and the work of lifting the state's own protection.
pub fn unprotect(row: &Row, why: Vec<Reason>) -> (Step, Task) {
    let step = Step {
        key: row.key.clone(),
        ty: row.ty.clone(),
        place: row.place.clone(),
        op: Op::Act("lift protect".to_owned()),
        id: row.id.clone(),
        why,
        changes: vec![Change::of_option("protect", true, false)],
        replacement: None,
        typical: 0,
        at: row.at.clone(),
        company: None,
    };
    (step, Task::Unprotect { key: row.key.clone() })
}

/// The inputs with which a row is deleted.
pub fn applied(schema: &TypeSchema, row: &Row, override_protection: bool) -> Value {
    let mut applied = row.inputs.clone();
    if let (true, Value::Map(map)) = (override_protection, &mut applied) {
        for property in schema.inputs.properties.iter().filter(|p| p.forced) {
            map.insert(property.name.clone(), Value::Bool(true));
        }
    }
    applied
}

/// What the cloud keeps of a row that a task deletes.
pub fn afterlife(schema: &TypeSchema, row: &Row, task: &Task) -> Option<Afterlife> {
    let is_there = row.id.is_some() && matches!(task, Task::Remove { .. });
    is_there.then(|| (schema.afterlife)(&row.inputs)).flatten()
}

/// A deletion in a plan.
#[derive(Debug)]
pub struct Deletion<'a> {
    pub step: usize,
    pub row: &'a Row,
    /// Goes with that resource, without a call.
    pub with: Option<&'a Urn>,
    /// The new half is made after it.
    pub makes_room: bool,
}

/// Edges that order deletions: dependents go first, and whoever used the thing has moved on.
///
/// `steps` are the steps that bring live resources up to date, by URN; `rows` are the live rows.
pub fn edges(deletions: &[Deletion<'_>], rows: &[&Row], steps: &HashMap<Urn, usize>) -> Vec<(usize, usize)> {
    let mut by_urn: HashMap<&Urn, Vec<&Deletion<'_>>> = HashMap::new();
    for deletion in deletions {
        by_urn.entry(&deletion.row.key.urn).or_default().push(deletion);
    }
    let gone: HashSet<&Key> = deletions.iter().map(|d| &d.row.key).collect();
    let mut edges = Vec::new();
    for dependent in deletions {
        for target in dependent.row.needs.iter().filter_map(|urn| by_urn.get(urn)).flatten() {
            if dependent.step != target.step && dependent.with != Some(&target.row.key.urn) {
                edges.push((dependent.step, target.step));
            }
        }
        if let Some(target) = dependent.with.and_then(|urn| by_urn.get(urn)).and_then(|d| d.first()) {
            edges.push((target.step, dependent.step));
        }
    }
    // Whoever used the old thing has moved on before it goes: brought up to date, or replaced by a new
    // half that is there already.
    let staying = rows.iter().copied().filter(|r| !gone.contains(&r.key));
    let replaced = deletions.iter().filter(|d| !d.makes_room).map(|d| d.row);
    for user in staying.chain(replaced) {
        let Some(step) = steps.get(&user.key.urn) else { continue };
        for target in user.needs.iter().filter_map(|urn| by_urn.get(urn)).flatten() {
            if !target.makes_room {
                edges.push((*step, target.step));
            }
        }
    }
    edges
}
