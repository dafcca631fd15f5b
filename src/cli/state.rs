//! `drctl state`: what is remembered of the resources of a stack, and corrections to it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use clap::{Args, Subcommand};
use indexmap::IndexMap;
use serde_json::json;

use crate::cli::Global;
use crate::cli::confirm::{Answers, declined};
use crate::cli::declared::{declared, undeclared};
use crate::cli::edit::{edit, find, find_all};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, failed};
use crate::cli::program::world;
use crate::cli::rotate_key;
use crate::cli::runtime::runtime;
use crate::cli::site::Site;
use crate::engine::graph;
use crate::engine::program::Declaration;
use crate::engine::state::{Begun, Row, State};
use crate::engine::urn::{Urn, split_name};
use crate::engine::value::Shown;
use crate::render;
use crate::render::table::Table;
use crate::render::words::{count, resource, type_name};
use crate::stack::unfit_name;
use crate::state::{Broken, Finding, StateError, lint, lint_names, unname, with_urns};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the resources
    Ls(Listed),
    /// Show everything that is known of resources, secrets hidden
    Show(Named),
    /// Forget a resource and leave it in the cloud
    Rm(Remove),
    /// Give a resource, or a component or an `each` with all its parts, another logical name
    Mv(Move),
    /// Refuse to delete or replace a resource from now on
    Protect(Many),
    /// Allow a resource to be deleted or replaced
    Unprotect(Many),
    /// Have resources replaced by the next `up`
    Taint(Many),
    /// Take a taint back
    Untaint(Many),
    /// Check that the state keeps its own rules, and names only types and regions that exist
    Check,
    /// Seal the secrets of the state and its backups with a new key
    ///
    /// In S3 `keys.json` serves all states of the bucket, so the keys before stay in it, opened as the
    /// new key is.
    RotateKey(rotate_key::Arguments),
}

#[derive(Debug, Args)]
pub(super) struct Listed {
    /// Only these, named as with `--target`
    resources: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// Logical names, URNs or types, as with `--target`
    #[arg(required = true)]
    resources: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Many {
    /// Logical names, URNs or types, as with `--target`
    #[arg(required_unless_present = "all")]
    resources: Vec<String>,

    /// All resources of the stack
    #[arg(long, conflicts_with = "resources")]
    all: bool,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// Logical names or URNs
    #[arg(required = true)]
    resources: Vec<String>,

    /// Even if others depend on it, it is protected, or an operation on it is under way
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct Move {
    /// Logical name or URN, or the name of a component or of an `each`
    resource: String,
    /// New logical name, or a URN
    name: String,
}

pub(super) fn run(command: &Command, global: &Global) -> Result {
    if let Some(name) = edits(command) {
        Answers::here(global.yes).refuse_nobody(name)?;
    }
    let site = Site::of_state(global)?;
    match command {
        Command::Ls(Listed { resources }) => {
            let (mut state, _) = runtime(false)?.block_on(site.state())?;
            if !resources.is_empty() {
                let urns = all_of(&state, resources)?;
                state.rows.retain(|key, _| urns.contains(&key.urn));
            }
            render::data(list(&state, global.json));
        }
        Command::Show(Named { resources }) => {
            let (state, _) = runtime(false)?.block_on(site.state())?;
            let urns = all_of(&state, resources)?;
            for row in state.rows.values().filter(|r| urns.contains(&r.key.urn)) {
                render::data(format_args!("{:#}\n", shown(row)));
            }
        }
        Command::Check => {
            let (state, _) = runtime(false)?.block_on(site.state())?;
            return Ok(check(&state, global.json));
        }
        Command::Rm(arguments) => return remove(arguments, &site, global),
        Command::Mv(Move { resource: given, name }) => {
            let declarations = site.declarations();
            let new = edit(&site, "state mv", |state| rename(state, given, name, declarations))?;
            let are_declared = new.iter().all(|new| declarations.iter().any(|declared| declared.urn == *new));
            let todo = if are_declared { "" } else { " Name it so in the program, too." };
            match new.as_slice() {
                [new] => render::say(format_args!("It is {new} now.{todo}\n")),
                parts => render::say(format_args!("`{name}` has {} now.{todo}\n", count(parts.len(), "resource"))),
            }
        }
        Command::Protect(many) => mark(&site, many, "state protect", |row| {
            row.protected_by_hand = true;
            "protected"
        })?,
        Command::Unprotect(many) => mark(&site, many, "state unprotect", |row| {
            (row.protect, row.protected_by_hand) = (false, false);
            "not protected"
        })?,
        Command::Taint(many) => mark(&site, many, "state taint", |row| {
            row.tainted = true;
            "to be replaced"
        })?,
        Command::RotateKey(arguments) => return rotate_key::run(arguments, global),
        Command::Untaint(many) => mark(&site, many, "state untaint", untaint)?,
    }
    Ok(Exit::Ok)
}

/// The name of a command that changes a state without a question.
fn edits(command: &Command) -> Option<&'static str> {
    match command {
        Command::Mv(_) => Some("state mv"),
        Command::Protect(_) => Some("state protect"),
        Command::Unprotect(_) => Some("state unprotect"),
        Command::Taint(_) => Some("state taint"),
        Command::Untaint(_) => Some("state untaint"),
        Command::Ls(_) | Command::Show(_) | Command::Check | Command::Rm(_) | Command::RotateKey(_) => None,
    }
}

fn list(state: &State, json: bool) -> String {
    if json {
        let rows: Vec<_> = state.rows.values().map(|row| shown(row)).collect();
        return format!("{:#}\n", json!(rows));
    }
    let mut table = Table::new(["REGION", "TYPE", "NAME", "ID", "NOTES"]);
    for row in state.rows.values() {
        let id = row.id.as_ref().map(ToString::to_string).unwrap_or_default();
        let name = row.key.urn.name().to_owned();
        table.row([row.place.to_string(), type_name(&row.ty), name, id, notes(row).join(", ")]);
    }
    table.to_string()
}

/// What is unusual about a row.
fn notes(row: &Row) -> Vec<String> {
    if row.is_bequest() {
        return vec!["deleted, and to be made anew".to_owned()];
    }
    let said = |yes: bool, word: &str| yes.then(|| word.to_owned());
    let pending = row.pending.as_ref().map(|pending| match pending.op {
        Begun::Create => "create under way".to_owned(),
        Begun::Update => "update under way".to_owned(),
        Begun::Delete => "delete under way".to_owned(),
    });
    [
        said(row.is_protected(), "protected"),
        said(row.tainted, "to be replaced"),
        said(row.old, "old half of a replacement"),
        said(row.external, "only read"),
        said(row.retain_on_delete, "kept on deletion"),
        pending,
        said(row.failure.is_some(), "failed"),
        row.delete_after.map(|time| format!("goes after {time}")),
        (!row.not_kept.is_empty()).then(|| format!("not kept: {}", row.not_kept.join(", "))),
        (!row.skipped.is_empty()).then(|| format!("skipped: {}", row.skipped.join(", "))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn shown(row: &Row) -> serde_json::Value {
    let mut json = json!({
        "urn": row.key.urn,
        "type": row.ty,
        "region": row.place,
        "id": row.id,
        "inputs": Shown::of(&row.inputs),
        "outputs": Shown::of(&row.outputs),
        "dependsOn": row.needs,
        "declaredAt": row.at,
        "created": row.created,
        "modified": row.modified,
        "notes": notes(row),
    });
    if let Some(failure) = &row.failure {
        json["failure"] = failure.as_str().into();
    }
    json
}

fn check(state: &State, json: bool) -> Exit {
    let findings = lint_all(state);
    if json {
        let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
        render::data(format_args!("{:#}\n", json!(findings)));
        return if findings.is_empty() { Exit::Ok } else { Exit::Configuration };
    }
    findings.iter().for_each(|finding| render::data(format_args!("{finding}\n")));
    if findings.is_empty() {
        render::say(format_args!("The state is sound: {}\n", count(state.rows.len(), "resource")));
        return Exit::Ok;
    }
    Exit::Configuration
}

/// Takes a taint back, and says what the resource is then.
fn untaint(row: &mut Row) -> &'static str {
    match (std::mem::take(&mut row.tainted), row.is_leaving()) {
        (_, true) => "being deleted, with or without a taint",
        (true, false) => "kept",
        (false, false) => "not tainted",
    }
}

/// Changes rows, and tells what each is then by the word that `set` gives.
fn mark(site: &Site, many: &Many, command: &str, set: impl Fn(&mut Row) -> &'static str) -> Result<()> {
    let marked = edit(site, command, |state| {
        let urns: BTreeSet<Urn> = match many.all {
            true => state.rows.keys().map(|k| k.urn.clone()).collect(),
            false => all_of(state, &many.resources)?,
        };
        let mut marked: IndexMap<&str, Vec<Urn>> = IndexMap::new();
        for row in state.rows.values_mut().filter(|row| !row.old && urns.contains(&row.key.urn)) {
            let row = Arc::make_mut(row);
            marked.entry(set(row)).or_default().push(row.key.urn.clone());
        }
        Ok(marked)
    })?;
    for (word, urns) in marked {
        match urns.as_slice() {
            [urn] => render::say(format_args!("{} is {word}\n", resource(urn))),
            several => render::say(format_args!("{} are {word}\n", count(several.len(), "resource"))),
        }
    }
    Ok(())
}

/// Everything that any of these patterns names.
fn all_of(state: &State, patterns: &[String]) -> Result<BTreeSet<Urn>> {
    let found = patterns.iter().map(|pattern| find_all(state, pattern)).collect::<Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().collect())
}

fn remove(arguments: &Remove, site: &Site, global: &Global) -> Result {
    let answers = Answers::here(global.yes);
    answers.refuse_nobody("state rm")?;
    let question = format!("Forget {}, which stays in the cloud?", count(arguments.resources.len(), "resource"));
    if !runtime(false)?.block_on(answers.agree(&question))? {
        return Ok(declined());
    }
    let gone = edit(site, "state rm", |state| forget(state, &arguments.resources, arguments.force))?;
    render::say(format_args!("Forgot {}\n", gone.iter().map(resource).collect::<Vec<_>>().join(", ")));
    Ok(Exit::Ok)
}

/// The URN of what has no row, though rows name it: somebody edited the state by hand.
fn missing(state: &State, given: &str) -> Option<Urn> {
    let is_named = |finding: Finding| match finding.rule {
        Broken::Missing(urn) => Some(urn).filter(|urn| urn.as_str() == given),
        _ => None,
    };
    lint(state).into_iter().find_map(is_named)
}

/// Takes rows out, and what refers to them.
fn forget(state: &mut State, given: &[String], force: bool) -> Result<Vec<Urn>> {
    let meant = |given: &String| match missing(state, given).filter(|_| force) {
        Some(urn) => Ok(urn),
        None => find(state, given),
    };
    let gone = given.iter().map(meant).collect::<Result<Vec<_>>>()?;
    if !force {
        for row in state.rows.values() {
            if row.is_protected() && gone.contains(&row.key.urn) {
                let message = format!("{} is protected", resource(&row.key.urn));
                return Err(Failure::new(Exit::Policy, message, "`drctl state unprotect` it first, or use `--force`"));
            }
            if row.pending.is_some() && gone.contains(&row.key.urn) {
                let unfinished = StateError::Unfinished(row.key.urn.clone());
                let help = format!("{}; `--force` forgets it, and whatever was made stays behind", unfinished.hint());
                return Err(Failure::new(Exit::Configuration, unfinished.to_string(), help));
            }
            let needed = row.needs.iter().chain(&row.parent).find(|urn| gone.contains(urn));
            if let Some(needed) = needed.filter(|_| !gone.contains(&row.key.urn)) {
                let message = format!("{} depends on {}", resource(&row.key.urn), resource(needed));
                return Err(Failure::new(Exit::Configuration, message, "forget that one, too, or use `--force`"));
            }
        }
    }
    state.rows.retain(|key, _| !gone.contains(&key.urn));
    for row in state.rows.values_mut().map(Arc::make_mut) {
        unname(row, |urn| gone.contains(urn));
    }
    Ok(gone)
}

/// The URN of a resource by another name. What it is part of is told by the program, or stays as it is.
fn renamed(old: &Urn, given: &str, declarations: &[Declaration]) -> Result<Urn> {
    let urn = Urn::parse(given);
    let name = urn.as_ref().map_or(given, Urn::name);
    if let Some(problem) = unfit_name(name) {
        return Err(Failure::Program(vec![problem]));
    }
    if let Some(urn) = urn {
        if (urn.stack(), urn.project(), urn.ty()) == (old.stack(), old.project(), old.ty()) {
            return Ok(urn);
        }
        let message = format!("{} cannot become {urn}", resource(old));
        return Err(Failure::new(Exit::Configuration, message, "stack, project and type stay what they are"));
    }
    if let Some(declared) = declared(declarations, old.ty(), name) {
        return Ok(declared.urn.clone());
    }
    if split_name(name).0 != split_name(old.name()).0 {
        let otherwise = "declare it first, or give its URN, which names the components that it is part of";
        return Err(Failure::Program(vec![undeclared(declarations, old.ty(), name, otherwise)]));
    }
    let head = old.as_str().strip_suffix(old.name()).unwrap_or_default();
    Ok(Urn::from(format!("{head}{name}")))
}

/// What is meant and what it becomes: a resource, or all parts of a component or of an `each`.
fn moves(state: &State, given: &str, name: &str, declarations: &[Declaration]) -> Result<Vec<(Urn, Urn)>> {
    let unknown = match find(state, given) {
        Ok(old) => return renamed(&old, name, declarations).map(|new| vec![(old, new)]),
        Err(unknown) => unknown,
    };
    let part =
        |urn: &Urn| urn.name().strip_prefix(given).filter(|rest| rest.starts_with(['/', '['])).map(str::to_owned);
    let parts = state.rows.keys().filter(|_| !given.is_empty()).filter_map(|key| Some((&key.urn, part(&key.urn)?)));
    let parts = parts.map(|(old, rest)| Ok((old.clone(), renamed(old, &format!("{name}{rest}"), declarations)?)));
    let parts = parts.collect::<Result<Vec<_>>>()?;
    if parts.is_empty() { Err(unknown) } else { Ok(parts) }
}

/// Gives a resource, or the parts of a component or of an `each`, other names wherever they are referred to. Tells
/// what is new.
fn rename(state: &mut State, given: &str, name: &str, declarations: &[Declaration]) -> Result<Vec<Urn>> {
    let moves = moves(state, given, name, declarations)?;
    let moved: HashMap<&Urn, &Urn> = moves.iter().map(|(old, new)| (old, new)).collect();
    let stays = |urn: &&Urn| !moved.contains_key(urn);
    for (old, new) in &moves {
        // What a lost call made is found by the name that it was made under.
        if state.rows.values().any(|row| row.pending.is_some() && row.key.urn == *old) {
            return Err(failed(StateError::Unfinished(old.clone())));
        }
        if new == old {
            let message = format!("{} has that name already", resource(new));
            return Err(Failure::new(Exit::Configuration, message, "give another name"));
        }
        if state.rows.keys().map(|key| &key.urn).filter(stays).any(|urn| urn == new) {
            let message = format!("the state has {} already", resource(new));
            return Err(Failure::new(Exit::Configuration, message, "choose another name"));
        }
    }
    *state = with_urns(state.clone(), |urn| moved.get(&urn).map_or_else(|| urn.clone(), |new| (*new).clone()));
    let mut new: Vec<Urn> = moves.into_iter().map(|(_, new)| new).collect();
    new.sort();
    new.dedup();
    Ok(new)
}

/// Everything that is wrong with a state, in itself and in what it names.
pub(super) fn lint_all(state: &State) -> Vec<Finding> {
    // In which order rows stand in memory means nothing: they are sorted when they are written.
    let mut state = state.clone();
    graph::sort(&mut state.rows);
    lint(&state).into_iter().chain(lint_names(&state, world())).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::engine::state::{Key, Pending, Precedes};
    use crate::engine::urn::{Id, Place};
    use crate::engine::value::{Map, Value};

    fn row(name: &str, needs: &[&str]) -> Row {
        let urn = |name: &str| Urn::new("s", "p", "aws:ec2/vpc:Vpc", name);
        let key = Key { urn: urn(name), generation: 0 };
        let needs: Vec<Urn> = needs.iter().map(|n| urn(n)).collect();
        Row {
            id: Some(Id(format!("vpc-{name}"))),
            refers: [("vpcId".to_owned(), needs.clone())].into(),
            needs,
            inputs: Value::Map(Map::from_iter([("password".to_owned(), Value::from("hunter2").secret())])),
            ..Row::new(key, "aws:ec2/vpc:Vpc", Place("eu-west-1".into()))
        }
    }

    fn state() -> State {
        let mut state = State::new("l", "s", "p", "twin");
        let protected = Row { protect: true, ..row("c", &["b"]) };
        state.rows = [row("a", &[]), row("b", &["a"]), protected].map(|r| (r.key.clone(), Arc::new(r))).into();
        state
    }

    #[test]
    fn a_list_has_a_line_a_resource_and_no_secret() {
        insta::assert_snapshot!(list(&state(), false), @r"
        REGION     TYPE     NAME  ID     NOTES
        eu-west-1  ec2:Vpc  a     vpc-a  -
        eu-west-1  ec2:Vpc  b     vpc-b  -
        eu-west-1  ec2:Vpc  c     vpc-c  protected
        ");
        assert!(!list(&state(), true).contains("hunter2"));
    }

    #[test]
    fn what_others_depend_on_is_forgotten_only_by_force() {
        assert!(forget(&mut state(), &["a".into()], false).is_err());
        assert!(forget(&mut state(), &["c".into()], false).is_err());
        let mut state = state();
        forget(&mut state, &["a".into()], true).unwrap();
        assert_eq!(lint(&state), []);
        assert_eq!(state.rows.len(), 2);
    }

    #[test]
    fn what_has_no_row_is_forgotten_only_by_force() {
        let mut state = state();
        state.rows.shift_remove_index(0);
        let gone = row("a", &[]).key.urn;
        assert!(forget(&mut state, &[gone.as_str().to_owned()], false).is_err());
        assert!(forget(&mut state, &["urn:pulumi:s::p::aws:ec2/vpc:Vpc::z".into()], true).is_err());
        assert_eq!(forget(&mut state, &[gone.as_str().to_owned()], true).unwrap(), [gone]);
        assert_eq!((lint(&state), state.rows.len()), (vec![], 2));
    }

    #[test]
    fn a_taint_that_is_taken_back_says_what_becomes_of_the_resource() {
        let (mut tainted, mut plain) = (Row { tainted: true, ..row("a", &[]) }, row("b", &[]));
        assert_eq!((untaint(&mut tainted), tainted.tainted), ("kept", false));
        assert_eq!(untaint(&mut plain), "not tainted");
        let pending = Some(Pending { op: Begun::Delete, attempt: "1".into(), inputs: Value::Null });
        let mut leaving = Row { tainted: true, pending, ..row("c", &[]) };
        assert_eq!(untaint(&mut leaving), "being deleted, with or without a taint");
        let (usually, row) = (Timestamp::UNIX_EPOCH, row("d", &[]));
        assert!(untaint(&mut Row { delete_after: Some(usually), ..row }).starts_with("being deleted"));
    }

    #[test]
    fn what_is_being_made_is_forgotten_only_by_force_and_keeps_its_name() {
        let mut state = state();
        let pending = Pending { op: Begun::Create, attempt: "1".into(), inputs: Value::Null };
        Arc::make_mut(&mut state.rows[1]).pending = Some(pending);
        let Err(Failure::Error(_, error)) = forget(&mut state, &["b".into(), "c".into()], false) else { panic!() };
        assert!(error.message.ends_with("has begun and not ended"), "{}", error.message);
        assert!(rename(&mut state, "b", "z", &[]).is_err());
        assert_eq!(state.rows.len(), 3);
        forget(&mut state, &["b".into()], true).unwrap();
        assert_eq!(state.rows.len(), 2);
    }

    #[test]
    fn a_new_name_reaches_everything_that_refers_to_the_resource() {
        let mut state = state();
        let (usually, until) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        let urn = state.rows[0].key.urn.clone();
        Arc::make_mut(&mut state.rows[2]).precedes.push(Precedes { urn, usually, until });
        rename(&mut state, "a", "z", &[]).unwrap();
        assert_eq!(lint(&state), []);
        assert_eq!(state.rows[2].precedes[0].urn.name(), "z");
        assert_eq!(state.rows[1].needs[0].name(), "z");
        assert_eq!(state.rows[1].refers["vpcId"][0].name(), "z");
        assert!(rename(&mut state, "z", "b", &[]).is_err());
        for name in ["", "a::b"] {
            let Err(Failure::Program(problems)) = rename(&mut state, "z", name, &[]) else { panic!() };
            assert_eq!(problems[0].code, "resource-name");
        }
        let Err(Failure::Error(_, error)) = rename(&mut state, "z", "z", &[]) else { panic!() };
        assert_eq!(error.message, "ec2:Vpc z has that name already");
    }
}
