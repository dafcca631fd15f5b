//! Sections that must be known before anything exists.

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::program::Known;
use crate::engine::value::Value;
use crate::stack::answers::NoAnswers;
use crate::stack::body;
use crate::stack::eval::Run;
use crate::stack::expand::failed;
use crate::stack::expr::{Expr, Kind as ExprKind, Part, Reader, Root, Scope};
use crate::stack::instance::World;
use crate::stack::load::Loader;
use crate::stack::yaml::Node;

impl Loader<'_> {
    /// The value of a top-level section, from config and what else is known at once.
    pub(super) fn early(&mut self, world: &World, node: &Node) -> Option<Value> {
        let scope = BodyScope { world };
        let before = self.problems.len();
        let expr = Reader { scope: &scope, problems: self.problems }.expr(node);
        if failed(&self.problems[before..]) {
            return None;
        }
        let known = Known::new();
        let mut run = Run::new(world, &known, &NoAnswers);
        let value = run.eval(&expr, world.instances[0].frame);
        let pending = run.pending;
        self.problems.extend(run.problems);
        let value = value?;
        if pending || value.has_unknown() {
            let at = first_reference(&expr).unwrap_or(&expr.at).clone();
            let problem = Diagnostic::error("early", "this must be known before anything exists").at(at);
            self.problems.push(problem.help("take it from the config or write it here"));
            return None;
        }
        Some(value)
    }
}

fn first_reference(expr: &Expr) -> Option<&Location> {
    match &expr.kind {
        ExprKind::Reference(reference) if matches!(reference.root, Root::Resource(_)) => Some(&reference.at),
        ExprKind::Text(parts) => parts.iter().find_map(|part| match part {
            Part::Reference(reference) if matches!(reference.root, Root::Resource(_)) => Some(&reference.at),
            _ => None,
        }),
        ExprKind::List(items) => items.iter().find_map(first_reference),
        ExprKind::Map(entries) => entries.iter().find_map(|(_, _, e)| first_reference(e)),
        _ => None,
    }
}

/// The names of the program, for sections that are read after it.
struct BodyScope<'a> {
    world: &'a World,
}

impl Scope for BodyScope<'_> {
    fn resolve(&self, name: &str) -> Option<Root> {
        self.world.bodies[0].names.get(name).copied()
    }

    fn names(&self) -> Vec<&str> {
        body::own_names(&self.world.bodies[0].names)
    }

    fn function(&self, token: &str) -> Result<&'static str, Diagnostic> {
        let found = self.world.catalog.function(token).map(|f| f.token);
        found.ok_or_else(|| Diagnostic::error("unknown-function", format!("there is no data source `{token}`")))
    }
}
