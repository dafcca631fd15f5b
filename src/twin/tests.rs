//! Calls as the engine makes them, on the types of [`crate::twin::testing`].

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::engine::clock::Clock;
use crate::engine::error::{Error, Kind, Result};
use crate::engine::provider::{At, Catalog, KindAt, Live, Made, Next, Provider};
use crate::engine::resource::{Seen, Want};
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::Value;
use crate::twin::{Calls, Entry, Fault, Operation, Twin, logbook, testing};

const REGION: &str = "us-east-1";
const START: &str = "2026-01-01T00:00:00Z";

fn twin() -> Twin {
    twin_of(testing::catalog())
}

fn twin_of(catalog: Arc<Catalog>) -> Twin {
    Twin::new(catalog, Clock::starting(START.parse().unwrap()))
}

fn kind(ty: &str) -> KindAt {
    kind_in(ty, REGION)
}

fn kind_in(ty: &str, region: &str) -> KindAt {
    let ty = if ty.contains(':') { ty.to_owned() } else { format!("test:index:{ty}") };
    KindAt { ty, place: Place(region.to_owned()) }
}

fn at(ty: &str, name: &str) -> At {
    at_in(ty, name, REGION)
}

fn at_in(ty: &str, name: &str, region: &str) -> At {
    let kind = kind_in(ty, region);
    At {
        urn: Urn::new("prod", "dr", &kind.ty, name),
        kind,
        attempt: format!("attempt-{name}"),
        owner: format!("lineage/{name}"),
        company: None,
    }
}

async fn create(twin: &Twin, at: &At, inputs: serde_json::Value) -> Result<Id> {
    made(twin, at, inputs).await.map(|made| made.id)
}

async fn made(twin: &Twin, at: &At, inputs: serde_json::Value) -> Result<Made> {
    twin.create(at, &Value::from_json(inputs)).await
}

async fn read(twin: &Twin, kind: &KindAt, id: &Id) -> Seen<Live> {
    twin.read(kind, std::slice::from_ref(id), &Want::All).await.unwrap().remove(0)
}

async fn ready(twin: &Twin, kind: &KindAt, id: &Id) -> Live {
    match read(twin, kind, id).await {
        Seen::Ready(live) => live,
        other => panic!("{id} is not ready: {other:?}"),
    }
}

async fn update(twin: &Twin, at: &At, id: &Id, inputs: serde_json::Value) -> Result<Next> {
    let live = Live { inputs: Value::Null, outputs: Value::Null };
    twin.update(at, id, &Value::from_json(inputs), &live).await
}

async fn delete(twin: &Twin, at: &At, id: &Id) -> Result<Next> {
    delete_with(twin, at, id, json!({})).await
}

async fn delete_with(twin: &Twin, at: &At, id: &Id, applied: serde_json::Value) -> Result<Next> {
    twin.delete(at, id, &Value::from_json(applied), None).await
}

fn code(error: &Error) -> (Kind, &str) {
    (error.kind, error.code.as_deref().unwrap_or_default())
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

mod aurora;
mod aws;
mod create;
mod delete;
mod dns;
mod faults;
mod functions;
mod gateways;
mod inspect;
mod interfaces;
mod network;
mod persistence;
mod scale;
mod storage;
mod update;
