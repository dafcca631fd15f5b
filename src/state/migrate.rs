//! Another place for a state: files, or a bucket.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::key_provider::KeyProvider;
use crate::engine::state::State;
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::format::Snapshot;
use crate::state::keys::{Keys, RING, Source};
use crate::state::store::{Loaded, Lock, Raw, Stored, blocking, silently};

impl Lock {
    /// Moves the state to another place, with its lineage, its serial and what is under way. What opens
    /// its secrets stays the same where it can: see [`Stored::key_change`]. If the keys go along, so do the
    /// backups.
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
            if let Some(raw) = before_a_move(taken.held.read())?
                && let Some(there) = Loaded::of(raw, &theirs)?
            {
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

/// What is in the place that a state moves to. Records of runs without anything else may be those of
/// the state that is to come, which was in a bucket so far.
fn before_a_move(there: Result<Raw>) -> Result<Option<Raw>> {
    match there {
        Err(StateError::Moved { .. } | StateError::Gone { backup: None, .. }) => Ok(None),
        there => there.map(|raw| Some(raw).filter(|raw| raw.snapshot.is_some() || !raw.journal.is_empty())),
    }
}

/// What seals a state after it has moved.
enum Fate {
    /// The same keys, which are there already.
    There,
    /// The same keys, which go into a directory that has none.
    Along(PathBuf),
    /// Keys that are there.
    Others { provider: KeyProvider, sealed_by: String },
    /// New keys, wrapped as the user asks for; for this stack alone if they get a directory of their own.
    New { provider: KeyProvider, own: Option<PathBuf> },
}

/// Something else opens the secrets of a state once it has moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// What opens them now, in words.
    pub from: String,
    /// What will.
    pub to: String,
}

impl Stored {
    /// Whether something else opens the secrets of a state of these keys once it has moved here. That
    /// is so if the user asks for it, or if the keys here serve all states, as in a bucket, and something
    /// else opens them.
    ///
    /// # Errors
    /// If the keys here cannot be read.
    pub async fn key_change(&self, keys: &Keys, source: &Source) -> Result<Option<KeyChange>> {
        let from = keys.sealed_by();
        Ok(match fate(keys, source, self).await? {
            Fate::Others { provider, sealed_by: to } if provider != keys.provider() => Some(KeyChange { from, to }),
            Fate::New { provider, .. } => Some(KeyChange { from, to: in_words(&provider) }),
            Fate::There | Fate::Along(_) | Fate::Others { .. } => None,
        })
    }
}

async fn fate(keys: &Keys, source: &Source, to: &Stored) -> Result<Fate> {
    let asked = source.wanted.as_ref().filter(|wanted| !keys.is_by(wanted));
    let (own, there) = (to.own_keys_dir(), to.ring().await?);
    // A state that is there already must stay as readable as it is.
    let shelf = Arc::clone(&to.shelf);
    let is_vacant = blocking(move || before_a_move(shelf.read())).await?.is_none();
    let is_free = |dir: &PathBuf| is_vacant && !dir.join(RING).exists();
    // Keys of KMS are not for all of a project: the twin asks no service.
    let for_one = |provider: &KeyProvider| matches!(provider, KeyProvider::Kms(_));
    Ok(match (there, asked, own.filter(is_free)) {
        (Some(ring), ..) if ring == *keys.ring() => Fate::There,
        (Some(ring), None, Some(own)) if ring.provider() != keys.provider() => Fate::Along(own),
        (Some(ring), Some(asked), Some(own)) if !ring.is_by(asked) => {
            Fate::New { provider: asked.clone(), own: Some(own) }
        }
        (Some(ring), ..) => Fate::Others { provider: ring.provider(), sealed_by: ring.sealed_by() },
        (None, Some(asked), own) => Fate::New { provider: asked.clone(), own: own.filter(|_| for_one(asked)) },
        (None, None, own) => {
            Fate::Along(own.filter(|_| for_one(&keys.provider())).unwrap_or_else(|| to.states().keys_root()))
        }
    })
}

fn in_words(provider: &KeyProvider) -> String {
    match provider {
        KeyProvider::KeyFile => "a key file".to_owned(),
        KeyProvider::Passphrase => "a passphrase".to_owned(),
        KeyProvider::Kms(_) => format!("`{provider}`"),
    }
}

/// Brings the keys of a state to where it moves, or makes those that it gets. Says whether both places
/// have the same then.
async fn share_keys(keys: &Keys, to: &Stored, source: Source) -> Result<bool> {
    match fate(keys, &source, to).await? {
        Fate::Along(into) => {
            let files_here = keys.own_files(&keys.dir());
            blocking(move || copy(files_here, &into)).await?;
        }
        Fate::New { own: Some(own), .. } => drop(Keys::open(&own, source.clone()).await?),
        Fate::New { own: None, .. } | Fate::There | Fate::Others { .. } => {}
    }
    let (theirs, _) = to.open_keys(source).await?;
    Ok(theirs.ring() == keys.ring())
}

/// Copies a ring and its key files.
fn copy(mut ring_and_keys: Vec<PathBuf>, into: &Path) -> Result<()> {
    files::make_dir(into)?;
    // The ring comes first and goes last: it names the others.
    ring_and_keys.reverse();
    for from in ring_and_keys {
        let path = into.join(from.file_name().unwrap_or_default());
        if let Some(bytes) = files::read(&from)?.filter(|_| !path.exists()) {
            files::make_new(&path, &bytes)?;
        }
    }
    Ok(())
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

    async fn sealed(stored: &Stored, source: &Source) -> (Keys, State) {
        let keys = stored.open_keys(source.clone()).await.unwrap().0;
        let (state, session) =
            lock(stored).await.session(keys.clone(), State::new("lineage", "prod", "dr", "twin")).await.unwrap();
        session.append(entries()).await.unwrap();
        let state = crate::state::replay(state, entries()).unwrap();
        session.finish(&state).await.unwrap();
        (keys, state)
    }

    #[tokio::test]
    async fn what_opens_the_secrets_stays_the_same_where_the_other_place_has_keys_of_another_kind() {
        for (ours, theirs) in
            [(Source::passphrase("ours"), Source::key_file()), (Source::key_file(), Source::passphrase("theirs"))]
        {
            let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let (from, to) = (place(here.path()), place(there.path()));
            let (keys, state) = sealed(&from, &ours).await;
            to.states().open_keys(theirs.clone()).await.unwrap();
            assert_eq!(to.key_change(&keys, &ours).await.unwrap(), None);
            lock(&from).await.move_to(&keys, ours.clone(), &to).await.unwrap();
            let (after, _) = to.open_keys(ours.clone()).await.unwrap();
            assert_eq!(after.provider(), keys.provider());
            assert_eq!(to.load(&after).await.unwrap().unwrap(), state);
            assert_eq!(to.backups().await.unwrap().len(), 1, "the backups come along");
            let (others, _) = to.states().open_keys(theirs).await.unwrap();
            assert_ne!(others.provider(), keys.provider(), "the rest of the project keeps its own");
        }
    }

    #[tokio::test]
    async fn a_state_that_is_in_the_way_stays_readable_whatever_opens_the_one_that_was_to_move() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (from, to) = (place(here.path()), place(there.path()));
        let ours = Source::passphrase("ours");
        let (keys, _) = sealed(&from, &ours).await;
        deployed(&to, "other", 1).await;
        let refused = lock(&from).await.move_to(&keys, ours, &to).await.unwrap_err();
        assert!(matches!(refused, StateError::OtherLineage { .. }), "{refused}");
        let (theirs, _) = to.open_keys(Source::key_file()).await.unwrap();
        assert_eq!(to.load(&theirs).await.unwrap().unwrap().lineage, "other");
    }

    #[tokio::test]
    async fn another_way_to_open_the_secrets_that_the_user_asks_for_is_told_before_the_move_and_holds_after_it() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (from, to) = (place(here.path()), place(there.path()));
        let ours = Source::passphrase("ours");
        let (keys, state) = sealed(&from, &ours).await;
        to.states().open_keys(Source::key_file()).await.unwrap();
        let asked = Source { wanted: Some(KeyProvider::KeyFile), ..ours };
        let change = to.key_change(&keys, &asked).await.unwrap().unwrap();
        assert_eq!((change.from.as_str(), change.to.as_str()), ("a passphrase", "the key file `key`"));
        lock(&from).await.move_to(&keys, asked.clone(), &to).await.unwrap();
        let (after, _) = to.open_keys(Source::key_file()).await.unwrap();
        assert_eq!(after.provider(), KeyProvider::KeyFile);
        assert_eq!(to.load(&after).await.unwrap().unwrap(), state);
    }
}
