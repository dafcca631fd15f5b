//! `drctl doctor`: whether everything that a run needs is there, one line a check.

use std::time::Duration;

use clap::Args;
use futures::future::join_all;
use serde_json::json;

use crate::aws;
use crate::cli::Global;
use crate::cli::cloud::{Cloud, aws_settings};
use crate::cli::confirm::declined;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::cli::interrupt::Interrupts;
use crate::cli::places::nearest_state_root;
use crate::cli::program::{catalog, load};
use crate::cli::project::directory;
use crate::cli::runtime::runtime;
use crate::cli::site::Site;
use crate::cli::state::lint_all;
use crate::cli::target::Target;
use crate::engine::error::Error;
use crate::engine::urn::Place;
use crate::engine::value::{Map, Value};
use crate::render;
use crate::render::style::Label;
use crate::render::words::duration;

#[derive(Debug, Args)]
pub(super) struct Arguments {}

/// A data source that every region answers, and that changes nothing.
const PROBE: &str = "aws:index/getAvailabilityZones:getAvailabilityZones";

/// Attempts at each call: what does not answer is what a doctor looks for.
const ATTEMPTS: u32 = 2;

/// How often waits are looked at.
const TICK: Duration = Duration::from_millis(500);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    Good,
    Bad,
    /// It does no harm yet.
    Weak,
    /// It needs another check to be good.
    Unasked,
}

/// What is found, told line by line or as one document.
struct Report {
    json: bool,
    checks: Vec<serde_json::Value>,
    /// How all that failed ended, or [`Exit::Error`] after failures of several kinds.
    exit: Exit,
}

impl Report {
    fn good(&mut self, what: &str, found: &str) {
        self.line(Finding::Good, what, found, None);
    }

    fn bad(&mut self, exit: Exit, what: &str, found: &str, help: Option<&str>) {
        self.exit = match self.exit {
            Exit::Ok => exit,
            before if before == exit => exit,
            _ => Exit::Error,
        };
        self.line(Finding::Bad, what, found, help);
    }

    fn failed(&mut self, exit: Exit, what: &str, error: &Error) {
        self.bad(exit, what, &error.message, error.hint.as_deref());
    }

    fn line(&mut self, finding: Finding, what: &str, found: &str, help: Option<&str>) {
        let (sign, word) = match finding {
            Finding::Good => (Label::Done.paint("ok  "), "ok"),
            Finding::Bad => (Label::Error.paint("FAIL"), "fail"),
            Finding::Weak => (Label::Warning.paint("weak"), "weak"),
            Finding::Unasked => (Label::Aside.paint("--  "), "unasked"),
        };
        if self.json {
            self.checks.push(json!({ "check": what, "result": word, "found": found, "help": help }));
            return;
        }
        render::data(format_args!("{sign}  {what:<12} {found}\n"));
        if let Some(help) = help {
            render::data(format_args!("      {} {help}\n", Label::Hint.paint("help:")));
        }
    }

    fn end(self) -> Exit {
        if self.json {
            render::data(format_args!("{:#}\n", json!(self.checks)));
        }
        self.exit
    }
}

pub(super) fn run(_: &Arguments, global: &Global) -> Result {
    let mut report = Report { json: global.json, checks: Vec::new(), exit: Exit::Ok };
    report
        .good("drctl", &format!("version {}, {} resource types", env!("CARGO_PKG_VERSION"), catalog().tokens().len()));
    let site = check_stack(&mut report, global)?;
    let target = site.as_ref().map_or_else(|| Target::chosen(global), |site| Ok(site.target.clone()))?;
    match &target {
        Target::Twin => report.good("endpoint", "the twin, simulated"),
        Target::Aws => report.good("endpoint", "AWS"),
        Target::Endpoint(endpoint) => report.good("endpoint", &format!("{}, as `{}`", endpoint.url, endpoint.name)),
    }
    runtime(target == Target::Twin)?.block_on(async {
        let mut interrupts = Interrupts::listen();
        if let Some(site) = &site {
            check_state(&mut report, site).await;
            check_versions(&mut report, site).await;
        }
        let root = match &site {
            Some(site) => site.root.clone(),
            None => nearest_state_root(&directory(global)?),
        };
        let loaded = site.as_ref().and_then(|site| site.loaded.as_ref());
        let cloud = Cloud::open(&target, &root, aws::Settings { attempts: Some(ATTEMPTS), ..aws_settings(loaded) })?;
        let checks = async {
            tokio::select! {
                () = check_cloud(&mut report, site.as_ref(), &target, &cloud) => {}
                () = tell_waits(&cloud) => {}
            }
        };
        match interrupts.or(checks).await {
            Some(()) => Ok(report.end()),
            None => Ok(declined()),
        }
    })
}

/// Whose stack it is, if there is one here.
fn check_stack(report: &mut Report, global: &Global) -> Result<Option<Site>> {
    let failure = match load(global) {
        Ok(loaded) => {
            report.good("stack", &format!("`{}`, {}", loaded.stack, loaded.file.display()));
            return Site::of(loaded, global).map(Some);
        }
        Err(failure) => failure,
    };
    match (&failure, &global.stack) {
        (Failure::Error(Exit::StackNotFound, error), None) => {
            report.line(Finding::Unasked, "stack", &error.message, error.hint.as_deref());
            Ok(None)
        }
        (Failure::Error(exit, error), _) => {
            report.failed(*exit, "stack", error);
            Ok(None)
        }
        _ => {
            let exit = failure.show();
            report.bad(exit, "stack", "cannot be loaded", Some("`drctl validate` tells why"));
            if exit == Exit::StackNotFound { Ok(None) } else { Site::of_state(global).map(Some) }
        }
    }
}

async fn check_state(report: &mut Report, site: &Site) {
    match site.exists().await {
        Ok(true) => {}
        Ok(false) => return report.good("state", &format!("none yet in {}", site.states.place())),
        Err(Failure::Error(exit, error)) => return report.failed(exit, "state", &error),
        Err(_) => return report.bad(Exit::Error, "state", "cannot be read", None),
    }
    match site.state().await {
        Ok((state, keys)) => {
            match lint_all(&state).first() {
                None => report.good("state", &format!("sound, {} resources", state.rows.len())),
                Some(finding) => {
                    report.bad(
                        Exit::Configuration,
                        "state",
                        &finding.to_string(),
                        Some("`drctl state check` lists everything"),
                    );
                }
            }
            let asked = keys.region().map(|region| format!(", asked in {region}")).unwrap_or_default();
            report.good("secrets", &format!("opened by {}{asked}", keys.sealed_by()));
        }
        Err(Failure::Error(exit, error)) => report.failed(exit, "state", &error),
        Err(_) => report.bad(Exit::Error, "state", "cannot be read", None),
    }
}

async fn check_versions(report: &mut Report, site: &Site) {
    match site.states.keeps_versions().await {
        Ok(None) => {}
        Ok(Some(true)) => report.good("versions", &format!("{} keeps earlier versions", site.states.place())),
        Ok(Some(false)) => report.line(
            Finding::Weak,
            "versions",
            &format!("{} keeps none", site.states.place()),
            Some("switch the versioning of every bucket with states on: what a mistake overwrites can be brought back"),
        ),
        Err(error) => {
            let error = Error::from(error);
            report.failed(error.kind.into(), "versions", &error);
        }
    }
}

async fn check_cloud(report: &mut Report, site: Option<&Site>, target: &Target, cloud: &Cloud) {
    let loaded = site.and_then(|site| site.loaded.as_ref());
    let regions: Vec<&str> = loaded.iter().flat_map(|l| l.regions.values()).map(String::as_str).collect();
    let provider = cloud.provider();
    match provider.identity().await {
        Ok(identity) => {
            report.good("credentials", &format!("account {} in `{}`", identity.account, identity.partition));
            // AWS refuses signatures that are five minutes off, so an answer proves the clock. Others
            // look at no signature.
            if *target == Target::Aws {
                report.good("clock", "close enough for signatures");
            }
        }
        Err(error) => {
            report.failed(error.kind.into(), "credentials", &error);
            if !regions.is_empty() {
                let found = format!("{}: not asked, as the account is not known", regions.join(", "));
                report.line(Finding::Unasked, "region", &found, None);
            }
            return;
        }
    }
    let nothing = Value::Map(Map::default());
    let asked = regions.iter().map(|region| {
        let (provider, nothing) = (&provider, &nothing);
        async move { provider.invoke(PROBE, &Place((*region).to_owned()), nothing).await }
    });
    for (region, answer) in regions.iter().zip(join_all(asked).await) {
        match answer {
            Ok(_) => report.good("region", &format!("{region} answers")),
            Err(error) => {
                let error = Error { message: format!("{region}: {}", error.message), ..error };
                report.failed(error.kind.into(), "region", &error);
            }
        }
    }
}

/// Names each wait once. It never ends.
async fn tell_waits(cloud: &Cloud) {
    let mut told = String::new();
    loop {
        tokio::time::sleep(TICK).await;
        if let Some((what, waited)) = cloud.waits_for()
            && what != told
        {
            let waited = duration(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
            render::say(format_args!("waiting for {what} for {waited}\n"));
            told = what;
        }
    }
}
