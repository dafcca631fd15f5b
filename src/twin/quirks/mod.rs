//! Rules of AWS that no schema can say, by type. A type without an entry has none.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::error::Result;
use crate::engine::provider::Next;
use crate::engine::urn::Place;
use crate::engine::value::{Map, Value};
use crate::twin::cloud::lasting;
use crate::twin::refusal::Refusal;
use crate::twin::row::{Member, Row, Serial};
use crate::twin::world::World;

use std::collections::BTreeSet;

mod retention;

/// The rules of one type. Each has a default that allows everything.
#[derive(Clone, Copy)]
pub(super) struct Quirk {
    token: &'static str,
    admit: fn(&Draft<'_>) -> Result<Birth>,
    amend: fn(Serial, &Draft<'_>) -> Result<()>,
    end: fn(&Ending<'_>) -> Result<End>,
    show: fn(&World, Serial, &mut Map, &mut Map),
}

/// Inputs that were accepted so far.
pub(super) struct Draft<'a> {
    pub(super) world: &'a World,
    pub(super) no: Refusal<'a>,
    pub(super) place: &'a Place,
    pub(super) inputs: &'a Map,
    /// The rows that the inputs refer to.
    pub(super) refers: &'a BTreeSet<Serial>,
}

/// What a rule adds to a new row.
#[derive(Default)]
pub(super) struct Birth {
    pub(super) member: Option<Member>,
    /// Why it will never be ready.
    pub(super) failed: Option<String>,
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
    /// Something else has to happen first.
    Step(Step),
}

/// What happens instead of a deletion, on the way to it.
pub(super) enum Step {
    /// The cluster leaves its global database.
    Leaves,
    /// The row is changed for so many seconds; an input is emptied.
    Empties { input: &'static str, word: &'static str, seconds: u32 },
    /// No call can be made until another resource has moved.
    Waits(String),
}

const PLAIN: Quirk = Quirk {
    token: "",
    admit: |_| Ok(Birth { member: None, failed: None }),
    amend: |_, _| Ok(()),
    end: |_| Ok(End::Now),
    show: |_, _, _, _| {},
};

/// All rules, a group of types each.
const GROUPS: [&[Quirk]; 1] = [&retention::QUIRKS];

/// The rules of a type.
pub(super) fn of(token: &str) -> &'static Quirk {
    GROUPS.iter().flat_map(|group| group.iter()).find(|q| q.token == token).unwrap_or(&PLAIN)
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

    /// What a deletion comes to.
    pub(super) fn end(&self, ending: &Ending<'_>) -> Result<End> {
        (self.end)(ending)
    }

    /// Adds what depends on other rows: inputs first, outputs second.
    pub(super) fn show(&self, world: &World, serial: Serial, inputs: &mut Map, outputs: &mut Map) {
        (self.show)(world, serial, inputs, outputs);
    }
}

/// Does the step and says how the caller hears of it.
pub(super) fn take(world: &mut World, serial: Serial, step: Step, now: Timestamp) -> Next {
    match step {
        Step::Leaves => {
            world.seat(serial, None);
            world.enter(serial, lasting("removing-from-global-cluster", 60, now));
            Next::More("leaving the global cluster".to_owned())
        }
        Step::Empties { input, word, seconds } => {
            world.change(
                serial,
                |_| Vec::new(),
                |row| {
                    row.inputs.shift_remove(input);
                },
            );
            world.enter(serial, lasting(word, seconds, now));
            Next::More(word.to_owned())
        }
        Step::Waits(on) => Next::Waits(on),
    }
}

/// Whether the cloud deletes resources of that type no matter who still names them.
pub(super) fn may_be_orphaned(token: &str) -> bool {
    const TOKENS: [&str; 15] = [
        "aws:backup/vault:Vault",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:dynamodb/table:Table",
        "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
        "aws:kms/key:Key",
        "aws:kms/replicaKey:ReplicaKey",
        "aws:lambda/function:Function",
        "aws:route53/healthCheck:HealthCheck",
        "aws:s3/bucket:Bucket",
        "aws:s3/bucketV2:BucketV2",
        "aws:secretsmanager/secret:Secret",
        "aws:sns/topic:Topic",
        "aws:sqs/queue:Queue",
        "aws:ssm/parameter:Parameter",
    ];
    TOKENS.contains(&token)
}
