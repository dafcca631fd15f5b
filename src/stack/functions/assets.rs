//! Files and archives for the cloud.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::arguments::{map, noun, text};
use super::{Fault, Outcome, Site};
use crate::engine::asset::{Asset, Source};
use crate::engine::value::Value;
use crate::stack::assets::{self, Unhashed};
use crate::stack::remote;

/// Why a path cannot be read, and where it was looked for.
pub(super) fn unreadable(name: &str, site: &Site, error: &std::io::Error) -> String {
    let why = match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    let elsewhere = site.here != site.program && !Path::new(name).is_absolute() && site.program.join(name).exists();
    let hint = if elsewhere { "; paths are relative to the file that they are written in" } else { "" };
    format!("`{name}` {why}{hint}")
}

/// The path relative to the program, whatever file it is written in.
fn from_program(name: &str, site: &Site) -> String {
    if Path::new(name).is_absolute() || site.here == site.program {
        return name.to_owned();
    }
    let (here, program) = (clean(&site.here.join(name)), clean(site.program));
    let common = here.components().zip(program.components()).take_while(|(a, b)| a == b).count();
    let up = program.components().skip(common).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(here.components().skip(common)).collect();
    path.to_string_lossy().into_owned()
}

/// Words for what a path or an address stands for, the same on every machine.
pub(super) fn told(name: &str, site: &Site) -> String {
    match Path::new(name).strip_prefix(site.program) {
        Ok(inside) => format!("`{}`", inside.display()),
        Err(_) => format!("`{}`", from_program(name, site)),
    }
}

/// The path without `.` and `..` inside.
fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

fn hashed(source: Source, name: &str, site: &Site) -> Outcome {
    if let Source::Remote(url) | Source::RemoteArchive(url) = &source
        && !url.starts_with(assets::LOCAL)
    {
        remote::check(url).map_err(|why| Fault::new(format!("`{url}` cannot be fetched: {why}")))?;
    }
    match site.assets.hash(&source) {
        Ok(sha256) => {
            match &source {
                // Their parts were read by themselves, or stand in the program.
                Source::Text(_) | Source::Entries(_) => {}
                Source::Remote(url) | Source::RemoteArchive(url) => {
                    site.reads.note_hash(format!("`{url}`"), sha256.clone());
                }
                Source::File(_) | Source::Archive(_) => site.reads.note_hash(told(name, site), sha256.clone()),
            }
            Ok(Value::Asset(Box::new(Asset { source, sha256 })))
        }
        Err(Unhashed::Remote(url)) => Err(Fault::Remote(url)),
        Err(Unhashed::Io(error)) => Err(Fault::new(unreadable(name, site, &error))),
    }
}

pub(super) fn string(value: &Value, site: &Site) -> Outcome {
    hashed(Source::Text(text(value)?), "", site)
}

pub(super) fn file(value: &Value, site: &Site) -> Outcome {
    let name = text(value)?;
    hashed(Source::File(from_program(&name, site)), &name, site)
}

pub(super) fn behind(value: &Value, site: &Site) -> Outcome {
    let url = text(value)?;
    hashed(Source::Remote(url.clone()), &url, site)
}

pub(super) fn archive(value: &Value, site: &Site) -> Outcome {
    let name = text(value)?;
    hashed(Source::Archive(from_program(&name, site)), &name, site)
}

pub(super) fn remote_archive(value: &Value, site: &Site) -> Outcome {
    let url = text(value)?;
    hashed(Source::RemoteArchive(url.clone()), &url, site)
}

pub(super) fn entries(value: &Value, site: &Site) -> Outcome {
    let mut sources = BTreeMap::new();
    for (path, item) in map(value)? {
        let Value::Asset(asset) = item else {
            return Err(Fault::new(format!("`{path}` must be a file or an archive, not {}", noun(item))));
        };
        assets::check_inside(path).map_err(|why| Fault::new(why.to_string()))?;
        sources.insert(path.clone(), asset.source.clone());
    }
    hashed(Source::Entries(sources), "the archive", site)
}
