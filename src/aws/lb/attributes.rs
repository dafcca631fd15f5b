//! Attributes: settings that have names and values of text, as load balancers, target groups and
//! listeners all have them.

use std::collections::BTreeMap;
use std::str::FromStr;

/// Attributes by key.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Attributes(BTreeMap<String, String>);

impl FromIterator<(Option<String>, Option<String>)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (Option<String>, Option<String>)>>(pairs: I) -> Self {
        Self(pairs.into_iter().filter_map(|(key, value)| Some((key?, value.unwrap_or_default()))).collect())
    }
}

impl Attributes {
    /// The value of an attribute that is there and not empty.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.0.get(key).filter(|value| !value.is_empty()).cloned()
    }

    /// The same, read as a number or a switch.
    pub(super) fn get<T: FromStr>(&self, key: &str) -> Option<T> {
        self.0.get(key)?.parse().ok()
    }

    /// Whether a switch is on. Kinds that lack it have it off.
    pub(super) fn is_on(&self, key: &str) -> bool {
        self.get(key).unwrap_or_default()
    }

    pub(super) fn set(&mut self, key: &str, value: impl ToString) {
        self.0.insert(key.to_owned(), value.to_string());
    }

    /// Sets what is given.
    pub(super) fn put(&mut self, key: &str, value: Option<&impl ToString>) {
        if let Some(value) = value {
            self.set(key, value.to_string());
        }
    }

    /// Those that `live` lacks or has with another value.
    pub(super) fn beyond<'a>(&'a self, live: &'a Self) -> impl Iterator<Item = (&'a String, &'a String)> {
        self.0.iter().filter(|(key, value)| live.0.get(*key) != Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_sent() {
        let (mut wanted, mut live) = (Attributes::default(), Attributes::default());
        wanted.set("idle_timeout.timeout_seconds", 90);
        wanted.set("routing.http2.enabled", true);
        wanted.put("client_keep_alive.seconds", None::<&i32>);
        live.set("idle_timeout.timeout_seconds", 60);
        live.set("routing.http2.enabled", true);
        let sent: Vec<_> = wanted.beyond(&live).map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(sent, [("idle_timeout.timeout_seconds", "90")]);
    }
}
