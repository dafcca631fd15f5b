//! Values of a plan as text: on one line where they fit, as a small text diff where they do not.

use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};

use crate::engine::value::Shown;

/// What stands for a value that only the cloud knows.
pub(crate) const UNKNOWN: &str = "(known after apply)";

/// Longest text on one line, in characters.
const INLINE: usize = 72;
/// Most lines of one value.
const LINES: usize = 24;

/// The value on one line: JSON, but unknowns and secrets as bare words.
pub(crate) fn inline(value: &Shown) -> String {
    json(value.json())
}

fn json(value: &Json) -> String {
    match value {
        Json::String(s) if s == Shown::UNKNOWN => UNKNOWN.to_owned(),
        Json::String(s) if s == Shown::SECRET => Shown::SECRET.to_owned(),
        Json::Array(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(", ")),
        Json::Object(map) if map.is_empty() => "{}".to_owned(),
        Json::Object(map) => {
            let fields: Vec<String> = map.iter().map(|(k, v)| format!("{k}: {}", json(v))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// One line of a diff of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) tag: ChangeTag,
    pub(crate) text: String,
}

/// The change as lines, if either side does not fit on one.
pub(crate) fn lines(before: &Shown, after: &Shown) -> Option<Vec<Line>> {
    if !is_long(before) && !is_long(after) {
        return None;
    }
    let (old, new) = (block(before), block(after));
    let (old, new) = (split(&old), split(&new));
    let documents = [before, after].into_iter().all(|value| value.is_absent() || is_document(value));
    let (old_compared, new_compared) = (compared(&old, documents), compared(&new, documents));
    let diff = TextDiff::from_slices(&old_compared, &new_compared);
    let mut lines = Vec::new();
    for (i, group) in diff.grouped_ops(2).iter().enumerate() {
        if i > 0 {
            lines.push(Line { tag: ChangeTag::Equal, text: "…".into() });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let written = change.new_index().map(|i| new[i]).or(change.old_index().map(|i| old[i]));
            lines.push(Line { tag: change.tag(), text: written.unwrap_or_default().to_owned() });
        }
    }
    let more = lines.len().saturating_sub(LINES);
    if more > 1 {
        lines.truncate(LINES);
        lines.push(Line { tag: ChangeTag::Equal, text: format!("… {}", super::words::count(more, "more line")) });
    }
    Some(lines)
}

fn is_long(value: &Shown) -> bool {
    match value.json() {
        Json::String(s) => s.contains('\n') || (s.chars().count() > INLINE && document(s).is_some()),
        Json::Array(_) | Json::Object(_) => inline(value).chars().count() > INLINE,
        _ => false,
    }
}

fn split(text: &str) -> Vec<&str> {
    if text.is_empty() { Vec::new() } else { text.strip_suffix('\n').unwrap_or(text).split('\n').collect() }
}

/// In a document a comma only says that something follows.
fn compared<'t>(lines: &[&'t str], documents: bool) -> Vec<&'t str> {
    lines.iter().map(|line| if documents { line.trim_end_matches(',') } else { line }).collect()
}

fn is_document(value: &Shown) -> bool {
    match value.json() {
        Json::String(text) => document(text).is_some(),
        Json::Array(_) | Json::Object(_) => true,
        _ => false,
    }
}

/// The value over several lines. Absent values have no line.
fn block(value: &Shown) -> String {
    let text = match value.json() {
        Json::Null => return String::new(),
        Json::String(s) => document(s).map_or_else(|| s.clone(), |json| pretty(&json)),
        other => pretty(other),
    };
    let text = text.replace(&format!("\"{}\"", Shown::UNKNOWN), UNKNOWN);
    text.replace(&format!("\"{}\"", Shown::SECRET), Shown::SECRET)
}

/// The JSON document that a text holds, such as a policy.
fn document(text: &str) -> Option<Json> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok()
}

fn pretty(json: &Json) -> String {
    serde_json::to_string_pretty(json).unwrap_or_else(|_| json.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::value::Value;

    fn shown(json: Json) -> Shown {
        Shown::of(&Value::from_json(json))
    }

    #[test]
    fn secrets_and_unknowns_are_words_and_not_texts() {
        let value = Value::List(vec![Value::Unknown, Value::from("x").secret(), Value::from("y")]);
        assert_eq!(inline(&Shown::of(&value)), r#"[(known after apply), [secret], "y"]"#);
    }

    #[test]
    fn a_policy_as_text_is_compared_line_by_line() {
        let policy = |action: &str| {
            shown(Json::String(format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#
            )))
        };
        let lines = lines(&policy("s3:GetObject"), &policy("s3:PutObject")).unwrap();
        let changed: Vec<&str> = lines.iter().filter(|l| l.tag != ChangeTag::Equal).map(|l| l.text.trim()).collect();
        assert_eq!(changed, [r#""Action": "s3:GetObject","#, r#""Action": "s3:PutObject","#]);
    }

    #[test]
    fn the_comma_before_what_is_added_is_no_change() {
        let (one, two) = (json!({"a": "x".repeat(80)}), json!({"a": "x".repeat(80), "b": 1}));
        let lines = lines(&shown(one), &shown(two)).unwrap();
        let changed: Vec<&str> = lines.iter().filter(|l| l.tag != ChangeTag::Equal).map(|l| l.text.trim()).collect();
        assert_eq!(changed, ["\"b\": 1"]);
    }

    #[test]
    fn a_very_long_value_says_how_much_is_not_shown() {
        let text = |n: usize| shown(Json::String((0..n).map(|i| format!("line {i}\n")).collect()));
        let lines = lines(&shown(Json::Null), &text(100)).unwrap();
        assert_eq!(lines.last().unwrap().text, "… 76 more lines");
    }
}
