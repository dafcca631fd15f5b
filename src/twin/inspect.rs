//! What is in the twin, for `drctl local inspect` and for checks that nothing is left.

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::error::Result;
use crate::engine::provider::KindAt;
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::Value;
use crate::twin::Twin;
use crate::twin::cloud::Cloud;
use crate::twin::row::{Phase, Row};

/// One resource of the twin, as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub place: Place,
    #[serde(rename = "type")]
    pub token: &'static str,
    pub id: Id,
    /// The cloud's word: `available`, `creating`, `PendingDeletion`.
    pub state: String,
    /// When that state ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The resource of a program that it was made for.
    pub urn: Urn,
    pub created: Timestamp,
}

impl Entry {
    fn of(row: &Row) -> Self {
        Self {
            place: row.place.clone(),
            token: row.token,
            id: row.id.clone(),
            state: row.phase.word().to_owned(),
            until: row.phase.until(),
            urn: row.urn.clone(),
            created: row.created,
        }
    }
}

impl Twin {
    /// Every resource, by place, type and id. What AWS keeps after a deletion is among them.
    pub fn inspect(&self) -> Vec<Entry> {
        let (cloud, _) = self.settled();
        entries(&cloud, |_| true)
    }

    /// What is left after a `destroy`, without what AWS keeps by rule.
    pub fn leftovers(&self) -> Vec<Entry> {
        let (cloud, _) = self.settled();
        entries(&cloud, |row| !matches!(row.phase, Phase::Kept { .. }))
    }

    /// Puts things into a resource that no type stands for, such as objects into a bucket or recovery
    /// points into a vault.
    ///
    /// # Errors
    /// If there is no such resource.
    pub fn fill(&self, kind: &KindAt, id: &Id, contents: u64) -> Result<()> {
        self.act(|cloud, _| {
            let serial = cloud.serial(kind, id)?;
            cloud.world.fill(serial, contents);
            Ok(())
        })
    }

    /// Changes an input behind everyone's back, as a person does in the console.
    ///
    /// # Errors
    /// If there is no such resource.
    pub fn drift(&self, kind: &KindAt, id: &Id, input: &str, value: Value) -> Result<()> {
        self.act(|cloud, _| {
            let serial = cloud.serial(kind, id)?;
            let references = &cloud.references;
            cloud.world.change(
                serial,
                |row| references.names(row),
                |row| {
                    row.inputs.insert(input.to_owned(), value);
                },
            );
            Ok(())
        })
    }

    /// Removes a resource behind everyone's back, whatever still refers to it.
    ///
    /// # Errors
    /// If there is no such resource.
    pub fn vanish(&self, kind: &KindAt, id: &Id) -> Result<()> {
        self.act(|cloud, _| {
            let serial = cloud.serial(kind, id)?;
            cloud.remove(serial);
            Ok(())
        })
    }
}

fn entries(cloud: &Cloud, wanted: impl Fn(&Row) -> bool) -> Vec<Entry> {
    let mut all: Vec<Entry> =
        cloud.world.rows().filter(|(_, row)| wanted(row)).map(|(_, row)| Entry::of(row)).collect();
    all.sort_by(|a, b| (&a.place, a.token, &a.id).cmp(&(&b.place, b.token, &b.id)));
    all
}
