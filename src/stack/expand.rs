//! From bodies to instances: components unfolded, `each` and `if` decided, places and names given.
//!
//! A resource is expanded when what decides about it is: its `each` may name resources that come
//! later in the text, so rounds go on until nothing waits.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::engine::diagnostic::{Diagnostic, Location, Severity};
use crate::engine::program::Known;
use crate::engine::resource::Scope;
use crate::engine::urn::{Place, Urn};
use crate::engine::value::Value;
use crate::stack::aliases::Subject;
use crate::stack::answers::{Answered, Asking, Question};
use crate::stack::body::{self, Block, Body, Type};
use crate::stack::budget::{Amount, Unfolded};
use crate::stack::check;
use crate::stack::eval::Run;
use crate::stack::expr::{Accessor, Expr, Kind, Part, Reference, Root};
use crate::stack::functions::{noun, scalar_text};
use crate::stack::instance::{
    Bound, COMPONENT, Ending, Frame, Group, Instance, Member, Node, Parent, Tags, Target, World,
};
use crate::stack::options;
use crate::stack::regions;

/// Components inside components.
const MAX_DEPTH: usize = 32;

pub(crate) struct Expansion<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) project: &'a str,
    pub(crate) stack: &'a str,
    /// Components of the program, which every body may use.
    pub(crate) components: &'a HashMap<String, usize>,
    pub(crate) answers: &'a dyn Answered,
    /// What only a cloud can decide.
    pub(crate) questions: &'a mut Vec<Question>,
    pub(crate) unfolded: Unfolded,
    pub(crate) problems: &'a mut Vec<Diagnostic>,
}

/// Why there is no instance of a resource.
enum Stop {
    /// Something that it names is not expanded yet.
    Waits,
    /// Its `if` is false.
    Absent,
    /// Only a data source can say.
    Open,
    /// A mistake, reported already.
    Poison,
}

/// What is known of an instance before it is made.
struct Draft {
    urn: Urn,
    types: String,
    parent: Option<Parent>,
    /// What holds for it unless its own options say otherwise.
    ending: Ending,
    provider: Option<usize>,
    frame: Frame,
    position: Vec<usize>,
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
                let made = (self.world.nodes.len(), self.world.instances.len(), self.unfolded);
                match self.resource(instance, n) {
                    Some(member) => self.world.instances[instance].members[n] = member,
                    None => {
                        self.undo(made);
                        later.push((instance, n));
                    }
                }
                if self.world.too_big.get().is_some() {
                    return self.give_up();
                }
            }
            let stuck = later.len() == before;
            waiting = later;
            while instances < self.world.instances.len() {
                waiting.extend((0..self.world.body(instances).resources.len()).map(|n| (instances, n)));
                instances += 1;
            }
            if stuck && waiting.len() == before {
                self.circle(&waiting);
                self.world.is_partial = true;
                for (instance, n) in waiting.drain(..) {
                    self.world.instances[instance].members[n] = Member::Poison;
                }
            }
        }
    }

    /// Resources whose `each`, `if`, `parent`, `region` or `name` wait for each other: one circle of them.
    fn circle(&mut self, waiting: &[(usize, usize)]) {
        let Some(start) = waiting.first().copied() else { return };
        let mut path = vec![start];
        loop {
            let (instance, n) = path[path.len() - 1];
            let body = self.world.body(instance);
            let block = &body.resources[n];
            let (mut named, mut seen) = (Vec::new(), HashSet::new());
            let deciding = [&block.each, &block.condition, &block.region, &block.name].into_iter().flatten();
            let options = ["parent", "provider", "providers", "protect", "retainOnDelete", "aliases"];
            let options = options.into_iter().filter_map(|o| block.option(o));
            deciding.chain(options).for_each(|expr| resources_in(expr, body, &mut named, &mut seen));
            let pending = |n: &usize| matches!(self.world.instances[instance].members[*n], Member::Pending);
            let Some(next) = named.into_iter().find(pending).map(|n| (instance, n)) else { break };
            if let Some(first) = path.iter().position(|p| *p == next) {
                path.drain(..first);
                break;
            }
            path.push(next);
        }
        let names: Vec<String> = path
            .iter()
            .chain(path.first())
            .map(|(i, n)| format!("`{}{}`", self.world.instances[*i].prefix, self.world.body(*i).resources[*n].key))
            .collect();
        let (instance, n) = path[0];
        let at = self.world.body(instance).resources[n].at.clone();
        let text = format!("circular dependency of what decides about resources: {}", names.join(" → "));
        let problem = Diagnostic::error("cycle", text).at(at);
        self.problems.push(problem.help("remove one of the references in `each`, `if`, `region`, `name` or `parent`"));
    }

    /// Takes back what a resource made before it turned out that it must wait.
    fn undo(&mut self, (nodes, instances, unfolded): (usize, usize, Unfolded)) {
        for node in self.world.nodes.drain(nodes..) {
            self.world.by_urn.remove(&node.urn);
        }
        self.world.instances.truncate(instances);
        self.unfolded = unfolded;
    }

    /// Lets everything go: of a program that is too big nothing else is looked at.
    fn give_up(&mut self) {
        self.world.nodes.clear();
        self.world.by_urn.clear();
        self.world.instances.truncate(1);
        let root = &mut self.world.instances[0];
        root.provider = None;
        root.groups.clear();
        root.members.fill_with(|| Member::Poison);
    }

    /// Takes into account what is about to be made.
    fn charge(&mut self, things: usize, copied: Amount, at: &Location) -> Result<(), Stop> {
        self.unfolded.charge(things, copied, at).map_err(|problem| {
            self.world.too_big.get_or_init(|| problem);
            Stop::Poison
        })
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

    /// The value of an expression as far as it is known before anything exists. Data sources may decide
    /// about it; `decides` says for what.
    fn early(&mut self, expr: &Expr, frame: Frame, decides: impl FnOnce() -> String) -> Result<Value, Stop> {
        let (value, asks) = self.known(expr, frame)?;
        if value == Value::Unknown && !asks.is_empty() {
            return self.open(asks, expr, decides());
        }
        Ok(value)
    }

    /// The value of an expression, and the calls of data sources in it that have no answer yet.
    fn known(&mut self, expr: &Expr, frame: Frame) -> Result<(Value, Vec<Asking>), Stop> {
        let known = Known::new();
        let mut run = Run::new(self.world, &known, self.answers);
        let value = run.eval(expr, frame);
        if run.pending {
            return Err(Stop::Waits);
        }
        let (problems, asks) = (run.problems, run.asks);
        self.problems.extend(problems);
        Ok((value.ok_or(Stop::Poison)?, asks))
    }

    fn open<T>(&mut self, asks: Vec<Asking>, expr: &Expr, decides: String) -> Result<T, Stop> {
        let question = |asking| Question { asking, decides: decides.clone(), at: expr.at.clone() };
        self.questions.extend(asks.into_iter().map(question));
        Err(Stop::Open)
    }

    fn poison<T>(&mut self, problem: Diagnostic) -> Result<T, Stop> {
        self.problems.push(problem);
        Err(Stop::Poison)
    }

    /// What a resource becomes; `None` if it must wait.
    fn resource(&mut self, instance: usize, n: usize) -> Option<Member> {
        let block = Arc::clone(&self.world.body(instance).resources[n]);
        let outer = self.world.instances[instance].frame;
        let Some(each) = &block.each else {
            return match self.one(&block, n, outer, None) {
                Ok(target) => Some(Member::One(target)),
                Err(stop) => self.stopped(&stop),
            };
        };
        let group = match self.items(&block, each, outer) {
            Ok(group) => Arc::new(group),
            Err(stop) => return self.stopped(&stop),
        };
        self.world.instances[instance].groups.insert(n, Arc::clone(&group));
        let (mut targets, mut open) = (IndexMap::new(), false);
        for (index, key) in group.keys.iter().enumerate() {
            match self.one(&block, n, Frame { each: Some((n, index)), ..outer }, Some(key)) {
                Ok(target) => {
                    targets.insert(key.clone(), target);
                }
                // Which of them there are is not known while one is open.
                Err(stop) => open |= matches!(self.stopped(&stop)?, Member::Open),
            }
        }
        Some(if open { Member::Open } else { Member::Each(targets) })
    }

    /// What a resource becomes of which there is no instance; `None` if it must wait.
    fn stopped(&mut self, stop: &Stop) -> Option<Member> {
        self.world.is_partial |= matches!(stop, Stop::Open | Stop::Poison);
        match stop {
            Stop::Absent => Some(Member::Absent),
            Stop::Open => Some(Member::Open),
            Stop::Poison => Some(Member::Poison),
            Stop::Waits => None,
        }
    }

    /// The keys and values of an `each`.
    fn items(&mut self, block: &Block, each: &Expr, outer: Frame) -> Result<Group, Stop> {
        let (value, asks) = self.known(each, outer)?;
        let what = format!("`each` of resource `{}`", block.key);
        // The items of a list give the names.
        let unnamed = value.as_list().is_some_and(|items| items.contains(&Value::Unknown));
        if (value == Value::Unknown || unnamed) && !asks.is_empty() {
            return self.open(asks, each, what);
        }
        let items = value.as_map().map(|map| map.len()).or(value.as_list().map(<[Value]>::len));
        self.charge(items.unwrap_or(0), Amount::of(&value), &each.at)?;
        let (text, help) = match &value {
            Value::Map(map) => {
                let (keys, values) = map.iter().map(|(k, v)| (k.clone(), v.clone())).unzip();
                return Ok(Group { keys, values });
            }
            Value::List(items) => {
                let keys: Vec<String> = items.iter().enumerate().map(|(n, item)| key(n, item)).collect();
                let mut seen = HashSet::new();
                match keys.iter().find(|k| !seen.insert(k.as_str())) {
                    None => return Ok(Group { keys, values: items.clone() }),
                    Some(twice) => (
                        format!("{what} holds `{twice}` twice"),
                        "make the items differ, for example with `fn::distinct`",
                    ),
                }
            }
            Value::Secret(_) => (
                format!("{what} is secret, and its keys would become names"),
                "take it from a value that is not secret",
            ),
            Value::Unknown => (
                format!("{what} must be known before anything exists"),
                "take it from the config, a literal, or another resource with `each`",
            ),
            other => {
                (format!("{what} must be a list or a map, not {}", noun(other)), "`fn::range` makes a list of numbers")
            }
        };
        self.poison(Diagnostic::error("each", text).at(each.at.clone()).help(help))
    }

    /// One instance of a resource.
    fn one(&mut self, block: &Arc<Block>, n: usize, frame: Frame, key: Option<&str>) -> Result<Target, Stop> {
        self.condition(block, frame)?;
        let draft = self.draft(block, n, frame, key)?;
        let names = Amount::bytes(draft.urn.as_str().len() + draft.types.len());
        match &block.ty {
            Type::Component(component) => {
                self.charge(1, names, &block.ty_at)?;
                self.component(block, component, draft)
            }
            _ => {
                self.charge(1, names, &block.at)?;
                self.node(block, draft)
            }
        }
    }

    fn condition(&mut self, block: &Block, frame: Frame) -> Result<(), Stop> {
        let Some(condition) = &block.condition else { return Ok(()) };
        let value = self.early(condition, frame, || format!("`if` of resource `{}`", block.key))?;
        let wanted = match value.bare() {
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => return Err(Stop::Absent),
            Value::Unknown => "known before anything exists".to_owned(),
            other => format!("a boolean, not {}", noun(other)),
        };
        let text = format!("`if` of resource `{}` must be {wanted}", block.key);
        self.poison(Diagnostic::error("if", text).at(condition.at.clone()))
    }

    /// Decides where an instance belongs and what it is called.
    fn draft(&mut self, block: &Block, n: usize, frame: Frame, key: Option<&str>) -> Result<Draft, Stop> {
        let own = self.provider(block, frame)?;
        let parent = match block.option("parent") {
            None => None,
            Some(expr) => self.option_target(expr, frame, "parent")?,
        };
        let home = &self.world.instances[frame.instance];
        let (parent, ending, parent_node) = match parent {
            None => (home.parent.clone(), home.ending.clone(), None),
            Some(Target::Instance(other)) => {
                let other = &self.world.instances[other];
                (other.parent.clone(), other.ending.clone(), None)
            }
            Some(Target::Node(index)) => {
                let node = &self.world.nodes[index];
                let parent = Parent { urn: node.urn.clone(), types: node.types.clone() };
                (Some(parent), node.ending.clone(), Some(index))
            }
        };
        let nearest = own.or(parent_node.and_then(|index| self.world.nodes[index].provider));
        let provider = nearest.or(home.provider);
        let prefix = home.prefix.clone();
        let mut position = home.position.clone();
        position.extend([n, frame.each.map_or(0, |(_, index)| index)]);
        let region = self.region(block, frame, nearest.or(parent_node))?;
        let frame = Frame { region, ..frame };
        let name = self.name(block, frame)?;
        let name = match key {
            Some(key) => format!("{prefix}{name}[\"{key}\"]"),
            None => format!("{prefix}{name}"),
        };
        let token = match &block.ty {
            Type::Managed(index) => self.world.catalog.schema_at(*index).token.to_owned(),
            Type::Component(component) => format!("{COMPONENT}{component}"),
            Type::Provider => "pulumi:providers:aws".to_owned(),
            Type::StackReference => "pulumi:pulumi:StackReference".to_owned(),
            Type::Unknown => return Err(Stop::Poison),
        };
        let types = match &parent {
            Some(parent) => format!("{}${token}", parent.types),
            None => token,
        };
        let urn = Urn::new(self.stack, self.project, &types, &name);
        Ok(Draft { urn, types, parent, ending, provider, frame, position })
    }

    /// The provider that a resource names.
    fn provider(&mut self, block: &Block, frame: Frame) -> Result<Option<usize>, Stop> {
        let many = block.option("providers").map(parts).unwrap_or_default();
        let expr = match (block.option("provider"), many.as_slice()) {
            (Some(expr), _) => expr,
            (None, [one]) => *one,
            (None, []) => return Ok(None),
            (None, [_, second, ..]) => {
                let text = format!("`providers` of resource `{}` names more than one provider", block.key);
                let problem = Diagnostic::error("provider", text).at(second.at.clone());
                return self.poison(problem.help("all types are of one provider: leave one of them"));
            }
        };
        match self.option_target(expr, frame, "provider")? {
            Some(Target::Node(node)) if self.world.nodes[node].block.ty == Type::Provider => Ok(Some(node)),
            Some(_) => {
                let text = format!("`provider` of resource `{}` is no provider", block.key);
                let problem = Diagnostic::error("provider", text).at(expr.at.clone());
                self.poison(problem.help("name a resource of type `pulumi:providers:aws`"))
            }
            None => Ok(None),
        }
    }

    /// Makes a resource, a provider or a stack reference.
    fn node(&mut self, block: &Arc<Block>, draft: Draft) -> Result<Target, Stop> {
        let urn = draft.urn;
        if let Some(first) = self.world.by_urn.get(&urn) {
            let first = self.world.nodes[*first].block.at.clone();
            let text = format!("two resources of type `{}` are called `{}`", urn.ty(), urn.name());
            let problem = Diagnostic::error("duplicate-resource", text).at(block.at.clone()).of(&urn);
            return self.poison(problem.also(first, "the other one").help("give one of them another `name`"));
        }
        let place = self.place(block, draft.frame);
        let ending = self.ending(block, draft.frame, draft.ending)?;
        let secret_outputs = match block.option("additionalSecretOutputs") {
            None => Vec::new(),
            Some(expr) => {
                let value =
                    self.early(expr, draft.frame, || format!("`additionalSecretOutputs` of resource `{}`", block.key))?;
                value.as_list().into_iter().flatten().filter_map(scalar_text).collect()
            }
        };
        let index = self.world.nodes.len();
        self.world.by_urn.insert(urn.clone(), index);
        self.world.nodes.push(Node {
            block: Arc::clone(block),
            frame: draft.frame,
            urn,
            types: draft.types,
            parent: draft.parent.map(|p| p.urn),
            place,
            provider: draft.provider,
            ending,
            secret_outputs,
            position: draft.position,
        });
        if block.default_provider {
            self.default_provider(block, index);
        }
        Ok(Target::Node(index))
    }

    /// The options about its end: its own, or else those of what it stands in.
    fn ending(&mut self, block: &Arc<Block>, frame: Frame, inherited: Ending) -> Result<Ending, Stop> {
        Ok(Ending {
            protect: self.switch("protect", block, frame, inherited.protect)?,
            retain_on_delete: self.switch("retainOnDelete", block, frame, inherited.retain_on_delete)?,
            deleted_with: match block.option("deletedWith") {
                Some(_) => Some((Arc::clone(block), frame)),
                None => inherited.deleted_with,
            },
        })
    }

    fn switch(&mut self, word: &str, block: &Block, frame: Frame, inherited: bool) -> Result<bool, Stop> {
        let Some(expr) = block.option(word) else { return Ok(inherited) };
        let value = self.early(expr, frame, || format!("`{word}` of resource `{}`", block.key))?;
        if value.is_null() {
            return Ok(inherited);
        }
        Ok(options::flag(&value).unwrap_or_else(|| {
            let text = format!("`{word}` of resource `{}` must be a boolean that is known at once", block.key);
            self.problems.push(Diagnostic::error("wrong-type", text).at(expr.at.clone()));
            inherited
        }))
    }

    /// What a component may have been before.
    fn former(&mut self, block: &Block, frame: Frame, urn: &Urn) -> Result<Vec<Urn>, Stop> {
        let aliases = match block.option("aliases") {
            None => Value::Null,
            Some(expr) => self.early(expr, frame, || format!("`aliases` of resource `{}`", block.key))?,
        };
        let home = &self.world.instances[frame.instance];
        let former = Subject { urn, key: self.world.key(frame), home }.former(&aliases);
        former.or_else(|problem| {
            let at = block.option("aliases").map(|expr| expr.at.clone());
            self.poison(Diagnostic { at, ..problem }.of(urn))
        })
    }

    /// What a reference among the options names.
    fn option_target(&mut self, expr: &Expr, frame: Frame, word: &str) -> Result<Option<Target>, Stop> {
        let reference = match &expr.kind {
            Kind::Reference(reference) => reference,
            Kind::Poison => return Err(Stop::Poison),
            _ => {
                let text = format!("`{word}` must be a reference such as `${{name}}`");
                return self.poison(Diagnostic::error("wrong-type", text).at(expr.at.clone()));
            }
        };
        let Root::Resource(n) = reference.root else {
            let text = format!("`{}` is no resource", reference.name);
            return self.poison(Diagnostic::error("wrong-type", text).at(expr.at.clone()));
        };
        let key = match reference.path.as_slice() {
            [(Accessor::Key(key) | Accessor::Name(key), _)] => Some(key.clone()),
            [(Accessor::Of(inner), _)] => {
                let inner = Expr { kind: Kind::Reference(inner.clone()), at: inner.at.clone() };
                scalar_text(&self.early(&inner, frame, || format!("`{word}`"))?)
            }
            _ => None,
        };
        match (&self.world.instances[frame.instance].members[n], key) {
            (Member::Pending, _) => Err(Stop::Waits),
            (Member::Open, _) => Err(Stop::Open),
            (Member::One(target), None) => Ok(Some(*target)),
            (Member::Each(targets), Some(key)) => Ok(targets.get(&key).copied()),
            _ => Ok(None),
        }
    }

    /// The region of a resource: its own, that of the provider or parent it names, that of its component.
    fn region(&mut self, block: &Block, frame: Frame, named: Option<usize>) -> Result<Option<usize>, Stop> {
        let property = self.region_property(block);
        let own = self.given_region(block, block.region.as_ref(), frame)?;
        let also = self.given_region(block, property, frame)?;
        if let (Some(own), Some(also), Some(expr)) = (own, also, property) {
            self.contradiction(block, (own, also), expr);
        }
        let inherited = || named.and_then(|index| self.world.nodes[index].frame.region).or(frame.region);
        Ok(own.or(also).or_else(inherited))
    }

    /// The property `region` of a type that has no such input of its own: another spelling of the key.
    fn region_property<'b>(&mut self, block: &'b Block) -> Option<&'b Expr> {
        let Kind::Map(entries) = &block.properties.kind else { return None };
        let (_, at, expr) = entries.iter().find(|(name, _, _)| name == "region")?;
        let index = match block.ty {
            Type::Managed(index) => index,
            Type::Component(_) => return None,
            _ => return Some(expr),
        };
        let schema = self.world.catalog.schema_at(index);
        if schema.inputs.get("region").is_some() {
            return None;
        }
        if schema.facts.scope == Scope::Global {
            let text = format!("`{}` lives in no region and has no input `region`", body::short(schema.token));
            let problem = Diagnostic::error("unknown-property", text).at(at.clone());
            self.problems.push(problem.help("remove it: the resource is the same in all regions"));
            return None;
        }
        Some(expr)
    }

    fn given_region(&mut self, block: &Block, expr: Option<&Expr>, frame: Frame) -> Result<Option<usize>, Stop> {
        let Some(expr) = expr else { return Ok(None) };
        let value = self.early(expr, frame, || format!("the region of resource `{}`", block.key))?;
        let Some(text) = scalar_text(&value) else {
            let text = format!("the region of resource `{}` must be known before anything exists", block.key);
            return self.poison(Diagnostic::error("unknown-region", text).at(expr.at.clone()));
        };
        match self.world.find_region(&text) {
            Ok(region) => {
                let doubt = self.world.doubt(&text).map(|problem| problem.at(expr.at.clone()));
                self.problems.extend(doubt);
                Ok(Some(region))
            }
            Err(problem) => self.poison(problem.at(expr.at.clone())),
        }
    }

    /// A resource cannot be in the region of its key and in that of its property.
    fn contradiction(&mut self, block: &Block, (own, also): (usize, usize), property: &Expr) {
        let (own, also) = (&self.world.regions[own].name, &self.world.regions[also].name);
        if own == also {
            return;
        }
        let text = format!("resource `{}` has `region: {own}`, and its property `region` says `{also}`", block.key);
        let problem = Diagnostic::error("conflict", text).at(property.at.clone());
        self.problems.push(match &block.region {
            Some(key) => problem.also(key.at.clone(), "the other one").help("remove one of them"),
            None => problem,
        });
    }

    /// Where a resource lives. One that has no region is told and gets a placeholder.
    fn place(&mut self, block: &Block, frame: Frame) -> Place {
        let region = self.world.region(frame).map(|region| Place(region.name.clone()));
        let Type::Managed(index) = block.ty else { return region.unwrap_or_else(Place::global) };
        match self.world.catalog.schema_at(index).facts.scope {
            Scope::Global => Place::global(),
            Scope::Region => region.unwrap_or_else(|| {
                self.problems.push(regions::missing().at(block.at.clone()));
                Place(regions::placeholder().name)
            }),
        }
    }

    fn name(&mut self, block: &Block, frame: Frame) -> Result<String, Stop> {
        let Some(expr) = &block.name else { return Ok(block.key.clone()) };
        let value = self.early(expr, frame, || format!("`name` of resource `{}`", block.key))?;
        match scalar_text(&value).filter(|_| !value.has_secret()) {
            Some(name) => Ok(name),
            None => {
                let text =
                    format!("`name` of resource `{}` must be a string that is known at once and not secret", block.key);
                self.poison(Diagnostic::error("wrong-type", text).at(expr.at.clone()))
            }
        }
    }

    /// Makes an instance of a component; its resources follow in the next round.
    fn component(&mut self, block: &Arc<Block>, component: &str, draft: Draft) -> Result<Target, Stop> {
        let frame = draft.frame;
        let outer = &self.world.instances[frame.instance];
        let own = self.world.bodies[outer.body].components.get(component);
        let Some(body) = own.or_else(|| self.components.get(component)).copied() else { return Err(Stop::Poison) };
        if outer.chain.contains(&body) || outer.chain.len() > MAX_DEPTH {
            let text = format!("component `{component}` contains itself");
            return self.poison(Diagnostic::error("cycle", text).at(block.ty_at.clone()));
        }
        let given = std::iter::once(&block.properties).chain(&block.tags).chain(block.option("dependsOn"));
        let inherited = outer.tags.iter().map(|tags| &tags.expr).chain(outer.depends_on.iter().map(|(expr, _)| expr));
        let copied = given.chain(inherited).chain(&self.world.bodies[body].tags).map(size);
        let copied = copied.fold(Amount::default(), Amount::and);
        self.charge(0, copied, &block.ty_at)?;
        let outer = &self.world.instances[frame.instance];
        let mut chain = outer.chain.clone();
        chain.push(body);
        let mut depends_on = outer.depends_on.clone();
        depends_on.extend(block.option("dependsOn").map(|expr| (expr.clone(), frame)));
        let index = self.world.instances.len();
        let inner = Frame { instance: index, each: None, region: frame.region };
        let mut tags = outer.tags.clone();
        tags.extend(self.world.bodies[body].tags.clone().map(|expr| Tags { expr, frame: inner, only: None }));
        tags.extend(block.tags.clone().map(|expr| Tags { expr, frame, only: None }));
        tags.sort_by_key(|tags| tags.only.is_some());
        let ending = self.ending(block, frame, draft.ending)?;
        let former = self.former(block, frame, &draft.urn)?;
        let inputs = self.bind(block, component, body, frame);
        let members = self.world.bodies[body].resources.iter().map(|_| Member::Pending).collect();
        self.world.instances.push(Instance {
            body,
            prefix: format!("{}/", draft.urn.name()),
            parent: Some(Parent { urn: draft.urn, types: draft.types }),
            frame: inner,
            inputs,
            members,
            groups: HashMap::new(),
            tags,
            ending,
            provider: draft.provider,
            depends_on,
            former,
            chain,
            position: draft.position,
        });
        Ok(Target::Instance(index))
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
}

/// The key of an item of a list: its own text, or its number.
fn key(n: usize, item: &Value) -> String {
    match item {
        Value::Secret(_) | Value::Resource(_) => n.to_string(),
        item => scalar_text(item).unwrap_or_else(|| n.to_string()),
    }
}

/// Resources of the body that an expression names, through variables too.
fn resources_in(expr: &Expr, body: &Body, found: &mut Vec<usize>, seen: &mut HashSet<usize>) {
    let mut root = |reference: &Reference| match reference.root {
        Root::Resource(n) => found.push(n),
        Root::Variable(n) if seen.insert(n) => resources_in(&body.variables[n].value, body, found, seen),
        _ => {}
    };
    match &expr.kind {
        Kind::Reference(reference) => root(reference),
        Kind::Text(parts) => parts.iter().for_each(|part| {
            if let Part::Reference(reference) = part {
                root(reference);
            }
        }),
        Kind::List(items) => items.iter().for_each(|e| resources_in(e, body, found, seen)),
        Kind::Map(entries) => entries.iter().for_each(|(_, _, e)| resources_in(e, body, found, seen)),
        Kind::Call(_, argument) => resources_in(argument, body, found, seen),
        Kind::Invoke(invoke) => resources_in(&invoke.arguments, body, found, seen),
        Kind::Literal(_) | Kind::Poison => {}
    }
}

/// What a copy of an expression takes.
fn size(expr: &Expr) -> Amount {
    let all = |amounts: &mut dyn Iterator<Item = Amount>| amounts.fold(Amount::values(1), Amount::and);
    let path = |reference: &Reference| Amount::values(1 + reference.path.len());
    match &expr.kind {
        Kind::Literal(value) => Amount::of(value),
        Kind::Text(parts) => all(&mut parts.iter().map(|part| match part {
            Part::Literal(text) => Amount::bytes(text.len()),
            Part::Reference(reference) => path(reference),
        })),
        Kind::Reference(reference) => path(reference),
        Kind::List(items) => all(&mut items.iter().map(size)),
        Kind::Map(entries) => all(&mut entries.iter().map(|(key, _, e)| Amount::bytes(key.len()).and(size(e)))),
        Kind::Call(_, argument) => all(&mut std::iter::once(size(argument))),
        Kind::Invoke(invoke) => all(&mut std::iter::once(size(&invoke.arguments))),
        Kind::Poison => Amount::values(1),
    }
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr.kind, Kind::Literal(Value::Null))
}

/// The items of a list or a map, or what stands alone.
fn parts(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        Kind::List(items) => items.iter().collect(),
        Kind::Map(entries) => entries.iter().map(|(_, _, value)| value).collect(),
        Kind::Literal(Value::Null) => Vec::new(),
        _ => vec![expr],
    }
}

/// Whether any of the problems is an error.
pub(crate) fn failed(problems: &[Diagnostic]) -> bool {
    problems.iter().any(|p| p.severity == Severity::Error)
}
