//! `drctl doctor`: whether everything that a run needs is there, one line a check.

use clap::Args;

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::cli::session::{Cloud, Site, Target, catalog, load, runtime};
use crate::engine::error::Error;
use crate::engine::urn::Place;
use crate::engine::value::{Map, Value};
use crate::render;
use crate::render::style::Label;
use crate::state::lint;

#[derive(Debug, Args)]
pub(super) struct Arguments {}

/// A data source that every region answers, and that changes nothing.
const PROBE: &str = "aws:index/getAvailabilityZones:getAvailabilityZones";

struct Report {
    healthy: bool,
}

impl Report {
    fn good(&self, what: &str, found: &str) {
        self.line(&Label::Done.paint("ok  ").to_string(), what, found);
    }

    fn bad(&mut self, what: &str, found: &str, help: Option<&str>) {
        self.healthy = false;
        self.line(&Label::Error.paint("FAIL").to_string(), what, found);
        if let Some(help) = help {
            render::data(format_args!("      {} {help}\n", Label::Hint.paint("help:")));
        }
    }

    fn failed(&mut self, what: &str, error: &Error) {
        self.bad(what, &error.message, error.hint.as_deref());
    }

    fn line(&self, sign: &str, what: &str, found: &str) {
        render::data(format_args!("{sign}  {what:<12} {found}\n"));
    }
}

pub(super) fn run(_: &Arguments, global: &Global) -> Result {
    let mut report = Report { healthy: true };
    let target = Target::chosen(global);
    report.good("drctl", &format!("version {}, {} resource types", env!("CARGO_PKG_VERSION"), catalog().types().len()));
    match &target {
        Target::Twin => report.good("endpoint", "the twin, simulated"),
        Target::Aws => report.good("endpoint", "AWS"),
        Target::Endpoint(name) => report.good("endpoint", &format!("`{name}`, from AWS_ENDPOINT_URL")),
    }
    match load(global) {
        Ok(loaded) => report.good("stack", &format!("`{}`, {}", loaded.stack, loaded.file.display())),
        Err(failure) => {
            failure.show();
            report.bad("stack", "cannot be loaded", Some("`drctl validate` tells why"));
        }
    }
    let site = match Site::of_state(global) {
        Ok(site) => site,
        Err(Failure::Error(_, error)) => {
            report.failed("state", &error);
            return Ok(Exit::Configuration);
        }
        Err(other) => return Err(other),
    };
    runtime(target == Target::Twin)?.block_on(async {
        check_state(&mut report, &site).await;
        let cloud = site.cloud()?;
        check_cloud(&mut report, &site, &cloud).await;
        Ok::<(), Failure>(())
    })?;
    Ok(if report.healthy { Exit::Ok } else { Exit::Error })
}

async fn check_state(report: &mut Report, site: &Site) {
    if !site.local().exists() {
        report.good("state", "none yet");
        return;
    }
    match site.state().await {
        Ok((state, _)) => match lint(&state).first() {
            None => report.good("state", &format!("sound, {} resources", state.rows.len())),
            Some(finding) => report.bad("state", &finding.to_string(), Some("`drctl state check` lists everything")),
        },
        Err(Failure::Error(_, error)) => report.failed("state", &error),
        Err(_) => report.bad("state", "cannot be read", None),
    }
}

async fn check_cloud(report: &mut Report, site: &Site, cloud: &Cloud) {
    let provider = cloud.provider();
    match provider.identity().await {
        Ok(identity) => {
            report.good("credentials", &format!("account {} in `{}`", identity.account, identity.partition));
            let allowed = site.loaded.as_ref().map(|l| l.allowed_account_ids.as_slice()).unwrap_or_default();
            if !allowed.is_empty() && !allowed.contains(&identity.account) {
                let found = format!("account {} is not among those that the stack allows", identity.account);
                report.bad("account", &found, Some("use other credentials, or add it to `allowedAccountIds`"));
            }
            // AWS refuses signatures that are five minutes off, so an answer proves the clock.
            report.good("clock", "close enough for signatures");
        }
        Err(error) => report.failed("credentials", &error),
    }
    let regions = site.loaded.iter().flat_map(|l| l.regions.values());
    for region in regions {
        let nothing = Value::Map(Map::default());
        match provider.invoke(PROBE, &Place(region.clone()), &nothing).await {
            Ok(_) => report.good("region", &format!("{region} answers")),
            Err(error) => report.failed("region", &Error { message: format!("{region}: {}", error.message), ..error }),
        }
    }
}
