//! Components: where their text comes from. What they become is `expand`'s business.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::engine::diagnostic::Diagnostic;
use crate::stack::body::{self, Body, Context, Sections, section};
use crate::stack::expr::{listed, wrong};
use crate::stack::files::Files;
use crate::stack::yaml::{Entry, Node};

/// All bodies of a program while they are read. Body 0 is the program itself.
pub(crate) struct Library<'a> {
    pub(crate) files: &'a mut Files,
    pub(crate) cx: Context<'a>,
    pub(crate) bodies: Vec<Option<Body>>,
    /// Components of files, read once.
    read: HashMap<PathBuf, usize>,
    pub(crate) problems: &'a mut Vec<Diagnostic>,
}

const SECTIONS: [&str; 8] =
    ["inputs", "variables", "resources", "outputs", "tags", "components", "description", "name"];

impl<'a> Library<'a> {
    pub(crate) fn new(files: &'a mut Files, cx: Context<'a>, problems: &'a mut Vec<Diagnostic>) -> Self {
        Self { files, cx, bodies: vec![None], read: HashMap::new(), problems }
    }

    /// Reads the components that a body declares; gives their bodies by name.
    pub(crate) fn components(&mut self, node: Option<&Node>, outer: &[String]) -> HashMap<String, usize> {
        let Some(node) = node.filter(|n| !n.is_null()) else { return HashMap::new() };
        let Some(entries) = node.as_map() else {
            self.problems.push(wrong("`components`", "a map", node));
            return HashMap::new();
        };
        let mut names: Vec<String> = entries.iter().map(|e| e.key.clone()).collect();
        names.extend(outer.iter().cloned());
        entries.iter().filter_map(|entry| Some((entry.key.clone(), self.component(entry, &names)?))).collect()
    }

    fn component(&mut self, entry: &Entry, names: &[String]) -> Option<usize> {
        if entry.key.contains(':') {
            let text = format!("the component name `{}` holds a colon", entry.key);
            let problem = Diagnostic::error("component-name", text).at(entry.at.clone());
            self.problems.push(problem.help("names with colons are types of the cloud"));
            return None;
        }
        if let Some(path) = entry.value.as_text() {
            let dir = self.files.dir(&entry.value.at).to_owned();
            return self.file(&dir.join(path), path, entry, names);
        }
        let index = self.bodies.len();
        self.bodies.push(None);
        let body = self.body(&entry.value, names);
        self.bodies[index] = Some(body);
        Some(index)
    }

    fn file(&mut self, path: &Path, written: &str, entry: &Entry, names: &[String]) -> Option<usize> {
        let known = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Some(index) = self.read.get(&known) {
            return Some(*index);
        }
        let node = match self.files.read(path) {
            Ok(node) => node,
            Err(problems) => {
                let here = |p: Diagnostic| match p.at {
                    None => p.at(entry.value.at.clone()).help(format!("component `{}` is in `{written}`", entry.key)),
                    Some(_) => p,
                };
                self.problems.extend(problems.into_iter().map(here));
                return None;
            }
        };
        let index = self.bodies.len();
        self.bodies.push(None);
        self.read.insert(known, index);
        let body = self.body(&node, names);
        self.bodies[index] = Some(body);
        Some(index)
    }

    fn body(&mut self, node: &Node, names: &[String]) -> Body {
        if let Some(entries) = node.as_map() {
            for entry in entries.iter().filter(|e| !SECTIONS.iter().any(|s| e.key.eq_ignore_ascii_case(s))) {
                let problem = Diagnostic::error("unknown-key", format!("a component has no section `{}`", entry.key));
                self.problems.push(problem.at(entry.at.clone()).help(format!("it has {}", listed(&SECTIONS[..6], 6))));
            }
        } else {
            self.problems.push(wrong("a component", "a map or the path of a file", node));
        }
        let components = section(node, "components", self.problems).map(|e| e.value.clone());
        let own = self.components(components.as_ref(), names);
        let declared = components.as_ref().and_then(Node::as_map).unwrap_or_default();
        let usable: Vec<String> = declared.iter().map(|e| e.key.clone()).chain(names.iter().cloned()).collect();
        let mut part = |word: &str| section(node, word, self.problems).map(|e| &e.value);
        let (inputs, variables) = (part("inputs"), part("variables"));
        let (resources, outputs, tags) = (part("resources"), part("outputs"), part("tags"));
        let inputs = match inputs.filter(|n| !n.is_null()) {
            None => Vec::new(),
            Some(node) => match node.as_map() {
                Some(entries) => entries.iter().collect(),
                None => {
                    self.problems.push(wrong("`inputs`", "a map", node));
                    Vec::new()
                }
            },
        };
        let sections = Sections { inputs, variables, resources, outputs, tags, global_tags: None };
        let cx = Context { components: &usable, ..self.cx };
        body::read(&sections, own, &cx, self.problems)
    }
}
