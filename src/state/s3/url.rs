//! `s3://bucket/prefix?region=eu-west-1&profile=ops`.

use std::fmt;

use crate::state::error::{Result, StateError};

/// Where in S3 states are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub bucket: String,
    /// Without slashes at its ends; may be empty.
    pub prefix: String,
    /// Region of the bucket. S3 is asked for it if it is not given.
    pub region: Option<String>,
    /// Profile of the AWS configuration files to use for the bucket.
    pub profile: Option<String>,
}

impl Location {
    /// Reads a URL. Parameters that other tools understand are left alone.
    ///
    /// # Errors
    /// If it is no `s3://bucket/prefix`.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = |why: &str| StateError::NoPlace { given: url.to_owned(), why: why.to_owned() };
        let rest = url.strip_prefix("s3://").ok_or_else(|| wrong("it does not begin with `s3://`"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(is_name) {
            return Err(wrong("a bucket has a name of 3 to 63 small letters, digits, `.` and `-`"));
        }
        let parameter = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value.to_owned()).next()
        };
        Ok(Self {
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            region: parameter("region"),
            profile: parameter("profile"),
        })
    }

    /// Whether both name the same objects.
    pub fn is_same_place(&self, other: &Self) -> bool {
        (&self.bucket, &self.prefix) == (&other.bucket, &other.prefix)
    }

    /// What [`Location::parse`] reads as this one.
    pub fn url(&self) -> String {
        let parameter = |name, value: &Option<String>| value.as_ref().map(|value| format!("{name}={value}"));
        let parameters = [parameter("region", &self.region), parameter("profile", &self.profile)];
        let query: Vec<String> = parameters.into_iter().flatten().collect();
        if query.is_empty() { self.to_string() } else { format!("{self}?{}", query.join("&")) }
    }

    /// The key of something in it.
    pub(super) fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_bucket_a_prefix_and_perhaps_a_region() {
        let location = Location::parse("s3://my-states/team/a/?region=eu-west-1&awssdk=v2&profile=ops").unwrap();
        assert_eq!((location.bucket.as_str(), location.prefix.as_str()), ("my-states", "team/a"));
        assert_eq!((location.region.as_deref(), location.profile.as_deref()), (Some("eu-west-1"), Some("ops")));
        assert_eq!(location.to_string(), "s3://my-states/team/a");
        assert_eq!(location.key("keys.json"), "team/a/keys.json");
        let bare = Location::parse("s3://my-states").unwrap();
        assert_eq!((bare.to_string().as_str(), bare.key("keys.json").as_str()), ("s3://my-states", "keys.json"));
    }

    #[test]
    fn a_place_is_written_as_the_url_that_names_it() {
        for url in [
            "s3://states",
            "s3://states/team",
            "s3://states/team?region=eu-west-1&profile=ops",
            "s3://states?profile=o",
        ] {
            assert_eq!(Location::parse(url).unwrap().url(), url);
        }
    }

    #[test]
    fn what_is_no_place_is_refused_with_the_reason() {
        for (url, why) in [
            ("gs://states", "`gs://states` is no place for a state: it does not begin with `s3://`"),
            (
                "s3://My/x",
                "`s3://My/x` is no place for a state: a bucket has a name of 3 to 63 small letters, digits, `.` and `-`",
            ),
        ] {
            assert_eq!(Location::parse(url).unwrap_err().to_string(), why);
        }
    }
}
