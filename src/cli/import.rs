//! `drctl import`: takes resources that exist into the state, and writes the YAML that declares them.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args};
use serde::Deserialize;
use serde_json::{Map as JsonMap, Value as Json, json};

use crate::cli::Global;
use crate::cli::confirm::{Answers, declined};
use crate::cli::edit::edit;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, io};
use crate::cli::interrupt::Interrupts;
use crate::cli::session::{Site, Target, catalog, failed, runtime};
use crate::engine::journal::{Entry, apply};
use crate::engine::planner::identified;
use crate::engine::provider::{Catalog, Identity, KindAt, Live, Provider};
use crate::engine::resource::{Scope, Seen, Want};
use crate::engine::schema::{Group, Object, Property, Shape, TypeSchema};
use crate::engine::state::{Key, Row, State};
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Shown, Value};
use crate::render;
use crate::render::words::count;
use crate::stack;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Type: `aws:ec2:Vpc`
    #[arg(value_name = "TYPE", required_unless_present = "from", requires = "name")]
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

/// A resource to import.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(rename = "type")]
    ty: String,
    name: String,
    id: String,
    region: Option<String>,
}

/// A wish with all that is known of it before the cloud is asked.
struct Wanted<'a> {
    schema: &'a TypeSchema,
    urn: Urn,
    place: Place,
    id: Id,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let answers = Answers::here(global.yes);
    answers.refuse_nobody("import")?;
    let wishes = wishes(arguments, global.selection.regions.first())?;
    let site = Site::with_program(global)?;
    let catalog = catalog();
    let wanted = wishes.iter().map(|wish| wanted(wish, &site, catalog)).collect::<Result<Vec<_>>>()?;
    let (found, identity) = runtime(site.target == Target::Twin)?.block_on(async {
        let mut interrupts = Interrupts::listen();
        let look = async {
            let state = if site.exists().await? { site.state().await?.0 } else { site.fresh()? };
            site.check_project(&state)?;
            site.check_environment(&state)?;
            let provider = site.cloud()?.provider();
            let identity = identified(provider.identity().await, &state).map_err(Failure::Program)?;
            let mut rows = Vec::with_capacity(wanted.len());
            for one in &wanted {
                rows.push(read(one, &*provider).await?);
            }
            Ok::<_, Failure>((rows, identity))
        };
        interrupts.or(look).await.unwrap_or_else(|| Err(Failure::Shown(declined())))
    })?;
    let question = format!("Take {} into the state of `{}`?", count(found.len(), "resource"), site.stack);
    if !runtime(false)?.block_on(answers.agree(&question))? {
        return Ok(declined());
    }
    runtime(site.target == Target::Twin)?.block_on(begin(&site))?;
    let resources = edit(&site, "import", |state| {
        identity.check(state).map_err(|problem| Failure::Program(vec![problem]))?;
        let environment = site.environment(state);
        let Identity { account, partition, .. } = identity.clone();
        apply(state, Entry::Run { account, partition, environment })?;
        let declared = take(state, &wanted, &found, arguments.protect)?;
        let entries = declared.into_iter().zip(&wanted);
        Ok(entries.map(|(json, one)| (one.urn.name().to_owned(), placed(json, one, &site))).collect())
    })?;
    let mut document = JsonMap::new();
    document.insert("resources".into(), Json::Object(resources));
    let yaml = serde_yaml::to_string(&document).unwrap_or_default();
    render::data(yaml);
    render::say("Add this to the stack file; `drctl preview` shows no change then.\n");
    for (one, row) in wanted.iter().zip(&found) {
        for hidden in unreadable(&one.schema.inputs, &row.inputs) {
            render::warn(format_args!("`{hidden}` of {} cannot be read back: add it by hand", one.urn.name()));
        }
    }
    Ok(Exit::Ok)
}

fn wishes(arguments: &Arguments, region: Option<&String>) -> Result<Vec<Wish>> {
    if let Some(path) = &arguments.from {
        let text = std::fs::read_to_string(path).map_err(io("read", path))?;
        let form = "write a list of maps with `type`, `name`, `id` and perhaps `region`";
        let wrong = |why: String| Failure::new(Exit::Configuration, format!("{}: {why}", path.display()), form);
        let wishes: Vec<Wish> = serde_yaml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        return if wishes.is_empty() { Err(wrong("the list is empty".to_owned())) } else { Ok(wishes) };
    }
    let (Some(ty), Some(name), Some(id)) = (&arguments.ty, &arguments.name, &arguments.id) else {
        return Err(Failure::new(
            Exit::Configuration,
            "a type, a name and an id are needed",
            "`drctl import TYPE NAME ID`",
        ));
    };
    Ok(vec![Wish { ty: ty.clone(), name: name.clone(), id: id.clone(), region: region.cloned() }])
}

fn wanted<'a>(wish: &Wish, site: &Site, catalog: &'a Catalog) -> Result<Wanted<'a>> {
    let Some(schema) = catalog.find(&wish.ty) else {
        let message = format!("there is no type `{}`", wish.ty);
        return Err(Failure::new(Exit::Configuration, message, "`drctl explain` lists all types"));
    };
    let roles = site.loaded.as_ref().map(|l| &l.regions);
    let place = match (schema.facts.scope, &wish.region) {
        (Scope::Global, _) => Place::global(),
        (Scope::Region, Some(given)) => {
            let region = roles.and_then(|roles| roles.get(given)).unwrap_or(given);
            if !stack::is_region(region) {
                let message = format!("`{given}` is neither a role of `regions` nor an AWS region");
                let known = roles.map(|roles| roles.keys().map(|r| format!("`{r}`")).collect::<Vec<_>>().join(", "));
                let help = known.filter(|k| !k.is_empty()).map_or_else(
                    || "AWS regions look like `eu-west-1`".to_owned(),
                    |known| format!("the roles are {known}"),
                );
                return Err(Failure::new(Exit::Configuration, message, help));
            }
            Place(region.clone())
        }
        (Scope::Region, None) => match roles.and_then(|roles| roles.values().next()) {
            Some(region) => Place(region.clone()),
            None => {
                let message = format!("the region of `{}` is not known", wish.name);
                return Err(Failure::new(Exit::Configuration, message, "name it with `--region`"));
            }
        },
    };
    let urn = Urn::new(&site.stack, &site.project, schema.token, &wish.name);
    Ok(Wanted { schema, urn, place, id: Id(wish.id.clone()) })
}

/// Makes the state if this is the first that it gets.
async fn begin(site: &Site) -> Result<()> {
    if site.exists().await? {
        return Ok(());
    }
    let keys = site.keys().await?;
    site.lock("import").await?.import(&keys, &site.fresh()?).await.map_err(failed)
}

async fn read(one: &Wanted<'_>, provider: &dyn Provider) -> Result<Row> {
    let Wanted { schema, urn, place, id } = one;
    let kind = KindAt { ty: schema.token.to_owned(), place: place.clone() };
    let seen = provider.read(&kind, std::slice::from_ref(id), &Want::All).await?.into_iter().next();
    let message = match seen {
        Some(Seen::Ready(Live { inputs, outputs })) => {
            let key = Key { urn: urn.clone(), generation: 0 };
            let row = Row::new(key, schema.token, place.clone());
            return Ok(Row { id: Some(id.clone()), seen: inputs.clone(), inputs, outputs, ..row });
        }
        Some(Seen::Pending(word)) => format!("{} {id} is {word}", schema.short_name()),
        Some(Seen::Failed(why)) => format!("{} {id} is broken: {why}", schema.short_name()),
        Some(Seen::Gone) | None => format!("there is no {} {id} in {place}", schema.short_name()),
    };
    let help = match schema.facts.import {
        "" => "`--region` names another region".to_owned(),
        form => format!("import by the {form}; `--region` names another region"),
    };
    Err(Failure::new(Exit::Resource, message, help))
}

/// Puts rows into the state, and gives the declaration of each.
fn take(state: &mut State, wanted: &[Wanted<'_>], found: &[Row], protect: bool) -> Result<Vec<JsonMap<String, Json>>> {
    for row in found {
        let same = |r: &Row| r.key.urn == row.key.urn || (r.id == row.id && r.ty == row.ty && r.place == row.place);
        if let Some(taken) = state.rows.values().find(|r| same(r)) {
            let message = format!("the state has {} already, as {}", taken.key.urn.name(), taken.key.urn);
            return Err(Failure::new(Exit::Configuration, message, "choose another name, or leave it out"));
        }
        state.rows.insert(row.key.clone(), Arc::new(Row { protect, ..row.clone() }));
    }
    let names = Names::of(state);
    let mut declarations = Vec::with_capacity(found.len());
    for (one, row) in wanted.iter().zip(found) {
        let mut declaration = JsonMap::new();
        declaration.insert("type".into(), one.schema.token.into());
        let (properties, refers) = written(&one.schema.inputs, &row.inputs, &names);
        declaration.insert("properties".into(), Json::Object(properties));
        if protect {
            declaration.insert("options".into(), json!({"protect": true}));
        }
        declarations.push(declaration);
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

/// Inputs as a person would write them: without defaults and without what the cloud chose beside
/// something that excludes it, and with references in the place of ids.
fn written(schema: &Object, inputs: &Value, names: &Names) -> (JsonMap<String, Json>, Refers) {
    let mut properties = JsonMap::new();
    let mut refers = Refers::new();
    let left_out = chosen_twice(schema, inputs);
    for property in schema.properties.iter().filter(|p| !left_out.contains(&p.name.as_str())) {
        let Some(value) = inputs.get(&property.name).filter(|v| !v.is_null() && is_readable(v)) else { continue };
        let json = Shown::of(value).json().clone();
        let empty = match &json {
            Json::Array(items) => items.is_empty(),
            Json::Object(map) => map.is_empty(),
            _ => false,
        };
        let default = property.default.as_ref() == Some(&json);
        if !(default || empty && !property.required) {
            let mut named = Vec::new();
            properties.insert(property.name.clone(), referring(property, json, names, &mut named));
            if !named.is_empty() {
                refers.insert(property.name.clone(), named);
            }
        }
    }
    (properties, refers)
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

/// Whether a program may say what the cloud shows: neither a secret nor the content of a file.
fn is_readable(value: &Value) -> bool {
    match value {
        Value::Secret(_) | Value::Asset(_) => false,
        Value::List(items) => items.iter().all(is_readable),
        Value::Map(map) => map.values().all(is_readable),
        _ => true,
    }
}

/// Inputs to be filled in by hand: required ones that no cloud shows, one of each group of which one must be
/// there, and what must not be written down.
fn unreadable(schema: &Object, inputs: &Value) -> Vec<String> {
    let has = |name: &str| inputs.get(name).is_some_and(|value| !value.is_null());
    let hidden = schema.properties.iter().filter(|p| p.write_only && p.required && !has(&p.name));
    let kept_back = schema.properties.iter().filter(|p| inputs.get(&p.name).is_some_and(|v| !is_readable(v)));
    let missing = schema.groups.iter().filter_map(|group| match group {
        Group::ExactlyOne(names) | Group::AtLeastOne(names) => {
            (!names.iter().any(|n| has(n))).then(|| names.join(" or "))
        }
        Group::Exclusive(_) | Group::Needs(_) => None,
    });
    hidden.chain(kept_back).map(|p| p.name.clone()).chain(missing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::catalog;
    use crate::engine::value::Map;

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
        let (written_down, refers) = written(&schema.inputs, &inputs, &names);
        assert_eq!(
            Json::Object(written_down),
            json!({"clusterIdentifier": "a-$${b}", "vpcSecurityGroupIds": ["${group.id}", "sg-2"]})
        );
        assert_eq!(refers, Refers::from([("vpcSecurityGroupIds".to_owned(), vec![group])]));
        assert_eq!(unreadable(&schema.inputs, &inputs), ["masterPassword"]);
        let secret = Value::Map(Map::from_iter([
            ("masterPassword".to_owned(), Value::from("hunter2").secret()),
            ("clusterIdentifier".to_owned(), Value::from("a")),
        ]));
        let (written_down, _) = written(&schema.inputs, &secret, &names);
        assert_eq!(Json::Object(written_down), json!({"clusterIdentifier": "a"}), "no secret, and no word for one");
        assert_eq!(unreadable(&schema.inputs, &secret), ["masterPassword"]);
        let vpc = catalog.find("aws:ec2:Vpc").unwrap();
        let inputs = Value::Map(Map::from_iter([
            ("cidrBlock".to_owned(), Value::from("10.0.0.0/16")),
            ("enableDnsSupport".to_owned(), Value::from(true)),
            ("tags".to_owned(), Value::Map(Map::default())),
        ]));
        let (written_down, _) = written(&vpc.inputs, &inputs, &Names::default());
        assert_eq!(Json::Object(written_down), json!({"cidrBlock": "10.0.0.0/16"}));
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
        let (written_down, _) = written(&subnet.inputs, &inputs, &Names::default());
        assert!(written_down.contains_key("availabilityZone") && !written_down.contains_key("availabilityZoneId"));
    }

    #[test]
    fn what_the_state_has_already_is_not_imported_twice() {
        let mut state = State::new("l", "s", "p", "twin");
        let key = Key { urn: Urn::new("s", "p", "t:i:T", "a"), generation: 0 };
        let row = Row { id: Some(Id("x".into())), ..Row::new(key, "t:i:T", Place::global()) };
        take(&mut state, &[], std::slice::from_ref(&row), true).unwrap();
        assert!(state.rows[0].protect);
        assert!(take(&mut state, &[], std::slice::from_ref(&row), true).is_err());
        let key = Key { urn: Urn::new("s", "p", "t:i:T", "b"), generation: 0 };
        assert!(take(&mut state, &[], &[Row { key, ..row }], true).is_err());
    }
}
