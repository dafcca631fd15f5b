//! Snapshots of a stack, the present one and earlier ones, for the day on which one is needed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::state::error::{Result, StateError};
use crate::state::files;

/// How many snapshots are kept.
pub const KEPT: usize = 10;

/// Keeps the snapshot at `path` in the directory `backups` beside it, and forgets the oldest.
///
/// A second name of the same file would cost no writing, but an editor that writes in place would change
/// both.
pub(super) fn keep(path: &Path, serial: u64, through: u64) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let dir = path.with_file_name("backups");
    files::make_dir(&dir)?;
    let name = format!("{serial:08}-{through:010}");
    let mut kept = dir.join(format!("{name}.json"));
    if kept.exists() && files::read(&kept)? != files::read(path)? {
        kept = dir.join(format!("{name}-{}.json", ulid::Ulid::generate()));
    }
    if !kept.exists() {
        files::replace(&kept, &files::read(path)?.unwrap_or_default())?;
    }
    for old in list(&dir)?.into_iter().skip(KEPT) {
        fs::remove_file(&old).map_err(StateError::io("remove", &old))?;
    }
    Ok(())
}

/// The snapshots in a directory of backups, the newest first.
pub(super) fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = all(dir)?;
    paths.retain(|path| path.extension().is_some_and(|x| x == "json"));
    Ok(paths)
}

/// The same, and journals that were set aside.
pub(super) fn all(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(StateError::io("read", dir)(e)),
    };
    let known = |path: &PathBuf| path.extension().is_some_and(|x| x == "json" || x == "jsonl");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(known).collect();
    paths.sort_unstable_by(|a, b| b.cmp(a));
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ten_snapshots_are_kept_each_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        for n in 0..15 {
            files::replace(&path, n.to_string().as_bytes()).unwrap();
            keep(&path, n, n * 7).unwrap();
        }
        let kept = list(&dir.path().join("backups")).unwrap();
        let texts: Vec<String> = kept.iter().map(|p| fs::read_to_string(p).unwrap()).collect();
        assert_eq!(texts, ["14", "13", "12", "11", "10", "9", "8", "7", "6", "5"]);
    }

    #[test]
    fn two_snapshots_of_the_same_number_are_both_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        for text in ["one", "one", "two"] {
            files::replace(&path, text.as_bytes()).unwrap();
            keep(&path, 1, 1).unwrap();
        }
        assert_eq!(list(&dir.path().join("backups")).unwrap().len(), 2);
    }
}
