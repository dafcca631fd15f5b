//! Options of a resource, from text to what the engine takes.

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::duration::duration;
use crate::engine::path::Path;
use crate::engine::program::{Known, Options, Timeouts};
use crate::engine::urn::{Id, Urn};
use crate::engine::value::Value;
use crate::stack::answers::NoAnswers;
use crate::stack::eval::Run;
use crate::stack::expr::{Expr, Kind};
use crate::stack::functions::{noun, scalar_text};
use crate::stack::instance::{Frame, Node, World};
use crate::stack::regions::is_region;

/// Reads the options of a resource. Whatever is wrong is reported and left out.
pub(crate) fn read(world: &World, node: &Node, stack: &str, project: &str, problems: &mut Vec<Diagnostic>) -> Options {
    let known = Known::new();
    let mut reader = Reader { run: Run::new(world, &known, &NoAnswers), node };
    let mut options = Options {
        protect: node.protect,
        retain_on_delete: reader.flag("retainOnDelete").unwrap_or(false),
        ignore_changes: reader.texts("ignoreChanges"),
        replace_on_changes: reader.texts("replaceOnChanges"),
        delete_before_replace: reader.flag("deleteBeforeReplace"),
        aliases: Vec::new(),
        timeouts: reader.timeouts(),
        deleted_with: reader.urns("deletedWith").into_iter().next(),
        replace_with: reader.urns("replaceWith"),
        replacement_trigger: reader.value("replacementTrigger").map(|(value, _)| value),
        additional_secret_outputs: reader.texts("additionalSecretOutputs"),
        import: reader.import(),
        hide_diffs: reader.texts("hideDiffs"),
    };
    options.aliases = reader.aliases(world, stack, project);
    reader.version();
    reader.depends_on();
    reader.paths(world);
    problems.extend(reader.run.problems);
    options
}

struct Reader<'a> {
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
        let given = match value.bare() {
            Value::Unknown => "a value that is not known at once",
            value => noun(value),
        };
        let text = format!("option `{word}` must be {wanted}, not {given}");
        self.run.problems.push(Diagnostic::error("wrong-type", text).at(at.clone()).of(&self.node.urn));
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

    /// One resource or a list of them.
    fn urns(&mut self, word: &str) -> Vec<Urn> {
        let Some((value, expr)) = self.value(word) else { return Vec::new() };
        let items = match value.bare() {
            Value::List(items) => items.clone(),
            other => vec![other.clone()],
        };
        let urns = items.iter().map(|item| match item.bare() {
            Value::Resource(handle) => Some(handle.urn.clone()),
            _ => None,
        });
        urns.collect::<Option<_>>().or_else(|| self.wrong(word, "a resource", &value, &expr.at)).unwrap_or_default()
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

    fn aliases(&mut self, world: &World, stack: &str, project: &str) -> Vec<Urn> {
        let mut urns = self.inherited(world);
        let Some((value, expr)) = self.value("aliases") else { return urns };
        let Some(items) = value.as_list() else {
            self.wrong::<()>("aliases", "a list", &value, &expr.at);
            return urns;
        };
        for item in items {
            let urn = match item.bare() {
                Value::String(text) => Urn::parse(text),
                Value::Map(map) => self.alias(map, stack, project),
                _ => None,
            };
            match urn {
                Some(urn) => urns.push(urn),
                None => {
                    let problem = Diagnostic::error("alias", "this is no alias").at(expr.at.clone());
                    let help =
                        "write a URN, or a map of `name`, `type`, `parent`, `noParent`, `stack`, `project`, `urn`";
                    self.run.problems.push(problem.of(&self.node.urn).help(help));
                }
            }
        }
        urns
    }

    /// What is not given is as it is now.
    fn alias(&self, map: &crate::engine::value::Map, stack: &str, project: &str) -> Option<Urn> {
        const KEYS: [&str; 7] = ["name", "type", "parent", "noParent", "stack", "project", "urn"];
        if map.keys().any(|k| !KEYS.contains(&k.as_str())) {
            return None;
        }
        if let Some(urn) = map.get("urn") {
            return Urn::parse(&scalar_text(urn)?);
        }
        let own = &self.node.urn;
        let text = |key: &str, default: &str| map.get(key).and_then(scalar_text).unwrap_or_else(|| default.to_owned());
        let ty = text("type", own.ty());
        let chain = self.node.types.strip_suffix(own.ty()).unwrap_or_default();
        let types = match map.get("parent").map(Value::bare) {
            _ if map.get("noParent").and_then(Value::as_bool) == Some(true) => ty,
            Some(Value::Resource(handle)) => format!("{}${ty}", chain_of(&handle.urn)),
            Some(Value::String(urn)) => format!("{}${ty}", chain_of(&Urn::parse(urn)?)),
            Some(_) => return None,
            None => format!("{chain}{ty}"),
        };
        Some(Urn::new(&text("stack", stack), &text("project", project), &types, &text("name", own.name())))
    }

    /// A component that had another name had children of other names.
    fn inherited(&self, world: &World) -> Vec<Urn> {
        let instance = &world.instances[self.node.frame.instance];
        let own = &self.node.urn;
        let Some(rest) = own.name().strip_prefix(&instance.prefix) else { return Vec::new() };
        let former = instance.former.iter();
        former.map(|name| Urn::new(own.stack(), own.project(), &self.node.types, &format!("{name}/{rest}"))).collect()
    }

    fn depends_on(&mut self) {
        let Some(expr) = self.node.block.option("dependsOn") else { return };
        let wrong = depends_on(&mut self.run, expr, self.node.frame);
        self.run.problems.extend(wrong.into_iter().map(|problem| problem.of(&self.node.urn)));
    }

    /// Property paths that begin with no property of the type do nothing, which nobody wants.
    fn paths(&mut self, world: &World) {
        let Some(schema) = world.schema(self.node) else { return };
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
    let items = match &expr.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(expr),
    };
    let wrong = items.iter().filter_map(|item| {
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

/// The id without the `@eu-west-1` that may end it, which must be where the resource is.
pub(crate) fn id_here(text: &str, node: &Node) -> Result<Id, Diagnostic> {
    match text.rsplit_once('@') {
        Some((id, region)) if is_region(region) && !node.place.is_global() => {
            // A region that is missing is told elsewhere.
            if region == node.place.0 || node.frame.region.is_none() {
                return Ok(Id(id.to_owned()));
            }
            let text = format!("the id is of `{region}`, and resource `{}` is in `{}`", node.block.key, node.place);
            Err(Diagnostic::error("wrong-region", text).help(format!("add `region: {region}` to the resource")))
        }
        _ => Ok(Id(text.to_owned())),
    }
}

fn chain_of(urn: &Urn) -> String {
    urn.as_str().split("::").nth(2).unwrap_or_default().to_owned()
}
