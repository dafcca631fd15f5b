//! A made-up plan and run that every renderer's snapshot shows.

use serde_json::json;

use super::regions::Regions;
use crate::engine::error::{Error, Kind};
use crate::engine::event::{Ended, Envelope, Event, Skipped, VERSION};
use crate::engine::plan::{Change, Op, Plan, Reason, SetBy, Step};
use crate::engine::state::Key;
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Map, Shown, Value};

pub(crate) fn regions() -> Regions {
    Regions::new([("primary".into(), "us-east-1".into()), ("secondary".into(), "eu-west-1".into())])
}

pub(crate) fn urn(ty: &str, name: &str) -> Urn {
    Urn::new("prod", "trading", ty, name)
}

fn shown(value: impl Into<Value>) -> Shown {
    Shown::of(&value.into())
}

fn absent() -> Shown {
    Shown::of(&Value::Null)
}

fn step(ty: &str, name: &str, place: &str, op: Op, why: Reason) -> Step {
    Step {
        key: Key { urn: urn(ty, name), generation: 0 },
        ty: ty.to_owned(),
        place: Place(place.to_owned()),
        op,
        id: None,
        why: vec![why],
        changes: Vec::new(),
        replacement: None,
        typical: 0,
        company: None,
        at: Some("stacks/prod.yaml:12:3".to_owned()),
    }
}

fn change(path: &str, before: Shown, after: Shown) -> Change {
    Change { path: path.to_owned(), before, after, replaces: false, set_by: SetBy::Program }
}

const VPC: &str = "aws:ec2/vpc:Vpc";
const CLUSTER: &str = "aws:rds/cluster:Cluster";
const ROLE: &str = "aws:iam/role:Role";
const GROUP: &str = "aws:rds/subnetGroup:SubnetGroup";
const ALARM: &str = "aws:cloudwatch/metricAlarm:MetricAlarm";

/// One step of every kind, in two regions and the global place.
pub(crate) fn plan() -> Plan {
    let policy = |action: &str| {
        let statement = json!({"Effect": "Allow", "Action": action, "Resource": "*"});
        shown(json!({"Version": "2012-10-17", "Statement": [statement]}).to_string())
    };
    let secret = Value::from("hunter2").secret();
    let tags = Value::Map(Map::from_iter([("Name".into(), Value::from("main")), ("owner".into(), Value::Unknown)]));
    let steps = vec![
        Step {
            changes: vec![
                change("cidrBlock", absent(), shown("10.1.0.0/16")),
                Change { set_by: SetBy::Default, ..change("enableDnsSupport", absent(), shown(true)) },
                change("tags", absent(), shown(tags)),
            ],
            typical: 2,
            ..step(VPC, "dr/vpc", "eu-west-1", Op::Create, Reason::New)
        },
        Step {
            changes: vec![
                change("engineVersion", shown("15.4"), shown("16.1")),
                change("masterPassword", shown(secret.clone()), shown(secret)),
                Change { set_by: SetBy::Cloud, ..change("tags.Name", shown("hand-made"), shown("db")) },
                Change { set_by: SetBy::Default, ..change("backupRetentionPeriod", shown(7), shown(1)) },
            ],
            typical: 600,
            ..step(CLUSTER, "db", "us-east-1", Op::Update, Reason::Changed)
        },
        Step {
            changes: vec![Change { replaces: true, ..change("name", shown("a"), shown("b")) }],
            replacement: Some(3),
            typical: 3,
            ..step(GROUP, "group", "us-east-1", Op::Create, Reason::Changed)
        },
        Step { replacement: Some(2), ..step(GROUP, "group", "us-east-1", Op::Delete, Reason::Changed) },
        step(ALARM, "lag", "us-east-1", Op::Delete, Reason::GoneFromProgram),
        Step {
            changes: vec![change("assumeRolePolicy", policy("sts:AssumeRole"), policy("sts:TagSession"))],
            ..step(ROLE, "probe", "global", Op::Update, Reason::Changed)
        },
        step(CLUSTER, "unchanging", "eu-west-1", Op::Same, Reason::Changed),
        step(CLUSTER, "old", "us-east-1", Op::Act("lift deletionProtection".into()), Reason::Destroy),
        Step {
            id: Some(Id("vpc-1".into())),
            ..step(VPC, "adopted", "us-east-1", Op::Import, Reason::Asked("--replace".into()))
        },
        step(VPC, "kept", "us-east-1", Op::Forget, Reason::GoneFromProgram),
    ];
    Plan {
        steps,
        edges: vec![(2, 1), (2, 3)],
        held: vec![Step {
            changes: vec![change("description", shown("a"), shown("b"))],
            ..step(ROLE, "app", "global", Op::Update, Reason::Unavailable("us-east-1".into()))
        }],
        notes: vec!["the writer of `global` is now in eu-west-1: its roles are taken as they are".into()],
        outputs: vec![
            ("endpoint".into(), shown("a.example.com"), shown(Value::Unknown)),
            ("port".into(), shown(5432), shown(5432)),
            ("gone".into(), shown("x"), absent()),
        ],
        selection: None,
    }
}

pub(crate) fn quiet_plan() -> Plan {
    Plan { steps: vec![step(VPC, "vpc", "us-east-1", Op::Same, Reason::Changed)], ..Plan::default() }
}

/// A run in which one step is slow, one fails, and one is skipped for it.
pub(crate) fn run() -> Vec<Envelope> {
    let vpc = urn(VPC, "dr/vpc");
    let cluster = urn(CLUSTER, "db");
    let group = urn(GROUP, "group");
    let (east, west) = (Place("us-east-1".into()), Place("eu-west-1".into()));
    let plan = plan();
    let summary = plan.summary();
    let error = Error {
        operation: Some("rds:CreateDBSubnetGroup".into()),
        code: Some("DBSubnetGroupAlreadyExists".into()),
        request_id: Some("6f1c".into()),
        ..Error::new(Kind::Exists, "a subnet group named `b` exists already")
            .hint("import it with `drctl import aws:rds:SubnetGroup group b`")
    };
    let events = [
        (
            0,
            Event::RunStarted {
                version: VERSION,
                run: "01J0000000000000000000000".into(),
                command: "up".into(),
                stack: "prod".into(),
                target: "aws".into(),
                after: None,
            },
        ),
        (1, Event::Planned { plan, summary }),
        (2, Event::StepStarted { urn: vpc.clone(), place: west.clone(), op: Op::Create }),
        (2, Event::StepStarted { urn: group.clone(), place: east.clone(), op: Op::Create }),
        (3, Event::IdKnown { urn: vpc.clone(), id: Id("vpc-0a".into()) }),
        (4, Event::StepDone { urn: vpc, place: west, op: Op::Create, took: 2_000 }),
        (5, Event::StepStarted { urn: cluster.clone(), place: east.clone(), op: Op::Update }),
        (6, Event::Waiting { urn: cluster.clone(), word: "modifying".into(), since: 1_000 }),
        (70, Event::Waiting { urn: cluster.clone(), word: "modifying".into(), since: 65_000 }),
        (75, Event::Waiting { urn: cluster.clone(), word: "modifying".into(), since: 70_000 }),
        (
            76,
            Event::Retrying { urn: group.clone(), error: "Throttling: rate exceeded".into(), attempt: 2, wait: 1_500 },
        ),
        (76, Event::Retrying { urn: group.clone(), error: "The role was not found".into(), attempt: 3, wait: 2_000 }),
        (76, Event::Waiting { urn: group.clone(), word: "throttled by rds in us-east-1".into(), since: 40_000 }),
        (
            77,
            Event::Call {
                operation: "rds:DescribeDBClusters".into(),
                place: east.clone(),
                status: Some(200),
                took: 80,
            },
        ),
        (78, Event::StepFailed { urn: group.clone(), place: east.clone(), op: Op::Create, error }),
        (
            78,
            Event::StepSkipped {
                urn: cluster.clone(),
                place: east,
                op: Op::Update,
                because: Skipped::Dependency(group.clone()),
            },
        ),
        (
            79,
            Event::Diagnostic {
                severity: "warning".into(),
                code: Some("volatile".into()),
                message: "`getRandomPassword` gives another value on every call".into(),
                urn: None,
                at: Some("stacks/prod.yaml:40:5".into()),
                help: Some("use `random:RandomPassword`".into()),
            },
        ),
        (80, Event::Outputs { outputs: vec![("endpoint".into(), shown("a.example.com"))] }),
        (
            81,
            Event::RunEnded {
                version: None,
                ended: Ended::Failed { failed: vec![group], skipped: vec![cluster] },
                summary: crate::engine::plan::Summary { create: 1, ..Default::default() },
                took: 81_000,
                notes: vec!["1 operation was skipped: the endpoint does not implement it".into()],
                unwritten: false,
            },
        ),
    ];
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut seq = 0;
    let envelope = |(second, event): (i64, Event)| {
        seq += u64::from(!event.is_progress());
        Envelope { seq, at: start + jiff::SignedDuration::from_secs(second), event }
    };
    events.into_iter().map(envelope).collect()
}
