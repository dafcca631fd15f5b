//! Another name for a stack or its project. Both are part of every URN, and URNs seal secrets, so all
//! rows are written anew.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::state::{Key, Precedes, Row, State};
use crate::engine::urn::Urn;
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::format::Snapshot;
use crate::state::keys::Keys;
use crate::state::project::check_project;
use crate::state::store::{Loaded, Lock, Stored, blocking, silently};

impl Lock {
    /// Gives the stack another name, and gives back its new place. Physical resources keep the names
    /// and tags they have.
    ///
    /// Should the program end halfway, both names are there, and renaming again goes on.
    ///
    /// # Errors
    /// If the name is taken, an operation has begun and not ended, or something cannot be written.
    pub async fn rename(mut self, keys: &Keys, stack: &str) -> Result<Stored> {
        let new = self.stored.neighbour(stack);
        if new.stack() == self.stored.stack() {
            return Ok(new);
        }
        let mut taken = new.lock(self.owner.clone(), Duration::ZERO, silently()).await?;
        let (keys, place) = (keys.clone(), new.clone());
        blocking(move || {
            let Some(loaded) = Loaded::of(self.held.read()?, &keys)? else { return Ok(()) };
            check_finished(&loaded.state)?;
            let state = renamed(loaded.state, place.stack());
            if Loaded::of(taken.held.read()?, &keys)?.is_some_and(|there| there.state != state) {
                return Err(StateError::Exists(place.stack().to_owned()));
            }
            if let (Some(from), Some(to)) = (self.stored.own_keys_dir(), taken.stored.own_keys_dir()) {
                for file in keys.own_files(&from) {
                    let bytes = files::read(&file)?.unwrap_or_default();
                    files::replace(&to.join(file.file_name().unwrap_or_default()), &bytes)?;
                }
            }
            taken.held.save(Snapshot::of(&state, loaded.n, &keys.seal(&state.lineage))?)?;
            self.hand_over(&mut taken)?;
            self.held.remove(None)
        })
        .await?;
        Ok(new)
    }

    /// Gives another place the backups of this one and the records of its runs.
    pub(super) fn hand_over(&self, to: &mut Self) -> Result<()> {
        let shelf = &self.stored.shelf;
        // The oldest first: what is there last is the newest.
        for name in shelf.backups()?.into_iter().rev() {
            to.held.keep_backup(&name, &shelf.backup(&name)?)?;
        }
        let (from, into) = (self.stored.runs_dir(), to.stored.runs_dir());
        if from.exists() && !into.exists() {
            files::make_dir_of(&into)?;
            std::fs::rename(&from, &into).map_err(StateError::io("move", &from))?;
        }
        Ok(())
    }
}

impl Lock {
    /// Gives the stack to another project.
    ///
    /// # Errors
    /// As [`in_project`], or if a file cannot be read or written.
    pub async fn rename_project(self, keys: &Keys, project: &str) -> Result<Self> {
        let Some(state) = self.stored.load(keys).await? else { return Ok(self) };
        if check_project(&state, project).is_ok() {
            return Ok(self);
        }
        let mut state = in_project(state, project)?;
        state.serial += 1;
        self.put(keys, &state).await
    }
}

fn check_finished(state: &State) -> Result<()> {
    match state.rows.values().find(|row| row.pending.is_some()) {
        Some(row) => Err(StateError::Unfinished(row.key.urn.clone())),
        None => Ok(()),
    }
}

/// The state as that of another stack on another target. Physical resources keep the names and tags they have.
///
/// # Errors
/// If an operation has begun and not ended.
pub fn as_of(state: State, stack: &str, target: &str) -> Result<State> {
    if (state.stack.as_str(), state.target.as_str()) == (stack, target) {
        return Ok(state);
    }
    check_finished(&state)?;
    Ok(State { target: target.to_owned(), ..renamed(state, stack) })
}

fn renamed(mut state: State, stack: &str) -> State {
    let old = std::mem::replace(&mut state.stack, stack.to_owned());
    let prefix = format!("urn:pulumi:{old}::");
    with_urns(state, |urn| {
        let rest = urn.as_str().strip_prefix(&prefix);
        rest.and_then(|rest| Urn::parse(&format!("urn:pulumi:{stack}::{rest}"))).unwrap_or(urn)
    })
}

/// The state as that of another project. Physical resources keep the names and tags they have.
///
/// # Errors
/// If an operation has begun and not ended, or a resource would get the URN of another one.
pub fn in_project(mut state: State, project: &str) -> Result<State> {
    check_finished(&state)?;
    let rename = |urn: Urn| {
        let parts: Vec<&str> = urn.as_str().splitn(3, "::").collect();
        let [stack, _, rest] = parts.as_slice() else { return urn };
        Urn::parse(&format!("{stack}::{project}::{rest}")).unwrap_or(urn)
    };
    let mut taken = HashSet::new();
    for key in state.rows.keys() {
        let key = Key { urn: rename(key.urn.clone()), generation: key.generation };
        if let Some(key) = taken.replace(key) {
            return Err(StateError::Taken(key.urn));
        }
    }
    project.clone_into(&mut state.project);
    Ok(with_urns(state, rename))
}

/// The state with other URNs, wherever they stand.
pub fn with_urns(mut state: State, rename: impl Fn(Urn) -> Urn) -> State {
    let rename = &rename;
    let all = |urns: Vec<Urn>| urns.into_iter().map(rename).collect();
    let row = |row: Row| Row {
        key: Key { urn: rename(row.key.urn), generation: row.key.generation },
        parent: row.parent.map(rename),
        needs: all(row.needs),
        precedes: row.precedes.into_iter().map(|known| Precedes { urn: rename(known.urn), ..known }).collect(),
        refers: row.refers.into_iter().map(|(input, urns)| (input, all(urns))).collect(),
        deleted_with: row.deleted_with.map(rename),
        replace_with: all(row.replace_with),
        ..row
    };
    let rows = state.rows.into_values().map(Arc::unwrap_or_clone).map(row);
    state.rows = rows.map(|row| (row.key.clone(), Arc::new(row))).collect();
    state
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::engine::journal::{Entry, Journal};
    use crate::engine::state::Begun;
    use crate::engine::urn::{Id, Place};
    use crate::engine::value::Value;
    use crate::state::keys::Source;
    use crate::state::lint::lint;
    use crate::state::lock::Owner;
    use crate::state::{States, replay};

    fn row(name: &str, needs: &[&str]) -> Row {
        let urn = |name: &str| Urn::new("old", "dr", "t:i:T", name);
        let key = Key { urn: urn(name), generation: 0 };
        let needs: Vec<Urn> = needs.iter().map(|n| urn(n)).collect();
        Row {
            id: Some(Id("x".into())),
            inputs: Value::from("hunter2").secret(),
            refers: [("in".to_owned(), needs.clone())].into(),
            precedes: needs
                .iter()
                .map(|urn| Precedes { urn: urn.clone(), usually: Timestamp::UNIX_EPOCH, until: Timestamp::UNIX_EPOCH })
                .collect(),
            needs,
            ..Row::new(key, "t:i:T", Place::global())
        }
    }

    async fn deployed(dir: &std::path::Path, keys: &Keys, entries: Vec<Entry>) -> State {
        let local = States::local(dir.to_owned(), "twin").of("old");
        let lock = local.lock(Owner::here("run", "up"), Duration::ZERO, silently()).await.unwrap();
        let (state, session) = lock.session(keys.clone(), State::new("l", "old", "dr", "twin")).await.unwrap();
        session.append(entries.clone()).await.unwrap();
        replay(state, entries).unwrap()
    }

    async fn rename(dir: &std::path::Path, keys: &Keys) -> Result<Stored> {
        let local = States::local(dir.to_owned(), "twin").of("old");
        let lock = local.lock(Owner::here("run", "stack rename"), Duration::ZERO, silently()).await.unwrap();
        lock.rename(keys, "new").await
    }

    #[tokio::test]
    async fn a_renamed_stack_has_all_its_rows_and_secrets_under_the_new_name() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(dir.path(), Source::key_file()).await.unwrap().0;
        let rows = [row("a", &[]), row("b", &["a"])].map(|row| Entry::Put { row: Arc::new(row) });
        deployed(dir.path(), &keys, rows.into()).await;
        let new = rename(dir.path(), &keys).await.unwrap();
        let state = new.load(&keys).await.unwrap().unwrap();
        assert_eq!((state.stack.as_str(), lint(&state)), ("new", vec![]));
        assert_eq!(state.rows[1].key.urn, Urn::new("new", "dr", "t:i:T", "b"));
        assert_eq!(state.rows[1].refers["in"], [Urn::new("new", "dr", "t:i:T", "a")]);
        assert_eq!(state.rows[1].precedes[0].urn, Urn::new("new", "dr", "t:i:T", "a"));
        assert_eq!(state.rows[1].inputs, Value::from("hunter2").secret());
        assert!(!States::local(dir.path().to_owned(), "twin").of("old").exists().await.unwrap());
    }

    #[tokio::test]
    async fn a_name_that_is_taken_or_an_operation_under_way_stops_a_rename() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(dir.path(), Source::key_file()).await.unwrap().0;
        let put = Entry::Put { row: Arc::new(row("a", &[])) };
        let begin = Entry::Begin { row: Arc::new(row("a", &[])), op: Begun::Update, attempt: "1".into() };
        let before = deployed(dir.path(), &keys, vec![put, begin]).await;
        assert!(matches!(rename(dir.path(), &keys).await, Err(StateError::Unfinished(_))));
        deployed(dir.path(), &keys, vec![Entry::Done { row: Arc::new(row("a", &[])) }]).await;
        let taken = States::local(dir.path().to_owned(), "twin").of("new");
        let lock = taken.lock(Owner::here("run", "up"), Duration::ZERO, silently()).await.unwrap();
        lock.import(&keys, &State::new("other", "new", "dr", "twin")).await.unwrap();
        assert!(matches!(rename(dir.path(), &keys).await, Err(StateError::Exists(_))));
        let kept = States::local(dir.path().to_owned(), "twin").of("old").load(&keys).await.unwrap().unwrap();
        assert_eq!(kept.rows.len(), before.rows.len());
    }
}
