//! What is there already, by whomever it was made, under the names of what is to be made.
//!
//! Many clouds put in place of creating, or answer as if they had created: what belongs to somebody else
//! would be changed without a word, and deleted one day.

use crate::engine::converge::Journey;
use crate::engine::error::{Error, Kind, Result};
use crate::engine::resource::Existing;
use crate::engine::state::Row;
use crate::engine::urn::{Id, short_type};

impl Journey<'_> {
    /// Looks for what the create of `row` would take over, and refuses. What another row of the same stack
    /// stands for may be taken over: names go from one resource to another.
    ///
    /// # Errors
    /// `Exists` if it is there, or those of the look.
    pub async fn leave_alone(&self, row: &Row) -> Result<()> {
        let (Existing::LookedFor(parts_of) | Existing::PutInPlace(parts_of)) = self.schema.facts.existing else {
            return Ok(());
        };
        if self.is_part_of_something_new(parts_of, row) {
            return Ok(());
        }
        match self.namesake().await.map_err(explained)? {
            Some(id) if !self.crew.ledger.is_ours(&self.at.kind, &id) => {
                let text = format!("{} `{id}` exists already, and is not of this stack", self.schema.short_name());
                Err(Error::new(Kind::Exists, text).hint(self.ways_out(Some(&id))))
            }
            _ => Ok(()),
        }
    }

    /// Says what to do about a thing that exists already, where the error does not.
    pub fn with_ways_out(&self, error: Error) -> Error {
        if error.kind != Kind::Exists || error.hint.is_some() {
            return error;
        }
        let there = self.crew.identity().at(&self.at.kind.place);
        error.hint(self.ways_out(self.schema.foreseen_id(self.wanted, &there).as_ref()))
    }

    fn ways_out(&self, id: Option<&Id>) -> String {
        let (kind, name) = (&self.at.kind, self.at.urn.name());
        let what = if id.is_none() { format!(", where ID is the {}", self.schema.facts.import) } else { String::new() };
        let id = id.map_or("ID", |id| &id.0);
        let region = if kind.place.is_global() { String::new() } else { format!(" --region {}", kind.place) };
        let import = format!("drctl import {} {} {}{region}", short_type(&kind.ty), word(name), word(id));
        let other = match self.schema.naming_inputs().first() {
            Some(input) => format!("; otherwise give another `{input}`"),
            None => String::new(),
        };
        if self.replaces_another() {
            return format!("`drctl state rm {}`, and then `{import}`, takes it over{what}{other}", word(name));
        }
        format!("`{import}` takes it over, as the option `import: {id}` does{what}{other}")
    }

    /// Whether something else stands for the resource until it is there.
    fn replaces_another(&self) -> bool {
        let others = |row: &Row| row.key.urn == self.at.urn && row.key != *self.key && row.id.is_some();
        self.crew.ledger.state().rows.values().any(|row| others(row))
    }

    /// Whether it is a part of what was made in this run.
    fn is_part_of_something_new(&self, parts_of: &[&str], row: &Row) -> bool {
        let mut wholes = parts_of.iter().filter_map(|input| row.refers.get(*input)).flatten();
        wholes.any(|urn| self.crew.ledger.is_new(urn))
    }

    /// None if the endpoint cannot look: it has not got it either.
    async fn namesake(&self) -> Result<Option<Id>> {
        let deadline = self.crew.clock.after(self.limits.create);
        let mut tries = 0;
        loop {
            let look = self.crew.cloud.namesake(self.at, self.wanted);
            match self.crew.call(&self.at.urn, &self.at.kind, look).await {
                Ok(found) => return Ok(found),
                Err(error) if error.kind == Kind::Unsupported && self.crew.skip_unsupported => return Ok(None),
                Err(error) => self.crew.pause(self.at, error, &mut tries, deadline).await?,
            }
        }
    }
}

/// Says why there was a look where none is allowed.
fn explained(error: Error) -> Error {
    match error.kind {
        Kind::Denied if error.hint.is_none() => error.hint(
            "before it is made drctl looks whether it is there: let the credentials look, or choose another name if \
             this one is taken in another account",
        ),
        _ => error,
    }
}

/// A word of a command line, in quotes where a shell would take it for more.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_./:@%+=,-".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn a_name_that_a_shell_would_take_apart_is_quoted() {
        assert_eq!(word("arn:aws:sns:eu-west-1:1:a/b"), "arn:aws:sns:eu-west-1:1:a/b");
        assert_eq!(word(r#"subnet["a"]"#), r#"'subnet["a"]'"#);
        assert_eq!(word("it's"), r"'it'\''s'");
    }
}
