//! The shipped database stacks over HTTP on API servers that others wrote, as a user would run them.

use std::collections::BTreeMap;

use crate::support::ask::Ask;
use crate::support::checkout::Checkout;
use crate::support::emulator::{Emulator, ministack, own_moto};
use crate::support::proxy::Proxy;

/// A stack in an account, asked for through a proxy that counts.
struct Deployed<'a> {
    checkout: Checkout,
    server: &'a Emulator,
    proxy: Proxy,
    stack: &'static str,
    account: &'static str,
}

impl<'a> Deployed<'a> {
    fn new(server: &'a Emulator, stack: &'static str, account: &'static str) -> Self {
        Self { checkout: Checkout::new(), proxy: Proxy::to(server), server, stack, account }
    }

    fn run(&self, line: &str) -> String {
        let environment = [
            ("AWS_ENDPOINT_URL", self.proxy.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", self.account),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("DRCTL_STACK", self.stack),
        ];
        self.checkout.run(line, &environment)
    }

    /// What the account holds in both regions.
    fn leftovers(&self) -> String {
        self.server.leftovers(self.account, &["us-east-1", "eu-west-1"])
    }

    /// The requests since the last time, by region and operation.
    fn requests(&self) -> String {
        let mut counts: BTreeMap<Ask, usize> = BTreeMap::new();
        for ask in self.proxy.take() {
            *counts.entry(ask).or_default() += 1;
        }
        let line = |(ask, count): (&Ask, &usize)| match ask.readers() {
            types if types > 1 && *count <= types => format!("1 to {types}  {ask}\n"),
            _ => format!("{count:6}  {ask}\n"),
        };
        counts.iter().map(line).collect()
    }

    /// Made, unchanged, changed in one place, and gone.
    fn lives(&self, database: &str) -> Lived {
        let said = self.run("drctl up --skip-unsupported --yes");
        assert!(self.leftovers().contains(database));

        self.run("drctl preview --skip-unsupported --expect-no-changes");
        self.requests();
        self.run("drctl preview --skip-unsupported --refresh --expect-no-changes");
        let refresh = self.requests();

        self.run("sed -i 's/retentionInDays: 30/retentionInDays: 14/' stacks/components/function.yaml");
        let changed = self.run("drctl up --skip-unsupported --yes");
        assert!(changed.contains("5 to update"), "{changed}");
        self.run("drctl preview --skip-unsupported --refresh --expect-no-changes");

        // Route 53 has a copy of each alarm that a check follows.
        self.run("sed -i 's/lagLimit: 5000/lagLimit: 4000/' stacks/components/failover.yaml");
        self.requests();
        self.run("drctl up --skip-unsupported --yes");
        let of_a_changed_alarm = self.requests();

        self.run("drctl destroy --skip-unsupported --force-override-protection --yes");
        assert_eq!(self.leftovers(), "");
        Lived { gaps: gaps(&said), refresh, of_a_changed_alarm }
    }
}

/// What a life on a server showed.
struct Lived {
    /// What the server lacks and drops for the stack.
    gaps: String,
    /// The requests of a refresh.
    refresh: String,
    /// The requests of an `up` after a change of an alarm that a health check follows.
    of_a_changed_alarm: String,
}

/// Sent to Route 53 when a check is made or updated.
const UPDATE_HEALTH_CHECK: &str = "1  us-east-1 route53:POST healthcheck\n";

/// What a run skipped and what was not kept.
fn gaps(said: &str) -> String {
    let lines = said.lines().map(str::trim_start);
    let mut gaps: Vec<&str> = lines.filter(|l| l.starts_with("* skipped") || l.starts_with("* not kept")).collect();
    gaps.sort_unstable();
    gaps.join("\n")
}

/// A stack of two regions of America on a moto of its own: made, unchanged, and gone. Gives what moto lacks for it.
///
/// Moto lacks alarms over the SDK's protocol, and groups whose launch template has user data, and with them what
/// follows from either. It accepts the wish for a replica of a table and makes none: `flags` leave out what cannot
/// come.
pub fn lives_on_moto(checkout: &Checkout, stack: &str, flags: &str) -> String {
    let (server, account) = (own_moto(), "300000000052");
    let environment = [
        ("AWS_ENDPOINT_URL", server.endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", account),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("DRCTL_STACK", stack.trim_end_matches(".yaml")),
    ];
    let run = |line: &str| checkout.run(line, &environment);
    let said = run(&format!("drctl up --skip-unsupported --yes {flags}"));
    run(&format!("drctl preview --skip-unsupported --refresh --expect-no-changes {flags}"));
    run("drctl destroy --skip-unsupported --force-override-protection --yes");
    assert_eq!(server.leftovers(account, &["us-east-1", "us-east-2"]), "");
    gaps(&said)
}

#[test]
fn production_comes_up_changes_in_one_place_and_goes_without_a_trace() {
    let lived = Deployed::new(ministack(), "prod", "300000000002").lives("aurora-global-prod");
    // One call a type and region where AWS lists in bulk; the others have no list that shows their settings.
    insta::assert_snapshot!("requests_of_a_refresh_of_production", lived.refresh);
    assert!(lived.of_a_changed_alarm.contains(UPDATE_HEALTH_CHECK), "{}", lived.of_a_changed_alarm);
}

#[test]
fn the_stack_with_keys_of_aws_comes_up_changes_in_one_place_and_goes_without_a_trace() {
    let deployed = Deployed::new(ministack(), "database-dr", "300000000003");
    let lived = deployed.lives("trading-aurora-global-prod");
    insta::assert_snapshot!("requests_of_a_refresh_of_database_dr", lived.refresh);
    assert!(lived.of_a_changed_alarm.contains(UPDATE_HEALTH_CHECK), "{}", lived.of_a_changed_alarm);
}

/// Moto lacks alarms over the SDK's protocol, and with them the health checks that follow alarms.
#[test]
fn on_moto_both_stacks_live_as_far_as_it_implements_their_operations() {
    let server = own_moto();
    let lived = Deployed::new(&server, "prod", "300000000004").lives("aurora-global-prod");
    insta::assert_snapshot!("what_moto_lacks_for_production", lived.gaps);
    let lived = Deployed::new(&server, "database-dr", "300000000005").lives("trading-aurora-global-prod");
    insta::assert_snapshot!("what_moto_lacks_for_database_dr", lived.gaps);
}
