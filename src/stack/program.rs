//! A loaded program as the engine sees it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures::future::{BoxFuture, join_all};

use crate::engine::diagnostic::{Diagnostic, Location, Severity};
use crate::engine::path::{Path, Segment};
use crate::engine::program::{Declaration, External, Given, Known, Program};
use crate::engine::provider::Provider;
use crate::engine::redact::Redactor;
use crate::engine::schema::TypeSchema;
use crate::engine::urn::{Place, Urn};
use crate::engine::value::{Map, Value};
use crate::stack::answers::{Answers, NoAnswers};
use crate::stack::body::{Type, short};
use crate::stack::budget::{Amount, Budget};
use crate::stack::check;
use crate::stack::eval::Run;
use crate::stack::expand::failed;
use crate::stack::expr::{Expr, Kind, Root};
use crate::stack::functions::{noun, scalar_text};
use crate::stack::instance::{Frame, Member, Node, Slot, Tags, World};
use crate::stack::options;
use crate::stack::order::{Order, Reach, Refs};
use crate::stack::tags::{self, DefaultTags};

/// A program in drctl's language.
pub struct StackProgram {
    stack: String,
    project: String,
    pub(super) world: World,
    pub(super) declarations: Vec<Declaration>,
    measured: HashSet<String>,
    answers: Arc<Answers>,
}

impl StackProgram {
    /// Orders, checks and declares everything that the world holds.
    pub(crate) fn new(
        stack: String,
        project: String,
        mut world: World,
        answers: Arc<Answers>,
        problems: &mut Vec<Diagnostic>,
    ) -> Self {
        world.constants.extend(constants(&world, problems));
        let order = Order::of(&world, problems);
        let mut written: Vec<usize> = (0..world.nodes.len()).collect();
        written.sort_by(|a, b| world.nodes[*a].position.cmp(&world.nodes[*b].position));
        let (mut declarations, mut made) = (Vec::new(), Amount::default());
        for index in written {
            let node = &world.nodes[index];
            if let Some(schema) = world.schema(node) {
                declarations.push(declaration(&world, &order, (index, schema), &mut made, problems));
            } else {
                unmanaged(&world, index, problems);
            }
        }
        problems.extend(options::of_components(&world));
        let outputs = &world.body(0).outputs;
        let measured = outputs.iter().enumerate().filter(|(n, _)| order.is_volatile(Slot::Output(0, *n)));
        let measured = measured.map(|(_, output)| output.name.clone()).collect();
        let known = Known::new();
        let mut run = Run::new(&world, &known, &NoAnswers);
        for n in 0..outputs.len() {
            run.slot(Slot::Output(0, n));
        }
        problems.extend(run.problems);
        problems.extend(world.too_big.get().cloned());
        Self { stack, project, world, declarations, measured, answers }
    }

    /// Inputs of a resource at the top of the program, with the tags below them that it gets with all others.
    pub(crate) fn over_default_tags(&self, schema: &TypeSchema, place: &Place, mut own: Map) -> Map {
        if tags::taken(schema) {
            let world = &self.world;
            let top = &world.instances[0];
            let region = world.regions.iter().position(|region| region.name == place.0).or(top.frame.region);
            let known = Known::new();
            let mut run = Run::alone(world, &known, &*self.answers);
            tags::lay_below(&mut own, default_tags(world, (top.provider, 0, region), schema, &mut run), schema);
        }
        own
    }

    /// Evaluates, gets the answers that were missing, and evaluates again until none is.
    async fn settle<T>(
        &self,
        known: &Known,
        cloud: &dyn Provider,
        evaluate: impl Fn(&mut Run) -> Option<T>,
    ) -> Result<T, Vec<Diagnostic>> {
        loop {
            let (asks, fetches) = {
                let mut run = Run::alone(&self.world, known, &*self.answers);
                let value = evaluate(&mut run);
                let (asks, fetches) = (std::mem::take(&mut run.asks), std::mem::take(&mut run.fetches));
                let errors: Vec<Diagnostic> =
                    run.into_problems().into_iter().filter(|p| p.severity == Severity::Error).collect();
                match value {
                    _ if !errors.is_empty() => return Err(errors),
                    Some(value) if asks.is_empty() && fetches.is_empty() => return Ok(value),
                    None if asks.is_empty() && fetches.is_empty() => {
                        return Err(vec![Diagnostic::error("circle", "the value depends on itself")]);
                    }
                    _ => (asks, fetches),
                }
            };
            self.fetch(fetches).await?;
            let answered = self.answers.get_all(asks, &self.world.catalog, cloud).await;
            let hidden = |problems: Vec<Diagnostic>| {
                problems.into_iter().map(|problem| self.world.secrets.diagnostic(problem)).collect::<Vec<_>>()
            };
            answered.map_err(hidden)?;
        }
    }

    /// Gets what lies behind URLs, where it stops no other task and no virtual clock runs on.
    async fn fetch(&self, fetches: Vec<(String, Location)>) -> Result<(), Vec<Diagnostic>> {
        let fetched = fetches.into_iter().map(|(url, at)| async move {
            let (assets, wanted) = (Arc::clone(&self.world.assets), url.clone());
            let fetched = tokio::task::spawn_blocking(move || assets.fetch(&wanted)).await;
            let why = match fetched {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "the program ends".to_owned(),
            };
            let problem = Diagnostic::error("unreadable", format!("`{url}` cannot be fetched: {why}")).at(at);
            Err(self.world.secrets.diagnostic(problem))
        });
        let failures: Vec<Diagnostic> = join_all(fetched).await.into_iter().filter_map(Result::err).collect();
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }
}

impl Program for StackProgram {
    fn stack(&self) -> &str {
        &self.stack
    }

    fn project(&self) -> &str {
        &self.project
    }

    fn secrets(&self) -> Arc<Redactor> {
        Arc::clone(&self.world.secrets)
    }

    fn declarations(&self) -> &[Declaration] {
        &self.declarations
    }

    fn inputs<'a>(
        &'a self,
        urn: &'a Urn,
        known: &'a Known,
        cloud: &'a dyn Provider,
    ) -> BoxFuture<'a, Result<Given, Vec<Diagnostic>>> {
        Box::pin(async move {
            let Some(index) = self.world.by_urn.get(urn).copied() else {
                let text = format!("the program holds no resource `{}`", urn.name());
                return Err(vec![Diagnostic::error("unknown-resource", text).of(urn)]);
            };
            let inputs = self.settle(known, cloud, |run| inputs(&self.world, index, run)).await;
            inputs.map_err(|problems| problems.into_iter().map(|p| p.of(urn)).collect())
        })
    }

    fn written_at(&self, declaration: &Declaration, path: &Path) -> Location {
        let Some(index) = self.world.by_urn.get(&declaration.urn) else { return declaration.at.clone() };
        let mut place = check::Place::of(&self.world.nodes[*index].block.properties, &declaration.at);
        for segment in &path.0 {
            place = match segment {
                Segment::Key(name) => place.entry(name),
                Segment::Index(n) => place.item(*n),
                Segment::Any => place,
            };
        }
        place.at()
    }

    fn measured(&self) -> &HashSet<String> {
        &self.measured
    }

    fn outputs<'a>(&'a self, known: &'a Known, cloud: &'a dyn Provider) -> BoxFuture<'a, Result<Map, Vec<Diagnostic>>> {
        let evaluate = |run: &mut Run| {
            let mut map = Map::default();
            let mut complete = true;
            for (n, output) in self.world.body(0).outputs.iter().enumerate() {
                match run.slot(Slot::Output(0, n)) {
                    Some(value) if value.is_null() => {}
                    Some(value) => {
                        map.insert(output.name.clone(), with_ids(&value));
                    }
                    None => complete = false,
                }
            }
            complete.then_some(map)
        };
        Box::pin(self.settle(known, cloud, evaluate))
    }
}

/// Values of names that no resource and no data source can change.
fn constants(world: &World, problems: &mut Vec<Diagnostic>) -> HashMap<Slot, Arc<Value>> {
    let known = Known::new();
    let mut run = Run::new(world, &known, &NoAnswers);
    let mut constants = HashMap::new();
    for instance in 0..world.instances.len() {
        let body = world.body(instance);
        let inputs = (0..body.inputs.len()).map(|n| Slot::Input(instance, n));
        for slot in inputs.chain((0..body.variables.len()).map(|n| Slot::Variable(instance, n))) {
            if let Some(value) = run.slot(slot)
                && !value.has_unknown()
                && !has_resource(&value)
            {
                constants.insert(slot, value);
            }
        }
    }
    problems.extend(run.problems);
    constants
}

fn has_resource(value: &Value) -> bool {
    match value {
        Value::Resource(_) => true,
        Value::Secret(inner) => has_resource(inner),
        Value::List(items) => items.iter().any(has_resource),
        Value::Map(map) => map.values().any(has_resource),
        _ => false,
    }
}

/// The value with resources as their ids, which is what a state can hold of them.
fn with_ids(value: &Value) -> Value {
    match value {
        Value::Resource(handle) => with_ids(&handle.id),
        Value::Secret(inner) => with_ids(inner).secret(),
        Value::List(items) => Value::List(items.iter().map(with_ids).collect()),
        Value::Map(map) => Value::Map(map.iter().map(|(name, item)| (name.clone(), with_ids(item))).collect()),
        other => other.clone(),
    }
}

/// Inputs that were looked at.
pub(super) struct Judged {
    pub(super) given: Given,
    /// Nothing is wrong with them.
    pub(super) is_sound: bool,
}

/// What a program gives a resource as far as it is known: inputs with tags merged, checked, converted.
pub(super) fn inputs(world: &World, index: usize, run: &mut Run) -> Option<Given> {
    let judged = judged(world, index, run);
    let trigger = trigger(world, &world.nodes[index], run);
    let Judged { given, is_sound } = judged?;
    Some(Given { trigger: trigger?, ..given }).filter(|_| is_sound)
}

/// The value that replaces the resource when it changes. What is only read is never replaced.
fn trigger(world: &World, node: &Node, run: &mut Run) -> Option<Option<Value>> {
    let Some(expr) = node.block.option("replacementTrigger").filter(|_| node.block.get.is_none()) else {
        return Some(None);
    };
    let value = with_ids(&run.eval(expr, node.frame)?);
    world.secrets.learn(&value);
    Some(Some(value).filter(|value| !value.is_null()))
}

/// The same with unknowns in the place of what is wrong, so that one mistake hides no other.
pub(super) fn judged(world: &World, index: usize, run: &mut Run) -> Option<Judged> {
    let node = &world.nodes[index];
    let schema = world.schema(node)?;
    let block = &node.block;
    if let Some(get) = &block.get {
        let id = scalar_text(&run.eval(get, node.frame)?).and_then(|text| options::id_here(&text, node).ok());
        let id = id.map_or(Value::Unknown, |id| Value::from(id.0));
        let inputs = Value::Map(Map::from_iter([("id".to_owned(), id)]));
        return Some(Judged { given: Given { inputs, ..Given::default() }, is_sound: true });
    }
    let subject = format!("`{}`", short(schema.token));
    let mut is_sound = true;
    let mut given = match properties(run, &block.properties, node.frame, &mut is_sound) {
        Value::Map(map) => map,
        Value::Unknown if !is_sound => return None,
        Value::Unknown => {
            let text = format!("the properties of resource `{}` must be known as a map", block.key);
            run.problems.push(Diagnostic::error("wrong-type", text).at(block.properties.at.clone()));
            return None;
        }
        other => {
            let text = format!("`properties` must be a map, not {}", noun(&other));
            run.problems.push(Diagnostic::error("wrong-type", text).at(block.properties.at.clone()));
            return None;
        }
    };
    if matches!(block.properties.kind, Kind::Map(_)) && schema.inputs.get("region").is_none() {
        given.shift_remove("region");
    }
    if tags::taken(schema) {
        tags::lay_below(
            &mut given,
            default_tags(world, (node.provider, node.frame.instance, node.frame.region), schema, run),
            schema,
        );
    }
    let before = run.problems.len();
    left_out(world, node, schema, &mut given, &mut run.problems);
    // A document that is given as a map becomes a text.
    given.values().for_each(|value| world.secrets.learn(value));
    let known = |(name, value): &(&String, &Value)| schema.inputs.get(name).is_some() && !value.is_null();
    let names: Vec<String> = given.iter().filter(known).map(|(name, _)| name.clone()).collect();
    // Mistakes of the whole are shown at the name of the resource, not at its first property.
    let place = (&block.properties, &block.at);
    let (mut map, defaults) = check::object(&schema.inputs, given, place, &subject, "input", &mut run.problems);
    run.problems.extend(secret_name(schema, &map, &block.properties, &block.at));
    is_sound &= !failed(&run.problems[before..]);
    if is_sound && let Some(problem) = refused(schema, &map, &block.at) {
        run.problems.push(problem);
        is_sound = false;
    }
    if !is_sound {
        for name in names {
            map.entry(name).or_insert(Value::Unknown);
        }
        // What got its default may have been meant to be something else.
        for default in &defaults {
            if let [Segment::Key(name)] = default.0.as_slice() {
                map.shift_remove(name);
            }
        }
    }
    Some(Judged { given: Given { inputs: Value::Map(map), defaults, trigger: None }, is_sound })
}

/// What names a resource that its `if` leaves out is null: a mistake where a value is required, and worth
/// a word where none is.
fn left_out(world: &World, node: &Node, schema: &TypeSchema, given: &mut Map, problems: &mut Vec<Diagnostic>) {
    let Kind::Map(entries) = &node.block.properties.kind else { return };
    for (name, _, expr) in entries {
        let (Kind::Reference(reference), Some(property)) = (&expr.kind, schema.inputs.get(name)) else { continue };
        let Root::Resource(n) = reference.root else { continue };
        let Member::Absent = world.instances[node.frame.instance].members[n] else { continue };
        let subject = format!("`{name}` of `{}`", short(schema.token));
        let text = format!("{subject} names `{}`, which is left out by its `if`", reference.name);
        let needed = property.required && property.auto_name.is_none() && property.default.is_none();
        let problem = match needed {
            true => Diagnostic::error("left-out", text),
            false => Diagnostic::warning("left-out", format!("{text}, so that it is not given")),
        };
        let help = format!("give resource `{}` the same `if`, or choose the value with `fn::if`", node.block.key);
        problems.push(problem.at(reference.at.clone()).help(help));
        if needed {
            given.insert(name.clone(), Value::Unknown);
        }
    }
}

/// The properties, every one of them evaluated even after a mistake in another.
fn properties(run: &mut Run, expr: &Expr, frame: Frame, is_sound: &mut bool) -> Value {
    match run.salvage(expr, frame, is_sound) {
        Value::Secret(inner) => match *inner {
            Value::Map(map) => Value::Map(map.into_iter().map(|(k, v)| (k, v.secret())).collect()),
            other => other,
        },
        other => other,
    }
}

/// What a resource is called by stands in its id, its ARN and every list that AWS shows of it.
fn secret_name(schema: &TypeSchema, map: &Map, properties: &Expr, at: &Location) -> Option<Diagnostic> {
    let given = schema.naming_inputs();
    let name = given.into_iter().find(|name| map.get(*name).is_some_and(Value::has_secret))?;
    let text = format!("`{name}` of `{}` names the resource, and a name cannot be secret", short(schema.token));
    let problem = Diagnostic::error("secret-name", text).at(check::Place::of(properties, at).entry(name).at());
    Some(problem.help("use something else; `fn::unsecret` shows the value to everybody"))
}

/// What the typed form of complete inputs says. It never quotes a secret.
fn refused(schema: &TypeSchema, map: &Map, at: &Location) -> Option<Diagnostic> {
    let mut complete = map.clone();
    for property in schema.inputs.properties.iter().filter(|p| p.auto_name.is_some()) {
        complete.entry(property.name.clone()).or_insert_with(|| Value::from("name"));
    }
    let value = Value::Map(complete);
    let secret = value.has_secret();
    let why = (schema.accepts)(&value.to_json().ok()?).err()?;
    let text = match secret {
        true => format!("the inputs of `{}` are not accepted", short(schema.token)),
        false => format!("the inputs of `{}` are not accepted: {why}", short(schema.token)),
    };
    Some(Diagnostic::error("refused", text).at(at.clone()))
}

/// Tags from the config, the provider, the stack and the components around a resource of that provider,
/// instance and region. What is wrong with them is told where they stand, which is the same for all resources.
fn default_tags(
    world: &World,
    (provider, instance, region): (Option<usize>, usize, Option<usize>),
    schema: &TypeSchema,
    run: &mut Run,
) -> DefaultTags {
    let mut tags = DefaultTags { provider: world.default_tags.clone(), program: Map::default() };
    if let Some(provider) = provider {
        let provider = &world.nodes[provider];
        if let Kind::Map(entries) = &provider.block.properties.kind
            && let Some((_, _, expr)) = entries.iter().find(|(k, _, _)| k == "defaultTags")
            && let Some(value) = run.eval(expr, provider.frame)
        {
            let place = check::Place::of(expr, &expr.at).entry("tags");
            let given = value.get("tags").and_then(Value::as_map).cloned().unwrap_or_default();
            tags.provider.extend(tags::sound(&given, |name| Some(place.key(name)), &mut run.problems));
        }
    }
    for Tags { expr, frame, .. } in world.instances[instance].tags.iter().filter(|t| t.reach(schema)) {
        let Some(value) = run.eval(expr, Frame { region, ..*frame }) else { continue };
        match value.bare() {
            Value::Map(map) => {
                let place = check::Place::of(expr, &expr.at);
                tags.program.extend(tags::sound(map, |name| Some(place.key(name)), &mut run.problems));
            }
            Value::Unknown | Value::Null => {}
            other => {
                let text = format!("`tags` must be a map, not {}", noun(other));
                run.problems.push(Diagnostic::error("wrong-type", text).at(expr.at.clone()));
            }
        }
    }
    tags
}

fn declaration<'w>(
    world: &'w World,
    order: &Order<'w>,
    (index, schema): (usize, &TypeSchema),
    made: &mut Amount,
    problems: &mut Vec<Diagnostic>,
) -> Declaration {
    let node = &world.nodes[index];
    let block = &node.block;
    let known = Known::new();
    let mut run = Run::new(world, &known, &NoAnswers);
    run.budget = Budget::after(*made);
    inputs(world, index, &mut run);
    *made = run.budget.made();
    problems.extend(run.problems.into_iter().map(|p| p.of(&node.urn)));
    let urns = |reach: &Reach| {
        let nodes = reach.nodes.iter().filter(|n| **n != index);
        nodes.map(|n| world.nodes[*n].urn.clone()).collect::<Vec<_>>()
    };
    let mut refers = BTreeMap::new();
    let mut note = |name: &str, expr: &'w Expr, frame: Frame| {
        let reach = order.behind(&order.refs(expr, frame));
        if let Some(at) = &reach.volatile {
            problems.push(volatile(name, block, at, &node.urn));
        }
        let urns = urns(&reach);
        if !urns.is_empty() {
            refers.insert(name.to_owned(), urns);
        }
    };
    match &block.properties.kind {
        Kind::Map(entries) => entries.iter().for_each(|(name, _, expr)| note(name, expr, node.frame)),
        _ => schema.inputs.properties.iter().for_each(|p| note(&p.name, &block.properties, node.frame)),
    }
    let needs = order.behind(&Refs { items: order.node_refs(index), volatile: Vec::new() });
    let external = block.get.as_ref().and_then(|expr| external(world, index, expr, problems));
    Declaration {
        urn: node.urn.clone(),
        key: block.key.clone(),
        ty: schema.token.to_owned(),
        place: node.place.clone(),
        parent: node.parent.clone(),
        needs: urns(&needs),
        refers,
        options: options::read(world, node, problems),
        external,
        at: block.at.clone(),
    }
}

/// What is only read. An id that a resource of the program gives is known once that exists.
fn external(world: &World, index: usize, expr: &Expr, problems: &mut Vec<Diagnostic>) -> Option<External> {
    let node = &world.nodes[index];
    let known = Known::new();
    let mut run = Run::new(world, &known, &NoAnswers);
    let id = run.eval(expr, node.frame)?;
    if id.has_unknown() {
        return Some(External { id: Value::Unknown });
    }
    let Some(text) = scalar_text(&id) else {
        let text = format!("the id under `get` of resource `{}` must be a string, not {}", node.block.key, noun(&id));
        problems.push(Diagnostic::error("wrong-type", text).at(expr.at.clone()).of(&node.urn));
        return None;
    };
    match options::id_here(&text, node) {
        Ok(id) => Some(External { id: Value::from(id.0) }),
        Err(problem) => {
            problems.push(problem.at(expr.at.clone()).of(&node.urn));
            None
        }
    }
}

fn volatile(input: &str, block: &crate::stack::body::Block, at: &Location, urn: &Urn) -> Diagnostic {
    let text = format!("`{input}` of resource `{}` gets another value with every run", block.key);
    Diagnostic::warning("volatile", text)
        .at(at.clone())
        .of(urn)
        .help("use a resource that keeps its value, such as `random:RandomPassword`")
}

/// Settings of providers that have a meaning here, and those that steer only the other tool.
const PROVIDER: [&str; 6] = ["region", "defaultTags", "profile", "assumeRole", "assumeRoles", "allowedAccountIds"];
const IGNORED: &str = "skip";

fn unmanaged(world: &World, index: usize, problems: &mut Vec<Diagnostic>) {
    let node = &world.nodes[index];
    let known = Known::new();
    let mut run = Run::new(world, &known, &NoAnswers);
    match (&node.block.ty, &node.block.properties.kind) {
        (Type::StackReference, _) => {
            let reference = crate::stack::instance::Target::Node(index);
            run.target(reference, &[], node.frame);
        }
        (Type::Provider, Kind::Map(entries)) => {
            run.eval(&node.block.properties, node.frame);
            for (name, at, _) in entries.iter().filter(|(name, _, _)| !name.starts_with(IGNORED)) {
                if !PROVIDER.contains(&name.as_str()) {
                    let problem = check::no_such("`pulumi:providers:aws` has no supported input", name, &PROVIDER);
                    problems.push(problem.at(at.clone()));
                }
            }
        }
        _ => {}
    }
    problems.extend(run.problems);
}
