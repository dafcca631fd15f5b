//! The variables that a command goes by.

use std::collections::BTreeMap;

use crate::cli::aws_profile::profile_region;

/// The variables of the process. Where none names a region, the AWS profile does.
pub(super) fn environment() -> BTreeMap<String, String> {
    let own = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let mut environment: BTreeMap<String, String> = own.collect();
    let given = |name: &str| environment.get(name).is_some_and(|region| !region.is_empty());
    if !given("AWS_REGION") && !given("AWS_DEFAULT_REGION") {
        let region = profile_region(&environment).map(|region| ("AWS_DEFAULT_REGION".to_owned(), region));
        environment.extend(region);
    }
    environment
}
