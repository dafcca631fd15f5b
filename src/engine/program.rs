//! What the engine needs from a language: the resources that should exist, and their inputs as
//! far as they are known.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::handle::Handle;
use crate::engine::path::Path;
use crate::engine::plan::SetBy;
use crate::engine::provider::Provider;
use crate::engine::redact::Redactor;
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Map, Value};

/// A program: declarations, and expressions that are evaluated as outputs become known.
///
/// The same program is evaluated once for the plan, with what the state knows, and again for each
/// step just before its call, with what the calls before it returned.
pub trait Program: Send + Sync {
    fn stack(&self) -> &str;
    fn project(&self) -> &str;

    /// What is known to be secret, also where it became a part of a text. It grows with every evaluation.
    fn secrets(&self) -> Arc<Redactor> {
        Arc::default()
    }

    /// All resources, in the order written.
    fn declarations(&self) -> &[Declaration];

    /// The inputs of a declaration: checked against its schema, converted to its types, schema
    /// defaults filled in, default tags merged, secrets marked. Automatic names are left out.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    fn inputs<'a>(
        &'a self,
        urn: &'a Urn,
        known: &'a Known,
        cloud: &'a dyn Provider,
    ) -> BoxFuture<'a, Result<Given, Vec<Diagnostic>>>;

    /// Where a part of the inputs of a declaration is written, or else what is nearest around it.
    fn written_at(&self, declaration: &Declaration, path: &Path) -> Location;

    /// Outputs that come from a measurement: another value of one is no change of the stack.
    fn measured(&self) -> &HashSet<String>;

    /// The outputs of the stack.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    fn outputs<'a>(&'a self, known: &'a Known, cloud: &'a dyn Provider) -> BoxFuture<'a, Result<Map, Vec<Diagnostic>>>;
}

/// The code of a problem that is none of the program's: a data source was asked in a region that the
/// user gave as unavailable.
pub const UNAVAILABLE: &str = "unavailable";

/// Whether a problem will pass with the region that it is about.
pub fn unavailable(problem: &Diagnostic) -> bool {
    problem.code == UNAVAILABLE
}

/// The inputs that a program gives a resource.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    pub inputs: Value,
    /// Paths of the values that the program leaves to the defaults of the schema.
    pub defaults: Vec<Path>,
    /// Another value replaces the resource, if there was one before: `replacementTrigger`.
    pub trigger: Option<Value>,
}

impl Given {
    /// Who says what stands at a path: a default that the program writes is the program's.
    pub fn set_by(&self, path: &Path) -> SetBy {
        let holds = |default: &Path| path.0.starts_with(&default.0);
        if self.defaults.iter().any(holds) { SetBy::Default } else { SetBy::Program }
    }
}

/// What is known of the resources so far. A resource that is not in it is wholly unknown.
pub type Known = HashMap<Urn, Handle>;

/// A resource that should exist.
#[derive(Debug, Clone)]
pub struct Declaration {
    pub urn: Urn,
    /// What it is called in the text, which is another word than in the URN where `name` gives one.
    pub key: String,
    /// Canonical token.
    pub ty: String,
    pub place: Place,
    pub parent: Option<Urn>,
    /// Resources that must exist first: `dependsOn`, and every reference in inputs and options.
    pub needs: Vec<Urn>,
    /// For each input, the resources that its expression refers to.
    pub refers: BTreeMap<String, Vec<Urn>>,
    pub options: Options,
    /// `get:`: the resource exists already and is only read.
    pub external: Option<External>,
    /// Where it stands in the program.
    pub at: Location,
}

/// A resource that the program reads and does not manage.
#[derive(Debug, Clone)]
pub struct External {
    pub id: Value,
}

/// Options of a resource, as Pulumi names them.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub protect: bool,
    pub retain_on_delete: bool,
    /// Property paths whose old values are kept; `*` for all.
    pub ignore_changes: Vec<String>,
    /// Property paths whose change replaces the resource; `*` for all.
    pub replace_on_changes: Vec<String>,
    pub delete_before_replace: Option<bool>,
    /// Earlier identities.
    pub aliases: Vec<Urn>,
    pub timeouts: Timeouts,
    /// Deleting that resource deletes this one too, so no call is made.
    pub deleted_with: Option<Urn>,
    /// Replacing any of these replaces this one too.
    pub replace_with: Vec<Urn>,
    pub additional_secret_outputs: Vec<String>,
    /// Adopt this resource instead of making one.
    pub import: Option<Id>,
    /// Property paths whose values a plan does not show.
    pub hide_diffs: Vec<String>,
}

/// Deadlines that differ from those of the type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    pub create: Option<Duration>,
    pub update: Option<Duration>,
    pub delete: Option<Duration>,
    pub read: Option<Duration>,
}
