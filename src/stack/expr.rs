//! `${…}` and `fn::` to expression trees whose parts know their place.

use crate::engine::diagnostic::{Diagnostic, Location, nearest};
use crate::engine::value::Value;
use crate::stack::functions::{self, Builtin};
use crate::stack::yaml::{Entry, Kind as Yaml, Node};

/// An expression and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) kind: Kind,
    pub(crate) at: Location,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Literal(Value),
    List(Vec<Expr>),
    Map(Vec<(String, Location, Expr)>),
    /// Text with interpolations; a lone `${…}` is a `Reference` and keeps its type.
    Text(Vec<Part>),
    Reference(Reference),
    Call(&'static Builtin, Box<Expr>),
    Invoke(Box<Invoke>),
    /// Wrong, and reported already.
    Poison,
}

impl Expr {
    /// Keeps what is written here out of everything that shows the source; names of other values stay.
    pub(crate) fn hide(&self) {
        match &self.kind {
            Kind::Literal(Value::Null) | Kind::Reference(_) | Kind::Call(..) | Kind::Invoke(_) => {}
            Kind::Poison if self.is_written_as_reference() => {}
            Kind::Literal(_) | Kind::Text(_) | Kind::Poison => self.at.hide(),
            Kind::List(items) => items.iter().for_each(Self::hide),
            Kind::Map(entries) => entries.iter().for_each(|(_, _, value)| value.hide()),
        }
    }

    /// Adds the calls of data sources that it holds, each with its function.
    pub(crate) fn calls<'e>(&'e self, found: &mut Vec<(&'static str, &'e Self)>) {
        match &self.kind {
            Kind::Literal(_) | Kind::Text(_) | Kind::Reference(_) | Kind::Poison => {}
            Kind::List(items) => items.iter().for_each(|item| item.calls(found)),
            Kind::Map(entries) => entries.iter().for_each(|(_, _, value)| value.calls(found)),
            Kind::Call(_, argument) => argument.calls(found),
            Kind::Invoke(invoke) => {
                found.push((invoke.function, self));
                let options = [&invoke.region, &invoke.provider, &invoke.depends_on].into_iter().flatten();
                options.chain([&invoke.arguments]).for_each(|expr| expr.calls(found));
            }
        }
    }

    /// Whether it holds a reference of which `is_meant` is true.
    pub(crate) fn mentions(&self, is_meant: &dyn Fn(&Reference) -> bool) -> bool {
        match &self.kind {
            Kind::Literal(_) | Kind::Poison => false,
            Kind::Text(parts) => parts.iter().any(|part| match part {
                Part::Literal(_) => false,
                Part::Reference(reference) => reference.mentions(is_meant),
            }),
            Kind::Reference(reference) => reference.mentions(is_meant),
            Kind::List(items) => items.iter().any(|item| item.mentions(is_meant)),
            Kind::Map(entries) => entries.iter().any(|(_, _, value)| value.mentions(is_meant)),
            Kind::Call(_, argument) => argument.mentions(is_meant),
            Kind::Invoke(invoke) => {
                let options = [&invoke.region, &invoke.provider, &invoke.depends_on].into_iter().flatten();
                options.chain([&invoke.arguments]).any(|expr| expr.mentions(is_meant))
            }
        }
    }

    fn is_written_as_reference(&self) -> bool {
        let written = self.at.source.text.get(self.at.start..self.at.end).unwrap_or_default();
        let bare = written.trim().trim_matches(['"', '\'']);
        bare.starts_with("${") && bare.find('}') == Some(bare.len() - 1)
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Part {
    Literal(String),
    Reference(Reference),
}

/// `root.name["key"][0]`.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) root: Root,
    /// The name as written.
    pub(crate) name: String,
    pub(crate) path: Vec<(Accessor, Location)>,
    pub(crate) at: Location,
}

impl Reference {
    fn mentions(&self, is_meant: &dyn Fn(&Self) -> bool) -> bool {
        let keys = self.path.iter().filter_map(|(accessor, _)| match accessor {
            Accessor::Of(inner) => Some(inner),
            _ => None,
        });
        is_meant(self) || keys.into_iter().any(|inner| inner.mentions(is_meant))
    }

    /// The reference with a longer path.
    pub(crate) fn with(&self, rest: Vec<(Accessor, Location)>) -> Self {
        let path = self.path.iter().cloned().chain(rest).collect();
        Self { path, ..self.clone() }
    }
}

/// What a name stands for in the body that it is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Root {
    Resource(usize),
    Variable(usize),
    /// A config entry, or an input of a component.
    Input(usize),
    Pulumi,
    Region,
    Regions,
    Each,
}

#[derive(Debug, Clone)]
pub(crate) enum Accessor {
    Name(String),
    Index(usize),
    Key(String),
    /// `[*]`: the rest of the path is taken of every item.
    All,
    /// `[each.key]`: the value of another reference.
    Of(Reference),
}

/// A call of a data source.
#[derive(Debug, Clone)]
pub(crate) struct Invoke {
    /// Canonical token.
    pub(crate) function: &'static str,
    pub(crate) arguments: Expr,
    pub(crate) region: Option<Expr>,
    pub(crate) provider: Option<Expr>,
    pub(crate) depends_on: Option<Expr>,
    pub(crate) result: Option<(String, Location)>,
}

/// What the parser asks about names and functions of the program.
pub(crate) trait Scope {
    fn resolve(&self, name: &str) -> Option<Root>;
    /// All names, for suggestions.
    fn names(&self) -> Vec<&str>;
    /// Whether the program around a component has the name, which the component does not see.
    fn is_outside(&self, _: &str) -> bool {
        false
    }
    fn function(&self, token: &str) -> Result<&'static str, Diagnostic>;
}

const INVOKE: &str = "invoke";
const SECRET: &str = "secret";
const OLD_REFERENCE: &str = "stackReference";

/// Reads expressions, collecting what is wrong.
pub(crate) struct Reader<'a> {
    pub(crate) scope: &'a dyn Scope,
    pub(crate) problems: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    pub(crate) fn expr(&mut self, node: &Node) -> Expr {
        let kind = match &node.kind {
            Yaml::Null => Kind::Literal(Value::Null),
            Yaml::Bool(b) => Kind::Literal(Value::Bool(*b)),
            Yaml::Number(n) => Kind::Literal(Value::Number(n.clone())),
            Yaml::Text(text) => self.text(text, &node.at),
            Yaml::List(items) => Kind::List(items.iter().map(|item| self.expr(item)).collect()),
            Yaml::Map(entries) => self.map(entries),
        };
        Expr { kind, at: node.at.clone() }
    }

    fn map(&mut self, entries: &[Entry]) -> Kind {
        if let [only] = entries
            && only.key.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("fn::"))
        {
            return self.call(only);
        }
        Kind::Map(entries.iter().map(|e| (e.key.clone(), e.at.clone(), self.expr(&e.value))).collect())
    }

    fn call(&mut self, entry: &Entry) -> Kind {
        let (prefix, name) = entry.key.split_at(4);
        let builtin = functions::find(name);
        let meant = match builtin {
            Some(builtin) => builtin.name,
            None if name.eq_ignore_ascii_case(INVOKE) => INVOKE,
            None => name,
        };
        if prefix != "fn::" || meant != name {
            self.problems.push(miscapitalized(&entry.key, &format!("fn::{meant}"), &entry.at));
        }
        if meant == INVOKE {
            return self.invoke(&entry.value);
        }
        if let Some(builtin) = builtin {
            if builtin.name == OLD_REFERENCE {
                let problem = Diagnostic::warning("old-spelling", "`fn::stackReference` is deprecated");
                let help = "declare a resource of type `pulumi:pulumi:StackReference` and use its `outputs`";
                self.problems.push(problem.at(entry.at.clone()).help(help));
            }
            let argument = self.expr(&entry.value);
            if builtin.name == SECRET {
                argument.hide();
            }
            return Kind::Call(builtin, Box::new(argument));
        }
        if name.contains(':') {
            let arguments = match entry.value.kind {
                Yaml::Map(_) => self.expr(&entry.value),
                _ => Expr { kind: Kind::Map(Vec::new()), at: entry.value.at.clone() },
            };
            return self.known_function(name, &entry.at, |function| Invoke {
                function,
                arguments,
                region: None,
                provider: None,
                depends_on: None,
                result: None,
            });
        }
        match nearest(name, functions::names()) {
            Some(near) => {
                let problem = Diagnostic::error("unknown-function", format!("there is no function `fn::{name}`"));
                self.problems.push(problem.at(entry.at.clone()).help(format!("did you mean `fn::{near}`?")));
                Kind::Poison
            }
            None => {
                self.problems.push(
                    Diagnostic::warning(
                        "reserved-prefix",
                        format!("`fn::{name}` is no function and stays a plain key"),
                    )
                    .at(entry.at.clone())
                    .help("`fn::` is a reserved prefix; choose another key if this is data"),
                );
                Kind::Map(vec![(entry.key.clone(), entry.at.clone(), self.expr(&entry.value))])
            }
        }
    }

    fn known_function(&mut self, token: &str, at: &Location, make: impl FnOnce(&'static str) -> Invoke) -> Kind {
        match self.scope.function(token) {
            Ok(function) => Kind::Invoke(Box::new(make(function))),
            Err(problem) => {
                self.problems.push(problem.at(at.clone()));
                Kind::Poison
            }
        }
    }

    fn invoke(&mut self, node: &Node) -> Kind {
        let keys = Keys::of(node, "`fn::invoke`", &["function", "arguments", "options", "return"], self.problems);
        let Some(keys) = keys else { return Kind::Poison };
        let Some(function) = keys.get("function") else {
            let problem = Diagnostic::error("missing-key", "`fn::invoke` needs the key `function`").at(node.at.clone());
            self.problems.push(problem.help("for example `function: aws:getAvailabilityZones`"));
            return Kind::Poison;
        };
        let Some(token) = function.as_text() else {
            self.problems.push(wrong("`function`", "a string", function));
            return Kind::Poison;
        };
        let arguments = match keys.get("arguments") {
            Some(arguments) => self.expr(arguments),
            None => Expr { kind: Kind::Map(Vec::new()), at: node.at.clone() },
        };
        let known = ["provider", "parent", "dependsOn", "version", "pluginDownloadURL", "region"];
        let options =
            keys.get("options").and_then(|o| Keys::of(o, "the options of `fn::invoke`", &known, self.problems));
        let option =
            |reader: &mut Self, name: &str| options.as_ref().and_then(|o| o.get(name)).map(|node| reader.expr(node));
        let (region, provider) = (option(self, "region"), option(self, "provider"));
        let depends_on = option(self, "dependsOn");
        let result = match keys.get("return") {
            None => None,
            Some(node) => match node.as_text() {
                Some(text) => Some((text.to_owned(), node.at.clone())),
                None => {
                    self.problems.push(wrong("`return`", "a string", node));
                    return Kind::Poison;
                }
            },
        };
        self.known_function(token, &function.at, |function| Invoke {
            function,
            arguments,
            region,
            provider,
            depends_on,
            result,
        })
    }

    /// Text with or without interpolations.
    fn text(&mut self, text: &str, at: &Location) -> Kind {
        if !text.contains('$') {
            return Kind::Literal(Value::from(text));
        }
        let mut parts: Vec<Part> = Vec::new();
        let mut literal = String::new();
        let mut places = Places::of(text, at);
        let mut rest = 0;
        while let Some(dollar) = text[rest..].find('$').map(|i| rest + i) {
            literal.push_str(&text[rest..dollar]);
            match text.as_bytes().get(dollar + 1) {
                Some(b'$') => {
                    literal.push('$');
                    rest = dollar + 2;
                }
                Some(b'{') => {
                    let mut cursor = Cursor { text, at: dollar + 2, depth: 0 };
                    let parsed = self.reference(&mut cursor, &mut places, '}');
                    let Some(reference) = parsed else { return Kind::Poison };
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Reference(Reference { at: places.place(dollar, cursor.at), ..reference }));
                    rest = cursor.at;
                }
                _ => {
                    literal.push('$');
                    rest = dollar + 1;
                }
            }
        }
        literal.push_str(&text[rest..]);
        if parts.is_empty() {
            return Kind::Literal(Value::from(literal));
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        if let [Part::Reference(_)] = parts.as_slice()
            && let Some(Part::Reference(reference)) = parts.pop()
        {
            return Kind::Reference(reference);
        }
        Kind::Text(parts)
    }

    /// A reference up to and with its closing character.
    fn reference(&mut self, cursor: &mut Cursor, places: &mut Places, close: char) -> Option<Reference> {
        let start = cursor.at;
        match cursor.path(self, places, close) {
            Ok((name, name_end, path)) => {
                let at = places.place(start, cursor.at);
                let Some(root) = self.scope.resolve(&name) else {
                    let at = places.place(start, name_end);
                    match self.scope.is_outside(&name) {
                        true => self.problems.push(outside(&name, at)),
                        false => unknown_name(&name, self.scope, at, self.problems),
                    }
                    return None;
                };
                Some(Reference { root, name, path, at })
            }
            Err(Syntax::Reported) => None,
            Err(Syntax::At(message, from, to)) => {
                self.problems.push(Diagnostic::error("interpolation", message).at(places.place(from, to)));
                None
            }
        }
    }
}

/// Names that the language itself gives a meaning.
const ROOTS: [&str; 4] = ["regions", "region", "each", "pulumi"];

fn unknown_name(name: &str, scope: &dyn Scope, at: Location, problems: &mut Vec<Diagnostic>) {
    let problem =
        Diagnostic::error("unknown-name", format!("no resource, variable or config value is called `{name}`")).at(at);
    tell(problems, problem, |problem| {
        let known = scope.names();
        match nearest(name, known.iter().copied().chain(ROOTS)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => problem.help("write `$${` for the text `${`"),
            None => problem.help(format!("the names are {}; write `$${{` for the text `${{`", listed(&known, 8))),
        }
    });
}

fn outside(name: &str, at: Location) -> Diagnostic {
    let text = format!("`{name}` is a name of the program, and a component sees only what it is given");
    let help =
        format!("declare `{name}` under the component's `inputs`, and give it `{name}: ${{{name}}}` where it is used");
    Diagnostic::error("unknown-name", text).at(at).help(help)
}

/// Some names in backticks, and how many more there are.
pub(crate) fn listed(names: &[&str], most: usize) -> String {
    let shown = names.iter().take(most).map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

pub(crate) fn miscapitalized(given: &str, meant: &str, at: &Location) -> Diagnostic {
    Diagnostic::warning("capitals", format!("`{given}` is read as `{meant}`"))
        .at(at.clone())
        .help(format!("write `{meant}`"))
}

/// So many mistakes come with advice. Fewer are shown, and the nearest of all names takes a look at each of them.
const ADVISED: usize = 300;

/// Adds a mistake, with advice that takes a search unless there are too many already.
pub(crate) fn tell(problems: &mut Vec<Diagnostic>, problem: Diagnostic, advise: impl FnOnce(Diagnostic) -> Diagnostic) {
    let problem = if problems.len() < ADVISED { advise(problem) } else { problem };
    problems.push(problem);
}

pub(crate) fn wrong(what: &str, wanted: &str, node: &Node) -> Diagnostic {
    Diagnostic::error("wrong-type", format!("{what} must be {wanted}, not {}", node.noun())).at(node.at.clone())
}

/// The keys of a map with fixed keywords, read without regard to case.
pub(crate) struct Keys<'a> {
    found: Vec<(&'static str, &'a Entry)>,
}

impl<'a> Keys<'a> {
    /// Reads a map whose keys must be among `known`; reports others.
    pub(crate) fn of(
        node: &'a Node,
        what: &str,
        known: &[&'static str],
        problems: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let (keys, others) = Self::some(node, what, known, problems)?;
        for entry in others {
            let problem =
                Diagnostic::error("unknown-key", format!("{what} has no key `{}`", entry.key)).at(entry.at.clone());
            problems.push(match nearest(&entry.key, known.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("the keys are {}", listed(known, 24))),
            });
        }
        Some(keys)
    }

    /// Reads a map of which only some keys have a meaning; gives the others back.
    pub(crate) fn some(
        node: &'a Node,
        what: &str,
        known: &[&'static str],
        problems: &mut Vec<Diagnostic>,
    ) -> Option<(Self, Vec<&'a Entry>)> {
        let Some(entries) = node.as_map() else {
            problems.push(wrong(what, "a map", node));
            return None;
        };
        let (mut found, mut others) = (Vec::new(), Vec::new());
        for entry in entries {
            match known.iter().find(|k| entry.key.eq_ignore_ascii_case(k)) {
                Some(word) => {
                    if entry.key != *word {
                        problems.push(miscapitalized(&entry.key, word, &entry.at));
                    }
                    found.push((*word, entry));
                }
                None => others.push(entry),
            }
        }
        Some((Self { found }, others))
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.found.iter().find(|(word, _)| *word == key).map(|(_, entry)| *entry)
    }

    /// The value of a key, if it is given and not null.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entry(key).map(|e| &e.value).filter(|v| !v.is_null())
    }
}

enum Syntax {
    /// Message and the byte range of the text.
    At(String, usize, usize),
    Reported,
}

type Path = (String, usize, Vec<(Accessor, Location)>);

struct Cursor<'t> {
    text: &'t str,
    at: usize,
    /// References in brackets of references, each of which the parser recurses for.
    depth: usize,
}

/// Deeper references are refused.
const MAX_NESTED: usize = 16;
/// In a longer text that is folded or escaped, mistakes are shown at the whole of it: looking for the
/// same words again and again would take too long.
const MAX_SEARCHED: usize = 64 * 1024;

impl Cursor<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn word(&mut self) -> &str {
        let rest = &self.text[self.at..];
        let end = rest.find(['.', '[', ']', '}', '"', '$', '{']).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn path(&mut self, reader: &mut Reader, places: &mut Places, close: char) -> Result<Path, Syntax> {
        let start = self.at;
        let name = match self.peek() {
            Some('[') => {
                self.at += 1;
                if self.peek() != Some('"') {
                    return Err(self.wrong("the root must be a name or a text in brackets", start));
                }
                let name = self.quoted(start)?;
                self.expect_bracket(start)?;
                name
            }
            _ => self.word().to_owned(),
        };
        let name_end = self.at;
        if name.trim().is_empty() {
            return Err(self.wrong("an interpolation cannot be empty", start.saturating_sub(2)));
        }
        if name.trim() != name || name.contains(char::is_whitespace) {
            return Err(Syntax::At(format!("`{name}` is no name: it holds a space"), start, name_end));
        }
        let mut path = Vec::new();
        loop {
            let from = self.at;
            match self.peek() {
                Some(c) if c == close => {
                    self.at += 1;
                    return Ok((name, name_end, path));
                }
                Some('.') => {
                    self.at += 1;
                    let word = self.word().to_owned();
                    if word.trim().is_empty() || word.contains(char::is_whitespace) {
                        return Err(self.wrong("a property name is missing after the dot", from));
                    }
                    path.push((Accessor::Name(word), places.place(from + 1, self.at)));
                }
                Some('[') => {
                    let accessor = self.subscript(reader, places)?;
                    path.push((accessor, places.place(from, self.at)));
                }
                Some(_) => return Err(self.wrong("expected `.`, `[` or `}`", from)),
                None => return Err(self.wrong("the interpolation is not closed with `}`", start.saturating_sub(2))),
            }
        }
    }

    fn subscript(&mut self, reader: &mut Reader, places: &mut Places) -> Result<Accessor, Syntax> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some('"') => {
                let key = self.quoted(start)?;
                self.expect_bracket(start)?;
                Ok(Accessor::Key(key))
            }
            Some('*') => {
                self.at += 1;
                self.expect_bracket(start)?;
                Ok(Accessor::All)
            }
            Some(c) if c.is_ascii_digit() || c == '-' || c == '+' => {
                let rest = &self.text[self.at..];
                let end = rest.find([']', '}']).unwrap_or(rest.len());
                self.at += end;
                let Ok(index) = rest[..end].parse() else {
                    return Err(self.wrong(&format!("`{}` is no list index", &rest[..end]), start));
                };
                self.expect_bracket(start)?;
                Ok(Accessor::Index(index))
            }
            Some(c) if c.is_alphabetic() || c == '_' => {
                if self.depth == MAX_NESTED {
                    return Err(self.wrong(&format!("references are nested more than {MAX_NESTED} deep"), start));
                }
                self.depth += 1;
                let reference = reader.reference(self, places, ']');
                self.depth -= 1;
                reference.map(Accessor::Of).ok_or(Syntax::Reported)
            }
            _ => Err(self.wrong("a list index, a text in quotes, `*` or a name must stand in the brackets", start)),
        }
    }

    fn expect_bracket(&mut self, start: usize) -> Result<(), Syntax> {
        if self.peek() != Some(']') {
            return Err(self.wrong("the closing bracket `]` is missing", start));
        }
        self.at += 1;
        Ok(())
    }

    /// A text in double quotes, in which `\"` and `\\` stand for themselves.
    fn quoted(&mut self, start: usize) -> Result<String, Syntax> {
        self.at += 1;
        let mut text = String::new();
        let mut chars = self.text[self.at..].char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += offset + 1;
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, c @ ('"' | '\\'))) => text.push(c),
                    Some((_, c)) => text.extend(['\\', c]),
                    None => break,
                },
                _ => text.push(c),
            }
        }
        self.at = self.text.len();
        Err(self.wrong("the closing quote of the property name is missing", start))
    }

    fn wrong(&self, message: &str, from: usize) -> Syntax {
        Syntax::At(message.to_owned(), from, self.at.max(from + 1).min(self.text.len()))
    }
}

/// From positions in the text of a scalar to places in the file.
struct Places<'a> {
    text: &'a str,
    at: &'a Location,
    /// Where the text begins in the file, if it stands there as it is.
    verbatim: Option<usize>,
}

impl<'a> Places<'a> {
    fn of(text: &'a str, at: &'a Location) -> Self {
        let raw = at.source.text.get(at.start..at.end).unwrap_or_default();
        Self { text, at, verbatim: raw.find(text).map(|offset| at.start + offset) }
    }

    fn place(&mut self, from: usize, to: usize) -> Location {
        let to = to.min(self.text.len());
        let source = std::sync::Arc::clone(&self.at.source);
        if let Some(start) = self.verbatim {
            return Location { source, start: start + from, end: start + to };
        }
        if self.text.len() > MAX_SEARCHED {
            return self.at.clone();
        }
        // Folded and escaped text: the same words stand there, as often as before this one.
        let words = self.text.get(from..to).unwrap_or_default();
        let before = self.text.get(..from).unwrap_or_default().matches(words).count();
        let raw = self.at.source.text.get(self.at.start..self.at.end).unwrap_or_default();
        match raw.match_indices(words).nth(before) {
            Some((offset, _)) if !words.is_empty() => {
                Location { source, start: self.at.start + offset, end: self.at.start + offset + words.len() }
            }
            _ => self.at.clone(),
        }
    }
}
