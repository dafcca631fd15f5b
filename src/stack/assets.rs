//! Bytes and hashes of files and archives. The same directory gives the same zip on every machine.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Cursor, Read as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::engine::asset::{Asset, Source};

/// The bytes that the cloud gets. `dir` is the directory of the program.
///
/// # Errors
/// If a file cannot be read, or lies behind a URL that is not `file://`.
pub fn bytes(dir: &Path, asset: &Asset) -> io::Result<Vec<u8>> {
    content(dir, &asset.source)
}

/// Hashes of what was read before, so that ten functions from one directory cost one reading.
#[derive(Default)]
pub(crate) struct Hashes(Mutex<HashMap<String, String>>);

impl Hashes {
    pub(crate) fn of(&self, dir: &Path, source: &Source) -> io::Result<String> {
        let key = serde_json::to_string(source)?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(hash) = known {
            return Ok(hash);
        }
        let hash = digest(&content(dir, source)?);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, hash.clone());
        Ok(hash)
    }
}

const LOCAL: &str = "file://";

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn content(dir: &Path, source: &Source) -> io::Result<Vec<u8>> {
    match source {
        Source::Text(text) => Ok(text.clone().into_bytes()),
        Source::File(path) => std::fs::read(dir.join(path)),
        Source::Archive(path) => {
            let path = dir.join(path);
            if path.is_dir() {
                let mut files = BTreeMap::new();
                walk(&path, "", 0, &mut files)?;
                zipped(files)
            } else {
                std::fs::read(path)
            }
        }
        Source::Entries(entries) => {
            let mut files = BTreeMap::new();
            for (name, source) in entries {
                place(dir, name, source, &mut files)?;
            }
            zipped(files)
        }
        Source::Remote(url) | Source::RemoteArchive(url) => match url.strip_prefix(LOCAL) {
            Some(path) => std::fs::read(path),
            None => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("`{url}` is not fetched; download it and use `fn::fileAsset` or `fn::fileArchive`"),
            )),
        },
    }
}

struct File {
    bytes: Vec<u8>,
    executable: bool,
}

type Files = BTreeMap<String, File>;

/// What tools and systems leave beside sources; it would change the hash without any change.
const LEFT_BEHIND: [&str; 3] = ["__pycache__", ".DS_Store", ".pytest_cache"];
/// A link to a directory above itself ends here.
const MAX_DEPTH: usize = 64;

fn walk(dir: &Path, prefix: &str, depth: usize, files: &mut Files) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other(format!("`{}` is nested more than {MAX_DEPTH} deep", dir.display())));
    }
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if LEFT_BEHIND.contains(&name.as_str()) {
            continue;
        }
        let (path, inside) = (entry.path(), format!("{prefix}{name}"));
        let metadata = std::fs::metadata(&path)?;
        if metadata.is_dir() {
            walk(&path, &format!("{inside}/"), depth + 1, files)?;
        } else {
            files.insert(inside, File { bytes: std::fs::read(&path)?, executable: executable(&metadata) });
        }
    }
    Ok(())
}

#[cfg(unix)]
fn executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn executable(_: &std::fs::Metadata) -> bool {
    false
}

/// Puts a source at its path inside an archive; an archive inside an archive becomes a directory.
fn place(dir: &Path, name: &str, source: &Source, files: &mut Files) -> io::Result<()> {
    match source {
        Source::Archive(path) if dir.join(path).is_dir() => walk(&dir.join(path), &format!("{name}/"), 0, files),
        Source::Archive(_) | Source::RemoteArchive(_) => unzip(name, content(dir, source)?, files),
        Source::Entries(entries) => {
            entries.iter().try_for_each(|(inner, source)| place(dir, &format!("{name}/{inner}"), source, files))
        }
        Source::File(path) => {
            let path = dir.join(path);
            let executable = executable(&std::fs::metadata(&path)?);
            files.insert(name.to_owned(), File { bytes: std::fs::read(path)?, executable });
            Ok(())
        }
        Source::Text(_) | Source::Remote(_) => {
            files.insert(name.to_owned(), File { bytes: content(dir, source)?, executable: false });
            Ok(())
        }
    }
}

fn unzip(name: &str, bytes: Vec<u8>, files: &mut Files) -> io::Result<()> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(io::Error::other)?;
    for n in 0..archive.len() {
        let mut file = archive.by_index(n).map_err(io::Error::other)?;
        if file.is_dir() {
            continue;
        }
        let executable = file.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let inside = format!("{name}/{}", file.name().map_err(io::Error::other)?);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        files.insert(inside, File { bytes, executable });
    }
    Ok(())
}

fn zipped(files: Files) -> io::Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, file) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(if file.executable { 0o755 } else { 0o644 });
        writer.start_file(name, options).map_err(io::Error::other)?;
        writer.write_all(&file.bytes)?;
    }
    Ok(writer.finish().map_err(io::Error::other)?.into_inner())
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
        let hash = |dir: &tempfile::TempDir| Hashes::default().of(dir.path(), &source).unwrap();
        assert_eq!(hash(&a), hash(&b));
        let bytes = content(a.path(), &source).unwrap();
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
        let bytes = content(dir.path(), &Source::Entries(entries)).unwrap();
        let archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(
            archive.file_names().map(|name| name.unwrap().into_owned()).collect::<Vec<_>>(),
            ["app/x.py", "note.txt"]
        );
    }
}
