//! What is sealed though the ring that sealed it is not there: no new ring may take its place.

use std::fs;
use std::path::{Path, PathBuf};

use super::ring::RING;
use super::wrapper::KEY_FILE;
use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::seal::holds_sealed;

/// Between a ring and what it seals: `<target>/<stack>/backups`.
const DEEPEST: usize = 3;

/// Refuses new keys in a directory below which something is sealed already. What has a ring of its own
/// does not count.
///
/// # Errors
/// [`StateError::NoRing`] in that case, or if something cannot be read.
pub(super) fn check(dir: &Path) -> Result<()> {
    match sealed_below(dir, DEEPEST)? {
        Some(sealed) => Err(no_ring(dir.join(RING), dir, sealed)),
        None => Ok(()),
    }
}

/// That a ring is not there, which would have its key file in a directory.
pub(in crate::state) fn no_ring(ring: PathBuf, dir: &Path, sealed: PathBuf) -> StateError {
    let key = dir.join(KEY_FILE);
    StateError::NoRing { ring, key: (!key.exists()).then_some(key), sealed }
}

fn sealed_below(dir: &Path, depth: usize) -> Result<Option<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StateError::io("read", dir)(e)),
    };
    // What begins with a dot is being written or removed.
    let counts = |entry: &fs::DirEntry| !entry.file_name().to_string_lossy().starts_with('.');
    let mut paths: Vec<PathBuf> = entries.flatten().filter(counts).map(|entry| entry.path()).collect();
    // `state.json` behind `backups` and `journal.jsonl`, but it is what people know.
    paths.sort_unstable_by(|a, b| b.cmp(a));
    for path in paths {
        if path.is_dir() {
            if depth > 0
                && !path.join(RING).exists()
                && let Some(sealed) = sealed_below(&path, depth - 1)?
            {
                return Ok(Some(sealed));
            }
        } else if path.extension().is_some_and(|x| x == "json" || x == "jsonl")
            && files::read(&path)?.is_some_and(|bytes| holds_sealed(&bytes))
        {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
