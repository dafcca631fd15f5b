//! References against schemas, before anything runs: a property that a resource, a component or a
//! data source does not have is found where it is written.

use std::collections::HashMap;

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::provider::Catalog;
use crate::engine::resource::Scope;
use crate::engine::schema::{Object, Property, Shape, TypeSchema};
use crate::stack::body::{Body, Type, short};
use crate::stack::check::no_such;
use crate::stack::expr::{Accessor, Expr, Kind, Part, Reference, Root};

/// Checks all references of all bodies.
pub(crate) fn check(bodies: &[Body], components: &HashMap<String, usize>, catalog: &Catalog) -> Vec<Diagnostic> {
    let mut checker = Checker { bodies, components, catalog, problems: Vec::new() };
    for body in bodies {
        body.expressions().for_each(|expr| checker.expr(body, expr));
        for block in &body.resources {
            if let (Type::Managed(index), Kind::Map(entries)) = (&block.ty, &block.properties.kind) {
                let inputs = &catalog.schema_at(*index).inputs;
                for (name, _, expr) in entries {
                    if let Some(property) = inputs.get(name) {
                        checker.flow(body, expr, &property.shape, name);
                    }
                }
            }
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

    /// Whether what a reference gives can be what an input takes, as far as both are declared.
    fn flow(&mut self, body: &Body, expr: &Expr, wanted: &Shape, path: &str) {
        match (&expr.kind, wanted) {
            (Kind::List(items), Shape::List { item, .. }) => {
                items.iter().for_each(|e| self.flow(body, e, &item.shape, path));
            }
            (Kind::Map(entries), Shape::Map(item)) => {
                entries.iter().for_each(|(name, _, e)| self.flow(body, e, &item.shape, &format!("{path}.{name}")));
            }
            (Kind::Map(entries), Shape::Object(object)) => {
                for (name, _, e) in entries {
                    if let Some(property) = object.get(name) {
                        self.flow(body, e, &property.shape, &format!("{path}.{name}"));
                    }
                }
            }
            (Kind::Reference(reference), wanted) => {
                let Some(given) = self.given(body, reference) else { return };
                if !fits(&given, wanted) {
                    let text =
                        format!("`{path}` must be {}, and this gives {}", with_article(wanted), with_article(&given));
                    self.problems.push(Diagnostic::error("wrong-type", text).at(reference.at.clone()));
                }
            }
            _ => {}
        }
    }

    /// The shape of what a reference gives, if its path ends in a declared property.
    fn given(&self, body: &Body, reference: &Reference) -> Option<Shape> {
        let (objects, path): (Vec<&Object>, _) = match reference.root {
            Root::Resource(n) => {
                let block = &body.resources[n];
                let Type::Managed(index) = block.ty else { return None };
                let schema = self.catalog.schema_at(index);
                let path = match (&block.each, reference.path.as_slice()) {
                    (None, path) => path,
                    (Some(_), [(Accessor::Key(_) | Accessor::Of(_) | Accessor::Index(_), _), rest @ ..]) => rest,
                    (Some(_), _) => return None,
                };
                (vec![&schema.outputs, &schema.inputs], path)
            }
            Root::Variable(n) => match &body.variables[n].value.kind {
                Kind::Invoke(invoke) if invoke.result.is_none() => {
                    (vec![&self.catalog.function(invoke.function)?.result], reference.path.as_slice())
                }
                _ => return None,
            },
            _ => return None,
        };
        let [(Accessor::Name(name) | Accessor::Key(name), _), rest @ ..] = path else { return None };
        let mut shape = match objects.iter().find_map(|o| o.get(name)) {
            Some(property) => &property.shape,
            None if name == "id" || name == "urn" || name == "region" => &Shape::Text,
            None => return None,
        };
        for (accessor, _) in rest {
            shape = match (shape, accessor) {
                (Shape::Object(object), Accessor::Name(name) | Accessor::Key(name)) => &object.get(name)?.shape,
                (Shape::List { item, .. }, Accessor::Index(_)) => &item.shape,
                (Shape::Map(item), Accessor::Name(_) | Accessor::Key(_)) => &item.shape,
                _ => return None,
            };
        }
        Some(shape.clone())
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
                    self.object(&format!("`{}` returns no", short(schema.token)), &schema.result, &reference.path);
                }
            }
            _ => {}
        }
    }

    fn resource(&mut self, index: usize, path: &[(Accessor, Location)]) {
        let schema = self.catalog.schema_at(index);
        let [(Accessor::Name(name) | Accessor::Key(name), _), rest @ ..] = path else { return };
        match property(schema, name) {
            Some(property) => self.shape(name, &property.shape, rest),
            None => self.problems.extend(missing(schema, path)),
        }
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

    fn object(&mut self, what: &str, object: &Object, path: &[(Accessor, Location)]) {
        let [(Accessor::Name(name) | Accessor::Key(name), at), rest @ ..] = path else { return };
        match object.get(name) {
            Some(property) => self.shape(name, &property.shape, rest),
            None => self.problems.push(no_such(what, name, &names(object)).at(at.clone())),
        }
    }

    fn shape(&mut self, name: &str, shape: &Shape, path: &[(Accessor, Location)]) {
        let [(accessor, at), rest @ ..] = path else { return };
        let problem = match (shape, accessor) {
            (Shape::Any | Shape::Document | Shape::Asset, _) | (_, Accessor::Of(_)) => return,
            (Shape::Object(object), Accessor::Name(_) | Accessor::Key(_)) => {
                return self.object(&format!("`{name}` has no property"), object, path);
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

/// What is wrong with a path into a resource that begins with a property which the resource does not have.
pub(crate) fn missing(schema: &TypeSchema, path: &[(Accessor, Location)]) -> Option<Diagnostic> {
    let [(Accessor::Name(name) | Accessor::Key(name), at), ..] = path else { return None };
    let of_all = name == "id" || name == "urn" || name == "region" && schema.facts.scope == Scope::Region;
    if of_all || property(schema, name).is_some() {
        return None;
    }
    let known: Vec<&str> =
        ["id", "urn"].into_iter().chain(names(&schema.outputs)).chain(names(&schema.inputs)).collect();
    Some(no_such(&format!("`{}` has no property", short(schema.token)), name, &known).at(at.clone()))
}

/// What the cloud shows of a resource goes before what it was asked for.
fn property<'s>(schema: &'s TypeSchema, name: &str) -> Option<&'s Property> {
    schema.outputs.get(name).or_else(|| schema.inputs.get(name))
}

/// Whether a value of one shape may stand where another is wanted, conversions included.
fn fits(given: &Shape, wanted: &Shape) -> bool {
    let scalar = |shape: &Shape| matches!(shape, Shape::Bool | Shape::Integer | Shape::Number | Shape::Text);
    match (given, wanted) {
        (Shape::Any, _) | (_, Shape::Any | Shape::Document) => true,
        (Shape::Text | Shape::Document, Shape::Bool | Shape::Integer | Shape::Number) => true,
        (Shape::Integer | Shape::Number, Shape::Integer | Shape::Number) | (Shape::Bool, Shape::Bool) => true,
        (given, Shape::Text) => scalar(given) || matches!(given, Shape::Document),
        (Shape::List { item: given, .. }, Shape::List { item: wanted, .. }) => fits(&given.shape, &wanted.shape),
        (Shape::Map(given), Shape::Map(wanted)) => fits(&given.shape, &wanted.shape),
        (Shape::Map(_) | Shape::Object(_), Shape::Map(_) | Shape::Object(_)) | (Shape::Asset, Shape::Asset) => true,
        _ => false,
    }
}

fn with_article(shape: &Shape) -> String {
    let noun = shape.noun();
    format!("{} {noun}", if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" })
}

fn names(object: &Object) -> Vec<&str> {
    object.properties.iter().map(|p| p.name.as_str()).collect()
}
