//! What AWS and the network say, in the engine's terms. What codes and words mean stands in `verdict`.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;

use super::verdict;
use super::watch::CalledOff;
use crate::engine::error::{Error, Kind, Result};

impl<E> From<SdkError<E, HttpResponse>> for Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn from(failure: SdkError<E, HttpResponse>) -> Self {
        let operation = operation::<E>();
        if let Some(CalledOff(why)) = find::<CalledOff>(&failure) {
            return Self { operation: Some(operation), ..why.clone() };
        }
        let error = match &failure {
            SdkError::ServiceError(said) => answered(&operation, said.err(), said.raw()),
            SdkError::ConstructionFailure(_) => Self::new(Kind::Invalid, chain(&failure)),
            SdkError::ResponseError(e) => unreadable(e.raw(), &failure),
            _ => unanswered(&failure),
        };
        let error = if error.kind == Kind::Denied { explain(error, &operation) } else { error };
        Self { operation: Some(operation), ..error }
    }
}

/// AWS answered with an error of its own.
fn answered<E>(operation: &str, said: &E, reply: &HttpResponse) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let meta = said.meta();
    let status = reply.status().as_u16();
    if operation.starts_with("s3:") && (status == 301 || meta.code() == Some("AuthorizationHeaderMalformed")) {
        return elsewhere(reply, meta.code());
    }
    let text = meta.message().unwrap_or_default();
    // An answer to HEAD has no body that could name a code. S3 says 400 there to a token that has expired.
    let code = match meta.code().unwrap_or_default() {
        "" if status == 400 && operation.starts_with("s3:Head") => "ExpiredToken",
        code => code,
    };
    let kind = match not_implemented(reply, code, text) {
        true => Kind::Unsupported,
        false => verdict::kind(operation, code, text, Some(status)),
    };
    let message = match (text, code) {
        ("", "") => format!("HTTP status {status}: {}", chain(said)),
        ("", code) => code.to_owned(),
        (text, _) => text.to_owned(),
    };
    Error {
        code: (!code.is_empty()).then(|| code.to_owned()),
        request_id: meta.extra("aws_request_id").map(str::to_owned).or_else(|| request_id(reply)),
        ambiguous: !(400..500).contains(&status) && !matches!(kind, Kind::Throttled | Kind::Unsupported),
        young: verdict::young(operation, code),
        ..Error::new(kind, message)
    }
}

/// S3 sends callers to the region of a bucket, and does nothing.
fn elsewhere(reply: &HttpResponse, code: Option<&str>) -> Error {
    let region = reply.headers().get("x-amz-bucket-region");
    let region = region.map_or_else(|| "another region than asked".to_owned(), |region| format!("region `{region}`"));
    let code = Some(code.unwrap_or("PermanentRedirect").to_owned());
    Error { code, request_id: request_id(reply), ..Error::invalid(format!("the bucket is in {region}")) }
        .hint("name its region with `region` of the resource, or `--region` of an import")
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
        return Error::new(Kind::Unauthenticated, chain(failure)).hint(hint);
    }
    Error { ambiguous: !never_sent(failure), ..Error::new(Kind::Unreachable, chain(failure)) }
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

/// Emulators answer with a web page, or say so.
fn not_implemented(reply: &HttpResponse, code: &str, message: &str) -> bool {
    let status = reply.status().as_u16();
    let page = matches!(status, 404 | 405 | 500) && is_page(reply);
    status == 501 || page || verdict::is_not_implemented(code, message)
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
    format!("{service}:{}", spelled(service, operation))
}

/// The SDK writes `CreateDbCluster` where AWS writes `CreateDBCluster`.
fn spelled(service: &str, operation: &str) -> String {
    let operation = operation.replace("Db", "DB").replace("Mfa", "MFA").replace("Saml", "SAML");
    if service == "route53" { operation.replace("Vpc", "VPC") } else { operation }
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
