//! Rules of AWS that no schema can say, by type. A type without an entry has none.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::engine::error::Result;
use crate::engine::resource::Hold;
use crate::engine::urn::Place;
use crate::engine::value::{Map, Value};
use crate::twin::refusal::Refusal;
use crate::twin::row::{Member, Row, Serial};
use crate::twin::world::World;

mod alarms;
mod aurora;
mod buckets;
mod gateways;
mod interfaces;
mod logs;
mod names;
mod network;
mod peering;
mod records;
mod regions;
mod rehearsed;
mod retention;
mod subscriptions;
mod tables;

pub(super) use interfaces::Interfaces;
pub(super) use regions::in_reach;

/// An output of another row, and what it is now.
pub(super) type Elsewhere = (Serial, &'static str, Value);

/// The rules of one type. Each has a default that allows everything.
#[derive(Clone, Copy)]
pub(super) struct Quirk {
    token: &'static str,
    admit: fn(&Draft<'_>) -> Result<Birth>,
    amend: fn(Serial, &Draft<'_>) -> Result<()>,
    spread: fn(&World, Serial, &Map) -> Vec<Elsewhere>,
    end: fn(&Ending<'_>) -> Result<End>,
    show: fn(&World, Serial, &mut Map, &mut Map),
}

/// Inputs that were accepted so far.
pub(super) struct Draft<'a> {
    pub(super) world: &'a World,
    pub(super) no: Refusal<'a>,
    pub(super) place: &'a Place,
    /// Whose the resource is.
    pub(super) owner: &'a str,
    pub(super) inputs: &'a Map,
    /// The rows that the inputs refer to.
    pub(super) refers: &'a BTreeSet<Serial>,
}

/// What a rule adds to a new row.
#[derive(Default)]
pub(super) struct Birth {
    pub(super) member: Option<Member>,
    /// The row that was kept after a deletion and becomes the new one.
    pub(super) restores: Option<Serial>,
    /// Why it will never be ready.
    pub(super) failed: Option<String>,
    /// Outputs that the rule knows better than the schema.
    pub(super) outputs: Vec<(&'static str, Value)>,
    /// Outputs of other rows that change with it.
    pub(super) elsewhere: Vec<Elsewhere>,
}

/// A row that is to be deleted.
pub(super) struct Ending<'a> {
    pub(super) world: &'a World,
    pub(super) no: Refusal<'a>,
    pub(super) serial: Serial,
    pub(super) row: &'a Row,
    /// The inputs that the caller applied last, its wishes for the deletion among them.
    pub(super) applied: &'a Value,
    pub(super) now: Timestamp,
}

/// What a deletion comes to.
pub(super) enum End {
    /// Usual rules apply.
    Now,
    /// Gone for callers, kept under that word for that long.
    Kept(&'static str, Duration),
    /// Nothing happens until that time has passed.
    Later(Duration),
    /// Something else has to happen first.
    Step(Step),
}

/// What happens instead of a deletion, on the way to it.
pub(super) enum Step {
    /// An input is emptied, which takes some seconds; a cluster leaves its global database so.
    Empties { input: &'static str, word: &'static str, seconds: u32 },
    /// No call can be made until another resource has moved.
    Waits(String),
    /// It is refused until what holds it has gone by itself.
    Held(Hold),
}

const PLAIN: Quirk = Quirk {
    token: "",
    admit: |_| Ok(Birth::default()),
    amend: |_, _| Ok(()),
    spread: |_, _, _| Vec::new(),
    end: |_| Ok(End::Now),
    show: |_, _, _, _| {},
};

/// All rules, a group of types each.
const GROUPS: [&[Quirk]; 13] = [
    &alarms::QUIRKS,
    &aurora::QUIRKS,
    &buckets::QUIRKS,
    &gateways::QUIRKS,
    &logs::QUIRKS,
    &names::QUIRKS,
    &network::QUIRKS,
    &peering::QUIRKS,
    &records::QUIRKS,
    &rehearsed::QUIRKS,
    &retention::QUIRKS,
    &subscriptions::QUIRKS,
    &tables::QUIRKS,
];

/// The rules of a type.
pub(super) fn of(token: &str) -> &'static Quirk {
    GROUPS.iter().flat_map(|group| group.iter()).find(|q| q.token == token).unwrap_or(&PLAIN)
}

impl Draft<'_> {
    /// The row of that type that the inputs refer to.
    fn referred(&self, token: &str) -> Option<(Serial, &Row)> {
        let rows = self.refers.iter().filter_map(|serial| Some((*serial, self.world.row(*serial)?)));
        rows.into_iter().find(|(_, row)| row.token == token)
    }

    fn text(&self, input: &str) -> Option<&str> {
        self.inputs.get(input).and_then(Value::as_str)
    }

    fn is_true(&self, input: &str) -> bool {
        self.inputs.get(input).and_then(Value::as_bool) == Some(true)
    }
}

impl Quirk {
    /// Whether the cloud takes these inputs for a new resource.
    pub(super) fn admit(&self, draft: &Draft<'_>) -> Result<Birth> {
        (self.admit)(draft)
    }

    /// Whether the cloud takes these inputs for a resource that exists.
    pub(super) fn amend(&self, serial: Serial, draft: &Draft<'_>) -> Result<()> {
        (self.amend)(serial, draft)
    }

    /// The inputs of other resources that change when these inputs have been taken.
    pub(super) fn spread(&self, world: &World, serial: Serial, inputs: &Map) -> Vec<Elsewhere> {
        (self.spread)(world, serial, inputs)
    }

    /// What a deletion comes to.
    pub(super) fn end(&self, ending: &Ending<'_>) -> Result<End> {
        (self.end)(ending)
    }

    /// Adds what depends on other rows: inputs first, outputs second.
    pub(super) fn show(&self, world: &World, serial: Serial, inputs: &mut Map, outputs: &mut Map) {
        (self.show)(world, serial, inputs, outputs);
    }
}

/// Whether the cloud deletes resources of that type no matter who still names them.
pub(super) fn may_be_orphaned(token: &str) -> bool {
    const TOKENS: [&str; 15] = [
        "aws:backup/vault:Vault",
        "aws:cloudwatch/logDestination:LogDestination",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:dynamodb/table:Table",
        "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
        "aws:kms/key:Key",
        "aws:kms/replicaKey:ReplicaKey",
        "aws:lambda/function:Function",
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketV2:BucketV2",
        "aws:secretsmanager/secret:Secret",
        "aws:sns/topic:Topic",
        "aws:sqs/queue:Queue",
        "aws:ssm/parameter:Parameter",
    ];
    TOKENS.contains(&token)
}
