//! The one table that turns what AWS and the network say into the engine's terms.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;

use crate::engine::error::{Error, Kind, Result};

impl<E> From<SdkError<E, HttpResponse>> for Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn from(failure: SdkError<E, HttpResponse>) -> Self {
        let operation = operation::<E>();
        let error = match &failure {
            SdkError::ServiceError(said) => answered(said.err(), said.raw()),
            SdkError::ConstructionFailure(_) => Self::new(Kind::Invalid, chain(&failure)),
            SdkError::ResponseError(e) => unreadable(e.raw(), &failure),
            _ => unanswered(&failure),
        };
        let error = if error.kind == Kind::Denied { explain(error, &operation) } else { error };
        Self { operation: Some(operation), ..error }
    }
}

/// AWS answered with an error of its own.
fn answered<E>(said: &E, reply: &HttpResponse) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let meta = said.meta();
    let status = reply.status().as_u16();
    let text = meta.message().unwrap_or_default();
    let code = meta.code().unwrap_or_default();
    let kind = if not_implemented(reply, code, text) { Kind::Unsupported } else { classify(code, text, status) };
    let message = match (text, code) {
        ("", "") => format!("HTTP status {status}: {}", chain(said)),
        ("", code) => code.to_owned(),
        (text, _) => text.to_owned(),
    };
    Error {
        code: (!code.is_empty()).then(|| code.to_owned()),
        request_id: meta.extra("aws_request_id").map(str::to_owned).or_else(|| request_id(reply)),
        ambiguous: !(400..500).contains(&status) && !matches!(kind, Kind::Throttled | Kind::Unsupported),
        ..Error::new(kind, message)
    }
}

/// An answer came that the SDK cannot read.
fn unreadable(reply: &HttpResponse, failure: &(dyn StdError + 'static)) -> Error {
    let status = reply.status().as_u16();
    let unsupported = not_implemented(reply, "", "");
    let kind = match status {
        _ if unsupported => Kind::Unsupported,
        400..500 => Kind::Invalid,
        _ => Kind::Outage,
    };
    let ambiguous = !unsupported && !(400..500).contains(&status);
    Error { request_id: request_id(reply), ambiguous, ..Error::new(kind, chain(failure)) }
}

/// No answer came.
fn unanswered(failure: &(dyn StdError + 'static)) -> Error {
    if find::<CredentialsError>(failure).is_some() {
        let hint = "run `aws sso login` or set `AWS_PROFILE`; `aws sts get-caller-identity` tells whether it helped";
        return Error::new(Kind::Denied, chain(failure)).hint(hint);
    }
    Error { ambiguous: !never_sent(failure), ..Error::new(Kind::Outage, chain(failure)) }
}

/// Whether no connection was made, so that the request cannot have had an effect.
pub(super) fn never_sent(failure: &(dyn StdError + 'static)) -> bool {
    const SIGNS: [&str; 3] = ["(Connect)", "HTTP connect timeout", "dns error"];
    sources(failure).any(|e| {
        let text = e.to_string();
        SIGNS.iter().any(|sign| text.contains(sign))
            || e.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::ConnectionRefused)
    })
}

fn classify(code: &str, message: &str, status: u16) -> Kind {
    let starts = |heads: &[&str]| heads.iter().any(|h| code.starts_with(h));
    let ends = |tails: &[&str]| tails.iter().any(|t| code.ends_with(t));
    let has = |parts: &[&str]| parts.iter().any(|p| code.contains(p));
    match code {
        _ if has(&["Throttl"]) => Kind::Throttled,
        "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "BandwidthLimitExceeded"
        | "RequestThrottled" => Kind::Throttled,
        _ if has(&["AccessDenied", "ExpiredToken", "AuthFailure", "InvalidClientTokenId"]) => Kind::Denied,
        "UnauthorizedOperation"
        | "AuthorizationError"
        | "AuthorizationErrorException"
        | "NotAuthorized"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidAccessKeyId"
        | "Forbidden"
        | "OptInRequired"
        | "InvalidSignatureException" => Kind::Denied,
        // A reference that does not exist is no answer about the resource itself.
        "InvalidParameterValue" | "InvalidParameterValueException" | "ValidationError" | "ValidationException"
            if says_missing(message) =>
        {
            Kind::NotFound
        }
        // API Gateway has one code for what is there already and for what is busy, and none for what
        // is still in use.
        "ConflictException" if says_taken(message) => Kind::Exists,
        "BadRequestException" if message.starts_with("Active stages pointing") => Kind::Busy,
        "ResourceInUseException" if message.contains("already exists") => Kind::Exists,
        // DynamoDB does one thing after another, and changes an expiry once an hour.
        "ContinuousBackupsUnavailableException" => Kind::Busy,
        "LimitExceededException" if message.starts_with("Subscriber limit exceeded") => Kind::Busy,
        "ValidationException" if message.contains("multiple times within a fixed interval") => Kind::Busy,
        "DependencyViolation"
        | "DeleteConflict"
        | "DeleteConflictException"
        | "OperationAborted"
        | "ResourceInUse"
        | "ResourceInUseException"
        | "ResourceConflictException"
        | "ConflictException"
        | "ConcurrentModification"
        | "ConcurrentModificationException"
        | "ConcurrentAccess"
        | "ConcurrentUpdateException"
        | "IncorrectState"
        | "IncorrectInstanceState"
        | "KMSInvalidStateException"
        | "EntityTemporarilyUnmodifiable"
        | "StaleTag"
        | "StaleTagException"
        | "InstanceRefreshInProgress"
        | "ResourceContention"
        | "ScalingActivityInProgress"
        | "RequestInProgressException"
        | "StateMachineDeleting"
        | "UpdateInProgressException" => Kind::Busy,
        _ if starts(&["InvalidDB", "InvalidGlobal", "InvalidSubnet", "InvalidVPC"])
            && ends(&["StateFault", "State"]) =>
        {
            Kind::Busy
        }
        // A queue of that name ended less than a minute ago.
        _ if ends(&["QueueDeletedRecently"]) => Kind::Busy,
        _ if ends(&["InUse", "InUseException", ".InUse", "IncorrectState"]) => Kind::Busy,
        _ if has(&["AlreadyExists", "AlreadyOwned", "AlreadyInUse", "AlreadyAssociated", ".Duplicate"]) => Kind::Exists,
        _ if starts(&["Duplicate"]) || ends(&["ExistsFault", "ExistsException"]) => Kind::Exists,
        "ResourceExistsException" | "EntityAlreadyExists" | "RouteAlreadyExists" => Kind::Exists,
        _ if has(&["NotFound", "NonExistent", "NotExist"]) || starts(&["NoSuch"]) => Kind::NotFound,
        "NoSuchEntity" | "InvalidResourceId" | "Gateway.NotAttached" => Kind::NotFound,
        _ => match status {
            404 => Kind::NotFound,
            401 | 403 => Kind::Denied,
            409 => Kind::Busy,
            429 => Kind::Throttled,
            500.. => Kind::Outage,
            // An answer that ends early, or that is none.
            ..=399 => Kind::Outage,
            _ => Kind::Invalid,
        },
    }
}

/// Auto Scaling, DynamoDB and a few old APIs know no other way to say that a thing does not exist.
fn says_missing(message: &str) -> bool {
    message.contains("not found")
        && (message.starts_with("AutoScalingGroup name") || message.starts_with("Replica specified"))
}

fn says_taken(message: &str) -> bool {
    message.contains("already exists") || message.contains("already has this name")
}

/// Emulators answer with a web page, or say so.
fn not_implemented(reply: &HttpResponse, code: &str, message: &str) -> bool {
    let status = reply.status().as_u16();
    let message = message.to_ascii_lowercase();
    status == 501
        || matches!(code, "NotImplemented" | "NotImplementedError" | "UnknownOperationException" | "InvalidAction")
        || message.contains("not implemented")
        || message.contains("not been implemented")
        || message.starts_with("unknown action")
        || message.starts_with("unknown route53 endpoint")
        || (matches!(status, 404 | 405 | 500) && is_page(reply))
}

/// Whether an answer is a page for people, which AWS never sends.
pub(super) fn is_page(reply: &HttpResponse) -> bool {
    let body = reply.body().bytes().unwrap_or_default();
    let head = String::from_utf8_lossy(body.get(..64).unwrap_or(body)).to_ascii_lowercase();
    let head = head.trim_start();
    head.starts_with("<!doctype html") || head.starts_with("<html")
}

/// Says what to do about missing rights.
fn explain(error: Error, operation: &str) -> Error {
    if error.hint.is_some() {
        return error;
    }
    let code = error.code.as_deref().unwrap_or_default();
    let hint = match code {
        _ if code.contains("Expired") => "log in again: the credentials have expired".to_owned(),
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException" => {
            "check the access key, the profile, and that the region is enabled in the account".to_owned()
        }
        _ => format!("allow the IAM action `{}`", action(&error.message, operation)),
    };
    error.hint(hint)
}

/// The IAM action that is missing: the one in AWS's message, or the one that the operation needs.
fn action(message: &str, operation: &str) -> String {
    if let Some(named) = message.split("perform: ").nth(1).and_then(|rest| rest.split_whitespace().next()) {
        return named.to_owned();
    }
    let renamed = match operation {
        "s3:HeadBucket" | "s3:ListObjectsV2" => "s3:ListBucket",
        "s3:ListObjectVersions" => "s3:ListBucketVersions",
        "s3:DeleteObjects" => "s3:DeleteObjectVersion",
        "s3:GetBucketEncryption" => "s3:GetEncryptionConfiguration",
        "s3:PutBucketEncryption" => "s3:PutEncryptionConfiguration",
        "s3:GetBucketLifecycleConfiguration" => "s3:GetLifecycleConfiguration",
        "s3:PutBucketLifecycleConfiguration" => "s3:PutLifecycleConfiguration",
        "s3:GetBucketReplication" => "s3:GetReplicationConfiguration",
        "s3:PutBucketReplication" => "s3:PutReplicationConfiguration",
        "s3:GetPublicAccessBlock" => "s3:GetBucketPublicAccessBlock",
        "s3:PutPublicAccessBlock" => "s3:PutBucketPublicAccessBlock",
        "s3:GetObjectLockConfiguration" => "s3:GetBucketObjectLockConfiguration",
        "s3:PutObjectLockConfiguration" => "s3:PutBucketObjectLockConfiguration",
        other => other,
    };
    renamed.to_owned()
}

/// `aws_sdk_ec2::operation::create_vpc::CreateVpcError` → `ec2:CreateVpc`, with the prefix that IAM
/// uses for the service.
fn operation<E>() -> String {
    let name = std::any::type_name::<E>();
    let (module, path) = name.split_once("::").unwrap_or((name, name));
    let service = match module.trim_start_matches("aws_sdk_") {
        "cloudwatchlogs" => "logs",
        "eventbridge" => "events",
        "applicationautoscaling" => "application-autoscaling",
        "sfn" => "states",
        "elasticloadbalancingv2" => "elasticloadbalancing",
        other => other,
    };
    let operation = path.rsplit("::").next().unwrap_or(path);
    let operation = operation.strip_suffix("Error").unwrap_or(operation);
    format!("{service}:{}", spelled(operation))
}

/// The SDK writes `CreateDbCluster` where AWS writes `CreateDBCluster`.
fn spelled(operation: &str) -> String {
    operation.replace("Db", "DB").replace("Mfa", "MFA").replace("Saml", "SAML")
}

fn request_id(reply: &HttpResponse) -> Option<String> {
    let headers = reply.headers();
    headers.get("x-amzn-requestid").or_else(|| headers.get("x-amz-request-id")).map(str::to_owned)
}

fn sources<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |e: &&'a (dyn StdError + 'static)| StdError::source(*e))
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    sources(error).find_map(<dyn StdError>::downcast_ref)
}

/// The causes in one line, without repetitions.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for text in sources(error).map(ToString::to_string) {
        if !said.iter().any(|s| s.contains(&text)) {
            said.push(text);
        }
    }
    said.join(": ")
}

impl From<BuildError> for Error {
    fn from(e: BuildError) -> Self {
        Self::bug(e.to_string())
    }
}

/// For calls where "not found" is an answer and not a failure.
pub trait OrNone<T> {
    /// # Errors
    /// Any other error.
    fn or_none(self) -> Result<Option<T>>;
}

impl<T, E: Into<Error>> OrNone<T> for Result<T, E> {
    fn or_none(self) -> Result<Option<T>> {
        match self.map_err(Into::into) {
            Ok(value) => Ok(Some(value)),
            Err(e) if e.kind == Kind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}
