//! Who writes: observed, recorded, never enforced.

use crate::stacks::Shipped;
use crate::support::checkout::Checkout;
use crate::whole_life::program;

#[tokio::test(start_paused = true)]
async fn the_first_run_ends_with_knowing_who_writes() {
    let mut shipped = Shipped::new();
    shipped.up(&program(&Checkout::new(), "trading-database.yaml")).await;
    let roles = &shipped.stage.state.dr;
    assert_eq!((roles.active_region.as_deref(), roles.epoch), (Some("us-east-1"), 1));
}
