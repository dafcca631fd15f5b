//! Bytes and hashes of files and archives. The same directory gives the same zip on every machine.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::engine::asset::{Asset, Source};
use crate::stack::fence::{Fence, OWN};
use crate::stack::remote::{MOST_BYTES, fetch};

/// Reads the files and archives of a program, each once, and only where the program may.
#[derive(Debug, Default)]
pub struct Assets {
    /// Directory of the program, where its paths start.
    dir: PathBuf,
    fence: Fence,
    hashes: Mutex<HashMap<String, String>>,
    /// Files that became values, as they were when they were first read.
    values: Mutex<HashMap<PathBuf, Arc<[u8]>>>,
    /// What lay behind URLs.
    fetched: Mutex<HashMap<String, Arc<[u8]>>>,
}

/// Why a source has no hash.
#[derive(Debug)]
pub(crate) enum Unhashed {
    /// The bytes behind that URL must be fetched first.
    Remote(String),
    Io(io::Error),
}

impl From<io::Error> for Unhashed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

pub(crate) const LOCAL: &str = "file://";

impl Assets {
    /// For a program in `dir` that may read what `fence` lets through.
    pub(crate) fn new(dir: &Path, fence: Fence) -> Self {
        Self { dir: dir.to_owned(), fence, ..Self::default() }
    }

    /// For files below one directory.
    pub fn below(dir: &Path) -> Self {
        Self::new(dir, Fence::around([dir.to_owned()]))
    }

    /// The bytes that the cloud gets: those that were planned with, or an error.
    ///
    /// # Errors
    /// If they cannot be read, or have changed since.
    pub fn bytes(&self, asset: &Asset) -> io::Result<Vec<u8>> {
        remote(&asset.source).into_iter().try_for_each(|url| self.fetch(url))?;
        let bytes = self.content(&asset.source)?;
        if digest(&bytes) != asset.sha256 {
            return Err(io::Error::other("it has changed since the plan was made; run the command again"));
        }
        Ok(bytes)
    }

    /// The bytes of a file as a value: whenever it is asked for, those that were there the first time. So a
    /// file that changes while a plan is carried out changes nothing of it. `may` refuses by size.
    ///
    /// # Errors
    /// If the file may not or cannot be read, or `may` refuses.
    pub(crate) fn value<E: From<io::Error>>(
        &self,
        path: &Path,
        may: impl FnOnce(u64) -> Result<(), E>,
    ) -> Result<Arc<[u8]>, E> {
        let path = self.fence.enter(path)?;
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = values.get(&path) {
            may(bytes.len() as u64)?;
            return Ok(Arc::clone(bytes));
        }
        let found = std::fs::metadata(&path)?;
        // A device or a pipe may have no end.
        if !found.is_file() && !found.is_dir() {
            return Err(io::Error::other("it is no file").into());
        }
        may(found.len())?;
        let bytes: Arc<[u8]> = std::fs::read(&path)?.into();
        values.insert(path, Arc::clone(&bytes));
        Ok(bytes)
    }

    /// Gets what lies behind a URL, once. Blocks.
    pub(crate) fn fetch(&self, url: &str) -> io::Result<()> {
        if self.behind(url).is_none() {
            let bytes = fetch(url)?;
            self.fetched.lock().unwrap_or_else(PoisonError::into_inner).insert(url.to_owned(), bytes.into());
        }
        Ok(())
    }

    fn behind(&self, url: &str) -> Option<Arc<[u8]>> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned()
    }

    /// The hash of the bytes that the cloud would get.
    pub(crate) fn hash(&self, source: &Source) -> Result<String, Unhashed> {
        let key = serde_json::to_string(source).map_err(io::Error::from)?;
        let known = self.hashes.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(hash) = known {
            return Ok(hash);
        }
        if let Some(url) = remote(source).into_iter().find(|url| self.behind(url).is_none()) {
            return Err(Unhashed::Remote(url.to_owned()));
        }
        let hash = digest(&self.content(source)?);
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner).insert(key, hash.clone());
        Ok(hash)
    }

    fn content(&self, source: &Source) -> io::Result<Vec<u8>> {
        match source {
            Source::Text(text) => Ok(text.clone().into_bytes()),
            Source::File(path) => self.read(&self.dir.join(path)),
            Source::Archive(path) => {
                let path = self.fence.enter(&self.dir.join(path))?;
                if path.is_dir() {
                    let mut files = Files::default();
                    self.walk(&path, "", 0, &mut files)?;
                    files.zipped()
                } else {
                    self.read(&path)
                }
            }
            Source::Entries(entries) => {
                let mut files = Files::default();
                for (name, source) in entries {
                    self.place(name, source, &mut files)?;
                }
                files.zipped()
            }
            Source::Remote(url) | Source::RemoteArchive(url) => match url.strip_prefix(LOCAL) {
                Some(path) => self.read(Path::new(path)),
                None => {
                    self.behind(url).map(|bytes| bytes.to_vec()).ok_or_else(|| io::Error::other("it was not fetched"))
                }
            },
        }
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let path = self.fence.enter(path)?;
        let metadata = std::fs::metadata(&path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        check_size(metadata.len())?;
        std::fs::read(path)
    }

    fn walk(&self, dir: &Path, prefix: &str, depth: usize, files: &mut Files) -> io::Result<()> {
        if depth > MAX_DEPTH {
            return Err(io::Error::other(format!("`{}` is nested more than {MAX_DEPTH} deep", dir.display())));
        }
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if LEFT_BEHIND.contains(&name.as_str()) {
                continue;
            }
            let inside = format!("{prefix}{name}");
            let path =
                self.fence.enter(&entry.path()).map_err(|e| io::Error::new(e.kind(), format!("`{inside}`: {e}")))?;
            let metadata = std::fs::metadata(&path)?;
            if metadata.is_dir() {
                self.walk(&path, &format!("{inside}/"), depth + 1, files)?;
            } else {
                files.insert(inside, File { bytes: self.read(&path)?, executable: executable(&metadata) })?;
            }
        }
        Ok(())
    }

    /// Puts a source at its path inside an archive; an archive inside an archive becomes a directory.
    fn place(&self, name: &str, source: &Source, files: &mut Files) -> io::Result<()> {
        match source {
            Source::Archive(path) if self.dir.join(path).is_dir() => {
                let path = self.fence.enter(&self.dir.join(path))?;
                self.walk(&path, &format!("{name}/"), 0, files)
            }
            Source::Archive(_) | Source::RemoteArchive(_) => files.unzip(name, self.content(source)?),
            Source::Entries(entries) => {
                entries.iter().try_for_each(|(inner, source)| self.place(&format!("{name}/{inner}"), source, files))
            }
            Source::File(path) => {
                let path = self.dir.join(path);
                let bytes = self.read(&path)?;
                let executable = executable(&std::fs::metadata(&path)?);
                files.insert(name.to_owned(), File { bytes, executable })
            }
            Source::Text(_) | Source::Remote(_) => {
                files.insert(name.to_owned(), File { bytes: self.content(source)?, executable: false })
            }
        }
    }
}

/// The URLs whose bytes are part of a source.
fn remote(source: &Source) -> Vec<&str> {
    match source {
        Source::Remote(url) | Source::RemoteArchive(url) if !url.starts_with(LOCAL) => vec![url],
        Source::Entries(entries) => entries.values().flat_map(remote).collect(),
        _ => Vec::new(),
    }
}

fn check_size(bytes: u64) -> io::Result<()> {
    match bytes {
        ..=MOST_BYTES => Ok(()),
        _ => Err(io::Error::other(format!("it has more than {} MiB", MOST_BYTES / 1024 / 1024))),
    }
}

/// Refuses the name of an entry of an archive that would be put elsewhere than below the place where the
/// archive is unpacked.
pub(crate) fn check_inside(name: &str) -> io::Result<()> {
    const SLASHES: [char; 2] = ['/', '\\'];
    let leaves = name.starts_with(SLASHES) || name.split(SLASHES).any(|part| part == "..");
    match leaves {
        true => Err(io::Error::other(format!(
            "`{name}` lies outside of the archive: a path in it has no `..`, nor begins with `/`"
        ))),
        false => Ok(()),
    }
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

struct File {
    bytes: Vec<u8>,
    executable: bool,
}

/// What goes into an archive, by path.
#[derive(Default)]
struct Files {
    files: BTreeMap<String, File>,
    bytes: u64,
}

/// What drctl itself, tools and systems leave beside sources; it would change the hash without any change.
const LEFT_BEHIND: [&str; 4] = [OWN, "__pycache__", ".DS_Store", ".pytest_cache"];
/// A link to a directory above itself ends here.
const MAX_DEPTH: usize = 64;

#[cfg(unix)]
fn executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn executable(_: &std::fs::Metadata) -> bool {
    false
}

impl Files {
    fn insert(&mut self, name: String, file: File) -> io::Result<()> {
        check_inside(&name)?;
        self.bytes += file.bytes.len() as u64;
        check_size(self.bytes)?;
        self.files.insert(name, file);
        Ok(())
    }

    fn unzip(&mut self, name: &str, bytes: Vec<u8>) -> io::Result<()> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(io::Error::other)?;
        for n in 0..archive.len() {
            let file = archive.by_index(n).map_err(io::Error::other)?;
            if file.is_dir() {
                continue;
            }
            let executable = file.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
            let inside = format!("{name}/{}", file.name().map_err(io::Error::other)?);
            let mut bytes = Vec::new();
            // A small archive must not fill the memory.
            file.take(MOST_BYTES + 1 - self.bytes.min(MOST_BYTES)).read_to_end(&mut bytes)?;
            self.insert(inside, File { bytes, executable })?;
        }
        Ok(())
    }

    fn zipped(self) -> io::Result<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, file) in self.files {
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .last_modified_time(DateTime::default())
                .unix_permissions(if file.executable { 0o755 } else { 0o644 });
            writer.start_file(name, options).map_err(io::Error::other)?;
            writer.write_all(&file.bytes)?;
        }
        Ok(writer.finish().map_err(io::Error::other)?.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_gives_the_same_zip_whatever_its_times_and_left_behind_files() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (dir, names) in [(&a, ["x.py", "lib/y.py"]), (&b, ["lib/y.py", "x.py"])] {
            for name in names {
                std::fs::create_dir_all(dir.path().join("f/lib")).unwrap();
                std::fs::write(dir.path().join("f").join(name), name).unwrap();
            }
        }
        std::fs::create_dir(b.path().join("f/__pycache__")).unwrap();
        std::fs::write(b.path().join("f/__pycache__/x.pyc"), "1").unwrap();
        let source = Source::Archive("f".into());
        let hash = |dir: &tempfile::TempDir| Assets::below(dir.path()).hash(&source).unwrap();
        assert_eq!(hash(&a), hash(&b));
        let bytes = Assets::below(a.path()).content(&source).unwrap();
        assert_eq!(digest(&bytes), hash(&a));
        let archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(
            archive.file_names().map(|name| name.unwrap().into_owned()).collect::<Vec<_>>(),
            ["lib/y.py", "x.py"]
        );
    }

    #[test]
    fn an_archive_inside_an_archive_becomes_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("f")).unwrap();
        std::fs::write(dir.path().join("f/x.py"), "x").unwrap();
        let entries = BTreeMap::from([
            ("app".to_owned(), Source::Archive("f".into())),
            ("note.txt".to_owned(), Source::Text("n".into())),
        ]);
        let bytes = Assets::below(dir.path()).content(&Source::Entries(entries)).unwrap();
        let archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(
            archive.file_names().map(|name| name.unwrap().into_owned()).collect::<Vec<_>>(),
            ["app/x.py", "note.txt"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn an_archive_takes_nothing_from_outside_through_a_link() {
        let outer = tempfile::tempdir().unwrap();
        let project = outer.path().join("project");
        std::fs::create_dir_all(project.join("f")).unwrap();
        std::fs::write(outer.path().join("secret"), "s").unwrap();
        std::fs::write(project.join("f/x.py"), "x").unwrap();
        std::os::unix::fs::symlink("../../secret", project.join("f/y.py")).unwrap();
        let source = Source::Archive("f".into());
        let error = Assets::below(&project).content(&source).unwrap_err().to_string();
        assert!(error.starts_with("`y.py`: it is outside of the project"), "{error}");
        assert!(Assets::new(&project, Fence::open()).content(&source).is_ok());
        let entries = BTreeMap::from([("a".to_owned(), Source::File("../secret".into()))]);
        assert!(Assets::below(&project).content(&Source::Entries(entries)).is_err());
        assert!(
            Assets::below(&project)
                .content(&Source::Remote(format!("file://{}/secret", outer.path().display())))
                .is_err()
        );
    }

    #[test]
    fn bytes_that_changed_since_the_plan_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "one").unwrap();
        let source = Source::File("a".into());
        let assets = Assets::below(dir.path());
        let asset = Asset { sha256: assets.hash(&source).unwrap(), source };
        assert_eq!(assets.bytes(&asset).unwrap(), b"one");
        std::fs::write(dir.path().join("a"), "two").unwrap();
        assert_eq!(
            assets.bytes(&asset).unwrap_err().to_string(),
            "it has changed since the plan was made; run the command again"
        );
    }

    #[test]
    fn an_archive_that_unpacks_to_too_much_is_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        for n in 0..5 {
            writer.start_file(n.to_string(), options).unwrap();
            for _ in 0..64 {
                writer.write_all(&vec![0; 1024 * 1024]).unwrap();
            }
        }
        let bomb = writer.finish().unwrap().into_inner();
        assert!(bomb.len() < 1024 * 1024);
        assert_eq!(Files::default().unzip("a", bomb).unwrap_err().to_string(), "it has more than 256 MiB");
    }
}
