//! Describes of the same things by several types, joined into one call.
//!
//! Routes and associations are parts of route tables, and the rules of both directions are listed
//! together. A refresh reads all these types at the same moment.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use aws_sdk_ec2::types::{Filter, RouteTable, SecurityGroupRule};
use tokio::sync::oneshot::{self, error::TryRecvError};

use super::filter;
use crate::aws::Cx;
use crate::engine::error::Result;
use crate::engine::urn::Id;

/// Most values that EC2 takes for a filter.
const VALUES: usize = 200;

/// What is described together in one region.
#[derive(Default)]
pub(in crate::aws) struct Joints {
    route_tables: Joint<RouteTable>,
    security_group_rules: Joint<SecurityGroupRule>,
}

/// Route tables of which one of `ids` passes the filter called `name`, perhaps among others.
pub(super) async fn route_tables(name: &'static str, ids: &[Id], cx: &Cx) -> Result<Vec<RouteTable>> {
    let describe = |which: Option<Filter>| async move {
        let tables = cx.ec2().describe_route_tables().set_filters(which.map(|f| vec![f]));
        Ok(tables.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?)
    };
    cx.joints().route_tables.ask(name, ids, describe).await
}

/// Rules of security groups by their ids, perhaps among others.
pub(super) async fn security_group_rules(ids: &[Id], cx: &Cx) -> Result<Vec<SecurityGroupRule>> {
    let describe = |which: Option<Filter>| async move {
        let rules = cx.ec2().describe_security_group_rules().set_filters(which.map(|f| vec![f]));
        Ok(rules.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?)
    };
    cx.joints().security_group_rules.ask("security-group-rule-id", ids, describe).await
}

/// Those who wait for the same Describe.
struct Joint<T> {
    turn: tokio::sync::Mutex<()>,
    waiting: Mutex<Vec<Ask<T>>>,
}

struct Ask<T> {
    name: &'static str,
    values: Vec<String>,
    answer: oneshot::Sender<Result<Vec<T>>>,
}

impl<T> Default for Joint<T> {
    fn default() -> Self {
        Self { turn: tokio::sync::Mutex::default(), waiting: Mutex::default() }
    }
}

impl<T: Clone> Joint<T> {
    /// Asks together with all who ask before the call is made. If the one who makes it gives up, the
    /// others ask again.
    async fn ask<F>(&self, name: &'static str, ids: &[Id], describe: impl Fn(Option<Filter>) -> F) -> Result<Vec<T>>
    where
        F: Future<Output = Result<Vec<T>>>,
    {
        loop {
            let (answer, mut mine) = oneshot::channel();
            self.waiting().push(Ask { name, values: ids.iter().map(|id| id.0.clone()).collect(), answer });
            let turn = self.turn.lock().await;
            match mine.try_recv() {
                Ok(answer) => return answer,
                // Whoever took this ask along has given up.
                Err(TryRecvError::Closed) => continue,
                Err(TryRecvError::Empty) => {}
            }
            // Whoever asks at the same moment gets the chance to say so.
            tokio::task::yield_now().await;
            let mut asks = std::mem::take(&mut *self.waiting());
            asks.retain(|ask| !ask.answer.is_closed());
            let reply = describe(together(&asks)).await;
            for ask in asks {
                drop(ask.answer.send(reply.clone()));
            }
            drop(turn);
            if let Ok(answer) = mine.try_recv() {
                return answer;
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Ask<T>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One filter for all. Filters of different names cannot be joined, and lead to a list of
/// everything in the region.
fn together<T>(asks: &[Ask<T>]) -> Option<Filter> {
    let name = asks.first()?.name;
    let values: BTreeSet<&String> = asks.iter().flat_map(|ask| &ask.values).collect();
    let joins = asks.iter().all(|ask| ask.name == name) && values.len() <= VALUES;
    joins.then(|| filter(name, values.into_iter().cloned()))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn ids(names: &[&str]) -> Vec<Id> {
        names.iter().map(|name| Id((*name).to_owned())).collect()
    }

    #[tokio::test]
    async fn who_asks_at_the_same_moment_shares_a_call() {
        let (joint, calls) = (Joint::<String>::default(), RefCell::new(Vec::new()));
        let describe = |which: Option<Filter>| {
            calls.borrow_mut().push(which.map(|f| f.values.unwrap_or_default()));
            async { Ok(vec!["all".to_owned()]) }
        };
        let (a, b, table) = (ids(&["a"]), ids(&["b", "a"]), ids(&["t"]));
        let (one, two) = tokio::join!(joint.ask("id", &a, describe), joint.ask("id", &b, describe));
        assert_eq!((one.unwrap(), two.unwrap()), (vec!["all".to_owned()], vec!["all".to_owned()]));
        let (one, two) = tokio::join!(joint.ask("id", &a, describe), joint.ask("table", &table, describe));
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(calls.into_inner(), [Some(vec!["a".to_owned(), "b".to_owned()]), None]);
    }

    #[tokio::test]
    async fn whoever_makes_the_call_may_give_up() {
        let joint = Joint::<String>::default();
        let (a, b) = (ids(&["a"]), ids(&["b"]));
        let leader = joint.ask("id", &a, |_| std::future::pending());
        let leader = async {
            tokio::select! {
                biased;
                _ = leader => unreachable!("it never ends"),
                () = async { tokio::task::yield_now().await; tokio::task::yield_now().await } => {}
            }
        };
        let asked = RefCell::new(Vec::new());
        let patient = joint.ask("id", &b, |which| {
            asked.borrow_mut().push(which.and_then(|f| f.values));
            async { Ok(vec!["b".to_owned()]) }
        });
        let ((), seen) = tokio::join!(leader, patient);
        assert_eq!(seen.unwrap(), ["b"]);
        assert_eq!(asked.into_inner(), [Some(vec!["b".to_owned()])]);
    }
}
