//! When two values of an input mean the same although they are written differently.

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
                Self::Json => match (serde_json::from_str(live), serde_json::from_str(wanted)) {
                    (Ok(a), Ok(b)) => meaning(a) == meaning(b),
                    _ => false,
                },
                Self::OrderedJson => {
                    let read = |text| serde_json::from_str::<serde_json::Value>(text).ok();
                    read(live).is_some_and(|live| read(wanted) == Some(live))
                }
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

/// Whether two policies mean the same if the one API that they name is their own.
fn same_api_policy(live: &str, wanted: &str) -> bool {
    let mut apis: Vec<&str> = apis(live).chain(apis(wanted)).collect();
    apis.sort_unstable();
    apis.dedup();
    match apis[..] {
        [own] => {
            let short = |policy: &str| policy.replace(&format!("{own}/"), "execute-api:/");
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

/// Lists in policies are sets, and a set of one may be written as its item.
fn meaning(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Json::Array(items) => {
            let mut items: Vec<Json> = items.into_iter().map(meaning).collect();
            if items.len() == 1 {
                return items.remove(0);
            }
            items.sort_by_cached_key(Json::to_string);
            items.dedup();
            Json::Array(items)
        }
        Json::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(k, v)| (k, meaning(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(entries.into_iter().collect())
        }
        other => other,
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
