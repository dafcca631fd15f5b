//! The cloud that a command works on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::aws::{self, Aws};
use crate::cli::failure::Result;
use crate::cli::target::Target;
use crate::cli::twin::open_twin;
use crate::cli::watch::{Questions, Watched};
use crate::engine::clock::Clock;
use crate::engine::error::Error;
use crate::engine::provider::Provider;
use crate::engine::state::State;
use crate::random::WithRandom;
use crate::stack::{self, Loaded};
use crate::twin::Twin;

/// The cloud that a command works on.
#[derive(Clone)]
pub(super) struct Cloud {
    provider: Arc<dyn Provider>,
    /// What answers in the place of AWS.
    twin: Option<Arc<Twin>>,
    questions: Arc<Questions>,
}

impl Cloud {
    /// AWS or an endpoint with these settings, or the twin of the project in a directory.
    pub(super) fn open(target: &Target, root: &Path, settings: aws::Settings) -> Result<Self> {
        if *target == Target::Twin {
            let twin = Arc::new(open_twin(root)?);
            let provider = Arc::new(WithRandom::new(Arc::clone(&twin) as _));
            return Ok(Self { provider, twin: Some(twin), questions: Arc::default() });
        }
        let at = match target {
            Target::Endpoint(endpoint) => format!(" at {}", endpoint.url),
            Target::Twin | Target::Aws => String::new(),
        };
        let door = format!("STS{at} to tell which account this is");
        let aws = Aws::new(settings);
        let (watched, questions) = Watched::new(Arc::new(WithRandom::new(Arc::new(aws))), door);
        Ok(Self { provider: Arc::new(watched), twin: None, questions })
    }

    /// What has been asked for so long that it is worth a word, and how long.
    pub(super) fn waits_for(&self) -> Option<(String, Duration)> {
        self.questions.oldest()
    }

    pub(super) fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.provider)
    }

    pub(super) fn clock(&self) -> Clock {
        self.twin.as_ref().map_or_else(Clock::system, |twin| twin.clock())
    }

    /// Whether time is virtual.
    pub(super) fn is_simulated(&self) -> bool {
        self.twin.is_some()
    }

    /// Gives the twin the secrets back that its file does not hold.
    pub(super) fn remind(&self, state: &State) {
        if let Some(twin) = &self.twin {
            twin.remind(state);
        }
    }

    /// Has the twin write down all that is done to it from now on, for a run that may be killed. Whoever
    /// calls this has taken the twin.
    pub(super) fn keep_log(&self) -> Result<()> {
        match &self.twin {
            Some(twin) => Ok(twin.keep_log()?),
            None => Ok(()),
        }
    }

    /// Keeps what a run did to the twin.
    pub(super) fn keep(&self) -> Result<()> {
        match &self.twin {
            Some(twin) => Ok(twin.save()?),
            None => Ok(()),
        }
    }
}

/// How AWS is reached by a program, or by no program.
pub(super) fn aws_settings(loaded: Option<&Loaded>) -> aws::Settings {
    let mut settings = aws::Settings::default();
    if let Some(loaded) = loaded {
        let assets = Arc::clone(&loaded.assets);
        let credentials = loaded.credentials.clone();
        settings.profile = credentials.profile;
        settings.roles = credentials.roles.into_iter().map(assumed).collect();
        settings.region = loaded.regions.values().next().cloned();
        settings.allowed_account_ids.clone_from(&loaded.allowed_account_ids);
        settings.read_asset = Arc::new(move |asset| {
            assets.bytes(asset).map_err(|e| Error::invalid(format!("cannot read the {asset}: {e}")))
        });
    }
    settings
}

fn assumed(role: stack::Role) -> aws::Role {
    let stack::Role { arn, session_name, external_id, policy, policy_arns, session, tags } = role;
    aws::Role { arn, session_name, external_id, policy, policy_arns, session, tags }
}
