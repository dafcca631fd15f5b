//! AWS as canned answers, for the tests of types.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::Value as Json;

use super::{Aws, Settings, catalog};
use crate::engine::error::Error;
use crate::engine::provider::{At, KindAt, Live, Provider};
use crate::engine::resource::{Seen, Want};
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::Value;

/// What happens to a request.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// Status and body.
    Says(u16, String),
    /// Status and a body that is no text.
    Bytes(u16, Vec<u8>),
    /// S3's answer about a bucket of that region.
    Elsewhere(&'static str),
    TimesOut,
    Refuses,
}

/// An answer with status 200.
pub(super) fn ok(body: impl Into<String>) -> Reply {
    Reply::Says(200, body.into())
}

/// Requests as `METHOD uri body`, each answered by the first reply whose words it holds.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    replies: Arc<Vec<(String, Reply)>>,
    seen: Arc<Mutex<Vec<String>>>,
    /// How often was asked who is asking.
    greeted: Arc<AtomicUsize>,
}

impl Wire {
    /// The requests so far that hold the words.
    pub(super) fn requests(&self, words: &str) -> Vec<String> {
        self.seen.lock().unwrap().iter().filter(|r| r.contains(words)).cloned().collect()
    }

    /// How often STS was asked so far, which counts among no requests.
    pub(super) fn greetings(&self) -> usize {
        self.greeted.load(Ordering::SeqCst)
    }
}

const CALLER: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/u</Arn>\
    <UserId>u</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let action = request.headers().get("x-amz-target").unwrap_or_default();
        let request = format!("{} {} {action} {body}", request.method(), request.uri());
        if request.contains("Action=GetCallerIdentity") {
            self.greeted.fetch_add(1, Ordering::SeqCst);
            return says(200, CALLER);
        }
        self.seen.lock().unwrap().push(request.clone());
        match self.replies.iter().find(|(words, _)| request.contains(words)) {
            Some((_, Reply::Says(status, body))) => says(*status, body.as_str()),
            Some((_, Reply::Bytes(status, body))) => says(*status, body.clone()),
            Some((_, Reply::Elsewhere(region))) => {
                let mut response = HttpResponse::new(StatusCode::try_from(301).unwrap(), SdkBody::empty());
                response.headers_mut().insert("x-amz-bucket-region", *region);
                HttpConnectorFuture::ready(Ok(response))
            }
            Some((_, Reply::TimesOut)) => HttpConnectorFuture::ready(Err(ConnectorError::timeout("slow".into()))),
            Some((_, Reply::Refuses)) => {
                let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
                HttpConnectorFuture::ready(Err(ConnectorError::io(refused.into())))
            }
            None => says(400, format!("<Error><Code>NoCannedReply</Code><Message>{request}</Message></Error>")),
        }
    }
}

fn says(status: u16, body: impl Into<SdkBody>) -> HttpConnectorFuture {
    let status = StatusCode::try_from(status).unwrap();
    let mut response = HttpResponse::new(status, body.into());
    response.headers_mut().insert("x-amzn-requestid", "req-1");
    HttpConnectorFuture::ready(Ok(response))
}

/// AWS in account 123456789012 that knows these replies.
pub(super) fn aws(replies: &[(&str, Reply)]) -> (Aws, Wire) {
    aws_for(&[], replies)
}

/// The same, for the eyes of some accounts only.
pub(super) fn aws_for(accounts: &[&str], replies: &[(&str, Reply)]) -> (Aws, Wire) {
    let allowed_account_ids = accounts.iter().map(|a| (*a).to_owned()).collect();
    aws_with(Settings { allowed_account_ids, ..Settings::default() }, replies)
}

/// The same with other choices than who asks, from where and through what.
pub(super) fn aws_with(settings: Settings, replies: &[(&str, Reply)]) -> (Aws, Wire) {
    let wire = Wire {
        replies: Arc::new(replies.iter().map(|(words, reply)| ((*words).to_owned(), reply.clone())).collect()),
        seen: Arc::default(),
        greeted: Arc::default(),
    };
    let connector = wire.clone();
    let aws = Aws::new(Settings {
        region: Some("eu-west-1".into()),
        credentials: Some(SharedCredentialsProvider::new(Credentials::new("k", "s", None, None, "test"))),
        http_client: Some(http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone()))),
        ..settings
    });
    (aws, wire)
}

/// An attempt at a resource in `eu-west-1`.
pub(super) fn at(ty: &str) -> At {
    At {
        urn: Urn::new("prod", "dr", ty, "one"),
        kind: KindAt { ty: ty.to_owned(), place: Place("eu-west-1".into()) },
        attempt: "01JD0000000000000000000000".into(),
        owner: "lineage/hash".into(),
        company: None,
    }
}

/// Reads one resource.
pub(super) async fn read(aws: &Aws, ty: &str, id: &str) -> Result<Seen<Live>, Error> {
    let mut seen = aws.read(&at(ty).kind, &[Id(id.into())], &Want::All).await?;
    Ok(seen.remove(0))
}

/// Checks that a read of a resource with everything set gives back every input of the type, but
/// for those that are write-only, and those in `unshown`, which exclude others.
pub(super) async fn reads_back(ty: &str, id: &str, replies: &[(&str, Reply)], unshown: &[&str], inputs: Json) -> Live {
    let (aws, _) = aws(replies);
    let live = match read(&aws, ty, id).await.unwrap() {
        Seen::Ready(live) => live,
        other => panic!("{id} is not ready: {other:?}"),
    };
    assert_eq!(live.inputs, Value::from_json(inputs).tainted_like(&live.inputs));
    let schema = catalog().find(ty).unwrap();
    let shown = schema.inputs.properties.iter().filter(|p| !p.write_only && !unshown.contains(&&*p.name));
    let shown: BTreeSet<&str> = shown.map(|p| p.name.as_str()).collect();
    let hidden = |name: &str| schema.inputs.get(name).is_some_and(|p| p.write_only);
    let read = live.inputs.as_map().unwrap().keys().map(String::as_str);
    let read: BTreeSet<&str> = read.filter(|name| !hidden(name)).collect();
    assert_eq!(read, shown, "inputs read and inputs of the type");
    live
}
