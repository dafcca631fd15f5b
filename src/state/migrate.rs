//! Another place for a state: files, or a bucket.

use std::time::Duration;

use crate::engine::state::State;
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::format::Snapshot;
use crate::state::keys::{Keys, Source};
use crate::state::store::{Loaded, Lock, Stored, blocking, silently};

impl Lock {
    /// Moves the state to another place, with its lineage, its serial and what is under way. If the
    /// other place has no keys yet, those of this one go there, and the backups with them.
    ///
    /// Should the program end halfway, the state is in both places, and moving again goes on.
    ///
    /// # Errors
    /// If the other place has a state of another lineage or a newer one, somebody holds it, or
    /// something cannot be read or written. Then the state stays.
    pub async fn move_to(mut self, keys: &Keys, source: Source, to: &Stored) -> Result<State> {
        let mut taken = to.lock(self.owner.clone(), Duration::ZERO, silently()).await?;
        let same_keys = share_keys(keys, to, source.clone()).await?;
        let (theirs, _) = to.open_keys(source).await?;
        let (keys, to) = (keys.clone(), to.clone());
        blocking(move || {
            let missing = || StateError::Moved { to: to.states().place() };
            let here = Loaded::of(self.held.read()?, &keys)?.ok_or_else(missing)?;
            let there = match taken.held.read() {
                Err(StateError::Moved { .. }) => None,
                raw => Loaded::of(raw?, &theirs)?,
            };
            if let Some(there) = there {
                may_replace(&here.state, &there.state)?;
            }
            taken.held.save(Snapshot::of(&here.state, here.n, &theirs.seal(&here.state.lineage))?)?;
            taken.held.forget_journal();
            let arrived = Loaded::of(taken.held.read()?, &theirs)?;
            if arrived.is_none_or(|arrived| arrived.state != here.state) {
                let why = "it does not read back as it was written; the state stays where it was";
                return Err(StateError::damaged(to.states().place().as_ref(), None, why));
            }
            if same_keys {
                self.hand_over(&mut taken)?;
            }
            self.held.remove(Some(&to.states().place()))?;
            Ok(here.state)
        })
        .await
    }
}

/// Lets the other place use the keys of this state, if it has none. Says whether both have the same now.
async fn share_keys(keys: &Keys, to: &Stored, source: Source) -> Result<bool> {
    let (here, there) = (keys.dir(), to.states().keys_root());
    if here == there {
        return Ok(true);
    }
    let (files_here, into) = (keys.own_files(&here), there.clone());
    blocking(move || {
        files::make_dir(&into)?;
        for from in files_here {
            let path = into.join(from.file_name().unwrap_or_default());
            if let Some(bytes) = files::read(&from)?.filter(|_| !path.exists()) {
                files::make_new(&path, &bytes)?;
            }
        }
        Ok(())
    })
    .await?;
    // Keys that are in the bucket already take the place of those that were copied.
    let (theirs, _) = to.open_keys(source).await?;
    Ok(theirs.ring() == keys.ring())
}

fn may_replace(here: &State, there: &State) -> Result<()> {
    if here.lineage != there.lineage {
        return Err(StateError::OtherLineage { here: here.lineage.clone(), there: there.lineage.clone() });
    }
    if there.serial > here.serial {
        return Err(StateError::Older { here: there.serial, found: here.serial });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::engine::journal::{Entry, Journal};
    use crate::engine::state::{Begun, Key, Row};
    use crate::engine::urn::{Place, Urn};
    use crate::engine::value::Value;
    use crate::state::lock::Owner;
    use crate::state::store::States;

    fn entries() -> Vec<Entry> {
        let key = Key { urn: Urn::new("prod", "dr", "t:i:T", "a"), generation: 0 };
        let row = Row { inputs: Value::from("hunter2").secret(), ..Row::new(key, "t:i:T", Place::global()) };
        let run = Entry::Run { account: "1".into(), partition: "aws".into(), environment: [].into() };
        vec![run, Entry::Begin { row: Arc::new(row), op: Begun::Create, attempt: "1".into() }]
    }

    async fn keys(stored: &Stored) -> Keys {
        stored.open_keys(Source::key_file()).await.unwrap().0
    }

    async fn lock(stored: &Stored) -> Lock {
        stored.lock(Owner::here("run", "stack migrate-state"), Duration::ZERO, silently()).await.unwrap()
    }

    fn place(dir: &Path) -> Stored {
        States::local(dir.to_owned(), "twin").of("prod")
    }

    async fn deployed(stored: &Stored, lineage: &str, runs: usize) {
        let keys = keys(stored).await;
        for _ in 0..runs {
            let fresh = State::new(lineage, "prod", "dr", "twin");
            let (state, session) = lock(stored).await.session(keys.clone(), fresh).await.unwrap();
            session.append(entries()).await.unwrap();
            session.finish(&crate::state::replay(state, entries()).unwrap()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_state_moves_with_its_keys_and_backups_and_its_old_place_says_where_to() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (from, to) = (place(here.path()), place(there.path()));
        deployed(&from, "lineage", 3).await;
        let old = keys(&from).await;
        let before = from.load(&old).await.unwrap().unwrap();
        let moved = lock(&from).await.move_to(&old, Source::key_file(), &to).await.unwrap();
        assert_eq!(moved, before);
        let new = keys(&to).await;
        assert_eq!(to.load(&new).await.unwrap().unwrap(), before);
        assert_eq!(to.backups().await.unwrap().len(), 3);
        let gone = from.load(&old).await.unwrap_err();
        assert_eq!(gone.to_string(), format!("the state of this stack was moved to {}", there.path().display()));
        assert!(from.exists().await.is_err(), "a run must not begin anew here");
        lock(&to).await.move_to(&new, Source::key_file(), &from).await.unwrap();
        assert_eq!(from.load(&old).await.unwrap().unwrap(), before);
    }

    #[tokio::test]
    async fn a_state_of_another_lineage_or_a_newer_one_or_a_lock_is_not_overwritten() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (from, to) = (place(here.path()), place(there.path()));
        deployed(&from, "lineage", 1).await;
        let keys = keys(&from).await;
        let held = lock(&to).await;
        let refused = lock(&from).await.move_to(&keys, Source::key_file(), &to).await.unwrap_err();
        assert!(matches!(refused, StateError::Locked { .. }));
        drop(held);
        deployed(&to, "other", 1).await;
        let refused = lock(&from).await.move_to(&keys, Source::key_file(), &to).await.unwrap_err();
        assert!(matches!(refused, StateError::OtherLineage { .. }), "{refused}");
        lock(&to).await.remove().await.unwrap();
        deployed(&to, "lineage", 2).await;
        let refused = lock(&from).await.move_to(&keys, Source::key_file(), &to).await.unwrap_err();
        assert!(matches!(refused, StateError::Older { .. }), "{refused}");
        assert!(from.exists().await.unwrap());
    }
}
