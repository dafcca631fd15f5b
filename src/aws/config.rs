//! How AWS is reached: credentials, endpoints, time limits and retries, from the environment that
//! every AWS tool reads.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::service_config::ServiceConfigKey;

use crate::engine::asset::Asset;
use crate::engine::error::{Error, Kind, Result};

/// Gives the bytes of a file or an archive, as the cloud should get them.
pub type ReadAsset = Arc<dyn Fn(&Asset) -> Result<Vec<u8>> + Send + Sync>;

/// What may be chosen about the way to AWS. The default takes everything from the environment.
#[derive(Clone)]
pub struct Settings {
    /// Profile of the AWS configuration files.
    pub profile: Option<String>,
    /// Region of the calls that belong to no region of the program, such as `sts:GetCallerIdentity`.
    /// Without it and without a configured one the metadata service of EC2 is asked, which takes a
    /// second anywhere else.
    pub region: Option<String>,
    /// Regions in which we ask who we are and take on roles, until one answers; the one above if there
    /// are none.
    pub sts_regions: Vec<String>,
    /// Endpoint of all services.
    pub endpoint_url: Option<String>,
    /// Attempts at one call, from 1. `AWS_MAX_ATTEMPTS` overrides it.
    pub attempts: Option<u32>,
    /// The accounts that may be changed. Empty allows all.
    pub allowed_account_ids: Vec<String>,
    /// Takes the place of the credentials that the environment names.
    pub credentials: Option<SharedCredentialsProvider>,
    /// Roles to take on, each with the credentials of the one before.
    pub roles: Vec<Role>,
    /// Takes the place of the real HTTP client, in tests.
    pub http_client: Option<SharedHttpClient>,
    /// Where the bytes of files and archives come from.
    pub read_asset: ReadAsset,
}

/// A role to take on; see `sts:AssumeRole`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Role {
    pub arn: String,
    pub session_name: Option<String>,
    pub external_id: Option<String>,
    /// A policy document that narrows what the role may do.
    pub policy: Option<String>,
    pub policy_arns: Vec<String>,
    /// From 15 minutes to 12 hours; an hour if it is not given.
    pub session: Option<Duration>,
    pub tags: BTreeMap<String, String>,
}

impl Role {
    /// The same way to AWS as this role.
    async fn taken(self, config: SdkConfig, region: Option<&String>) -> SdkConfig {
        let mut builder = AssumeRoleProvider::builder(self.arn).configure(&config);
        if let Some(region) = region {
            builder = builder.region(Region::new(region.clone()));
        }
        if let Some(name) = self.session_name {
            builder = builder.session_name(name);
        }
        if let Some(id) = self.external_id {
            builder = builder.external_id(id);
        }
        if let Some(policy) = self.policy {
            builder = builder.policy(policy);
        }
        if !self.policy_arns.is_empty() {
            builder = builder.policy_arns(self.policy_arns);
        }
        if let Some(session) = self.session {
            builder = builder.session_length(session);
        }
        if !self.tags.is_empty() {
            builder = builder.tags(self.tags);
        }
        let provider = SharedCredentialsProvider::new(builder.build().await);
        config.into_builder().credentials_provider(provider).build()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            profile: None,
            region: None,
            sts_regions: Vec::new(),
            endpoint_url: None,
            attempts: None,
            allowed_account_ids: Vec::new(),
            credentials: None,
            roles: Vec::new(),
            http_client: None,
            read_asset: Arc::new(|asset| Err(Error::bug(format!("nobody can read the {asset}")))),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { profile, region, endpoint_url, allowed_account_ids, .. } = self;
        f.debug_struct("Settings")
            .field("profile", profile)
            .field("region", region)
            .field("endpoint_url", endpoint_url)
            .field("allowed_account_ids", allowed_account_ids)
            .finish_non_exhaustive()
    }
}

/// The region of the first calls where neither settings nor environment name one.
const FIRST_REGION: &str = "us-east-1";

/// Attempts at one call. With the backoff of the SDK the last one starts about a minute after the
/// first. `AWS_MAX_ATTEMPTS` overrides it.
const ATTEMPTS: u32 = 8;

/// Attempts at the first call, within about three seconds if nobody listens.
const FIRST_ATTEMPTS: u32 = 3;
const FIRST_CONNECT: Duration = Duration::from_secs(3);
const FIRST_ATTEMPT: Duration = Duration::from_secs(20);

const CONNECT: Duration = Duration::from_secs(5);
const ATTEMPT: Duration = Duration::from_secs(60);

/// Reads the environment once. Other regions are copies with another name.
pub(super) async fn load(settings: &Settings) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .app_name(AppName::new("drctl").expect("letters are a valid name"))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT)
                .read_timeout(ATTEMPT)
                .operation_attempt_timeout(ATTEMPT)
                .build(),
        );
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(credentials) = &settings.credentials {
        loader = loader.credentials_provider(credentials.clone());
    }
    if let Some(client) = &settings.http_client {
        loader = loader.http_client(client.clone());
    }
    let config = loader.load().await;
    let retry = match std::env::var_os("AWS_MAX_ATTEMPTS").and(config.retry_config()) {
        Some(chosen) => RetryConfig::adaptive().with_max_attempts(chosen.max_attempts()),
        None => RetryConfig::adaptive().with_max_attempts(settings.attempts.unwrap_or(ATTEMPTS)),
    };
    let region = config.region().cloned().unwrap_or_else(|| Region::from_static(FIRST_REGION));
    let mut config = config.into_builder().retry_config(retry).region(region).build();
    for role in &settings.roles {
        config = role.clone().taken(config, settings.sts_regions.first()).await;
    }
    config
}

/// The same way with less patience, for the first call, whose answer everything waits for.
pub(super) fn impatient(config: &SdkConfig) -> SdkConfig {
    let attempts = config.retry_config().map_or(FIRST_ATTEMPTS, RetryConfig::max_attempts).min(FIRST_ATTEMPTS);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(FIRST_CONNECT)
        .read_timeout(FIRST_ATTEMPT)
        .operation_attempt_timeout(FIRST_ATTEMPT)
        .build();
    let retry = RetryConfig::adaptive().with_max_attempts(attempts);
    config.clone().into_builder().retry_config(retry).timeout_config(timeouts).build()
}

/// Attempts at one call for a state. Who waits for it has other things to do if a bucket is away.
const STATE_ATTEMPTS: u32 = 4;

/// How long a bucket of states may take to begin an answer. S3 needs far under a second.
const STATE_ATTEMPT: Duration = Duration::from_secs(6);
/// The same for all attempts at a call: after that a bucket is away, and its copy is turned to.
const STATE_CALL: Duration = Duration::from_secs(13);
/// Bytes a second that what is written to a bucket gets through at the least.
const STATE_UPLOAD: u64 = 64 << 10;

/// The time limits of a call for a state that sends so many bytes.
pub(crate) fn state_timeouts(bytes: usize) -> TimeoutConfig {
    let sending = Duration::from_secs(bytes as u64 / STATE_UPLOAD);
    TimeoutConfig::builder()
        .connect_timeout(FIRST_CONNECT)
        .read_timeout(STATE_ATTEMPT + sending)
        .operation_attempt_timeout(STATE_ATTEMPT + sending)
        .operation_timeout(STATE_CALL + 2 * sending)
        .build()
}

/// A client for what is no resource: the bucket of a state. It repeats whatever failed in a passing way.
pub(crate) async fn s3_client(settings: &Settings) -> aws_sdk_s3::Client {
    let config = load(settings).await;
    let config = aws_sdk_s3::config::Builder::from(&config)
        .force_path_style(has_endpoint(&config, "s3"))
        .retry_config(RetryConfig::standard().with_max_attempts(STATE_ATTEMPTS))
        .timeout_config(state_timeouts(0));
    aws_sdk_s3::Client::from_conf(config.build())
}

/// What the user calls the credentials: `profile `prod``, or the environment variables.
pub(super) fn credentials_name(settings: &Settings) -> String {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if settings.credentials.is_some() {
        return "the settings".into();
    }
    if given("AWS_ACCESS_KEY_ID").is_some() {
        return "the environment (`AWS_ACCESS_KEY_ID`)".into();
    }
    let profile = settings.profile.clone().or_else(|| given("AWS_PROFILE")).unwrap_or_else(|| "default".into());
    format!("profile `{profile}`")
}

/// Says whose credentials have ended, by [`credentials_name`].
pub(super) fn signed_out(error: Error, name: &str) -> Error {
    let login = match name.split('`').nth(1).filter(|_| name.starts_with("profile")) {
        Some("default") => "run `aws sso login`, or name a profile with `AWS_PROFILE`".to_owned(),
        Some(profile) => format!("renew them, with `aws sso login --profile {profile}` for example"),
        None => "renew them".to_owned(),
    };
    let message = match &error.code {
        Some(_) => format!("AWS takes the credentials of {name} no more: {}", error.message),
        None => format!("there are no valid credentials of {name}: {}", error.message),
    };
    let hint = format!("{login}, then run again; `aws sts get-caller-identity` tells whether it helped");
    Error { message, ..error }.hint(hint)
}

/// The same for a bucket of states, whose profile counts for more than keys in the environment.
pub(crate) fn signed_out_of_state(error: Error, profile: Option<&str>) -> Error {
    let name = profile.map(|profile| format!("profile `{profile}`"));
    signed_out(error, &name.unwrap_or_else(|| credentials_name(&Settings::default())))
}

/// Whether a service is reached at an endpoint other than AWS's own.
pub(super) fn has_endpoint(config: &SdkConfig, service: &str) -> bool {
    endpoint(config, service).is_some()
}

/// The address of a service, if it is not AWS's own. It may hold a password.
fn endpoint(config: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let named = key.ok().and_then(|key| config.service_config()?.load_config(key));
    named.or_else(|| config.endpoint_url().map(str::to_owned))
}

/// Says whom nobody could reach. Other errors stay as they are.
pub(super) fn located(error: Error, service: &str, region: &str, config: &SdkConfig) -> Error {
    if error.kind != Kind::Unreachable || error.hint.is_some() {
        return error;
    }
    let (at, hint) = match endpoint(config, service).as_deref().map(without_password) {
        Some(url) => (format!(" at {url}"), "start it, or correct `AWS_ENDPOINT_URL` or the profile's `endpoint_url`"),
        None => (String::new(), "check the network, the name server and `HTTPS_PROXY`; `drctl doctor` tells more"),
    };
    let message = format!("{service} in {region}{at} does not answer: {}", error.message);
    Error { message, ..error }.hint(hint)
}

fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: Option<&str>) -> SdkConfig {
        let mut builder = SdkConfig::builder();
        builder.set_endpoint_url(url.map(str::to_owned));
        builder.build()
    }

    #[test]
    fn who_does_not_answer_is_told_with_its_address_and_never_with_a_password() {
        let silence = || Error::new(Kind::Unreachable, "connection refused");
        let said = located(silence(), "ec2", "us-east-1", &config(Some("http://user:secret@localhost:1")));
        assert_eq!(said.message, "ec2 in us-east-1 at http://localhost:1 does not answer: connection refused");
        assert!(said.hint.unwrap().contains("AWS_ENDPOINT_URL"));
        let said = located(silence(), "sts", "us-east-1", &config(None));
        assert_eq!(said.message, "sts in us-east-1 does not answer: connection refused");
        assert!(said.hint.unwrap().contains("HTTPS_PROXY"));
    }

    #[test]
    fn an_answer_of_the_cloud_stays_as_it_is() {
        let answer = Error { code: Some("InternalError".into()), ..Error::new(Kind::Outage, "an error") };
        assert_eq!(located(answer.clone(), "ec2", "us-east-1", &config(None)), answer);
    }

    #[test]
    fn a_bucket_that_is_silent_is_given_up_soon_and_a_long_upload_is_not() {
        let call = |bytes| state_timeouts(bytes).operation_timeout().unwrap();
        assert!(call(0) <= Duration::from_secs(20), "{:?}", call(0));
        let limits = state_timeouts(10 << 20);
        assert!(limits.read_timeout().unwrap() >= Duration::from_secs(160), "{limits:?}");
        assert!(limits.operation_timeout() > limits.operation_attempt_timeout(), "{limits:?}");
    }

    #[test]
    fn the_first_call_is_made_with_less_patience() {
        let retry = |attempts| Some(RetryConfig::adaptive().with_max_attempts(attempts));
        let of = |attempts| impatient(&config(None).into_builder().retry_config(retry(attempts).unwrap()).build());
        assert_eq!(of(8).retry_config().unwrap().max_attempts(), 3);
        assert_eq!(of(1).retry_config().unwrap().max_attempts(), 1);
    }
}
