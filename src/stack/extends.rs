//! `extends`: a file laid over another one. Every value keeps the place where it is written.

use crate::stack::yaml::{Entry, Kind, Node};

/// Lays `over` on `base`: maps are merged, everything else replaces, and `null` removes.
///
/// A plain value for a config entry that the base declares sets its value and keeps the declaration.
pub(crate) fn merge(base: Node, over: Node) -> Node {
    layer(base, over, &mut Vec::new())
}

fn layer(base: Node, over: Node, path: &mut Vec<String>) -> Node {
    let at = over.at.clone();
    match (base.kind, over.kind) {
        (Kind::Map(mut entries), Kind::Map(more)) => {
            if call(&entries) || call(&more) {
                return Node { kind: Kind::Map(more), at };
            }
            for entry in more {
                let known = entries.iter().position(|e| e.key == entry.key);
                match (known, &entry.value.kind) {
                    (Some(index), Kind::Null) => {
                        entries.remove(index);
                    }
                    (Some(index), _) => {
                        path.push(entry.key.clone());
                        let below = std::mem::replace(&mut entries[index].value, empty(&entry));
                        entries[index].value = layer(below, entry.value, path);
                        entries[index].at = entry.at;
                        path.pop();
                    }
                    (None, Kind::Null) => {}
                    (None, _) => entries.push(entry),
                }
            }
            Node { kind: Kind::Map(entries), at }
        }
        (Kind::Map(mut declared), value) if is_config(path) => {
            declared.retain(|e| e.key != "value");
            let value = Entry { key: "value".into(), at: at.clone(), value: Node { kind: value, at: at.clone() } };
            declared.push(value);
            Node { kind: Kind::Map(declared), at }
        }
        (_, kind) => Node { kind, at },
    }
}

/// A function call is one value, not a map to add to.
fn call(entries: &[Entry]) -> bool {
    matches!(entries, [only] if only.key.starts_with("fn::"))
}

fn is_config(path: &[String]) -> bool {
    matches!(path, [section, _] if section == "config" || section == "configuration")
}

fn empty(entry: &Entry) -> Node {
    Node { kind: Kind::Null, at: entry.at.clone() }
}
