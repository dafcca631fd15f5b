//! The loss of a primary region, played to the stacks that take over by themselves: deployed on an API
//! server that runs their functions. Bad metrics raise an alarm, the alarm reaches a rule, the rule calls
//! the orchestrator, which checks, moves the writer and tells a topic.
//!
//! What is not the stack's own in this play, and why:
//!
//! - the metrics: the server has no databases and no load balancers that a probe could find well, and calls
//!   nothing by a schedule, so the test writes what the probes would;
//! - the lag of the replication: the server measures none;
//! - two links that `tests/emulators/ministack.py` adds to the server: alarms tell EventBridge of their
//!   states, and keep to their dimensions.
//!
//! Two refusals cannot be deployed there, since the server lets anybody take any role and stops no member
//! of a global database: those, and a failover that AWS itself has in progress, are in
//! `tests/functions/test_orchestrator.py`.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::checkout::{Checkout, root};
use crate::support::emulator::{ministack, python};
use crate::verify::on_ministack;

struct Play {
    stack: &'static str,
    account: &'static str,
    regions: [&'static str; 2],
    /// What `tests/emulators/outage.py` reads.
    described: Value,
}

impl Play {
    fn is_played(&self) -> String {
        let (checkout, environment) = (Checkout::new(), on_ministack(self.account));
        let run = |line: &str| checkout.run(&format!("{line} --stack {} --skip-unsupported", self.stack), &environment);
        run("drctl up --yes");
        let told = self.outage();
        // That somebody else writes now is no difference.
        run("drctl preview --expect-no-changes");
        run("drctl preview --refresh --expect-no-changes");
        run("drctl destroy --force-override-protection --yes");
        assert_eq!(ministack().leftovers(self.account, &self.regions), "");
        told
    }

    fn outage(&self) -> String {
        let mut process = Command::new(python())
            .arg(root().join("tests/emulators/outage.py"))
            .args([&ministack().endpoint, self.account])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(self.described.to_string().as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
        told
    }
}

#[test]
fn the_payments_survive_the_loss_of_their_primary_region() {
    let play = Play {
        stack: "payments-aurora",
        account: "300000000061",
        regions: ["us-east-1", "us-east-2"],
        described: json!({
            "region": "us-east-2",
            "function": "dr-failover-orchestrator-dev",
            "topic": "dr-alerts-dev",
            "global_cluster": "global-db-v2-dev",
            "target": "dr-db-cluster-v2-dev",
            "lock": "/drctl/failover-lock-payments-dev",
            "namespace": "Payments/DisasterRecovery",
            "witnesses": [{
                "metric": "DatabaseConnectivity",
                "dimensions": {"Role": "dr", "Target": "remote", "Suffix": "payments-dev"},
                "period": 60,
            }],
        }),
    };
    insta::assert_snapshot!(play.is_played(), @r"
    no lag was measured: refused (lag-unknown), told; the primary writes
    another run moves the writer: refused (locked), not told; the primary writes
    the primary is lost: succeeded (to dr-db-cluster-v2-dev), told; the target writes
    the primary is still lost: refused (already-writer), not told; the target writes
    ");
}

/// Both witnesses must agree: a composite alarm is what the rule waits for.
#[test]
fn the_trading_platform_survives_the_loss_of_its_primary_region() {
    let dimensions = |target: &str| json!({"Role": "standby", "Target": target, "Suffix": "tp-dev"});
    let play = Play {
        stack: "trading-platform",
        account: "300000000062",
        regions: ["us-east-1", "us-east-2"],
        described: json!({
            "region": "us-east-2",
            "function": "tp-failover-standby-dev",
            "topic": "tp-incidents-standby-dev",
            "global_cluster": "tp-aurora-global-dev",
            "target": "tp-aurora-standby-dev",
            "lock": "/drctl/failover-lock-tp-dev",
            "namespace": "DR/Trading",
            "witnesses": [
                {"metric": "RegionHealthy", "dimensions": dimensions("primary"), "period": 30},
                {"metric": "DatabaseConnectivity", "dimensions": dimensions("remote"), "period": 30},
            ],
        }),
    };
    insta::assert_snapshot!(play.is_played(), @r"
    no lag was measured: refused (lag-unknown), told; the primary writes
    another run moves the writer: refused (locked), not told; the primary writes
    the primary is lost: succeeded (to tp-aurora-standby-dev), told; the target writes
    the primary is still lost: refused (already-writer), not told; the target writes
    ");
}

#[test]
fn the_trading_database_survives_the_loss_of_its_primary_region() {
    let play = Play {
        stack: "trading-database",
        account: "300000000063",
        regions: ["us-east-1", "eu-west-1"],
        described: json!({
            "region": "eu-west-1",
            "function": "failover-orchestrator-secondary-dev",
            "topic": "alerts-secondary-dev",
            "global_cluster": "aurora-global-dev",
            "target": "aurora-secondary-dev",
            "lock": "/drctl/failover-lock-dev",
            "namespace": "DisasterRecovery",
            "witnesses": [{
                "metric": "DatabaseConnectivity",
                "dimensions": {"Role": "secondary", "Target": "remote", "Suffix": "dev"},
                "period": 60,
            }],
        }),
    };
    insta::assert_snapshot!(play.is_played(), @r"
    no lag was measured: refused (lag-unknown), told; the primary writes
    another run moves the writer: refused (locked), not told; the primary writes
    the primary is lost: succeeded (to aurora-secondary-dev), told; the target writes
    the primary is still lost: refused (already-writer), not told; the target writes
    ");
}
