//! `drctl import`: takes resources that exist into the state, and writes the YAML that declares them.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::{ArgAction, Args};
use serde_json::{Map as JsonMap, Value as Json, json};

use crate::cli::Global;
use crate::cli::confirm::{Answers, declined};
use crate::cli::edit::edit;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, failed, io};
use crate::cli::interrupt::Interrupts;
use crate::cli::program::catalog;
use crate::cli::project::directory;
use crate::cli::runtime::runtime;
use crate::cli::site::Site;
use crate::cli::target::Target;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::error::Kind;
use crate::engine::journal::{Entry, apply};
use crate::engine::path::{Path, Segment};
use crate::engine::placeholder::PLACEHOLDER;
use crate::engine::planner::identified;
use crate::engine::provider::{Catalog, Identity, KindAt, Live, Provider};
use crate::engine::resource::{Scope, Seen, Want};
use crate::engine::schema::{Group, Object, Property, Shape, TypeSchema};
use crate::engine::state::{Key, Row, State};
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Shown, Value};
use crate::render;
use crate::render::words::count;
use crate::stack::{self, Wish, Word};
use crate::state::check_sound;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Type: `aws:ec2:Vpc`
    #[arg(value_name = "TYPE", requires = "name")]
    ty: Option<String>,

    /// Logical name that the resource gets
    #[arg(requires = "id")]
    name: Option<String>,

    /// Id that AWS gave it; `drctl explain TYPE` tells its form
    id: Option<String>,

    /// File with a list of resources, each with `type`, `name`, `id` and perhaps `region`
    #[arg(long, value_name = "FILE", conflicts_with = "ty")]
    from: Option<PathBuf>,

    /// Protect what is imported, so that a declaration that is forgotten deletes nothing
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    protect: bool,
}

/// A wish with all that is known of it before the cloud is asked.
struct Wanted<'a> {
    schema: &'a TypeSchema,
    urn: Urn,
    place: Place,
    id: Id,
    wish: &'a Wish,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let answers = Answers::here(global.yes);
    answers.refuse_nobody("import")?;
    let (wishes, problems) = wishes(arguments, global)?;
    let site = Site::with_program(global)?;
    let catalog = catalog();
    let unsound = problems.into_iter().map(Err);
    let wanted = every(wishes.iter().map(|wish| wanted(wish, &site, catalog)).chain(unsound))?;
    let (found, identity) = runtime(site.target == Target::Twin)?.block_on(async {
        let mut interrupts = Interrupts::listen();
        let look = async {
            let state = if site.exists().await? { site.state().await?.0 } else { site.fresh()? };
            site.check_project(&state)?;
            check_sound(&state).map_err(failed)?;
            site.check_environment(&state)?;
            let provider = site.cloud()?.provider();
            let identity = identified(provider.identity().await, &state).map_err(Failure::Program)?;
            let mut rows = Vec::with_capacity(wanted.len());
            for one in &wanted {
                rows.push(read(one, &*provider).await?);
            }
            let rows = every(rows)?;
            check_free(&state, &wanted, &rows)?;
            Ok::<_, Failure>((rows, identity))
        };
        interrupts.or(look).await.unwrap_or_else(|| Err(Failure::Shown(declined())))
    })?;
    let question = format!("Take {} into the state of `{}`?", count(found.len(), "resource"), site.stack);
    if !runtime(false)?.block_on(answers.agree(&question))? {
        return Ok(declined());
    }
    runtime(site.target == Target::Twin)?.block_on(begin(&site))?;
    let declared = edit(&site, "import", |state| {
        identity.check(state).map_err(|problem| Failure::Program(vec![problem]))?;
        let environment = site.environment(state);
        let Identity { account, partition, .. } = identity.clone();
        apply(state, Entry::Run { account, partition, environment })?;
        take(state, &wanted, &found, arguments.protect)
    })?;
    let (mut resources, mut missing) = (JsonMap::new(), Vec::new());
    for (one, declared) in wanted.iter().zip(declared) {
        resources.insert(one.urn.name().to_owned(), placed(declared.declaration, one, &site));
        missing.push((one.urn.name(), declared.missing));
    }
    let mut document = JsonMap::new();
    document.insert("resources".into(), Json::Object(resources));
    let yaml = serde_yaml::to_string(&document).unwrap_or_default();
    render::data(explained(&yaml));
    render::say("Add this to the stack file; `drctl preview` shows no change then.\n");
    for (name, inputs) in missing {
        for input in inputs {
            render::warn(format_args!("`{input}` of {name} cannot be read back: add it by hand"));
        }
    }
    Ok(Exit::Ok)
}

fn wishes(arguments: &Arguments, global: &Global) -> Result<(Vec<Wish>, Vec<Diagnostic>)> {
    if let Some(path) = &arguments.from {
        let file = directory(global)?.join(path);
        let text = std::fs::read_to_string(&file).map_err(io("read", path))?;
        return Ok(stack::wishes(&path.display().to_string(), text));
    }
    let (Some(ty), Some(name), Some(id)) = (&arguments.ty, &arguments.name, &arguments.id) else {
        return Err(Failure::new(
            Exit::Configuration,
            "a type, a name and an id are needed, or a file that lists them",
            "`drctl import TYPE NAME ID` for one resource, `drctl import --from FILE` for many",
        ));
    };
    let region = global.selection.regions.first().map(Word::from);
    Ok((vec![Wish { ty: ty.into(), name: name.into(), id: id.into(), region }], Vec::new()))
}

/// All of them, or all that is wrong.
fn every<T>(all: impl IntoIterator<Item = std::result::Result<T, Diagnostic>>) -> Result<Vec<T>> {
    let (mut good, mut problems) = (Vec::new(), Vec::new());
    for one in all {
        match one {
            Ok(one) => good.push(one),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(good) } else { Err(Failure::Program(problems)) }
}

fn wanted<'a>(wish: &'a Wish, site: &Site, catalog: &'a Catalog) -> std::result::Result<Wanted<'a>, Diagnostic> {
    let Some(schema) = catalog.find(&wish.ty.text) else {
        return Err(wish.ty.blame(stack::unknown_type(&wish.ty.text, catalog)));
    };
    let roles = site.loaded.as_ref().map(|l| &l.regions);
    let place = match (schema.facts.scope, &wish.region) {
        (Scope::Global, _) => Place::global(),
        (Scope::Region, Some(given)) => {
            let region = roles.and_then(|roles| roles.get(&given.text)).unwrap_or(&given.text);
            if !stack::is_region(region) {
                let roles: Vec<&str> = roles.into_iter().flatten().map(|(role, _)| role.as_str()).collect();
                return Err(given.blame(stack::unknown_region(&given.text, &roles)));
            }
            Place(region.clone())
        }
        (Scope::Region, None) => match roles.and_then(|roles| roles.values().next()) {
            Some(region) => Place(region.clone()),
            None => {
                let text = format!("the region of `{}` is not known", wish.name.text);
                let problem = Diagnostic::error("no-region", text).help("name it with `region`, or `--region`");
                return Err(wish.name.blame(problem));
            }
        },
    };
    let urn = Urn::new(&site.stack, &site.project, schema.token, &wish.name.text);
    Ok(Wanted { schema, urn, place, id: Id(wish.id.text.clone()), wish })
}

/// Makes the state if this is the first that it gets.
async fn begin(site: &Site) -> Result<()> {
    if site.exists().await? {
        return Ok(());
    }
    let keys = site.keys().await?;
    site.lock("import").await?.import(&keys, &site.fresh()?).await.map_err(failed)
}

/// What the cloud shows of one, or why it cannot be taken.
///
/// # Errors
/// What keeps all of them from being read.
async fn read(one: &Wanted<'_>, provider: &dyn Provider) -> Result<std::result::Result<Row, Diagnostic>> {
    let Wanted { schema, urn, place, id, wish } = one;
    let kind = KindAt { ty: schema.token.to_owned(), place: place.clone() };
    let seen = match provider.read(&kind, std::slice::from_ref(id), &Want::All).await {
        Ok(seen) => seen.into_iter().next(),
        Err(error) if matches!(error.kind, Kind::Invalid | Kind::Unsupported) => {
            let code = if error.kind == Kind::Unsupported { "unreadable" } else { "import" };
            let problem = Diagnostic { help: error.hint, ..Diagnostic::error(code, error.message) };
            return Ok(Err(wish.id.blame(problem)));
        }
        Err(error) => return Err(error.into()),
    };
    let message = match seen {
        Some(Seen::Ready(Live { inputs, outputs })) => {
            let key = Key { urn: urn.clone(), generation: 0 };
            let row = Row::new(key, schema.token, place.clone());
            return Ok(Ok(Row { id: Some(id.clone()), seen: inputs.clone(), inputs, outputs, ..row }));
        }
        Some(Seen::Pending(word)) => format!("{} {id} is {word}", schema.short_name()),
        Some(Seen::Failed(why)) => format!("{} {id} is broken: {why}", schema.short_name()),
        Some(Seen::Gone) | None => format!("there is no {} {id} in {place}", schema.short_name()),
    };
    let help = match schema.facts.import {
        "" => "`region` or `--region` names another region".to_owned(),
        form => format!("import by the {form}; `region` or `--region` names another region"),
    };
    Ok(Err(wish.id.blame(Diagnostic::error("unreadable", message).help(help))))
}

/// Refuses what the state has already, and what is imported twice.
fn check_free(state: &State, wanted: &[Wanted<'_>], rows: &[Row]) -> Result<()> {
    let mut known = Known::default();
    state.rows.values().for_each(|row| known.note(row));
    let taken = rows.iter().zip(wanted).filter_map(|(row, one)| {
        let taken = known.same_as(row);
        known.note(row);
        let taken = taken?;
        let text = format!("the state has {} already, as {}", taken.key.urn.name(), taken.key.urn);
        let problem = Diagnostic::error("imported", text).help("choose another name, or leave it out");
        Some(if taken.key.urn == row.key.urn { one.wish.name.blame(problem) } else { one.wish.id.blame(problem) })
    });
    every(taken.map(Err::<(), _>)).map(drop)
}

/// Rows by what tells them apart: their name in the program, and what they are in the cloud.
#[derive(Default)]
struct Known<'a> {
    by_urn: HashMap<&'a Urn, &'a Row>,
    by_id: HashMap<(&'a Option<Id>, &'a str, &'a Place), &'a Row>,
}

impl<'a> Known<'a> {
    fn note(&mut self, row: &'a Row) {
        self.by_urn.entry(&row.key.urn).or_insert(row);
        self.by_id.entry((&row.id, &row.ty, &row.place)).or_insert(row);
    }

    /// Another row of the same name, or else of the same thing.
    fn same_as(&self, row: &Row) -> Option<&'a Row> {
        let same = self.by_id.get(&(&row.id, row.ty.as_str(), &row.place));
        self.by_urn.get(&row.key.urn).or(same).copied()
    }
}

/// What is printed of a resource.
struct Declared {
    declaration: JsonMap<String, Json>,
    /// Inputs that it lacks.
    missing: Vec<String>,
}

/// Puts rows into the state, and gives the declaration of each.
fn take(state: &mut State, wanted: &[Wanted<'_>], found: &[Row], protect: bool) -> Result<Vec<Declared>> {
    check_free(state, wanted, found)?;
    for row in found {
        state.rows.insert(row.key.clone(), Arc::new(Row { protect, ..row.clone() }));
    }
    let names = Names::of(state);
    let mut declarations = Vec::with_capacity(found.len());
    for (one, row) in wanted.iter().zip(found) {
        let mut declaration = JsonMap::new();
        declaration.insert("type".into(), one.schema.token.into());
        let Written { properties, refers, kept_back, missing } = written(&one.schema.inputs, &row.inputs, &names);
        declaration.insert("properties".into(), Json::Object(properties));
        let mut options = JsonMap::new();
        if protect {
            options.insert("protect".into(), true.into());
        }
        if !kept_back.is_empty() {
            let paths = kept_back.iter().map(|path| Json::from(path.to_string()));
            options.insert(IGNORE.into(), paths.collect());
        }
        if !options.is_empty() {
            declaration.insert("options".into(), Json::Object(options));
        }
        declarations.push(Declared { declaration, missing });
        if let Some(row) = state.rows.get_mut(&row.key) {
            let row = Arc::make_mut(row);
            row.needs = refers.values().flatten().filter(|urn| **urn != one.urn).cloned().collect();
            row.needs.sort();
            row.needs.dedup();
            row.refers = refers;
        }
    }
    Ok(declarations)
}

/// The declaration with its region, if that is not the first.
fn placed(mut declaration: JsonMap<String, Json>, one: &Wanted<'_>, site: &Site) -> Json {
    let first = site.loaded.as_ref().and_then(|l| l.regions.values().next());
    if !one.place.is_global() && first.is_none_or(|first| *first != one.place.0) {
        declaration.insert("region".into(), site.regions.role(&one.place).unwrap_or(&one.place.0).into());
    }
    Json::Object(declaration)
}

/// What the texts of resources stand for, by type, property and value.
#[derive(Default)]
struct Names(HashMap<(String, String, String), Urn>);

impl Names {
    fn of(state: &State) -> Self {
        let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        let mut names = HashMap::new();
        for row in state.rows.values().filter(|row| !row.old && plain(row.key.urn.name())) {
            let mut note = |property: &str, value: &str| {
                names.insert((row.ty.clone(), property.to_owned(), value.to_owned()), row.key.urn.clone());
            };
            for (name, value) in [&row.inputs, &row.outputs].into_iter().filter_map(|part| part.as_map()).flatten() {
                if let Value::String(text) = value {
                    note(name, text);
                }
            }
            if let Some(id) = &row.id {
                note("id", &id.0);
            }
        }
        Self(names)
    }

    fn find<'p>(&self, property: &'p Property, value: &str) -> Option<(&Urn, &'p str)> {
        let (ty, name) = property.refers.as_ref()?;
        Some((self.0.get(&(ty.clone(), name.clone(), value.to_owned()))?, name))
    }
}

type Refers = BTreeMap<String, Vec<Urn>>;

/// The option that lets the state win over the program.
const IGNORE: &str = "ignoreChanges";

/// The inputs of a declaration.
#[derive(Default)]
struct Written {
    properties: JsonMap<String, Json>,
    refers: Refers,
    /// Parts in whose place something else stands, which the state must keep.
    kept_back: Vec<Path>,
    /// What is to be added by hand.
    missing: Vec<String>,
}

/// Inputs as a person would write them: without defaults and without what the cloud chose beside
/// something that excludes it, and with references in the place of ids. A placeholder stands for secrets,
/// for the content of files, and for what must be given and no cloud shows.
fn written(schema: &Object, inputs: &Value, names: &Names) -> Written {
    let mut written = Written::default();
    let left_out = chosen_twice(schema, inputs);
    let digests = digests(inputs);
    for property in schema.properties.iter().filter(|p| !left_out.contains(&p.name.as_str())) {
        let Some(value) = inputs.get(&property.name).filter(|v| !v.is_null()) else { continue };
        // With other content the old hash would be wrong.
        if value.as_str().is_some_and(|text| digests.iter().any(|digest| digest == text)) {
            continue;
        }
        let mut hidden = Vec::new();
        let json = open(Some(&property.shape), value, Path::default().key(&property.name), &mut hidden);
        let empty = match &json {
            Json::Array(items) => items.is_empty(),
            Json::Object(map) => map.is_empty(),
            _ => false,
        };
        let default = property.default.as_ref() == Some(&json);
        if !(default || empty && !property.required) {
            let mut named = Vec::new();
            written.properties.insert(property.name.clone(), referring(property, json, names, &mut named));
            if !named.is_empty() {
                written.refers.insert(property.name.clone(), named);
            }
            written.kept_back.append(&mut hidden);
        }
        unseen_parts(&property.shape, value, &Path::default().key(&property.name), &mut written.missing);
    }
    for lack in lacks(schema, inputs) {
        match lack {
            Ok(property) => {
                written.properties.insert(property.name.clone(), placeholder(&property.shape));
                written.kept_back.push(Path::default().key(&property.name));
            }
            Err(names) => written.missing.push(names.join(" or ")),
        }
    }
    written
}

/// The hashes of files among the inputs, in the form in which AWS shows them.
fn digests(inputs: &Value) -> Vec<String> {
    let values = inputs.as_map().into_iter().flatten().map(|(_, value)| value);
    let hash = |value: &Value| match value {
        Value::Asset(asset) => hex::decode(&asset.sha256).ok(),
        _ => None,
    };
    values.filter_map(hash).map(|bytes| BASE64.encode(bytes)).collect()
}

/// A value with placeholders for what must not be written down. The paths of these are added to `hidden`.
fn open(shape: Option<&Shape>, value: &Value, path: Path, hidden: &mut Vec<Path>) -> Json {
    match value {
        Value::Secret(_) | Value::Asset(_) => {
            hidden.push(path);
            shape.map_or_else(|| PLACEHOLDER.into(), placeholder)
        }
        Value::List(items) => {
            let mut inside = Vec::new();
            let item = |(n, value)| open(part(shape, ""), value, path.child(Segment::Index(n)), &mut inside);
            let json = items.iter().enumerate().map(item).collect();
            // Where order means nothing, the number of an item says nothing about which it is.
            match shape {
                Some(Shape::List { unordered: true, .. }) if !inside.is_empty() => hidden.push(path),
                _ => hidden.append(&mut inside),
            }
            json
        }
        Value::Map(map) => {
            let entry =
                |(key, value): (&String, &Value)| (key.clone(), open(part(shape, key), value, path.key(key), hidden));
            map.iter().map(entry).collect()
        }
        other => Shown::of(other).json().clone(),
    }
}

/// The shape of an item or of an entry.
fn part<'s>(shape: Option<&'s Shape>, key: &str) -> Option<&'s Shape> {
    match shape? {
        Shape::List { item, .. } | Shape::Map(item) => Some(&item.shape),
        Shape::Object(object) => object.get(key).map(|property| &property.shape),
        _ => None,
    }
}

/// Something that has a shape and says nothing of a value, neither how long it is nor which keys it has.
fn placeholder(shape: &Shape) -> Json {
    match shape {
        Shape::Asset => json!({"fn::assetArchive": {"README": {"fn::stringAsset": PLACEHOLDER}}}),
        Shape::List { item, .. } => json!([placeholder(&item.shape)]),
        Shape::Map(item) => json!({ PLACEHOLDER: placeholder(&item.shape) }),
        Shape::Object(object) => {
            let needed = object.properties.iter().filter(|p| p.required && p.default.is_none());
            needed.map(|p| (p.name.clone(), placeholder(&p.shape))).collect()
        }
        Shape::Document => json!({ PLACEHOLDER: PLACEHOLDER }),
        // No number and no boolean tells that it is none; left out, it is kept all the same.
        Shape::Bool | Shape::Integer | Shape::Number => Json::Null,
        Shape::Text | Shape::Any => PLACEHOLDER.into(),
    }
}

/// What a program must give and no cloud has shown: properties, and groups of which one must be there.
/// Of a group it is the one that no cloud shows, if there is such.
fn lacks<'a>(schema: &'a Object, inputs: &Value) -> Vec<std::result::Result<&'a Property, &'a [String]>> {
    let has = |name: &str| inputs.get(name).is_some_and(|value| !value.is_null());
    let needed = schema.properties.iter().filter(|p| p.write_only && p.required && !has(&p.name));
    let groups = schema.groups.iter().filter_map(|group| match group {
        Group::ExactlyOne(names) | Group::AtLeastOne(names) if !names.iter().any(|name| has(name)) => {
            let mut unseen = names.iter().filter_map(|name| schema.get(name)).filter(|p| p.write_only);
            Some(unseen.next().ok_or(names.as_slice()))
        }
        _ => None,
    });
    needed.map(Ok).chain(groups).collect()
}

/// Parts of a value that a program must give and no cloud shows: only the whole could be kept.
fn unseen_parts(shape: &Shape, value: &Value, path: &Path, found: &mut Vec<String>) {
    match (shape, value) {
        (Shape::List { item, .. }, Value::List(items)) => {
            for (n, value) in items.iter().enumerate() {
                unseen_parts(&item.shape, value, &path.child(Segment::Index(n)), found);
            }
        }
        (Shape::Map(item), Value::Map(map)) => {
            map.iter().for_each(|(key, value)| unseen_parts(&item.shape, value, &path.key(key), found));
        }
        (Shape::Object(object), Value::Map(map)) => {
            for lack in lacks(object, value) {
                found.push(match lack {
                    Ok(property) => path.key(&property.name).to_string(),
                    Err(names) => format!("{path}.{}", names.join(" or ")),
                });
            }
            for property in &object.properties {
                if let Some(value) = map.get(&property.name) {
                    unseen_parts(&property.shape, value, &path.key(&property.name), found);
                }
            }
        }
        _ => {}
    }
}

/// The text with a reason before each list of what is ignored.
fn explained(yaml: &str) -> String {
    let list = format!("      {IGNORE}:");
    let reason = "      # Secrets, code and what AWS never shows are not written down: a placeholder stands above for each,\n      \
                  # and AWS keeps what it has. Before one is changed or made anew, write its value and take it out\n      \
                  # of this list.\n";
    let lines = yaml.lines().map(|line| format!("{}{line}\n", if line == list { reason } else { "" }));
    lines.collect()
}

/// Inputs that the cloud shows, though a program may not give them beside others that it shows too.
fn chosen_twice<'a>(schema: &'a Object, inputs: &Value) -> Vec<&'a str> {
    let given = |name: &str| inputs.get(name).is_some_and(|value| !value.is_null());
    let computed = |name: &&str| schema.get(name).is_some_and(|p| p.computed);
    let mut left_out: Vec<&str> = Vec::new();
    for group in &schema.groups {
        match group {
            Group::Exclusive(names) | Group::ExactlyOne(names) => {
                let present: Vec<&str> = names.iter().map(String::as_str).filter(|name| given(name)).collect();
                let others = present.len().saturating_sub(1);
                left_out.extend(present.iter().rev().filter(|name| computed(name)).take(others));
            }
            Group::Needs(names) => {
                let lacks = names.iter().skip(1).any(|name| !given(name));
                left_out.extend(names.first().map(String::as_str).filter(|name| lacks && computed(name)));
            }
            Group::AtLeastOne(_) => {}
        }
    }
    left_out
}

fn referring(property: &Property, json: Json, names: &Names, named: &mut Vec<Urn>) -> Json {
    match (json, &property.shape) {
        (Json::Array(items), Shape::List { item, .. }) => {
            let item = Property { refers: item.refers.clone().or_else(|| property.refers.clone()), ..(**item).clone() };
            items.into_iter().map(|json| referring(&item, json, names, named)).collect()
        }
        (Json::Object(map), Shape::Map(item)) => {
            map.into_iter().map(|(key, json)| (key, referring(item, json, names, named))).collect()
        }
        (Json::Object(map), Shape::Object(inner)) => {
            let part = |(key, json): (String, Json)| match inner.get(&key) {
                Some(property) => (key, referring(property, json, names, named)),
                None => (key, json),
            };
            map.into_iter().filter(|(_, json)| !json.is_null()).map(part).collect()
        }
        (Json::String(text), _) => match names.find(property, &text) {
            Some((urn, name)) => {
                named.push(urn.clone());
                format!("${{{}.{name}}}", urn.name()).into()
            }
            // What looks like an expression is text here.
            None => text.replace("${", "$${").into(),
        },
        (other, _) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::catalog;
    use crate::engine::asset::{Asset, Source};
    use crate::engine::schema::object;
    use crate::engine::value::Map;

    #[test]
    fn what_is_imported_is_known_by_its_name_and_by_what_it_is_in_the_cloud() {
        let row = |name: &str, id: &str, region: &str| {
            let key = Key { urn: Urn::new("s", "p", "t:i:T", name), generation: 0 };
            Row { id: Some(Id(id.into())), ..Row::new(key, "t:i:T", Place(region.into())) }
        };
        let (first, second) = (row("a", "1", "eu-west-1"), row("b", "2", "eu-west-1"));
        let mut known = Known::default();
        known.note(&first);
        known.note(&second);
        let found = |row: &Row| known.same_as(row).map(|same| same.key.urn.name().to_owned());
        assert_eq!(found(&row("c", "1", "eu-west-1")).as_deref(), Some("a"), "the same thing");
        assert_eq!(found(&row("b", "9", "eu-west-3")).as_deref(), Some("b"), "the same name");
        assert_eq!(found(&row("b", "1", "eu-west-1")).as_deref(), Some("b"), "the name is told first");
        assert_eq!(found(&row("c", "1", "eu-west-3")), None, "another region");
    }

    #[test]
    fn inputs_are_written_without_defaults_and_with_references() {
        let catalog = catalog();
        let schema = catalog.find("aws:rds:Cluster").unwrap();
        let inputs = Value::Map(Map::from_iter([
            ("clusterIdentifier".to_owned(), Value::from("a-${b}")),
            ("vpcSecurityGroupIds".to_owned(), Value::List(vec!["sg-1".into(), "sg-2".into()])),
        ]));
        let group = Urn::new("s", "p", "aws:ec2/securityGroup:SecurityGroup", "group");
        let names = Names(HashMap::from([((group.ty().to_owned(), "id".into(), "sg-1".into()), group.clone())]));
        let Written { properties, refers, .. } = written(&schema.inputs, &inputs, &names);
        assert_eq!(
            Json::Object(properties),
            json!({
                "clusterIdentifier": "a-$${b}", "vpcSecurityGroupIds": ["${group.id}", "sg-2"],
                "masterPassword": PLACEHOLDER,
            }),
            "what must be given and is never shown has a placeholder"
        );
        assert_eq!(refers, Refers::from([("vpcSecurityGroupIds".to_owned(), vec![group])]));
        let secret = Value::Map(Map::from_iter([
            ("masterPassword".to_owned(), Value::from("hunter2").secret()),
            ("clusterIdentifier".to_owned(), Value::from("a")),
        ]));
        let Written { properties, kept_back, .. } = written(&schema.inputs, &secret, &names);
        assert_eq!(Json::Object(properties), json!({"clusterIdentifier": "a", "masterPassword": PLACEHOLDER}));
        assert_eq!(texts(&kept_back), ["masterPassword"]);
        let vpc = catalog.find("aws:ec2:Vpc").unwrap();
        let inputs = Value::Map(Map::from_iter([
            ("cidrBlock".to_owned(), Value::from("10.0.0.0/16")),
            ("enableDnsSupport".to_owned(), Value::from(true)),
            ("tags".to_owned(), Value::Map(Map::default())),
        ]));
        let Written { properties, .. } = written(&vpc.inputs, &inputs, &Names::default());
        assert_eq!(Json::Object(properties), json!({"cidrBlock": "10.0.0.0/16"}));
    }

    #[test]
    fn what_the_cloud_chose_is_not_written_beside_what_excludes_it() {
        let subnet = crate::aws::catalog().find("aws:ec2:Subnet").unwrap();
        let text = |name: &str, value: &str| (name.to_owned(), Value::from(value));
        let inputs = Value::Map(Map::from_iter([
            text("vpcId", "vpc-1"),
            text("cidrBlock", "10.0.0.0/24"),
            text("availabilityZone", "eu-west-1a"),
            text("availabilityZoneId", "euw1-az1"),
        ]));
        let Written { properties, .. } = written(&subnet.inputs, &inputs, &Names::default());
        assert!(properties.contains_key("availabilityZone") && !properties.contains_key("availabilityZoneId"));
    }

    #[test]
    fn code_and_hidden_parts_have_a_placeholder_that_says_nothing_about_them() {
        let function = crate::aws::catalog().find("aws:lambda:Function").unwrap();
        let code = Asset { source: Source::Text("x = 1".into()), sha256: "07".repeat(32) };
        let hash = Value::from(BASE64.encode([7u8; 32]));
        let variables = Value::Map(Map::from_iter([
            ("LEVEL".to_owned(), Value::from("info")),
            ("TOKEN".to_owned(), Value::from("hunter2").secret()),
        ]));
        let inputs = Value::Map(Map::from_iter([
            ("code".to_owned(), Value::Asset(Box::new(code))),
            ("codeSha256".to_owned(), hash.clone()),
            ("environment".to_owned(), Value::Map(Map::from_iter([("variables".to_owned(), variables)]))),
            ("name".to_owned(), Value::from("f")),
            ("sourceCodeHash".to_owned(), hash),
        ]));
        let Written { properties, kept_back, .. } = written(&function.inputs, &inputs, &Names::default());
        assert_eq!(
            Json::Object(properties),
            json!({
                "code": {"fn::assetArchive": {"README": {"fn::stringAsset": PLACEHOLDER}}},
                "environment": {"variables": {"LEVEL": "info", "TOKEN": PLACEHOLDER}},
                "name": "f",
            })
        );
        assert_eq!(texts(&kept_back), ["code", "environment.variables.TOKEN"]);
    }

    /// What is written for one value of a schema, and what the state keeps of it.
    fn of_one(shape: Json, value: Value) -> (Json, Vec<String>) {
        let schema = object(&json!({ "properties": { "it": shape } }));
        let inputs = Value::Map(Map::from_iter([("it".to_owned(), value)]));
        let Written { mut properties, kept_back, .. } = written(&schema, &inputs, &Names::default());
        (properties.remove("it").unwrap_or_default(), texts(&kept_back))
    }

    #[test]
    fn only_the_hidden_leaves_are_kept_back_and_their_keys_are_quoted() {
        let map = |key: &str| {
            let hidden = (key.to_owned(), Value::from("hunter2").secret());
            Value::Map(Map::from_iter([("plain".to_owned(), Value::from("x")), hidden]))
        };
        let maps = json!({ "type": "object", "additionalProperties": { "type": "string" } });
        for (key, path) in [("TOKEN", "it.TOKEN"), ("a.b", r#"it["a.b"]"#), ("*", r#"it["*"]"#)] {
            let (json, kept_back) = of_one(maps.clone(), map(key));
            assert_eq!((json, kept_back), (json!({ "plain": "x", key: PLACEHOLDER }), vec![path.to_owned()]));
            assert_eq!(Path::parse(path).unwrap(), Path::default().key("it").key(key));
        }
        let list = || Value::List(vec![map("a"), map("b")]);
        let (_, kept_back) = of_one(json!({ "type": "array", "items": maps }), list());
        assert_eq!(kept_back, ["it[0].a", "it[1].b"]);
        let (_, kept_back) = of_one(json!({ "type": "array", "uniqueItems": true, "items": maps }), list());
        assert_eq!(kept_back, ["it"], "the order may be another one tomorrow");
    }

    #[test]
    fn a_placeholder_has_the_shape_of_the_property_whatever_the_value_looks_like() {
        let hidden = || Value::from_json(json!({ "$sha256": "07:07", "more": ["hunter2"] })).secret();
        let text = json!({ "type": "string" });
        for (shape, printed) in [
            (text.clone(), json!(PLACEHOLDER)),
            (json!({ "type": "array", "items": text }), json!([PLACEHOLDER])),
            (json!({ "type": "object", "additionalProperties": text }), json!({ PLACEHOLDER: PLACEHOLDER })),
            (
                json!({ "type": "object", "properties": { "a": text, "b": text }, "required": ["a"] }),
                json!({ "a": PLACEHOLDER }),
            ),
            (json!({ "x-json": true }), json!({ PLACEHOLDER: PLACEHOLDER })),
        ] {
            assert_eq!(of_one(shape, hidden()), (printed, vec!["it".to_owned()]));
        }
    }

    #[test]
    fn what_must_be_given_and_is_never_shown_has_a_placeholder_or_is_told() {
        let text = json!({ "type": "string" });
        let unseen = json!({ "type": "string", "writeOnly": true });
        let schema = object(&json!({
            "properties": {
                "key": unseen, "name": text, "source": text, "text": unseen, "bytes": unseen,
                "logins": { "type": "array", "items": { "properties": { "secret": unseen }, "type": "object", "required": ["secret"] } },
            },
            "required": ["key", "name"],
            "x-exactly-one": [["bytes", "text"], ["source"]],
        }));
        let inputs = json!({ "name": "a", "logins": [{}] }).into();
        let Written { properties, kept_back, missing, .. } = written(&schema, &inputs, &Names::default());
        assert_eq!(
            Json::Object(properties),
            json!({ "name": "a", "logins": [{}], "key": PLACEHOLDER, "bytes": PLACEHOLDER })
        );
        assert_eq!(texts(&kept_back), ["key", "bytes"]);
        assert_eq!(missing, ["logins[0].secret", "source"]);
    }

    fn texts(paths: &[Path]) -> Vec<String> {
        paths.iter().map(Path::to_string).collect()
    }

    #[test]
    fn what_the_state_has_already_is_not_imported_twice() {
        let mut state = State::new("l", "s", "p", "twin");
        let catalog = catalog();
        let schema = catalog.find("aws:ec2:Vpc").unwrap();
        let word = |text: &str| Word::from(&text.to_owned());
        let wish = Wish { ty: word("aws:ec2:Vpc"), name: word("a"), id: word("x"), region: None };
        let one = |name: &str| {
            let urn = Urn::new("s", "p", schema.token, name);
            let row = Row::new(Key { urn: urn.clone(), generation: 0 }, schema.token, Place::global());
            let wanted = Wanted { schema, urn, place: Place::global(), id: Id("x".into()), wish: &wish };
            (wanted, Row { id: Some(Id("x".into())), ..row })
        };
        let mut take = |(wanted, row)| super::take(&mut state, &[wanted], &[row], true).is_ok();
        assert!(take(one("a")));
        assert!(!take(one("a")), "the same name");
        assert!(!take(one("b")), "the same id");
        assert!(state.rows[0].protect);
    }
}
