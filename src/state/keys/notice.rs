//! What the user should know of the keys.

use std::fmt;
use std::path::PathBuf;

use crate::engine::key_provider::KeyProvider;

/// Something the user should know about the keys, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A key file was made.
    KeyFileMade(PathBuf),
    /// A passphrase was given, but the key file still opens the secrets and no passphrase does.
    PassphraseUnused(PathBuf),
    /// Something else opens the secrets than the user asks for.
    Differs { wanted: KeyProvider, sealed_by: String },
    /// These regions did not open the data key, and that one did.
    OtherRegion { used: String, failed: Vec<(String, String)> },
    /// A rotation did not end, so old and new both open the secrets.
    RotationUnfinished,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyFileMade(path) => {
                write!(f, "secrets are sealed with the new key in {}: keep it, and keep it to yourself", path.display())
            }
            Self::PassphraseUnused(path) => {
                write!(f, "the passphrase is not used: {} still opens the secrets", path.display())
            }
            Self::Differs { wanted, sealed_by } => write!(
                f,
                "`{wanted}` is asked for, and {sealed_by} opens the secrets: `drctl state rotate-key` changes that"
            ),
            Self::OtherRegion { used, failed } => {
                let failed: Vec<String> =
                    failed.iter().map(|(region, why)| format!("{region} failed: {why}")).collect();
                write!(f, "the secrets were opened by KMS in {used} ({})", failed.join("; "))
            }
            Self::RotationUnfinished => {
                f.write_str("a rotation of the keys did not end: run `drctl state rotate-key` again")
            }
        }
    }
}
