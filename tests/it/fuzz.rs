//! Whatever stands in a file, reading it ends: with what it means, or with an error. It never panics,
//! never hangs, and never takes more memory than it may.
//!
//! Texts of a committed corpus are changed at random, the same way for the same seed. Each entry point
//! runs in a process of its own, whose memory is limited, so that whatever ends it is seen.
//! `DRCTL_FUZZ_SECONDS` makes it longer, `DRCTL_FUZZ_SEED` tries other changes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use drctl::aws;
use drctl::engine::provider::Catalog;
use drctl::stack;
use drctl::state::{SavedPlan, Source, States, Stored, read_export};
use drctl::twin::Twin;

use crate::support::checkout::root;

/// Long enough to meet every mutation of every text, and short enough for each change.
const SECONDS: u64 = 10;
const SEED: u64 = 20_260_101;
/// The most that one text may take: the slowest legal one takes a hundredth.
const PATIENCE: Duration = Duration::from_secs(10);
/// Address space of the process, in KiB. The program itself, with all types and the runtime, takes about half.
const MEMORY_KIB: u64 = 3 * 1024 * 1024;

/// One way in.
struct Entry {
    name: &'static str,
    /// Files of the corpus, below the crate.
    corpus: &'static [&'static str],
    words: &'static [&'static str],
    read: fn(&Desk, &[u8]),
}

const ENTRIES: &[Entry] = &[
    Entry {
        name: "programs",
        corpus: &["tests/it/fuzz/yaml", "stacks", "stacks/components", "tests/it/data", "examples"],
        words: YAML,
        read: program,
    },
    Entry { name: "expressions", corpus: &["tests/it/fuzz/expressions.txt"], words: EXPRESSIONS, read: expression },
    Entry { name: "snapshots", corpus: &["tests/it/fuzz/state/state.json"], words: JSON, read: snapshot },
    Entry { name: "journals", corpus: &["tests/it/fuzz/state/journal.jsonl"], words: JSON, read: journal },
    Entry { name: "keys", corpus: &["tests/it/fuzz/state/keys.json"], words: JSON, read: keys },
    Entry { name: "exports", corpus: &["tests/it/fuzz/state/export.json"], words: JSON, read: export },
    Entry { name: "plans", corpus: &["tests/it/fuzz/state/plan.json"], words: JSON, read: plan },
    Entry { name: "worlds", corpus: &["tests/it/fuzz/state/world.json"], words: JSON, read: world },
    Entry { name: "records", corpus: &["tests/it/fuzz/state/run.jsonl"], words: JSON, read: record },
];

const YAML: &[&str] = &[
    "${",
    "}",
    "$${",
    "fn::",
    "fn::join: ",
    "fn::secret: ",
    "&a ",
    "*a",
    "<<: *a",
    "[",
    "]",
    "{",
    "}",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "|\n",
    ">-\n",
    "\"",
    "'",
    "\\",
    "#",
    "---\n",
    "!!str ",
    "!x ",
    "? ",
    "\t",
    "\u{feff}",
    "\u{0}",
    "𝒳",
    "é",
    "\r\n",
    "each: ",
    "if: ",
    "type: ",
    "properties: ",
    "options: ",
    "resources:\n",
    "variables:\n",
    "components:\n",
    "config:\n",
    "outputs:\n",
    "regions: ",
    "extends: ",
    "tags: ",
    "dr: ",
    "secrets: ",
    "assets: ",
    "0x",
    "1e999",
    "-0",
    "9223372036854775808",
    "0777",
    ".inf",
    "~",
    "true",
    "null",
    "${region.role}",
    "${each.value}",
    "${a[*].b[\"c\"][0]}",
    "aws:ec2:Vpc",
    "..",
];

const EXPRESSIONS: &[&str] = &[
    "${",
    "}",
    "$",
    "$$",
    "[",
    "]",
    "[*]",
    "[0]",
    "[-1]",
    "[99999999999999999999]",
    "[\"",
    "\"]",
    "\\\"",
    ".",
    "..",
    "a",
    "b.c",
    "list",
    "map",
    "text",
    "${list[",
    "each.key",
    "region",
    "pulumi",
    " ",
    "\u{0}",
    "𝒳",
    "é",
    "\n",
    "'",
    "{",
    "fn::",
];

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\n",
    "null",
    "true",
    "-1",
    "1e999",
    "99999999999999999999",
    "0",
    "\\u0000",
    "\\ud800",
    "{\"$secret\":\"v1:\"}",
    "{\"$asset\":",
    "{\"$map\":",
    "\"version\":9",
    "\"version\":",
    "\"rows\":",
    "\"urn\":",
    "\"entry\":",
    "{\"n\":1,\"entry\":{\"gone\":",
    "\"put\":",
    "\"done\":",
    "é",
    "𝒳",
    "\u{0}",
    "urn:pulumi:a::b::c::d",
    "AAAA",
    "2026-01-01T00:00:00Z",
];

/// Where a text is put to be read.
struct Desk {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    catalog: std::sync::Arc<Catalog>,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for sub in ["stacks", "twin/fuzz"] {
            std::fs::create_dir_all(dir.path().join(sub)).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let desk = Self { dir, runtime, catalog: std::sync::Arc::clone(aws::catalog()) };
        desk.lay_out_state();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The state of the corpus, which opens.
    fn lay_out_state(&self) {
        let from = root().join("tests/it/fuzz/state");
        for (file, to) in [("keys.json", "keys.json"), ("key", "key"), ("state.json", "twin/fuzz/state.json")] {
            std::fs::copy(from.join(file), self.path(to)).unwrap();
        }
        std::fs::copy(from.join("journal.jsonl"), self.path("twin/fuzz/journal.jsonl")).unwrap();
    }

    fn stored(&self) -> Stored {
        States::local(self.dir.path().to_owned(), "twin").of("fuzz")
    }

    /// Reads the state; whether that went well.
    fn load(&self) -> bool {
        self.runtime.block_on(async {
            let Ok((keys, _)) = self.stored().open_keys(Source::key_file()).await else { return false };
            self.stored().load(&keys).await.is_ok()
        })
    }

    fn read_plan(&self) -> Option<SavedPlan> {
        let (keys, _) = self.runtime.block_on(self.stored().open_keys(Source::key_file())).ok()?;
        SavedPlan::read(&self.path("plan"), &keys).ok().map(|(plan, _)| plan)
    }

    fn read_program(&self, text: &[u8]) -> bool {
        std::fs::write(self.path("stacks/fuzz.yaml"), text).unwrap();
        let request = stack::Request {
            stack: "fuzz".into(),
            cwd: self.dir.path().to_owned(),
            config: Vec::new(),
            environment: [("AWS_REGION".to_owned(), "us-east-1".to_owned())].into(),
        };
        match stack::load(&request, &self.catalog) {
            Ok(loaded) => {
                drop(drctl::checks::check(&loaded.program));
                true
            }
            Err(problems) => {
                // What is told of it is made of the same text.
                let told = drctl::render::diagnostics::Diagnostics(&problems).to_string();
                assert!(!told.is_empty());
                false
            }
        }
    }
}

fn program(desk: &Desk, text: &[u8]) {
    desk.read_program(text);
}

fn expression(desk: &Desk, text: &[u8]) {
    let quoted = serde_json::Value::from(String::from_utf8_lossy(text).into_owned());
    let head = "variables: {list: [1, {a: b}], map: {key: [2]}, text: x, secret: {fn::secret: s}}\nresources: {vpc: {type: aws:ec2:Vpc}}\n";
    desk.read_program(
        format!("{head}outputs:\n  plain: {quoted}\n  joined: {{fn::join: [\"\", [{quoted}, x]]}}\n").as_bytes(),
    );
}

fn snapshot(desk: &Desk, text: &[u8]) {
    std::fs::write(desk.path("twin/fuzz/state.json"), text).unwrap();
    desk.load();
}

fn journal(desk: &Desk, text: &[u8]) {
    std::fs::write(desk.path("twin/fuzz/journal.jsonl"), text).unwrap();
    desk.load();
}

fn keys(desk: &Desk, text: &[u8]) {
    std::fs::write(desk.path("keys.json"), text).unwrap();
    desk.load();
}

fn export(desk: &Desk, text: &[u8]) {
    desk.runtime.block_on(async {
        let (keys, _) = desk.stored().open_keys(Source::key_file()).await.unwrap();
        drop(read_export(Path::new("export"), text.to_owned(), desk.dir.path(), &keys, Source::key_file()).await);
    });
}

/// The plan behind the seal is read as well: whoever holds the keys can seal anything.
fn plan(desk: &Desk, text: &[u8]) {
    std::fs::write(desk.path("plan"), text).unwrap();
    drop(desk.read_plan());
    let behind = text.iter().position(|byte| *byte == b'\n').map_or(text, |end| &text[end..]);
    drop(serde_json::from_slice::<SavedPlan>(behind));
}

fn world(desk: &Desk, text: &[u8]) {
    let path = desk.path("world.json");
    std::fs::write(&path, text).unwrap();
    let _guard = desk.runtime.enter();
    drop(Twin::open(&path, std::sync::Arc::clone(&desk.catalog), "2026-01-01T00:00:00Z".parse().unwrap()));
}

fn record(desk: &Desk, text: &[u8]) {
    let path = desk.path("run.jsonl");
    std::fs::write(&path, text).unwrap();
    drop(drctl::render::log::read(&path));
}

/// SplitMix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { (self.next() % n as u64) as usize }
    }

    fn of<'a, T: ?Sized>(&mut self, all: &'a [&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// A stretch of a text, short more often than long.
    fn stretch(&mut self, text: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(text.len() + 1);
        let reach = 1 << self.below(10);
        start..(start + self.below(reach)).min(text.len())
    }
}

/// The longest text that is tried.
const LONGEST: usize = 256 * 1024;

/// Changes a text in one place.
fn changed(mut text: Vec<u8>, random: &mut Random, entry: &Entry, corpus: &[Vec<u8>]) -> Vec<u8> {
    let range = random.stretch(&text);
    let at = range.start;
    match random.below(9) {
        0 => drop(text.drain(range)),
        1 => {
            let copy = text[range].to_vec();
            let to = random.below(text.len() + 1);
            text.splice(to..to, copy);
        }
        2 if at < text.len() => text[at] ^= 1 << random.below(8),
        3 => text.truncate(at),
        4 => {
            let other = &corpus[random.below(corpus.len())];
            let piece = other[random.stretch(other)].to_vec();
            text.splice(at..at, piece);
        }
        5 => {
            // Deep and wide: the same word again and again.
            let times = 1 << random.below(14);
            let word = random.of(entry.words).repeat(times);
            text.splice(at..at, word.bytes());
        }
        6 => drop(text.splice(range, random.of(entry.words).bytes())),
        _ => drop(text.splice(at..at, random.of(entry.words).bytes())),
    }
    text.truncate(LONGEST);
    text
}

fn corpus(entry: &Entry) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    for place in entry.corpus.iter().map(|place| root().join(place)) {
        let mut files: Vec<PathBuf> = match place.is_dir() {
            true => std::fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect(),
            false => vec![place],
        };
        files.sort();
        texts.extend(files.iter().filter(|path| path.is_file()).map(|path| std::fs::read(path).unwrap()));
    }
    texts
}

/// What a test of the entry runs in a process of its own.
#[test]
#[ignore = "run by the tests of each entry, in a process of its own"]
fn in_a_process_of_its_own() {
    let name = std::env::var("DRCTL_FUZZ_ENTRY").unwrap();
    let entry = ENTRIES.iter().find(|entry| entry.name == name).unwrap();
    let number = |name: &str, usual: u64| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual);
    let (seconds, seed) = (number("DRCTL_FUZZ_SECONDS", SECONDS), number("DRCTL_FUZZ_SEED", SEED));
    let last = PathBuf::from(std::env::var("DRCTL_FUZZ_LAST").unwrap());
    let texts = corpus(entry);
    let desk = Desk::new();
    texts.iter().for_each(|text| (entry.read)(&desk, text));
    let mut random = Random(seed);
    let (started, mut tried) = (Instant::now(), 0u64);
    while started.elapsed() < Duration::from_secs(seconds) {
        let mut text = texts[random.below(texts.len())].clone();
        for _ in 0..=random.below(4) {
            text = changed(text, &mut random, entry, &texts);
        }
        // Written first: whatever ends this process can be looked at.
        std::fs::write(&last, &text).unwrap();
        let begun = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| (entry.read)(&desk, &text)));
        let took = begun.elapsed();
        assert!(ended.is_ok() && took < PATIENCE, "change {tried} of seed {seed} takes {took:?}: {}", last.display());
        tried += 1;
        if tried.is_multiple_of(64) {
            desk.lay_out_state();
        }
    }
    assert!(tried > 0);
}

fn try_all(name: &str) {
    let kept = std::env::temp_dir().join(format!("drctl-fuzz-{name}-{}", std::process::id()));
    let limit =
        format!("ulimit -v {MEMORY_KIB}; exec \"$0\" --exact fuzz::in_a_process_of_its_own --ignored --nocapture");
    let mut child = Command::new("sh")
        .args(["-c", &limit])
        .arg(std::env::current_exe().unwrap())
        .env("DRCTL_FUZZ_ENTRY", name)
        .env("DRCTL_FUZZ_LAST", &kept)
        .env("MALLOC_ARENA_MAX", "2")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let seconds = std::env::var("DRCTL_FUZZ_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SECONDS);
    let deadline = Instant::now() + Duration::from_secs(seconds) + 12 * PATIENCE;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if Instant::now() > deadline => {
                child.kill().unwrap();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let said = std::io::read_to_string(child.stderr.take().unwrap()).unwrap_or_default();
    assert!(status.is_some_and(|s| s.success()), "{name}: {status:?}, the text is in {}\n{said}", kept.display());
    let _ = std::fs::remove_file(kept);
}

#[test]
fn no_text_makes_the_reader_of_programs_panic_hang_or_fill_the_memory() {
    try_all("programs");
}

#[test]
fn no_text_makes_the_reader_of_expressions_panic_hang_or_fill_the_memory() {
    try_all("expressions");
}

#[test]
fn no_text_makes_the_reader_of_states_panic_hang_or_fill_the_memory() {
    ["snapshots", "journals"].into_iter().for_each(try_all);
}

#[test]
fn no_text_makes_the_reader_of_keys_and_exports_panic_hang_or_fill_the_memory() {
    ["keys", "exports"].into_iter().for_each(try_all);
}

#[test]
fn no_text_makes_the_reader_of_simulations_and_records_panic_hang_or_fill_the_memory() {
    ["worlds", "records"].into_iter().for_each(try_all);
}

#[test]
fn no_text_makes_the_reader_of_plans_panic_hang_or_fill_the_memory() {
    try_all("plans");
}

#[test]
fn every_text_of_the_corpus_that_is_whole_is_read() {
    let desk = Desk::new();
    assert!(desk.load(), "the state of the corpus does not open");
    std::fs::copy(root().join("tests/it/fuzz/state/plan.json"), desk.path("plan")).unwrap();
    assert!(desk.read_plan().is_some(), "the plan of the corpus does not open");
    assert!(corpus(&ENTRIES[0]).iter().filter(|text| desk.read_program(text)).count() >= 3);
}

/// The answer to a text that is too much, and how long it took.
fn refused(text: &[u8]) -> String {
    let desk = Desk::new();
    std::fs::write(desk.path("stacks/fuzz.yaml"), text).unwrap();
    let request = stack::Request { stack: "fuzz".into(), cwd: desk.dir.path().to_owned(), ..stack::Request::default() };
    let begun = Instant::now();
    let problems = stack::load(&request, &desk.catalog).err().unwrap_or_default();
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    problems.first().map(|problem| problem.message.clone()).unwrap_or_default()
}

#[test]
fn what_is_too_deep_or_too_much_is_refused_with_the_limit() {
    let deep = |open: &str, close: &str| format!("outputs:\n  a: {}1{}\n", open.repeat(500), close.repeat(500));
    assert_eq!(refused(deep("[", "]").as_bytes()), "values are nested more than 100 deep");
    assert_eq!(refused(deep("{a: ", "}").as_bytes()), "values are nested more than 100 deep");
    assert_eq!(
        refused(format!("outputs:\n  a:\n    {}x\n", "- ".repeat(5000)).as_bytes()),
        "values are nested more than 100 deep"
    );
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let again = [format!("*a{}", n - 1).as_str(); 10].join(", ");
        bomb.extend(["a", &n.to_string(), ": &a", &n.to_string(), " [", &again, "]\n"]);
    }
    assert_eq!(refused(bomb.as_bytes()), "aliases add more than 100000 values");
    let nested = format!("variables: {{a: [0]}}\noutputs:\n  x: ${{{}0{}}}\n", "a[".repeat(20_000), "]".repeat(20_000));
    assert_eq!(refused(nested.as_bytes()), "references are nested more than 16 deep");
    let huge = [b"outputs:\n  a: \"".to_vec(), vec![b'x'; 100 << 20], b"\"\n".to_vec()].concat();
    assert_eq!(refused(&huge), "`stacks/fuzz.yaml` has more than 16 MiB, which no stack file may have");
    let comments = vec![b'#'; 100 << 20];
    assert_eq!(refused(&comments), "`stacks/fuzz.yaml` has more than 16 MiB, which no stack file may have");
}

#[cfg(unix)]
#[test]
fn a_device_without_an_end_is_no_stack_file() {
    let desk = Desk::new();
    std::os::unix::fs::symlink("/dev/zero", desk.path("stacks/fuzz.yaml")).unwrap();
    let request = stack::Request { stack: "fuzz".into(), cwd: desk.dir.path().to_owned(), ..stack::Request::default() };
    assert!(stack::load(&request, &desk.catalog).is_err());
}
