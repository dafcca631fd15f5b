//! Reading many ids, answered in their order.

use std::collections::HashMap;
use std::future::Future;

use futures::{StreamExt, TryStreamExt};

use crate::engine::error::Result;
use crate::engine::resource::Seen;
use crate::engine::urn::Id;

/// Calls in flight at once where an API reads one resource a call.
const AT_ONCE: usize = 8;

/// Reads ids one by one, a few at once, for APIs that have no batch. Results are in their order.
///
/// # Errors
/// The first error ends the reading.
pub async fn each<T, F>(ids: &[Id], read: impl Fn(Id) -> F) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>>,
{
    futures::stream::iter(ids.iter().cloned()).map(read).buffered(AT_ONCE).try_collect().await
}

/// Puts what a Describe found in the order of the ids. What it did not find is gone.
///
/// # Errors
/// The first error among the findings.
pub fn in_order<T>(ids: &[Id], found: impl IntoIterator<Item = Result<(String, Seen<T>)>>) -> Result<Vec<Seen<T>>> {
    let mut found: HashMap<String, Seen<T>> = found.into_iter().collect::<Result<_>>()?;
    Ok(ids.iter().map(|id| found.remove(&id.0).unwrap_or(Seen::Gone)).collect())
}
