//! What a user has after cloning, and a shell in it.

use std::path::{Path, PathBuf};
use std::process::Command;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A copy of what a user has after cloning, but for the source.
pub struct Checkout {
    folder: tempfile::TempDir,
}

impl Checkout {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in ["stacks", "examples"] {
            copy(&root().join(part), &folder.path().join(part));
        }
        Self { folder }
    }

    /// Runs a line of shell in it, with drctl on the path; gives what it said.
    ///
    /// # Panics
    /// If it fails.
    pub fn run(&self, line: &str, environment: &[(&str, &str)]) -> String {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_drctl"));
        let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-eu", "-c", line])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env_remove("DRCTL_LOCAL")
            .env_remove("ENVIRONMENT_SUFFIX")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "`{line}` ended with {}\n{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Puts one text in the place of another in a file.
    ///
    /// # Panics
    /// If the text is not there just once.
    pub fn replace(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if name == ".drctl" || name == "__pycache__" {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}
