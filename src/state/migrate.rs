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
    /// Before the state is written there, the one here is marked as leaving, and nothing goes on from it any
    /// more: so there are never two that can be used. Should the program end halfway, moving again goes on,
    /// and leaves a state that has arrived, and was used there meanwhile, as it is.
    ///
    /// # Errors
    /// If the other place has a state of another lineage, or one of this that was used by itself, somebody
    /// holds it, or something cannot be read or written. Then the state stays, unless it may have arrived.
    pub async fn move_to(mut self, keys: &Keys, source: Source, to: &Stored) -> Result<State> {
        let mut taken = to.lock(self.owner.clone(), Duration::ZERO, silently()).await?;
        let same_keys = share_keys(keys, to, source.clone()).await?;
        let (theirs, _) = to.open_keys(source).await?;
        let (keys, place) = (keys.clone(), to.states().place());
        blocking(move || {
            let missing = || StateError::Moved { to: place.clone() };
            let here = Loaded::even_moving(self.held.read()?, &keys)?.ok_or_else(missing)?;
            if let Some(other) = here.moving_to.as_ref().filter(|to| **to != place) {
                return Err(StateError::Moving { to: other.clone() });
            }
            let there = match before_a_move(taken.held.read())? {
                Some(raw) => Loaded::even_moving(raw, &theirs)?,
                None => None,
            };
            let arrived = here.moving_to.is_some() && there.as_ref().is_some_and(|there| has_arrived(&here, there));
            if !arrived {
                may_replace(&here, there.as_ref())?;
                self.send(&keys, &here, &mut taken, &theirs, &place)?;
            }
            if same_keys {
                self.hand_over(&mut taken)?;
            }
            self.held.remove(Some(&place))?;
            Ok(there.filter(|_| arrived).map_or(here.state, |there| there.state))
        })
        .await
    }

    /// Writes the state into the place that it moves to.
    fn send(&mut self, keys: &Keys, here: &Loaded, to: &mut Self, theirs: &Keys, place: &str) -> Result<()> {
        let snapshot = |keys: &Keys| Snapshot::of(&here.state, here.n, &keys.seal(&here.state.lineage));
        let moving_to = Some(place.to_owned());
        self.held.save(Snapshot { moving_to, ..snapshot(keys)? })?;
        self.held.forget_journal();
        if let Err(error) = to.held.save(snapshot(theirs)?) {
            let may_arrive = matches!(&error, StateError::Bucket { source, .. } if source.ambiguous);
            if !may_arrive && matches!(before_a_move(to.held.read()), Ok(None)) {
                // If this fails, the next move goes on.
                let _ = self.held.save(snapshot(keys)?);
            }
            return Err(error);
        }
        to.held.forget_journal();
        let arrived = Loaded::of(to.held.read()?, theirs)?;
        if arrived.is_none_or(|arrived| arrived.state != here.state) {
            return Err(StateError::damaged(place.as_ref(), None, "it does not read back as it was written"));
        }
        Ok(())
    }

    /// What a move that did not end has left here.
    ///
    /// # Errors
    /// As [`Stored::load`].
    pub async fn leaving(self, keys: &Keys) -> Result<(Self, Option<Leaving>)> {
        let (lock, raw) = self.read().await?;
        let loaded = Loaded::even_moving(raw, keys)?;
        let leaving = loaded
            .and_then(|Loaded { state, moving_to, .. }| moving_to.map(|to| Leaving { lineage: state.lineage, to }));
        Ok((lock, leaving))
    }

    /// Takes back a move that did not end. The state must not have arrived.
    ///
    /// # Errors
    /// If the state cannot be read or written.
    pub async fn stay(self, keys: &Keys) -> Result<()> {
        let keys = keys.clone();
        let (mut lock, raw) = self.read().await?;
        blocking(move || match Loaded::even_moving(raw, &keys)? {
            Some(Loaded { state, n, .. }) => lock.held.save(Snapshot::of(&state, n, &keys.seal(&state.lineage))?),
            None => Ok(()),
        })
        .await
    }
}

/// A state on its way to another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    pub lineage: String,
    pub to: String,
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

    /// Whether a state of that lineage is here.
    ///
    /// # Errors
    /// If that cannot be told.
    pub async fn has(&self, lineage: String) -> Result<bool> {
        self.with(move |shelf| {
            let part = before_a_move(shelf.read())?.and_then(|raw| raw.snapshot);
            let snapshot = part.map(|part| Snapshot::parse(&part.name, &part.bytes)).transpose()?;
            Ok(snapshot.is_some_and(|snapshot| snapshot.lineage == lineage))
        })
        .await
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

/// Whether what is there is the state that is marked here, or what became of it.
fn has_arrived(here: &Loaded, there: &Loaded) -> bool {
    let reached = |loaded: &Loaded| (loaded.state.serial, loaded.n);
    here.state.lineage == there.state.lineage && (reached(there) > reached(here) || there.state == here.state)
}

fn may_replace(here: &Loaded, there: Option<&Loaded>) -> Result<()> {
    let Some(Loaded { state: there, .. }) = there else { return Ok(()) };
    let here = &here.state;
    if here.lineage != there.lineage {
        return Err(StateError::OtherLineage { here: here.lineage.clone(), there: there.lineage.clone() });
    }
    if there.serial > here.serial || there.serial == here.serial && here != there {
        return Err(StateError::Apart { here: here.serial, there: there.serial });
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
        assert!(matches!(refused, StateError::Apart { here: 1, there: 2 }), "{refused}");
        assert!(refused.hint().contains("`drctl stack rm --force --state PLACE`"), "{}", refused.hint());
        assert!(from.exists().await.unwrap() && from.load(&keys).await.unwrap().is_some());
    }

    /// Leaves the state as a move does that is killed once it has begun.
    async fn leave(stored: &Stored, keys: &Keys, place: &str) {
        let mut lock = lock(stored).await;
        let loaded = Loaded::of(lock.held.read().unwrap(), keys).unwrap().unwrap();
        let snapshot = Snapshot::of(&loaded.state, loaded.n, &keys.seal(&loaded.state.lineage)).unwrap();
        lock.held.save(Snapshot { moving_to: Some(place.to_owned()), ..snapshot }).unwrap();
    }

    #[tokio::test]
    async fn a_state_that_is_leaving_is_not_used_until_the_move_ends_or_is_taken_back() {
        let (here, there, elsewhere) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (from, to, other) = (place(here.path()), place(there.path()), place(elsewhere.path()));
        deployed(&from, "lineage", 1).await;
        let keys = keys(&from).await;
        let before = from.load(&keys).await.unwrap().unwrap();
        leave(&from, &keys, &to.states().place()).await;
        assert!(from.exists().await.unwrap(), "it is not gone");
        let refused = from.load(&keys).await.unwrap_err();
        assert!(matches!(refused, StateError::Moving { .. }), "{refused}");
        assert!(refused.hint().contains("`drctl stack migrate-state --to local` ends the move"), "{}", refused.hint());
        let begun = lock(&from).await.session(keys.clone(), State::new("new", "prod", "dr", "twin")).await;
        assert!(matches!(begun.map(|(state, _)| state), Err(StateError::Moving { .. })));
        let refused = lock(&from).await.move_to(&keys, Source::key_file(), &other).await.unwrap_err();
        assert!(matches!(refused, StateError::Moving { .. }), "{refused}");
        let (lock_here, leaving) = lock(&from).await.leaving(&keys).await.unwrap();
        assert_eq!(leaving, Some(Leaving { lineage: "lineage".into(), to: to.states().place() }));
        assert!(!to.has("lineage".into()).await.unwrap() && from.has("lineage".into()).await.unwrap());
        lock_here.stay(&keys).await.unwrap();
        assert_eq!(from.load(&keys).await.unwrap().unwrap(), before);
        leave(&from, &keys, &to.states().place()).await;
        lock(&from).await.move_to(&keys, Source::key_file(), &to).await.unwrap();
        assert_eq!(to.load(&keys).await.unwrap().unwrap(), before);
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
