//! What refers to what: the dependencies of every resource, and circles.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::program::Known;
use crate::engine::value::Value;
use crate::stack::answers::NoAnswers;
use crate::stack::body::Type;
use crate::stack::eval::{MAX_CHAIN, Run, too_deep};
use crate::stack::expr::{Accessor, Expr, Kind, Part, Reference, Root};
use crate::stack::functions::{How, Lazy, scalar_text};
use crate::stack::instance::{Frame, Member, Slot, Target, World};
use crate::stack::lead::{Lead, Piece};

/// Something that refers and can be referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Item<'w> {
    Node(usize),
    Slot(Slot),
    Piece(Piece<'w>),
}

/// What an expression refers to.
#[derive(Default)]
pub(crate) struct Refs<'w> {
    pub(crate) items: Vec<(Item<'w>, Location)>,
    /// Calls of data sources whose result changes with every call.
    pub(crate) volatile: Vec<Location>,
}

/// What is behind a reference: resources of the engine, however many names lie between.
#[derive(Clone, Default)]
pub(crate) struct Reach {
    pub(crate) nodes: Arc<BTreeSet<usize>>,
    pub(crate) volatile: Option<Location>,
}

/// Reaches of all items, found in one walk.
pub(crate) struct Order<'a> {
    world: &'a World,
    reach: HashMap<Item<'a>, Reach>,
    chain: HashMap<Item<'a>, usize>,
    /// Resources inside each instance, those of inner instances included.
    inside: Vec<Vec<usize>>,
}

impl<'a> Order<'a> {
    /// Walks from every resource, variable and output of the program.
    pub(crate) fn of(world: &'a World, problems: &mut Vec<Diagnostic>) -> Self {
        let mut inside = vec![Vec::new(); world.instances.len()];
        let mut outer = vec![None; world.instances.len()];
        for (index, instance) in world.instances.iter().enumerate() {
            for member in &instance.members {
                let mut note = |target: &Target| {
                    if let Target::Instance(inner) = target {
                        outer[*inner] = Some(index);
                    }
                };
                match member {
                    Member::One(target) => note(target),
                    Member::Each(targets) => targets.values().for_each(note),
                    _ => {}
                }
            }
        }
        for (index, node) in world.nodes.iter().enumerate() {
            let mut instance = Some(node.frame.instance);
            while let Some(i) = instance {
                inside[i].push(index);
                instance = outer[i];
            }
        }
        let mut order = Self { world, reach: HashMap::new(), chain: HashMap::new(), inside };
        let nodes = (0..world.nodes.len()).map(Item::Node);
        let slots = (0..world.instances.len()).flat_map(|i| {
            let body = world.body(i);
            let variables = (0..body.variables.len()).map(move |n| Slot::Variable(i, n));
            let inputs = (0..body.inputs.len()).map(move |n| Slot::Input(i, n));
            variables.chain(inputs).chain((0..body.outputs.len()).map(move |n| Slot::Output(i, n)))
        });
        for start in nodes.chain(slots.map(Item::Slot)) {
            order.walk(start, problems);
        }
        order
    }

    /// What lies behind these references.
    pub(crate) fn behind(&self, refs: &Refs<'a>) -> Reach {
        let mut reach = Reach { nodes: Arc::default(), volatile: refs.volatile.first().cloned() };
        for (item, _) in &refs.items {
            self.add(&mut reach, *item);
        }
        reach
    }

    /// Whether another run gives another value.
    pub(crate) fn is_volatile(&self, slot: Slot) -> bool {
        self.reach.get(&Item::Slot(slot)).is_some_and(|reach| reach.volatile.is_some())
    }

    fn add(&self, reach: &mut Reach, item: Item<'a>) {
        match item {
            Item::Node(node) if matches!(self.world.nodes[node].block.ty, Type::Managed(_)) => {
                Arc::make_mut(&mut reach.nodes).insert(node);
            }
            item => {
                let Some(more) = self.reach.get(&item) else { return };
                if reach.nodes.is_empty() {
                    reach.nodes = Arc::clone(&more.nodes);
                } else if !Arc::ptr_eq(&reach.nodes, &more.nodes) {
                    Arc::make_mut(&mut reach.nodes).extend(more.nodes.iter());
                }
                if reach.volatile.is_none() {
                    reach.volatile.clone_from(&more.volatile);
                }
            }
        }
    }

    fn direct(&self, item: Item<'a>) -> Refs<'a> {
        let mut refs = Refs::default();
        match item {
            Item::Node(node) => self.world.refs_of_node(node, &self.inside, &mut refs),
            Item::Slot(slot) => self.world.refs_of_slot(slot, &self.inside, &mut refs),
            Item::Piece(piece) => self.world.refs(piece.expr, piece.frame, &self.inside, &mut refs),
        }
        refs
    }

    /// What a resource refers to, in all of its text.
    pub(crate) fn node_refs(&self, node: usize) -> Vec<(Item<'a>, Location)> {
        self.direct(Item::Node(node)).items
    }

    /// Refs of an expression, with whole components unfolded.
    pub(crate) fn refs(&self, expr: &'a Expr, frame: Frame) -> Refs<'a> {
        let mut refs = Refs::default();
        self.world.refs(expr, frame, &self.inside, &mut refs);
        refs
    }

    /// Depth first, without recursion: a chain of ten thousand resources is legal.
    fn walk(&mut self, start: Item<'a>, problems: &mut Vec<Diagnostic>) {
        if self.reach.contains_key(&start) {
            return;
        }
        struct Open<'w> {
            item: Item<'w>,
            refs: Refs<'w>,
            next: usize,
        }
        let mut on_path: HashMap<Item<'a>, usize> = HashMap::from([(start, 0)]);
        let mut path = vec![Open { item: start, refs: self.direct(start), next: 0 }];
        while let Some(open) = path.last_mut() {
            if let Some((item, at)) = open.refs.items.get(open.next).cloned() {
                open.next += 1;
                if let Some(first) = on_path.get(&item) {
                    let circle: Vec<(Item<'a>, Location)> =
                        path[*first..].iter().map(|o| (o.item, o.refs.items[o.next - 1].1.clone())).collect();
                    problems.push(self.circle(&circle, at));
                } else if !self.reach.contains_key(&item) {
                    on_path.insert(item, path.len());
                    path.push(Open { item, refs: self.direct(item), next: 0 });
                }
                continue;
            }
            let Some(Open { item, refs, .. }) = path.pop() else { break };
            on_path.remove(&item);
            let reach = self.behind(&refs);
            let chain = match item {
                Item::Node(_) => 0,
                Item::Slot(_) | Item::Piece(_) => {
                    1 + refs.items.iter().filter_map(|(item, _)| self.chain.get(item)).max().copied().unwrap_or(0)
                }
            };
            if chain == MAX_CHAIN {
                problems.extend(refs.items.first().map(|(_, at)| too_deep().at(at.clone())));
            }
            self.chain.insert(item, chain);
            self.reach.insert(item, reach);
        }
    }

    fn circle(&self, circle: &[(Item<'a>, Location)], at: Location) -> Diagnostic {
        let mut names: Vec<String> = circle.iter().map(|(item, _)| format!("`{}`", self.name(*item))).collect();
        names.extend(names.first().cloned());
        let text = format!("circular dependency: {}", names.join(" → "));
        let mut problem = Diagnostic::error("cycle", text).at(at);
        for (n, (_, at)) in circle.iter().enumerate().take(circle.len() - 1) {
            problem = problem.also(at.clone(), format!("{} refers to {}", names[n], names[n + 1]));
        }
        problem.help("remove one of these references")
    }

    fn name(&self, item: Item<'a>) -> String {
        match item {
            Item::Piece(piece) => self.world.name_of(&piece),
            Item::Node(node) => self.world.nodes[node].urn.name().to_owned(),
            Item::Slot(slot) => {
                let (instance, name) = match slot {
                    Slot::Variable(i, n) => (i, &self.world.body(i).variables[n].name),
                    Slot::Input(i, n) => (i, &self.world.body(i).inputs[n].name),
                    Slot::Output(i, n) => (i, &self.world.body(i).outputs[n].name),
                };
                format!("{}{name}", self.world.instances[instance].prefix)
            }
        }
    }
}

impl World {
    fn refs_of_node<'w>(&'w self, index: usize, inside: &[Vec<usize>], refs: &mut Refs<'w>) {
        let node = &self.nodes[index];
        let block = &node.block;
        self.refs(&block.properties, node.frame, inside, refs);
        if let Some(get) = &block.get {
            self.refs(get, node.frame, inside, refs);
        }
        for (_, expr) in &block.options {
            self.refs(expr, node.frame, inside, refs);
        }
        if let Some(provider) = node.provider.filter(|p| *p != index) {
            refs.items.push((Item::Node(provider), block.at.clone()));
        }
        if let Some((expr, frame)) = node.ending.deleted_with().filter(|_| block.option("deletedWith").is_none()) {
            self.refs(expr, frame, inside, refs);
        }
        let instance = &self.instances[node.frame.instance];
        for (expr, frame) in &instance.depends_on {
            self.refs(expr, *frame, inside, refs);
        }
        if let Type::Managed(ty) = block.ty
            && let schema = self.catalog.schema_at(ty)
            && schema.inputs.get("tags").is_some()
        {
            for tags in instance.tags.iter().filter(|tags| tags.reach(schema)) {
                self.refs(&tags.expr, tags.frame, inside, refs);
            }
        }
    }

    fn refs_of_slot<'w>(&'w self, slot: Slot, inside: &[Vec<usize>], refs: &mut Refs<'w>) {
        if self.constants.contains_key(&slot) {
            return;
        }
        let (expr, frame) = match slot {
            Slot::Variable(i, n) => (&self.body(i).variables[n].value, self.instances[i].frame),
            Slot::Output(i, n) => (&self.body(i).outputs[n].value, self.instances[i].frame),
            Slot::Input(i, n) => match &self.instances[i].inputs[n] {
                crate::stack::instance::Bound::Given(expr, frame) => (expr, *frame),
                crate::stack::instance::Bound::Default => match &self.body(i).inputs[n].default {
                    Some(expr) => (expr, self.instances[i].frame),
                    None => return,
                },
                _ => return,
            },
        };
        self.refs(expr, frame, inside, refs);
    }

    /// Adds what an expression refers to.
    fn refs<'w>(&'w self, expr: &'w Expr, frame: Frame, inside: &[Vec<usize>], refs: &mut Refs<'w>) {
        match &expr.kind {
            Kind::Literal(_) | Kind::Poison => {}
            Kind::List(items) => items.iter().for_each(|item| self.refs(item, frame, inside, refs)),
            Kind::Map(entries) => entries.iter().for_each(|(_, _, e)| self.refs(e, frame, inside, refs)),
            Kind::Text(parts) => {
                for part in parts {
                    if let Part::Reference(reference) = part {
                        self.refs_of(reference, frame, inside, refs);
                    }
                }
            }
            Kind::Reference(reference) => self.refs_of(reference, frame, inside, refs),
            Kind::Call(builtin, argument) => match (&builtin.how, &argument.kind) {
                (How::Lazy(Lazy::If), Kind::List(operands)) if operands.len() == 3 => {
                    self.refs_of_choice(operands, frame, inside, refs);
                }
                _ => self.refs(argument, frame, inside, refs),
            },
            Kind::Invoke(invoke) => {
                self.refs(&invoke.arguments, frame, inside, refs);
                for option in [&invoke.provider, &invoke.depends_on, &invoke.region].into_iter().flatten() {
                    self.refs(option, frame, inside, refs);
                }
                if self.catalog.function(invoke.function).is_some_and(|f| f.volatile) {
                    refs.volatile.push(expr.at.clone());
                }
            }
        }
    }

    /// What is decided before anything exists does not need what it decides against.
    fn refs_of_choice<'w>(&'w self, operands: &'w [Expr], frame: Frame, inside: &[Vec<usize>], refs: &mut Refs<'w>) {
        let decided = self.static_value(&operands[0], frame).and_then(|condition| condition.as_bool());
        let needed = |n: usize| n == 0 || decided.is_none_or(|yes| yes == (n == 1));
        let operands = operands.iter().enumerate().filter(|(n, _)| needed(*n));
        operands.for_each(|(_, operand)| self.refs(operand, frame, inside, refs));
    }

    /// The value that an expression has without any cloud.
    fn static_value(&self, expr: &Expr, frame: Frame) -> Option<Value> {
        let known = Known::new();
        Run::new(self, &known, &NoAnswers).eval(expr, frame).filter(|value| !value.has_unknown())
    }

    /// The key that a reference gives without any cloud.
    fn static_key(&self, reference: &Reference, frame: Frame) -> Option<String> {
        let expr = Expr { kind: Kind::Reference(reference.clone()), at: reference.at.clone() };
        self.static_value(&expr, frame).as_ref().and_then(scalar_text)
    }

    fn refs_of<'w>(&'w self, reference: &Reference, frame: Frame, inside: &[Vec<usize>], refs: &mut Refs<'w>) {
        for (accessor, _) in &reference.path {
            if let Accessor::Of(inner) = accessor {
                self.refs_of(inner, frame, inside, refs);
            }
        }
        let at = &reference.at;
        let constant = Slot::of(reference.root, frame.instance).is_some_and(|slot| self.constants.contains_key(&slot));
        match self.lead(reference, frame, &mut |key, frame| self.static_key(key, frame)).filter(|_| !constant) {
            None => self.refs_of_whole(reference, frame, inside, refs),
            Some(Lead::Name(next, frame)) => {
                let next = Reference { at: at.clone(), ..next };
                self.refs_of_whole(&next, frame, inside, refs);
            }
            Some(Lead::Value(piece, _)) => refs.items.push((Item::Piece(piece), at.clone())),
        }
    }

    /// What the whole value behind the first name of a reference needs.
    fn refs_of_whole<'w>(&'w self, reference: &Reference, frame: Frame, inside: &[Vec<usize>], refs: &mut Refs<'w>) {
        let at = &reference.at;
        match reference.root {
            Root::Variable(n) => refs.items.push((Item::Slot(Slot::Variable(frame.instance, n)), at.clone())),
            Root::Input(n) => refs.items.push((Item::Slot(Slot::Input(frame.instance, n)), at.clone())),
            Root::Resource(n) => self.refs_of_member(frame, n, &reference.path, at, inside, refs),
            Root::Each => self.refs_of_each(reference, frame, inside, refs),
            Root::Pulumi | Root::Region | Root::Regions => {}
        }
    }

    fn refs_of_member<'w>(
        &'w self,
        frame: Frame,
        n: usize,
        path: &[(Accessor, Location)],
        at: &Location,
        inside: &[Vec<usize>],
        refs: &mut Refs<'w>,
    ) {
        match &self.instances[frame.instance].members[n] {
            Member::One(target) => self.refs_of_target(*target, path, at, inside, refs),
            Member::Each(targets) => {
                let rest = path.get(1..).unwrap_or_default();
                let chosen = match path.first().map(|(accessor, _)| accessor) {
                    Some(Accessor::Key(key) | Accessor::Name(key)) => targets.get(key),
                    Some(Accessor::Index(index)) => targets.get_index(*index).map(|(_, t)| t),
                    Some(Accessor::Of(inner)) => self.static_key(inner, frame).and_then(|key| targets.get(&key)),
                    Some(Accessor::All) | None => None,
                };
                match chosen {
                    Some(target) => self.refs_of_target(*target, rest, at, inside, refs),
                    None => targets.values().for_each(|t| self.refs_of_target(*t, rest, at, inside, refs)),
                }
            }
            Member::Pending | Member::Absent | Member::Open | Member::Poison => {}
        }
    }

    fn refs_of_target<'w>(
        &'w self,
        target: Target,
        path: &[(Accessor, Location)],
        at: &Location,
        inside: &[Vec<usize>],
        refs: &mut Refs<'w>,
    ) {
        match (target, path) {
            // The URN is known before the resource exists.
            (Target::Node(_), [(Accessor::Name(name), _), ..]) if name == "urn" => {}
            (Target::Node(node), _) => refs.items.push((Item::Node(node), at.clone())),
            (Target::Instance(i), [(Accessor::Name(name) | Accessor::Key(name), _), ..]) => {
                if let Some(n) = self.body(i).outputs.iter().position(|o| o.name == *name) {
                    refs.items.push((Item::Slot(Slot::Output(i, n)), at.clone()));
                }
            }
            (Target::Instance(i), _) => {
                refs.items.extend(inside[i].iter().map(|node| (Item::Node(*node), at.clone())));
            }
        }
    }

    fn refs_of_each<'w>(&'w self, reference: &Reference, frame: Frame, inside: &[Vec<usize>], refs: &mut Refs<'w>) {
        let is_value = matches!(reference.path.first(), Some((Accessor::Name(word), _)) if word == "value");
        let Some((resource, n)) = frame.each.filter(|_| is_value) else { return };
        let instance = &self.instances[frame.instance];
        let Some(group) = instance.groups.get(&resource) else { return };
        match &group.values[n] {
            value if !value.has_unknown() => {}
            Value::Resource(handle) => {
                let node = self.by_urn.get(&handle.urn).map(|node| Item::Node(*node));
                refs.items.extend(node.map(|item| (item, reference.at.clone())));
            }
            _ => {
                if let Some(expr) = &self.body(frame.instance).resources[resource].each {
                    self.refs(expr, instance.frame, inside, refs);
                }
            }
        }
    }
}
