//! What a resource or a component was before: by its own `aliases`, and by those of what it stands in.

use indexmap::IndexSet;

use crate::engine::diagnostic::Diagnostic;
use crate::engine::urn::Urn;
use crate::engine::value::{Map, Value};
use crate::stack::functions::scalar_text;
use crate::stack::instance::{COMPONENT, Instance};
use crate::stack::options::unfit;

const KEYS: [&str; 7] = ["name", "type", "parent", "noParent", "stack", "project", "urn"];

/// A resource or a component, and what it stands in.
pub(crate) struct Subject<'a> {
    pub(crate) urn: &'a Urn,
    /// Its key, if it is one of an `each`.
    pub(crate) key: Option<&'a str>,
    pub(crate) home: &'a Instance,
}

/// The program or a component, as it is or as it was: what URNs inside begin with.
#[derive(Clone)]
struct Home {
    stack: String,
    project: String,
    types: String,
    prefix: String,
}

impl Home {
    fn of(component: &Urn) -> Self {
        Self {
            stack: component.stack().to_owned(),
            project: component.project().to_owned(),
            types: format!("{}$", component.types()),
            prefix: format!("{}/", component.name()),
        }
    }

    fn urn(&self, types: &str, name: &str) -> Urn {
        Urn::new(&self.stack, &self.project, &format!("{}{types}", self.types), &format!("{}{name}", self.prefix))
    }
}

impl Subject<'_> {
    /// All URNs that it may have had. What an alias does not say is as it is now.
    ///
    /// # Errors
    /// If something of it is no alias.
    pub(crate) fn former(&self, aliases: &Value) -> Result<Vec<Urn>, Diagnostic> {
        let here = self.here();
        let types = self.urn.types();
        let types = types.strip_prefix(&here.types).unwrap_or(types).to_owned();
        let name = self.urn.name();
        let name = name.strip_prefix(&here.prefix).unwrap_or(name).to_owned();
        let before = self.home.former.iter().map(Home::of);
        let homes: Vec<Home> = std::iter::once(here).chain(before).collect();
        let mut urns: IndexSet<Urn> = homes.iter().map(|home| home.urn(&types, &name)).collect();
        let aliases = match aliases.bare() {
            Value::Null => &[],
            Value::List(items) => items.as_slice(),
            other => return Err(unfit("aliases", "a list", other)),
        };
        for alias in aliases {
            match alias.bare() {
                Value::String(text) => urns.extend(Some(Urn::parse(text).ok_or_else(no_alias)?)),
                Value::Map(map) => urns.extend(self.described(map, &homes, &types, &name).ok_or_else(no_alias)?),
                _ => return Err(no_alias()),
            }
        }
        Ok(urns.into_iter().filter(|urn| urn != self.urn).collect())
    }

    fn here(&self) -> Home {
        let types = self.home.parent.as_ref().map(|parent| format!("{}$", parent.types));
        Home {
            stack: self.urn.stack().to_owned(),
            project: self.urn.project().to_owned(),
            types: types.unwrap_or_default(),
            prefix: self.home.prefix.clone(),
        }
    }

    /// What a map stands for. Its name is one inside each home, or a whole one, and may leave out the key of
    /// an `each`.
    fn described(&self, map: &Map, homes: &[Home], types: &str, name: &str) -> Option<Vec<Urn>> {
        if map.keys().any(|key| !KEYS.contains(&key.as_str())) {
            return None;
        }
        if let Some(urn) = map.get("urn") {
            return Urn::parse(&scalar_text(urn)?).map(|urn| vec![urn]);
        }
        // None if it has another kind of value, or one that is not known yet.
        let text = |key: &str| map.get(key).map_or(Some(None), |value| scalar_text(value).map(Some));
        let (stack, project) = (text("stack")?, text("project")?);
        let names = match text("name")? {
            None => vec![name.to_owned()],
            Some(name) => self.key.map(|key| format!("{name}[\"{key}\"]")).into_iter().chain([name]).collect(),
        };
        let own = self.urn.ty();
        let ty = match text("type")? {
            None => own.to_owned(),
            Some(ty) if own.starts_with(COMPONENT) && !ty.contains(':') => format!("{COMPONENT}{ty}"),
            Some(ty) => ty,
        };
        let parent = match map.get("parent").map(Value::bare) {
            _ if map.get("noParent").and_then(Value::as_bool) == Some(true) => Some(String::new()),
            Some(Value::Resource(handle)) => Some(format!("{}$", handle.urn.types())),
            Some(Value::String(urn)) => Some(format!("{}$", Urn::parse(urn)?.types())),
            Some(_) => return None,
            None => None,
        };
        let types = match parent {
            Some(_) => ty,
            None => format!("{}{ty}", types.strip_suffix(own).unwrap_or_default()),
        };
        let homes = homes.iter().flat_map(|home| {
            let home = Home {
                stack: stack.clone().unwrap_or_else(|| home.stack.clone()),
                project: project.clone().unwrap_or_else(|| home.project.clone()),
                types: parent.clone().unwrap_or_else(|| home.types.clone()),
                prefix: home.prefix.clone(),
            };
            let whole = Home { prefix: String::new(), ..home.clone() };
            [home, whole]
        });
        Some(homes.flat_map(|home| names.iter().map(|name| home.urn(&types, name)).collect::<Vec<_>>()).collect())
    }
}

fn no_alias() -> Diagnostic {
    Diagnostic::error("alias", "this is no alias")
        .help("write a URN, or a map of `name`, `type`, `parent`, `noParent`, `stack`, `project`, `urn`")
}
