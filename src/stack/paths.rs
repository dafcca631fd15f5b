//! References against schemas, before anything runs: a property that a resource, a component or a
//! data source does not have is found where it is written.

use std::collections::HashMap;

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::provider::Catalog;
use crate::engine::schema::{Object, Shape};
use crate::stack::body::{Body, Type, short};
use crate::stack::check::no_such;
use crate::stack::expr::{Accessor, Expr, Kind, Part, Reference, Root};

/// Checks all references of all bodies.
pub(crate) fn check(bodies: &[Body], components: &HashMap<String, usize>, catalog: &Catalog) -> Vec<Diagnostic> {
    let mut checker = Checker { bodies, components, catalog, problems: Vec::new() };
    for body in bodies {
        let inputs = body.inputs.iter().filter_map(|i| i.default.as_ref());
        let named = body.variables.iter().chain(&body.outputs).map(|n| &n.value);
        inputs.chain(named).chain(&body.tags).for_each(|expr| checker.expr(body, expr));
        for block in &body.resources {
            let parts = [&block.name, &block.region, &block.tags, &block.each, &block.condition, &block.get];
            let parts = parts.into_iter().flatten().chain([&block.properties]);
            parts.chain(block.options.iter().map(|(_, e)| e)).for_each(|expr| checker.expr(body, expr));
        }
    }
    checker.problems
}

struct Checker<'a> {
    bodies: &'a [Body],
    components: &'a HashMap<String, usize>,
    catalog: &'a Catalog,
    problems: Vec<Diagnostic>,
}

impl Checker<'_> {
    fn expr(&mut self, body: &Body, expr: &Expr) {
        match &expr.kind {
            Kind::Literal(_) | Kind::Poison => {}
            Kind::List(items) => items.iter().for_each(|e| self.expr(body, e)),
            Kind::Map(entries) => entries.iter().for_each(|(_, _, e)| self.expr(body, e)),
            Kind::Text(parts) => {
                for part in parts {
                    if let Part::Reference(reference) = part {
                        self.reference(body, reference);
                    }
                }
            }
            Kind::Reference(reference) => self.reference(body, reference),
            Kind::Call(_, argument) => self.expr(body, argument),
            Kind::Invoke(invoke) => {
                self.expr(body, &invoke.arguments);
                [&invoke.region, &invoke.provider, &invoke.depends_on]
                    .into_iter()
                    .flatten()
                    .for_each(|e| self.expr(body, e));
                if let Some((name, at)) = &invoke.result
                    && let Some(schema) = self.catalog.function(invoke.function)
                    && schema.result.get(name).is_none()
                {
                    let problem =
                        no_such(&format!("`{}` returns no", short(schema.token)), name, &names(&schema.result));
                    self.problems.push(problem.at(at.clone()));
                }
            }
        }
    }

    fn reference(&mut self, body: &Body, reference: &Reference) {
        for (accessor, _) in &reference.path {
            if let Accessor::Of(inner) = accessor {
                self.reference(body, inner);
            }
        }
        match reference.root {
            Root::Resource(n) => {
                let block = &body.resources[n];
                let path = match (&block.each, reference.path.as_slice()) {
                    (Some(_), [(Accessor::Name(_), _), ..]) => return,
                    (Some(_), path) => path.get(1..).unwrap_or_default(),
                    (None, path) => path,
                };
                match &block.ty {
                    Type::Managed(index) => self.resource(*index, path),
                    Type::Component(name) => self.component(body, name, path),
                    _ => {}
                }
            }
            Root::Variable(n) => {
                if let Kind::Invoke(invoke) = &body.variables[n].value.kind
                    && invoke.result.is_none()
                    && let Some(schema) = self.catalog.function(invoke.function)
                {
                    self.object(&format!("`{}` returns no", short(schema.token)), &[&schema.result], &reference.path);
                }
            }
            _ => {}
        }
    }

    fn resource(&mut self, index: usize, path: &[(Accessor, Location)]) {
        let schema = &self.catalog.types()[index];
        if let [(Accessor::Name(name) | Accessor::Key(name), _), ..] = path
            && (name == "id" || name == "urn")
        {
            return;
        }
        let what = format!("`{}` has no property", short(schema.token));
        self.object(&what, &[&schema.outputs, &schema.inputs], path);
    }

    fn component(&mut self, body: &Body, name: &str, path: &[(Accessor, Location)]) {
        let index = body.components.get(name).or_else(|| self.components.get(name));
        let (Some(index), [(Accessor::Name(output) | Accessor::Key(output), at), ..]) = (index, path) else { return };
        let outputs = &self.bodies[*index].outputs;
        if !outputs.iter().any(|o| o.name == *output) {
            let known: Vec<&str> = outputs.iter().map(|o| o.name.as_str()).collect();
            let problem = no_such(&format!("component `{name}` has no output"), output, &known);
            self.problems.push(problem.at(at.clone()));
        }
    }

    fn object(&mut self, what: &str, objects: &[&Object], path: &[(Accessor, Location)]) {
        let [(Accessor::Name(name) | Accessor::Key(name), at), rest @ ..] = path else { return };
        match objects.iter().find_map(|o| o.get(name)) {
            Some(property) => self.shape(name, &property.shape, rest),
            None => {
                let mut known = vec!["id", "urn"];
                known.extend(objects.iter().flat_map(|o| names(o)));
                let known = if objects.len() > 1 { known } else { names(objects[0]) };
                self.problems.push(no_such(what, name, &known).at(at.clone()));
            }
        }
    }

    fn shape(&mut self, name: &str, shape: &Shape, path: &[(Accessor, Location)]) {
        let [(accessor, at), rest @ ..] = path else { return };
        let problem = match (shape, accessor) {
            (Shape::Any | Shape::Document | Shape::Asset, _) | (_, Accessor::Of(_)) => return,
            (Shape::Object(object), Accessor::Name(_) | Accessor::Key(_)) => {
                return self.object(&format!("`{name}` has no property"), &[object], path);
            }
            (Shape::List { item, .. }, Accessor::Index(_) | Accessor::All)
            | (Shape::Map(item), Accessor::Name(_) | Accessor::Key(_) | Accessor::All) => {
                return self.shape(name, &item.shape, rest);
            }
            (Shape::Object(_), Accessor::All) => return,
            (Shape::List { .. }, _) => Diagnostic::error("access", format!("`{name}` is a list and has no properties"))
                .help("take an item with `[0]`, or all with `[*]`"),
            (Shape::Map(_) | Shape::Object(_), _) => {
                Diagnostic::error("access", format!("`{name}` has names and no list indexes"))
            }
            (shape, _) => Diagnostic::error("access", format!("`{name}` is a {} and has no parts", shape.noun())),
        };
        self.problems.push(problem.at(at.clone()));
    }
}

fn names(object: &Object) -> Vec<&str> {
    object.properties.iter().map(|p| p.name.as_str()).collect()
}
