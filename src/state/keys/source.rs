//! What is at hand to open data keys: a passphrase, AWS KMS, or nothing but the files that are there.

use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::engine::key_provider::{KeyProvider, KeyService};
use crate::state::error::{Result, StateError};

/// Holds a passphrase.
pub const PASSPHRASE: &str = "DRCTL_PASSPHRASE";
/// Names a file whose first line is a passphrase.
pub const PASSPHRASE_FILE: &str = "DRCTL_PASSPHRASE_FILE";
/// Hold the passphrase that takes the place of the present one.
pub const NEW_PASSPHRASE: [&str; 2] = ["DRCTL_NEW_PASSPHRASE", "DRCTL_NEW_PASSPHRASE_FILE"];

/// What is at hand to open data keys, and what new ones are to be wrapped by.
#[derive(Clone, Default)]
pub struct Source {
    /// What the user asks for. By default a passphrase if there is one, else a key file.
    pub wanted: Option<KeyProvider>,
    pub passphrase: Option<Zeroizing<String>>,
    /// AWS KMS.
    pub service: Option<Arc<dyn KeyService>>,
}

impl Source {
    pub fn key_file() -> Self {
        Self::default()
    }

    pub fn passphrase(text: &str) -> Self {
        Self { passphrase: Some(Zeroizing::new(text.to_owned())), ..Self::default() }
    }

    /// Whatever `DRCTL_PASSPHRASE` or else `DRCTL_PASSPHRASE_FILE` gives.
    ///
    /// # Errors
    /// If the passphrase is empty or its file cannot be read.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        Ok(Self { passphrase: passphrase([PASSPHRASE, PASSPHRASE_FILE], variable)?, ..Self::default() })
    }

    /// The same with another passphrase, if `DRCTL_NEW_PASSPHRASE` or its file give one.
    ///
    /// # Errors
    /// If the passphrase is empty or its file cannot be read.
    pub fn renewed(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let passphrase = passphrase(NEW_PASSPHRASE, variable)?.or_else(|| self.passphrase.clone());
        Ok(Self { passphrase, ..self.clone() })
    }

    /// What new data keys are wrapped by.
    pub(super) fn provider(&self) -> KeyProvider {
        let usual = if self.passphrase.is_some() { KeyProvider::Passphrase } else { KeyProvider::KeyFile };
        self.wanted.clone().unwrap_or(usual)
    }

    pub(super) fn given_passphrase(&self) -> Result<&Zeroizing<String>> {
        self.passphrase.as_ref().ok_or(StateError::NoPassphrase)
    }

    pub(super) fn given_service(&self) -> Result<&dyn KeyService> {
        self.service.as_deref().ok_or(StateError::NoKeyService)
    }
}

fn passphrase(
    [direct, file]: [&'static str; 2],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Zeroizing<String>>> {
    let (name, text) = match (variable(direct), variable(file)) {
        (Some(text), _) => (direct, Zeroizing::new(text)),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path).map_err(StateError::io("read", Path::new(&path)))?;
            let text = Zeroizing::new(text);
            (file, Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
        }
        (None, None) => return Ok(None),
    };
    if text.is_empty() { Err(StateError::EmptyPassphrase(name)) } else { Ok(Some(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_tried_in_order_and_an_empty_passphrase_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passphrase");
        std::fs::write(&path, "from file\nmore").unwrap();
        let file = |name: &str| (name == PASSPHRASE_FILE).then(|| path.display().to_string());
        let given = |source: Source| source.passphrase.map(|p| p.to_string());
        assert_eq!(given(Source::from_environment(file).unwrap()).as_deref(), Some("from file"));
        let both = |name: &str| if name == PASSPHRASE { Some("direct".to_owned()) } else { file(name) };
        assert_eq!(given(Source::from_environment(both).unwrap()).as_deref(), Some("direct"));
        assert_eq!(given(Source::from_environment(|_| None).unwrap()), None);
        let empty = |name: &str| (name == PASSPHRASE).then(String::new);
        assert!(matches!(Source::from_environment(empty), Err(StateError::EmptyPassphrase(_))));
    }
}
