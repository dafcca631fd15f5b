//! AWS API servers that others wrote, started once for all tests and ended with them.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_credential_types::Credentials;
use drctl::aws::{Aws, Settings};

/// A running emulator.
pub struct Emulator {
    pub endpoint: String,
    /// Ends itself when its standard input closes, which it does at the end of this process.
    _process: Child,
}

/// Aurora global databases, alarms, S3 and Lambda in depth.
pub fn ministack() -> &'static Emulator {
    static SERVER: OnceLock<Emulator> = OnceLock::new();
    SERVER.get_or_init(|| start("ministack.py"))
}

/// A MiniStack of one's own, for those who keep one busy.
pub fn own_ministack() -> Emulator {
    start("ministack.py")
}

/// Network, IAM and tags in depth.
pub fn moto() -> &'static Emulator {
    static SERVER: OnceLock<Emulator> = OnceLock::new();
    SERVER.get_or_init(|| start("moto_server.py"))
}

/// A moto of one's own: moto has one account for all who use it.
pub fn own_moto() -> Emulator {
    start("moto_server.py")
}

fn start(script: &str) -> Emulator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulators");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut process = Command::new(python())
        .arg(folder.join(script))
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = process.stdout.take().unwrap();
    let mut lines = BufReader::new(out).lines();
    let ready = lines.by_ref().map_while(Result::ok).any(|line| line.trim() == "ready");
    assert!(ready, "{script} ended before it was ready");
    // Whatever it prints later must not fill the pipe.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    Emulator { endpoint: format!("http://127.0.0.1:{port}"), _process: process }
}

/// The interpreter of the emulators' environment, which is made if it is missing.
pub fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulators/setup.sh");
        let output = Command::new("sh").arg(setup).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "the environment of the emulators could not be made");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    })
}

impl Emulator {
    /// What an account holds in some regions, asked with another client; empty if it holds nothing.
    pub fn leftovers(&self, account: &str, regions: &[&str]) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/emulators/leftovers.py");
        let output = Command::new(python()).arg(script).args([&self.endpoint, account]).args(regions).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A client in an account of its own: a 12-digit access key is an account.
    pub fn account(&self) -> (String, Aws) {
        static NEXT: AtomicU64 = AtomicU64::new(200_000_000_000);
        let account = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
        let client = self.client(&account);
        (account, client)
    }

    pub fn client(&self, account: &str) -> Aws {
        Aws::new(self.settings(account))
    }

    pub fn settings(&self, account: &str) -> Settings {
        let credentials = Credentials::new(account, "secret", None, None, "test");
        Settings {
            region: Some("us-east-1".into()),
            endpoint_url: Some(self.endpoint.clone()),
            credentials: Some(aws_credential_types::provider::SharedCredentialsProvider::new(credentials)),
            read_asset: std::sync::Arc::new(|asset| {
                let assets = drctl::stack::Assets::below(Path::new(env!("CARGO_MANIFEST_DIR")));
                assets.bytes(asset).map_err(|e| drctl::engine::error::Error::invalid(e.to_string()))
            }),
            ..Settings::default()
        }
    }
}
