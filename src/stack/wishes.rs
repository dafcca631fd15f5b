//! A list of resources to import: maps with `type`, `name`, `id` and perhaps `region`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::diagnostic::{Diagnostic, Location, Source};
use crate::stack::expr::{Keys, wrong};
use crate::stack::yaml::{self, Kind, Node};

/// A resource to import.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) ty: Word,
    pub(crate) name: Word,
    pub(crate) id: Word,
    pub(crate) region: Option<Word>,
}

/// A text, and where it is written if not on the command line.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) at: Option<Location>,
}

impl From<&String> for Word {
    fn from(text: &String) -> Self {
        Self { text: text.clone(), at: None }
    }
}

impl Word {
    /// Shows a mistake at the place of the word.
    pub(crate) fn blame(&self, problem: Diagnostic) -> Diagnostic {
        Diagnostic { at: self.at.clone(), ..problem }
    }
}

/// Reads the list: what of it is sound, and everything that is wrong.
pub(crate) fn wishes(file: &str, text: String) -> (Vec<Wish>, Vec<Diagnostic>) {
    const FORM: &str = "write a list of maps with `type`, `name`, `id` and perhaps `region`";
    let mut problems = Vec::new();
    let Some(root) = yaml::parse(&Arc::new(Source::new(file, text)), &mut problems) else {
        return (Vec::new(), problems);
    };
    let Kind::List(items) = &root.kind else {
        problems.push(wrong("the file", "a list", &root).help(FORM));
        return (Vec::new(), problems);
    };
    if items.is_empty() {
        problems.push(Diagnostic::error("empty", "the list is empty").at(root.at).help(FORM));
        return (Vec::new(), problems);
    }
    let read: Vec<Option<Wish>> = items.iter().map(|item| wish(item, &mut problems)).collect();
    let wishes: Vec<Wish> = read.into_iter().flatten().collect();
    let mut firsts: HashMap<(&str, &str), &Word> = HashMap::new();
    for later in &wishes {
        let first = *firsts.entry((&later.ty.text, &later.name.text)).or_insert(&later.name);
        if !std::ptr::eq(first, &later.name)
            && let Some(first) = &first.at
        {
            let problem = Diagnostic::error("duplicate-name", format!("`{}` is imported twice", later.name.text));
            let problem = later.name.blame(problem).also(first.clone(), "first given here");
            problems.push(problem.help("give each resource a name of its own"));
        }
    }
    (wishes, problems)
}

fn wish(node: &Node, problems: &mut Vec<Diagnostic>) -> Option<Wish> {
    let before = problems.len();
    let keys = Keys::of(node, "a resource to import", &["type", "name", "id", "region"], problems)?;
    // A key that is misspelt is not missing as well.
    let spelt = problems.len() == before;
    let mut word = |key: &str, required: bool| match keys.get(key) {
        Some(node) => match &node.kind {
            Kind::Text(text) => Some(Word { text: text.clone(), at: Some(node.at.clone()) }),
            // An id may look like a number.
            Kind::Number(_) => {
                let text = node.at.source.text.get(node.at.start..node.at.end)?.to_owned();
                Some(Word { text, at: Some(node.at.clone()) })
            }
            _ => {
                problems.push(wrong(&format!("`{key}`"), "a string", node));
                None
            }
        },
        None => {
            if required && spelt {
                let problem = Diagnostic::error("missing-key", format!("a resource to import needs the key `{key}`"));
                problems.push(problem.at(node.at.clone()));
            }
            None
        }
    };
    let (ty, name, id, region) = (word("type", true), word("name", true), word("id", true), word("region", false));
    Some(Wish { ty: ty?, name: name?, id: id?, region })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_mistakes_of_a_list_are_told_at_once_and_at_their_places() {
        let text = "- {type: aws:ec2:Vpc, nam: a, id: vpc-1}\n\
                    - {type: [x], name: b, id: 1}\n\
                    - {type: aws:ec2:Vpc, name: c, id: 0012}\n\
                    - {type: aws:ec2:Vpc, name: c, id: vpc-3}\n\
                    - vpc-4\n";
        insta::assert_snapshot!(crate::stack::testing::shown(&wishes("list.yaml", text.to_owned()).1));
        let (read, _) = wishes("list.yaml", "- {type: t, name: a, id: 0012, region: eu-west-1}".into());
        assert_eq!((read[0].id.text.as_str(), read[0].region.as_ref().unwrap().text.as_str()), ("0012", "eu-west-1"));
        for text in ["[]", "a: 1", "'", ""] {
            assert_eq!(wishes("list.yaml", text.to_owned()).1.len(), 1, "{text}");
        }
    }
}
