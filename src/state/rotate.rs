//! Another data key for a state: everything that is sealed is sealed anew.
//!
//! First the ring gets the new key beside the old ones, wrapped so that what opened the old keys and
//! what is to open the new one both open all. Then snapshot, journal and backups are sealed with the
//! new key, each in one step. Last the old keys go. In a bucket, whose keys are those of all states
//! there, the old ones stay, opened as the new one is. Wherever it ends in between, everything opens,
//! and rotating again goes on.

use std::path::{Path, PathBuf};

use crate::state::error::{Result, StateError};
use crate::state::format::{Happened, Head, Line, Snapshot, VERSION, gate, pretty};
use crate::state::journal;
use crate::state::keys::{Keys, Notice, Source};
use crate::state::store::{Loaded, Lock, Rewritten, blocking};

/// What a rotation did.
#[derive(Debug)]
pub struct Rotated {
    pub keys: Keys,
    pub notice: Option<Notice>,
    /// Other states may be sealed with the old keys, so these stay, opened as the new one is.
    pub keeps_old: bool,
    /// Backups that were sealed anew.
    pub backups: usize,
    /// Those that did not open with the old keys and were left as they are, each with the reason.
    pub left: Vec<(PathBuf, String)>,
}

impl Lock {
    /// Seals the state, its journal and its backups with a new data key that `new` opens. `keys` are
    /// the present ones, which `old` opened. From then on a state in files has a ring of its own; in a
    /// bucket the ring is that of all states there, so older keys stay in it, opened as the new one is.
    ///
    /// Exports that were made before still open with what opened them then.
    ///
    /// # Errors
    /// If the state does not open, `new` cannot wrap, something cannot be written, or another rotation
    /// in the same bucket was faster.
    pub async fn rotate(self, keys: &Keys, old: &Source, new: &Source) -> Result<Rotated> {
        let (states, own) = (self.stored.states().clone(), self.stored.own_keys_dir());
        let dir = own.clone().unwrap_or_else(|| states.keys_root());
        let rotation = keys.begin_rotation(&dir, old, new).await?;
        let (notice, both) = (rotation.notice.clone(), rotation.both.clone());
        if own.is_none() {
            states.publish_keys(keys).await?;
        }
        let seals = both.clone();
        let Rewritten { backups, left } = blocking(move || {
            let Self { stored, mut held, .. } = self;
            if let Some(Loaded { state, n, .. }) = Loaded::of(stored.shelf.read()?, &seals)? {
                held.save(Snapshot::of(&state, n, &seals.seal(&state.lineage))?)?;
                held.forget_journal();
            }
            held.rewrite_backups(&move |path, bytes| sealed_anew(path, bytes, &seals))
        })
        .await?;
        let keeps_old = own.is_none();
        let keys = if keeps_old {
            let keys = rotation.end_keeping_old().await?;
            states.publish_keys(&both).await?;
            keys
        } else {
            rotation.end().await?
        };
        Ok(Rotated { keys, notice, keeps_old, backups, left })
    }
}

/// An earlier snapshot or journal, sealed with the newest of the keys.
pub(super) fn sealed_anew(path: &Path, bytes: &[u8], keys: &Keys) -> Result<Vec<u8>> {
    if path.extension().is_some_and(|x| x == "jsonl") {
        journal_anew(path, bytes, keys)
    } else {
        snapshot_anew(path, bytes, keys)
    }
}

fn snapshot_anew(path: &Path, bytes: &[u8], keys: &Keys) -> Result<Vec<u8>> {
    let snapshot = Snapshot::parse(path, bytes)?;
    let (lineage, through) = (snapshot.lineage.clone(), snapshot.through);
    let seal = keys.seal(&lineage);
    let state = snapshot.into_state(path, &seal)?;
    Ok(pretty(&Snapshot::of(&state, through, &seal)?))
}

/// A journal that was set aside may be several, one after another, each with its head.
fn journal_anew(path: &Path, bytes: &[u8], keys: &Keys) -> Result<Vec<u8>> {
    let (mut anew, mut lineage) = (Vec::with_capacity(bytes.len()), String::new());
    let lines = bytes[..journal::whole(bytes)].split_inclusive(|b| *b == b'\n');
    for (number, text) in (1..).zip(lines) {
        if let Ok(head) = serde_json::from_slice::<Head>(text) {
            gate(path, text, VERSION)?;
            lineage = head.lineage;
            anew.extend(text);
            continue;
        }
        let damaged = |e: serde_json::Error| StateError::json(path, number, &e);
        let seal = keys.seal(&lineage);
        let Line { n, entry } = serde_json::from_slice(text).map_err(damaged)?;
        let line = Line { n, entry: Happened::of(&entry.open(&seal)?, &seal)? };
        serde_json::to_writer(&mut anew, &line).map_err(damaged)?;
        anew.push(b'\n');
    }
    Ok(anew)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::engine::journal::{Entry, Journal};
    use crate::engine::key_provider::KeyProvider;
    use crate::engine::state::{Begun, Key, Row, State};
    use crate::engine::urn::{Id, Place, Urn};
    use crate::engine::value::Value;
    use crate::state::files;
    use crate::state::lock::Owner;
    use crate::state::replay;
    use crate::state::store::{States, Stored, silently};

    fn row(name: &str, secret: &str) -> Row {
        let key = Key { urn: Urn::new("prod", "dr", "t:i:T", name), generation: 0 };
        Row { inputs: Value::from(secret).secret(), ..Row::new(key, "t:i:T", Place::global()) }
    }

    fn create(name: &str, secret: &str) -> Vec<Entry> {
        let made = Row { id: Some(Id(name.into())), ..row(name, secret) };
        vec![
            Entry::Begin { row: Arc::new(row(name, secret)), op: Begun::Create, attempt: "a".into() },
            Entry::Made { key: made.key.clone(), id: Id(name.into()) },
            Entry::Done { row: Arc::new(made) },
        ]
    }

    struct Project {
        dir: tempfile::TempDir,
        local: Stored,
    }

    impl Project {
        /// A state with a snapshot, a backup, and a journal that a crash left.
        async fn new(source: &Source) -> (Self, State) {
            let dir = tempfile::tempdir().unwrap();
            let local = States::local(dir.path().to_owned(), "twin").of("prod");
            let project = Self { dir, local };
            let (keys, _) = project.local.open_keys(source.clone()).await.unwrap();
            let mut state = State::new("l", "prod", "dr", "twin");
            for (n, name) in ["a", "b", "c"].into_iter().enumerate() {
                let (loaded, session) = project.lock().await.session(keys.clone(), state).await.unwrap();
                let entries = create(name, "hunter2");
                session.append(entries.clone()).await.unwrap();
                state = replay(loaded, entries).unwrap();
                if n < 2 {
                    session.finish(&state).await.unwrap();
                }
            }
            (project, state)
        }

        async fn lock(&self) -> Lock {
            self.local.lock(Owner::here("run", "up"), Duration::ZERO, silently()).await.unwrap()
        }

        async fn load(&self, source: &Source) -> Result<Option<State>> {
            let (keys, _) = self.local.open_keys(source.clone()).await?;
            self.local.load(&keys).await
        }

        /// Every file of the state but the lock, with its bytes.
        fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
            let mut found = Vec::new();
            let mut dirs = vec![self.dir.path().to_owned()];
            while let Some(dir) = dirs.pop() {
                for entry in std::fs::read_dir(&dir).unwrap().map(std::result::Result::unwrap) {
                    let path = entry.path();
                    if path.is_dir() {
                        dirs.push(path)
                    } else {
                        found.push((path.clone(), std::fs::read(&path).unwrap()))
                    }
                }
            }
            found
        }
    }

    fn by(provider: KeyProvider, passphrase: Option<&str>) -> Source {
        let source = passphrase.map_or_else(Source::key_file, Source::passphrase);
        Source { wanted: Some(provider), ..source }
    }

    #[tokio::test]
    async fn a_rotation_seals_everything_anew_and_the_old_key_opens_nothing_any_more() {
        let (old, new) = (Source::passphrase("old"), by(KeyProvider::Passphrase, Some("new")));
        let (project, state) = Project::new(&old).await;
        let (keys, _) = project.local.open_keys(old.clone()).await.unwrap();
        let rotated = project.lock().await.rotate(&keys, &old, &new).await.unwrap();
        assert_eq!(rotated.left, []);
        assert!(rotated.backups >= 2 && !rotated.keeps_old, "{:?}", rotated.backups);
        assert_eq!(project.load(&new).await.unwrap().unwrap().rows, state.rows);
        assert!(matches!(project.load(&old).await, Err(StateError::WrongPassphrase)));
        assert!(project.local.load(&keys).await.is_err(), "the old data key opens it still");
        for (path, bytes) in project.files().into_iter().filter(|(path, _)| path.parent().unwrap().ends_with("backups"))
        {
            let anew = sealed_anew(&path, &bytes, &rotated.keys);
            assert!(anew.is_ok(), "{}: {}", path.display(), String::from_utf8_lossy(&bytes));
            assert!(sealed_anew(&path, &bytes, &keys).is_err(), "{} opens with the old key", path.display());
        }
    }

    #[tokio::test]
    async fn a_backup_that_does_not_open_is_left_and_named() {
        let source = Source::key_file();
        let (project, _) = Project::new(&source).await;
        let odd = project.dir.path().join("twin/prod/backups/odd.json");
        std::fs::write(&odd, "{ damaged").unwrap();
        let (keys, _) = project.local.open_keys(source.clone()).await.unwrap();
        let rotated = project.lock().await.rotate(&keys, &source, &source).await.unwrap();
        assert_eq!(rotated.left.iter().map(|(path, _)| path).collect::<Vec<_>>(), [&odd]);
        assert_eq!(std::fs::read(&odd).unwrap(), b"{ damaged");
    }

    /// Every backup of the stack, and whether it opens.
    async fn backups_open(project: &Project, sources: &[&Source]) -> Vec<(PathBuf, bool)> {
        let mut opened = Vec::new();
        for source in sources {
            opened.extend(project.local.open_keys((*source).clone()).await.ok().map(|(keys, _)| keys));
        }
        let is_backup = |(path, _): &(PathBuf, _)| path.parent().unwrap().ends_with("backups");
        let opens = |(path, bytes): (PathBuf, Vec<u8>)| {
            let one = opened.iter().any(|keys| sealed_anew(&path, &bytes, keys).is_ok());
            (path, one)
        };
        project.files().into_iter().filter(is_backup).map(opens).collect()
    }

    /// The files as they were, or as they become, one write after another: what a kill leaves.
    #[tokio::test]
    async fn wherever_a_rotation_is_killed_all_opens_with_old_or_new_and_rotating_again_ends_it() {
        let (old, new) = (Source::passphrase("old"), by(KeyProvider::Passphrase, Some("new")));
        let mut points = 0;
        for point in 0.. {
            let (project, state) = Project::new(&old).await;
            let (keys, _) = project.local.open_keys(old.clone()).await.unwrap();
            files::fail_below(Some((project.dir.path(), point)));
            let ended = project.lock().await.rotate(&keys, &old, &new).await;
            files::fail_below(None);
            let opens = [project.load(&old).await, project.load(&new).await];
            let found: Vec<State> = opens.into_iter().filter_map(|load| load.ok().flatten()).collect();
            assert!(!found.is_empty(), "after {point} writes nothing opens");
            assert!(found.iter().all(|loaded| loaded.rows == state.rows), "after {point} writes");
            let backups = backups_open(&project, &[&old, &new]).await;
            assert!(backups.len() >= 2 && backups.iter().all(|(_, opens)| *opens), "after {point} writes: {backups:?}");
            if ended.is_ok() {
                break;
            }
            points += 1;
            let source = Source { passphrase: Source::passphrase("new").passphrase, ..new.clone() };
            let opened = match project.local.open_keys(old.clone()).await {
                Ok((keys, _)) => (keys, old.clone()),
                Err(_) => (project.local.open_keys(source.clone()).await.unwrap().0, source.clone()),
            };
            project.lock().await.rotate(&opened.0, &opened.1, &new).await.unwrap();
            assert_eq!(project.load(&new).await.unwrap().unwrap().rows, state.rows);
            assert!(project.load(&old).await.is_err(), "after {point} writes and another rotation");
            assert!(backups_open(&project, &[&new]).await.iter().all(|(_, opens)| *opens), "after {point} writes");
        }
        assert!(points >= 5, "only {points} writes were cut short");
    }
}
