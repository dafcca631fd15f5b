//! `drctl import`: takes resources that exist into the state, and writes the YAML that declares them.

mod names;
mod tags;
mod written;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args};
use serde_json::{Map as JsonMap, Value as Json};

use crate::cli::Global;
use crate::cli::confirm::{Answers, declined};
use crate::cli::declared::{declared, undeclared};
use crate::cli::edit::edit;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, failed, given_path};
use crate::cli::import::names::Names;
use crate::cli::import::tags::{Beside, beside};
use crate::cli::import::written::{Written, written};
use crate::cli::interrupt::Interrupts;
use crate::cli::program::{catalog, world};
use crate::cli::project::directory;
use crate::cli::runtime::runtime;
use crate::cli::site::Site;
use crate::cli::target::Target;
use crate::engine::diagnostic::Diagnostic;
use crate::engine::error::{Error, Kind};
use crate::engine::journal::{Entry, apply};
use crate::engine::observe;
use crate::engine::planner::identified;
use crate::engine::program::Declaration;
use crate::engine::provider::{Catalog, Identity, KindAt, Live, Provider};
use crate::engine::resource::{Scope, Seen};
use crate::engine::schema::TypeSchema;
use crate::engine::state::{Key, Row, State};
use crate::engine::urn::{Id, Place, Urn, split_name};
use crate::engine::value::Value;
use crate::render;
use crate::render::words::{count, resource};
use crate::stack::{self, StackProgram, Wish, Word};
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

/// What the cloud says of a wish.
type Answer = std::result::Result<Seen<Live>, Error>;

/// How many resources are told by name.
const NAMED: usize = 3;

/// A wish with all that is known of it before the cloud is asked.
struct Wanted<'a> {
    schema: &'a TypeSchema,
    urn: Urn,
    place: Place,
    id: Id,
    wish: &'a Wish,
    /// The resource of the program that it becomes, if there is one.
    declared: Option<&'a Declaration>,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let answers = Answers::here(global.yes);
    answers.refuse_nobody("import")?;
    let (wishes, problems) = wishes(arguments, global)?;
    let mut site = Site::with_program(global)?;
    let twin = site.target == Target::Twin;
    if site.loaded.as_ref().is_some_and(|loaded| !loaded.questions.is_empty()) {
        runtime(twin)?.block_on(async {
            let cloud = site.cloud()?;
            site.complete(global, &cloud).await
        })?;
    }
    let site = site;
    let catalog = catalog();
    let unsound = problems.into_iter().map(Err);
    let wanted = every(wishes.iter().map(|wish| wanted(wish, &site, catalog)).chain(unsound))?;
    let (found, identity) = runtime(twin)?.block_on(async {
        let mut interrupts = Interrupts::listen();
        let look = async {
            let state = if site.exists().await? { site.state().await?.0 } else { site.fresh()? };
            site.check_project(&state)?;
            check_sound(&state, world()).map_err(failed)?;
            site.check_environment(&state)?;
            let provider = site.cloud()?.provider();
            let identity = identified(provider.identity().await, &state).map_err(Failure::Program)?;
            let rows = read_all(&wanted, &*provider).await?;
            check_free(&state, &wanted, &rows)?;
            Ok::<_, Failure>((rows, identity))
        };
        interrupts.or(look).await.unwrap_or_else(|| Err(Failure::Shown(declined())))
    })?;
    let question = format!("Take {} into the state of `{}`?", count(found.len(), "resource"), site.stack);
    if !runtime(false)?.block_on(answers.agree(&question))? {
        return Ok(declined());
    }
    runtime(twin)?.block_on(begin(&site))?;
    let declared = edit(&site, "import", |state| {
        identity.check(state).map_err(|problem| Failure::Program(vec![problem]))?;
        let environment = site.environment(state);
        let Identity { account, partition, .. } = identity.clone();
        apply(state, Entry::Run { account, partition, environment })?;
        let program = site.loaded.as_ref().map(|loaded| &loaded.program);
        take(state, &wanted, &found, (program, arguments.protect))
    })?;
    let (mut resources, mut missing) = (JsonMap::new(), Vec::new());
    for (one, written) in wanted.iter().zip(declared).filter(|(one, _)| one.declared.is_none()) {
        resources.insert(one.urn.name().to_owned(), placed(written.declaration, one, &site));
        missing.push((one.urn.name(), written.missing));
    }
    let known: Vec<String> = wanted.iter().filter(|one| one.declared.is_some()).map(|one| resource(&one.urn)).collect();
    if !known.is_empty() {
        let known = if known.len() > NAMED { format!("{} of them", known.len()) } else { known.join(", ") };
        render::say(format_args!("The program has {known} already; `drctl preview` shows what differs.\n"));
    }
    if resources.is_empty() {
        return Ok(Exit::Ok);
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
        let text = std::fs::read_to_string(&file).map_err(given_path("read", path))?;
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

fn wanted<'a>(wish: &'a Wish, site: &'a Site, catalog: &'a Catalog) -> std::result::Result<Wanted<'a>, Diagnostic> {
    let Some(schema) = catalog.find(&wish.ty.text) else {
        return Err(wish.ty.blame(stack::unknown_type(&wish.ty.text, catalog)));
    };
    if let Some(problem) = stack::unfit_name(&wish.name.text) {
        return Err(wish.name.blame(problem));
    }
    let declarations = site.declarations();
    let declared = declared(declarations, schema.token, &wish.name.text);
    let is_part = !split_name(&wish.name.text).0.is_empty() || wish.name.text.ends_with("\"]");
    if declared.is_none() && is_part {
        let otherwise = "declare it first: what is part of a component or has a key is imported into its declaration";
        return Err(wish.name.blame(undeclared(declarations, schema.token, &wish.name.text, otherwise)));
    }
    let roles = site.loaded.as_ref().map(|l| &l.regions);
    let (id, of) = match schema.facts.scope {
        Scope::Global => (wish.id.text.as_str(), None),
        Scope::Region => stack::id_and_region(&wish.id.text),
    };
    let place = match (schema.facts.scope, &wish.region) {
        (Scope::Global, _) => Place::global(),
        (Scope::Region, None) if of.is_some() => Place(of.unwrap_or_default().to_owned()),
        (Scope::Region, Some(given)) => {
            let region = roles.and_then(|roles| roles.get(&given.text)).unwrap_or(&given.text);
            if !stack::is_region(region) {
                let roles: Vec<&str> = roles.into_iter().flatten().map(|(role, _)| role.as_str()).collect();
                return Err(given.blame(stack::unknown_region(&given.text, &roles)));
            }
            Place(region.clone())
        }
        (Scope::Region, None) => match declared.map(|d| &d.place.0).or(roles.and_then(|roles| roles.values().next())) {
            Some(region) => Place(region.clone()),
            None => {
                let text = format!("the region of `{}` is not known", wish.name.text);
                let problem = Diagnostic::error("no-region", text).help("name it with `region`, or `--region`");
                return Err(wish.name.blame(problem));
            }
        },
    };
    if let Some(of) = of.filter(|of| *of != place.0) {
        let text = format!("the id is of `{of}`, and `{}` is to be in `{place}`", wish.name.text);
        return Err(wish.id.blame(Diagnostic::error("wrong-region", text).help("name the region once")));
    }
    if let Some(declared) = declared.filter(|declared| declared.place != place) {
        let text = format!("the program has `{}` in {}, not in {place}", wish.name.text, declared.place);
        let problem = Diagnostic::error("import", text).help("leave the region out, or change it in the program");
        return Err(wish.region.as_ref().unwrap_or(&wish.name).blame(problem));
    }
    let urn = match declared {
        Some(declared) => declared.urn.clone(),
        None => Urn::new(&site.stack, &site.project, schema.token, &wish.name.text),
    };
    Ok(Wanted { schema, urn, place, id: Id(id.to_owned()), wish, declared })
}

/// Makes the state if this is the first that it gets.
async fn begin(site: &Site) -> Result<()> {
    if site.exists().await? {
        return Ok(());
    }
    let keys = site.keys().await?;
    site.lock("import").await?.import(&keys, &site.fresh()?).await.map_err(failed)
}

/// What the cloud shows of all, or why each of those that cannot be taken cannot be.
async fn read_all(wanted: &[Wanted<'_>], provider: &dyn Provider) -> Result<Vec<Row>> {
    let kind = |one: &Wanted<'_>| KindAt { ty: one.schema.token.to_owned(), place: one.place.clone() };
    let ids: Vec<(KindAt, Id)> = wanted.iter().map(|one| (kind(one), one.id.clone())).collect();
    let answers = observe::read_ids(provider, &ids).await;
    let rows: Vec<_> = wanted.iter().zip(answers).map(|(one, answer)| row(one, answer)).collect::<Result<_>>()?;
    every(rows)
}

/// What the cloud shows of one, or why it cannot be taken.
///
/// # Errors
/// What keeps all of them from being read.
fn row(one: &Wanted<'_>, answer: Answer) -> Result<std::result::Result<Row, Diagnostic>> {
    let Wanted { schema, urn, place, id, wish, .. } = one;
    let seen = match answer {
        Ok(seen) => seen,
        Err(error) if matches!(error.kind, Kind::Unauthenticated | Kind::Cancelled | Kind::Bug) => {
            return Err(error.into());
        }
        Err(error) => {
            let code = if error.kind == Kind::Invalid { "import" } else { error.kind.code("unreadable") };
            let text = match error.kind {
                Kind::Invalid | Kind::Unsupported => error.message,
                _ => format!("cannot read {} {id} in {place}: {}", schema.short_name(), error.message),
            };
            return Ok(Err(wish.id.blame(Diagnostic { help: error.hint, ..Diagnostic::error(code, text) })));
        }
    };
    let message = match seen {
        Seen::Ready(Live { inputs, outputs }) => {
            let key = Key { urn: urn.clone(), generation: 0 };
            let row = Row::new(key, schema.token, place.clone());
            return Ok(Ok(Row { id: Some(id.clone()), seen: inputs.clone(), inputs, outputs, ..row }));
        }
        Seen::Pending(word) => format!("{} {id} is {word}", schema.short_name()),
        Seen::Failed(why) => format!("{} {id} is broken: {why}", schema.short_name()),
        Seen::Gone => format!("there is no {} {id} in {place}", schema.short_name()),
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

/// The inputs as a program gives them, with all that another one would need to be made.
fn completed(schema: &TypeSchema, inputs: &Value, names: &Names) -> Written {
    let mut written = written(&schema.inputs, inputs, names);
    let lacking = (schema.lacks)(inputs).map(|lack| lack.inputs).unwrap_or_default();
    let unseen = lacking.into_iter().filter_map(|name| schema.inputs.get(name)).filter(|p| p.write_only);
    unseen.for_each(|property| written.keep_back(property));
    written
}

/// Puts rows into the state, and gives the declaration of each for the top of the program.
fn take(
    state: &mut State,
    wanted: &[Wanted<'_>],
    found: &[Row],
    (program, protect): (Option<&StackProgram>, bool),
) -> Result<Vec<Declared>> {
    check_free(state, wanted, found)?;
    for row in found {
        state.rows.insert(row.key.clone(), Arc::new(Row { protect, ..row.clone() }));
    }
    let names = Names::of(state);
    let mut declarations = Vec::with_capacity(found.len());
    for (one, row) in wanted.iter().zip(found) {
        let mut declaration = JsonMap::new();
        declaration.insert("type".into(), one.schema.token.into());
        let Written { mut properties, refers, kept_back, missing } = completed(one.schema, &row.inputs, &names);
        let Beside { given, lacking } =
            program.map(|program| beside(program, one.schema, &one.place, &row.inputs)).unwrap_or_default();
        without_tags(&mut properties, &given);
        declaration.insert("properties".into(), Json::Object(properties));
        let mut options = JsonMap::new();
        if protect {
            options.insert("protect".into(), true.into());
        }
        let mut ignored: Vec<Json> = Vec::new();
        for (why, paths) in [(KEPT_BACK, kept_back), (LACKING, lacking)] {
            ignored.extend((!paths.is_empty()).then(|| why.into()));
            ignored.extend(paths.iter().map(|path| Json::from(path.to_string())));
        }
        if !ignored.is_empty() {
            options.insert(IGNORE.into(), ignored.into());
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

/// Leaves out tags that the stack gives.
fn without_tags(properties: &mut JsonMap<String, Json>, given: &[String]) {
    if let Some(Json::Object(tags)) = properties.get_mut("tags") {
        given.iter().for_each(|name| drop(tags.shift_remove(name)));
        if tags.is_empty() {
            properties.shift_remove("tags");
        }
    }
}

/// The declaration with its region, if that is not the first.
fn placed(mut declaration: JsonMap<String, Json>, one: &Wanted<'_>, site: &Site) -> Json {
    let first = site.loaded.as_ref().and_then(|l| l.regions.values().next());
    if !one.place.is_global() && first.is_none_or(|first| *first != one.place.0) {
        declaration.insert("region".into(), site.regions.role(&one.place).unwrap_or(&one.place.0).into());
    }
    Json::Object(declaration)
}

/// The option that lets the state win over the program.
const IGNORE: &str = "ignoreChanges";

/// Stand in a list of what is ignored for the reason of what follows.
const KEPT_BACK: &str = "why kept back";
const LACKING: &str = "why lacking";

/// The text with reasons in the place of what stands for them.
fn explained(yaml: &str) -> String {
    let reasons = [
        (
            format!("- {KEPT_BACK}"),
            "      # Secrets, code and what AWS never shows are not written down: a placeholder stands above for each,\n      \
                   # and AWS keeps what it has. Before one is changed or made anew, write its value and take it out\n      \
                   # of this list.\n",
        ),
        (
            format!("- {LACKING}"),
            "      # The stack gives these tags to all resources, and this one lacks them: take them out of this list to\n      \
                   # have them set.\n",
        ),
    ];
    let reason = |line: &str| reasons.iter().find(|(stand_in, _)| line.trim() == stand_in).map(|(_, reason)| *reason);
    yaml.lines().map(|line| reason(line).map_or_else(|| format!("{line}\n"), str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::catalog;
    use crate::engine::clock::Clock;
    use crate::twin::{Calls, Fault, Operation, Twin};

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

    #[tokio::test(start_paused = true)]
    async fn a_list_is_read_as_a_refresh_reads_those_of_one_type_in_one_place_together() {
        let catalog = Arc::new(catalog());
        let twin = Twin::new(Arc::clone(&catalog), Clock::starting("2026-01-01T00:00:00Z".parse().unwrap()));
        let word = |text: &str| Word::from(&text.to_owned());
        let wish = |n: usize| Wish { ty: word("t"), name: word(&n.to_string()), id: word("vpc-1"), region: None };
        let wishes: Vec<Wish> = (0..40).map(wish).collect();
        let wanted: Vec<Wanted<'_>> = wishes
            .iter()
            .enumerate()
            .map(|(n, wish)| {
                let schema = catalog.find(if n % 2 == 0 { "aws:ec2:Vpc" } else { "aws:rds:Cluster" }).unwrap();
                let urn = Urn::new("s", "p", schema.token, &wish.name.text);
                Wanted {
                    schema,
                    urn,
                    place: Place("eu-west-1".into()),
                    id: Id(format!("vpc-{n}")),
                    wish,
                    declared: None,
                }
            })
            .collect();
        let Err(Failure::Program(problems)) = read_all(&wanted, &twin).await else { panic!() };
        assert_eq!(problems.len(), 40);
        assert_eq!(twin.calls().len(), 2, "{:?}", twin.calls());
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_read_is_told_of_every_wish_at_once_but_for_credentials_that_ended() {
        let catalog = Arc::new(catalog());
        let clock = Clock::starting("2026-01-01T00:00:00Z".parse().unwrap());
        let twin = Twin::new(Arc::clone(&catalog), clock);
        let schema = catalog.find("aws:ec2:Vpc").unwrap();
        let word = |text: &str| Word::from(&text.to_owned());
        let wishes =
            ["vpc-1", "vpc-2"].map(|id| Wish { ty: word("aws:ec2:Vpc"), name: word(id), id: word(id), region: None });
        let wanted = wishes.each_ref().map(|wish| Wanted {
            schema,
            urn: Urn::new("s", "p", schema.token, &wish.name.text),
            place: Place("eu-west-1".into()),
            id: Id(wish.id.text.clone()),
            wish,
            declared: None,
        });
        let last = Calls::to(Operation::Read).on("vpc-2");
        // For both at once, and then alone.
        for nth in [1, 2] {
            twin.faults().strike(last.clone(), nth, Fault::Fails(Kind::Denied));
        }
        let Err(Failure::Program(problems)) = read_all(&wanted, &twin).await else { panic!() };
        let told: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
        assert!(told[0].starts_with("there is no Vpc vpc-1"), "{told:?}");
        assert!(told[1].starts_with("cannot read Vpc vpc-2 in eu-west-1: "), "{told:?}");
        assert_eq!(told.len(), 2);
        twin.faults().strike(last, 1, Fault::Fails(Kind::Unauthenticated));
        assert!(matches!(read_all(&wanted, &twin).await, Err(Failure::Error(Exit::Authentication, _))));
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
            let wanted =
                Wanted { schema, urn, place: Place::global(), id: Id("x".into()), wish: &wish, declared: None };
            (wanted, Row { id: Some(Id("x".into())), ..row })
        };
        let mut take = |(wanted, row)| super::take(&mut state, &[wanted], &[row], (None, true)).is_ok();
        assert!(take(one("a")));
        assert!(!take(one("a")), "the same name");
        assert!(!take(one("b")), "the same id");
        assert!(state.rows[0].protect);
    }
}
