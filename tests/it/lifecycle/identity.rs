//! Credentials that are renewed for another account in the middle of a run find nothing there. That is no
//! deletion.

use std::sync::Arc;

use drctl::engine::error::Result;
use drctl::engine::layer::Layer;
use drctl::engine::provider::{Identity, KindAt, Live, Provider};
use drctl::engine::resource::{Seen, Want};
use drctl::engine::urn::Id;
use futures::future::BoxFuture;

use super::theatre::{Theatre, program};
use crate::support::stage::told;

/// The twin, in whose account the caller was at first; what is read later is of another.
struct Renewed {
    twin: Arc<dyn Provider>,
}

impl Layer for Renewed {
    fn below(&self) -> &dyn Provider {
        &*self.twin
    }

    fn identity(&self) -> BoxFuture<'_, Result<Identity>> {
        self.twin.identity()
    }

    fn identity_now(&self) -> BoxFuture<'_, Result<Identity>> {
        Box::pin(async { Ok(Identity { account: "999999999999".into(), ..self.twin.identity().await? }) })
    }

    fn read<'a>(&'a self, _: &'a KindAt, ids: &'a [Id], _: &'a Want) -> BoxFuture<'a, Result<Vec<Seen<Live>>>> {
        Box::pin(async { Ok(ids.iter().map(|_| Seen::Gone).collect()) })
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_account_does_not_have_is_not_deleted() {
    const PROGRAM: &str = "a: {type: test:Named, properties: {name: a}}";
    let mut t = Theatre::new();
    t.up(PROGRAM).await;
    let before = t.stage.state.clone();
    t.stage.cloud = Arc::new(Renewed { twin: Arc::clone(&t.twin) as _ });
    t.stage.settings.refresh = true;
    let Err(problems) = t.stage.up(&program(PROGRAM)).await else { panic!("it makes what is there already") };
    assert!(
        told(&problems).contains("wrong-account: this state belongs to account 000000000000"),
        "{}",
        told(&problems)
    );
    let Err(problems) = t.stage.refresh().await else { panic!("it forgets what is there") };
    assert_eq!(problems[0].code, "wrong-account");
    assert_eq!(t.stage.state.rows, before.rows);
}

#[tokio::test(start_paused = true)]
async fn what_is_found_nowhere_but_in_another_region_is_looked_for_in_its_own() {
    let mut t = Theatre::new();
    t.up("a: {type: test:Thing, region: secondary, properties: {name: a}}").await;
    t.stage.settings.refresh = true;
    t.changes();
    // The program puts it somewhere else now; it is still read where it was made, and replaced.
    let plan = t.preview("a: {type: test:Thing, properties: {name: a}}").await;
    assert_eq!(plan, ["create a", "delete a"]);
    let reads = t.twin.log().into_iter().filter(|call| call.operation == drctl::twin::Operation::Read);
    assert_eq!(reads.map(|call| call.place).collect::<Vec<_>>(), ["eu-central-1"]);
}
