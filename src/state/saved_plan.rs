//! A plan in a file, to be carried out later as it was shown.
//!
//! The first line is a seal: made with the keys of the state, over every byte that follows, with
//! fingerprints of the program, what it reads, the config and the state inside. What follows is the plan
//! as it is shown to people, which holds no secret. A plan is no program: `up --plan` plans anew, and
//! goes on only if that gives the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::engine::json_size::MOST_VALUES;
use crate::engine::plain::Plain;
use crate::engine::plan::Plan;
use crate::engine::settings::Settings;
use crate::engine::state::State;
use crate::engine::value::Value;
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::format::{Snapshot, bounded, gate, pretty};
use crate::state::keys::Keys;
use crate::state::seal::Seal;

const VERSION: u32 = 1;
/// Whom the seal is for, beside the bytes of the plan.
const OWNER: &str = "plan";
/// Longest file that is written and read. A plan that makes ten thousand small resources has a quarter of it.
const LONGEST: u64 = 100 << 20;

/// A plan as it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedPlan {
    /// The version of drctl that made it.
    pub tool: String,
    /// The command that carries it out: `up` or `destroy`.
    pub command: String,
    pub stack: String,
    pub target: String,
    /// Of the state, or of the state to come.
    pub lineage: String,
    pub settings: Settings,
    pub plan: Plan,
}

/// What a plan was made from, by hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Basis {
    /// The files of the program. Empty if it does not matter.
    pub program: String,
    /// The values of its config, secret ones too.
    pub config: String,
    pub state: String,
    /// What the program read beside its own text, secrets too, by what it is.
    pub reads: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Head {
    version: u32,
    lineage: String,
    basis: Plain,
}

impl SavedPlan {
    /// Writes the plan where only the owner may read it.
    ///
    /// # Errors
    /// If it cannot be sealed or written.
    pub fn write(&self, path: &Path, basis: &Basis, keys: &Keys) -> Result<()> {
        let body = pretty(self);
        let plain = serde_json::to_string(basis).map_err(|e| StateError::json(path, 1, &e))?;
        let seal = keys.seal(&self.lineage);
        let basis = seal.seal(OWNER, &hash(&body), &Value::from(plain.as_str()).secret())?;
        let head = Head { version: VERSION, lineage: self.lineage.clone(), basis };
        let mut bytes = serde_json::to_vec(&head).map_err(|e| StateError::json(path, 1, &e))?;
        bytes.push(b'\n');
        bytes.extend(body);
        if bytes.len() as u64 > LONGEST {
            return Err(StateError::io("write", path)(io::ErrorKind::FileTooLarge.into()));
        }
        files::replace(path, &bytes)
    }

    /// Reads a plan, and what it was made from.
    ///
    /// # Errors
    /// If it cannot be read, is of a later format, or is not as it was written.
    pub fn read(path: &Path, keys: &Keys) -> Result<(Self, Basis)> {
        let failed = StateError::io("read", path);
        let bytes = read(path).map_err(failed)?.ok_or_else(|| StateError::NoPlan { path: path.to_owned() })?;
        Self::parse(path, &bytes, keys)
    }

    fn parse(path: &Path, bytes: &[u8], keys: &Keys) -> Result<(Self, Basis)> {
        bounded(path, bytes, MOST_VALUES)?;
        let no_plan = || StateError::NoPlan { path: path.to_owned() };
        let end = bytes.iter().position(|b| *b == b'\n').ok_or_else(no_plan)?;
        let (head, body) = (&bytes[..end], &bytes[end + 1..]);
        if let Err(newer @ StateError::Newer { .. }) = gate(path, head, VERSION) {
            return Err(newer);
        }
        let head: Head = serde_json::from_slice(head).map_err(|_| no_plan())?;
        if head.version != VERSION {
            return Err(no_plan());
        }
        let seal: Seal<'_> = keys.seal(&head.lineage);
        let edited = || StateError::EditedPlan { path: path.to_owned() };
        let basis = seal.open(OWNER, &hash(body), head.basis).map_err(|_| edited())?;
        let Value::String(basis) = basis.bare() else { return Err(edited()) };
        let basis = serde_json::from_str(basis).map_err(|_| edited())?;
        let plan: Self = serde_json::from_slice(body).map_err(|_| edited())?;
        if plan.lineage == head.lineage { Ok((plan, basis)) } else { Err(edited()) }
    }
}

/// The bytes of a regular file that is not too long. A pipe or a device may have no end.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if !std::fs::metadata(path)?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|_| read as u64 <= LONGEST))
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A hash of everything in a state but the secrets in it, which change only together with something else.
///
/// # Errors
/// If a value is not known yet: that is a bug.
pub fn fingerprint(state: &State, keys: &Keys) -> Result<String> {
    let snapshot = Snapshot::of(state, 0, &keys.seal(&state.lineage))?;
    let mut json = serde_json::to_value(snapshot).map_err(|e| StateError::json(Path::new("state"), 1, &e))?;
    blank(&mut json);
    Ok(hash(json.to_string().as_bytes()))
}

/// Takes out what is sealed, which looks different each time.
fn blank(json: &mut Json) {
    match json {
        Json::Object(object) if crate::state::seal::is_sealed(object) => {
            object.values_mut().for_each(|v| *v = Json::Null)
        }
        Json::Object(object) => object.values_mut().for_each(blank),
        Json::Array(items) => items.iter_mut().for_each(blank),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::plan::{Op, Step};
    use crate::engine::state::{Key, Row};
    use crate::engine::urn::{Place, Urn};
    use crate::state::keys::Source;

    fn plan() -> SavedPlan {
        let key = Key { urn: Urn::new("prod", "dr", "t:i:T", "a"), generation: 0 };
        let step = Step {
            key,
            ty: "t:i:T".into(),
            place: Place::global(),
            op: Op::Create,
            id: None,
            why: Vec::new(),
            changes: Vec::new(),
            replacement: None,
            typical: 1,
            at: None,
            company: None,
        };
        SavedPlan {
            tool: "0.1.0".into(),
            command: "up".into(),
            stack: "prod".into(),
            target: "twin".into(),
            lineage: "lineage".into(),
            settings: Settings::default(),
            plan: Plan { steps: vec![step], ..Plan::default() },
        }
    }

    fn basis() -> Basis {
        let reads = [("`pw.txt`".to_owned(), ["hunter3".to_owned()].into())].into();
        Basis { program: "p".into(), config: "hunter2".into(), state: "s".into(), reads }
    }

    async fn written() -> (tempfile::TempDir, std::path::PathBuf, Keys) {
        let dir = tempfile::tempdir().unwrap();
        let (keys, _) = Keys::open(dir.path(), Source::key_file()).await.unwrap();
        let path = dir.path().join("plan");
        plan().write(&path, &basis(), &keys).unwrap();
        (dir, path, keys)
    }

    #[tokio::test]
    async fn a_plan_is_read_as_it_was_written_and_hides_what_it_was_made_from() {
        let (_dir, path, keys) = written().await;
        assert_eq!(SavedPlan::read(&path, &keys).unwrap(), (plan(), basis()));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("hunter3") && !text.contains("pw.txt"));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn only_the_owner_may_read_a_plan() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, path, _) = written().await;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_plan_with_any_byte_changed_is_refused() {
        let (_dir, path, keys) = written().await;
        let bytes = std::fs::read(&path).unwrap();
        for i in 0..bytes.len() {
            let mut edited = bytes.clone();
            edited[i] ^= 1;
            let refused = SavedPlan::parse(&path, &edited, &keys).unwrap_err();
            let told =
                matches!(refused, StateError::EditedPlan { .. } | StateError::NoPlan { .. } | StateError::Newer { .. });
            assert!(told, "byte {i}: {refused}");
        }
        let (_other, _, theirs) = written().await;
        assert!(matches!(SavedPlan::read(&path, &theirs).unwrap_err(), StateError::EditedPlan { .. }));
    }

    #[tokio::test]
    async fn what_is_no_plan_is_refused() {
        let (_dir, path, keys) = written().await;
        for text in ["", "\n", "{}", "{}\n{}", "[1]\n", "resources:\n  a: b\n"] {
            let refused = SavedPlan::parse(&path, text.as_bytes(), &keys).unwrap_err();
            assert!(matches!(refused, StateError::NoPlan { .. }), "{text}: {refused}");
        }
        let later = SavedPlan::parse(&path, b"{\"version\": 2}\n", &keys).unwrap_err();
        assert!(matches!(later, StateError::Newer { found: 2, .. }));
    }

    #[tokio::test]
    async fn a_file_that_is_too_long_or_has_no_end_is_no_plan() {
        let (dir, path, keys) = written().await;
        File::options().write(true).open(&path).unwrap().set_len(LONGEST + 1).unwrap();
        assert!(matches!(SavedPlan::read(&path, &keys).unwrap_err(), StateError::NoPlan { .. }));
        assert!(matches!(SavedPlan::read(dir.path(), &keys).unwrap_err(), StateError::NoPlan { .. }));
        #[cfg(unix)]
        assert!(matches!(SavedPlan::read(Path::new("/dev/zero"), &keys).unwrap_err(), StateError::NoPlan { .. }));
    }

    #[tokio::test]
    async fn a_fingerprint_is_the_same_for_the_same_state_and_differs_with_any_row() {
        let (_dir, _, keys) = written().await;
        let mut state = State::new("lineage", "prod", "dr", "twin");
        let key = Key { urn: Urn::new("prod", "dr", "t:i:T", "a"), generation: 0 };
        let row = Row { inputs: Value::from("x").secret(), ..Row::new(key.clone(), "t:i:T", Place::global()) };
        state.rows.insert(key.clone(), Arc::new(row));
        let first = fingerprint(&state, &keys).unwrap();
        assert_eq!(fingerprint(&state, &keys).unwrap(), first, "whatever the nonces are");
        Arc::make_mut(&mut state.rows[0]).tainted = true;
        assert_ne!(fingerprint(&state, &keys).unwrap(), first);
    }
}
