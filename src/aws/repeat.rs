//! Which failed calls the SDK may repeat by itself.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority, RetryReason,
};
use aws_smithy_types::retry::ErrorKind;

use super::error::{is_page, never_sent};
use super::watch::Watch;

/// Forbids repeating what an endpoint does not implement: emulators say so with a page for people and
/// a status that stands for a passing failure on AWS.
#[derive(Debug, Clone, Copy)]
pub(super) struct Implemented;

impl ClassifyRetry for Implemented {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response() {
            Some(reply) if is_page(reply) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "implemented operations only"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Tells the engine of every attempt that was throttled, which the SDK makes again by itself.
#[derive(Debug, Clone)]
pub(super) struct Throttles {
    pub(super) watch: Watch,
    pub(super) service: &'static str,
}

impl ClassifyRetry for Throttles {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        RetryAction::NoActionIndicated
    }

    fn classify_retry_v2(&self, _: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        if is_throttling(previous) {
            self.watch.reach.throttled(&self.watch.region, self.service);
        }
        RetryAction::NoActionIndicated
    }

    fn name(&self) -> &'static str {
        "throttling is told"
    }

    /// Runs last, so that it sees what the others decided.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

fn is_throttling(action: &RetryAction) -> bool {
    matches!(action, RetryAction::RetryIndicated(RetryReason::RetryableError { kind: ErrorKind::ThrottlingError, .. }))
}

/// Allows repeating only what surely had no effect: throttling, and failures before the request was
/// sent. Timeouts, resets and answers of 500 and above go up to the engine, which looks for what
/// the call may have made before it tries again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unambiguous;

impl ClassifyRetry for Unambiguous {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        self.classify_retry_v2(context, &RetryAction::NoActionIndicated)
    }

    fn classify_retry_v2(&self, context: &InterceptorContext, previous: &RetryAction) -> RetryAction {
        let throttled = is_throttling(previous);
        let unsent = || match context.output_or_error() {
            Some(Err(e)) => e.as_connector_error().is_some_and(|e| never_sent(e)),
            _ => false,
        };
        if throttled || unsent() { RetryAction::NoActionIndicated } else { RetryAction::RetryForbidden }
    }

    fn name(&self) -> &'static str {
        "unambiguous failures only"
    }

    /// Runs last, so that it sees what the others decided.
    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}
