//! Keeps what a program reads inside of its project, whatever `..` and symbolic links say.

use std::io;
use std::path::{Path, PathBuf};

/// The directory that a program may read files of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fence {
    /// None if it may read everything.
    root: Option<PathBuf>,
}

impl Fence {
    pub(crate) fn around(directory: &Path) -> Self {
        Self { root: Some(std::fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned())) }
    }

    /// Lets everything through.
    pub(crate) fn open() -> Self {
        Self { root: None }
    }

    /// The path with all links followed.
    ///
    /// # Errors
    /// If that does not exist or lies outside.
    pub(crate) fn enter(&self, path: &Path) -> io::Result<PathBuf> {
        let real = std::fs::canonicalize(path)?;
        match &self.root {
            Some(root) if !real.starts_with(root) => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "it is outside of the project in {}; move it there, or allow it with `assets: {{outside: true}}` in the \
                     stack file",
                    root.display()
                ),
            )),
            _ => Ok(real),
        }
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
        let fence = Fence::around(&project);
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
}
