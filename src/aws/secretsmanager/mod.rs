//! Secrets that programs fetch: Secrets Manager.

mod secret;
mod secret_version;

pub use secret::Secret;
pub use secret_version::SecretVersion;
