//! The config of a program: where its values come from, and which of them is meant.

use std::collections::HashSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::engine::diagnostic::{Diagnostic, nearest};
use crate::engine::program::Known;
use crate::engine::value::Value;
use crate::stack::answers::NoAnswers;
use crate::stack::body::{Body, section};
use crate::stack::config;
use crate::stack::eval::Run;
use crate::stack::expr::{Accessor, Expr, Kind as ExprKind, Reference, Root, listed, tell, wrong};
use crate::stack::instance::{Bound, World};
use crate::stack::load::Loader;
use crate::stack::load::declared::of_default;
use crate::stack::pulumi_secrets::{DataKeys, Opener, Protection};
use crate::stack::yaml::{Entry, Node};

/// Before the config values of the AWS provider.
pub(super) const AWS: &str = "aws:";

/// Config values of the AWS provider that have an effect.
pub(super) const PROVIDER: [&str; 6] =
    ["region", "profile", "assumeRole", "assumeRoles", "defaultTags", "allowedAccountIds"];

impl Loader<'_> {
    /// The values of `Pulumi.<stack>.yaml`.
    pub(super) fn stack_config(&mut self, data_keys: &dyn DataKeys) {
        let Some(node) = self.project.stack_file.take() else { return };
        let text = |key: &str| node.get(key).and_then(|e| e.value.as_text()).map(str::to_owned);
        let mut opener = Opener::new(Protection {
            salt: text("encryptionsalt"),
            provider: text("secretsprovider"),
            encrypted_key: text("encryptedkey"),
            environment: &self.request.environment,
            data_keys,
        });
        if let Some(entry) = node.get("environment") {
            let problem = Diagnostic::error("environment", "environments of Pulumi ESC are not supported");
            self.problems.push(problem.at(entry.at.clone()).help("write the values under `config`"));
        }
        let Some(config) = node.get("config").map(|e| &e.value).filter(|v| !v.is_null()) else { return };
        let Some(entries) = config.as_map() else {
            self.problems.push(wrong("`config`", "a map", config));
            return;
        };
        for entry in entries {
            let earlier = self.places.insert(self.full_key(&entry.key), entry.value.at.clone());
            if earlier.is_some() {
                let text = format!("`{}` is set twice, with and without the name of the project", entry.key);
                self.problems
                    .push(Diagnostic::error("duplicate-key", text).at(entry.at.clone()).help("remove one of them"));
            }
            self.written.push((self.full_key(&entry.key), entry.at.clone()));
            match config::value(&entry.value, &mut |sealed| opener.open(sealed)) {
                Ok(value) => {
                    let key = self.full_key(&entry.key);
                    self.given.insert(key, value);
                }
                Err(problem) => {
                    self.problems.push(problem);
                    self.sealed.push(self.full_key(&entry.key));
                }
            }
        }
    }

    /// Values of the command line that no entry of the program declares, such as `aws:region`.
    pub(super) fn foreign_config(&mut self) {
        let own = format!("{}:", self.project.name);
        for (key, value) in &self.request.config {
            let key = self.full_key(key);
            if !key.starts_with(&own) {
                self.places.remove(&key);
                self.given.insert(key, Value::from(value.as_str()));
            }
        }
    }

    /// Keys without a colon belong to the project.
    pub(super) fn full_key(&self, key: &str) -> String {
        if key.contains(':') { key.to_owned() } else { format!("{}:{key}", self.project.name) }
    }

    /// A value that nothing declares changes nothing, which nobody wants.
    pub(super) fn undeclared_config(&mut self, declared: &[Entry]) {
        let own = format!("{}:", self.project.name);
        let names: Vec<&str> = declared.iter().map(|e| e.key.strip_prefix(&own).unwrap_or(&e.key)).collect();
        let known: HashSet<&str> = names.iter().copied().collect();
        for (key, at) in std::mem::take(&mut self.written) {
            let Some(name) = key.strip_prefix(&own).filter(|name| !known.contains(name)) else { continue };
            let text = format!("the program declares no config `{name}`, so its value has no effect");
            let problem = Diagnostic::warning("undeclared-config", text).at(at);
            tell(self.problems, problem, |problem| match nearest(name, names.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help("declare it under `config`, or take it out"),
            });
        }
    }

    /// Entries of `config` and of its old spelling; those of the project file come first.
    pub(super) fn config_entries(&mut self, program: &Node) -> Vec<Entry> {
        let (mut entries, mut known) = (Vec::new(), HashSet::new());
        let project = self.project.project_config.take();
        let old = section(program, "configuration", self.problems).cloned();
        if let Some(old) = &old {
            let problem = Diagnostic::warning("old-spelling", "`configuration` is the old spelling of `config`");
            self.problems.push(problem.at(old.at.clone()).help("write `config`"));
        }
        let new = section(program, "config", self.problems).map(|e| e.value.clone());
        for node in [new, old.map(|e| e.value), project].into_iter().flatten() {
            if node.is_null() {
                continue;
            }
            let Some(more) = node.as_map() else {
                self.problems.push(wrong("`config`", "a map", &node));
                continue;
            };
            for entry in more {
                if known.insert(entry.key.clone()) {
                    entries.push(entry.clone());
                }
            }
        }
        entries
    }

    /// Command line, environment, instance, stack file, default: the first that gives a value.
    pub(super) fn config_value(&mut self, world: &World, n: usize) -> Bound {
        let input = &world.bodies[0].inputs[n];
        let key = self.full_key(input.key.as_ref().unwrap_or(&input.name));
        let command = self.request.config.iter().rev().find(|(k, _)| self.full_key(k) == key);
        let variable = input.env.as_ref();
        let instance = self.project.instance.as_ref().filter(|_| variable.is_some_and(|v| names_environment(v)));
        let by_variable = variable.and_then(|v| self.request.environment.get(v)).filter(|v| !v.is_empty());
        self.is_set_apart |= command.is_some() || by_variable.is_some() || instance.is_some();
        let (value, from) = if let Some((_, value)) = command {
            (Value::from(value.as_str()), "the command line".to_owned())
        } else if let Some(value) = by_variable {
            (Value::from(value.as_str()), format!("the environment variable {}", variable.map_or("", |v| v)))
        } else if let Some(instance) = instance {
            (Value::from(instance.as_str()), "the name of the stack".to_owned())
        } else if let Some(value) = self.given.get(&key) {
            (value.clone(), self.project.config_file.display().to_string())
        } else if let Some(default) = &input.default {
            let known = Known::new();
            let mut run = Run::new(world, &known, &NoAnswers);
            let value = run.eval(default, world.instances[0].frame);
            self.problems.extend(run.problems);
            match value {
                None => return Bound::Poison,
                Some(value) if value.has_unknown() || run.pending => {
                    let text = format!("the default of config value `{}` must be known at once", input.name);
                    self.problems.push(Diagnostic::error("config", text).at(default.at.clone()));
                    return Bound::Poison;
                }
                Some(value) => (value, "its default".to_owned()),
            }
        } else if input.ty.is_none() && input.env.is_none() || self.sealed.contains(&key) {
            // Reported already.
            return Bound::Poison;
        } else {
            let text = format!("config value `{}` is not given", input.name);
            let problem = Diagnostic::error("missing-config", text).at(input.at.clone());
            let env = variable.map(|v| format!(", or set {v}")).unwrap_or_default();
            let short = key.strip_prefix(&format!("{}:", self.project.name)).unwrap_or(&key).to_owned();
            self.problems
                .push(problem.help(format!("run `drctl config set {short} …`, pass `--config {short}=…`{env}")));
            return Bound::Poison;
        };
        let from_file = from == self.project.config_file.display().to_string();
        let converted = match &input.ty {
            Some(ty) if !value.is_null() => ty.convert(value),
            // What stands without a type has that of its default.
            None => match &input.default {
                Some(Expr { kind: ExprKind::Literal(default), .. }) => like(default, value),
                _ => Some(value),
            },
            _ => Some(value),
        };
        match converted {
            Some(value) => Bound::Value(Arc::new(if input.secret { value.secret() } else { value })),
            None => {
                let wanted = input
                    .ty
                    .as_ref()
                    .map_or_else(|| "the type of its default".to_owned(), |t| format!("of type {}", t.name()));
                let text = format!("config value `{}` must be {wanted}, and {from} gives another", input.name);
                let problem = Diagnostic::error("wrong-type", text);
                self.problems.push(match self.places.get(&key).filter(|_| from_file) {
                    Some(at) => problem.at(at.clone()).also(input.at.clone(), "declared here"),
                    None => problem.at(input.at.clone()),
                });
                Bound::Poison
            }
        }
    }

    /// An instance of a stack that is the same as any other one gets the same names in the cloud.
    pub(super) fn idle_instance(&mut self, world: &World) {
        let Some(instance) = self.project.instance.as_ref().filter(|_| !self.is_set_apart) else { return };
        let mut expressions = world.bodies.iter().flat_map(Body::expressions);
        if expressions.any(|expr| expr.mentions(&tells_stack)) {
            return;
        }
        let Some((node, input)) = world.nodes.iter().find_map(|node| Some((node, world.fixed_name(node)?))) else {
            return;
        };
        let text = format!(
            "nothing of this stack depends on `@{instance}`: `{input}` of resource `{}` is the same without it",
            node.block.key
        );
        let help = "give a config value a variable that is called after the environment, such as \
                    `env: ENVIRONMENT_SUFFIX`, and use it in the names; or use `${pulumi.stack}`";
        self.problems.push(Diagnostic::warning("idle-instance", text).at(node.block.at.clone()).help(help));
    }

    /// A hash of all values that the config gives.
    pub(super) fn config_hash(&self, world: &World) -> String {
        let plain = |value: &Value| value.to_json().map(|json| json.to_string()).unwrap_or_default();
        let mut given: Vec<(String, String)> = self.given.iter().map(|(k, v)| (k.clone(), plain(v))).collect();
        let bound = world.bodies[0].inputs.iter().zip(&world.instances[0].inputs);
        given.extend(bound.filter_map(|(input, bound)| match bound {
            Bound::Value(value) => Some((format!("= {}", input.name), plain(value))),
            _ => None,
        }));
        given.sort_unstable();
        hex::encode(Sha256::digest(format!("{given:?}")))
    }

    /// A key on the command line that nothing reads is a slip.
    pub(super) fn unknown_config(&mut self, world: &World) {
        let inputs = &world.bodies[0].inputs;
        let known: Vec<String> = inputs.iter().map(|i| self.full_key(i.key.as_ref().unwrap_or(&i.name))).collect();
        let prefix = format!("{}:", self.project.name);
        for (key, _) in &self.request.config {
            let full = self.full_key(key);
            if known.contains(&full) {
                continue;
            }
            if let Some(name) = full.strip_prefix(AWS) {
                if !PROVIDER.contains(&name) {
                    let text = format!("the AWS provider has no config value `{name}`");
                    let problem = Diagnostic::error("unknown-config", text);
                    self.problems.push(match nearest(name, PROVIDER) {
                        Some(near) => problem.help(format!("did you mean `{AWS}{near}`?")),
                        None => problem.help(format!("it has {}", listed(&PROVIDER, 8))),
                    });
                }
                continue;
            }
            if !full.starts_with(&prefix) {
                let text = format!("nothing reads the config value `{key}`");
                let problem = Diagnostic::error("unknown-config", text);
                self.problems
                    .push(problem.help(format!("values of this program stand without a colon, or after `{prefix}`")));
                continue;
            }
            let short: Vec<&str> = known.iter().map(|k| k.strip_prefix(&prefix).unwrap_or(k)).collect();
            let problem = Diagnostic::error("unknown-config", format!("the program has no config value `{key}`"));
            self.problems.push(match nearest(key, short.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None if short.is_empty() => problem.help("it declares none under `config`"),
                None => problem.help(format!("it has {}", listed(&short, 8))),
            });
        }
    }
}

/// Whether a variable chooses the environment, so that the instance of a stack stands in for it: a word of its
/// name ends so. Any other may hold anything, such as an address or a password.
fn names_environment(variable: &str) -> bool {
    variable.split('_').any(|word| word.ends_with("ENV") || word.ends_with("ENVIRONMENT"))
}

/// Whether a reference tells one instance of a stack from another.
fn tells_stack(reference: &Reference) -> bool {
    let is_stack =
        |accessor: &Accessor| matches!(accessor, Accessor::Name(name) | Accessor::Key(name) if name == "stack");
    reference.root == Root::Pulumi && reference.path.first().is_none_or(|(accessor, _)| is_stack(accessor))
}

/// A text of the command line or the environment as the kind of the default.
fn like(default: &Value, given: Value) -> Option<Value> {
    match of_default(default) {
        Some(ty) => ty.convert(given),
        None => Some(given),
    }
}
