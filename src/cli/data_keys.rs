//! Data keys of Pulumi's stack files, opened and wrapped by AWS KMS.

use std::collections::HashMap;

use zeroize::Zeroizing;

use crate::aws::{self, Kms, KmsNamed};
use crate::cli::runtime::runtime;
use crate::stack::{DataKeys, KeyUrl};

/// AWS KMS, with the credentials of the environment or of the profile that a file names.
#[derive(Debug)]
pub(super) struct ByKms;

impl ByKms {
    /// Files are read inside a runtime too, where another may not be started.
    fn ask<T: Send>(
        url: &KeyUrl,
        call: impl AsyncFn(&Kms, KmsNamed<'_>) -> crate::engine::error::Result<T> + Send + Sync,
    ) -> Result<T, String> {
        let kms = Kms::new(aws::Settings { profile: url.profile.clone(), ..aws::Settings::default() });
        let context: HashMap<String, String> = url.context.clone().into_iter().collect();
        let with = KmsNamed { key: &url.key, region: url.region.as_deref(), context: &context };
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| {
                let runtime = runtime(false).map_err(|_| "no runtime could be started".to_owned())?;
                runtime.block_on(call(&kms, with)).map_err(|error| format!("AWS KMS: {error}"))
            });
            asked.join().map_err(|_| "AWS KMS could not be asked".to_owned())?
        })
    }
}

impl DataKeys for ByKms {
    fn open(&self, url: &KeyUrl, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
        Self::ask(url, async |kms, with| kms.decrypt(with, wrapped).await)
    }

    fn wrap(&self, url: &KeyUrl, plain: &[u8]) -> Result<Vec<u8>, String> {
        Self::ask(url, async |kms, with| kms.encrypt(with, plain).await).map(|(_, sealed)| sealed)
    }
}
