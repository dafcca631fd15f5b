//! Options of a resource, from text to what the engine takes.

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::duration::duration;
use crate::engine::path::Path;
use crate::engine::program::{Known, Options, Timeouts};
use crate::engine::urn::{Id, Urn};
use crate::engine::value::Value;
use crate::stack::aliases::Subject;
use crate::stack::answers::NoAnswers;
use crate::stack::body::Type;
use crate::stack::eval::Run;
use crate::stack::expr::{Accessor, Expr, Kind, Reference, Root};
use crate::stack::functions::{noun, scalar_text};
use crate::stack::instance::{Frame, Node, World};
use crate::stack::regions::is_region;

/// Reads the options of a resource. Whatever is wrong is reported and left out.
pub(crate) fn read(world: &World, node: &Node, problems: &mut Vec<Diagnostic>) -> Options {
    let known = Known::new();
    let mut reader = Reader { world, run: Run::new(world, &known, &NoAnswers), node };
    let options = Options {
        protect: node.ending.protect,
        retain_on_delete: node.ending.retain_on_delete,
        ignore_changes: reader.texts("ignoreChanges"),
        replace_on_changes: reader.texts("replaceOnChanges"),
        delete_before_replace: reader.flag("deleteBeforeReplace"),
        aliases: reader.aliases(),
        timeouts: reader.timeouts(),
        deleted_with: reader.deleted_with(),
        replace_with: reader.replace_with(),
        additional_secret_outputs: reader.texts("additionalSecretOutputs"),
        import: reader.import(),
        hide_diffs: reader.texts("hideDiffs"),
    };
    reader.version();
    reader.depends_on();
    reader.paths();
    problems.extend(reader.run.problems);
    options
}

struct Reader<'a> {
    world: &'a World,
    run: Run<'a>,
    node: &'a Node,
}

impl<'a> Reader<'a> {
    fn value(&mut self, word: &str) -> Option<(Value, &'a Expr)> {
        let expr = self.node.block.option(word)?;
        let value = self.run.eval(expr, self.node.frame).filter(|v| !v.is_null())?;
        Some((value, expr))
    }

    fn wrong<T>(&mut self, word: &str, wanted: &str, value: &Value, at: &Location) -> Option<T> {
        self.run.problems.push(unfit(word, wanted, value).at(at.clone()).of(&self.node.urn));
        None
    }

    fn flag(&mut self, word: &str) -> Option<bool> {
        let (value, expr) = self.value(word)?;
        flag(&value).or_else(|| self.wrong(word, "a boolean", &value, &expr.at))
    }

    fn text(&mut self, word: &str) -> Option<String> {
        let (value, expr) = self.value(word)?;
        scalar_text(&value).or_else(|| self.wrong(word, "a string", &value, &expr.at))
    }

    fn import(&mut self) -> Option<Id> {
        let id = self.text("import")?;
        let at = self.node.block.option("import").map(|expr| expr.at.clone())?;
        let id = id_here(&id, self.node).map_err(|problem| self.run.problems.push(problem.at(at).of(&self.node.urn)));
        id.ok()
    }

    fn texts(&mut self, word: &str) -> Vec<String> {
        let Some((value, expr)) = self.value(word) else { return Vec::new() };
        let texts = value.as_list().and_then(|items| items.iter().map(scalar_text).collect());
        texts.or_else(|| self.wrong(word, "a list of strings", &value, &expr.at)).unwrap_or_default()
    }

    fn replace_with(&mut self) -> Vec<Urn> {
        let Some(expr) = self.node.block.option("replaceWith") else { return Vec::new() };
        self.urns("replaceWith", expr, self.node.frame)
    }

    fn deleted_with(&mut self) -> Option<Urn> {
        let (expr, frame) = self.node.ending.deleted_with()?;
        let mut urns = self.urns("deletedWith", expr, frame);
        if urns.len() > 1 {
            return self.wrong("deletedWith", "one resource", &Value::List(Vec::new()), &expr.at);
        }
        urns.pop()
    }

    /// One resource or many.
    fn urns(&mut self, word: &str, expr: &Expr, frame: Frame) -> Vec<Urn> {
        let mut urns = Vec::new();
        for item in items(expr) {
            let Some(value) = self.run.eval(item, frame) else { continue };
            let problem = if self.is_component(item, frame) {
                let text = format!("option `{word}` takes resources, not a component");
                let help = "name a resource inside it, which an output of the component can give";
                Diagnostic::error("wrong-type", text).help(help)
            } else {
                match add_urns(&value, &mut urns) {
                    Ok(()) => continue,
                    Err(other) => unfit(word, "a resource", other),
                }
            };
            self.run.problems.push(problem.at(item.at.clone()).of(&self.node.urn));
        }
        urns
    }

    fn is_component(&self, expr: &Expr, frame: Frame) -> bool {
        let Kind::Reference(Reference { root: Root::Resource(n), path, .. }) = &expr.kind else { return false };
        let is_instance = |accessor: &Accessor| !matches!(accessor, Accessor::Name(_));
        let block = &self.world.body(frame.instance).resources[*n];
        matches!(block.ty, Type::Component(_))
            && path.len() <= usize::from(block.each.is_some())
            && path.iter().all(|(accessor, _)| is_instance(accessor))
    }

    fn timeouts(&mut self) -> Timeouts {
        let mut timeouts = Timeouts::default();
        let Some((value, expr)) = self.value("customTimeouts") else { return timeouts };
        let Some(map) = value.as_map() else {
            self.wrong::<()>("customTimeouts", "a map", &value, &expr.at);
            return timeouts;
        };
        for (name, value) in map {
            let slot = match name.as_str() {
                "create" => &mut timeouts.create,
                "update" => &mut timeouts.update,
                "delete" => &mut timeouts.delete,
                "read" => &mut timeouts.read,
                _ => {
                    let known = ["create", "update", "delete", "read"];
                    let problem = crate::stack::check::no_such("`customTimeouts` has no key", name, &known);
                    self.run.problems.push(problem.at(expr.at.clone()).of(&self.node.urn));
                    continue;
                }
            };
            *slot = scalar_text(value).as_deref().and_then(duration);
            if slot.is_none() {
                let text = format!("`{name}` of `customTimeouts` is no duration");
                let problem = Diagnostic::error("wrong-type", text).at(expr.at.clone()).of(&self.node.urn);
                self.run.problems.push(problem.help("write for example `30m` or `1h30m`"));
            }
        }
        timeouts
    }

    fn aliases(&mut self) -> Vec<Urn> {
        let given = self.value("aliases");
        let home = &self.world.instances[self.node.frame.instance];
        let subject = Subject { urn: &self.node.urn, key: self.world.key(self.node.frame), home };
        let former = subject.former(given.as_ref().map_or(&Value::Null, |(value, _)| value));
        former.unwrap_or_else(|problem| {
            let at = given.map(|(_, expr)| expr.at.clone());
            self.run.problems.push(Diagnostic { at, ..problem }.of(&self.node.urn));
            Vec::new()
        })
    }

    fn depends_on(&mut self) {
        let Some(expr) = self.node.block.option("dependsOn") else { return };
        let wrong = depends_on(&mut self.run, expr, self.node.frame);
        self.run.problems.extend(wrong.into_iter().map(|problem| problem.of(&self.node.urn)));
    }

    /// Property paths that begin with no property of the type do nothing, which nobody wants.
    fn paths(&mut self) {
        let Some(schema) = self.world.schema(self.node) else { return };
        let known: Vec<&str> = schema.inputs.properties.iter().map(|p| p.name.as_str()).collect();
        let outputs: Vec<&str> = schema.outputs.properties.iter().map(|p| p.name.as_str()).collect();
        for word in ["ignoreChanges", "replaceOnChanges", "hideDiffs", "additionalSecretOutputs"] {
            let Some((value, expr)) = self.value(word) else { continue };
            for path in value.as_list().unwrap_or_default().iter().filter_map(scalar_text) {
                if word != "additionalSecretOutputs" && Path::parse(&path).is_err() {
                    let text = format!("`{path}` under `{word}` is no property path");
                    let problem = Diagnostic::error("path", text).at(expr.at.clone()).of(&self.node.urn);
                    self.run
                        .problems
                        .push(problem.help("paths look like `tags.Name`, `rules[0].toPort` or `rules[*]`"));
                    continue;
                }
                let first = path.split(['.', '[']).next().unwrap_or_default();
                if first.is_empty() || first.contains('*') || known.contains(&first) || outputs.contains(&first) {
                    continue;
                }
                let what = format!("`{word}` names no property of `{}`:", crate::stack::body::short(schema.token));
                let problem = crate::stack::check::no_such(&what, first, &known);
                let problem = Diagnostic { severity: crate::engine::diagnostic::Severity::Warning, ..problem };
                self.run.problems.push(problem.at(expr.at.clone()).of(&self.node.urn));
            }
        }
    }

    fn version(&mut self) {
        let Some((value, expr)) = self.value("version") else { return };
        let major =
            scalar_text(&value).map(|v| v.trim_start_matches('v').split('.').next().unwrap_or_default().to_owned());
        if !matches!(major.as_deref(), Some("6" | "7")) {
            let text = "the types are those of version 7 of the AWS provider; this version has no effect";
            self.run.problems.push(Diagnostic::warning("version", text).at(expr.at.clone()).of(&self.node.urn));
        }
    }
}

/// What is wrong with the `dependsOn` of components, each told once, however many instances have it.
pub(crate) fn of_components(world: &World) -> Vec<Diagnostic> {
    let known = Known::new();
    let mut run = Run::new(world, &known, &NoAnswers);
    let mut found: Vec<Diagnostic> = Vec::new();
    for (expr, frame) in world.instances.iter().filter_map(|instance| instance.depends_on.last()) {
        let wrong = depends_on(&mut run, expr, *frame);
        let told = std::mem::take(&mut run.problems);
        for problem in wrong.into_iter().chain(told) {
            if !found.contains(&problem) {
                found.push(problem);
            }
        }
    }
    found
}

/// A name without `${}` would be a text that nothing depends on.
fn depends_on(run: &mut Run, expr: &Expr, frame: Frame) -> Vec<Diagnostic> {
    let wrong = items(expr).iter().filter_map(|item| {
        let given = run.eval(item, frame)?;
        let text = format!("`dependsOn` takes resources, not {}", noun(no_resource(&given)?));
        let problem = Diagnostic::error("wrong-type", text).at(item.at.clone());
        Some(match &item.kind {
            Kind::Literal(Value::String(name)) => problem.help(format!("write `${{{name}}}`")),
            _ => problem.help("write the name of a resource alone, such as `${name}`"),
        })
    });
    wrong.collect()
}

/// A boolean, or the text of one as the config and the environment give it.
pub(crate) fn flag(value: &Value) -> Option<bool> {
    match value.bare() {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// What an option that takes resources cannot take.
fn no_resource(value: &Value) -> Option<&Value> {
    match value.bare() {
        Value::List(items) => items.iter().find_map(no_resource),
        other @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) => Some(other),
        _ => None,
    }
}

/// An id without the `@eu-west-1` that may end it, and the region of that.
pub(crate) fn id_and_region(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('@') {
        Some((id, region)) if is_region(region) => (id, Some(region)),
        _ => (text, None),
    }
}

/// The id of a resource, which must be of the region that the resource is in.
pub(crate) fn id_here(text: &str, node: &Node) -> Result<Id, Diagnostic> {
    match id_and_region(text) {
        // A region that is missing is told elsewhere.
        (id, Some(region)) if !node.place.is_global() => match region == node.place.0 || node.frame.region.is_none() {
            true => Ok(Id(id.to_owned())),
            false => {
                let text = format!("the id is of `{region}`, and resource `{}` is in `{}`", node.block.key, node.place);
                Err(Diagnostic::error("wrong-region", text).help(format!("add `region: {region}` to the resource")))
            }
        },
        _ => Ok(Id(text.to_owned())),
    }
}

/// Says that the value of an option is of another kind than it must be.
pub(crate) fn unfit(word: &str, wanted: &str, value: &Value) -> Diagnostic {
    let given = match value.bare() {
        Value::Unknown => "a value that is not known at once",
        value => noun(value),
    };
    Diagnostic::error("wrong-type", format!("option `{word}` must be {wanted}, not {given}"))
}

/// The parts of a list that is written as one, or the expression itself.
fn items(expr: &Expr) -> &[Expr] {
    match &expr.kind {
        Kind::List(items) => items,
        _ => std::slice::from_ref(expr),
    }
}

/// Adds the resources of a value, all instances of an `each` among them.
///
/// # Errors
/// With what is none.
fn add_urns<'v>(value: &'v Value, urns: &mut Vec<Urn>) -> Result<(), &'v Value> {
    match value.bare() {
        Value::Null => {}
        Value::Resource(handle) => urns.push(handle.urn.clone()),
        Value::List(items) => items.iter().try_for_each(|item| add_urns(item, urns))?,
        Value::Map(map) => map.values().try_for_each(|item| add_urns(item, urns))?,
        other => return Err(other),
    }
    Ok(())
}
