//! What opens the keys of a state.

use std::sync::Arc;

use crate::aws;
use crate::cli::target::Target;
use crate::engine::key_provider::KeyService;
use crate::state::{Source, StateError};

/// What is at hand to open keys: AWS as `settings` say, without the regions that are `unavailable`. A
/// simulation asks nobody.
pub(super) fn source(
    target: &Target,
    settings: aws::Settings,
    unavailable: &[String],
) -> std::result::Result<Source, StateError> {
    let source = Source::from_environment(|name| std::env::var(name).ok())?;
    let service = || Arc::new(aws::Kms::new(settings).without(unavailable.to_vec())) as Arc<dyn KeyService>;
    Ok(Source { service: (*target != Target::Twin).then(service), ..source })
}
