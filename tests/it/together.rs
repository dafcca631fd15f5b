//! Stacks beside each other in one account of an API server: all five, two environments of one, and an
//! example on top.

use crate::gaps;
use crate::stacks::FIVE;
use crate::support::checkout::Checkout;
use crate::support::emulator::ministack;
use crate::verify::on_ministack;

const REGIONS: [&str; 3] = ["us-east-1", "us-east-2", "eu-west-1"];

#[test]
fn all_five_live_in_one_account_of_an_api_server_at_once() {
    let account = "300000000071";
    let (checkout, environment) = (Checkout::new(), on_ministack(account));
    let each = |line: &str| {
        let run = |stack| checkout.run(&format!("{line} --stack {stack} --skip-unsupported"), &environment);
        FIVE.map(|stack| (stack, run(stack)))
    };
    let made = each("drctl up --yes");
    // Some show in a change only.
    checkout.replace(
        "stacks/components/instances.yaml",
        "volumeSize: {type: integer, default: 20}",
        "volumeSize: {type: integer, default: 30}",
    );
    let changed = each("drctl up --yes");
    let said: Vec<_> = made.into_iter().chain(changed).collect();
    // The reviewed list of what MiniStack lacks and drops for them, each with the reason.
    insta::assert_snapshot!("what_ministack_lacks_for_the_five_stacks", gaps::with_reasons("ministack", &said));
    each("drctl preview --refresh --expect-no-changes");
    each("drctl destroy --force-override-protection --yes");
    assert_eq!(ministack().leftovers(account, &REGIONS), "");
}

#[test]
fn two_environments_of_one_stack_live_side_by_side_on_an_api_server() {
    let account = "300000000072";
    let (checkout, environment) = (Checkout::new(), on_ministack(account));
    let run = |line: &str, instance: &str| {
        let line = format!("{line} --stack trading-database@{instance} --skip-unsupported");
        checkout.run(&line, &environment)
    };
    for instance in ["a", "b"] {
        run("drctl up --yes", instance);
    }
    let there = ministack().leftovers(account, &REGIONS);
    for cluster in ["aurora-primary-a", "aurora-secondary-a", "aurora-primary-b", "aurora-secondary-b"] {
        assert!(there.contains(cluster), "{cluster} is not in\n{there}");
    }
    for instance in ["a", "b"] {
        run("drctl preview --refresh --expect-no-changes", instance);
    }
    run("drctl destroy --force-override-protection --yes", "a");
    run("drctl preview --refresh --expect-no-changes", "b");
    run("drctl destroy --force-override-protection --yes", "b");
    assert_eq!(ministack().leftovers(account, &REGIONS), "");
}

#[test]
fn the_payments_with_archived_logs_come_and_go_on_an_api_server() {
    let account = "300000000073";
    let (checkout, environment) = (Checkout::new(), on_ministack(account));
    let run = |line: &str| {
        let line = format!("{line} --stack examples/payments-archived-logs.yaml --skip-unsupported");
        checkout.run(&line, &environment)
    };
    run("drctl up --yes");
    run("drctl preview --refresh --expect-no-changes");
    run("drctl destroy --force-override-protection --yes");
    assert_eq!(ministack().leftovers(account, &REGIONS), "");
}
