//! When two values of an input mean the same although they are written differently.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

/// A way to compare that is wider than equality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alike {
    /// JSON documents by meaning: key order, white space, one item or a list of one (IAM).
    Json,
    /// JSON documents whose lists have an order, as the metrics of a dashboard have.
    OrderedJson,
    /// JSON policies of an API, in which `execute-api:/` stands for the API's own ARN.
    ApiPolicy,
    /// Letters by sound, not by case.
    Case,
    /// `16` stands for any `16.x`, as RDS takes it.
    Version,
    /// Database engine versions of one major version, for what only follows minor upgrades.
    Major,
    /// An ARN and the name or id that it ends in.
    Arn,
    /// `example.com` and `example.com.`.
    Dot,
    /// `text` and `"text"`, as DNS takes texts.
    Quotes,
    /// The id of a part with and without that of its whole: `api/part` and `part`.
    Part,
    /// A URL with and without its password, in whose place the cloud shows stars.
    Masked,
}

impl Alike {
    const ALL: [Self; 11] = [
        Self::Json,
        Self::OrderedJson,
        Self::ApiPolicy,
        Self::Case,
        Self::Version,
        Self::Major,
        Self::Arn,
        Self::Dot,
        Self::Quotes,
        Self::Part,
        Self::Masked,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::OrderedJson => "ordered-json",
            Self::ApiPolicy => "api-policy",
            Self::Case => "case",
            Self::Version => "version",
            Self::Major => "major",
            Self::Arn => "arn",
            Self::Dot => "dot",
            Self::Quotes => "quotes",
            Self::Part => "part",
            Self::Masked => "masked",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// Whether `live`, as the cloud shows it, is what `wanted` asks for.
    pub fn same(self, live: &str, wanted: &str) -> bool {
        live == wanted
            || match self {
                Self::Json | Self::OrderedJson => match (serde_json::from_str(live), serde_json::from_str(wanted)) {
                    (Ok(a), Ok(b)) => self.lists().is_some_and(|lists| meaning(&a, lists) == meaning(&b, lists)),
                    _ => false,
                },
                Self::ApiPolicy => same_api_policy(live, wanted),
                Self::Case => live.eq_ignore_ascii_case(wanted),
                Self::Version => live.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.')),
                Self::Major => major(live) == major(wanted),
                Self::Arn => ends_in(live, wanted) || ends_in(wanted, live),
                Self::Dot => live.trim_end_matches('.').eq_ignore_ascii_case(wanted.trim_end_matches('.')),
                Self::Quotes => unquoted(live) == unquoted(wanted),
                Self::Part => is_end(live, wanted) || is_end(wanted, live),
                Self::Masked => masks(live, wanted) || masks(wanted, live),
            }
    }
}

/// What lists are in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lists {
    /// Without order, and a list of one may be written as its item.
    Sets,
    Ordered,
}

impl Alike {
    fn lists(self) -> Option<Lists> {
        match self {
            Self::Json | Self::ApiPolicy => Some(Lists::Sets),
            Self::OrderedJson => Some(Lists::Ordered),
            _ => None,
        }
    }

    /// The document that the cloud shows, written like the wanted one wherever both mean the same, so that
    /// their lines differ only where their meanings do. None for what is no document.
    pub fn written_like(self, live: &str, wanted: &str) -> Option<String> {
        let lists = self.lists()?;
        let live = match (self, &apis(live).collect::<Vec<_>>()[..]) {
            (Self::ApiPolicy, [own, ..]) if wanted.contains(OWN_API) => &live.replace(&format!("{own}/"), OWN_API),
            _ => live,
        };
        let (live, wanted): (Json, Json) = (serde_json::from_str(live).ok()?, serde_json::from_str(wanted).ok()?);
        Some(rewritten(live, &wanted, lists).to_string())
    }
}

/// How a policy of an API names the API itself.
const OWN_API: &str = "execute-api:/";

fn rewritten(live: Json, wanted: &Json, lists: Lists) -> Json {
    if meaning(&live, lists) == meaning(wanted, lists) {
        return wanted.clone();
    }
    match (live, wanted) {
        (Json::Object(mut live), Json::Object(wanted)) => {
            let mut map = Map::new();
            for (key, wanted) in wanted {
                if let Some(part) = live.shift_remove(key) {
                    map.insert(key.clone(), rewritten(part, wanted, lists));
                }
            }
            map.extend(live);
            Json::Object(map)
        }
        (Json::Array(live), Json::Array(wanted)) if lists == Lists::Sets => Json::Array(placed(live, wanted)),
        (Json::Array(live), Json::Array(wanted)) => {
            let rewrite = |(i, item)| match wanted.get(i) {
                Some(wanted) => rewritten(item, wanted, lists),
                None => item,
            };
            Json::Array(live.into_iter().enumerate().map(rewrite).collect())
        }
        (item, Json::Array(wanted)) if lists == Lists::Sets => Json::Array(placed(vec![item], wanted)),
        (Json::Array(mut one), wanted) if lists == Lists::Sets && one.len() == 1 => {
            rewritten(one.remove(0), wanted, lists)
        }
        (other, _) => other,
    }
}

/// The items of a set, each at the place of the wanted item that it equals or comes nearest to.
fn placed(live: Vec<Json>, wanted: &[Json]) -> Vec<Json> {
    let mut live: Vec<Option<Json>> = live.into_iter().map(Some).collect();
    let mut equal: HashMap<String, Vec<usize>> = HashMap::new();
    for (i, item) in live.iter().enumerate().rev() {
        let item = item.as_ref().map(|item| meaning(item, Lists::Sets).to_string());
        equal.entry(item.unwrap_or_default()).or_default().push(i);
    }
    let mut found = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let i = equal.get_mut(&meaning(wanted, Lists::Sets).to_string()).and_then(Vec::pop);
        found.push(i.and_then(|i| live[i].take()).is_some());
    }
    let mut left: Vec<Json> = live.into_iter().flatten().collect();
    let pairs = left.len().saturating_mul(wanted.len()) <= MOST_PAIRS;
    let mut placed = Vec::with_capacity(wanted.len());
    for (wanted, found) in wanted.iter().zip(found) {
        if found {
            placed.push(wanted.clone());
        } else if pairs
            && let Some((i, 1..)) =
                (0..left.len()).rev().map(|i| (i, in_common(&left[i], wanted))).max_by_key(|(_, n)| *n)
        {
            placed.push(rewritten(left.remove(i), wanted, Lists::Sets));
        }
    }
    placed.extend(left);
    placed
}

/// So many pairs of items are compared; a set that has more is no policy that a service takes.
const MOST_PAIRS: usize = 250_000;

/// How many entries two maps share.
fn in_common(a: &Json, b: &Json) -> usize {
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => a.iter().filter(|(key, value)| b.get(*key) == Some(value)).count(),
        _ => 0,
    }
}

/// Whether two policies mean the same if the one API that they name is their own.
fn same_api_policy(live: &str, wanted: &str) -> bool {
    let mut apis: Vec<&str> = apis(live).chain(apis(wanted)).collect();
    apis.sort_unstable();
    apis.dedup();
    match apis[..] {
        [own] => {
            let short = |policy: &str| policy.replace(&format!("{own}/"), OWN_API);
            Alike::Json.same(&short(live), &short(wanted))
        }
        _ => Alike::Json.same(live, wanted),
    }
}

/// The ARNs of APIs in a policy, without what follows their ids: `arn:aws:execute-api:…:…:id`.
fn apis(policy: &str) -> impl Iterator<Item = &str> {
    let arns = policy.match_indices("arn:").map(|(start, _)| &policy[start..]);
    let arns = arns.filter(|arn| arn.split(':').nth(2) == Some("execute-api"));
    arns.filter_map(|arn| arn.find(['/', '"', '\\']).map(|end| &arn[..end]))
}

/// `16` of `16.6`, `8.0` of `8.0.mysql_aurora.3.08.0`.
fn major(version: &str) -> &str {
    let parts = if version.contains("mysql") { 2 } else { 1 };
    version.match_indices('.').nth(parts - 1).map_or(version, |(end, _)| &version[..end])
}

/// The text between quotation marks, or all of it if it has none.
pub fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

fn ends_in(arn: &str, name: &str) -> bool {
    arn.starts_with("arn:") && !name.is_empty() && arn.strip_suffix(name).is_some_and(|head| head.ends_with([':', '/']))
}

fn is_end(whole: &str, part: &str) -> bool {
    !part.is_empty() && whole.strip_suffix(part).is_some_and(|head| head.ends_with('/'))
}

/// Whether `masked` is `open` with stars for the password.
fn masks(masked: &str, open: &str) -> bool {
    let Some((user, host)) = masked.split_once(":****@") else { return false };
    let rest = open.strip_prefix(user).and_then(|rest| rest.strip_prefix(':'));
    rest.and_then(|rest| rest.strip_suffix(host)).is_some_and(|password| password.ends_with('@'))
}

/// A document in the one form that all of its meaning have.
fn meaning(value: &Json, lists: Lists) -> Json {
    match value {
        Json::Array(items) => {
            let mut items: Vec<Json> = items.iter().map(|item| meaning(item, lists)).collect();
            if lists == Lists::Sets {
                if items.len() == 1 {
                    return items.remove(0);
                }
                items.sort_by_cached_key(Json::to_string);
                items.dedup();
            }
            Json::Array(items)
        }
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(k, v)| (k.clone(), meaning(v, lists))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(entries.into_iter().collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_compared_by_meaning() {
        let a = r#"{"Statement":[{"Action":["b","a"],"Effect":"Allow"}]}"#;
        let b = r#"{ "Statement": {"Effect": "Allow", "Action": ["a", "b"]} }"#;
        assert!(Alike::Json.same(a, b));
        assert!(!Alike::Json.same(a, r#"{"Statement":[]}"#));
    }

    #[test]
    fn a_document_is_written_like_another_wherever_both_mean_the_same() {
        let live = r#"{"Statement":{"Resource":"*","Effect":"Allow","Action":["c","a"]},"Version":"1"}"#;
        let wanted = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":["a","b"],"Resource":["*"]}]}"#;
        let expected = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":["a","c"],"Resource":["*"]}]}"#;
        assert_eq!(Alike::Json.written_like(live, wanted).unwrap(), expected);
        let single = r#"{"Statement":{"Action":"b","Effect":"Allow"}}"#;
        let expected = r#"{"Statement":{"Action":"a","Effect":"Allow"}}"#;
        let listed = r#"{"Statement":[{"Effect":"Allow","Action":["a"]}]}"#;
        assert_eq!(Alike::Json.written_like(listed, single).unwrap(), expected);
        let statements = |actions: [&str; 2]| {
            let [a, b] = actions.map(|action| format!(r#"{{"Sid":"{action}","Action":"{action}"}}"#));
            format!(r#"{{"Statement":[{a},{b}]}}"#)
        };
        let changed = statements(["x", "y"]).replace(r#""Action":"x""#, r#""Action":"z""#);
        let turned = r#"{"Statement":[{"Action":"y","Sid":"y"},{"Action":"z","Sid":"x"}]}"#;
        assert_eq!(Alike::Json.written_like(turned, &statements(["x", "y"])).unwrap(), changed);
        let dashboard = r#"{"width":6,"metrics":[["b"],["a"]],"old":1}"#;
        let expected = r#"{"metrics":[["b"],["a"]],"width":6,"old":1}"#;
        assert_eq!(Alike::OrderedJson.written_like(dashboard, r#"{"metrics":[["a"]],"width":5}"#).unwrap(), expected);
        assert_eq!(Alike::Json.written_like("text", wanted), None);
        assert_eq!(Alike::Case.written_like(wanted, wanted), None);
    }

    #[test]
    fn the_own_arn_of_an_api_may_be_written_short() {
        let policy =
            |resource: &str| format!(r#"{{ "Statement": [{{ "Effect": "Allow", "Resource": ["{resource}"] }}] }}"#);
        let own = "arn:aws:execute-api:eu-west-1:123456789012:a1/*/GET/orders";
        assert!(Alike::ApiPolicy.same(&policy(own), &policy("execute-api:/*/GET/orders")));
        assert!(Alike::ApiPolicy.same(&policy(own), &policy(own)));
        assert!(!Alike::ApiPolicy.same(&policy(own), &policy("execute-api:/*/PUT/orders")));
        assert!(
            !Alike::ApiPolicy.same(&policy(own), &policy("arn:aws:execute-api:eu-west-1:123456789012:b2/*/GET/orders"))
        );
    }

    #[test]
    fn a_hidden_password_is_no_difference() {
        let open = "https://user:pass@example.com/in";
        assert!(Alike::Masked.same("https://user:****@example.com/in", open));
        assert!(!Alike::Masked.same("https://user:****@example.com/out", open));
        assert!(!Alike::Masked.same("https://other:****@example.com/in", open));
    }

    #[test]
    fn the_lists_of_a_dashboard_have_an_order() {
        let a = r#"{"metrics":[["AWS/RDS","Lag"]],"width":6}"#;
        assert!(Alike::OrderedJson.same(a, r#"{ "width": 6, "metrics": [ ["AWS/RDS", "Lag"] ] }"#));
        assert!(!Alike::OrderedJson.same(a, r#"{"metrics":[["Lag","AWS/RDS"]],"width":6}"#));
        assert!(!Alike::OrderedJson.same("text", "other text"));
    }

    #[test]
    fn a_major_version_stands_for_its_minors_only() {
        assert!(Alike::Version.same("16.6", "16"));
        assert!(!Alike::Version.same("160.6", "16"));
        assert!(!Alike::Version.same("16", "16.6"));
    }

    #[test]
    fn minor_versions_of_one_major_version_are_alike() {
        assert!(Alike::Major.same("16.6", "16.8"));
        assert!(Alike::Major.same("8.0.mysql_aurora.3.08.0", "8.0.mysql_aurora.3.09.0"));
        assert!(!Alike::Major.same("15.6", "16.6"));
        assert!(!Alike::Major.same("8.0.mysql_aurora.3.08.0", "8.4.mysql_aurora.4.01.0"));
    }

    #[test]
    fn quotation_marks_around_a_text_mean_nothing() {
        assert!(Alike::Quotes.same("v=spf1 -all", "\"v=spf1 -all\""));
        assert!(Alike::Quotes.same("a\" \"b", "\"a\" \"b\""));
        assert!(!Alike::Quotes.same("\"a", "a"));
    }

    #[test]
    fn a_part_may_be_named_with_its_whole() {
        assert!(Alike::Part.same("abc", "api/abc"));
        assert!(Alike::Part.same("api/abc", "abc"));
        assert!(!Alike::Part.same("api/abc", "bc"));
        assert!(!Alike::Part.same("one/abc", "two/abc"));
    }

    #[test]
    fn an_arn_stands_for_its_name() {
        assert!(Alike::Arn.same("arn:aws:kms:eu-west-1:1:key/abc", "abc"));
        assert!(!Alike::Arn.same("arn:aws:kms:eu-west-1:1:key/xabc", "abc"));
    }
}
