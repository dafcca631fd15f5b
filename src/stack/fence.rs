//! Keeps what a program reads inside of its project, whatever `..` and symbolic links say.

use std::io;
use std::path::{Path, PathBuf};

/// The directory of drctl itself.
pub(crate) const OWN: &str = ".drctl";

/// The directories that a program may read files of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fence {
    /// None if it may read everything.
    roots: Option<Vec<PathBuf>>,
}

impl Fence {
    pub(crate) fn around(directories: impl IntoIterator<Item = PathBuf>) -> Self {
        let real = |directory: PathBuf| std::fs::canonicalize(&directory).unwrap_or(directory);
        Self { roots: Some(directories.into_iter().map(real).collect()) }
    }

    /// Lets everything through.
    pub(crate) fn open() -> Self {
        Self { roots: None }
    }

    /// The path with all links followed.
    ///
    /// # Errors
    /// If that does not exist, lies outside, or is drctl's own.
    pub(crate) fn enter(&self, path: &Path) -> io::Result<PathBuf> {
        let real = std::fs::canonicalize(path)?;
        if real.components().any(|part| part.as_os_str() == OWN) {
            let why = format!("it is below `{OWN}`, where drctl keeps keys and states, and no asset can be");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        match &self.roots {
            Some(roots) if !roots.iter().any(|root| real.starts_with(root)) => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "it is outside of the project in {}; move it there, or allow it with `assets: {{outside: true}}` in the \
                     stack file",
                    roots.first().map(|root| root.display().to_string()).unwrap_or_default()
                ),
            )),
            _ => Ok(real),
        }
    }
}

/// The project that a source file in a directory belongs to: what holds its `stacks`, else the directory
/// itself. Files that a program extends or has components in bring theirs. The root of the disk is nobody's
/// project, so `/stacks` is one of its own.
pub(crate) fn home(directory: &Path) -> PathBuf {
    let stacks = directory.ancestors().find(|above| above.file_name().is_some_and(|name| name == "stacks"));
    let is_root = |project: &Path| project.has_root() && project.parent().is_none();
    match stacks {
        Some(stacks) => stacks.parent().filter(|project| !is_root(project)).unwrap_or(stacks).to_owned(),
        None => directory.to_owned(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn neither_dots_nor_links_lead_out_and_inside_all_is_open() {
        let outer = tempfile::tempdir().unwrap();
        let project = outer.path().join("project");
        std::fs::create_dir_all(project.join("code")).unwrap();
        for (file, text) in [("secret", "s"), ("project/code/a", "a")] {
            std::fs::write(outer.path().join(file), text).unwrap();
        }
        for (link, to) in [("file", "../secret"), ("dir", ".."), ("inside", "code/a"), ("twice", "file")] {
            std::os::unix::fs::symlink(to, project.join(link)).unwrap();
        }
        let fence = Fence::around([project.clone()]);
        let kind = |path: &str| fence.enter(&project.join(path)).map_err(|e| e.kind());
        for path in ["../secret", "code/../../secret", "file", "twice", "dir/secret", "dir", "/etc/hostname"] {
            assert_eq!(kind(path), Err(io::ErrorKind::PermissionDenied), "{path}");
            assert!(Fence::open().enter(&project.join(path)).is_ok(), "{path}");
        }
        for path in ["code/a", "code/../inside", "dir/project/code/a", "."] {
            assert!(kind(path).is_ok(), "{path}");
        }
        assert_eq!(kind("nothing"), Err(io::ErrorKind::NotFound));
        assert_eq!(kind("../nothing"), Err(io::ErrorKind::NotFound));
    }

    #[test]
    fn what_drctl_keeps_is_behind_every_fence() {
        let project = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(project.path().join(OWN)).unwrap();
        std::fs::write(project.path().join(OWN).join("key"), "k").unwrap();
        std::os::unix::fs::symlink(".drctl/key", project.path().join("link")).unwrap();
        for fence in [Fence::open(), Fence::around([project.path().to_owned()])] {
            for path in [".drctl", ".drctl/key", "link"] {
                let entered = fence.enter(&project.path().join(path));
                assert_eq!(entered.unwrap_err().kind(), io::ErrorKind::PermissionDenied, "{path}");
            }
        }
    }

    #[test]
    fn a_source_file_brings_the_project_that_it_belongs_to() {
        assert_eq!(home(Path::new("/a/stacks/components")), Path::new("/a"));
        assert_eq!(home(Path::new("/a/stacks")), Path::new("/a"));
        assert_eq!(home(Path::new("/a/b")), Path::new("/a/b"));
        assert_eq!(home(Path::new("stacks")), Path::new(""));
    }

    #[test]
    fn stacks_in_the_root_of_a_disk_do_not_open_the_whole_of_it() {
        assert_eq!(home(Path::new("/stacks")), Path::new("/stacks"));
        assert_eq!(home(Path::new("/stacks/components")), Path::new("/stacks"));
    }
}
