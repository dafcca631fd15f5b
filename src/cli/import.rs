//! `drctl import`: takes resources that exist into the state, and writes the YAML that declares them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde::Deserialize;
use serde_json::{Map as JsonMap, Value as Json};

use crate::cli::Global;
use crate::cli::confirm::{Answers, declined};
use crate::cli::edit::edit;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, io};
use crate::cli::run::exit_of;
use crate::cli::session::{Site, Target, catalog, runtime};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::journal::{Entry, apply};
use crate::engine::planner::identify;
use crate::engine::provider::{Catalog, Identity, KindAt, Live, Provider};
use crate::engine::resource::{Scope, Seen, Want};
use crate::engine::schema::{Object, Property, Shape, TypeSchema};
use crate::engine::state::{Key, Row, State};
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Shown, Value};
use crate::render;
use crate::render::diagnostics::Diagnostics;
use crate::render::words::count;

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
        let state = if site.local().exists() { site.state().await?.0 } else { site.fresh()? };
        site.check_project(&state)?;
        site.check_environment(&state)?;
        let provider = site.cloud()?.provider();
        let identity = identify(&*provider, &state).await.map_err(refused)?;
        let mut rows = Vec::with_capacity(wanted.len());
        for one in &wanted {
            rows.push(read(one, &*provider).await?);
        }
        Ok::<_, Failure>((rows, identity))
    })?;
    let question = format!("Take {} into the state of `{}`?", count(found.len(), "resource"), site.stack);
    if !answers.agree(&question)? {
        return Ok(declined());
    }
    runtime(site.target == Target::Twin)?.block_on(begin(&site))?;
    let state = edit(&site, "import", |state| {
        identity.check(state).map_err(|problem| refused(vec![problem]))?;
        let environment = site.environment(state);
        let Identity { account, partition } = identity.clone();
        apply(state, Entry::Run { account, partition, environment })?;
        add(state, found.clone())?;
        Ok(state.clone())
    })?;
    let names = names(&state);
    let entries = wanted.iter().zip(&found).map(|(one, row)| declaration(one, row, &site, &names));
    let resources: JsonMap<String, Json> = entries.collect();
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
        return serde_yaml::from_str(&text).map_err(|error| {
            let message = format!("{}: {error}", path.display());
            Failure::new(
                Exit::Configuration,
                message,
                "write a list of maps with `type`, `name`, `id` and perhaps `region`",
            )
        });
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

/// Tells why the credentials are not those of the state.
fn refused(problems: Vec<Diagnostic>) -> Failure {
    let exit = problems.first().map_or(Exit::Authentication, |problem| exit_of(problem.code));
    render::say(Diagnostics(&problems));
    Failure::Shown(exit)
}

/// Makes the state if this is the first that it gets.
async fn begin(site: &Site) -> Result<()> {
    let local = site.local();
    if local.exists() {
        return Ok(());
    }
    let keys = site.keys().await?;
    let owner = crate::state::Owner::here(&ulid::Ulid::generate().to_string(), "import");
    let lock = local.lock(owner, std::time::Duration::ZERO).await.map_err(crate::cli::session::failed)?;
    lock.import(&keys, &site.fresh()?).await.map_err(crate::cli::session::failed)
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

fn add(state: &mut State, rows: Vec<Row>) -> Result<()> {
    for row in rows {
        let taken = state
            .rows
            .values()
            .find(|r| r.key.urn == row.key.urn || (r.id == row.id && r.ty == row.ty && r.place == row.place));
        if let Some(taken) = taken {
            let message = format!("the state has {} already, as {}", taken.key.urn.name(), taken.key.urn);
            return Err(Failure::new(Exit::Configuration, message, "choose another name, or leave it out"));
        }
        state.rows.insert(row.key.clone(), Arc::new(row));
    }
    Ok(())
}

/// Logical names by type and id, to write references for ids.
fn names(state: &State) -> HashMap<(String, String), String> {
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let rows = state.rows.values().filter(|r| !r.old && plain(r.key.urn.name()));
    rows.filter_map(|r| Some(((r.ty.clone(), r.id.as_ref()?.0.clone()), r.key.urn.name().to_owned()))).collect()
}

fn declaration(one: &Wanted<'_>, row: &Row, site: &Site, names: &HashMap<(String, String), String>) -> (String, Json) {
    let mut resource = JsonMap::new();
    resource.insert("type".into(), one.schema.token.into());
    let first = site.loaded.as_ref().and_then(|l| l.regions.values().next());
    if !one.place.is_global() && first.is_none_or(|first| *first != one.place.0) {
        resource.insert("region".into(), site.regions.role(&one.place).unwrap_or(&one.place.0).into());
    }
    resource.insert("properties".into(), written(&one.schema.inputs, &row.inputs, names));
    (one.urn.name().to_owned(), Json::Object(resource))
}

/// Inputs as a person would write them: without defaults, and with references in the place of ids.
fn written(schema: &Object, inputs: &Value, names: &HashMap<(String, String), String>) -> Json {
    let mut properties = JsonMap::new();
    for property in &schema.properties {
        let Some(value) = inputs.get(&property.name).filter(|v| !v.is_null()) else { continue };
        let json = Shown::of(value).json().clone();
        let empty = match &json {
            Json::Array(items) => items.is_empty(),
            Json::Object(map) => map.is_empty(),
            _ => false,
        };
        let default = property.default.as_ref() == Some(&json);
        if !(default || empty && !property.required) {
            properties.insert(property.name.clone(), referring(property, json, names));
        }
    }
    Json::Object(properties)
}

fn referring(property: &Property, json: Json, names: &HashMap<(String, String), String>) -> Json {
    match (json, &property.shape) {
        (Json::Array(items), Shape::List { item, .. }) => {
            let item = Property { refers: item.refers.clone().or_else(|| property.refers.clone()), ..(**item).clone() };
            items.into_iter().map(|json| referring(&item, json, names)).collect()
        }
        (Json::String(id), _) => match &property.refers {
            Some((ty, name)) if name == "id" => match names.get(&(ty.clone(), id.clone())) {
                Some(logical) => format!("${{{logical}.id}}").into(),
                None => Json::String(id),
            },
            // What looks like an expression is text here.
            _ => id.replace("${", "$${").into(),
        },
        (other, _) => other,
    }
}

/// Required inputs that no cloud shows.
fn unreadable<'a>(schema: &'a Object, inputs: &Value) -> Vec<&'a str> {
    let hidden = schema.properties.iter().filter(|p| p.write_only && p.required);
    hidden.filter(|p| inputs.get(&p.name).is_none_or(Value::is_null)).map(|p| p.name.as_str()).collect()
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
        let group = ("aws:ec2/securityGroup:SecurityGroup".to_owned(), "sg-1".to_owned());
        let json = written(&schema.inputs, &inputs, &HashMap::from([(group, "group".to_owned())]));
        assert_eq!(
            json,
            serde_json::json!({"clusterIdentifier": "a-$${b}", "vpcSecurityGroupIds": ["${group.id}", "sg-2"]})
        );
        assert_eq!(unreadable(&schema.inputs, &inputs), ["masterPassword"]);
        let vpc = catalog.find("aws:ec2:Vpc").unwrap();
        let inputs = Value::Map(Map::from_iter([
            ("cidrBlock".to_owned(), Value::from("10.0.0.0/16")),
            ("enableDnsSupport".to_owned(), Value::from(true)),
            ("tags".to_owned(), Value::Map(Map::default())),
        ]));
        assert_eq!(written(&vpc.inputs, &inputs, &HashMap::new()), serde_json::json!({"cidrBlock": "10.0.0.0/16"}));
    }

    #[test]
    fn what_the_state_has_already_is_not_imported_twice() {
        let mut state = State::new("l", "s", "p", "twin");
        let key = Key { urn: Urn::new("s", "p", "t:i:T", "a"), generation: 0 };
        let row = Row { id: Some(Id("x".into())), ..Row::new(key, "t:i:T", Place::global()) };
        add(&mut state, vec![row.clone()]).unwrap();
        assert!(add(&mut state, vec![row.clone()]).is_err());
        let key = Key { urn: Urn::new("s", "p", "t:i:T", "b"), generation: 0 };
        assert!(add(&mut state, vec![Row { key, ..row }]).is_err());
    }
}
