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
