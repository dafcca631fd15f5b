//! A program as rules look at it: the inputs of every resource as far as they follow from the text,
//! and which resources they name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::engine::diagnostic::Location;
use crate::engine::foresight;
use crate::engine::graph;
use crate::engine::program::{Declaration, Given, Known};
use crate::engine::provider::Catalog;
use crate::engine::resource::Where;
use crate::engine::schema::{FunctionSchema, TypeSchema};
use crate::engine::urn::Place as Region;
use crate::engine::value::{Map, Value};
use crate::stack::answers::{Answered, Ask, Asking, NoAnswers};
use crate::stack::budget::{Amount, Budget};
use crate::stack::check::Place;
use crate::stack::eval::Run;
use crate::stack::expr::Expr;
use crate::stack::instance::{Bound, Frame, World};
use crate::stack::link::Links;
use crate::stack::program::{Judged, StackProgram, judged};

/// A resource of a program, looked at before anything exists.
pub(crate) struct Surveyed<'a> {
    pub(crate) declaration: &'a Declaration,
    pub(crate) schema: &'a TypeSchema,
    /// Inputs with defaults and tags; what only the cloud decides is unknown.
    pub(crate) values: Value,
    /// The inputs as written, with a [`Link`](super::Link) wherever another resource is named.
    pub(crate) links: Value,
    /// Nothing is wrong with the inputs. Where something is, that is unknown, and whatever is not given may
    /// have been meant to be.
    pub(crate) is_sound: bool,
    properties: &'a Expr,
}

impl<'a> Surveyed<'a> {
    /// Where its inputs are written.
    pub(crate) fn written(&self) -> Place<'a> {
        Place::of(self.properties, &self.declaration.at)
    }

    pub(crate) fn at(&self) -> Location {
        self.declaration.at.clone()
    }
}

/// A call of a data source that the text of a program holds.
pub(crate) struct Asked<'a> {
    pub(crate) function: &'a FunctionSchema,
    /// Where and with which arguments, with a [`Link`](super::Link) wherever a resource is named; none if that shows
    /// only when it is asked.
    pub(crate) how: Option<(Region, Value)>,
}

/// Made-up, because a check knows no account. Only regions and names of ARNs are looked at.
pub(crate) const ACCOUNT: &str = "000000000000";
const PARTITION: &str = "aws";

/// Answers with the made-up account, so that names that hold it are known but for it.
struct MadeUp;

impl Answered for MadeUp {
    fn get(&self, ask: &Ask) -> Option<Arc<Value>> {
        const CALLER: &str = "aws:index/getCallerIdentity:getCallerIdentity";
        let part = |name: &str, value: Value| (name.to_owned(), value);
        let parts = [
            part("accountId", ACCOUNT.into()),
            part("id", ACCOUNT.into()),
            part("arn", Value::Unknown),
            part("userId", Value::Unknown),
        ];
        (ask.function == CALLER).then(|| Arc::new(Value::Map(Map::from_iter(parts))))
    }
}

impl StackProgram {
    /// All resources, in the order of the declarations.
    pub(crate) fn survey(&self) -> Vec<Surveyed<'_>> {
        let world = &self.world;
        let (nodes, schemas) = self.nodes();
        let to = self.links(&schemas);
        let mut run = Run::alone(world, &to, &NoAnswers);
        let links: Vec<Value> = nodes.iter().map(|n| written(world, *n, &mut run)).collect();
        let mut values = self.values(&nodes, &schemas);
        let all = self.declarations.iter().zip(nodes).zip(schemas).zip(links).enumerate();
        let surveyed = all.map(|(i, (((declaration, node), schema), links))| {
            let (values, is_sound) = values.remove(&i).unwrap_or((Value::Null, false));
            let properties = &world.nodes[node].block.properties;
            Surveyed { declaration, schema, values, links, is_sound, properties }
        });
        surveyed.collect()
    }

    /// The types that it is made of.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.world.catalog
    }

    /// Whether it was given up for its size.
    pub(crate) fn is_too_big(&self) -> bool {
        self.world.too_big.get().is_some()
    }

    /// Whether every resource of the text is among the declarations. Some are not where it is not known
    /// which there are, or where something is wrong with them.
    pub(crate) fn is_whole(&self) -> bool {
        !self.world.is_partial
    }

    /// The nodes and the types of the declarations.
    fn nodes(&self) -> (Vec<usize>, Vec<&TypeSchema>) {
        let world = &self.world;
        let nodes: Vec<usize> = self.declarations.iter().filter_map(|d| world.by_urn.get(&d.urn).copied()).collect();
        let schemas = nodes.iter().filter_map(|n| world.schema(&world.nodes[*n])).collect();
        (nodes, schemas)
    }

    fn links<'a>(&'a self, schemas: &[&'a TypeSchema]) -> Links<'a> {
        Links::to(self.declarations.iter().map(|d| &d.urn).zip(schemas.iter().copied()))
    }

    /// The calls of data sources that its text holds, in the order of their names.
    pub(crate) fn asked(&self) -> Vec<Asked<'_>> {
        let world = &self.world;
        let to = self.links(&self.nodes().1);
        let mut run = Run::alone(world, &to, &MadeUp);
        let (mut all, mut met) = (BTreeMap::new(), BTreeSet::new());
        for (expr, frame) in self.evaluated() {
            for (token, call) in calls(expr) {
                met.insert(spot(&call.at));
                let asking = asking(call, frame, &mut run);
                let known = asking.as_ref().map(|Asking { ask, .. }| (ask.place.clone(), ask.arguments.clone()));
                all.insert((token, known), asking.map(|asking| (asking.ask.place, asking.arguments)));
            }
        }
        let used: BTreeSet<usize> = world.instances.iter().map(|instance| instance.body).collect();
        let written = used.into_iter().flat_map(|n| world.bodies[n].expressions()).flat_map(calls);
        for (token, _) in written.filter(|(_, call)| !met.contains(&spot(&call.at))) {
            all.insert((token, None), None);
        }
        let asked = all
            .into_iter()
            .filter_map(|((token, _), how)| Some(Asked { function: world.catalog.function(token)?, how }));
        asked.collect()
    }

    /// The expressions of its instances and resources, each with every frame that it has there.
    fn evaluated(&self) -> Vec<(&Expr, Frame)> {
        let world = &self.world;
        let mut all = Vec::new();
        for instance in &world.instances {
            all.extend(world.bodies[instance.body].own_expressions().map(|expr| (expr, instance.frame)));
            for bound in &instance.inputs {
                if let Bound::Given(expr, frame) = bound {
                    all.push((expr, *frame));
                }
            }
        }
        for node in &world.nodes {
            all.extend(node.block.expressions().map(|expr| (expr, node.frame)));
        }
        all
    }

    /// Inputs in the order of dependencies, each with what can be said of those before it, and whether they
    /// are sound.
    fn values(&self, nodes: &[usize], schemas: &[&TypeSchema]) -> HashMap<usize, (Value, bool)> {
        let mut known = Known::new();
        let (mut values, mut made) = (HashMap::new(), Amount::default());
        for i in self.by_dependency() {
            let (declaration, schema) = (&self.declarations[i], schemas[i]);
            if declaration.external.is_some() {
                continue;
            }
            let mut run = Run::alone(&self.world, &known, &MadeUp);
            run.budget = Budget::after(made);
            let found = judged(&self.world, nodes[i], &mut run);
            made = run.budget.made();
            let Some(Judged { given: Given { inputs: found, .. }, is_sound }) = found else { continue };
            let at = Where {
                partition: PARTITION.to_owned(),
                account: ACCOUNT.to_owned(),
                region: declaration.place.clone(),
                id: None,
            };
            let handle = foresight::of_new(schema, &declaration.urn, &found, &at);
            known.insert(declaration.urn.clone(), handle);
            values.insert(i, (found, is_sound));
        }
        values
    }

    /// The declarations, each after those that it needs. A circle is told of elsewhere.
    fn by_dependency(&self) -> Vec<usize> {
        let written = || (0..self.declarations.len()).collect();
        graph::order(&self.declarations, |_| Vec::new()).unwrap_or_else(|_| written())
    }
}

/// The calls of data sources that an expression holds.
fn calls(expr: &Expr) -> Vec<(&'static str, &Expr)> {
    let mut found = Vec::new();
    expr.calls(&mut found);
    found
}

/// What a call asks in a frame, whatever stands around it; none if that is not known.
fn asking(call: &Expr, frame: Frame, run: &mut Run) -> Option<Asking> {
    run.asks.clear();
    run.unasked.clear();
    run.eval(call, frame)?;
    run.asks.pop().filter(|asking| asking.at == call.at && !run.unasked.contains(&call.at))
}

fn spot(at: &Location) -> (&str, usize, usize) {
    (at.source.name.as_str(), at.start, at.end)
}

/// The inputs as written. What cannot be made of links is unknown.
fn written(world: &World, node: usize, run: &mut Run) -> Value {
    let node = &world.nodes[node];
    run.salvage(&node.block.properties, node.frame, &mut true)
}
