//! The sweep over all requests of the trading platform's life: `up`, a change with replacements, and
//! `destroy`, each struck at each of its requests. It takes hours and is started by hand:
//!
//! ```text
//! SWEPT_LIVES=100 cargo test --test it sweep::every_request -- --ignored
//! ```
//!
//! `SWEPT_WORKERS` lives go on at once, and `SWEPT_PROGRAM` names another program, such as an optimised one.
//! What is found is appended to `tests/it/data/sweep.tsv`, and the next sweep goes on with what is missing
//! there. A run never makes its requests in the order of another, so a point is named by what is asked and
//! how often it was asked before: the third `us-east-1 ec2:CreateSubnet`. A life is struck once in each
//! of its three operations, and the account is compared after each. `sweep::every_change` strikes all
//! changes of a life instead, and compares at the end of each operation.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
#[derive(Debug, Clone, PartialEq)]
struct Found {
    operation: String,
    blow: String,
    /// Which of the requests for the same, counted from 1.
    nth: usize,
    /// How many of them an undisturbed run makes.
    of: usize,
    request: String,
    /// `ok`, `not reached` if the run made fewer of them, or what is wrong.
    result: String,
}

/// What an undisturbed run asks for, as a line of what was found.
const UNDISTURBED: &str = "undisturbed";

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
        points.insert((found.operation.clone(), found.blow.clone(), found.request.clone(), found.nth), found);
    }
    points.into_values().collect()
}

/// Where a run is struck: at the `nth` request for the same.
#[derive(Debug, Clone, PartialEq)]
struct Point {
    blow: Blow,
    ask: Ask,
    nth: usize,
    of: usize,
}

/// The points of an operation that nobody tried yet: first those that may change something.
fn missing(operation: &str, asked: &[Ask], found: &[Found]) -> VecDeque<Point> {
    let tried: BTreeSet<(&str, &str, usize)> = found
        .iter()
        .filter(|f| f.operation == operation)
        .map(|f| (f.blow.as_str(), f.request.as_str(), f.nth))
        .collect();
    let mut points = Vec::new();
    for (ask, of) in counted(asked) {
        let name = ask.to_string();
        for blow in Blow::ALL {
            let left = (1..=of).filter(|nth| !tried.contains(&(blow.name(), name.as_str(), *nth)));
            points.extend(left.map(|nth| Point { blow, ask: ask.clone(), nth, of }));
        }
    }
    // A read has no effect: what comes after it is what comes before it.
    points.sort_by_key(|point| (!point.ask.is_change(), point.blow));
    points.into()
}

fn counted(asked: &[Ask]) -> BTreeMap<Ask, usize> {
    let mut counts = BTreeMap::new();
    asked.iter().for_each(|ask| *counts.entry(ask.clone()).or_default() += 1);
    counts
}

#[test]
fn what_was_tried_is_not_tried_again_and_changes_come_first() {
    let ask = |operation: &str| Ask { region: "us-east-1".into(), service: "ec2".into(), operation: operation.into() };
    let asked = ["DescribeVpcs", "CreateVpc", "CreateVpc"].map(ask);
    let tried = Found {
        operation: "up".into(),
        blow: Blow::KilledBefore.name().into(),
        nth: 2,
        of: 2,
        request: "us-east-1 ec2:CreateVpc".into(),
        result: "ok".into(),
    };
    assert_eq!(Found::read(tried.line().trim_end()), Some(tried.clone()));
    let left = missing("up", &asked, &[tried]);
    assert_eq!(left.len(), 8);
    assert_eq!(left[0], Point { blow: Blow::KilledBefore, ask: ask("CreateVpc"), nth: 1, of: 2 });
    assert!(left.iter().rev().take(3).all(|point| point.ask.operation == "DescribeVpcs"));
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

    /// Strikes a command and finishes it; tells whether it came to that point.
    ///
    /// # Errors
    /// If it cannot be finished by one more run, or by itself if nothing killed it.
    fn struck(&self, line: &str, point: &Point) -> Result<bool, String> {
        let (fault, ask, nth) = (point.blow.fault(), point.ask.clone(), point.nth);
        let reached = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&reached);
        let proxy = Proxy::breaking(self.server, move |other| {
            let same = *other == ask && seen.fetch_add(1, Ordering::Relaxed) + 1 == nth as u32;
            same.then_some(fault)
        });
        match Running::unless_it_ends(self.platform.drctl(&proxy.endpoint, line), &proxy) {
            Ok(running) => {
                running.kill();
                proxy.end_the_held();
                self.finishes(line).map(|()| true)
            }
            Err(ended) if ended.code == Some(0) => Ok(reached.load(Ordering::Relaxed) >= nth as u32),
            Err(ended) => Err(format!("it ends with {:?}: {}", ended.code, tail(&ended.said))),
        }
    }

    fn finishes(&self, line: &str) -> Result<(), String> {
        let said = self.platform.run(line);
        let ended = (said.code == Some(0)).then_some(());
        ended.ok_or_else(|| format!("the next run ends with {:?}: {}", said.code, tail(&said.err)))
    }

    fn is_as(&self, undisturbed: &[String], inventory: &mut Inventory) -> Result<(), String> {
        let difference = difference(&self.platform.holdings(inventory), undisturbed);
        if !difference.is_empty() {
            return Err(format!("the account differs: {difference}"));
        }
        let check = self.platform.run("state check");
        (check.code == Some(0)).then_some(()).ok_or_else(|| format!("the state is damaged: {}{}", check.out, check.err))
    }

    /// Goes through the operations, as long as any is left to be struck.
    fn goes_through(&self, work: &Work, inventory: &mut Inventory) {
        for (i, (operation, line)) in OPERATIONS.into_iter().enumerate() {
            if work.is_done_from(i) {
                return;
            }
            if operation == "update" {
                self.platform.change();
            }
            let Some(point) = work.take(i) else {
                self.finishes(line).unwrap();
                continue;
            };
            let ended = self.struck(line, &point);
            let compared = |reached| self.is_as(&work.undisturbed.holdings[i], inventory).map(|()| reached);
            let ended = ended.and_then(compared);
            let wrong = ended.is_err();
            let result = match ended {
                Ok(true) => "ok".to_owned(),
                Ok(false) => "not reached".to_owned(),
                Err(why) => why,
            };
            let (operation, blow) = (operation.to_owned(), point.blow.name().to_owned());
            write(&Found { operation, blow, nth: point.nth, of: point.of, request: point.ask.to_string(), result });
            if wrong {
                return;
            }
        }
    }
}

/// What is left to try.
struct Work {
    undisturbed: Undisturbed,
    points: [Mutex<VecDeque<Point>>; 3],
}

impl Work {
    fn new() -> Self {
        let server = own_ministack();
        let undisturbed = Undisturbed::on(&server, "400000000000", &mut Inventory::of(&server));
        let found = found();
        let points = [0, 1, 2].map(|i| {
            let (operation, asked) = (OPERATIONS[i].0, &undisturbed.asked[i]);
            for (ask, of) in counted(asked) {
                let (operation, blow) = (operation.to_owned(), UNDISTURBED.to_owned());
                let told = Found { operation, blow, nth: 0, of, request: ask.to_string(), result: "ok".into() };
                if !found
                    .iter()
                    .any(|f| (&f.operation, &f.blow, &f.request) == (&told.operation, &told.blow, &told.request))
                {
                    write(&told);
                }
            }
            Mutex::new(missing(operation, asked, &found))
        });
        Self { undisturbed, points }
    }

    fn take(&self, operation: usize) -> Option<Point> {
        self.points[operation].lock().unwrap().pop_front()
    }

    fn is_done_from(&self, operation: usize) -> bool {
        self.points[operation..].iter().all(|points| points.lock().unwrap().is_empty())
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

/// Lives on one server, which keeps what they leave behind.
const LIVES_OF_A_SERVER: u32 = 25;

#[test]
#[ignore = "takes hours; its results are in tests/it/data/sweep.tsv"]
fn every_request() {
    let lives = asked("SWEPT_LIVES", 10);
    let (work, next) = (Work::new(), AtomicU32::new(0));
    let goes_on = || next.load(Ordering::Relaxed) < lives && !work.is_done_from(0);
    std::thread::scope(|scope| {
        for _ in 0..asked("SWEPT_WORKERS", 2) {
            scope.spawn(|| {
                while goes_on() {
                    let server = own_ministack();
                    let mut inventory = Inventory::of(&server);
                    for _ in 0..LIVES_OF_A_SERVER {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        if n >= lives {
                            break;
                        }
                        let life = Life::new(&server, 500_000_000_000 + u64::from(n));
                        life.goes_through(&work, &mut inventory);
                    }
                }
            });
        }
    });
}

/// The request in a line about a life that is struck at all of its changes.
const EVERY_CHANGE: &str = "every change";

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
            write(&Found { operation, blow, nth: times, of: times, request: EVERY_CHANGE.into(), result });
        }
    }
}

/// What the table says of each operation and blow.
fn table() -> String {
    let found = found();
    let mut table = String::new();
    for (operation, _) in OPERATIONS {
        let of_it: Vec<&Found> = found.iter().filter(|f| f.operation == operation).collect();
        // Runs differ by a read or two, by how often they had to look.
        let mut most: BTreeMap<&str, usize> = BTreeMap::new();
        for f in of_it.iter().filter(|f| f.request != EVERY_CHANGE) {
            let of = most.entry(&f.request).or_default();
            *of = f.of.max(*of);
        }
        let requests: usize = most.values().sum();
        let of_it: Vec<&Found> = of_it.into_iter().filter(|f| f.blow != UNDISTURBED).collect();
        for blow in of_it.iter().map(|f| f.blow.as_str()).collect::<BTreeSet<_>>() {
            let words = || of_it.iter().filter(|f| f.blow == blow && f.result != "not reached");
            let wrong = words().filter(|f| f.result != "ok").count();
            // A life that is struck at every change is one word about all of them.
            let all = words().find(|f| f.request == EVERY_CHANGE).map(|f| f.of);
            let (tried, of) = all.map_or_else(|| (words().count(), requests), |of| (of, of));
            writeln!(table, "| `{operation}` | {blow} | {tried} of {of} | {wrong} |").unwrap();
        }
    }
    table
}

#[test]
fn the_table_of_the_sweep_is_up_to_date() {
    proof::part("sweep", &table());
}
