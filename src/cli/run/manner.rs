//! How a run goes about it: the flags that several commands share.

use std::time::Duration;

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::cli::selection::Selection;
use crate::cli::site::Site;
use crate::cli::target::Target;
use crate::engine::settings::Settings;

/// How a run goes about what is protected.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to go about it")]
pub(in crate::cli) struct Force {
    /// Delete and replace what is protected, lifting each protection as a step of its own
    #[arg(long)]
    force_override_protection: bool,
}

/// What a run puts up with.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to go about it")]
pub(in crate::cli) struct Tolerance {
    /// With a custom endpoint: go on past operations that it does not implement
    #[arg(long)]
    skip_unsupported: bool,

    /// Accept that config from the environment is not what this state was made with
    #[arg(long)]
    pub(super) rename_environment: bool,

    /// Give the state, which another project made, to the project of this program
    #[arg(long)]
    pub(super) rename_project: bool,
}

/// What a run does about failures.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to go about it")]
pub(in crate::cli) struct Effort {
    /// Start nothing new after the first failure
    #[arg(long)]
    fail_fast: bool,
}

/// What a run does about a program that wants nothing.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to go about it")]
pub(in crate::cli) struct Emptiness {
    /// Delete everything if the program declares no resource any more
    #[arg(long)]
    pub(super) allow_empty: bool,
}

/// What a run does about others.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to go about it")]
pub(in crate::cli) struct Queue {
    /// How long to wait for another run of the same stack: `90`, `10m`, `1h` [default: 0]
    #[arg(long, value_name = "DURATION", value_parser = duration, hide_default_value = true, default_value = "0")]
    lock_timeout: Duration,
}

fn duration(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let written = || text.parse::<jiff::SignedDuration>().ok().and_then(|d| Duration::try_from(d).ok());
    seconds.or_else(written).ok_or_else(|| "expected seconds, or a duration such as `90s`, `10m` or `1h`".to_owned())
}

/// What a plan has to be.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to show")]
pub(in crate::cli) struct Expecting {
    /// Fail with exit code 7 if anything would change
    #[arg(long)]
    pub(in crate::cli) expect_no_changes: bool,
}

/// How long it will take.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to show")]
pub(in crate::cli) struct Timing {
    /// Tell how long AWS usually takes, and because of which resources
    #[arg(long)]
    pub(super) eta: bool,
}

/// How much of a plan is shown.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to show")]
pub(in crate::cli) struct Showing {
    /// Show unchanged resources and defaults of new ones, too
    #[arg(long)]
    pub(super) show_unchanged: bool,
}

/// The flags of one command, each as it stands without the flag where the command has none.
pub(in crate::cli) struct Manner<'a> {
    pub(in crate::cli) tolerance: &'a Tolerance,
    pub(in crate::cli) expecting: &'a Expecting,
    pub(in crate::cli) force: Option<&'a Force>,
    pub(in crate::cli) effort: Option<&'a Effort>,
    pub(in crate::cli) emptiness: Option<&'a Emptiness>,
    pub(in crate::cli) queue: Option<&'a Queue>,
    pub(in crate::cli) timing: Option<&'a Timing>,
    pub(in crate::cli) showing: Option<&'a Showing>,
}

impl Manner<'_> {
    pub(super) fn settings(&self, selection: &Selection, site: &Site) -> Result<Settings> {
        let skip_unsupported = self.tolerance.skip_unsupported;
        if skip_unsupported && !matches!(site.target, Target::Endpoint(_)) {
            return Err(Failure::new(
                Exit::Configuration,
                "`--skip-unsupported` is for custom endpoints, and this run goes elsewhere",
                "set `AWS_ENDPOINT_URL`, or leave the flag out",
            ));
        }
        Ok(Settings {
            override_protection: self.force.is_some_and(|f| f.force_override_protection),
            skip_unsupported,
            fail_fast: self.effort.is_some_and(|e| e.fail_fast),
            ..selection.settings(&site.regions)?
        })
    }

    pub(super) fn lock_timeout(&self) -> Duration {
        self.queue.map_or(Duration::ZERO, |queue| queue.lock_timeout)
    }
}
