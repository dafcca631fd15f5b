//! Expressions to values. Unknown stays unknown, secret stays secret.
//!
//! Evaluation never waits: calls of data sources that have no answer yet are noted in
//! [`Run::asks`] and count as unknown; the caller gets the answers and evaluates again.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::urn::Place;
use crate::engine::value::{Map, Value};
use crate::stack::answers::{Answered, Ask, Asking};
use crate::stack::body::Type;
use crate::stack::budget::{Amount, Budget, too_big};
use crate::stack::check;
use crate::stack::expand::failed;
use crate::stack::expr::{Accessor, Expr, Invoke, Kind, Part, Reference, Root};
use crate::stack::functions::{self, Builtin, Fault, How, Lazy, Site, noun, scalar_text};
use crate::stack::instance::{Bound, Frame, Member, Slot, Target, World};
use crate::stack::lead::{Lead, Piece};
use crate::stack::paths;
use crate::stack::regions::{self, Region, is_region};
use crate::stack::sight::Sight;

/// One evaluation. `None` means that a part is wrong and has been reported.
pub(crate) struct Run<'a> {
    world: &'a World,
    sight: &'a dyn Sight,
    answers: &'a dyn Answered,
    memo: HashMap<Slot, Option<Arc<Value>>>,
    groups: HashMap<(usize, usize), Option<Arc<Value>>>,
    pieces: HashMap<Piece<'a>, Option<Arc<Value>>>,
    /// Names inside names, evaluated right now.
    depth: usize,
    pub(crate) budget: Budget,
    /// Evaluates a program that is loaded. What is too big for that stops nothing else.
    is_alone: bool,
    too_big: Option<Diagnostic>,
    pub(crate) problems: Vec<Diagnostic>,
    pub(crate) asks: Vec<Asking>,
    /// Calls of data sources with arguments that are not known.
    pub(crate) unasked: Vec<Location>,
    /// URLs whose bytes are needed, and where.
    pub(crate) fetches: Vec<(String, Location)>,
    /// A resource was met that is not expanded yet.
    pub(crate) pending: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn new(world: &'a World, sight: &'a dyn Sight, answers: &'a dyn Answered) -> Self {
        Self {
            world,
            sight,
            answers,
            memo: HashMap::new(),
            groups: HashMap::new(),
            pieces: HashMap::new(),
            depth: 0,
            budget: Budget::default(),
            is_alone: false,
            too_big: None,
            problems: Vec::new(),
            asks: Vec::new(),
            unasked: Vec::new(),
            fetches: Vec::new(),
            pending: false,
        }
    }

    /// An evaluation of a program that is loaded.
    pub(crate) fn alone(world: &'a World, sight: &'a dyn Sight, answers: &'a dyn Answered) -> Self {
        Self { is_alone: true, ..Self::new(world, sight, answers) }
    }

    /// Everything that is wrong.
    pub(crate) fn into_problems(self) -> Vec<Diagnostic> {
        self.problems.into_iter().chain(self.too_big).collect()
    }

    fn is_over(&self) -> bool {
        self.too_big.is_some() || !self.is_alone && self.world.too_big.get().is_some()
    }

    /// Takes what was made into account. What is too big is told once, and nothing is evaluated then.
    fn charge(&mut self, amount: Amount, at: &Location) -> Option<()> {
        if self.budget.charge(amount) { Some(()) } else { self.overdraw(at) }
    }

    fn overdraw<T>(&mut self, at: &Location) -> Option<T> {
        if self.is_alone {
            self.too_big.get_or_insert_with(|| too_big(at));
        } else {
            self.world.too_big.get_or_init(|| too_big(at));
        }
        None
    }

    fn fail<T>(&mut self, problem: Diagnostic) -> Option<T> {
        self.problems.push(problem);
        None
    }

    pub(crate) fn eval(&mut self, expr: &Expr, frame: Frame) -> Option<Value> {
        if self.is_over() {
            return None;
        }
        match &expr.kind {
            Kind::Literal(value) => Some(value.clone()),
            Kind::List(items) => {
                // Every item is looked at, so that all mistakes are reported.
                let values: Vec<_> = items.iter().map(|item| self.eval(item, frame)).collect();
                values.into_iter().collect::<Option<_>>().map(Value::List)
            }
            Kind::Map(entries) => {
                let values: Vec<_> = entries.iter().map(|(k, _, e)| (k, self.eval(e, frame))).collect();
                let mut map = Map::with_capacity(values.len());
                for (key, value) in values {
                    let value = value?;
                    if !matches!(value, Value::Null) {
                        map.insert(key.clone(), value);
                    }
                }
                Some(Value::Map(map))
            }
            Kind::Text(parts) => self.text(parts, &expr.at, frame),
            Kind::Reference(reference) => self.reference(reference, frame),
            Kind::Call(builtin, argument) => {
                let before = self.budget.made();
                let value = self.call(builtin, argument, expr, frame);
                self.budget.forget_since(before);
                let value = value?;
                self.charge(Amount::of(&value), &expr.at)?;
                Some(value)
            }
            Kind::Invoke(invoke) => self.invoke(invoke, &expr.at, frame),
            Kind::Poison => None,
        }
    }

    /// The value with unknowns in the place of parts that are wrong, which have been reported. `is_sound`
    /// becomes false if there is any.
    pub(crate) fn salvage(&mut self, expr: &Expr, frame: Frame, is_sound: &mut bool) -> Value {
        match &expr.kind {
            Kind::List(items) => {
                let values: Vec<_> = items.iter().map(|item| self.salvage(item, frame, is_sound)).collect();
                Value::List(values)
            }
            Kind::Map(entries) => {
                let values = entries.iter().map(|(key, _, expr)| (key.clone(), self.salvage(expr, frame, is_sound)));
                Value::Map(values.filter(|(_, value)| !value.is_null()).collect())
            }
            _ => self.eval(expr, frame).unwrap_or_else(|| {
                *is_sound = false;
                Value::Unknown
            }),
        }
    }

    fn text(&mut self, parts: &[Part], at: &Location, frame: Frame) -> Option<Value> {
        let before = self.budget.made();
        let (mut text, mut secret, mut unknown, mut failed) = (String::new(), false, false, false);
        for part in parts {
            let reference = match part {
                Part::Literal(literal) => {
                    text.push_str(literal);
                    continue;
                }
                Part::Reference(reference) => reference,
            };
            let Some(value) = self.reference(reference, frame) else {
                failed = true;
                continue;
            };
            // The text takes its place.
            self.budget.forget_since(before);
            secret |= value.has_secret();
            self.world.secrets.learn(&value);
            if value.has_unknown() {
                unknown = true;
            } else if let Some(shown) = scalar_text(&value) {
                text.push_str(&shown);
                if !self.budget.room().has(Amount::bytes(text.len())) {
                    return self.overdraw(at);
                }
            } else {
                failed = true;
                self.problems.push(no_text(&value, reference));
            }
        }
        if failed {
            return None;
        }
        let value = if unknown { Value::Unknown } else { Value::String(text) };
        self.charge(Amount::of(&value), at)?;
        Some(if secret { value.secret() } else { value })
    }

    /// The value of a variable, input or output, evaluated once.
    pub(crate) fn slot(&mut self, slot: Slot) -> Option<Arc<Value>> {
        let world = self.world;
        if let Some(value) = world.constants.get(&slot) {
            return Some(Arc::clone(value));
        }
        if let Some(value) = self.memo.get(&slot) {
            return value.clone();
        }
        if self.depth >= MAX_CHAIN {
            return self.fail(too_deep());
        }
        self.depth += 1;
        // Whoever asks for it again while it is evaluated stands in a circle, which is reported elsewhere.
        self.memo.insert(slot, None);
        let before = self.budget.made();
        let value = match slot {
            Slot::Variable(instance, n) => {
                self.eval(&world.body(instance).variables[n].value, world.instances[instance].frame)
            }
            Slot::Output(instance, n) => {
                self.eval(&world.body(instance).outputs[n].value, world.instances[instance].frame)
            }
            Slot::Input(instance, n) => self.input(instance, n),
        };
        self.depth -= 1;
        self.budget.hold_since(before);
        let value = value.map(Arc::new);
        self.memo.insert(slot, value.clone());
        value
    }

    fn input(&mut self, instance: usize, n: usize) -> Option<Value> {
        let world = self.world;
        let declared = &world.body(instance).inputs[n];
        let (value, at) = match &world.instances[instance].inputs[n] {
            Bound::Value(value) => return Some(Value::clone(value)),
            Bound::Poison => return None,
            Bound::Given(expr, frame) => (self.eval(expr, *frame)?, &expr.at),
            Bound::Default => match &declared.default {
                Some(default) => (self.eval(default, world.instances[instance].frame)?, &default.at),
                None => return Some(Value::Null),
            },
        };
        let value = match &declared.ty {
            Some(ty) if !value.is_null() => {
                let given = noun(&value);
                match ty.convert(value) {
                    Some(value) => value,
                    None => {
                        let text = format!("input `{}` must be of type {}, not {given}", declared.name, ty.name());
                        return self.fail(Diagnostic::error("wrong-type", text).at(at.clone()));
                    }
                }
            }
            _ => value,
        };
        Some(if declared.secret { value.secret() } else { value })
    }

    /// What a reference stands for, as a copy of its own.
    fn reference(&mut self, reference: &Reference, frame: Frame) -> Option<Value> {
        let value = self.behind(reference, frame)?;
        self.charge(Amount::of(&value), &reference.at)?;
        Some(value)
    }

    fn behind(&mut self, reference: &Reference, frame: Frame) -> Option<Value> {
        let world = self.world;
        let constant = Slot::of(reference.root, frame.instance).is_some_and(|slot| world.constants.contains_key(&slot));
        match world.lead(reference, frame, &mut |key, frame| self.key(key, frame)).filter(|_| !constant) {
            None => self.whole(reference, frame),
            Some(Lead::Name(next, there)) => self.whole(&next, there),
            Some(Lead::Value(piece, rest)) => {
                let value = self.piece(piece)?;
                self.navigate(&value, &rest, frame)
            }
        }
    }

    /// A key in brackets, if it is known. What is wrong with it is told where it is needed.
    fn key(&mut self, reference: &Reference, frame: Frame) -> Option<String> {
        let (problems, asks) = (self.problems.len(), self.asks.len());
        let key = self.reference(reference, frame);
        self.problems.truncate(problems);
        self.asks.truncate(asks);
        key.filter(|key| !key.has_unknown()).as_ref().and_then(scalar_text)
    }

    /// The value of a piece of a named value, evaluated once.
    fn piece(&mut self, piece: Piece<'a>) -> Option<Arc<Value>> {
        if let Some(value) = self.pieces.get(&piece) {
            return value.clone();
        }
        if self.depth >= MAX_CHAIN {
            return self.fail(too_deep());
        }
        self.depth += 1;
        // As with slots, a circle is reported elsewhere.
        self.pieces.insert(piece, None);
        let before = self.budget.made();
        let value = self.eval(piece.expr, piece.frame).map(Arc::new);
        self.budget.hold_since(before);
        self.depth -= 1;
        self.pieces.insert(piece, value.clone());
        value
    }

    /// The whole value behind the first name of a reference, and from there down its path.
    fn whole(&mut self, reference: &Reference, frame: Frame) -> Option<Value> {
        let world = self.world;
        let path = reference.path.as_slice();
        match reference.root {
            Root::Variable(n) => {
                let value = self.slot(Slot::Variable(frame.instance, n))?;
                self.navigate(&value, path, frame)
            }
            Root::Input(n) => {
                let value = self.slot(Slot::Input(frame.instance, n))?;
                self.navigate(&value, path, frame)
            }
            Root::Resource(n) => self.member(frame.instance, n, path, frame),
            Root::Pulumi => {
                if let [(Accessor::Name(name) | Accessor::Key(name), at), ..] = path
                    && world.pulumi.get(name).is_none()
                {
                    let known: Vec<&str> =
                        world.pulumi.as_map().into_iter().flatten().map(|(k, _)| k.as_str()).collect();
                    return self.fail(check::no_such("`pulumi` has no property", name, &known).at(at.clone()));
                }
                self.navigate(&world.pulumi, path, frame)
            }
            Root::Regions => {
                if let [(Accessor::Name(role) | Accessor::Key(role), at), ..] = path
                    && !world.roles.contains_key(role)
                {
                    let known: Vec<&str> = world.roles.keys().map(String::as_str).collect();
                    return self.fail(check::no_such("`regions` has no role", role, &known).at(at.clone()));
                }
                let roles = world.roles.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str())));
                self.navigate(&Value::Map(roles.collect()), path, frame)
            }
            Root::Region => self.region(reference, frame),
            Root::Each => self.each(reference, frame),
        }
    }

    fn region(&mut self, reference: &Reference, frame: Frame) -> Option<Value> {
        let region = self.region_of(frame, &reference.at);
        let name = Value::from(region.name.as_str());
        match reference.path.as_slice() {
            [] => Some(name),
            [(Accessor::Name(word) | Accessor::Key(word), _)] if word == "name" => Some(name),
            [(Accessor::Name(word) | Accessor::Key(word), at)] if word == "role" => match &region.role {
                Some(role) => Some(Value::from(role.as_str())),
                None => {
                    let text = format!("no role of `regions` stands for `{}`", region.name);
                    let problem = Diagnostic::error("no-role", text).at(at.clone());
                    self.fail(problem.help("declare it at the top, for example `regions: {primary: …}`"))
                }
            },
            [(Accessor::Name(word) | Accessor::Key(word), at), ..] => {
                self.fail(check::no_such("`region` has no property", word, &["name", "role"]).at(at.clone()))
            }
            [(_, at), ..] => self.fail(Diagnostic::error("access", "`region` is no list").at(at.clone())),
        }
    }

    /// The region of a frame. One that is missing is told, and a placeholder shows what else is wrong.
    fn region_of(&mut self, frame: Frame, at: &Location) -> Region {
        if let Some(region) = self.world.region(frame) {
            return region.clone();
        }
        self.problems.push(regions::missing().at(at.clone()));
        regions::placeholder()
    }

    fn each(&mut self, reference: &Reference, frame: Frame) -> Option<Value> {
        let Some((resource, n)) = frame.each else {
            let problem = Diagnostic::error("no-each", "`each` stands only inside a resource that has `each`");
            return self.fail(problem.at(reference.at.clone()));
        };
        let world = self.world;
        let group = Arc::clone(world.instances[frame.instance].groups.get(&resource)?);
        match reference.path.as_slice() {
            [(Accessor::Name(word), _), rest @ ..] if word == "key" => {
                self.navigate(&Value::from(group.keys[n].as_str()), rest, frame)
            }
            [(Accessor::Name(word), _), rest @ ..] if word == "index" => {
                self.navigate(&functions::number(n), rest, frame)
            }
            [(Accessor::Name(word), _), rest @ ..] if word == "value" => {
                let known = &group.values[n];
                // A resource is looked up alone: evaluating the whole `each` for every item is quadratic.
                if let Value::Resource(handle) = known
                    && let Some(index) = world.by_urn.get(&handle.urn)
                {
                    return self.resource(*index, rest, frame);
                }
                if !known.has_unknown() {
                    return self.navigate(known, rest, frame);
                }
                let all = self.group(frame.instance, resource)?;
                let item = match all.bare() {
                    Value::List(items) => items.get(n),
                    Value::Map(map) => map.get(&group.keys[n]),
                    _ => None,
                };
                let item = item.cloned().unwrap_or(Value::Unknown);
                self.navigate(&item, rest, frame)
            }
            [(Accessor::Name(word), at), ..] => {
                self.fail(check::no_such("`each` has no property", word, &["key", "value", "index"]).at(at.clone()))
            }
            _ => {
                let problem = Diagnostic::error("access", "`each` is used as `each.key`, `each.value` or `each.index`");
                self.fail(problem.at(reference.at.clone()))
            }
        }
    }

    /// The value of an `each` as far as it is known now, evaluated once.
    fn group(&mut self, instance: usize, resource: usize) -> Option<Arc<Value>> {
        if let Some(value) = self.groups.get(&(instance, resource)) {
            return value.clone();
        }
        let world = self.world;
        let expr = world.body(instance).resources[resource].each.as_ref()?;
        let before = self.budget.made();
        let value = self.eval(expr, world.instances[instance].frame).map(Arc::new);
        self.budget.hold_since(before);
        self.groups.insert((instance, resource), value.clone());
        value
    }

    /// A resource of the body, or a part of it.
    fn member(&mut self, instance: usize, n: usize, path: &[(Accessor, Location)], frame: Frame) -> Option<Value> {
        let world = self.world;
        match &world.instances[instance].members[n] {
            Member::Pending => {
                self.pending = true;
                Some(Value::Unknown)
            }
            Member::Poison => None,
            Member::Open => Some(Value::Unknown),
            Member::Absent => Some(Value::Null),
            Member::One(target) => self.target(*target, path, frame),
            Member::Each(targets) => {
                let name = &world.body(instance).resources[n].key;
                match path {
                    [] => {
                        let items = targets.iter().map(|(k, t)| Some((k.clone(), self.target(*t, &[], frame)?)));
                        items.collect::<Option<Map>>().map(Value::Map)
                    }
                    [(Accessor::All, _), rest @ ..] => {
                        let items = targets.values().map(|t| self.target(*t, rest, frame));
                        items.collect::<Option<Vec<_>>>().map(Value::List)
                    }
                    [(accessor, at), rest @ ..] => {
                        let found = match accessor {
                            Accessor::Index(index) => targets.get_index(*index).map(|(_, t)| *t),
                            Accessor::Key(key) | Accessor::Name(key) => targets.get(key).copied(),
                            Accessor::Of(inner) => {
                                let key = self.reference(inner, frame)?;
                                if key.has_unknown() {
                                    return Some(Value::Unknown);
                                }
                                scalar_text(&key).and_then(|key| targets.get(&key).copied())
                            }
                            Accessor::All => None,
                        };
                        match found {
                            Some(target) => self.target(target, rest, frame),
                            None => {
                                let keys: Vec<&str> = targets.keys().map(String::as_str).collect();
                                let problem = check::no_instance(name, accessor, &keys).at(at.clone());
                                self.fail(problem)
                            }
                        }
                    }
                }
            }
        }
    }

    pub(crate) fn target(&mut self, target: Target, path: &[(Accessor, Location)], frame: Frame) -> Option<Value> {
        let world = self.world;
        match target {
            Target::Instance(instance) => {
                let outputs = &world.body(instance).outputs;
                match path {
                    [] => {
                        let mut map = Map::default();
                        for (n, output) in outputs.iter().enumerate() {
                            map.insert(output.name.clone(), Value::clone(&*self.slot(Slot::Output(instance, n))?));
                        }
                        Some(Value::Map(map))
                    }
                    [(Accessor::Name(name) | Accessor::Key(name), at), rest @ ..] => {
                        let Some(n) = outputs.iter().position(|o| o.name == *name) else {
                            let problem = world.no_output(instance, name);
                            return self.fail(problem.at(at.clone()));
                        };
                        let value = self.slot(Slot::Output(instance, n))?;
                        self.navigate(&value, rest, frame)
                    }
                    [(_, at), ..] => {
                        let problem = Diagnostic::error("access", "a component is no list").at(at.clone());
                        self.fail(problem.help("write the name of one of its outputs"))
                    }
                }
            }
            Target::Node(index) => {
                let node = &world.nodes[index];
                match &node.block.ty {
                    Type::StackReference => {
                        let outputs = self.other_stack(index)?;
                        self.navigate(&outputs, path, frame)
                    }
                    Type::Provider => {
                        let value = self.eval(&node.block.properties, node.frame)?;
                        self.navigate(&value, path, frame)
                    }
                    // A property that is not there has no value that could be wrong as well.
                    _ => match world.schema(node).and_then(|schema| paths::missing(schema, path)) {
                        Some(problem) => self.fail(problem),
                        None => self.resource(index, path, frame),
                    },
                }
            }
        }
    }

    /// The outputs of the stack that a reference names.
    fn other_stack(&mut self, index: usize) -> Option<Value> {
        let node = &self.world.nodes[index];
        let properties = self.eval(&node.block.properties, node.frame)?;
        let name = match properties.get("name") {
            Some(name) => scalar_text(name)?,
            None => node.block.key.clone(),
        };
        self.stack_outputs(&name, &node.block.at).map(|outputs| {
            let parts = [("name".to_owned(), Value::from(name.as_str())), ("outputs".to_owned(), outputs)];
            Value::Map(Map::from_iter(parts))
        })
    }

    fn stack_outputs(&mut self, name: &str, at: &Location) -> Option<Value> {
        match self.world.stacks.outputs(name) {
            Ok(Some(outputs)) => {
                let outputs = Value::Map(outputs);
                let json = outputs.to_json().map(|json| json.to_string()).unwrap_or_default();
                self.world.reads.note(format!("the outputs of `{name}`"), json.as_bytes());
                Some(outputs)
            }
            Ok(None) => {
                let problem = Diagnostic::error("unknown-reference", format!("no state of a stack `{name}` was found"));
                self.fail(problem.at(at.clone()).help("run `drctl up` for that stack first, or correct the name"))
            }
            Err(why) => {
                let text = format!("the outputs of the stack `{name}` cannot be read: {why}");
                self.fail(Diagnostic::error("unreadable-stack", text).at(at.clone()))
            }
        }
    }

    fn resource(&mut self, index: usize, path: &[(Accessor, Location)], frame: Frame) -> Option<Value> {
        let node = &self.world.nodes[index];
        let Some(((accessor, at), rest)) = path.split_first() else {
            return Some(Value::Resource(Box::new(self.sight.whole(&node.urn))));
        };
        let (Accessor::Name(name) | Accessor::Key(name)) = accessor else {
            let text = "a resource is no list; `[*]` and `[key]` need `each` on the resource";
            return self.fail(Diagnostic::error("access", text).at(at.clone()));
        };
        if name == "urn" {
            return self.navigate(&Value::from(node.urn.as_str()), rest, frame);
        }
        if name == "region" && self.world.schema(node).is_some_and(|schema| schema.inputs.get("region").is_none()) {
            return self.navigate(&Value::from(node.place.0.as_str()), rest, frame);
        }
        let hidden = node.secret_outputs.contains(name)
            || self.world.schema(node).is_some_and(|schema| {
                [&schema.inputs, &schema.outputs].into_iter().any(|o| o.get(name).is_some_and(|p| p.secret))
            });
        let value = self.navigate(&self.sight.property(&node.urn, name), rest, frame)?;
        Some(if hidden && !value.is_null() { value.secret() } else { value })
    }

    /// Follows the rest of a path into a value.
    fn navigate(&mut self, value: &Value, path: &[(Accessor, Location)], frame: Frame) -> Option<Value> {
        let Some(((accessor, at), rest)) = path.split_first() else { return Some(value.clone()) };
        match value {
            Value::Secret(inner) => return self.navigate(inner, path, frame).map(Value::secret),
            Value::Unknown => return Some(Value::Unknown),
            Value::Null => return Some(Value::Null),
            Value::Resource(handle) => {
                return match self.world.by_urn.get(&handle.urn) {
                    Some(index) => self.resource(*index, path, frame),
                    None => Some(Value::Unknown),
                };
            }
            _ => {}
        }
        let by_name = |name: &str| value.as_map().map(|map| map.get(name).unwrap_or(&Value::Null));
        let found = match accessor {
            Accessor::Name(name) | Accessor::Key(name) => by_name(name).ok_or_else(|| no_property(value)),
            Accessor::Index(index) => at_index(value, *index),
            Accessor::All => {
                let items: Vec<&Value> = match value {
                    Value::List(items) => items.iter().collect(),
                    Value::Map(map) => map.values().collect(),
                    _ => {
                        let text = format!("`[*]` needs a list or a map, not {}", noun(value));
                        return self.fail(Diagnostic::error("access", text).at(at.clone()));
                    }
                };
                let items: Vec<_> = items.into_iter().map(|item| self.navigate(item, rest, frame)).collect();
                return items.into_iter().collect::<Option<_>>().map(Value::List);
            }
            Accessor::Of(inner) => {
                let key = self.reference(inner, frame)?;
                if key.has_unknown() {
                    return Some(Value::Unknown);
                }
                let index = match key.bare() {
                    Value::Number(n) => functions::whole(n).and_then(|n| usize::try_from(n).ok()),
                    _ => None,
                };
                match (index, scalar_text(&key)) {
                    (Some(index), _) if value.as_list().is_some() => at_index(value, index),
                    (_, Some(name)) => by_name(&name).ok_or_else(|| no_property(value)),
                    _ => Err(format!("{} is no key", noun(&key))),
                }
            }
        };
        match found {
            Ok(found) => self.navigate(found, rest, frame),
            Err(text) => self.fail(Diagnostic::error("access", text).at(at.clone())),
        }
    }

    fn call(&mut self, builtin: &'static Builtin, argument: &Expr, call: &Expr, frame: Frame) -> Option<Value> {
        let (run, value, secret) = match builtin.how {
            How::Lazy(lazy) => return self.lazy(lazy, builtin, argument, frame),
            How::Raw(run) => (run, self.eval(argument, frame)?, false),
            How::Shallow(run) => {
                let value = self.eval(argument, frame)?;
                let operand = |v: &Value| v.as_list().is_some_and(|l| l.iter().any(|v| matches!(v, Value::Secret(_))));
                let secret = matches!(value, Value::Secret(_)) || operand(&value);
                (run, value, secret)
            }
            How::Deep(run) => {
                let value = self.eval(argument, frame)?;
                let secret = value.has_secret();
                self.world.secrets.learn(&value);
                if value.has_unknown() || builtin.reads_letters() && self.sight.is_stand_in(&value) {
                    return Some(if secret { Value::Unknown.secret() } else { Value::Unknown });
                }
                (run, plain(value), secret)
            }
        };
        let world = self.world;
        let site = Site {
            here: world.dir(&call.at),
            program: &world.program_dir,
            environment: &world.environment,
            assets: &world.assets,
            reads: &world.reads,
            room: self.budget.room(),
        };
        match run(&value, &site) {
            Ok(value) => Some(if secret { value.secret() } else { value }),
            Err(Fault::Unknown) => Some(if secret { Value::Unknown.secret() } else { Value::Unknown }),
            Err(Fault::TooBig) => self.overdraw(&call.at),
            Err(Fault::Remote(url)) => {
                self.fetches.push((url, call.at.clone()));
                Some(if secret { Value::Unknown.secret() } else { Value::Unknown })
            }
            Err(Fault::Wrong(message, operand)) => {
                let at = match (&argument.kind, operand) {
                    (Kind::List(items), Some(n)) => items.get(n).map_or(&argument.at, |e| &e.at),
                    _ => &argument.at,
                };
                // What is wrong with a secret must not quote it.
                let message = if secret { "the secret value is not accepted" } else { &message };
                let text = format!("`fn::{}`: {message}", builtin.name);
                self.fail(Diagnostic::error("function", text).at(at.clone()))
            }
        }
    }

    fn lazy(&mut self, lazy: Lazy, builtin: &Builtin, argument: &Expr, frame: Frame) -> Option<Value> {
        let wrong = |run: &mut Self, text: &str| {
            let problem = Diagnostic::error("function", format!("`fn::{}`: {text}", builtin.name));
            run.fail(problem.at(argument.at.clone()))
        };
        let operands: &[Expr] = match &argument.kind {
            Kind::List(items) => items,
            Kind::Poison => return None,
            _ => &[],
        };
        match lazy {
            Lazy::If => {
                let [condition, yes, no] = operands else {
                    return wrong(self, "expected 3 operands, `[condition, then, else]`");
                };
                let decided = self.condition(condition, builtin, frame)?;
                let value = match decided.as_bool() {
                    Some(true) => self.eval(yes, frame)?,
                    Some(false) => self.eval(no, frame)?,
                    None => Value::Unknown,
                };
                Some(if decided.has_secret() { value.secret() } else { value })
            }
            Lazy::And | Lazy::Or => {
                if operands.is_empty() {
                    return wrong(self, "expected a list of conditions");
                }
                let decisive = lazy == Lazy::Or;
                let (mut unknown, mut secret) = (false, false);
                for operand in operands {
                    let value = self.condition(operand, builtin, frame)?;
                    secret |= value.has_secret();
                    match value.as_bool() {
                        Some(b) if b == decisive => {
                            let value = Value::Bool(decisive);
                            return Some(if secret { value.secret() } else { value });
                        }
                        Some(_) => {}
                        None => unknown = true,
                    }
                }
                let value = if unknown { Value::Unknown } else { Value::Bool(!decisive) };
                Some(if secret { value.secret() } else { value })
            }
            Lazy::StackReference => {
                let [stack, output] = operands else { return wrong(self, "expected `[stack, output]`") };
                let (stack, output) = (self.eval(stack, frame), self.eval(output, frame));
                let (stack, output) = (stack?, output?);
                let secret = stack.has_secret() || output.has_secret();
                let (Some(stack), Some(output)) = (scalar_text(&stack), scalar_text(&output)) else {
                    return wrong(self, "expected two strings");
                };
                let outputs = self.stack_outputs(&stack, &argument.at)?;
                let value = outputs.get(&output).cloned().unwrap_or_default();
                Some(if secret { value.secret() } else { value })
            }
            Lazy::Name | Lazy::Type => match self.eval(argument, frame)? {
                Value::Resource(handle) if lazy == Lazy::Name => Some(handle.urn.name().into()),
                Value::Resource(handle) => Some(handle.urn.ty().into()),
                Value::Unknown => Some(Value::Unknown),
                other => wrong(self, &format!("expected a resource, got {}", noun(&other))),
            },
        }
    }

    /// A boolean or unknown, possibly secret.
    fn condition(&mut self, expr: &Expr, builtin: &Builtin, frame: Frame) -> Option<Value> {
        let value = self.eval(expr, frame)?;
        match value.bare() {
            Value::Bool(_) | Value::Unknown => Some(value),
            Value::String(s) if s == "true" || s == "false" => {
                let decided = Value::Bool(s == "true");
                Some(if value.has_secret() { decided.secret() } else { decided })
            }
            other => {
                let text = format!("`fn::{}`: expected a boolean, got {}", builtin.name, noun(other));
                self.fail(Diagnostic::error("function", text).at(expr.at.clone()))
            }
        }
    }

    fn invoke(&mut self, invoke: &Invoke, at: &Location, frame: Frame) -> Option<Value> {
        let world = self.world;
        let schema = world.catalog.function(invoke.function)?;
        if let Some(depends_on) = &invoke.depends_on
            && self.eval(depends_on, frame)?.has_unknown()
        {
            return self.cannot_ask(at);
        }
        let mut is_sound = true;
        let mut arguments = match self.salvage(&invoke.arguments, frame, &mut is_sound) {
            Value::Map(map) => map,
            Value::Unknown if is_sound => return self.cannot_ask(at),
            Value::Unknown => return None,
            other => {
                let text = format!("the arguments must be a map, not {}", noun(&other));
                return self.fail(Diagnostic::error("wrong-type", text).at(invoke.arguments.at.clone()));
            }
        };
        let own = if schema.arguments.get("region").is_none() { arguments.shift_remove("region") } else { None };
        let before = self.problems.len();
        let subject = format!("`{}`", crate::stack::body::short(schema.token));
        let (arguments, _) = check::object(
            &schema.arguments,
            arguments,
            (&invoke.arguments, at),
            &subject,
            "argument",
            &mut self.problems,
        );
        if !is_sound || failed(&self.problems[before..]) {
            return None;
        }
        let place = if schema.region_aware { self.place(invoke, own, at, frame)? } else { Place::global() };
        let arguments = Value::Map(arguments);
        let secret = arguments.has_secret();
        let value = match arguments.to_json() {
            Err(_) => self.cannot_ask(at)?,
            Ok(json) => {
                let ask = Ask { function: schema.token, place, arguments: json.to_string() };
                match self.answers.get(&ask) {
                    Some(answer) => {
                        if !schema.volatile {
                            self.note_answer(&ask, &answer);
                        }
                        match &invoke.result {
                            None => Value::clone(&answer),
                            Some((name, _)) => answer.get(name).cloned().unwrap_or_default(),
                        }
                    }
                    None => {
                        self.asks.push(Asking { ask, arguments, at: at.clone() });
                        Value::Unknown
                    }
                }
            }
        };
        Some(if secret { value.secret() } else { value })
    }

    fn cannot_ask(&mut self, at: &Location) -> Option<Value> {
        self.unasked.push(at.clone());
        Some(Value::Unknown)
    }

    /// What is plain of an answer shows in the plan itself.
    fn note_answer(&self, ask: &Ask, answer: &Value) {
        if !answer.has_secret() {
            return;
        }
        let what = format!("what `{}` tells", crate::stack::body::short(ask.function));
        let json = answer.to_json().map(|json| json.to_string()).unwrap_or_default();
        self.world.reads.note(what, format!("{ask:?} {json}").as_bytes());
    }

    /// The region that a data source is asked in.
    fn place(&mut self, invoke: &Invoke, own: Option<Value>, at: &Location, frame: Frame) -> Option<Place> {
        let world = self.world;
        let own = own.filter(|value| !value.is_null());
        let option = match &invoke.region {
            Some(expr) => Some((self.eval(expr, frame)?, expr)).filter(|(value, _)| !value.is_null()),
            None => None,
        };
        match (own, option) {
            (Some(own), Some((option, expr))) => {
                let place = check::Place::of(&invoke.arguments, at).key("region");
                let (own, option) = (self.asked_in(&own, at)?, self.asked_in(&option, at)?);
                if own != option {
                    let text = format!(
                        "`{}` is asked in `{own}` by its argument `region`, and in `{option}` by its option",
                        crate::stack::body::short(invoke.function)
                    );
                    let problem = Diagnostic::error("conflict", text).at(place);
                    return self.fail(problem.also(expr.at.clone(), "the other one").help("remove one of them"));
                }
                return Some(own);
            }
            (Some(given), None) | (None, Some((given, _))) => return self.asked_in(&given, at),
            (None, None) => {}
        }
        if let Some(provider) = &invoke.provider
            && let Kind::Reference(reference) = &provider.kind
            && let Root::Resource(n) = reference.root
            && let Member::One(Target::Node(index)) = &world.instances[frame.instance].members[n]
        {
            let node = &world.nodes[*index];
            return Some(node.place.clone());
        }
        Some(Place(self.region_of(frame, at).name))
    }

    /// The region that a text names, by itself or by its role.
    fn asked_in(&mut self, given: &Value, at: &Location) -> Option<Place> {
        let world = self.world;
        let Some(text) = scalar_text(given) else {
            let problem = Diagnostic::error("unknown-region", "the region must be known before anything exists");
            return self.fail(problem.at(at.clone()));
        };
        self.problems.extend(world.doubt(&text).filter(|_| is_region(&text)).map(|problem| problem.at(at.clone())));
        let name = world.roles.get(&text).cloned().unwrap_or(text);
        if !is_region(&name) {
            let roles: Vec<&str> = world.roles.keys().map(String::as_str).collect();
            return self.fail(regions::unknown(&name, &roles).at(at.clone()));
        }
        Some(Place(name))
    }
}

/// Values that are named through longer chains than this are refused, because evaluation recurses.
pub(crate) const MAX_CHAIN: usize = 200;

pub(crate) fn too_deep() -> Diagnostic {
    Diagnostic::error("too-deep", format!("a value is named through more than {MAX_CHAIN} other names"))
}

fn at_index(value: &Value, index: usize) -> Result<&Value, String> {
    match value {
        Value::List(items) => {
            let length = items.len();
            items.get(index).ok_or_else(|| format!("list index {index} is out of bounds for a list of length {length}"))
        }
        Value::Map(_) => Err("a map has names, no list index".into()),
        other => Err(format!("{} has no list index", noun(other))),
    }
}

fn no_property(value: &Value) -> String {
    match value {
        Value::List(_) => "a list has indexes, no property name".into(),
        other => format!("{} has no properties", noun(other)),
    }
}

fn no_text(value: &Value, reference: &Reference) -> Diagnostic {
    let text = format!("{} cannot be part of a text", noun(value));
    let problem = Diagnostic::error("no-text", text).at(reference.at.clone());
    match value.bare() {
        Value::List(_) => problem.help("join it with `fn::join`, or write it with `fn::toJSON`"),
        Value::Map(_) => problem.help("take one of its properties, or write it with `fn::toJSON`"),
        Value::Null => problem.help("give a default, for example with `fn::coalesce`"),
        _ => problem,
    }
}

/// Secrets revealed, resources as their ids: what functions work on.
fn plain(value: Value) -> Value {
    match value {
        Value::Secret(inner) => plain(*inner),
        Value::Resource(handle) => plain(handle.id),
        Value::List(items) => Value::List(items.into_iter().map(plain).collect()),
        Value::Map(map) => Value::Map(map.into_iter().map(|(k, v)| (k, plain(v))).collect()),
        other => other,
    }
}
