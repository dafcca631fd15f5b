//! A real stack through a network and services that misbehave: it comes up all the same, once.

use std::collections::HashMap;

use crate::support::ask::Ask;
use crate::support::chance::draw;
use crate::support::emulator::ministack;
use crate::support::inventory::Inventory;
use crate::support::lab::{Lab, Said};
use crate::support::platform::{DESTROY, Platform, UP, Undisturbed, difference};
use crate::support::proxy::{Fault, Proxy};
use crate::support::wire::Refusal;

/// Of so many requests one meets a fault.
const RARITY: u64 = 8;

/// Chooses by the seed, the request and how often it came, so that the order in which requests happen
/// to arrive changes nothing.
fn seeded(seed: u64, faults: &'static [Fault]) -> impl FnMut(&Ask) -> Option<Fault> + Send + 'static {
    let mut seen: HashMap<Ask, u64> = HashMap::new();
    move |ask| {
        let count = *seen.entry(ask.clone()).and_modify(|n| *n += 1).or_default();
        let drawn = |n: u64| draw(&(seed, ask.to_string(), n));
        let strikes = |n: u64| drawn(n).is_multiple_of(RARITY);
        // Twice in a row would test patience, which tests of the engine do without waiting.
        let spared = count > 0 && strikes(count - 1);
        (strikes(count) && !spared).then(|| faults[(drawn(count) / RARITY) as usize % faults.len()])
    }
}

/// Brings the stack up through the faults; gives the requests.
fn comes_up(faults: impl FnMut(&Ask) -> Option<Fault> + Send + 'static) -> Vec<Ask> {
    let lab = Lab::new(ministack());
    let proxy = Proxy::breaking(ministack(), faults);
    lab.run_at(&proxy.endpoint, "up --yes").ends_with(0);
    lab.is_whole();
    lab.run("destroy --yes --force-override-protection").ends_with(0);
    assert_eq!(lab.holdings(), [""; 0]);
    proxy.take()
}

#[test]
fn an_undisturbed_stack_comes_up_and_nothing_is_asked_in_vain() {
    let asked = comes_up(|_| None);
    assert!(asked.len() < 100, "{} requests", asked.len());
}

#[test]
fn throttling_and_slow_answers_are_waited_out() {
    comes_up(seeded(1, &[Fault::Throttled, Fault::Slow]));
}

#[test]
fn failures_without_an_effect_are_tried_again() {
    comes_up(seeded(2, &[Fault::FailsBefore, Fault::DropsBefore]));
}

#[test]
fn failures_after_the_effect_make_no_second_resource() {
    comes_up(seeded(3, &[Fault::FailsAfter, Fault::DropsAfter]));
}

#[test]
fn everything_at_once_changes_nothing_about_the_end() {
    const ALL: [Fault; 6] =
        [Fault::Throttled, Fault::Slow, Fault::FailsBefore, Fault::FailsAfter, Fault::DropsBefore, Fault::DropsAfter];
    comes_up(seeded(4, &ALL));
}

/// Of a hundred requests ten are throttled, three fail with 500 before or after the effect, and two lose
/// their connection after it.
fn bad_day(seed: u64) -> impl FnMut(&Ask) -> Option<Fault> + Send + 'static {
    let mut seen: HashMap<Ask, u64> = HashMap::new();
    move |ask| {
        let count = *seen.entry(ask.clone()).and_modify(|n| *n += 1).or_default();
        match draw(&(seed, ask.to_string(), count)) % 100 {
            0..10 => Some(Fault::Throttled),
            10..12 => Some(Fault::FailsBefore),
            12 => Some(Fault::FailsAfter),
            13..15 => Some(Fault::DropsAfter),
            _ => None,
        }
    }
}

#[test]
fn the_trading_platform_comes_up_with_one_command_on_a_bad_day() {
    let platform = Platform::new(ministack(), "300000000083");
    let proxy = Proxy::breaking(ministack(), bad_day(5));
    Said::of(&platform.drctl(&proxy.endpoint, UP).output().unwrap()).ends_with(0);
    let found = platform.holdings(&mut Inventory::of(ministack()));
    assert_eq!(difference(&found, &Undisturbed::life().holdings[0]), "");
    platform.run("state check").ends_with(0);
    platform.run(DESTROY).ends_with(0);
}

/// What AWS says of things that were made a moment ago and have not spread yet.
const NOT_YET: &[(&str, u16, &str, &str)] = &[
    ("ec2:ModifyVpcAttribute", 400, "InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist"),
    ("ec2:CreateSubnet", 400, "InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist"),
    ("ec2:CreateRouteTable", 400, "InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist"),
    ("ec2:CreateSecurityGroup", 400, "InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist"),
    (
        "ec2:AttachInternetGateway",
        400,
        "InvalidInternetGatewayID.NotFound",
        "The internetGateway ID 'igw-1' does not exist",
    ),
    ("ec2:CreateRoute", 400, "InvalidRouteTableID.NotFound", "The routeTable ID 'rtb-1' does not exist"),
    ("ec2:AssociateRouteTable", 400, "InvalidSubnetID.NotFound", "The subnet ID 'subnet-1' does not exist"),
    ("ec2:AuthorizeSecurityGroupIngress", 400, "InvalidGroup.NotFound", "The security group 'sg-1' does not exist"),
    (
        "ec2:AcceptVpcPeeringConnection",
        400,
        "InvalidVpcPeeringConnectionID.NotFound",
        "The vpcPeeringConnection ID 'pcx-1' does not exist",
    ),
    ("iam:PutRolePolicy", 404, "NoSuchEntity", "The role with name lab cannot be found."),
    (
        "lambda:POST functions",
        400,
        "InvalidParameterValueException",
        "The role defined for the function cannot be assumed by Lambda.",
    ),
    ("s3:PUT versioning", 404, "NoSuchBucket", "The specified bucket does not exist"),
    ("kms:EnableKeyRotation", 400, "NotFoundException", "Key 'arn' does not exist"),
    ("kms:CreateAlias", 400, "NotFoundException", "Key 'arn' does not exist"),
    ("logs:PutRetentionPolicy", 400, "ResourceNotFoundException", "The specified log group does not exist."),
];

/// What a person is told while things are tried again, without what differs from run to run.
fn told_of_tries(said: &str) -> String {
    let address = regex_lite::Regex::new(r"127\.0\.0\.1:\d+").unwrap();
    let wait = regex_lite::Regex::new(r"for [0-9.]+ s").unwrap();
    let cut = |line: &str| wait.replace(&address.replace_all(line, "ADDRESS"), "for a while").into_owned();
    let mut lines: Vec<String> = said.lines().filter(|line| line.starts_with('…')).map(cut).collect();
    lines.sort();
    lines.join("\n")
}

#[test]
fn whoever_waits_for_another_try_is_told_why_and_for_how_long() {
    let lab = Lab::new(ministack());
    let mut seen: Vec<Ask> = Vec::new();
    let proxy = Proxy::breaking(ministack(), move |ask| {
        let first = !seen.contains(ask);
        seen.push(ask.clone());
        let fault = match ask.to_string().as_str() {
            "us-east-1 ec2:CreateVpc" => Fault::Throttled,
            "us-east-1 kms:CreateKey" => Fault::DropsBefore,
            "us-east-1 sns:CreateTopic" => Fault::FailsBefore,
            "us-east-1 logs:PutRetentionPolicy" => {
                let (_, status, code, message) = *NOT_YET.iter().find(|(name, ..)| *name == ask.name())?;
                Fault::Refused(Refusal { status, code, message })
            }
            _ => return None,
        };
        first.then_some(fault)
    });
    // What the SDK repeats by itself is told only if it takes long.
    let said = Said::of(&lab.drctl(&proxy.endpoint, "up --yes").env("AWS_MAX_ATTEMPTS", "1").output().unwrap());
    insta::assert_snapshot!(told_of_tries(&said.ends_with(0).err));
}

#[test]
fn whoever_is_throttled_for_long_is_told_by_whom() {
    let lab = Lab::new(ministack());
    let mut left = 2;
    let proxy = Proxy::breaking(ministack(), move |ask| {
        let strikes = left > 0 && ask.to_string() == "us-east-1 kms:CreateKey";
        left -= i32::from(strikes);
        strikes.then_some(Fault::Throttled)
    });
    let said = lab.run_at(&proxy.endpoint, "up --yes --json").ends_with(0);
    let word = r#""word":"throttled by kms in us-east-1""#;
    assert!(said.out.lines().any(|line| line.contains(r#""event":"waiting""#) && line.contains(word)), "{}", said.out);
}

#[test]
fn what_was_just_made_is_waited_for_until_all_services_see_it() {
    let mut met: Vec<String> = Vec::new();
    let asked = comes_up(move |ask| {
        let (_, status, code, message) = *NOT_YET.iter().find(|(name, ..)| *name == ask.name())?;
        let first = !met.contains(&ask.to_string());
        met.push(ask.to_string());
        first.then_some(Fault::Refused(Refusal { status, code, message }))
    });
    for (name, ..) in NOT_YET {
        assert!(asked.iter().any(|ask| ask.name() == *name), "nobody asks for {name}");
    }
}

/// What AWS says of what it copies to other places while the copy is on its way.
/// That a change of records is pending the server says by itself.
const ON_ITS_WAY: &[(&str, Fault)] = &[
    (
        "eu-west-1 dynamodb:DescribeTable",
        refused(400, "ResourceNotFoundException", "Requested resource not found: Table: spread not found"),
    ),
    (
        "us-east-1 s3:PUT replication",
        refused(
            400,
            "InvalidRequest",
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
        ),
    ),
];

const fn refused(status: u16, code: &'static str, message: &'static str) -> Fault {
    Fault::Refused(Refusal { status, code, message })
}

#[test]
fn copies_in_other_regions_and_on_name_servers_are_waited_for() {
    const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];
    let server = ministack();
    let mut inventory = Inventory::of(server);
    let undisturbed = Lab::with(server, "spread.yaml");
    undisturbed.run(UP).ends_with(0);
    let wanted = inventory.tell(&undisturbed.account, &REGIONS);
    let lab = Lab::with(server, "spread.yaml");
    let mut met: Vec<Ask> = Vec::new();
    let proxy = Proxy::breaking(server, move |ask| {
        let (_, fault) = *ON_ITS_WAY.iter().find(|(name, _)| ask.to_string() == *name)?;
        let first = !met.contains(ask);
        met.push(ask.clone());
        first.then_some(fault)
    });
    let said = lab.run_at(&proxy.endpoint, &format!("{UP} --json")).ends_with(0);
    assert!(said.out.contains("on its way to the name servers"), "{}", said.out);
    let asked = proxy.take();
    for name in ON_ITS_WAY.iter().map(|(name, _)| *name).chain(["us-east-1 route53:GET change"]) {
        let times = asked.iter().filter(|ask| ask.to_string() == name).count();
        assert!(times > 1, "{name} is asked {times} times of {asked:#?}");
    }
    assert_eq!(difference(&inventory.tell(&lab.account, &REGIONS), &wanted), "");
    lab.run("preview --refresh --expect-no-changes --skip-unsupported").ends_with(0);
    lab.run(DESTROY).ends_with(0);
    assert_eq!(inventory.tell(&lab.account, &REGIONS), [""; 0]);
}
