//! YAML text to a tree in which every node knows its place.
//!
//! Plain scalars mean what the language wants: only `true` and `false` are booleans, integers stay
//! exact, and whatever looks like a date, a version or an account id with a leading zero is text.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::Number;

use crate::engine::diagnostic::{Diagnostic, Location, Source};

/// A value of a document.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) at: Location,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a map with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) at: Location,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_map(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.as_map()?.iter().find(|e| e.key == key)
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// The name of the kind for errors.
    pub(crate) fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a string",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::List(items) => items.iter().map(Self::size).sum(),
            Kind::Map(entries) => entries.iter().map(|e| e.value.size()).sum(),
            _ => 0,
        }
    }
}

/// Deeper documents are refused, because every later pass walks them recursively.
const MAX_DEPTH: usize = 100;
/// Nodes that aliases may add, so that a small file cannot grow into a huge one.
const MAX_ALIASED: usize = 100_000;

/// Reads one document. None if it is no YAML from some place on; what else is wrong, such as a key that is given
/// twice, leaves a document that can be looked at.
pub(crate) fn parse(source: &Arc<Source>, problems: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut builder = Builder {
        parser: Parser::new_from_str(&source.text),
        offsets: Offsets::of(&source.text),
        source,
        anchors: HashMap::new(),
        aliased: 0,
        problems: Vec::new(),
    };
    let document = builder.document();
    problems.append(&mut builder.problems);
    match document {
        Ok(node) => Some(node),
        Err(problem) => {
            if let Some(at) = &problem.at {
                hide_other_values(at);
            }
            problems.push(*problem);
            hide_written_secrets(source);
            None
        }
    }
}

/// In a text that cannot be read nothing tells which values are secret, so that only the entry with
/// the mistake is shown whole.
fn hide_other_values(mistake: &Location) {
    let text = &mistake.source.text;
    let place = |at: usize| floor(text, at.min(text.len()));
    let (from, to) = (place(mistake.start), place(mistake.end));
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let hide = |from, to| {
            if from < to {
                Location { source: Arc::clone(&mistake.source), start: from, end: to }.hide();
            }
        };
        let values = start + line.find(": ").or_else(|| line.find("- ")).map_or(line.len(), |key| key + 2);
        if (start..end).contains(&from) {
            let (before, after) = (&line[..from - start], to.clamp(from, end));
            hide(values, start + before.rfind([',', '{', '[']).unwrap_or_default());
            hide(after + line[after - start..].find([',', '}', ']']).unwrap_or(line.len()), end);
        } else {
            hide(values, end);
        }
        start = end;
    }
}

/// In a text that cannot be read, what follows `fn::secret` on its line, and the lines below it that
/// are indented further.
fn hide_written_secrets(source: &Arc<Source>) {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let (mut start, mut below) = (0, None);
    for line in source.text.split_inclusive('\n') {
        let end = start + line.len();
        let hide = |start| Location { source: Arc::clone(source), start, end }.hide();
        below = below.filter(|outer| line.trim().is_empty() || indent(line) > *outer);
        if let Some(key) = line.to_ascii_lowercase().find("fn::secret") {
            hide(start + key + "fn::secret".len() + 1);
            below = Some(indent(line));
        } else if below.is_some() {
            hide(start);
        }
        start = end;
    }
}

fn too_deep(at: Location) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("too-deep", format!("values are nested more than {MAX_DEPTH} deep")).at(at))
}

/// From the parser's character positions to bytes.
enum Offsets {
    Ascii,
    Table(Vec<usize>),
}

impl Offsets {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            Self::Ascii
        } else {
            Self::Table(text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect())
        }
    }

    fn byte(&self, character: usize, text: &str) -> usize {
        match self {
            Self::Ascii => character.min(text.len()),
            Self::Table(bytes) => bytes.get(character).copied().unwrap_or(text.len()),
        }
    }
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    offsets: Offsets,
    source: &'a Arc<Source>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
    problems: Vec<Diagnostic>,
}

type Built<T> = Result<T, Box<Diagnostic>>;

impl<'a> Builder<'a> {
    fn location(&self, span: Span) -> Location {
        let byte = |character| self.offsets.byte(character, &self.source.text);
        let (start, end) = (byte(span.start.index()), byte(span.end.index()));
        Location { source: Arc::clone(self.source), start, end: end.max(start) }
    }

    fn next(&mut self) -> Built<(Event<'a>, Span)> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = self.location(Span::empty(*error.marker()));
                // The parser has a limit of its own, which may come first.
                if error.info().contains("recursion limit") {
                    return Err(too_deep(at));
                }
                Err(Box::new(
                    unquoted(&at)
                        .unwrap_or_else(|| Diagnostic::error("yaml", format!("invalid YAML: {}", error.info())).at(at)),
                ))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Built<Node> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
                Event::StreamEnd => return Ok(Node { kind: Kind::Map(Vec::new()), at: self.location(span) }),
                first => {
                    let node = self.node(first, span, 0)?;
                    self.end()?;
                    return Ok(node);
                }
            }
        }
    }

    fn end(&mut self) -> Built<()> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => return Ok(()),
                _ => {
                    let problem = Diagnostic::error("second-document", "the file holds more than one document")
                        .at(self.location(span))
                        .help("put the second document into a file of its own");
                    return Err(Box::new(problem));
                }
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Built<Node> {
        let at = self.location(span);
        if depth > MAX_DEPTH {
            return Err(too_deep(at));
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (Node { kind: scalar(&text, style, self.core_tag(tag.as_deref(), &at)), at }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.core_tag(tag.as_deref(), &at);
                (self.list(at, depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.core_tag(tag.as_deref(), &at);
                (self.map(at, depth)?, anchor)
            }
            Event::Alias(anchor) => return self.alias(anchor, at),
            _ => return Err(Box::new(Diagnostic::error("yaml", "a value is missing").at(at))),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, at: Location) -> Built<Node> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Box::new(Diagnostic::error("yaml", "the alias stands inside what it names").at(at)));
        };
        self.aliased += node.size();
        if self.aliased > MAX_ALIASED {
            return Err(Box::new(
                Diagnostic::error("too-big", format!("aliases add more than {MAX_ALIASED} values")).at(at),
            ));
        }
        Ok(node.clone())
    }

    fn list(&mut self, mut at: Location, depth: usize) -> Built<Node> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                at.end = self.location(span).end.max(at.start);
                if let Some(last) = items.last() {
                    at.end = at.end.min(self.trimmed(last.at.end, at.end));
                }
                return Ok(Node { kind: Kind::List(items), at });
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn map(&mut self, mut at: Location, depth: usize) -> Built<Node> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut merges = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                at.end = self.location(span).end.max(at.start);
                if let Some(last) = entries.last() {
                    at.end = at.end.min(self.trimmed(last.value.at.end, at.end));
                }
                break;
            }
            let key_at = self.location(span);
            let (key, merge) = match event {
                Event::Scalar(text, style, _, _) => (text.to_string(), style == ScalarStyle::Plain && text == "<<"),
                other => {
                    let node = self.node(other, span, depth + 1)?;
                    let problem = Diagnostic::error("key", format!("a key must be a string, not {}", node.noun()));
                    return Err(Box::new(problem.at(key_at)));
                }
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            if merge {
                merges.push(value);
            } else if let Some(first) = places.get(&key) {
                let first = &mut entries[*first];
                self.problems.push(
                    Diagnostic::error("duplicate-key", format!("the key `{key}` is given twice"))
                        .at(key_at)
                        .also(first.at.clone(), "first given here"),
                );
                second(&mut first.value, value);
            } else {
                places.insert(key.clone(), entries.len());
                entries.push(Entry { key, at: key_at, value });
            }
        }
        for merged in merges {
            self.merge(merged, &mut entries, &mut places);
        }
        Ok(Node { kind: Kind::Map(entries), at })
    }

    /// Adds what `<<` brings; keys that the map has itself stay.
    fn merge(&mut self, merged: Node, entries: &mut Vec<Entry>, places: &mut HashMap<String, usize>) {
        match merged.kind {
            Kind::Map(more) => {
                for entry in more {
                    if !places.contains_key(&entry.key) {
                        places.insert(entry.key.clone(), entries.len());
                        entries.push(entry);
                    }
                }
            }
            Kind::List(items) => items.into_iter().for_each(|item| self.merge(item, entries, places)),
            _ => self.problems.push(Diagnostic::error("merge-key", "`<<` takes a map or a list of maps").at(merged.at)),
        }
    }

    /// The parser ends a block where the next token begins; its text ends with its last value.
    fn trimmed(&self, last: usize, end: usize) -> usize {
        match self.source.text.get(last..end) {
            Some(rest) if rest.trim().is_empty() || rest.trim_start().starts_with('#') => last,
            _ => end,
        }
    }

    /// The suffix of a tag of YAML's own; any other tag is a mistake.
    fn core_tag(&mut self, tag: Option<&Tag>, at: &Location) -> Option<String> {
        let tag = tag?;
        if tag.is_yaml_core_schema() || tag.handle == "!!" {
            return Some(tag.suffix.clone());
        }
        self.problems.push(
            Diagnostic::error("tag", format!("the tag `{}{}` has no meaning here", tag.handle, tag.suffix))
                .at(at.clone())
                .help("functions are written as `fn::name: …`, references as `${name}`"),
        );
        None
    }
}

/// Takes what a key gives that is given for the second time. The entries of a map count, so that nothing is missing
/// that is written; no rule looks at the rest, so that it is not known whether it is secret.
fn second(first: &mut Node, second: Node) {
    let is_call = |entries: &[Entry]| entries.iter().any(|entry| entry.key.starts_with("fn::"));
    match (&mut first.kind, second.kind) {
        (Kind::Map(entries), Kind::Map(more)) if !is_call(entries) && !is_call(&more) => {
            for entry in more {
                if !entries.iter().any(|known| known.key == entry.key) {
                    entries.push(entry);
                }
            }
        }
        (_, Kind::Text(_) | Kind::Number(_)) => second.at.hide(),
        _ => {}
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<String>) -> Kind {
    if style != ScalarStyle::Plain || tag.as_deref() == Some("str") {
        return Kind::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => number(text).map_or_else(|| Kind::Text(text.to_owned()), Kind::Number),
    }
}

/// A number as YAML 1.2 writes it. Digits after a leading zero are text: an account id keeps its zero.
pub(crate) fn number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if let Some(hex) = unsigned.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().filter(|_| unsigned == text).map(Number::from);
    }
    if let Some(octal) = unsigned.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().filter(|_| unsigned == text).map(Number::from);
    }
    let leading_zero = unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.as_bytes()[1].is_ascii_digit();
    if leading_zero {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if digits(unsigned) {
        let exact = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
        return exact.ok().or_else(|| text.parse().ok().and_then(Number::from_f64));
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let part = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let shaped = part(whole) && part(fraction) && digits(exponent) && !(whole.is_empty() && fraction.is_empty());
    shaped.then(|| text.parse().ok().and_then(Number::from_f64)).flatten()
}

/// `[${sg.id}]` and `{a: ${b}}` are no YAML, and the parser complains about another place. The
/// interpolation on that line that stands unquoted inside brackets is what the user has to change.
fn unquoted(error: &Location) -> Option<Diagnostic> {
    let text = &error.source.text;
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |i| i + 1);
    let here = line_start(floor(text, error.start.min(text.len())));
    let starts = [Some(here), here.checked_sub(1).map(line_start)];
    starts.into_iter().flatten().find_map(|start| {
        let line = text[start..].lines().next().unwrap_or_default();
        let (from, to) = unquoted_in(line)?;
        let reference = &line[from..to];
        let at = Location { source: Arc::clone(&error.source), start: start + from, end: start + to };
        Some(
            Diagnostic::error("unquoted-interpolation", format!("`{reference}` inside brackets must be quoted"))
                .at(at)
                .help(format!("quote it: `\"{reference}\"`")),
        )
    })
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The byte range of the first `${…}` of a line that stands in brackets and outside of quotes.
fn unquoted_in(line: &str) -> Option<(usize, usize)> {
    let (mut depth, mut quote, mut i) = (0usize, None, 0);
    let bytes = line.as_bytes();
    while i < bytes.len() {
        let opens_value = i == 0 || matches!(bytes[i - 1], b' ' | b'[' | b'{' | b',' | b':');
        match (quote, bytes[i]) {
            (Some(q), b) if b == q => quote = None,
            (Some(_), _) => {}
            (None, b @ (b'"' | b'\'')) if opens_value => quote = Some(b),
            (None, b'#') if opens_value => return None,
            (None, b'$') if depth > 0 && bytes.get(i + 1) == Some(&b'{') => {
                let end = line[i..].find('}').map_or(line.len(), |e| i + e + 1);
                return Some((i, end));
            }
            (None, b'$') if bytes.get(i + 1) == Some(&b'{') => {
                i += line[i..].find('}').unwrap_or(line.len() - i - 1);
            }
            (None, b'[' | b'{') if opens_value => depth += 1,
            (None, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        i += 1;
    }
    None
}
