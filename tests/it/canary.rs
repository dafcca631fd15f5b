//! Secrets are planted wherever one can enter, and searched for in every byte that drctl writes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use drctl::engine::clock::Clock;
use drctl::engine::error::Result;
use drctl::engine::layer::{Call, Layer};
use drctl::engine::provider::Provider;
use drctl::twin::{Twin, testing};
use futures::future::BoxFuture;

use crate::support::ask::Ask;
use crate::support::checkout::root;
use crate::support::emulator::{Emulator, ministack};
use crate::support::lab::Said;
use crate::support::proxy::{Fault, Proxy};
use crate::support::stage::{Stage, told};
use crate::support::terminal::Terminal;
use crate::support::wire::Refusal;

const TOKEN: &str = "canary\"qTOKENq-1";
/// What no text but a secret holds.
const CORES: [&str; 5] = ["qTOKENq-1", "qDEFAULTq-2", "qLITERALq-3", "qPLAINVALUEq-4", "qMASTERq-5"];

/// A project with the canaries, all that was said in it, and where its runs go.
struct Cage {
    folder: tempfile::TempDir,
    said: Vec<(String, String)>,
    endpoint: Option<String>,
    account: String,
}

impl Cage {
    fn new(server: Option<&Emulator>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for dir in ["stacks", "tmp"] {
            std::fs::create_dir(folder.path().join(dir)).unwrap();
        }
        std::fs::copy(root().join("tests/it/data/canary.yaml"), folder.path().join("stacks/canary.yaml")).unwrap();
        let account = server.map_or_else(|| "1".to_owned(), |server| server.account().0);
        Self { folder, said: Vec::new(), endpoint: server.map(|s| s.endpoint.clone()), account }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drctl"));
        command.args(line.split(' ')).current_dir(&self.folder).stdin(Stdio::null()).env_clear();
        command.env("HOME", self.folder.path()).env("TMPDIR", self.path("tmp")).env("USER", "tester");
        command.env("PATH", std::env::var("PATH").unwrap()).env("TERM", "xterm");
        command.env("RUST_BACKTRACE", "full").env("RUST_LOG", "trace").env("DRCTL_LOG", "trace");
        command.env("CANARY_TOKEN", TOKEN).env("AWS_REGION", "us-east-1").env("AWS_EC2_METADATA_DISABLED", "true");
        match &self.endpoint {
            Some(endpoint) => command
                .env("AWS_ENDPOINT_URL", endpoint)
                .env("AWS_ACCESS_KEY_ID", &self.account)
                .env("AWS_SECRET_ACCESS_KEY", "secret")
                .env("DRCTL_TARGET", "cage"),
            None => command.env("DRCTL_LOCAL", "1"),
        };
        command
    }

    #[track_caller]
    fn run(&mut self, line: &str, code: i32) -> Said {
        let said = Said::of(&self.command(line).output().unwrap());
        self.said.push((line.to_owned(), format!("{}\n{}", said.out, said.err)));
        said.ends_with(code)
    }

    /// The generated password, which only this may show.
    fn password(&self) -> String {
        let output = self.command("outputs password --show-secrets").output().unwrap();
        let password = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        assert_eq!(password.len(), 24, "{password}");
        password
    }

    /// Every file but the program, and everything that was said.
    fn everything(&self) -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<(String, Vec<u8>)> =
            self.said.iter().map(|(line, text)| (format!("drctl {line}"), text.clone().into_bytes())).collect();
        collect(self.folder.path(), &self.path("stacks"), &mut all);
        all
    }

    #[track_caller]
    fn holds_no_canary(&self, password: Option<&str>) {
        let cores: Vec<&str> = CORES.into_iter().chain(password).collect();
        let marks: Vec<(&str, String)> = cores.iter().flat_map(|core| forms(core).map(|form| (*core, form))).collect();
        for (what, bytes) in self.everything() {
            for (core, form) in &marks {
                let place = bytes.windows(form.len()).position(|window| window == form.as_bytes());
                if let Some(place) = place {
                    let around = &bytes[place.saturating_sub(200)..(place + 100).min(bytes.len())];
                    panic!("`{core}` is in {what}:\n{}", String::from_utf8_lossy(around));
                }
            }
        }
    }
}

/// The text itself, and what is sure to stand in the Base64 of anything that holds it.
fn forms(core: &str) -> impl Iterator<Item = String> {
    let encoded = (0..3usize).map(move |before| {
        let text = BASE64.encode([&vec![b'x'; before], core.as_bytes()].concat());
        let whole = (before + core.len()) / 3 * 4;
        text[before.div_ceil(3) * 4..whole].to_owned()
    });
    std::iter::once(core.to_owned()).chain(encoded)
}

fn collect(dir: &Path, but: &Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap).filter(|entry| entry.path() != but) {
        let path = entry.path();
        match path.is_dir() {
            true => collect(&path, but, all),
            false => all.push((path.display().to_string(), std::fs::read(&path).unwrap())),
        }
    }
}

/// Everything that people ask for after a run.
fn look_around(cage: &mut Cage) {
    for line in [
        "state ls",
        "state ls --json",
        "outputs",
        "outputs --json",
        "history",
        "history show",
        "graph",
        "graph --format mermaid",
        "graph --format svg",
        "stack ls",
        "stack export",
        "state check",
        "config ls",
        "permissions",
        "doctor",
        "validate",
    ] {
        let said = Said::of(&cage.command(line).output().unwrap());
        cage.said.push((line.to_owned(), format!("{}\n{}", said.out, said.err)));
    }
    let rows = ["password", "version", "parameter", "open", "cluster", "role", "function", "template", "topic"];
    rows.iter().for_each(|name| drop(cage.run(&format!("state show {name}"), 0)));
}

#[test]
fn on_the_twin_no_secret_is_in_any_byte_that_is_written() {
    let mut cage = Cage::new(None);
    cage.run("preview", 0);
    cage.run("preview --json --show-unchanged", 0);
    cage.run("preview --markdown", 0);
    cage.run("up --yes --show-unchanged", 0);
    let password = cage.password();
    look_around(&mut cage);
    cage.run("preview --expect-no-changes", 0);
    cage.run("refresh --yes", 0);
    let program = cage.path("stacks/canary.yaml");
    let text = std::fs::read_to_string(&program).unwrap();
    let changed = text.replace("canary-q", "kanari-q").replace("postgres://", "mysql://");
    std::fs::write(&program, changed.replace("memorySize: ${size}", "memorySize: 256")).unwrap();
    for line in ["preview", "preview --json", "preview --markdown", "preview --refresh", "preview --save-plan saved"] {
        let said = cage.run(line, 0);
        assert!(said.out.contains("[secret]") || said.err.contains("[secret]"), "{line}");
    }
    cage.run("up --yes --json", 0);
    look_around(&mut cage);
    cage.holds_no_canary(Some(&password));
    cage.run("destroy --yes", 0);
    cage.holds_no_canary(Some(&password));
}

#[test]
fn what_is_refused_in_a_program_is_told_without_its_secrets() {
    let mistakes = [
        ("length: 24", "length: ${token}"),
        ("recoveryWindowInDays: 0", "recoveryWindowInDays: {fn::add: [\"${token}\", 1]}"),
        ("masterPassword: canary-qMASTERq-5", "masterPasword: canary-qMASTERq-5"),
        ("masterPassword: canary-qMASTERq-5", "masterPassword: [canary-qMASTERq-5]"),
        ("type: SecureString", "type: \"${literal}\", tier: \"${fallback}\""),
        ("name: canary, displayName", "name: \"${literal}\", displayName"),
        ("type: integer, default: 128", "type: integer, secret: true, default: canary-qDEFAULTq-2"),
        ("{fn::toBase64: \"${token}\"}", "{fn::readFile: \"${token}\"}"),
        ("{fn::toBase64: \"${token}\"}", "{fn::fromJSON: \"${url}${literal}\"}"),
        ("{fn::secret: 'canary-qLITERALq-3'}", "{fn::secret: 'canary-qLITERALq-3}"),
    ];
    for (from, to) in mistakes {
        let mut cage = Cage::new(None);
        let program = cage.path("stacks/canary.yaml");
        let text = std::fs::read_to_string(&program).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&program, text.replacen(from, to, 1)).unwrap();
        for line in ["validate", "up --yes", "preview --json"] {
            let said = Said::of(&cage.command(line).output().unwrap());
            cage.said.push((format!("{line} with {to}"), format!("{}\n{}", said.out, said.err)));
        }
        cage.holds_no_canary(None);
    }
}

/// A refusal that says all that it was sent, in the forms in which services quote.
fn echo() -> Refusal {
    let secrets = [TOKEN, "canary-qDEFAULTq-2", "canary-qLITERALq-3", "canary-qPLAINVALUEq-4", "canary-qMASTERq-5"];
    let quoted = secrets.map(|s| format!("Value '{s}' ({}) ({})", s.replace('"', "\\\""), BASE64.encode(s)));
    let message = format!("1 validation error detected: {}", quoted.join(", "));
    Refusal { status: 400, code: "InvalidParameterValue", message: Box::leak(message.into_boxed_str()) }
}

const CARRIERS: [&str; 6] = [
    "rds:CreateDBCluster",
    "lambda:POST functions",
    "secretsmanager:PutSecretValue",
    "ssm:PutParameter",
    "ec2:CreateLaunchTemplate",
    "sns:CreateTopic",
];

#[test]
fn over_http_no_secret_is_in_any_byte_that_is_written_even_if_the_service_says_it() {
    let server = ministack();
    let mut cage = Cage::new(Some(server));
    let refusal = echo();
    let proxy = Proxy::breaking(server, move |ask: &Ask| {
        CARRIERS.contains(&ask.name().as_str()).then_some(Fault::Refused(refusal))
    });
    let direct = cage.endpoint.replace(proxy.endpoint.clone());
    let failed = cage.run("up --yes --skip-unsupported", 4);
    assert!(
        failed.err.contains("cannot create rds:Cluster cluster in us-east-1: 1 validation error"),
        "{}",
        failed.err
    );
    assert!(failed.err.contains("Value '[secret]' ([secret]) ([secret])"), "{}", failed.err);
    cage.run("up --yes --json --skip-unsupported", 4);
    let asked = proxy.take();
    for carrier in CARRIERS {
        assert!(asked.iter().any(|ask| ask.name() == carrier), "nobody asked for {carrier}");
    }

    // Passing failures are told while they last.
    static LEFT: AtomicUsize = AtomicUsize::new(6);
    let slow = Refusal { status: 503, code: "Throttling", ..echo() };
    let passing = Proxy::breaking(server, move |ask: &Ask| {
        let strikes = CARRIERS.contains(&ask.name().as_str())
            && LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
        strikes.then_some(Fault::Refused(slow))
    });
    cage.endpoint = Some(passing.endpoint.clone());
    cage.run("up --yes --skip-unsupported", 0);
    cage.endpoint = direct;
    let password = cage.password();
    look_around(&mut cage);
    cage.run("preview --refresh --skip-unsupported", 0);
    cage.run("preview --markdown --skip-unsupported", 0);
    cage.run("preview --save-plan saved --skip-unsupported", 0);

    // A person at a terminal sees the live view.
    let program = cage.path("stacks/canary.yaml");
    let text = std::fs::read_to_string(&program).unwrap();
    std::fs::write(&program, text.replace("canary-qLITERALq-3", "kanari-qLITERALq-3")).unwrap();
    let mut terminal = Terminal::run(&cage.command("up --skip-unsupported"));
    let question = terminal.expect("Make these changes");
    terminal.send("y\n");
    let (code, screen) = terminal.end();
    cage.said.push(("up at a terminal".to_owned(), format!("{question}\n{screen}")));
    assert_eq!(code, 0, "{screen}");
    cage.holds_no_canary(Some(&password));
}

#[test]
fn a_run_that_is_killed_leaves_no_secret_behind() {
    let server = ministack();
    for nth in [6, 12, 18] {
        let mut cage = Cage::new(Some(server));
        let proxy = Proxy::holding(server, nth, Fault::HeldAfter);
        cage.endpoint = Some(proxy.endpoint.clone());
        let mut process =
            cage.command("up --yes --skip-unsupported").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        proxy.wait_for_the_held();
        process.kill().unwrap();
        process.wait().unwrap();
        proxy.open();
        cage.holds_no_canary(None);
    }
}

/// A cloud with a bug, which stumbles over what it is given.
struct Stumbling(Twin);

impl Layer for Stumbling {
    fn below(&self) -> &dyn Provider {
        &self.0
    }

    fn pass<'a, T: Send + 'a>(&'a self, call: Call<'a>, answer: BoxFuture<'a, Result<T>>) -> BoxFuture<'a, Result<T>> {
        assert!(!call.changes(), "no number: {TOKEN:?}");
        answer
    }
}

#[tokio::test(start_paused = true)]
#[ignore = "run by the test of panics, in a process of its own"]
async fn a_step_panics() {
    drctl::render::panic::tell_no_values();
    let clock = Clock::starting("2026-01-01T00:00:00Z".parse().unwrap());
    let mut stage = Stage::new(Arc::new(Stumbling(Twin::new(testing::catalog(), clock))), clock);
    let report =
        stage.up("name: test\nruntime: yaml\nregions: {primary: eu-west-1}\nresources:\n  a: {type: test:Thing, properties: {name: a}}\n").await;
    let report = report.unwrap_or_else(|problems| panic!("{}", told(&problems)));
    let events = serde_json::to_string(&report.events).unwrap();
    drctl::render::data(format_args!("{events}\n{:?}\n", stage.journal.entries.lock().unwrap()));
}

#[test]
fn a_panic_tells_its_place_and_no_secret() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "canary::a_step_panics", "--ignored", "--nocapture"]).env("RUST_BACKTRACE", "full");
    let said = Said::of(&child.output().unwrap()).ends_with(0);
    assert!(said.err.contains("drctl: a bug at tests/it/canary.rs:"), "{}", said.err);
    assert!(said.err.contains("Stumbling"), "there is a backtrace: {}", said.err);
    assert!(said.out.contains("a step ended by a bug in drctl: its words may hold a value"), "{}", said.out);
    for form in CORES.into_iter().flat_map(forms) {
        assert!(!said.out.contains(&form) && !said.err.contains(&form), "{form} is in\n{}\n{}", said.out, said.err);
    }
}
