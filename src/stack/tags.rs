//! Tags that many resources get, judged once and where they are written.

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::value::{Map, Value};
use crate::stack::functions::noun;

const RESERVED: [&str; 2] = ["aws:", "drctl:"];

/// The prefix of a tag that nobody may set.
pub(crate) fn reserved(name: &str) -> Option<&'static str> {
    RESERVED.into_iter().find(|prefix| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)))
}

/// Tags that can be set; of the others, each mistake is told at the place of the tag.
pub(crate) fn sound(tags: &Map, place: impl Fn(&str) -> Option<Location>, problems: &mut Vec<Diagnostic>) -> Map {
    let mut sound = Map::default();
    for (name, value) in tags {
        match fault(name, value) {
            None => {
                sound.insert(name.clone(), value.clone());
            }
            Some(problem) => problems.push(Diagnostic { at: place(name), ..problem }),
        }
    }
    sound
}

fn fault(name: &str, value: &Value) -> Option<Diagnostic> {
    if let Some(prefix) = reserved(name) {
        let text = format!("the tag `{name}` begins with `{prefix}`, which is reserved");
        return Some(Diagnostic::error("reserved-tag", text).help("choose another prefix"));
    }
    match value.bare() {
        given @ (Value::List(_) | Value::Map(_)) => {
            let text = format!("the tag `{name}` must be a string, not {}", noun(given));
            Some(Diagnostic::error("wrong-type", text).help("write it as text with `fn::toJSON`"))
        }
        _ => None,
    }
}
