//! Source files of a program: read once, with what they extend laid under them.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::engine::diagnostic::{Diagnostic, Location, Source};
use crate::stack::expr::wrong;
use crate::stack::extends;
use crate::stack::yaml::{self, Kind, Node};

/// A stack file that is larger is refused before it is read. All shipped stacks together have less
/// than a thousandth of it.
const MOST_BYTES: u64 = 16 << 20;

/// What is no regular file, such as a pipe or a device, may have no end, so no more is read either.
fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST_BYTES { Err(ErrorKind::FileTooLarge.into()) } else { Ok(text) }
}

pub(crate) struct Files {
    /// Names are shown relative to this directory.
    cwd: PathBuf,
    /// Directory of each source, by its name.
    pub(crate) dirs: HashMap<String, PathBuf>,
    /// Hash of each source that was read, by its path.
    hashes: BTreeMap<PathBuf, [u8; 32]>,
    /// What is wrong with files that could be read all the same.
    pub(crate) slips: Vec<Diagnostic>,
}

impl Files {
    pub(crate) fn new(cwd: &Path) -> Self {
        Self { cwd: cwd.to_owned(), dirs: HashMap::new(), hashes: BTreeMap::new(), slips: Vec::new() }
    }

    /// A hash of everything that was read but for one file. Where it lies makes no difference.
    pub(crate) fn fingerprint(&self, but: &Path) -> String {
        let mut hashes: Vec<[u8; 32]> = self.hashes.iter().filter(|(path, _)| *path != but).map(|(_, h)| *h).collect();
        hashes.sort_unstable();
        hex::encode(Sha256::digest(hashes.concat()))
    }

    /// Directory of the file that a place is in.
    pub(crate) fn dir(&self, at: &Location) -> &Path {
        self.dirs.get(&at.source.name).unwrap_or(&self.cwd)
    }

    /// Reads one file.
    ///
    /// # Errors
    /// If it cannot be read or is no YAML.
    pub(crate) fn read(&mut self, path: &Path) -> Result<Node, Vec<Diagnostic>> {
        let name = path.strip_prefix(&self.cwd).unwrap_or(path).to_string_lossy().into_owned();
        let text = read_text(path).map_err(|error| {
            let why = match error.kind() {
                ErrorKind::NotFound => "does not exist".to_owned(),
                ErrorKind::InvalidData => "is no UTF-8 text".to_owned(),
                ErrorKind::FileTooLarge => {
                    format!("has more than {} MiB, which no stack file may have", MOST_BYTES >> 20)
                }
                ErrorKind::IsADirectory => "is a directory, and a file is needed".to_owned(),
                _ => format!("cannot be read: {error}"),
            };
            vec![Diagnostic::error("unreadable-file", format!("`{name}` {why}"))]
        })?;
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        self.dirs.insert(name.clone(), dir);
        self.hashes.insert(path.to_owned(), Sha256::digest(text.as_bytes()).into());
        let mut problems = Vec::new();
        match yaml::parse(&Arc::new(Source::new(name, text)), &mut problems) {
            Some(node) => {
                self.slips.append(&mut problems);
                Ok(node)
            }
            None => Err(problems),
        }
    }

    /// Reads a file and lays it over the files that it `extends`.
    ///
    /// # Errors
    /// If any of them cannot be read, or extends itself.
    pub(crate) fn read_extended(&mut self, path: &Path) -> Result<Node, Vec<Diagnostic>> {
        self.layered(path, &mut Vec::new())
    }

    fn layered(&mut self, path: &Path, above: &mut Vec<PathBuf>) -> Result<Node, Vec<Diagnostic>> {
        let mut node = self.read(path)?;
        let Kind::Map(entries) = &mut node.kind else { return Ok(node) };
        let Some(index) = entries.iter().position(|e| e.key == "extends") else { return Ok(node) };
        let extends = entries.remove(index);
        let bases: Vec<&Node> = match &extends.value.kind {
            Kind::Text(_) => vec![&extends.value],
            Kind::List(items) => items.iter().collect(),
            _ => return Err(vec![wrong("`extends`", "a path or a list of paths", &extends.value)]),
        };
        above.push(std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
        let mut below: Option<Node> = None;
        for base in bases {
            let Some(written) = base.as_text() else { return Err(vec![wrong("`extends`", "a path", base)]) };
            let file = self.dir(&base.at).join(written);
            if above.contains(&std::fs::canonicalize(&file).unwrap_or_else(|_| file.clone())) {
                let problem = Diagnostic::error("cycle", format!("`{written}` extends itself through this file"));
                return Err(vec![problem.at(base.at.clone())]);
            }
            let layer = self.layered(&file, above).map_err(|problems| {
                let here = |p: Diagnostic| if p.at.is_none() { p.at(base.at.clone()) } else { p };
                problems.into_iter().map(here).collect::<Vec<_>>()
            })?;
            below = Some(match below {
                Some(below) => extends::merge(below, layer),
                None => layer,
            });
        }
        above.pop();
        Ok(match below {
            Some(below) => extends::merge(below, node),
            None => node,
        })
    }
}
