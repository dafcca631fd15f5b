//! What is known to be secret, and words and values from outside without it.
//!
//! A cloud may say in an error what it was sent, or show a secret at another place than it was put.
//! A [`Redactor`] knows every secret that the state holds and that a call of the run was given, and
//! takes it out of whatever comes back.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::{PoisonError, RwLock};

use base64::prelude::{BASE64_STANDARD_NO_PAD as BASE64, BASE64_URL_SAFE_NO_PAD as BASE64_URL, Engine};
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
/// So many of the dots after a quotation that is cut off may be the next ones of the secret itself.
const DOTS: usize = 4;
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

    /// The length of the beginning of a secret that begins at a place of a text, and is cut off there.
    fn cut_at(&self, text: &str, start: usize) -> Option<usize> {
        let rest = &text[start..];
        let forms = self.forms.get(rest.as_bytes().first_chunk::<HEAD>()?)?;
        forms.iter().filter_map(|form| cut(form, rest)).max()
    }

    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.whole.is_empty() {
            return Cow::Borrowed(text);
        }
        let is_cut = text.contains('…') || text.contains("...");
        let (mut hidden, mut kept, mut place) = (String::new(), 0, 0);
        while place < text.len() {
            let step = text[place..].chars().next().map_or(1, char::len_utf8);
            match self.at(text, place).or_else(|| if is_cut { self.cut_at(text, place) } else { None }) {
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

/// Every form that a secret may take inside of a text, each once.
fn forms(text: &str) -> impl Iterator<Item = String> {
    let json = escaped_in_json(text);
    let ascii = [in_ascii(&json, |unit| format!("\\u{unit:04x}")), in_ascii(&json, |unit| format!("\\u{unit:04X}"))];
    let in_url = escaped_in_url(text, UNRESERVED);
    let mut all = vec![text.to_owned()];
    // As a text of JSON inside of one, too.
    all.extend(ascii.iter().chain([&json]).map(|form| escaped_in_json(form)));
    all.extend(ascii);
    all.extend([json, escaped_in_xml(text), in_url.replace("%20", "+"), in_url, escaped_in_url(text, IN_PATHS)]);
    if text.len() >= LONG {
        all.extend([BASE64.encode(text), BASE64_URL.encode(text), hex::encode(text), hex::encode_upper(text)]);
    }
    let mut known = HashSet::with_capacity(all.len());
    all.retain(|form| known.insert(FxBuildHasher.hash_one(form)));
    all.into_iter()
}

/// The length of the beginning of a form with which a text begins before it is cut off with dots.
fn cut(form: &str, text: &str) -> Option<usize> {
    let common = form.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
    // Dots may be those of the form.
    let ends = (LONG..=common).rev().filter(|end| text.is_char_boundary(*end));
    let is_cut = |end: &usize| text[*end..].starts_with('…') || text[*end..].starts_with("...");
    ends.take(DOTS).find(is_cut)
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

/// With everything that is no ASCII as JSON may write it, by its units of UTF-16.
fn in_ascii(json: &str, unit: impl Fn(u16) -> String) -> String {
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        match c.is_ascii() {
            true => ascii.push(c),
            false => ascii.extend(c.encode_utf16(&mut [0; 2]).iter().map(|one| unit(*one))),
        }
    }
    ascii
}

fn escaped_in_url(text: &str, except: &'static percent_encoding::AsciiSet) -> String {
    percent_encoding::utf8_percent_encode(text, except).to_string()
}

/// What RFC 3986 leaves as it is.
const UNRESERVED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same where a slash may stand.
const IN_PATHS: &percent_encoding::AsciiSet = &UNRESERVED.remove(b'/');

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
    fn a_secret_is_hidden_in_every_form_that_a_text_around_it_may_ask_for() {
        let secret = "gr\u{fc}n/\"x\" & \u{1f511}?>";
        let redactor = knows(&[secret]);
        let json = serde_json::Value::from(secret).to_string();
        let bytes = secret.as_bytes();
        for form in [
            json[1..json.len() - 1].to_owned(),
            r#"gr\u00fcn/\"x\" & \ud83d\udd11?>"#.to_owned(),
            r#"gr\u00FCn/\"x\" & \uD83D\uDD11?>"#.to_owned(),
            escaped_in_json(&json[1..json.len() - 1]),
            r#"gr\\u00fcn/\\\"x\\\" & \\ud83d\\udd11?>"#.to_owned(),
            "gr%C3%BCn%2F%22x%22+%26+%F0%9F%94%91%3F%3E".to_owned(),
            "gr%C3%BCn%2F%22x%22%20%26%20%F0%9F%94%91%3F%3E".to_owned(),
            "gr%C3%BCn/%22x%22%20%26%20%F0%9F%94%91%3F%3E".to_owned(),
            BASE64.encode(bytes),
            BASE64_URL.encode(bytes),
            hex::encode(bytes),
            hex::encode_upper(bytes),
        ] {
            assert_eq!(redactor.text(&format!("<{form}>")), "<[secret]>", "{form}");
        }
        assert!(BASE64.encode(bytes) != BASE64_URL.encode(bytes), "one form for both");
    }

    #[test]
    fn the_beginning_of_a_secret_that_is_cut_off_is_hidden_from_eight_characters_on() {
        let redactor = knows(&["correct horse battery staple", "pass...word...ends"]);
        let text = |text: &str| redactor.text(text).into_owned();
        assert_eq!(text("invalid value 'correct horse b...'"), "invalid value '[secret]...'");
        assert_eq!(text("invalid value 'correct …'"), "invalid value '[secret]…'");
        assert_eq!(text("invalid value 'correct...'"), "invalid value 'correct...'");
        assert_eq!(text("a correct horse is one"), "a correct horse is one");
        assert_eq!(text("pass...word..."), "[secret]...");
        assert_eq!(text("Y29ycmVjdCBob3JzZSBi..."), "[secret]...");
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
