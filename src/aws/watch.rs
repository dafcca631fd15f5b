//! Tells the engine which regions answer, and calls off what goes to one that does not, or what a run
//! would send that may have lost its stack.

use std::sync::Arc;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use tokio::time::Instant;

use crate::engine::error::Error;
use crate::engine::reach::Reach;

/// Watches every attempt at every call of a region.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    pub(super) reach: Arc<Reach>,
    pub(super) region: String,
}

/// Why an attempt was not made.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct CalledOff(pub(super) Error);

/// When an attempt began.
#[derive(Debug, Clone, Copy)]
struct Began(Instant);

impl Storable for Began {
    type Storer = StoreReplace<Self>;
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "regions that answer"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        memory: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        memory.interceptor_state().store_put(Began(Instant::now()));
        let may = self.reach.fence.check().and_then(|()| self.reach.check(&self.region));
        may.map_err(|why| CalledOff(why).into())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        memory: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let began = memory.load::<Began>().map_or_else(Instant::now, |began| began.0);
        match context.output_or_error() {
            Some(Err(e)) if e.is_interceptor_error() => {}
            Some(Err(e)) if e.is_timeout_error() || e.as_connector_error().is_some_and(|e| !e.is_user()) => {
                self.reach.unanswered(&self.region, began);
            }
            _ if context.response().is_some() => self.reach.answered(&self.region),
            _ => {}
        }
        Ok(())
    }
}
