//! What to do with one resource that exists: pure rules, no calls.

use crate::engine::diff::{Difference, baseline, diff};
use crate::engine::path::Path;
use crate::engine::plan::{Change, Reason, SetBy};
use crate::engine::program::{Given, Options};
use crate::engine::provider::Live;
use crate::engine::resource::{Existing, IdForm, Names};
use crate::engine::schema::TypeSchema;
use crate::engine::state::{Begun, Row};
use crate::engine::value::{Shown, Value};

/// What to do with a resource.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    Same,
    Update { why: Vec<Reason>, changes: Vec<Change> },
    Replace { why: Vec<Reason>, changes: Vec<Change>, order: Order },
}

/// Which half of a replacement goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    CreateFirst,
    DeleteFirst,
}

/// The facts about one resource that a decision rests on.
#[derive(Debug)]
pub struct Case<'a> {
    pub schema: &'a TypeSchema,
    pub row: &'a Row,
    /// What the cloud shows, if it was asked.
    pub live: Option<&'a Live>,
    /// The program's inputs, without automatic names.
    pub given: &'a Given,
    /// The program's inputs, names kept from the row.
    pub wanted: &'a Value,
    pub options: &'a Options,
    /// The program puts the resource somewhere else, or makes something else of it.
    pub moved: Option<Move<'a>>,
    /// Why it must be replaced whatever the inputs say.
    pub asked: Vec<Reason>,
}

/// Something that no input says and no update changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move<'a> {
    /// `region` or `type`.
    pub what: &'static str,
    pub from: &'a str,
    pub to: &'a str,
}

/// Old values for the paths that the program does not want to change: what the cloud shows, or else
/// what was applied last. So a change that others make there is none either.
pub fn ignore_changes(schema: &TypeSchema, options: &Options, row: &Row, live: Option<&Live>, wanted: Value) -> Value {
    let ignored = ignored(options);
    if ignored.is_empty() {
        return wanted;
    }
    let (old, mut wanted) = (base(schema, row, live), wanted);
    for path in ignored {
        path.transplant(&old, &mut wanted);
    }
    wanted
}

/// The paths of `ignoreChanges`.
pub fn ignored(options: &Options) -> Vec<Path> {
    options.ignore_changes.iter().filter_map(|text| Path::parse(text).ok()).collect()
}

/// Whether another value than before replaces the resource. One that is not known yet will be another.
pub fn triggered(row: &Row, given: &Given) -> Option<Reason> {
    let (before, now) = (row.replacement_trigger.as_ref()?, given.trigger.as_ref()?);
    (before != now).then(|| Reason::Asked("replacementTrigger".into()))
}

/// The inputs to compare a program with.
pub fn base(schema: &TypeSchema, row: &Row, live: Option<&Live>) -> Value {
    match live {
        Some(live) => baseline(&schema.inputs, &live.inputs, &row.inputs, &row.not_kept),
        None => row.inputs.clone(),
    }
}

/// What is known of a resource that was taken over, and beside it what no cloud shows and would replace
/// the resource: there is nothing to compare it with, so the program is believed.
pub fn believed(schema: &TypeSchema, mut known: Value, wanted: &Value) -> Value {
    if let Value::Map(inputs) = &mut known {
        for property in schema.inputs.properties.iter().filter(|p| p.write_only && p.replace) {
            let unknown = inputs.get(&property.name).is_none_or(Value::is_null);
            if let (true, Some(value)) = (unknown, wanted.get(&property.name)) {
                inputs.insert(property.name.clone(), value.clone());
            }
        }
    }
    known
}

/// Decides.
pub fn decide(case: &Case<'_>) -> Decision {
    let base = base(case.schema, case.row, case.live);
    let base = if case.row.is_taken_over() { believed(case.schema, base, case.wanted) } else { base };
    let conditional = (case.schema.replaces)(&base, case.wanted);
    let forced: Vec<Path> = case.options.replace_on_changes.iter().filter_map(|text| Path::parse(text).ok()).collect();
    let mut asked = case.asked.clone();
    let mut changes = Vec::new();
    for difference in diff(&case.schema.inputs, &base, case.wanted) {
        let by_option = forced.iter().any(|pattern| pattern.touches(&difference.path));
        if by_option && !difference.replaces {
            asked.push(Reason::Asked(format!("replaceOnChanges: {}", difference.path)));
        }
        let replaces =
            difference.replaces || by_option || difference.path.root().is_some_and(|root| conditional.contains(&root));
        changes.push(change(case, difference, replaces));
    }
    if let Some(Move { what, from, to }) = case.moved {
        let (path, before, after) = (what.to_owned(), Shown::of(&from.into()), Shown::of(&to.into()));
        changes.insert(0, Change { path, before, after, replaces: true, set_by: SetBy::Program });
    }
    if !asked.is_empty() || changes.iter().any(|c| c.replaces) {
        let mut why = asked;
        if !changes.is_empty() {
            why.push(Reason::Changed);
        }
        return Decision::Replace { why, changes, order: order(case) };
    }
    let mut why = interrupted(case.row);
    if !changes.is_empty() {
        why.push(Reason::Changed);
    }
    if why.is_empty() { Decision::Same } else { Decision::Update { why, changes } }
}

/// An operation that did not end well is taken up again, even if nothing seems to differ.
fn interrupted(row: &Row) -> Vec<Reason> {
    match (&row.pending, &row.failure) {
        (_, Some(failure)) => vec![Reason::Failed(failure.clone())],
        (Some(pending), None) if pending.op != Begun::Delete => vec![Reason::Interrupted],
        _ => Vec::new(),
    }
}

fn change(case: &Case<'_>, difference: Difference, replaces: bool) -> Change {
    let at = |value: &Value| {
        let mut part = Value::Map(Default::default());
        if let (Some(root), Value::Map(map)) = (difference.path.root(), &mut part) {
            map.insert(root.to_owned(), value.get(root).cloned().unwrap_or_default());
        }
        part
    };
    let drifted = case.live.is_some() && diff(&case.schema.inputs, &at(&case.row.inputs), &at(case.wanted)).is_empty();
    let hidden =
        case.options.hide_diffs.iter().filter_map(|t| Path::parse(t).ok()).any(|p| p.touches(&difference.path));
    let shown = |value: &Value| match hidden {
        true => Shown::of(&Value::Null.secret()),
        false => Shown::of(value),
    };
    Change {
        path: difference.path.to_string(),
        before: shown(&difference.before),
        after: shown(&difference.after),
        replaces,
        set_by: if drifted { SetBy::Cloud } else { case.given.set_by(&difference.path) },
    }
}

/// Two things cannot have the same name at once, so a named one is deleted first. The name is that which
/// `ignoreChanges` keeps, if it does.
fn order(case: &Case<'_>) -> Order {
    let facts = &case.schema.facts;
    let delete_first = case.options.delete_before_replace.unwrap_or_else(|| {
        (case.moved.is_none() || facts.names == Names::Everywhere)
            && !goes_elsewhere(case)
            && (facts.delete_first || same_id(case) || keeps_explicit_name(case))
    });
    if delete_first { Order::DeleteFirst } else { Order::CreateFirst }
}

/// Whether the new one is in something else, where it stands in nobody's way: until all have moved there, what is
/// left behind needs the old one.
fn goes_elsewhere(case: &Case<'_>) -> bool {
    let facts = &case.schema.facts;
    let moves = |input: &str| case.wanted.get(input) != case.row.inputs.get(input);
    let leaves = match (facts.existing, facts.id) {
        (Existing::PutInPlace(parts_of), _) => parts_of.iter().any(|input| moves(input)),
        (Existing::Set, IdForm::Input(whole) | IdForm::Joined(&[whole, ..], _)) => moves(whole),
        _ => false,
    };
    // Whoever is called by its name alone would go with the old one.
    let has_another_id = || case.schema.predicted_id(case.wanted) != case.row.id;
    matches!(facts.names, Names::Within(input) if moves(input)) || leaves && has_another_id()
}

fn same_id(case: &Case<'_>) -> bool {
    let named_by_inputs = match case.schema.facts.id {
        IdForm::Input(name) => !is_automatic(case, name),
        IdForm::Joined(names, _) => !names.iter().any(|n| is_automatic(case, n)),
        IdForm::Random(..) | IdForm::Output(_) => false,
    };
    named_by_inputs && case.schema.predicted_id(case.wanted).is_some_and(|id| Some(id) == case.row.id)
}

fn keeps_explicit_name(case: &Case<'_>) -> bool {
    case.schema.inputs.properties.iter().filter(|p| p.auto_name.is_some()).any(|p| {
        let given = case.given.inputs.get(&p.name).filter(|v| !v.is_null());
        given.is_some() && case.wanted.get(&p.name) == case.row.inputs.get(&p.name)
    })
}

fn is_automatic(case: &Case<'_>, name: &str) -> bool {
    let property = case.schema.inputs.get(name);
    property.is_some_and(|p| p.auto_name.is_some()) && case.given.inputs.get(name).is_none_or(Value::is_null)
}
