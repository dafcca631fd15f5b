//! What is known to be secret, and words and values from outside without it.
//!
//! A cloud may say in an error what it was sent, or show a secret at another place than it was put.
//! A [`Redactor`] knows every secret that the state holds and that a call of the run was given, and
//! takes it out of whatever comes back.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::{PoisonError, RwLock};

use base64::prelude::{BASE64_STANDARD_NO_PAD as BASE64, Engine};
use rustc_hash::FxBuildHasher;

use crate::engine::diagnostic::Diagnostic;
use crate::engine::error::Error;
use crate::engine::provider::Live;
use crate::engine::resource::Seen;
use crate::engine::state::State;
use crate::engine::value::{Map, Shown, Value};

/// From so many bytes on a secret is found inside of other words, too. A shorter one hides only where
/// it stands as a word of its own: `prod` must not make every name unreadable.
const LONG: usize = 8;
/// Shorter ones are too common as values of other properties to mark these.
const SHORTEST_VALUE: usize = 4;
/// Secrets are looked up by so many first bytes.
const HEAD: usize = 3;

/// Knows secrets and hides them.
#[derive(Debug, Default)]
pub struct Redactor(RwLock<Known>);

#[derive(Default)]
struct Known {
    /// Secrets as they are, for whole values.
    whole: HashSet<String>,
    /// Every form that a secret may take inside of a text, by its first bytes; the longest first.
    forms: HashMap<[u8; HEAD], Vec<String>>,
    /// Forms too short for that.
    short: HashSet<String>,
    /// Hashes of what was plain before it was hidden: an endpoint that a cloud shows is no secret because
    /// some input hides all that it is given.
    plain: HashSet<u64, FxBuildHasher>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.whole.len())
    }
}

impl Redactor {
    /// Remembers every secret that a state holds. What it holds in plain is none.
    pub fn learn_state(&self, state: &State) {
        for row in state.rows.values() {
            let pending = row.pending.as_ref().map(|pending| &pending.inputs);
            [&row.inputs, &row.seen, &row.outputs].into_iter().chain(pending).for_each(|value| self.learn_given(value));
        }
        state.outputs.values().for_each(|value| self.learn(value));
    }

    /// Remembers every secret in a value.
    pub fn learn(&self, value: &Value) {
        if value.has_secret() {
            self.0.write().unwrap_or_else(PoisonError::into_inner).learn(value, Taken::Shown);
        }
    }

    /// The same for what a program gives or a cloud shows, whose plain words are no secrets from then on.
    pub fn learn_given(&self, value: &Value) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).learn(value, Taken::Given);
    }

    /// The text with a word in the place of every secret.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).text(text)
    }

    pub fn error(&self, error: Error) -> Error {
        let hint = error.hint.map(|hint| self.text(&hint).into_owned());
        Error { message: self.text(&error.message).into_owned(), hint, ..error }
    }

    pub fn diagnostic(&self, problem: Diagnostic) -> Diagnostic {
        let help = problem.help.map(|help| self.text(&help).into_owned());
        Diagnostic { message: self.text(&problem.message).into_owned(), help, ..problem }
    }

    /// The value with everything marked secret that is one, or holds one.
    pub fn value(&self, value: Value) -> Value {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.whole.is_empty() { value } else { known.value(value) }
    }

    pub(super) fn live(&self, live: Live) -> Live {
        let live = Live { inputs: self.value(live.inputs), outputs: self.value(live.outputs) };
        [&live.inputs, &live.outputs].into_iter().for_each(|shown| self.learn_given(shown));
        live
    }

    pub(super) fn seen(&self, seen: Seen<Live>) -> Seen<Live> {
        match seen {
            Seen::Ready(live) => Seen::Ready(self.live(live)),
            Seen::Pending(word) => Seen::Pending(self.text(&word).into_owned()),
            Seen::Failed(why) => Seen::Failed(self.text(&why).into_owned()),
            Seen::Gone => Seen::Gone,
        }
    }
}

/// What the words of a value are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Secret,
    /// Plain for everybody.
    Given,
    /// Of somebody who may not know what is secret.
    Shown,
}

impl Known {
    fn learn(&mut self, value: &Value, taken: Taken) {
        let secret = taken == Taken::Secret;
        match value {
            Value::Secret(inner) => self.learn(inner, Taken::Secret),
            Value::List(items) => items.iter().for_each(|item| self.learn(item, taken)),
            Value::Map(map) => map.values().for_each(|item| self.learn(item, taken)),
            Value::Resource(handle) => self.learn(&handle.id, taken),
            Value::String(text) if secret => self.add(text),
            Value::String(text) if taken == Taken::Given => self.open(text),
            Value::Number(number) if secret => self.add(&number.to_string()),
            // Whether a boolean is true is hidden where it stands; the words `true` and `false` are not.
            Value::Asset(asset) if secret => {
                if let crate::engine::asset::Source::Text(text) = &asset.source {
                    self.add(text);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, text: &str) {
        let plain = self.plain.contains(&FxBuildHasher.hash_one(text));
        if plain || text.trim().is_empty() || !self.whole.insert(text.to_owned()) {
            return;
        }
        forms(text).for_each(|form| self.add_form(form));
    }

    fn open(&mut self, text: &str) {
        if !self.plain.insert(FxBuildHasher.hash_one(text)) || !self.whole.remove(text) {
            return;
        }
        for form in forms(text) {
            self.short.remove(&form);
            if let Some(head) = form.as_bytes().first_chunk::<HEAD>()
                && let Some(forms) = self.forms.get_mut(head)
            {
                forms.retain(|other| *other != form);
            }
        }
    }

    fn add_form(&mut self, form: String) {
        match form.as_bytes().first_chunk::<HEAD>() {
            Some(head) => {
                let forms = self.forms.entry(*head).or_default();
                let place = forms.partition_point(|other| other.len() > form.len());
                if forms.get(place) != Some(&form) {
                    forms.insert(place, form);
                }
            }
            None => {
                self.short.insert(form);
            }
        }
    }

    /// The length of the secret that begins at a place of a text.
    fn at(&self, text: &str, start: usize) -> Option<usize> {
        let rest = &text[start..];
        let fits = |form: &&String| {
            rest.starts_with(form.as_str()) && (form.len() >= LONG || is_word(text, start, start + form.len()))
        };
        let head = rest.as_bytes().first_chunk::<HEAD>();
        let long = head.and_then(|head| self.forms.get(head)?.iter().find(fits));
        let found = long.or_else(|| if self.short.is_empty() { None } else { self.short.iter().find(fits) });
        found.map(String::len)
    }

    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.whole.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut hidden, mut kept, mut place) = (String::new(), 0, 0);
        while place < text.len() {
            let step = text[place..].chars().next().map_or(1, char::len_utf8);
            match self.at(text, place) {
                Some(length) => {
                    hidden.push_str(&text[kept..place]);
                    hidden.push_str(Shown::SECRET);
                    place += length;
                    kept = place;
                }
                None => place += step,
            }
        }
        if kept == 0 {
            return Cow::Borrowed(text);
        }
        hidden.push_str(&text[kept..]);
        Cow::Owned(hidden)
    }

    fn holds(&self, text: &str) -> bool {
        if text.len() >= SHORTEST_VALUE && self.whole.contains(text) {
            return true;
        }
        text.len() > LONG
            && text.char_indices().any(|(place, _)| {
                let head = text.as_bytes()[place..].first_chunk::<HEAD>();
                let forms = head.and_then(|head| self.forms.get(head));
                forms.is_some_and(|forms| forms.iter().any(|f| f.len() >= LONG && text[place..].starts_with(f)))
            })
    }

    fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) if self.holds(&text) => Value::String(text).secret(),
            Value::List(items) => Value::List(items.into_iter().map(|item| self.value(item)).collect()),
            Value::Map(map) => {
                Value::Map(map.into_iter().map(|(name, item)| (name, self.value(item))).collect::<Map>())
            }
            other => other,
        }
    }
}

/// Every form that a secret may take inside of a text.
fn forms(text: &str) -> impl Iterator<Item = String> {
    let escaped = [escaped_in_json(text), escaped_in_xml(text), escaped_in_url(text)];
    let encoded = (text.len() >= LONG).then(|| BASE64.encode(text));
    let own = text.to_owned();
    let others = escaped.into_iter().filter(move |form| *form != own).chain(encoded);
    std::iter::once(text.to_owned()).chain(others.collect::<Vec<_>>())
}

/// Whether a stretch of a text is no part of a longer word.
fn is_word(text: &str, start: usize, end: usize) -> bool {
    let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !joins(text[..start].chars().next_back()) && !joins(text[end..].chars().next())
}

fn escaped_in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

fn escaped_in_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn escaped_in_url(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, UNRESERVED).to_string()
}

/// What RFC 3986 leaves as it is.
const UNRESERVED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(secrets: &[&str]) -> Redactor {
        let redactor = Redactor::default();
        secrets.iter().for_each(|secret| redactor.learn(&Value::from(*secret).secret()));
        redactor
    }

    #[test]
    fn a_long_secret_is_hidden_wherever_it_stands_and_a_short_one_as_a_word() {
        let redactor = knows(&["correct horse", "prod", "42", "a\"b<c"]);
        let text = |text: &str| redactor.text(text).into_owned();
        assert_eq!(text("Value 'correct horse' and xcorrect horsey"), "Value '[secret]' and x[secret]y");
        assert_eq!(text("aurora-prod of production, 42 of 4242"), "aurora-[secret] of production, [secret] of 4242");
        assert_eq!(text(r#"{"p":"a\"b<c"} a&quot;b&lt;c a%22b%3Cc"#), r#"{"p":"[secret]"} [secret] [secret]"#);
        assert_eq!(text("Y29ycmVjdCBob3JzZQ=="), "[secret]==");
        assert_eq!(text("nothing of it: höchstens"), "nothing of it: höchstens");
    }

    #[test]
    fn the_longer_of_two_secrets_is_hidden_as_a_whole() {
        assert_eq!(knows(&["hunter22", "hunter22 and more"]).text("is hunter22 and more"), "is [secret]");
    }

    #[test]
    fn a_value_that_is_a_secret_or_holds_one_becomes_one() {
        let redactor = knows(&["hunter2hunter2", "prod", "1"]);
        let value =
            serde_json::json!({"a": "x hunter2hunter2", "b": ["prod", "production", "aurora-prod", "1"], "c": 1});
        let shown = Shown::of(&redactor.value(value.into()));
        assert_eq!(shown.to_string(), r#"{"a":"[secret]","b":["[secret]","production","aurora-prod","1"],"c":1}"#);
    }

    #[test]
    fn a_word_that_a_program_gives_in_plain_is_no_secret_wherever_else_it_is_hidden() {
        let redactor = knows(&["aurora-global-prod", "hunter2hunter2"]);
        redactor.learn_given(&Value::from("aurora-global-prod"));
        redactor.learn(&Value::from("aurora-global-prod").secret());
        assert_eq!(redactor.text("aurora-global-prod: hunter2hunter2"), "aurora-global-prod: [secret]");
    }

    #[test]
    fn what_a_cloud_showed_in_plain_is_no_secret_because_an_input_hides_it_later() {
        let redactor = knows(&["hunter2hunter2"]);
        let endpoint = serde_json::json!({"endpoint": "db.example.com", "echo": "hunter2hunter2"});
        let shown = || Live { inputs: Value::Null, outputs: endpoint.clone().into() };
        redactor.live(shown());
        redactor.learn_given(&Value::from("db.example.com").secret());
        let again = redactor.live(shown()).outputs;
        assert_eq!(Shown::of(&again).to_string(), r#"{"endpoint":"db.example.com","echo":"[secret]"}"#);
    }

    #[test]
    fn booleans_and_empty_texts_are_no_words_to_hide() {
        let redactor = Redactor::default();
        redactor.learn(&Value::List(vec![true.into(), "".into(), " ".into(), Value::Null]).secret());
        assert_eq!(redactor.text("true is   true"), "true is   true");
    }

    #[test]
    fn many_secrets_cost_no_more_than_few() {
        let redactor = Redactor::default();
        let secrets = (0..5000).map(|n| Value::from(format!("secret number {n}"))).collect();
        redactor.learn(&Value::List(secrets).secret());
        let text = "a policy document of AWS, ".repeat(40_000);
        let started = std::time::Instant::now();
        assert!(matches!(redactor.text(&text), Cow::Borrowed(_)));
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}
