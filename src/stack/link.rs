//! A program with links in the place of what its resources give, so that rules see who names whom.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::engine::handle::Handle;
use crate::engine::schema::{Shape, TypeSchema};
use crate::engine::urn::Urn;
use crate::engine::value::Value;
use crate::stack::sight::Sight;

/// Stands in a text for a property of another resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link<'t> {
    /// Which declaration.
    pub(crate) resource: usize,
    pub(crate) property: &'t str,
    /// The text is nothing but the link.
    pub(crate) whole: bool,
}

/// Characters for private use, which no program holds.
const BEGIN: char = '\u{E000}';
const END: char = '\u{E001}';

impl<'t> Link<'t> {
    fn text(resource: usize, property: &str) -> Value {
        Value::String(format!("{BEGIN}{resource}:{property}{END}"))
    }

    /// A text with a `*` in the place of each link.
    pub(crate) fn hidden(text: &str) -> String {
        let mut parts = text.split(BEGIN);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |shown, part| shown + "*" + part.split_once(END).map_or("", |(_, rest)| rest))
    }

    /// The links of a text, in its order.
    pub(crate) fn all(text: &'t str) -> impl Iterator<Item = Self> {
        text.split(BEGIN).skip(1).filter_map(move |part| {
            let (inner, rest) = part.split_once(END)?;
            let (resource, property) = inner.split_once(':')?;
            let whole = rest.is_empty() && text.starts_with(BEGIN) && text.matches(BEGIN).count() == 1;
            Some(Self { resource: resource.parse().ok()?, property, whole })
        })
    }
}

/// Shows a link for every text of every resource. What is no text is unknown.
pub(crate) struct Links<'a>(HashMap<&'a Urn, (usize, &'a TypeSchema)>);

impl<'a> Links<'a> {
    /// To resources, in the order of their declarations.
    pub(crate) fn to(resources: impl Iterator<Item = (&'a Urn, &'a TypeSchema)>) -> Self {
        Self(resources.enumerate().map(|(i, (urn, schema))| (urn, (i, schema))).collect())
    }
}

fn holds_link(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(BEGIN),
        Value::Secret(inner) => holds_link(inner),
        Value::List(items) => items.iter().any(holds_link),
        Value::Map(map) => map.iter().any(|(key, value)| key.contains(BEGIN) || holds_link(value)),
        Value::Resource(handle) => holds_link(&handle.id),
        _ => false,
    }
}

impl Sight for Links<'_> {
    fn is_stand_in(&self, value: &Value) -> bool {
        holds_link(value)
    }

    fn whole(&self, urn: &Urn) -> Handle {
        let id = self.0.get(urn).map_or(Value::Unknown, |(i, _)| Link::text(*i, "id"));
        Handle::unseen(urn, id)
    }

    fn property(&self, urn: &Urn, name: &str) -> Cow<'_, Value> {
        let Some((i, schema)) = self.0.get(urn) else { return Cow::Owned(Value::Unknown) };
        let found = schema.outputs.get(name).or_else(|| schema.inputs.get(name));
        Cow::Owned(match found {
            Some(property) if !matches!(property.shape, Shape::Text) => Value::Unknown,
            None if name != "id" => Value::Null,
            _ => Link::text(*i, name),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_tells_the_links_that_it_holds() {
        let text = |v: Value| v.as_str().map(str::to_owned).unwrap();
        let (one, two) = (text(Link::text(3, "arn")), text(Link::text(12, "name")));
        let all =
            |text: &str| Link::all(text).map(|l| (l.resource, l.property.to_owned(), l.whole)).collect::<Vec<_>>();
        assert_eq!(all(&one), [(3, "arn".to_owned(), true)]);
        assert_eq!(all(&format!("{one}/*")), [(3, "arn".to_owned(), false)]);
        assert_eq!(all(&format!("{one}{two}")), [(3, "arn".to_owned(), false), (12, "name".to_owned(), false)]);
        assert!(all("plain").is_empty());
        assert_eq!(Link::hidden(&format!("/a/{one}/b{two}")), "/a/*/b*");
    }
}
