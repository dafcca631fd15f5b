//! What is wrong with a program, where, and what to do about it. Rendering is `render`'s business.

use std::sync::{Arc, PoisonError, RwLock};

use crate::engine::urn::Urn;

/// One mistake or warning. All of a program are collected and shown together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// A code that can be searched for: `unknown-property`.
    pub code: &'static str,
    /// One sentence fragment without a full stop: "`aws:ec2/vpc:Vpc` has no input `cidrBlok`".
    pub message: String,
    pub at: Option<Location>,
    /// Further places that belong to the mistake, each with a word: "first declared here".
    pub also: Vec<(Location, String)>,
    /// What to do: "did you mean `cidrBlock`?".
    pub help: Option<String>,
    /// The resource it is about.
    pub urn: Option<Urn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    Error,
}

/// A stretch of a source file.
#[derive(Clone, PartialEq, Eq)]
pub struct Location {
    pub source: Arc<Source>,
    /// Byte offsets into the text.
    pub start: usize,
    pub end: usize,
}

/// A source file as it was read.
pub struct Source {
    /// The path as the user would write it.
    pub name: String,
    pub text: String,
    /// Where each line begins, so that a place is found without reading what comes before it.
    lines: Vec<usize>,
    /// Stretches that nobody may see, as byte offsets.
    secrets: RwLock<Vec<(usize, usize)>>,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { name: name.into(), text, lines, secrets: RwLock::default() }
    }

    /// The text as it may be shown, every character at its place.
    pub fn shown(&self) -> String {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        let is_secret = |at: usize| secrets.iter().any(|(start, end)| (*start..*end).contains(&at));
        // A star takes as many bytes as the character that it hides, so that places stay what they are.
        let star = |c: char| "*".repeat(c.len_utf8());
        let shown = self.text.char_indices().map(|(at, c)| match c {
            c if c.is_whitespace() || !is_secret(at) => c.to_string(),
            c => star(c),
        });
        if secrets.is_empty() { self.text.clone() } else { shown.collect() }
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.text == other.text
    }
}

impl Eq for Source {}

impl Diagnostic {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            at: None,
            also: Vec::new(),
            help: None,
            urn: None,
        }
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    pub fn at(self, location: Location) -> Self {
        Self { at: Some(location), ..self }
    }

    pub fn also(mut self, location: Location, word: impl Into<String>) -> Self {
        self.also.push((location, word.into()));
        self
    }

    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub fn of(self, urn: &Urn) -> Self {
        Self { urn: Some(urn.clone()), ..self }
    }
}

impl Location {
    /// Keeps the stretch out of everything that shows the source.
    pub fn hide(&self) {
        let mut secrets = self.source.secrets.write().unwrap_or_else(PoisonError::into_inner);
        let stretch = (self.start, self.end);
        if !secrets.contains(&stretch) {
            secrets.push(stretch);
        }
    }

    /// Line and column, both from 1; the column counts characters.
    pub fn line_column(&self) -> (usize, usize) {
        let Source { text, lines, .. } = &*self.source;
        let start = self.start.min(text.len());
        let line = lines.partition_point(|begin| *begin <= start);
        (line, text[lines[line - 1]..start].chars().count() + 1)
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.source.name)
    }
}

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// The name among `known` that is nearest to `given`, if one is near enough to be meant.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Nobody misspells a longer name, and comparing takes time and memory for each pair of characters.
    const LONGEST: usize = 256;
    if given.len() > LONGEST {
        return None;
    }
    let given = given.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&given, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.chars().count().max(3) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_not_bytes() {
        let source = Arc::new(Source::new("a.yaml", "a: 1\n# üü\nüb: x"));
        let start = source.text.find("b:").unwrap();
        assert_eq!(Location { source, start, end: start + 1 }.to_string(), "a.yaml:3:2");
    }

    #[test]
    fn a_break_belongs_to_the_line_that_it_ends_and_the_end_to_the_last_one() {
        let source = Arc::new(Source::new("a.yaml", "ab\n\nc\n"));
        let at = |start| Location { source: Arc::clone(&source), start, end: start }.line_column();
        let places: Vec<_> = (0..=6).map(at).collect();
        assert_eq!(places, [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (3, 2), (4, 1)]);
        assert_eq!(at(99), (4, 1), "beyond the end");
    }

    #[test]
    fn what_is_hidden_is_stars_and_everything_else_stays_where_it_is() {
        let source = Arc::new(Source::new("a.yaml", "a: hünter two\nb: 1"));
        let (start, end) = (source.text.find('h').unwrap(), source.text.find('\n').unwrap());
        Location { source: Arc::clone(&source), start, end }.hide();
        assert_eq!(source.shown(), "a: ******* ***\nb: 1");
        assert_eq!(source.shown().find("b:"), source.text.find("b:"));
    }

    #[test]
    fn a_name_far_from_all_others_gets_no_suggestion() {
        assert_eq!(nearest("cidrBlok", ["cidrBlock", "tags"]), Some("cidrBlock"));
        assert_eq!(nearest("zzz", ["cidrBlock", "tags"]), None);
    }
}
