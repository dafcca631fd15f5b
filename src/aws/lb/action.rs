//! What a listener does with requests.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_elasticloadbalancingv2::types as sdk;

use crate::aws::mirror::{Field, Mirror, mirror, words};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, one_of, refers, unordered, write_only};
use crate::engine::secret::Secret;

words!(
    sdk::ActionTypeEnum,
    sdk::AdvertiseTrustStoreCaNamesEnum,
    sdk::AuthenticateCognitoActionConditionalBehaviorEnum,
    sdk::AuthenticateOidcActionConditionalBehaviorEnum,
    sdk::JwtValidationActionAdditionalClaimFormatEnum,
    sdk::RedirectActionStatusCodeEnum,
);

fn host() -> String {
    "#{host}".to_owned()
}

fn path() -> String {
    "/#{path}".to_owned()
}

fn port() -> String {
    "#{port}".to_owned()
}

fn protocol() -> String {
    "#{protocol}".to_owned()
}

fn query() -> String {
    "#{query}".to_owned()
}

mirror! {
    /// A step of what a listener does. The last one answers or passes on.
    pub struct ListenerDefaultAction = sdk::Action {
        /// Login by Cognito.
        #[serde(rename = "authenticateCognito")]
        pub authenticate_cognito_config: Option<ListenerAuthenticateCognito>,
        /// Login by OpenID Connect.
        #[serde(rename = "authenticateOidc")]
        pub authenticate_oidc_config: Option<ListenerAuthenticateOidc>,
        /// Fixed answer.
        #[serde(rename = "fixedResponse")]
        pub fixed_response_config: Option<ListenerFixedResponse>,
        /// Target groups that share requests.
        #[serde(rename = "forward")]
        #[schemars(transform = computed)]
        pub forward_config: Option<ListenerForward>,
        /// Check of JSON Web Tokens.
        #[serde(rename = "jwtValidation")]
        pub jwt_validation_config: Option<ListenerJwtValidation>,
        /// Place among the steps.
        #[schemars(transform = computed, range(min = 1, max = 50_000))]
        pub order: Option<i32>,
        /// Redirection to another address.
        #[serde(rename = "redirect")]
        pub redirect_config: Option<ListenerRedirect>,
        /// Target group that gets all requests.
        #[schemars(transform = computed, transform = refers("aws:lb/targetGroup:TargetGroup.arn"))]
        pub target_group_arn: Option<String>,
        /// Kind of the step.
        #[schemars(transform = one_of(&["authenticate-cognito", "authenticate-oidc", "fixed-response", "forward", "jwt-validation", "redirect"]))]
        pub r#type: String,
    }

    /// Login by Cognito.
    pub struct ListenerAuthenticateCognito = sdk::AuthenticateCognitoActionConfig {
        /// Further parameters of the login, up to ten.
        pub authentication_request_extra_params: Option<BTreeMap<String, String>>,
        /// What happens without a login.
        #[schemars(transform = computed, transform = one_of(&["allow", "authenticate", "deny"]))]
        pub on_unauthenticated_request: Option<String>,
        /// Claims that are asked for.
        #[schemars(transform = computed)]
        pub scope: Option<String>,
        /// Name of the session's cookie.
        #[schemars(transform = computed)]
        pub session_cookie_name: Option<String>,
        /// Longest session in seconds.
        #[schemars(transform = computed, range(min = 1, max = 604_800))]
        pub session_timeout: Option<i64>,
        /// ARN of the user pool.
        pub user_pool_arn: String,
        /// Client of the user pool.
        pub user_pool_client_id: String,
        /// Domain of the user pool.
        pub user_pool_domain: String,
    }

    /// Login by OpenID Connect.
    pub struct ListenerAuthenticateOidc = sdk::AuthenticateOidcActionConfig {
        /// Further parameters of the login, up to ten.
        pub authentication_request_extra_params: Option<BTreeMap<String, String>>,
        /// Where logins begin.
        pub authorization_endpoint: String,
        /// Client.
        pub client_id: String,
        /// Secret of the client.
        #[schemars(transform = write_only)]
        pub client_secret: Secret<String>,
        /// Issuer of the logins.
        pub issuer: String,
        /// What happens without a login.
        #[schemars(transform = computed, transform = one_of(&["allow", "authenticate", "deny"]))]
        pub on_unauthenticated_request: Option<String>,
        /// Claims that are asked for.
        #[schemars(transform = computed)]
        pub scope: Option<String>,
        /// Name of the session's cookie.
        #[schemars(transform = computed)]
        pub session_cookie_name: Option<String>,
        /// Longest session in seconds.
        #[schemars(transform = computed, range(min = 1, max = 604_800))]
        pub session_timeout: Option<i64>,
        /// Where codes become tokens.
        pub token_endpoint: String,
        /// Where claims are.
        pub user_info_endpoint: String,
    }

    /// A fixed answer.
    pub struct ListenerFixedResponse = sdk::FixedResponseActionConfig {
        /// Kind of the text.
        #[schemars(transform = one_of(&["application/javascript", "application/json", "text/css", "text/html", "text/plain"]))]
        pub content_type: String,
        /// Text.
        #[schemars(length(max = 1024))]
        pub message_body: Option<String>,
        /// HTTP status.
        #[schemars(transform = computed)]
        pub status_code: Option<String>,
    }

    /// Target groups that share requests.
    pub struct ListenerForward = sdk::ForwardActionConfig {
        /// Whether clients stay with their target group.
        #[serde(rename = "stickiness")]
        #[schemars(transform = computed)]
        pub target_group_stickiness_config: Option<ListenerForwardStickiness>,
        /// Target groups.
        #[schemars(transform = unordered, length(min = 1, max = 5))]
        pub target_groups: Vec<ListenerForwardTargetGroup>,
    }

    /// Whether clients stay with their target group.
    pub struct ListenerForwardStickiness = sdk::TargetGroupStickinessConfig {
        /// Seconds that clients stay.
        #[serde(rename = "duration")]
        #[schemars(transform = computed, range(min = 1, max = 604_800))]
        pub duration_seconds: Option<i32>,
        /// Whether clients stay.
        #[serde(default)]
        pub enabled: bool,
    }

    /// The share of a target group.
    pub struct ListenerForwardTargetGroup = sdk::TargetGroupTuple {
        /// Target group.
        #[serde(rename = "arn")]
        #[schemars(transform = refers("aws:lb/targetGroup:TargetGroup.arn"))]
        pub target_group_arn: String,
        /// Weight of the share.
        #[schemars(transform = computed, range(min = 0, max = 999))]
        pub weight: Option<i32>,
    }

    /// A check of JSON Web Tokens.
    pub struct ListenerJwtValidation = sdk::JwtValidationActionConfig {
        /// Further claims that are checked.
        pub additional_claims: Option<Vec<ListenerJwtClaim>>,
        /// Issuer of the tokens.
        pub issuer: String,
        /// Where the issuer's keys are.
        pub jwks_endpoint: String,
    }

    /// A claim of a token.
    pub struct ListenerJwtClaim = sdk::JwtValidationActionAdditionalClaim {
        /// Form of its value.
        #[schemars(transform = one_of(&["single-string", "space-separated-values", "string-array"]))]
        pub format: String,
        /// Name.
        pub name: String,
        /// Values that pass.
        pub values: Vec<String>,
    }

    /// A redirection. The parts of the old address stand in `#{…}`.
    pub struct ListenerRedirect = sdk::RedirectActionConfig {
        /// Host.
        #[serde(default = "host")]
        pub host: String,
        /// Path.
        #[serde(default = "path")]
        pub path: String,
        /// Port.
        #[serde(default = "port")]
        pub port: String,
        /// Protocol.
        #[schemars(transform = one_of(&["#{protocol}", "HTTP", "HTTPS"]))]
        #[serde(default = "protocol")]
        pub protocol: String,
        /// Query.
        #[serde(default = "query")]
        pub query: String,
        /// Whether the redirection is for good.
        #[schemars(transform = one_of(&["HTTP_301", "HTTP_302"]))]
        pub status_code: String,
    }

    /// What clients must show of themselves.
    pub struct ListenerMutualAuthentication = sdk::MutualAuthenticationAttributes {
        /// Whether clients are told which authorities count.
        #[schemars(transform = computed, transform = one_of(&["off", "on"]))]
        pub advertise_trust_store_ca_names: Option<String>,
        /// Whether certificates that have expired pass.
        #[serde(default)]
        pub ignore_client_certificate_expiry: bool,
        /// Whether certificates are asked for, and who checks them.
        #[schemars(transform = one_of(&["off", "passthrough", "verify"]))]
        pub mode: String,
        /// Trust store.
        pub trust_store_arn: Option<String>,
    }
}

impl Mirror<HashMap<String, String>> for BTreeMap<String, String> {
    fn send(&self) -> Result<HashMap<String, String>> {
        Ok(self.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn show(sdk: HashMap<String, String>) -> Result<Self> {
        Ok(sdk.into_iter().collect())
    }
}

impl Field<String> for Secret<String> {
    fn put(&self) -> Result<Option<String>> {
        Ok(Some(self.reveal().clone()))
    }

    /// AWS never shows it.
    fn take(_: &str, sdk: Option<String>) -> Result<Self> {
        Ok(Self::new(sdk.unwrap_or_default()))
    }
}
