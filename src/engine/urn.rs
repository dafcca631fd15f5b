//! Names of resources inside drctl, and the places they live in.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The identity of a resource in a program: `urn:pulumi:<stack>::<project>::<type>::<name>`.
///
/// The form is Pulumi's, so that aliases and exported states keep their meaning. A name given to
/// the cloud is never an identity. Copies share their text: every dependency holds one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct Urn(Arc<str>);

impl From<Urn> for String {
    fn from(urn: Urn) -> Self {
        urn.0.as_ref().to_owned()
    }
}
impl From<String> for Urn {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl Urn {
    /// `ty` is a canonical token; a child carries its parents' as `parent$child`.
    pub fn new(stack: &str, project: &str, ty: &str, name: &str) -> Self {
        Self(format!("urn:pulumi:{stack}::{project}::{ty}::{name}").into())
    }

    /// Takes text for a URN if it has the four parts of one.
    pub fn parse(text: &str) -> Option<Self> {
        let urn = Self(text.into());
        (text.starts_with("urn:pulumi:") && text.splitn(4, "::").count() == 4).then_some(urn)
    }

    fn part(&self, n: usize) -> &str {
        self.0.splitn(4, "::").nth(n).unwrap_or_default()
    }

    pub fn stack(&self) -> &str {
        self.part(0).trim_start_matches("urn:pulumi:")
    }

    pub fn project(&self) -> &str {
        self.part(1)
    }

    /// The token of the type after those of its parents: `parent$child`.
    pub fn types(&self) -> &str {
        self.part(2)
    }

    /// The token of the type, without those of its parents.
    pub fn ty(&self) -> &str {
        let chain = self.types();
        chain.rsplit('$').next().unwrap_or(chain)
    }

    /// The logical name: `vpc`, `subnet["a"]`, `primary/vpc`.
    pub fn name(&self) -> &str {
        self.part(3)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a program can give a resource the logical name: it is not empty and holds no `::`, which parts a
/// URN. The key of an instance may hold one: `subnet["fd00::/64"]`.
pub fn is_logical_name(name: &str) -> bool {
    let (head, rest) = name.split_once("[\"").unwrap_or((name, ""));
    let tail = rest.rsplit_once("\"]").map_or(rest, |(_, tail)| tail);
    !head.is_empty() && !head.contains("::") && !tail.contains("::")
}

/// The component that a name begins with, and the rest.
pub fn split_name(name: &str) -> (&str, &str) {
    let mut depth = 0usize;
    let mut cut = None;
    for (i, c) in name.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => cut = Some(i),
            _ => {}
        }
    }
    cut.map_or(("", name), |i| (&name[..i], &name[i + 1..]))
}

impl fmt::Display for Urn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Urn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `aws:ec2:Vpc` of `aws:ec2/vpc:Vpc`.
pub fn short_type(token: &str) -> String {
    match token.split(':').collect::<Vec<_>>().as_slice() {
        [package, module, name] => match module.split('/').next().unwrap_or(module) {
            "" | "index" => format!("{package}:{name}"),
            module => format!("{package}:{module}:{name}"),
        },
        _ => token.to_owned(),
    }
}

/// `ec2:Vpc` of `aws:ec2/vpc:Vpc`. The package is left out where it is `aws`.
pub fn type_name(token: &str) -> String {
    let short = short_type(token);
    match short.strip_prefix("aws:") {
        Some(name) => name.to_owned(),
        None => short,
    }
}

/// Where a resource lives: a region, or [`Place::GLOBAL`] for services that have none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Place(pub String);

impl Place {
    /// The place of types such as IAM roles and Route 53 zones.
    pub const GLOBAL: &'static str = "global";

    pub fn global() -> Self {
        Self(Self::GLOBAL.to_owned())
    }

    pub fn is_global(&self) -> bool {
        self.0 == Self::GLOBAL
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name that the cloud gives to one physical resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(pub String);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logical_name_is_not_empty_and_parts_no_urn() {
        for name in ["vpc", "a:b", "primary/vpc", "subnet[\"a\"]", "subnet[\"fd00::/64\"]", "c[\"::\"]/vpc"] {
            assert!(is_logical_name(name), "{name}");
        }
        for name in ["", "a::b", "::", "[\"a\"]", "a::b[\"c\"]", "c[\"d\"]/a::b", "a[\"b::c"] {
            assert!(!is_logical_name(name), "{name}");
        }
    }

    #[test]
    fn a_urn_gives_its_parts_back_whatever_the_name_holds() {
        let urn = Urn::new("prod", "dr", "my:c:C$aws:ec2/vpc:Vpc", "primary/subnet[\"a::b\"]");
        assert_eq!(
            (urn.stack(), urn.project(), urn.ty(), urn.name()),
            ("prod", "dr", "aws:ec2/vpc:Vpc", "primary/subnet[\"a::b\"]")
        );
    }

    #[test]
    fn a_slash_in_a_key_does_not_make_a_component() {
        assert_eq!(split_name("net[\"a/b\"]"), ("", "net[\"a/b\"]"));
        assert_eq!(split_name("dr/net[\"a/b\"]/vpc"), ("dr/net[\"a/b\"]", "vpc"));
    }

    #[test]
    fn a_type_name_keeps_what_tells_it_apart() {
        assert_eq!(type_name("aws:ec2/vpc:Vpc"), "ec2:Vpc");
        assert_eq!(type_name("random:index/randomPassword:RandomPassword"), "random:RandomPassword");
        assert_eq!(type_name("odd"), "odd");
    }
}
