//! What is written down while a run goes on, in which order, and what it means for the state.
//!
//! Intent is durable before a call (`Begin`), an id before the first wait (`Made`), the result
//! before it counts (`Done`, `Gone`). The same [`apply`] builds the state during a run and when a
//! journal is replayed, so replay and run cannot disagree.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::engine::error::{Error, Result};
use crate::engine::fence::Lifeline;
use crate::engine::state::{Begun, Key, Pending, Roles, Row, State};
use crate::engine::urn::Id;
use crate::engine::value::Map;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A run starts, as this identity.
    Run { account: String, partition: String, environment: BTreeMap<String, String> },
    /// A changing operation is about to call. For a create, the row as it will be.
    Begin { row: Arc<Row>, op: Begun, attempt: String },
    /// A create returned, or a lost one was found.
    Made { key: Key, id: Id },
    /// The operation is complete and the row is so.
    Done { row: Arc<Row> },
    /// The resource does not exist any more, or is not ours to remember.
    Gone { key: Key },
    /// The operation ended with an error. If `settled`, the call is known to have had no effect.
    Failed { key: Key, error: String, settled: bool },
    /// The row is so, without a call: reads, state commands, the half of a replacement set aside.
    Put { row: Arc<Row> },
    /// The outputs of the stack.
    Outputs { outputs: Map },
    /// Who writes now.
    Roles { roles: Roles },
}

impl Entry {
    /// A resource does not exist any more, and its row keeps at most what it leaves.
    pub fn gone(key: Key, left: Option<Row>) -> Self {
        match left {
            Some(row) => Self::Put { row: Arc::new(row) },
            None => Self::Gone { key },
        }
    }
}

/// Where entries become durable.
pub trait Journal: Send + Sync {
    /// Returns once the entries are durable, in this order, after all that were appended before.
    fn append(&self, entries: Vec<Entry>) -> BoxFuture<'_, Result<()>>;

    /// Whether entries wait that could not be made durable.
    fn is_behind(&self) -> bool {
        false
    }

    /// Of a lock that others take over when it is silent.
    fn lifeline(&self) -> Option<Lifeline> {
        None
    }
}

/// Applies an entry to the state.
///
/// # Errors
/// If the entry may not follow what was there: a journal is corrupt, or drctl is.
pub fn apply(state: &mut State, entry: Entry) -> Result<()> {
    match entry {
        Entry::Run { account, partition, environment } => {
            state.serial += 1;
            state.account = Some(account);
            state.partition = Some(partition);
            state.environment = environment;
        }
        Entry::Begin { row, op, attempt } => {
            let pending = Pending { op, attempt, inputs: row.inputs.clone() };
            match (op, state.rows.get_mut(&row.key)) {
                (Begun::Create, None) => {
                    state.rows.insert(row.key.clone(), with(row, Some(pending)));
                }
                // A create that was begun before and found to have had no effect.
                (Begun::Create, Some(old)) if old.id.is_none() => *old = with(row, Some(pending)),
                (Begun::Update | Begun::Delete, Some(old)) if old.id.is_some() => {
                    Arc::make_mut(old).pending = Some(pending);
                }
                _ => return Err(illegal(&row.key, "begin")),
            }
        }
        Entry::Made { key, id } => match state.rows.get_mut(&key) {
            Some(row) if row.pending.is_some() && row.id.is_none() => Arc::make_mut(row).id = Some(id),
            _ => return Err(illegal(&key, "made")),
        },
        Entry::Done { row } => match state.rows.get_mut(&row.key) {
            Some(old) if old.pending.is_some() && row.id.is_some() => *old = with(row, None),
            _ => return Err(illegal(&row.key, "done")),
        },
        Entry::Gone { key } => {
            // Constant time; the order is made again when the state is saved.
            state.rows.swap_remove(&key).ok_or_else(|| illegal(&key, "gone"))?;
        }
        Entry::Failed { key, error, settled } => {
            let Some(row) = state.rows.get_mut(&key) else { return Err(illegal(&key, "failed")) };
            if settled && row.id.is_none() {
                state.rows.swap_remove(&key);
            } else {
                Arc::make_mut(row).failure = Some(error);
            }
        }
        Entry::Put { row } => {
            state.rows.insert(row.key.clone(), row);
        }
        Entry::Outputs { outputs } => state.outputs = outputs,
        Entry::Roles { roles } => state.dr = roles,
    }
    Ok(())
}

fn with(row: Arc<Row>, pending: Option<Pending>) -> Arc<Row> {
    if row.pending == pending { row } else { Arc::new(Row { pending, ..Arc::unwrap_or_clone(row) }) }
}

fn illegal(key: &Key, what: &str) -> Error {
    Error::bug(format!("`{what}` may not follow here for {}", key.urn))
        .hint("the journal is damaged: restore a backup with `drctl stack import`, then run `drctl refresh`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::urn::{Place, Urn};
    use crate::engine::value::Value;

    fn row() -> Row {
        let key = Key { urn: Urn::new("s", "p", "t:i:T", "a"), generation: 0 };
        Row::new(key, "t:i:T", Place("eu-west-1".into()))
    }
    fn begun(op: Begun) -> Entry {
        Entry::Begin { row: Arc::new(row()), op, attempt: "1".into() }
    }

    #[test]
    fn an_end_without_a_begin_is_an_error() {
        let mut state = State::new("l", "s", "p", "twin");
        let done = Row { id: Some(Id("x".into())), ..row() };
        assert!(apply(&mut state, Entry::Done { row: Arc::new(done) }).is_err());
        assert!(apply(&mut state, begun(Begun::Update)).is_err());
    }

    #[test]
    fn a_create_that_surely_failed_leaves_no_row_and_a_doubtful_one_stays_pending() {
        let mut state = State::new("l", "s", "p", "twin");
        let failed = |settled| Entry::Failed { key: row().key, error: "no".into(), settled };
        apply(&mut state, begun(Begun::Create)).unwrap();
        apply(&mut state, failed(false)).unwrap();
        assert!(state.rows[0].pending.is_some());
        apply(&mut state, begun(Begun::Create)).unwrap();
        apply(&mut state, failed(true)).unwrap();
        assert!(state.rows.is_empty());
    }

    #[test]
    fn an_update_keeps_the_old_inputs_until_it_is_done() {
        let mut state = State::new("l", "s", "p", "twin");
        apply(&mut state, begun(Begun::Create)).unwrap();
        apply(&mut state, Entry::Made { key: row().key, id: Id("x".into()) }).unwrap();
        let done = Row { id: Some(Id("x".into())), inputs: Value::from("old"), ..row() };
        apply(&mut state, Entry::Done { row: Arc::new(done) }).unwrap();
        let wanted = Row { inputs: Value::from("new"), ..row() };
        let begin = Entry::Begin { row: Arc::new(wanted), op: Begun::Update, attempt: "2".into() };
        apply(&mut state, begin).unwrap();
        assert_eq!(state.rows[0].inputs, Value::from("old"));
        assert_eq!(state.rows[0].pending.as_ref().unwrap().inputs, Value::from("new"));
    }
}
