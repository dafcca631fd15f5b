//! From bodies to instances: components unfolded, `each` and `if` decided, places and names given.
//!
//! A resource is expanded when what decides about it is: its `each` may name resources that come
//! later in the text, so rounds go on until nothing waits.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::engine::diagnostic::{Diagnostic, Severity};
use crate::engine::program::Known;
use crate::engine::resource::Scope;
use crate::engine::urn::{Place, Urn};
use crate::engine::value::Value;
use crate::stack::body::{Block, Type};
use crate::stack::check;
use crate::stack::eval::{NoAnswers, Run};
use crate::stack::expr::{Accessor, Expr, Kind, Root};
use crate::stack::functions::{noun, scalar_text};
use crate::stack::instance::{Bound, Frame, Group, Instance, Member, Node, Parent, Target, World};
use crate::stack::regions;

/// Components inside components.
const MAX_DEPTH: usize = 32;

pub(crate) struct Expansion<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) project: &'a str,
    pub(crate) stack: &'a str,
    /// Components of the program, which every body may use.
    pub(crate) components: &'a HashMap<String, usize>,
    pub(crate) problems: &'a mut Vec<Diagnostic>,
}

/// What an attempt at a resource came to.
enum Step {
    Done,
    /// Something that it names is not expanded yet.
    Waits,
}

/// The value of an expression that must be known before anything exists.
enum Early {
    Known(Value),
    Waits,
    Poison,
}

impl Expansion<'_> {
    /// Expands the program and everything in it.
    pub(crate) fn run(&mut self) {
        // Providers first: a default provider decides where everything else lives.
        let mut waiting: Vec<(usize, usize)> = (0..self.world.body(0).resources.len()).map(|n| (0, n)).collect();
        waiting.sort_by_key(|(_, n)| self.world.body(0).resources[*n].ty != Type::Provider);
        let mut instances = 1;
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut later = Vec::new();
            for (instance, n) in std::mem::take(&mut waiting) {
                let made = (self.world.nodes.len(), self.world.instances.len());
                if matches!(self.resource(instance, n), Step::Waits) {
                    self.undo(made);
                    later.push((instance, n));
                }
            }
            let stuck = later.len() == before;
            waiting = later;
            while instances < self.world.instances.len() {
                waiting.extend((0..self.world.body(instances).resources.len()).map(|n| (instances, n)));
                instances += 1;
            }
            if stuck && waiting.len() == before {
                for (instance, n) in waiting.drain(..) {
                    let block = Arc::clone(&self.world.body(instance).resources[n]);
                    let text = format!("`each`, `if` or `parent` of resource `{}` leads back to itself", block.key);
                    self.problems.push(Diagnostic::error("cycle", text).at(block.at.clone()));
                    self.world.instances[instance].members[n] = Member::Poison;
                }
            }
        }
    }

    /// Takes back what a resource made before it turned out that it must wait.
    fn undo(&mut self, (nodes, instances): (usize, usize)) {
        for node in self.world.nodes.drain(nodes..) {
            self.world.by_urn.remove(&node.urn);
        }
        self.world.instances.truncate(instances);
    }

    fn default_provider(&mut self, block: &Block, index: usize) {
        let region = self.world.nodes[index].frame.region;
        let root = &mut self.world.instances[0];
        if let Some(first) = root.provider {
            let first = self.world.nodes[first].block.at.clone();
            let problem = Diagnostic::error("provider", "two providers are the default").at(block.at.clone());
            self.problems.push(problem.also(first, "the other one").help("remove one `defaultProvider`"));
            return;
        }
        root.provider = Some(index);
        root.frame.region = region.or(root.frame.region);
    }

    fn early(&mut self, expr: &Expr, frame: Frame) -> Early {
        let known = Known::new();
        let mut run = Run::new(self.world, &known, &NoAnswers);
        let value = run.eval(expr, frame);
        if run.pending {
            return Early::Waits;
        }
        let problems = run.problems;
        self.problems.extend(problems);
        value.map_or(Early::Poison, Early::Known)
    }

    fn resource(&mut self, instance: usize, n: usize) -> Step {
        let block = Arc::clone(&self.world.body(instance).resources[n]);
        let outer = self.world.instances[instance].frame;
        let member = match &block.each {
            None => match self.one(&block, instance, outer, None) {
                Ok(member) => member,
                Err(step) => return step,
            },
            Some(each) => {
                let items = match self.items(&block, each, outer) {
                    Ok(Some(group)) => Arc::new(group),
                    Ok(None) => {
                        self.world.instances[instance].members[n] = Member::Poison;
                        return Step::Done;
                    }
                    Err(step) => return step,
                };
                self.world.instances[instance].groups.insert(n, Arc::clone(&items));
                let mut targets = IndexMap::new();
                for (index, key) in items.keys.iter().enumerate() {
                    let frame = Frame { each: Some((n, index)), ..outer };
                    match self.one(&block, instance, frame, Some(key)) {
                        Ok(Member::One(target)) => {
                            targets.insert(key.clone(), target);
                        }
                        Ok(_) => {}
                        Err(step) => return step,
                    }
                }
                Member::Each(targets)
            }
        };
        self.world.instances[instance].members[n] = member;
        Step::Done
    }

    /// The keys and values of an `each`. `Ok(None)` after a mistake.
    fn items(&mut self, block: &Block, each: &Expr, outer: Frame) -> Result<Option<Group>, Step> {
        let value = match self.early(each, outer) {
            Early::Known(value) => value,
            Early::Waits => return Err(Step::Waits),
            Early::Poison => return Ok(None),
        };
        let text = match value.bare() {
            _ if matches!(value, Value::Secret(_)) => {
                format!("`each` of resource `{}` is secret, and its keys would become names", block.key)
            }
            Value::Map(map) => {
                let (keys, values) = map.iter().map(|(k, v)| (k.clone(), v.clone())).unzip();
                return Ok(Some(Group { keys, values }));
            }
            Value::List(items) => {
                let keys: Vec<String> = items
                    .iter()
                    .enumerate()
                    .map(|(n, item)| match item {
                        Value::Secret(_) | Value::Resource(_) => n.to_string(),
                        item => scalar_text(item).unwrap_or_else(|| n.to_string()),
                    })
                    .collect();
                let mut seen = HashSet::new();
                if let Some(twice) = keys.iter().find(|k| !seen.insert(k.as_str())) {
                    let text = format!("`each` of resource `{}` holds `{twice}` twice", block.key);
                    let problem = Diagnostic::error("duplicate-instance", text).at(each.at.clone());
                    self.problems.push(problem.help("make the items differ, for example with `fn::distinct`"));
                    return Ok(None);
                }
                return Ok(Some(Group { keys, values: items.clone() }));
            }
            Value::Unknown => {
                format!("`each` of resource `{}` must be known before anything exists", block.key)
            }
            other => format!("`each` of resource `{}` must be a list or a map, not {}", block.key, noun(other)),
        };
        let problem = Diagnostic::error("each", text).at(each.at.clone());
        self.problems.push(match value {
            Value::Unknown => problem.help("take it from the config, a literal, or another resource with `each`"),
            _ => problem,
        });
        Ok(None)
    }

    /// One instance of a resource.
    fn one(&mut self, block: &Arc<Block>, instance: usize, frame: Frame, key: Option<&str>) -> Result<Member, Step> {
        if let Some(condition) = &block.condition {
            match self.early(condition, frame) {
                Early::Waits => return Err(Step::Waits),
                Early::Poison => return Ok(Member::Poison),
                Early::Known(value) => match value.as_bool() {
                    Some(true) => {}
                    Some(false) => return Ok(Member::Absent),
                    None => {
                        let text = match value.bare() {
                            Value::Unknown => {
                                format!("`if` of resource `{}` must be known before anything exists", block.key)
                            }
                            other => format!("`if` of resource `{}` must be a boolean, not {}", block.key, noun(other)),
                        };
                        self.problems.push(Diagnostic::error("if", text).at(condition.at.clone()));
                        return Ok(Member::Poison);
                    }
                },
            }
        }
        let provider = match block.option("provider") {
            None => None,
            Some(expr) => match self.option_target(expr, frame, "provider")? {
                Some(Target::Node(node)) if self.world.nodes[node].block.ty == Type::Provider => Some(node),
                Some(_) => {
                    let text = format!("`provider` of resource `{}` is no provider", block.key);
                    let problem = Diagnostic::error("provider", text).at(expr.at.clone());
                    self.problems.push(problem.help("name a resource of type `pulumi:providers:aws`"));
                    None
                }
                None => None,
            },
        };
        let parent = match block.option("parent") {
            None => None,
            Some(expr) => self.option_target(expr, frame, "parent")?,
        };
        let parent_node = match parent {
            Some(Target::Node(node)) => Some(node),
            _ => None,
        };
        let home = self.world.instances[instance].parent.clone();
        let parent = match parent {
            Some(Target::Node(node)) => {
                let node = &self.world.nodes[node];
                Some(Parent { urn: node.urn.clone(), types: node.types.clone() })
            }
            Some(Target::Instance(other)) => self.world.instances[other].parent.clone(),
            None => home,
        };
        let inherited = parent_node.and_then(|node| self.world.nodes[node].provider);
        let own_provider = provider.is_some();
        let provider = provider.or(inherited).or(self.world.instances[instance].provider);
        let region =
            self.region(block, frame, provider.filter(|_| own_provider || inherited.is_some()), parent_node)?;
        let Some(region) = region else { return Ok(Member::Poison) };
        let frame = Frame { region, ..frame };
        let Some(name) = self.name(block, frame)? else { return Ok(Member::Poison) };
        let prefix = self.world.instances[instance].prefix.clone();
        let name = match key {
            Some(key) => format!("{prefix}{name}[\"{key}\"]"),
            None => format!("{prefix}{name}"),
        };
        let token = match &block.ty {
            Type::Managed(index) => self.world.catalog.types()[*index].token.to_owned(),
            Type::Component(component) => format!("drctl:component:{component}"),
            Type::Provider => "pulumi:providers:aws".to_owned(),
            Type::StackReference => "pulumi:pulumi:StackReference".to_owned(),
            Type::Unknown => return Ok(Member::Poison),
        };
        let types = match &parent {
            Some(parent) => format!("{}${token}", parent.types),
            None => token,
        };
        let urn = Urn::new(self.stack, self.project, &types, &name);
        if let Type::Component(component) = &block.ty {
            let parent = Parent { urn, types };
            return self.component(block, component, instance, frame, parent, format!("{name}/"), provider);
        }
        if let Some(first) = self.world.by_urn.get(&urn) {
            let first = self.world.nodes[*first].block.at.clone();
            let text = format!("two resources of type `{}` are called `{name}`", urn.ty());
            let problem = Diagnostic::error("duplicate-resource", text).at(block.at.clone()).of(&urn);
            self.problems.push(problem.also(first, "the other one").help("give one of them another `name`"));
            return Ok(Member::Poison);
        }
        let place = match self.place(block, frame) {
            Ok(place) => place,
            Err(problem) => {
                self.problems.push(problem.of(&urn));
                return Ok(Member::Poison);
            }
        };
        let protect = parent_node.and_then(|node| self.world.nodes[node].protect);
        let index = self.world.nodes.len();
        self.world.by_urn.insert(urn.clone(), index);
        self.world.nodes.push(Node {
            block: Arc::clone(block),
            frame,
            urn,
            types,
            parent: parent.map(|p| p.urn),
            place,
            provider,
            protect,
            secret_outputs: Vec::new(),
        });
        self.options(index);
        if block.default_provider {
            self.default_provider(block, index);
        }
        Ok(Member::One(Target::Node(index)))
    }

    /// What a reference among the options names.
    fn option_target(&mut self, expr: &Expr, frame: Frame, word: &str) -> Result<Option<Target>, Step> {
        let Kind::Reference(reference) = &expr.kind else {
            if !matches!(expr.kind, Kind::Poison) {
                let text = format!("`{word}` must be a reference such as `${{name}}`");
                self.problems.push(Diagnostic::error("wrong-type", text).at(expr.at.clone()));
            }
            return Ok(None);
        };
        let Root::Resource(n) = reference.root else {
            let text = format!("`{}` is no resource", reference.name);
            self.problems.push(Diagnostic::error("wrong-type", text).at(expr.at.clone()));
            return Ok(None);
        };
        let key = match reference.path.as_slice() {
            [] => None,
            [(Accessor::Key(key) | Accessor::Name(key), _)] => Some(key.clone()),
            [(Accessor::Of(inner), _)] => {
                let inner = Expr { kind: Kind::Reference(inner.clone()), at: inner.at.clone() };
                match self.early(&inner, frame) {
                    Early::Known(value) => scalar_text(&value),
                    Early::Waits => return Err(Step::Waits),
                    Early::Poison => return Ok(None),
                }
            }
            _ => None,
        };
        match (&self.world.instances[frame.instance].members[n], key) {
            (Member::Pending, _) => Err(Step::Waits),
            (Member::One(target), None) => Ok(Some(*target)),
            (Member::Each(targets), Some(key)) => Ok(targets.get(&key).copied()),
            _ => Ok(None),
        }
    }

    /// The region of a resource: its own, that of its provider, its parent, its component.
    /// `Ok(None)` after a mistake.
    fn region(
        &mut self,
        block: &Block,
        frame: Frame,
        provider: Option<usize>,
        parent: Option<usize>,
    ) -> Result<Option<Option<usize>>, Step> {
        let property = match (&block.properties.kind, &block.ty) {
            (_, Type::Component(_)) => None,
            (_, Type::Managed(index)) if self.world.catalog.types()[*index].inputs.get("region").is_some() => None,
            (Kind::Map(entries), _) => entries.iter().find(|(k, _, _)| k == "region").map(|(_, _, e)| e),
            _ => None,
        };
        let Some(expr) = block.region.as_ref().or(property) else {
            if let Some(index) = provider.or(parent) {
                let own = self.world.nodes[index].frame.region;
                return Ok(Some(own.or(frame.region)));
            }
            return Ok(Some(frame.region));
        };
        let value = match self.early(expr, frame) {
            Early::Known(value) => value,
            Early::Waits => return Err(Step::Waits),
            Early::Poison => return Ok(None),
        };
        let Some(text) = scalar_text(&value) else {
            let text = format!("the region of resource `{}` must be known before anything exists", block.key);
            self.problems.push(Diagnostic::error("unknown-region", text).at(expr.at.clone()));
            return Ok(None);
        };
        match self.world.find_region(&text) {
            Ok(region) => Ok(Some(Some(region))),
            Err(problem) => {
                self.problems.push(problem.at(expr.at.clone()));
                Ok(None)
            }
        }
    }

    fn place(&self, block: &Block, frame: Frame) -> Result<Place, Diagnostic> {
        let Type::Managed(index) = block.ty else {
            return Ok(self.world.region(frame).map_or_else(Place::global, |r| Place(r.name.clone())));
        };
        match (self.world.catalog.types()[index].facts.scope, self.world.region(frame)) {
            (Scope::Global, _) => Ok(Place::global()),
            (Scope::Region, Some(region)) => Ok(Place(region.name.clone())),
            (Scope::Region, None) => Err(regions::missing().at(block.at.clone())),
        }
    }

    fn name(&mut self, block: &Block, frame: Frame) -> Result<Option<String>, Step> {
        let Some(expr) = &block.name else { return Ok(Some(block.key.clone())) };
        let value = match self.early(expr, frame) {
            Early::Known(value) => value,
            Early::Waits => return Err(Step::Waits),
            Early::Poison => return Ok(None),
        };
        let name = scalar_text(&value);
        if name.is_none() {
            let text = format!("`name` of resource `{}` must be a string that is known at once", block.key);
            self.problems.push(Diagnostic::error("wrong-type", text).at(expr.at.clone()));
        }
        Ok(name)
    }

    #[allow(clippy::too_many_arguments, reason = "all that makes an instance, given once")]
    fn component(
        &mut self,
        block: &Arc<Block>,
        component: &str,
        instance: usize,
        frame: Frame,
        parent: Parent,
        prefix: String,
        provider: Option<usize>,
    ) -> Result<Member, Step> {
        let outer = &self.world.instances[instance];
        let own = self.world.bodies[outer.body].components.get(component);
        let Some(body) = own.or_else(|| self.components.get(component)).copied() else { return Ok(Member::Poison) };
        if outer.chain.contains(&body) || outer.chain.len() > MAX_DEPTH {
            let text = format!("component `{component}` contains itself");
            self.problems.push(Diagnostic::error("cycle", text).at(block.ty_at.clone()));
            return Ok(Member::Poison);
        }
        let mut chain = outer.chain.clone();
        chain.push(body);
        let mut depends_on = outer.depends_on.clone();
        let mut tags = outer.tags.clone();
        let protect = outer.protect;
        depends_on.extend(block.option("dependsOn").map(|expr| (expr.clone(), frame)));
        let index = self.world.instances.len();
        let inner = Frame { instance: index, each: None, region: frame.region };
        tags.extend(self.world.bodies[body].tags.clone().map(|expr| (expr, inner)));
        tags.extend(block.tags.clone().map(|expr| (expr, frame)));
        let inputs = self.bind(block, component, body, frame);
        let protect = match block.option("protect") {
            None => protect,
            Some(expr) => match self.early(expr, frame) {
                Early::Known(value) => value.as_bool().unwrap_or(protect),
                Early::Waits => return Err(Step::Waits),
                Early::Poison => protect,
            },
        };
        let former = match block.option("aliases") {
            None => Vec::new(),
            Some(expr) => match self.early(expr, frame) {
                Early::Known(value) => former(&value),
                Early::Waits => return Err(Step::Waits),
                Early::Poison => Vec::new(),
            },
        };
        let members = self.world.bodies[body].resources.iter().map(|_| Member::Pending).collect();
        self.world.instances.push(Instance {
            body,
            prefix,
            parent: Some(parent),
            frame: inner,
            inputs,
            members,
            groups: HashMap::new(),
            tags,
            protect,
            provider,
            depends_on,
            former,
            chain,
        });
        Ok(Member::One(Target::Instance(index)))
    }

    /// What the inputs of a component are bound to.
    fn bind(&mut self, block: &Block, component: &str, body: usize, frame: Frame) -> Vec<Bound> {
        let declared = &self.world.bodies[body].inputs;
        let Kind::Map(entries) = &block.properties.kind else {
            if !matches!(block.properties.kind, Kind::Poison) {
                let text = format!("the inputs of component `{component}` must be written as a map");
                self.problems.push(Diagnostic::error("wrong-type", text).at(block.properties.at.clone()));
            }
            return declared.iter().map(|_| Bound::Poison).collect();
        };
        for (name, at, _) in entries {
            if !declared.iter().any(|d| d.name == *name) {
                let known: Vec<&str> = declared.iter().map(|d| d.name.as_str()).collect();
                let problem = check::no_such(&format!("component `{component}` has no input"), name, &known);
                self.problems.push(problem.at(at.clone()));
            }
        }
        let given = |name: &str| entries.iter().find(|(k, _, e)| k == name && !is_null(e)).map(|(_, _, e)| e);
        let mut bound = Vec::with_capacity(declared.len());
        for input in declared {
            bound.push(match given(&input.name) {
                Some(expr) => Bound::Given(expr.clone(), frame),
                None if input.default.is_some() => Bound::Default,
                None => {
                    let text = format!("component `{component}` lacks the required input `{}`", input.name);
                    let problem = Diagnostic::error("missing-property", text).at(block.at.clone());
                    self.problems.push(problem.also(input.at.clone(), "declared here"));
                    Bound::Poison
                }
            });
        }
        bound
    }

    /// Options of a resource that others need to know about while the program is expanded.
    fn options(&mut self, index: usize) {
        let node = &self.world.nodes[index];
        let (block, frame) = (Arc::clone(&node.block), node.frame);
        let inherited = node.protect.unwrap_or(self.world.instances[frame.instance].protect);
        let mut protect = inherited;
        if let Some(expr) = block.option("protect")
            && let Early::Known(value) = self.early(expr, frame)
        {
            match value.as_bool() {
                Some(b) => protect = b,
                None => {
                    let text = format!("`protect` of resource `{}` must be a boolean that is known at once", block.key);
                    self.problems.push(Diagnostic::error("wrong-type", text).at(expr.at.clone()));
                }
            }
        }
        let mut secret = Vec::new();
        if let Some(expr) = block.option("additionalSecretOutputs")
            && let Early::Known(value) = self.early(expr, frame)
        {
            secret = value.as_list().into_iter().flatten().filter_map(scalar_text).collect();
        }
        let node = &mut self.world.nodes[index];
        node.protect = Some(protect);
        node.secret_outputs = secret;
    }
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr.kind, Kind::Literal(Value::Null))
}

/// Names of aliases.
fn former(value: &Value) -> Vec<String> {
    let names = value.as_list().into_iter().flatten().filter_map(|alias| match alias {
        Value::String(text) => Urn::parse(text).map(|urn| urn.name().to_owned()),
        alias => alias.get("name").and_then(Value::as_str).map(str::to_owned),
    });
    names.collect()
}

/// Whether any of the problems is an error.
pub(crate) fn failed(problems: &[Diagnostic]) -> bool {
    problems.iter().any(|p| p.severity == Severity::Error)
}
