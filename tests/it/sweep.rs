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
//! changes of an operation instead, each operation in a life of its own, and compares at its end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::ask::Ask;
use crate::support::checkout::root;
use crate::support::emulator::{Emulator, own_ministack};
use crate::support::inventory::Inventory;
use crate::support::life::{Blow, Life, OPERATIONS};
use crate::support::platform::Undisturbed;
use crate::support::proof;
use crate::support::proxy::Fault;
use crate::support::relay::relay;

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

/// A life goes through the operations, as long as any is left to be struck.
fn live(life: &Life<'_>, work: &Work, inventory: &mut Inventory) {
    for (i, (operation, line)) in OPERATIONS.into_iter().enumerate() {
        if work.is_done_from(i) {
            return;
        }
        if operation == "update" {
            life.platform.change();
        }
        let Some(point) = work.take(i) else {
            life.finishes(line).unwrap();
            continue;
        };
        let (ask, nth, mut seen) = (point.ask.clone(), point.nth, 0);
        let ended = life.struck(line, point.blow, move |other| {
            seen += usize::from(*other == ask);
            *other == ask && seen == nth
        });
        let compared = |reached| life.is_as(&work.undisturbed.holdings[i], inventory).map(|()| reached);
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
                        live(&life, &work, &mut inventory);
                    }
                }
            });
        }
    });
}

/// The request in a line about a life that is struck at all of its changes.
const EVERY_CHANGE: &str = "every change";

/// How all changes of an operation are struck within one life.
#[derive(Debug, Clone, Copy)]
enum Every {
    /// In one run, by the number of a change among those of the same operation and region.
    Lost { even: bool },
    /// Run after run, each ended by a fault at that change.
    Killed(usize, Fault),
}

const EVERY: [(&str, Every); 4] = [
    ("every odd answer lost, in one run", Every::Lost { even: false }),
    ("every even answer lost, in one run", Every::Lost { even: true }),
    ("killed after each change, run after run", Every::Killed(1, Fault::HeldAfter)),
    ("killed before each change, run after run", Every::Killed(2, Fault::HeldBefore)),
];

impl Every {
    /// Chooses what strikes the changes of a run after those that were `killed`.
    fn judge(self, killed: &[Ask]) -> impl FnMut(&Ask) -> Option<Fault> + Send + 'static + use<> {
        // Where a kill ends the same request again and again, because the answer to the one beside it never
        // gets into the journal, a later change is struck.
        let again = killed.iter().filter(|ask| Some(*ask) == killed.last()).count();
        let mut seen: Vec<Ask> = Vec::new();
        move |ask| {
            if !ask.is_change() {
                return None;
            }
            seen.push(ask.clone());
            let same = seen.iter().filter(|other| *other == ask).count();
            match self {
                Self::Lost { even } => (same.is_multiple_of(2) == even).then_some(Fault::DropsAfter),
                Self::Killed(nth, fault) => (seen.len() == nth + again.saturating_sub(AGAIN)).then_some(fault),
            }
        }
    }
}

/// So many kills at requests of one name are usual: there are as many subnets.
const AGAIN: usize = 20;

/// An operation that is struck at all of its changes, in a life whose other operations nothing disturbs.
fn struck_at_every_change(life: &Life<'_>, server: &Emulator, i: usize, every: Every) -> usize {
    for (operation, line) in OPERATIONS.into_iter().take(i + 1) {
        if operation == "update" {
            life.platform.change();
        }
        if operation != OPERATIONS[i].0 {
            life.finishes(line).unwrap();
        }
    }
    let struck = Arc::new(AtomicUsize::new(0));
    let judge = |killed: &[Ask]| {
        let (mut judge, struck) = (every.judge(killed), Arc::clone(&struck));
        move |ask: &Ask| {
            let fault = judge(ask);
            struck.fetch_add(usize::from(fault.is_some()), Ordering::Relaxed);
            fault
        }
    };
    relay(server, |endpoint| life.platform.drctl(endpoint, OPERATIONS[i].1), judge);
    struck.load(Ordering::Relaxed)
}

#[test]
#[ignore = "takes an hour; its results are in tests/it/data/sweep.tsv"]
fn every_change() {
    let found = found();
    let is_known = |blow: &str, operation: &str| {
        found.iter().any(|f| f.request == EVERY_CHANGE && f.operation == operation && f.blow == blow)
    };
    let all = (0..3).rev().flat_map(|i| EVERY.map(|(blow, every)| (i, blow, every)));
    let left: VecDeque<_> = all.filter(|(i, blow, _)| !is_known(blow, OPERATIONS[*i].0)).collect();
    let left = Mutex::new((600_000_000_001..).zip(left));
    let server = own_ministack();
    let undisturbed = Undisturbed::on(&server, "600000000000", &mut Inventory::of(&server));
    std::thread::scope(|scope| {
        for _ in 0..asked("SWEPT_WORKERS", 2) {
            scope.spawn(|| {
                let server = own_ministack();
                let mut inventory = Inventory::of(&server);
                let next = || left.lock().unwrap().next();
                while let Some((account, (i, blow, every))) = next() {
                    let life = Life::new(&server, account);
                    let times = struck_at_every_change(&life, &server, i, every);
                    let result = life.is_as(&undisturbed.holdings[i], &mut inventory);
                    let result = result.map_or_else(|why| why, |()| "ok".to_owned());
                    let (operation, blow) = (OPERATIONS[i].0.to_owned(), blow.to_owned());
                    write(&Found { operation, blow, nth: times, of: times, request: EVERY_CHANGE.into(), result });
                }
            });
        }
    });
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
