//! A state as one text that can be carried elsewhere, secrets sealed, with the wrapped keys that open
//! them for whoever has the passphrase or the key file.

use std::io::Read;
use std::path::Path;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::engine::json_size::MOST_VALUES;
use crate::engine::state::State;
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::format::{Snapshot, Stamp, VERSION, bounded, gate, pretty};
use crate::state::journal;
use crate::state::keys::{Keys, Ring, Source};
use crate::state::lint::lint;
use crate::state::store::{Lock, Raw, Stored, blocking};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Export {
    version: u32,
    keys: Ring,
    state: Snapshot,
}

/// The state as JSON, secrets sealed.
///
/// # Errors
/// If a value is not known yet: that is a bug.
pub fn export(state: &State, keys: &Keys) -> Result<Vec<u8>> {
    let snapshot = Snapshot::of(state, 0, &keys.seal(&state.lineage))?;
    Ok(pretty(&Export { version: VERSION, keys: keys.ring().clone(), state: snapshot }))
}

/// The bytes of a file that is to be imported, or of what else messages call `name`.
///
/// # Errors
/// If it cannot be read, or is larger than any state.
pub fn read_import(name: &Path, source: impl Read) -> Result<Vec<u8>> {
    files::read_from(name, source)
}

/// The state in a text of [`export`], or in a `state.json` or a backup of it. `name` is what messages
/// call the text; `keys` are those of the project, whose `.drctl` is `root`; `source` opens the keys
/// that came with the text, if they are others.
///
/// # Errors
/// If the text is no state, of a later format, or its secrets do not open.
pub async fn read_export(name: &Path, text: Vec<u8>, root: &Path, keys: &Keys, source: Source) -> Result<State> {
    bounded(name, &text, MOST_VALUES)?;
    gate(name, &text, VERSION)?;
    let Some(Export { keys: ring, state, .. }) = parse(name, &text)? else {
        return open(name, Snapshot::parse(name, &text)?, keys);
    };
    match keys.with_foreign(root, ring, &source).await {
        Ok(all) => open(name, state, &all),
        // Keys that were only wrapped anew since the export are ours already. If they are not,
        // the useful word is why the foreign ones do not open.
        Err(refused) => open(name, state, keys).map_err(|e| match e {
            StateError::Sealed { .. } => refused,
            other => other,
        }),
    }
}

fn parse(name: &Path, text: &[u8]) -> Result<Option<Export>> {
    #[derive(Deserialize)]
    struct Form {
        state: Option<IgnoredAny>,
    }
    let damaged = |e: serde_json::Error| StateError::json(name, 1, &e);
    let form: Form = serde_json::from_slice(text).map_err(damaged)?;
    form.state.map(|_| serde_json::from_slice(text).map_err(damaged)).transpose()
}

fn open(name: &Path, snapshot: Snapshot, keys: &Keys) -> Result<State> {
    let lineage = snapshot.lineage.clone();
    snapshot.into_state(name, &keys.seal(&lineage))
}

/// Whether a state may take the place of the present one without force: of the same stack, target
/// and lineage, not older, and sound.
///
/// # Errors
/// The first of these that does not hold.
pub fn check_import(here: &Stored, present: Option<&State>, import: &State) -> Result<()> {
    if (import.stack.as_str(), import.target.as_str()) != (here.stack(), here.target()) {
        let name = |stack: &str, target: &str| format!("{stack} on {target}");
        return Err(StateError::OtherStack {
            here: name(here.stack(), here.target()),
            found: name(&import.stack, &import.target),
        });
    }
    if let Some(present) = present {
        if present.lineage != import.lineage {
            return Err(StateError::Lineage { here: present.lineage.clone(), found: import.lineage.clone() });
        }
        if present.serial > import.serial {
            return Err(StateError::Older { here: present.serial, found: import.serial });
        }
    }
    match lint(import).first() {
        Some(finding) => Err(StateError::Unsound(finding.to_string())),
        None => Ok(()),
    }
}

impl Lock {
    /// Puts a state in the place of the present one, even of a damaged or a lost one. The present
    /// snapshot and journal go to the backups.
    ///
    /// # Errors
    /// If something cannot be written; then the present state stays.
    pub async fn import(self, keys: &Keys, state: &State) -> Result<()> {
        self.put(keys, state).await.map(drop)
    }

    /// The same for somebody who goes on.
    pub(super) async fn put(mut self, keys: &Keys, state: &State) -> Result<Self> {
        let (keys, state) = (keys.clone(), state.clone());
        blocking(move || {
            // Should the program end before the journal is set aside, its entries count as known.
            let last = match self.held.read() {
                Err(StateError::Moved { .. } | StateError::Gone { .. } | StateError::JournalGone { .. }) => 0,
                present => last_entry(&present?),
            };
            let through = last.max(self.held.beyond_lost());
            self.held.save(Snapshot::of(&state, through, &keys.seal(&state.lineage))?)?;
            self.held.set_journal_aside()?;
            Ok(self)
        })
        .await
    }
}

/// The number of the last entry, as far as it can be made out.
fn last_entry(raw: &Raw) -> u64 {
    let snapshot = raw.snapshot.as_ref().and_then(|part| Stamp::of(&part.bytes)).unwrap_or_default();
    let journals = raw.journal.iter().filter_map(|part| journal::parse(&part.name, &part.bytes).ok());
    let last = journals.filter_map(|found| found.lines.last().map(|(_, line)| line.n)).max();
    snapshot.through.max(last.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::engine::state::{Key, Row};
    use crate::engine::urn::{Id, Place, Urn};
    use crate::engine::value::Value;
    use crate::state::lock::Owner;
    use crate::state::store::{States, silently};

    fn state() -> State {
        let key = Key { urn: Urn::new("prod", "dr", "t:i:T", "a"), generation: 0 };
        let mut state = State::new("lineage", "prod", "dr", "twin");
        state.serial = 3;
        let row = Row {
            id: Some(Id("x".into())),
            inputs: Value::from("hunter2").secret(),
            ..Row::new(key.clone(), "t:i:T", Place::global())
        };
        state.rows.insert(key, Arc::new(row));
        state
    }

    fn passphrase(text: &str) -> Source {
        Source::passphrase(text)
    }

    async fn project(source: Source) -> (tempfile::TempDir, Keys) {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(dir.path(), source).await.unwrap().0;
        (dir, keys)
    }

    async fn read(text: &[u8], dir: &Path, keys: &Keys, source: Source) -> Result<State> {
        read_export(&PathBuf::from("export.json"), text.to_vec(), dir, keys, source).await
    }

    #[tokio::test]
    async fn an_export_is_sealed_and_opens_elsewhere_with_its_passphrase() {
        let (_there, theirs) = project(passphrase("theirs")).await;
        let text = export(&state(), &theirs).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains("hunter2"));
        let (here, ours) = project(Source::key_file()).await;
        assert_eq!(read(&text, here.path(), &ours, passphrase("theirs")).await.unwrap(), state());
        let error = read(&text, here.path(), &ours, passphrase("wrong")).await.unwrap_err();
        assert!(matches!(error, StateError::WrongPassphrase));
    }

    #[tokio::test]
    async fn an_export_made_before_a_rotation_opens_with_what_opened_it_then() {
        let (before, after) = (passphrase("before"), passphrase("after"));
        let (dir, keys) = project(before.clone()).await;
        let text = export(&state(), &keys).unwrap();
        let keys = keys.begin_rotation(dir.path(), &before, &after).await.unwrap().end().await.unwrap();
        assert_eq!(read(&text, dir.path(), &keys, before).await.unwrap(), state());
        assert!(matches!(read(&text, dir.path(), &keys, after).await, Err(StateError::WrongPassphrase)));
    }

    #[tokio::test]
    async fn a_text_that_is_no_state_or_a_later_one_is_refused() {
        let (dir, keys) = project(Source::key_file()).await;
        for text in ["", "{}", "[]", r#"{"version": 1}"#, r#"{"version": 1, "state": {}}"#] {
            let error = read(text.as_bytes(), dir.path(), &keys, Source::key_file()).await.unwrap_err();
            assert!(matches!(error, StateError::Damaged { .. }), "{text}: {error}");
        }
        let error = read(br#"{"version": 4}"#, dir.path(), &keys, Source::key_file()).await.unwrap_err();
        assert!(matches!(error, StateError::Newer { found: 4, .. }));
    }

    #[test]
    fn only_a_sound_state_of_the_same_stack_and_lineage_and_not_older_is_imported_without_force() {
        let here = States::local(PathBuf::new(), "twin").of("prod");
        let check = |import: &State| check_import(&here, Some(&state()), import);
        check(&state()).unwrap();
        let mut other = state();
        other.lineage = "m".into();
        assert!(matches!(check(&other), Err(StateError::Lineage { .. })));
        check_import(&here, None, &other).unwrap();
        assert!(matches!(check(&State { serial: 2, ..state() }), Err(StateError::Older { here: 3, found: 2 })));
        assert!(matches!(check(&State { target: "aws".into(), ..state() }), Err(StateError::OtherStack { .. })));
        let mut unsound = state();
        Arc::make_mut(&mut unsound.rows[0]).id = None;
        let error = check(&unsound).unwrap_err();
        insta::assert_snapshot!(error, @"the state to import is not sound: `urn:pulumi:prod::dr::t:i:T::a`: it has no id, and no create is under way");
    }

    #[tokio::test]
    async fn an_import_takes_the_place_of_even_a_damaged_state_and_keeps_it() {
        let (dir, keys) = project(Source::key_file()).await;
        let local = States::local(dir.path().to_owned(), "twin").of("prod");
        let import = async || {
            let owner = Owner::here("run", "stack import");
            local.lock(owner, Duration::ZERO, silently()).await.unwrap().import(&keys, &state()).await.unwrap();
        };
        let snapshot = dir.path().join("twin/prod/state.json");
        import().await;
        assert_eq!(local.load(&keys).await.unwrap().unwrap(), state());
        fs::write(&snapshot, "{ damaged").unwrap();
        fs::write(dir.path().join("twin/prod/journal.jsonl"), "damaged\n").unwrap();
        assert!(local.load(&keys).await.is_err());
        import().await;
        assert_eq!(local.load(&keys).await.unwrap().unwrap(), state());
        let kept: Vec<String> = local.backups().await.unwrap().iter().map(|p| fs::read_to_string(p).unwrap()).collect();
        assert!(kept.contains(&"{ damaged".to_owned()), "{kept:?}");
        let backup = fs::read(&snapshot).unwrap();
        assert_eq!(read(&backup, dir.path(), &keys, Source::key_file()).await.unwrap(), state());
    }
}
