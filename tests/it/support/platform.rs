//! The trading platform on MiniStack, in an account of its own, run by the real program.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::ask::Ask;
use super::checkout::Checkout;
use super::emulator::{Emulator, ministack};
use super::inventory::Inventory;
use super::lab::Said;
use super::proxy::Proxy;

pub const UP: &str = "up --yes --skip-unsupported";
pub const DESTROY: &str = "destroy --yes --skip-unsupported --force-override-protection";
const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];

/// A change of each kind: a file below `stacks/`, a text in it, and what takes its place.
const CHANGES: [(&str, &str, &str); 6] = [
    // Updates.
    ("components/function.yaml", "retentionInDays: 30", "retentionInDays: 14"),
    (
        "components/instances.yaml",
        "volumeSize: {type: integer, default: 20}",
        "volumeSize: {type: integer, default: 30}",
    ),
    // Replacements whose new half comes first: a topic and a group, on which much depends.
    ("trading-platform.yaml", "name: incidents,", "name: alarms,"),
    (
        "components/network.yaml",
        "name: ${prefix}endpoints-sg-${place}\n      description: Endpoints of AWS services",
        "name: ${prefix}services-sg-${place}\n      description: Endpoints of services",
    ),
    // Replacements whose old half goes first, because the new one has its name.
    ("components/function.yaml", "action: lambda:InvokeFunction", "action: lambda:InvokeAsync"),
    ("components/credentials.yaml", "description: ${description}", "description: Another text"),
];

pub struct Platform<'a> {
    checkout: Checkout,
    pub account: String,
    server: &'a Emulator,
}

impl<'a> Platform<'a> {
    pub fn new(server: &'a Emulator, account: &str) -> Self {
        Self { checkout: Checkout::new(), account: account.to_owned(), server }
    }

    /// The program with its arguments, in an environment that knows nothing of its surroundings.
    pub fn drctl(&self, endpoint: &str, line: &str) -> Command {
        let program = std::env::var("SWEPT_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_drctl").to_owned());
        let mut command = Command::new(program);
        command.args(line.split(' ')).current_dir(self.checkout.path()).stdin(Stdio::null()).env_clear().envs([
            ("PATH", std::env::var("PATH").unwrap().as_str()),
            ("HOME", &self.checkout.path().to_string_lossy()),
            ("USER", "tester"),
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ACCESS_KEY_ID", &self.account),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("DRCTL_STACK", "trading-platform"),
            // One state, whatever the port of a proxy is.
            ("DRCTL_TARGET", "platform"),
        ]);
        command
    }

    /// Runs a command on the undisturbed server and waits for its end.
    pub fn run(&self, line: &str) -> Said {
        Said::of(&self.drctl(&self.server.endpoint, line).output().unwrap())
    }

    /// Changes the files of the stack.
    pub fn change(&self) {
        for (file, from, to) in CHANGES {
            self.checkout.replace(&format!("stacks/{file}"), from, to);
        }
    }

    pub fn holdings(&self, inventory: &mut Inventory) -> Vec<String> {
        inventory.tell(&self.account, &REGIONS)
    }
}

/// What an undisturbed life shows, as it is made, changed and gone.
pub struct Undisturbed {
    /// What each operation asked for.
    pub asked: [Vec<Ask>; 3],
    /// What the account holds after each.
    pub holdings: [Vec<String>; 3],
}

impl Undisturbed {
    pub fn on(server: &Emulator, account: &str, inventory: &mut Inventory) -> Self {
        let platform = Platform::new(server, account);
        let proxy = Proxy::to(server);
        let mut seen = |line: &str| {
            Said::of(&platform.drctl(&proxy.endpoint, line).output().unwrap()).ends_with(0);
            (proxy.take(), platform.holdings(inventory))
        };
        let up = seen(UP);
        platform.change();
        let (changed, gone) = (seen(UP), seen(DESTROY));
        Self { asked: [up.0, changed.0, gone.0], holdings: [up.1, changed.1, gone.1] }
    }

    /// The one with which all tests compare.
    pub fn life() -> &'static Self {
        static LIFE: OnceLock<Undisturbed> = OnceLock::new();
        let live = || Self::on(ministack(), "300000000081", &mut Inventory::of(ministack()));
        LIFE.get_or_init(live)
    }
}

/// The lines of one that the other lacks, and the other way round; a line that is there more often
/// counts each time.
pub fn difference(found: &[String], wanted: &[String]) -> String {
    let mut counts: BTreeMap<&str, i32> = BTreeMap::new();
    found.iter().for_each(|line| *counts.entry(line).or_default() += 1);
    wanted.iter().for_each(|line| *counts.entry(line).or_default() -= 1);
    let told = |(line, count): (&str, i32)| match count {
        0 => None,
        n if n > 0 => Some(format!("+{n} {line}")),
        n => Some(format!("{n} {line}")),
    };
    counts.into_iter().filter_map(told).collect::<Vec<_>>().join("\n")
}
