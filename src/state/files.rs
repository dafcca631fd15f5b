//! Files and directories that only their owner may read, written so that a crash leaves the old or
//! the new content and nothing between.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::state::error::{Result, StateError};

/// Makes a directory and its parents, mode 0700 each, to outlast a power failure.
pub(crate) fn make_dir(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    make_dir(dir_of(path))?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(StateError::io("make the directory", path)(e)),
        _ => sync_dir_of(path),
    }
}

/// Makes the directory that a path is to be in.
pub(super) fn make_dir_of(path: &Path) -> Result<()> {
    make_dir(dir_of(path))
}

/// Opens a file for reading and writing, and makes it with mode 0600 if it is not there.
pub(super) fn open(path: &Path) -> Result<File> {
    let is_new = !path.exists();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(StateError::io("open", path))?;
    if is_new {
        sync_dir_of(path)?;
    }
    Ok(file)
}

/// Largest file that is read. A state of 10,000 resources has about 25 MiB, the journal of the run that
/// makes them twice as much, and a program has at most five times as many.
pub(super) const MOST_MIB: u64 = 512;

/// The bytes of a file; `None` if there is none. A pipe or a device may have no end, so it is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(StateError::damaged(path, None, "it is no regular file"));
    }
    match File::open(path) {
        Ok(file) => read_from(path, file).map(Some),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(StateError::io("read", path)(e)),
    }
}

/// All that comes from a source that messages call `path`, unless it is more than any file of a state has.
pub(super) fn read_from(path: &Path, source: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = source.take((MOST_MIB << 20) + 1).read_to_end(&mut bytes).map_err(StateError::io("read", path))?;
    if read as u64 > MOST_MIB << 20 {
        return Err(StateError::TooBig { path: path.to_owned(), most: MOST_MIB });
    }
    Ok(bytes)
}

/// Puts a file in the place of another, or where there is none.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    #[cfg(test)]
    failing(path)?;
    let temp = temp_beside(path, bytes)?;
    temp.persist(path).map_err(|e| StateError::io("write", path)(e.error))?;
    sync_dir_of(path)
}

/// Makes a file unless there is one; says whether it did.
pub(crate) fn make_new(path: &Path, bytes: &[u8]) -> Result<bool> {
    #[cfg(test)]
    failing(path)?;
    let temp = temp_beside(path, bytes)?;
    match temp.persist_noclobber(path) {
        Ok(_) => sync_dir_of(path).map(|()| true),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(StateError::io("write", path)(e.error)),
    }
}

/// The prefix of files that a crash may leave behind and that mean nothing then.
const TEMP: &str = ".writing-";

fn temp_beside(path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile> {
    let failed = || StateError::io("write", path);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Failures name the path that was meant, and not the temporary one.
    let make = |temp: &Path| options.open(temp);
    let temp = tempfile::Builder::new().prefix(TEMP).make_in(dir_of(path), make).map_err(failed())?;
    temp.as_file().write_all(bytes).map_err(failed())?;
    temp.as_file().sync_data().map_err(failed())?;
    Ok(temp)
}

/// Removes what a crash in the middle of a write left in a directory.
pub(super) fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMP) {
            // What cannot be removed does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes a name in a directory outlast a power failure.
#[cfg(unix)]
fn sync_dir_of(path: &Path) -> Result<()> {
    let dir = dir_of(path);
    File::open(dir).and_then(|d| d.sync_all()).map_err(StateError::io("sync the directory", dir))
}

/// Elsewhere a directory cannot be opened, and names are durable with the file.
#[cfg(not(unix))]
fn sync_dir_of(_: &Path) -> Result<()> {
    Ok(())
}

fn dir_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// The directory of a test whose writes fail, and how many succeed before.
#[cfg(test)]
static LEFT: std::sync::Mutex<Option<(std::path::PathBuf, usize)>> = std::sync::Mutex::new(None);

/// Lets every write below a directory fail after so many.
#[cfg(test)]
pub(super) fn fail_below(dir: Option<(&Path, usize)>) {
    *LEFT.lock().expect("no test panics while it holds this") = dir.map(|(dir, left)| (dir.to_owned(), left));
}

#[cfg(test)]
fn failing(path: &Path) -> Result<()> {
    let mut left = LEFT.lock().expect("no test panics while it holds this");
    match left.as_mut().filter(|(dir, _)| path.starts_with(dir)) {
        Some((_, 0)) => Err(StateError::io("write", path)(io::ErrorKind::StorageFull.into())),
        Some((_, left)) => {
            *left -= 1;
            Ok(())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_pipe_that_nobody_writes_to_holds_up_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("state.json");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [&pipe, &dir.path().to_owned()] {
            assert!(read(path).unwrap_err().to_string().contains("it is no regular file"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_what_is_written() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a/b");
        make_dir(&dir).unwrap();
        replace(&dir.join("replaced"), b"1").unwrap();
        make_new(&dir.join("new"), b"1").unwrap();
        open(&dir.join("opened")).unwrap();
        assert_eq!([mode(&root.path().join("a")), mode(&dir)], [0o700; 2]);
        assert_eq!(["replaced", "new", "opened"].map(|f| mode(&dir.join(f))), [0o600; 3]);
    }

    #[test]
    fn a_write_that_fails_names_no_temporary_file() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("missing/x");
        let told = replace(&path, b"1").unwrap_err().to_string();
        assert!(told.contains(&path.display().to_string()) && !told.contains(TEMP), "{told}");
    }

    #[test]
    fn a_file_that_is_there_is_never_made_anew() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("key");
        assert!(make_new(&path, b"first").unwrap());
        assert!(!make_new(&path, b"second").unwrap());
        assert_eq!(read(&path).unwrap().unwrap(), b"first");
    }
}
