//! Where a path into a named value leads, as far as the text itself says.
//!
//! `${sides.primary.keyArn}` of `sides: {primary: {keyArn: …}, dr: {…}}` is what stands there, and has
//! nothing to do with the rest of the map: the rest may depend on the very resource that asks. The
//! same holds for a map that a component is given, and for the outputs of a component or of all
//! instances of one.

use crate::engine::diagnostic::Location;
use crate::stack::config::Ty;
use crate::stack::eval::MAX_CHAIN;
use crate::stack::expr::{Accessor, Expr, Kind, Reference, Root};
use crate::stack::instance::{Bound, Frame, Member, Slot, Target, World};

type Path = Vec<(Accessor, Location)>;

/// What another reference gives as a key of a path, where that is known.
pub(crate) type Keys<'a> = &'a mut dyn FnMut(&Reference, Frame) -> Option<String>;

/// What a path leads to.
pub(crate) enum Lead<'w> {
    /// A name further on, with all that is left of the path, and where it stands.
    Name(Reference, Frame),
    /// An expression, and what is left of the path: that, only its value can say.
    Value(Piece<'w>, Path),
}

/// The item that `each.value` stands for.
struct Item {
    key: String,
    index: usize,
}

/// A path on its way through the text.
struct Way<'w> {
    expr: &'w Expr,
    frame: Frame,
    /// Comes before the path.
    item: Option<Item>,
    path: Path,
}

impl World {
    /// Follows a reference through names, maps and lists that are written out. `None` if the whole value
    /// behind its first name is needed anyway. `keys` tells what stands for a key in brackets, if it can.
    pub(crate) fn lead(&self, reference: &Reference, frame: Frame, keys: Keys<'_>) -> Option<Lead<'_>> {
        if reference.path.is_empty() || !self.leads_on(reference.root, frame) {
            return None;
        }
        let path = told(&reference.path, frame, keys);
        let mut way = self.behind(reference.root, path, frame)?;
        // Whether it leads further than to the whole of what the first name stands for.
        let mut further = false;
        for _ in 0..MAX_CHAIN {
            if way.path.is_empty() && way.item.is_none() {
                return way.ends(further);
            }
            let inner = match &way.expr.kind {
                Kind::Reference(next) if splits(next) => return way.ends(further),
                Kind::Reference(next) => match self.follow(next, &mut way, keys) {
                    true => None,
                    false => return way.ends(true),
                },
                Kind::Map(entries) => {
                    let found = way.key().and_then(|key| entries.iter().find(|(k, _, _)| k == key));
                    let Some((_, _, inner)) = found else { return way.ends(further) };
                    Some(inner)
                }
                Kind::List(items) => {
                    let Some(inner) = way.index().and_then(|index| items.get(index)) else { return way.ends(further) };
                    Some(inner)
                }
                _ => return way.ends(further),
            };
            if let Some(inner) = inner {
                way.step(inner);
            }
            further = true;
        }
        None
    }

    /// Whether anything stands behind a name that a path could be followed into.
    fn leads_on(&self, root: Root, frame: Frame) -> bool {
        let component = |target: &Target| matches!(target, Target::Instance(_));
        match root {
            Root::Variable(_) | Root::Input(_) => true,
            Root::Resource(n) => match &self.instances[frame.instance].members[n] {
                Member::One(target) => component(target),
                Member::Each(targets) => targets.values().any(component),
                _ => false,
            },
            // What was known when the program was loaded needs nothing.
            Root::Each => frame.each.is_some_and(|(resource, index)| {
                let group = self.instances[frame.instance].groups.get(&resource);
                group.is_some_and(|group| group.values[index].has_unknown())
            }),
            Root::Pulumi | Root::Region | Root::Regions => false,
        }
    }

    /// Goes on where a reference on the way leads; says whether that can be told.
    fn follow<'w>(&'w self, next: &Reference, way: &mut Way<'w>, keys: Keys<'_>) -> bool {
        // An item comes after the path of the reference, and nothing holds it there.
        if way.item.is_some() && !next.path.is_empty() || !self.leads_on(next.root, way.frame) {
            return false;
        }
        let mut path = told(&next.path, way.frame, keys);
        // Instances and outputs have names; what a variable or an input holds may be a list.
        let keeps_item = way.item.is_some() && !matches!(next.root, Root::Resource(_));
        if !keeps_item {
            path.extend(way.item.as_ref().map(|item| (Accessor::Key(item.key.clone()), next.at.clone())));
            path.extend(way.path.iter().cloned());
        }
        let Some(found) = self.behind(next.root, path, way.frame) else { return false };
        (way.expr, way.frame) = (found.expr, found.frame);
        if !keeps_item {
            (way.item, way.path) = (found.item, found.path);
        }
        true
    }

    /// The expression that a name of the text stands for.
    fn behind(&self, root: Root, path: Path, frame: Frame) -> Option<Way<'_>> {
        let instance = &self.instances[frame.instance];
        let body = self.body(frame.instance);
        match root {
            Root::Variable(n) => Some(Way { expr: &body.variables[n].value, frame: instance.frame, item: None, path }),
            Root::Input(n) => {
                let declared = &body.inputs[n];
                // What is converted or hidden on the way in is a value of its own.
                if declared.secret || !matches!(declared.ty, None | Some(Ty::Any | Ty::Object)) {
                    return None;
                }
                let (expr, frame) = match &instance.inputs[n] {
                    Bound::Given(expr, frame) => (expr, *frame),
                    Bound::Default => (declared.default.as_ref()?, instance.frame),
                    Bound::Value(_) | Bound::Poison => return None,
                };
                Some(Way { expr, frame, item: None, path })
            }
            Root::Resource(n) => {
                let (target, taken) = match (&instance.members[n], path.first().map(|(accessor, _)| accessor)) {
                    (Member::One(target), _) => (*target, 0),
                    (Member::Each(targets), Some(Accessor::Key(key) | Accessor::Name(key))) => (*targets.get(key)?, 1),
                    (Member::Each(targets), Some(Accessor::Index(index))) => (*targets.get_index(*index)?.1, 1),
                    _ => return None,
                };
                let Target::Instance(inner) = target else { return None };
                let (Accessor::Name(name) | Accessor::Key(name), _) = path.get(taken)? else { return None };
                let output = self.body(inner).outputs.iter().find(|output| output.name == *name)?;
                let frame = self.instances[inner].frame;
                Some(Way { expr: &output.value, frame, item: None, path: path[taken + 1..].to_vec() })
            }
            Root::Each => {
                let (resource, index) = frame.each?;
                let [(Accessor::Name(word), _), rest @ ..] = path.as_slice() else { return None };
                if word != "value" {
                    return None;
                }
                let expr = body.resources[resource].each.as_ref()?;
                let key = instance.groups.get(&resource)?.keys[index].clone();
                Some(Way { expr, frame: instance.frame, item: Some(Item { key, index }), path: rest.to_vec() })
            }
            Root::Pulumi | Root::Region | Root::Regions => None,
        }
    }
}

impl<'w> Way<'w> {
    fn key(&self) -> Option<&str> {
        match (&self.item, self.path.first()) {
            (Some(item), _) => Some(&item.key),
            (None, Some((Accessor::Name(key) | Accessor::Key(key), _))) => Some(key),
            _ => None,
        }
    }

    fn index(&self) -> Option<usize> {
        match (&self.item, self.path.first()) {
            (Some(item), _) => Some(item.index),
            (None, Some((Accessor::Index(index), _))) => Some(*index),
            _ => None,
        }
    }

    fn step(&mut self, expr: &'w Expr) {
        self.expr = expr;
        if self.item.take().is_none() {
            self.path.remove(0);
        }
    }

    fn ends(self, further: bool) -> Option<Lead<'w>> {
        // A key that only a value can tell belongs to the frame that it is written in.
        let untold = self.path.iter().any(|(accessor, _)| matches!(accessor, Accessor::Of(_)));
        if !further || self.item.is_some() || untold {
            return None;
        }
        Some(match &self.expr.kind {
            Kind::Reference(next) if !splits(next) => Lead::Name(next.with(self.path), self.frame),
            _ => Lead::Value(Piece { expr: self.expr, frame: self.frame }, self.path),
        })
    }
}

/// A path in which every key that is known is written out.
fn told(path: &[(Accessor, Location)], frame: Frame, keys: Keys<'_>) -> Path {
    let mut told = |accessor: &Accessor| match accessor {
        Accessor::Of(inner) => keys(inner, frame).map(Accessor::Key),
        _ => None,
    };
    path.iter().map(|(accessor, at)| (told(accessor).unwrap_or_else(|| accessor.clone()), at.clone())).collect()
}

/// Whether the rest of a path after this reference would be taken of every item.
fn splits(reference: &Reference) -> bool {
    reference.path.iter().any(|(accessor, _)| matches!(accessor, Accessor::All))
}

/// A named value of an instance, or a part of one that the text tells apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'w> {
    pub(crate) expr: &'w Expr,
    pub(crate) frame: Frame,
}

/// Texts stay where they are while a world is looked at, so a place in memory tells expressions apart.
impl Piece<'_> {
    fn identity(&self) -> (*const Expr, Frame) {
        (std::ptr::from_ref(self.expr), self.frame)
    }
}

impl PartialEq for Piece<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Piece<'_> {}

impl std::hash::Hash for Piece<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}

impl World {
    /// The name of a piece as a program would write it, such as `data/sides.primary.keyArn`.
    pub(crate) fn name_of(&self, piece: &Piece) -> String {
        let named = (0..self.instances.len()).find_map(|i| {
            let body = self.body(i);
            let variables = body.variables.iter().map(|v| (&v.name, &v.value));
            let outputs = body.outputs.iter().map(|o| (&o.name, &o.value));
            let inputs = body.inputs.iter().zip(&self.instances[i].inputs).filter_map(|(input, bound)| match bound {
                Bound::Given(expr, _) => Some((&input.name, expr)),
                Bound::Default => Some((&input.name, input.default.as_ref()?)),
                _ => None,
            });
            let each = body.resources.iter().filter_map(|block| Some((&block.key, block.each.as_ref()?)));
            let mut all = variables.chain(outputs).chain(inputs).chain(each);
            all.find_map(|(name, whole)| {
                Some(format!("{}{name}{}", self.instances[i].prefix, path_to(piece.expr, whole)?))
            })
        });
        named.unwrap_or_else(|| "a value".to_owned())
    }
}

/// The path from a whole to a part of it.
fn path_to(piece: &Expr, whole: &Expr) -> Option<String> {
    if std::ptr::eq(piece, whole) {
        return Some(String::new());
    }
    match &whole.kind {
        Kind::Map(entries) => entries.iter().find_map(|(key, _, e)| Some(format!(".{key}{}", path_to(piece, e)?))),
        Kind::List(items) => items.iter().enumerate().find_map(|(n, e)| Some(format!("[{n}]{}", path_to(piece, e)?))),
        _ => None,
    }
}

impl Slot {
    /// The slot that a name of a text stands for.
    pub(crate) fn of(root: Root, instance: usize) -> Option<Self> {
        match root {
            Root::Variable(n) => Some(Self::Variable(instance, n)),
            Root::Input(n) => Some(Self::Input(instance, n)),
            _ => None,
        }
    }
}
