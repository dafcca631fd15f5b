//! The config that a program declares, for whoever sets its values.

use crate::engine::diagnostic::Diagnostic;
use crate::engine::value::Value;
use crate::stack::config;
use crate::stack::expr::{Kind as ExprKind, Root, Scope};
use crate::stack::files::Files;
use crate::stack::load::Loader;
use crate::stack::project;
use crate::stack::request::Request;

/// A config entry, as far as whoever sets its value must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    /// With the project's name and a colon.
    pub(crate) key: String,
    /// None if neither a type nor a default tells.
    pub(crate) ty: Option<config::Ty>,
    pub(crate) secret: bool,
}

/// The project's name and the config that its program declares, whatever else is wrong with it. The
/// name stands before keys that have no colon.
///
/// # Errors
/// If there is no such stack, or its files are no YAML.
pub(crate) fn declared(request: &Request) -> Result<(String, Vec<Declared>), Vec<Diagnostic>> {
    let project = project::find(request, &mut Files::new(&request.cwd))?;
    let name = project.name.clone();
    let program = project.program.clone();
    let mut problems = Vec::new();
    let mut loader = Loader::new(request, project, &mut problems);
    let entries = loader.config_entries(&program);
    let mut ignored = Vec::new();
    let inputs = entries.iter().map(|entry| config::Input::read(entry, &NoNames, &mut ignored));
    let declared = inputs.map(|input| Declared {
        key: loader.full_key(input.key.as_ref().unwrap_or(&input.name)),
        secret: input.secret,
        ty: input.ty.or(match input.default.map(|default| default.kind) {
            Some(ExprKind::Literal(default)) => of_default(&default),
            _ => None,
        }),
    });
    Ok((name, declared.collect()))
}

/// The type of what stands without one: that of its default.
pub(super) fn of_default(default: &Value) -> Option<config::Ty> {
    match default.bare() {
        Value::Number(_) => Some(config::Ty::Number),
        Value::Bool(_) => Some(config::Ty::Boolean),
        Value::String(_) => Some(config::Ty::Text),
        _ => None,
    }
}

/// Nothing can be referred to.
struct NoNames;

impl Scope for NoNames {
    fn resolve(&self, _: &str) -> Option<Root> {
        None
    }

    fn names(&self) -> Vec<&str> {
        Vec::new()
    }

    fn function(&self, token: &str) -> Result<&'static str, Diagnostic> {
        Err(Diagnostic::error("unknown-function", format!("there is no data source `{token}`")))
    }
}
