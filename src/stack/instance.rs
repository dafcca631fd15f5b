//! What bodies become: instances of components, and resources with their place and name.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use indexmap::IndexMap;

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::program::Known;
use crate::engine::provider::Catalog;
use crate::engine::redact::Redactor;
use crate::engine::resource::Scope;
use crate::engine::schema::TypeSchema;
use crate::engine::urn::{Place, Urn};
use crate::engine::value::{Map, Value};
use crate::stack::answers::NoAnswers;
use crate::stack::assets::Assets;
use crate::stack::body::{Block, Body, Type};
use crate::stack::check::no_such;
use crate::stack::eval::Run;
use crate::stack::expr::{Expr, Kind};
use crate::stack::reads::Reads;
use crate::stack::regions::{Region, doubtful, is_region, unknown};

/// Outputs of other stacks, for stack references.
pub trait Stacks: Send + Sync {
    /// The outputs of a stack, `None` if there is no such stack.
    ///
    /// # Errors
    /// If its state cannot be read; the text says why.
    fn outputs(&self, stack: &str) -> Result<Option<Map>, String>;
}

/// Other stacks, each read once.
pub(crate) struct Others {
    source: Arc<dyn Stacks>,
    read: Mutex<HashMap<String, Result<Option<Map>, String>>>,
}

impl Others {
    pub(crate) fn new(source: Arc<dyn Stacks>) -> Self {
        Self { source, read: Mutex::default() }
    }

    pub(crate) fn outputs(&self, stack: &str) -> Result<Option<Map>, String> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.entry(stack.to_owned()).or_insert_with(|| self.source.outputs(stack)).clone()
    }
}

/// What the type of a component begins with in URNs; its name follows.
pub(crate) const COMPONENT: &str = "drctl:component:";

/// Everything that expressions may refer to.
pub(crate) struct World {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) bodies: Vec<Body>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) by_urn: HashMap<Urn, usize>,
    pub(crate) pulumi: Value,
    /// Role → region, as declared.
    pub(crate) roles: IndexMap<String, String>,
    pub(crate) regions: Vec<Region>,
    /// Directory of each source file, by the name of the source.
    pub(crate) dirs: HashMap<String, PathBuf>,
    pub(crate) program_dir: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) assets: Arc<Assets>,
    /// What was read for it.
    pub(crate) reads: Arc<Reads>,
    /// Secrets of the program, and what became a part of a text.
    pub(crate) secrets: Arc<Redactor>,
    pub(crate) stacks: Others,
    /// Values that no cloud can change.
    pub(crate) constants: HashMap<Slot, Arc<Value>>,
    /// Resources of the text may be missing here.
    pub(crate) is_partial: bool,
    /// What made too much of it all while it was loaded. Nothing is evaluated after that.
    pub(crate) too_big: OnceLock<Diagnostic>,
    /// Default tags of the config and of the stack.
    pub(crate) default_tags: Map,
}

/// The program (instance 0), or one instance of a component.
pub(crate) struct Instance {
    pub(crate) body: usize,
    /// What names inside begin with: empty, or `primary/`.
    pub(crate) prefix: String,
    pub(crate) parent: Option<Parent>,
    /// The frame that its own text is evaluated in.
    pub(crate) frame: Frame,
    pub(crate) inputs: Vec<Bound>,
    pub(crate) members: Vec<Member>,
    /// Keys and values of resources with `each`, by resource.
    pub(crate) groups: HashMap<usize, Arc<Group>>,
    /// Tags that its resources get, the later over the earlier: those of one scope come last.
    pub(crate) tags: Vec<Tags>,
    pub(crate) ending: Ending,
    pub(crate) provider: Option<usize>,
    /// What all of it depends on.
    pub(crate) depends_on: Vec<(Expr, Frame)>,
    /// What the instance may have been before.
    pub(crate) former: Vec<Urn>,
    /// Bodies around it, to refuse a component inside itself.
    pub(crate) chain: Vec<usize>,
    /// Where it stands in the text: resource and item, from the outside in.
    pub(crate) position: Vec<usize>,
}

/// Options about the end of a resource or a component, which hold for what stands in it, too.
#[derive(Clone, Default)]
pub(crate) struct Ending {
    pub(crate) protect: bool,
    pub(crate) retain_on_delete: bool,
    /// What has the option `deletedWith`, and where that is evaluated.
    pub(crate) deleted_with: Option<(Arc<Block>, Frame)>,
}

impl Ending {
    pub(crate) fn deleted_with(&self) -> Option<(&Expr, Frame)> {
        let (block, frame) = self.deleted_with.as_ref()?;
        Some((block.option("deletedWith")?, *frame))
    }
}

/// Tags of many resources.
#[derive(Clone)]
pub(crate) struct Tags {
    pub(crate) expr: Expr,
    pub(crate) frame: Frame,
    /// Those of this scope alone get them.
    pub(crate) only: Option<Scope>,
}

impl Tags {
    pub(crate) fn reach(&self, schema: &TypeSchema) -> bool {
        self.only.is_none_or(|scope| scope == schema.facts.scope)
    }
}

/// A URN and the chain of types that leads to it.
#[derive(Debug, Clone)]
pub(crate) struct Parent {
    pub(crate) urn: Urn,
    pub(crate) types: String,
}

/// A value given to an input of a component, or to a config entry.
pub(crate) enum Bound {
    Value(Arc<Value>),
    /// An expression of the text that uses the component.
    Given(Expr, Frame),
    /// The default of the declaration.
    Default,
    /// Reported already.
    Poison,
}

/// Where an expression is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Frame {
    pub(crate) instance: usize,
    /// Resource with `each`, and which of its items.
    pub(crate) each: Option<(usize, usize)>,
    /// Index into the regions.
    pub(crate) region: Option<usize>,
}

/// What a resource of a body has become.
pub(crate) enum Member {
    /// Not looked at yet.
    Pending,
    One(Target),
    Each(IndexMap<String, Target>),
    /// Its `if` is false.
    Absent,
    /// A data source has yet to say what it becomes.
    Open,
    /// Reported already.
    Poison,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Node(usize),
    /// An instance of a component.
    Instance(usize),
}

/// The items of an `each`.
pub(crate) struct Group {
    pub(crate) keys: Vec<String>,
    /// As far as they were known when the program was loaded.
    pub(crate) values: Vec<Value>,
}

/// A resource of the program: managed by the engine, or a provider, or a stack reference.
pub(crate) struct Node {
    pub(crate) block: Arc<Block>,
    /// The frame of its own expressions.
    pub(crate) frame: Frame,
    pub(crate) urn: Urn,
    pub(crate) types: String,
    pub(crate) parent: Option<Urn>,
    pub(crate) place: Place,
    pub(crate) provider: Option<usize>,
    pub(crate) ending: Ending,
    /// Outputs that the program calls secret.
    pub(crate) secret_outputs: Vec<String>,
    /// Where it stands in the text: resource and item, from the outside in.
    pub(crate) position: Vec<usize>,
}

/// A named value of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    Variable(usize, usize),
    Input(usize, usize),
    Output(usize, usize),
}

impl World {
    pub(crate) fn body(&self, instance: usize) -> &Body {
        &self.bodies[self.instances[instance].body]
    }

    /// A component has no output of that name.
    pub(crate) fn no_output(&self, instance: usize, name: &str) -> Diagnostic {
        let parent = self.instances[instance].parent.as_ref();
        let ty = parent.map_or("", |parent| parent.urn.ty());
        let known: Vec<&str> = self.body(instance).outputs.iter().map(|output| output.name.as_str()).collect();
        let component = ty.rsplit(':').next().unwrap_or(ty);
        no_such(&format!("component `{component}` has no output"), name, &known)
    }

    pub(crate) fn schema(&self, node: &Node) -> Option<&TypeSchema> {
        match node.block.ty {
            Type::Managed(index) => Some(self.catalog.schema_at(index)),
            _ => None,
        }
    }

    /// The input of a resource that gives it the same name in the cloud wherever this program runs.
    pub(crate) fn fixed_name<'a>(&self, node: &'a Node) -> Option<&'a str> {
        let schema = self.schema(node)?;
        let Kind::Map(entries) = &node.block.properties.kind else { return None };
        let names = |input: &str| schema.inputs.get(input).is_some_and(|property| property.auto_name.is_some());
        let (input, _, expr) = entries.iter().find(|(input, _, _)| names(input))?;
        let known = Known::new();
        let value = Run::new(self, &known, &NoAnswers).eval(expr, node.frame)?;
        (!value.is_null() && !value.has_unknown()).then_some(input.as_str())
    }

    /// The key of an instance, if it is one of an `each`.
    pub(crate) fn key(&self, frame: Frame) -> Option<&str> {
        let (resource, n) = frame.each?;
        self.instances[frame.instance].groups.get(&resource)?.keys.get(n).map(String::as_str)
    }

    pub(crate) fn region(&self, frame: Frame) -> Option<&Region> {
        frame.region.map(|index| &self.regions[index])
    }

    /// The region of a role or of that name.
    pub(crate) fn find_region(&mut self, given: &str) -> Result<usize, Diagnostic> {
        let region = match self.roles.get(given) {
            Some(name) => Region { name: name.clone(), role: Some(given.to_owned()) },
            None if is_region(given) => {
                let role = self.roles.iter().find(|(_, name)| *name == given).map(|(role, _)| role.clone());
                Region { name: given.to_owned(), role }
            }
            None => {
                let roles: Vec<&str> = self.roles.keys().map(String::as_str).collect();
                return Err(unknown(given, &roles));
            }
        };
        Ok(self.regions.iter().position(|r| *r == region).unwrap_or_else(|| {
            self.regions.push(region);
            self.regions.len() - 1
        }))
    }

    /// A warning about a region that AWS does not seem to have. What a role stands for is doubted under `regions`.
    pub(crate) fn doubt(&self, given: &str) -> Option<Diagnostic> {
        let declared = self.roles.iter().any(|(role, name)| role == given || name == given);
        if declared { None } else { doubtful(given) }
    }

    /// Directory of the file that an expression is written in.
    pub(crate) fn dir(&self, at: &Location) -> &std::path::Path {
        self.dirs.get(&at.source.name).unwrap_or(&self.program_dir)
    }
}
