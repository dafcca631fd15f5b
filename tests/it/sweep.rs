//! The sweep over all requests of the trading platform's life: `up`, a change with replacements, and
//! `destroy`, each struck at its n-th request. It takes hours and is started by hand:
//!
//! ```text
//! SWEPT_LIVES=100 cargo test --test it sweep::every_request -- --ignored
//! ```
//!
//! What it finds is appended to `tests/it/data/sweep.tsv`; with `SWEPT_FROM` it goes on where it stopped. A
//! life is struck once in each of its three operations, and the account is compared after each. The
//! points come in an order in which any number of them lies evenly over the run. `sweep::every_change`
//! strikes all changes of a life instead, and compares at the end of each operation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::ask::Ask;
use crate::support::checkout::root;
use crate::support::emulator::{Emulator, own_ministack};
use crate::support::inventory::Inventory;
use crate::support::platform::{DESTROY, Platform, UP, Undisturbed, difference};
use crate::support::proof;
use crate::support::proxy::{Fault, Proxy};
use crate::support::relay::relay;
use crate::support::running::Running;

/// The operations of a life, in their order.
const OPERATIONS: [(&str, &str); 3] = [("up", UP), ("update", UP), ("destroy", DESTROY)];

/// What strikes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Blow {
    KilledBefore,
    KilledAfter,
    ResetAfter,
}

impl Blow {
    const ALL: [Self; 3] = [Self::KilledAfter, Self::ResetAfter, Self::KilledBefore];

    fn name(self) -> &'static str {
        match self {
            Self::KilledBefore => "killed before the effect",
            Self::KilledAfter => "killed after the effect",
            Self::ResetAfter => "connection reset after the effect",
        }
    }

    fn fault(self) -> Fault {
        match self {
            Self::KilledBefore => Fault::HeldBefore,
            Self::KilledAfter => Fault::HeldAfter,
            Self::ResetAfter => Fault::DropsAfter,
        }
    }
}

/// A line of what was found.
#[derive(Debug, Clone)]
struct Found {
    operation: String,
    blow: String,
    /// The number of the request, counted from 1.
    nth: usize,
    /// How many requests an undisturbed run makes.
    of: usize,
    request: String,
    /// `ok`, or what is wrong.
    result: String,
}

impl Found {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split('\t');
        let mut next = || words.next().map(str::to_owned);
        let (operation, blow) = (next()?, next()?);
        let (nth, of) = (next()?.parse().ok()?, next()?.parse().ok()?);
        Some(Self { operation, blow, nth, of, request: next()?, result: next()? })
    }

    fn line(&self) -> String {
        let Self { operation, blow, nth, of, request, result } = self;
        format!("{operation}\t{blow}\t{nth}\t{of}\t{request}\t{}\n", result.replace(['\n', '\t'], " "))
    }
}

fn file() -> PathBuf {
    std::env::var_os("SWEPT_FILE").map_or_else(|| root().join("tests/it/data/sweep.tsv"), PathBuf::from)
}

/// What earlier sweeps found; the newest word about a point counts.
fn found() -> Vec<Found> {
    let text = std::fs::read_to_string(file()).unwrap_or_default();
    let mut points = BTreeMap::new();
    for found in text.lines().filter_map(Found::read) {
        points.insert((found.operation.clone(), found.blow.clone(), found.nth), found);
    }
    points.into_values().collect()
}

/// The n-th point of so many, any first of them evenly spread: a share of the whole that is n with its
/// bits in reverse.
fn spread(n: u32, of: usize) -> usize {
    let share = u64::from(n.reverse_bits());
    1 + usize::try_from((share * of as u64) >> 32).unwrap()
}

#[test]
fn any_first_points_are_evenly_spread_and_all_come() {
    let points: Vec<usize> = (0..8).map(|n| spread(n, 80)).collect();
    assert_eq!(points, [1, 41, 21, 61, 11, 51, 31, 71]);
    assert_eq!((0..128).map(|n| spread(n, 80)).collect::<BTreeSet<_>>().len(), 80);
}

/// A life on a server of its own.
struct Life<'a> {
    platform: Platform<'a>,
    server: &'a Emulator,
}

impl<'a> Life<'a> {
    fn new(server: &'a Emulator, account: u64) -> Self {
        Self { platform: Platform::new(server, &format!("{account:012}")), server }
    }

    /// Strikes the n-th request of a command and finishes it; gives that request.
    ///
    /// # Errors
    /// If it cannot be finished by one more run, or by itself if nothing killed it.
    fn struck(&self, line: &str, nth: usize, blow: Blow) -> Result<Option<Ask>, String> {
        let fault = blow.fault();
        let mut seen = 0;
        let proxy = Proxy::breaking(self.server, move |_| {
            seen += 1;
            (seen == nth).then_some(fault)
        });
        match Running::unless_it_ends(self.platform.drctl(&proxy.endpoint, line), &proxy) {
            Ok(running) => {
                running.kill();
                proxy.end_the_held();
                let said = self.platform.run(line);
                let ended = (said.code == Some(0)).then_some(());
                ended.ok_or_else(|| format!("the next run ends with {:?}: {}", said.code, tail(&said.err)))?;
                Ok(proxy.held())
            }
            Err(ended) if ended.code == Some(0) => Ok(proxy.take().into_iter().nth(nth - 1)),
            Err(ended) => Err(format!("it ends with {:?}: {}", ended.code, tail(&ended.said))),
        }
    }

    fn is_as(&self, undisturbed: &[String], inventory: &mut Inventory) -> Result<(), String> {
        let difference = difference(&self.platform.holdings(inventory), undisturbed);
        if !difference.is_empty() {
            return Err(format!("the account differs: {difference}"));
        }
        let check = self.platform.run("state check");
        (check.code == Some(0)).then_some(()).ok_or_else(|| format!("the state is damaged: {}{}", check.out, check.err))
    }

    fn tries(&self, points: [usize; 3], blow: Blow, undisturbed: &Undisturbed, inventory: &mut Inventory) {
        for (i, (operation, line)) in OPERATIONS.into_iter().enumerate() {
            if operation == "update" {
                self.platform.change();
            }
            let nth = points[i];
            let ended = self.struck(line, nth, blow);
            let request = ended.as_ref().ok().and_then(Option::as_ref).map_or_else(|| "?".into(), ToString::to_string);
            let result = ended.and_then(|_| self.is_as(&undisturbed.holdings[i], inventory));
            let wrong = result.is_err();
            let result = result.map_or_else(|why| why, |()| "ok".to_owned());
            let of = undisturbed.requests[i];
            write(&Found { operation: operation.into(), blow: blow.name().into(), nth, of, request, result });
            if wrong {
                return;
            }
        }
    }
}

fn tail(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(12)..].join(" | ")
}

fn write(found: &Found) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap();
    let mut file = std::fs::File::options().append(true).create(true).open(file()).unwrap();
    file.write_all(found.line().as_bytes()).unwrap();
}

/// A number from the environment.
fn asked(name: &str, usual: u32) -> u32 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().unwrap())
}

#[test]
#[ignore = "takes hours; its results are in tests/it/data/sweep.tsv"]
fn every_request() {
    let (first, lives) = (asked("SWEPT_FROM", 0), asked("SWEPT_LIVES", 10));
    let next = AtomicU32::new(first);
    std::thread::scope(|scope| {
        for _ in 0..asked("SWEPT_WORKERS", 2) {
            let next = &next;
            scope.spawn(move || {
                let server = own_ministack();
                let mut inventory = Inventory::of(&server);
                let undisturbed = Undisturbed::on(&server, "400000000000", &mut inventory);
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= first + lives {
                        return;
                    }
                    let blow = Blow::ALL[n as usize % 3];
                    let points = undisturbed.requests.map(|of| spread(n / 3, of));
                    let life = Life::new(&server, 500_000_000_000 + u64::from(n));
                    life.tries(points, blow, &undisturbed, &mut inventory);
                }
            });
        }
    });
}

/// Chooses by the number of a change in its run, and among those of the same operation and region.
type Strikes = fn(usize, usize) -> Option<Fault>;

/// Ways to strike every change of an operation within one life.
const EVERY: [(&str, Strikes); 4] = [
    ("every odd answer lost, in one run", |_, same| (!same.is_multiple_of(2)).then_some(Fault::DropsAfter)),
    ("every even answer lost, in one run", |_, same| same.is_multiple_of(2).then_some(Fault::DropsAfter)),
    ("killed after each change, run after run", |change, _| (change == 1).then_some(Fault::HeldAfter)),
    ("killed before each change, run after run", |change, _| (change == 2).then_some(Fault::HeldBefore)),
];

#[test]
#[ignore = "takes an hour; its results are in tests/it/data/sweep.tsv"]
fn every_change() {
    let server = own_ministack();
    let mut inventory = Inventory::of(&server);
    let undisturbed = Undisturbed::on(&server, "600000000000", &mut inventory);
    for (n, (blow, strikes)) in (1..).zip(EVERY) {
        let life = Life::new(&server, 600_000_000_000 + n);
        for (i, (operation, line)) in OPERATIONS.into_iter().enumerate() {
            if operation == "update" {
                life.platform.change();
            }
            let struck = Arc::new(AtomicU32::new(0));
            let judge = |_: &[Ask]| {
                let (mut seen, struck) = (Vec::new(), Arc::clone(&struck));
                move |ask: &Ask| {
                    if !ask.is_change() {
                        return None;
                    }
                    seen.push(ask.clone());
                    let fault = strikes(seen.len(), seen.iter().filter(|other| *other == ask).count());
                    struck.fetch_add(u32::from(fault.is_some()), Ordering::Relaxed);
                    fault
                }
            };
            relay(&server, |endpoint| life.platform.drctl(endpoint, line), judge);
            let result = life.is_as(&undisturbed.holdings[i], &mut inventory);
            let result = result.map_or_else(|why| why, |()| "ok".to_owned());
            let times = struck.load(Ordering::Relaxed) as usize;
            let (operation, blow) = (operation.to_owned(), blow.to_owned());
            write(&Found { operation, blow, nth: times, of: times, request: "every change".into(), result });
        }
    }
}

/// Each word of the sweep about an operation and a blow: what the table says of them.
fn table() -> String {
    let found = found();
    let mut table = String::new();
    for (operation, _) in OPERATIONS {
        let blows: BTreeSet<&str> =
            found.iter().filter(|f| f.operation == operation).map(|f| f.blow.as_str()).collect();
        for blow in blows {
            let of_both: Vec<&Found> = found.iter().filter(|f| f.operation == operation && f.blow == blow).collect();
            let of = of_both.iter().map(|f| f.of).max().unwrap_or_default();
            let wrong = of_both.iter().filter(|f| f.result != "ok").count();
            // A life that strikes every change is one word about all of them.
            let tried = if EVERY.iter().any(|(every, _)| *every == blow) { of } else { of_both.len() };
            writeln!(table, "| `{operation}` | {blow} | {tried} of {of} | {wrong} |").unwrap();
        }
    }
    table
}

#[test]
fn the_table_of_the_sweep_is_up_to_date() {
    proof::part("sweep", &table());
}
