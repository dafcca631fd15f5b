//! The project that a command stands in, and which of its stacks is meant.

use std::path::{Path, PathBuf};

use crate::cli::Global;
use crate::cli::environment::environment;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, io};
use crate::stack::Request;

/// Where commands look for files.
pub(super) fn directory(global: &Global) -> Result<PathBuf> {
    let here = std::env::current_dir().map_err(io("read", Path::new(".")))?;
    let directory = global.cwd.as_ref().map_or_else(|| here.clone(), |cwd| here.join(cwd));
    if directory.is_dir() {
        return Ok(directory);
    }
    let message = format!("there is no directory {}", directory.display());
    Err(Failure::new(Exit::Configuration, message, "name a directory that exists with `--cwd`"))
}

/// The stack that the command line asks for, with all that its program may depend on.
pub(super) fn request(global: &Global) -> Result<Request> {
    let cwd = directory(global)?;
    let stack = named(global, &cwd)?;
    Ok(Request { stack, cwd, config: global.config.clone(), environment: environment() })
}

/// The stack that was asked for, or the only one there is.
fn named(global: &Global, cwd: &Path) -> Result<String> {
    if let Some(stack) = &global.stack {
        return Ok(stack.clone());
    }
    let mut stacks = stacks_below(cwd);
    match stacks.len() {
        1 => Ok(stacks.remove(0)),
        0 => Err(Failure::new(
            Exit::StackNotFound,
            "no stack was named, and there is none in `stacks/` and no `Pulumi.yaml` here",
            "name one with `--stack`, or another directory with `--cwd`",
        )),
        _ => Err(Failure::new(
            Exit::StackNotFound,
            "no stack was named, and there are several",
            format!("use `--stack` with one of {}", stacks.join(", ")),
        )),
    }
}

pub(super) fn stacks_below(cwd: &Path) -> Vec<String> {
    let files = |directory: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.filter_map(|e| e.file_name().into_string().ok()).collect()
    };
    let here = files(cwd);
    let mut stacks: Vec<String> = if here.iter().any(|f| f == "Pulumi.yaml") {
        let names = here.iter().filter_map(|f| f.strip_prefix("Pulumi.")?.strip_suffix(".yaml"));
        let stacks: Vec<String> = names.map(str::to_owned).collect();
        if stacks.is_empty() { vec!["dev".to_owned()] } else { stacks }
    } else {
        let names = files(&cwd.join("stacks"));
        let stacks = names.iter().filter(|f| !f.starts_with("Pulumi.")).filter_map(|f| f.strip_suffix(".yaml"));
        stacks.map(str::to_owned).collect()
    };
    stacks.sort();
    stacks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_only_stack_needs_no_name() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("stacks")).unwrap();
        assert!(stacks_below(dir.path()).is_empty());
        for name in ["prod.yaml", "test.yaml", "notes.md"] {
            std::fs::write(dir.path().join("stacks").join(name), "").unwrap();
        }
        assert_eq!(stacks_below(dir.path()), ["prod", "test"]);
        std::fs::write(dir.path().join("Pulumi.yaml"), "").unwrap();
        assert_eq!(stacks_below(dir.path()), ["dev"]);
        std::fs::write(dir.path().join("Pulumi.live.yaml"), "").unwrap();
        assert_eq!(stacks_below(dir.path()), ["live"]);
    }
}
