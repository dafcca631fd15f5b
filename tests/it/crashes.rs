//! The real program on a real stack is killed at its requests: the next run finishes what was begun,
//! and the account holds in the end what it holds after runs that nothing disturbed.
//!
//! The whole sweep over all requests takes hours and is not part of these tests: see `sweep`.

use std::collections::BTreeSet;

use crate::support::ask::Ask;
use crate::support::emulator::ministack;
use crate::support::inventory::Inventory;
use crate::support::lab::Lab;
use crate::support::platform::{DESTROY, Platform, UP, Undisturbed, difference};
use crate::support::proxy::{Fault, Proxy};
use crate::support::relay::relay;

/// What changes something is tried this often: one of so many.
const SPARSE: usize = 19;

/// Before and after the effect in turn.
fn turn(n: usize) -> Fault {
    if n.is_multiple_of(2) { Fault::HeldAfter } else { Fault::HeldBefore }
}

/// Strikes at the first change that each service is asked for.
fn first_of_each_service(killed: &[Ask]) -> impl FnMut(&Ask) -> Option<Fault> + Send + 'static + use<> {
    let known: BTreeSet<String> = killed.iter().map(|ask| ask.service.clone()).collect();
    let fault = turn(killed.len());
    move |ask| (ask.is_change() && !known.contains(&ask.service)).then_some(fault)
}

/// Strikes at every so many changes.
fn sparse(killed: &[Ask]) -> impl FnMut(&Ask) -> Option<Fault> + Send + 'static + use<> {
    let (mut seen, fault) = (0, turn(killed.len()));
    move |ask| {
        seen += usize::from(ask.is_change());
        (ask.is_change() && seen == SPARSE).then_some(fault)
    }
}

#[test]
fn the_platform_comes_changes_and_goes_though_its_runs_are_killed() {
    let server = ministack();
    let mut inventory = Inventory::of(server);
    let platform = Platform::new(server, "300000000082");
    let undisturbed = Undisturbed::life();
    let mut is_whole = |killed: &[Ask], wanted: &[String]| {
        assert_eq!(difference(&platform.holdings(&mut inventory), wanted), "", "killed at {killed:#?}");
        platform.run("state check").ends_with(0);
    };
    let up = relay(server, |endpoint| platform.drctl(endpoint, UP), first_of_each_service);
    let services: BTreeSet<&str> = up.iter().map(|ask| ask.service.as_str()).collect();
    assert!(services.len() >= 14 && services.len() == up.len(), "{up:#?}");
    is_whole(&up, &undisturbed.holdings[0]);

    platform.change();
    let update = relay(server, |endpoint| platform.drctl(endpoint, UP), sparse);
    is_whole(&update, &undisturbed.holdings[1]);

    let destroy = relay(server, |endpoint| platform.drctl(endpoint, DESTROY), sparse);
    is_whole(&destroy, &undisturbed.holdings[2]);
    assert!(undisturbed.holdings[0].len() > 150 && undisturbed.holdings[2].is_empty());
    assert!(update.len() + destroy.len() >= 10, "{update:#?} {destroy:#?}");
}

/// Strikes at the first change of a run after its effect, and in the next run at the second before it has
/// any, so that the runs end at each change. Where that ends the same request again and again, because the
/// answer to the one beside it never gets into the journal, a later change is struck.
fn each(killed: &[Ask]) -> impl FnMut(&Ask) -> Option<Fault> + Send + 'static + use<> {
    let (first, fault) = [(1, Fault::HeldAfter), (2, Fault::HeldBefore)][killed.len() % 2];
    let again = killed.iter().filter(|ask| Some(*ask) == killed.last()).count();
    let nth = first + again.saturating_sub(2);
    let mut seen = 0;
    move |ask| {
        seen += usize::from(ask.is_change());
        (ask.is_change() && seen == nth).then_some(fault)
    }
}

#[test]
fn what_takes_several_calls_is_finished_wherever_its_run_ends_and_not_made_again() {
    const STACK: &str = "halves.yaml";
    const REGIONS: [&str; 1] = ["us-east-1"];
    let server = ministack();
    let mut inventory = Inventory::of(server);
    let undisturbed = Lab::with(server, STACK);
    undisturbed.run(UP).ends_with(0);
    let wanted = inventory.tell(&undisturbed.account, &REGIONS);
    assert!(wanted.len() > 15, "{wanted:#?}");
    let lab = Lab::with(server, STACK);
    for (line, wanted) in [(UP, &wanted[..]), (DESTROY, &[])] {
        let killed = relay(server, |endpoint| lab.drctl(endpoint, line), each);
        assert!(killed.len() >= 8, "{killed:#?}");
        let found = inventory.tell(&lab.account, &REGIONS);
        assert_eq!(difference(&found, wanted), "", "{line} killed at {killed:#?}");
        lab.run("state check").ends_with(0);
    }
    // Every second answer to the same change is lost, and the run goes on.
    for parity in [0, 1] {
        let lab = Lab::with(server, STACK);
        for (line, wanted) in [(UP, &wanted[..]), (DESTROY, &[])] {
            let mut seen: Vec<Ask> = Vec::new();
            let proxy = Proxy::breaking(server, move |ask| {
                let same = seen.iter().filter(|other| *other == ask).count();
                seen.push(ask.clone());
                (ask.is_change() && same % 2 == parity).then_some(Fault::DropsAfter)
            });
            lab.run_at(&proxy.endpoint, line).ends_with(0);
            assert_eq!(difference(&inventory.tell(&lab.account, &REGIONS), wanted), "", "{line}");
        }
    }
}
