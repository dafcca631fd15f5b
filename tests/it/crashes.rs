//! The real program on a real stack is killed at its requests: the next run finishes what was begun,
//! and the account holds in the end what it holds after runs that nothing disturbed.
//!
//! The whole sweep over all requests takes hours and is not part of these tests: see `sweep`.

use std::hash::Hash;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::ask::Ask;
use crate::support::chance::draw;
use crate::support::emulator::{ministack, own_ministack};
use crate::support::inventory::Inventory;
use crate::support::lab::Lab;
use crate::support::life::{Blow, Life, OPERATIONS};
use crate::support::platform::{DESTROY, Platform, UP, Undisturbed, difference};
use crate::support::proxy::{Fault, Proxy};
use crate::support::relay::relay;

/// Before and after the effect in turn.
fn turn(n: usize) -> Fault {
    if n.is_multiple_of(2) { Fault::HeldAfter } else { Fault::HeldBefore }
}

/// Strikes at every so many changes.
fn sparse(step: usize, killed: &[Ask]) -> impl FnMut(&Ask) -> Option<Fault> + Send + 'static + use<> {
    let (mut seen, fault) = (0, turn(killed.len()));
    move |ask| {
        seen += usize::from(ask.is_change());
        (ask.is_change() && seen == step).then_some(fault)
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
    let up = relay(server, |endpoint| platform.drctl(endpoint, UP), |killed| sparse(57, killed));
    is_whole(&up, &undisturbed.holdings[0]);

    platform.change();
    let update = relay(server, |endpoint| platform.drctl(endpoint, UP), |killed| sparse(19, killed));
    is_whole(&update, &undisturbed.holdings[1]);

    let destroy = relay(server, |endpoint| platform.drctl(endpoint, DESTROY), |killed| sparse(19, killed));
    is_whole(&destroy, &undisturbed.holdings[2]);
    assert!(undisturbed.holdings[0].len() > 150 && undisturbed.holdings[2].is_empty());
    assert!(up.len() >= 3 && update.len() + destroy.len() >= 10, "{up:#?} {update:#?} {destroy:#?}");
}

/// The seed of the points that every run of the tests tries; `DRCTL_CRASH_SEED` tries others.
const SEED: u64 = 20_260_101;
/// Lives that are struck in their change and at their end too.
const WHOLE_LIVES: usize = 2;
/// Lives that go on at once, each on a server of its own.
const WORKERS: usize = 3;

/// The services that a run asks for a change, in the order in which it does.
fn changed_services(asked: &[Ask]) -> Vec<String> {
    let mut services: Vec<String> = Vec::new();
    for ask in asked.iter().filter(|ask| ask.is_change()) {
        if !services.contains(&ask.service) {
            services.push(ask.service.clone());
        }
    }
    services
}

/// A seeded change of an undisturbed run: what it asks for, and how often that was asked by then.
fn seeded_change(asked: &[Ask], seed: &impl Hash) -> (Ask, usize) {
    let changes: Vec<&Ask> = asked.iter().filter(|ask| ask.is_change()).collect();
    let at = draw(seed) as usize % changes.len();
    (changes[at].clone(), changes[..=at].iter().filter(|ask| **ask == changes[at]).count())
}

/// Strikes a life at the first change of a service, and some lives at a seeded change of each later operation.
/// Tells how often it was struck.
fn is_healed(
    life: &Life<'_>,
    (nth, service): (usize, String),
    seed: u64,
    inventory: &mut Inventory,
) -> Result<usize, String> {
    let undisturbed = Undisturbed::life();
    let mut times = 0;
    for (i, (operation, line)) in OPERATIONS.into_iter().enumerate().take(if nth < WHOLE_LIVES { 3 } else { 1 }) {
        let blow = Blow::ALL[draw(&(seed, nth, operation, "blow")) as usize % Blow::ALL.len()];
        let (what, struck) = if operation == "up" {
            let first = service.clone();
            let chosen = move |ask: &Ask| ask.is_change() && ask.service == first;
            (format!("the first change of {service}"), life.struck(line, blow, chosen))
        } else {
            let (wanted, of) = seeded_change(&undisturbed.asked[i], &(seed, nth, operation));
            let (what, mut seen) = (format!("{wanted} number {of}"), 0);
            if operation == "update" {
                life.platform.change();
            }
            let chosen = move |ask: &Ask| {
                seen += usize::from(*ask == wanted);
                *ask == wanted && seen == of
            };
            (what, life.struck(line, blow, chosen))
        };
        let compared = struck.and_then(|reached| {
            life.is_as(&undisturbed.holdings[i], inventory)?;
            Ok(usize::from(reached))
        });
        times += compared.map_err(|why| format!("{operation}, {} at {what}: {why}", blow.name()))?;
    }
    Ok(times)
}

#[test]
fn one_more_run_heals_what_a_blow_at_a_seeded_request_leaves() {
    let seed = std::env::var("DRCTL_CRASH_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    let services = changed_services(&Undisturbed::life().asked[0]);
    assert!(services.len() >= 14, "{services:?}");
    let (count, left) = (services.len(), Mutex::new(services.into_iter().enumerate()));
    let (struck, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let server = own_ministack();
                let mut inventory = Inventory::of(&server);
                let next = || left.lock().unwrap().next();
                while let Some((nth, service)) = next() {
                    let life = Life::new(&server, 300_000_000_100 + nth as u64);
                    match is_healed(&life, (nth, service), seed, &mut inventory) {
                        Ok(times) => {
                            struck.fetch_add(times, Ordering::Relaxed);
                        }
                        Err(why) => wrong.lock().unwrap().push(why),
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "with DRCTL_CRASH_SEED={seed}:\n{}", wrong.join("\n"));
    // A run may ask less often than another, so that a seeded change of it does not come.
    let struck = struck.into_inner();
    assert!(struck >= count, "with DRCTL_CRASH_SEED={seed} only {struck} runs were struck");
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
