//! A run that is struck at any point is finished, by itself or by the next one: nothing is lost, left
//! behind, or made twice.
//!
//! Every point of every operation is tried, over generated programs. What the account holds in the
//! end is compared with what it holds after a run that nothing disturbed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use drctl::engine::diagnostic::Diagnostic;
use drctl::engine::error::Kind;
use drctl::engine::event::{Ended, Event};
use drctl::engine::provider::{KindAt, Provider};
use drctl::engine::resource::{Seen, Want};
use drctl::engine::state::Begun;
use drctl::engine::value::Value;
use drctl::state::lint;
use drctl::twin::{Calls, Fault, Operation};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::theatre::{Theatre, program};
use crate::random::{Shape, shape, text};
use crate::support::fate::{Blow, Fate, Fateful};
use crate::support::proof::proven;
use crate::support::stage::{Memory, Report, steps, told};

/// Generated programs of each operation.
const PROGRAMS: usize = 8;
/// Most resources of one.
const RESOURCES: usize = 7;

/// One of each kind that the engine treats differently, and what becomes of them.
const ALL_KINDS: [&str; 2] = [
    "
a: {type: test:Thing, properties: {size: 1, password: {fn::secret: one}}}
b: {type: test:Child, properties: {thingId: '${a.id}'}}
c: {type: test:Named, properties: {name: c}}
d: {type: test:Loose, properties: {thingId: '${a.id}'}}
g: {type: test:Guarded, properties: {name: g, deletionProtection: true}}
r: {type: test:Rule, properties: {name: r}}
s: {type: test:Slow, properties: {name: s}}
",
    "
a: {type: test:Thing, options: {replaceOnChanges: [size]}, properties: {size: 2, password: {fn::secret: two}}}
b: {type: test:Child, properties: {thingId: '${a.id}'}}
c: {type: test:Named, properties: {name: c, note: x}}
d: {type: test:Loose, properties: {thingId: '${a.id}'}}
r: {type: test:Rule, properties: {name: r}}
s: {type: test:Slow, properties: {name: s}}
",
];

/// Names that pass from one to another, and what becomes of those that use the resources.
const EXCHANGES: [[&str; 2]; 3] = [
    [
        "
a: {type: test:Unique, properties: {name: x}}
b: {type: test:Unique, properties: {name: y}}
u: {type: test:Loose, properties: {note: '${a.arn}'}}
",
        "
a: {type: test:Unique, properties: {name: y}}
b: {type: test:Unique, properties: {name: x}}
u: {type: test:Loose, properties: {note: '${a.arn}'}}
",
    ],
    [
        "
a: {type: test:Unique, properties: {name: x}}
b: {type: test:Unique, properties: {name: y}}
c: {type: test:Unique, properties: {name: z}}
",
        "
a: {type: test:Unique, properties: {name: y}}
b: {type: test:Unique, properties: {name: z}}
c: {type: test:Unique, properties: {name: x}}
",
    ],
    [
        "
a: {type: test:Unique, properties: {name: x}}
b: {type: test:Unique, properties: {name: y}}
t: {type: test:Thing, properties: {name: '${a.name}'}}
d: {type: test:Child, properties: {thingId: '${t.id}'}}
",
        "
a: {type: test:Unique, properties: {name: y}}
b: {type: test:Unique, properties: {name: x}}
t: {type: test:Thing, properties: {name: '${a.name}'}}
d: {type: test:Child, properties: {thingId: '${t.id}'}}
",
    ],
];

/// The kind of shapes that can be given another thing.
const LOOSE: u8 = 3;

#[derive(Debug, Clone, Copy)]
enum Operating {
    Up,
    Update,
    CreateFirst,
    DeleteFirst,
    Exchange,
    Destroy,
}

impl Operating {
    fn name(self) -> &'static str {
        match self {
            Self::Up => "`up` of a new stack",
            Self::Update => "`up` of changes",
            Self::CreateFirst => "`up` of replacements, new half first",
            Self::DeleteFirst => "`up` of replacements, old half first",
            Self::Exchange => "`up` of exchanged names",
            Self::Destroy => "`destroy`",
        }
    }

    fn scenes(self) -> Vec<Scene> {
        if let Self::Exchange = self {
            return EXCHANGES.map(|[before, run]| self.scene(before.to_owned(), run.to_owned())).into();
        }
        let mut runner = TestRunner::deterministic();
        let mut draw = || proptest::collection::vec(shape(), RESOURCES).new_tree(&mut runner).unwrap().current();
        let mut scenes = vec![self.scene(ALL_KINDS[0].to_owned(), ALL_KINDS[1].to_owned())];
        scenes.extend((1..PROGRAMS).map(|_| {
            let (mut first, changes) = (draw(), draw());
            first.iter_mut().for_each(|shape| self.restrict(shape));
            let second = first.iter().zip(changes).map(|(old, new)| self.changed(old, new));
            let second: Vec<Shape> = second.collect();
            self.scene(text(&first), text(&second))
        }));
        scenes
    }

    /// What uses a thing and is not replaced with it forbids that the thing goes first: no cloud lets it go.
    fn restrict(self, shape: &mut Shape) {
        if matches!(self, Self::DeleteFirst) && shape.kind == LOOSE {
            shape.refers = None;
        }
    }

    /// Kinds and references stay, so that a replacement comes from this operation alone.
    fn changed(self, old: &Shape, new: Shape) -> Shape {
        let is_thing = old.kind < 2;
        let replaced = match self {
            Self::CreateFirst => is_thing,
            Self::DeleteFirst => true,
            Self::Up | Self::Update | Self::Exchange | Self::Destroy => false,
        };
        let delete_before_replace = matches!(self, Self::DeleteFirst);
        let size = if replaced { old.size + 1 } else { new.size };
        Shape { size, present: new.present, replace_on_change: replaced, delete_before_replace, ..old.clone() }
    }

    fn scene(self, first: String, second: String) -> Scene {
        match self {
            Self::Up => Scene { before: None, run: Some(first) },
            Self::Update | Self::CreateFirst | Self::DeleteFirst | Self::Exchange => {
                Scene { before: Some(first), run: Some(second) }
            }
            Self::Destroy => Scene { before: Some(first), run: None },
        }
    }
}

/// A run, and what there was before it.
struct Scene {
    before: Option<String>,
    /// The program to bring up; none to destroy.
    run: Option<String>,
}

impl Scene {
    async fn prepared(&self) -> Theatre {
        let mut t = Theatre::new();
        t.stage.settings.override_protection = true;
        if let Some(before) = &self.before {
            t.up(before).await;
        }
        t
    }

    async fn run(&self, t: &mut Theatre) -> Result<Report, Vec<Diagnostic>> {
        match &self.run {
            Some(resources) => t.stage.up(&program(resources)).await,
            None => t.stage.destroy().await,
        }
    }

    async fn runs_to_its_end(&self, t: &mut Theatre) -> Report {
        let report = self.run(t).await.unwrap_or_else(|p| panic!("{}", told(&p)));
        assert_eq!(report.outcome.ended, Ended::Completed, "{:#?}", report.failures());
        report
    }

    /// Strikes at every point of the run; gives how many there are.
    async fn struck_at_every_point(&self, blow: Blow) -> usize {
        let mut t = self.prepared().await;
        self.runs_to_its_end(&mut t).await;
        let undisturbed = holdings(&t).await;
        for point in 0.. {
            let mut t = self.prepared().await;
            let fate = Fate::at(point, blow);
            let end = self.struck(&mut t, &fate).await;
            if !fate.has_struck() {
                return point;
            }
            match end {
                None => {
                    let lost = t.stage.state.rows.values().filter(|row| row.id.is_none()).count();
                    let report = self.runs_to_its_end(&mut t).await;
                    let told = report.plan.notes.iter().filter(|note| note.contains("an interrupted create"));
                    assert_eq!(told.count(), lost, "the run does not say what it found: {:?}", report.plan.notes);
                }
                Some(end) => {
                    let report = end.unwrap_or_else(|p| panic!("{}", told(&p)));
                    assert_eq!(report.outcome.ended, Ended::Completed, "{point}: {:#?}", report.failures());
                }
            }
            self.is_as_undisturbed(&t, &undisturbed, point).await;
        }
        unreachable!("some run gets through")
    }

    /// Runs with a fate. None if the process ended: what it leaves is the journal.
    async fn struck(&self, t: &mut Theatre, fate: &Arc<Fate>) -> Option<Result<Report, Vec<Diagnostic>>> {
        t.stage.cloud = Arc::new(Fateful { cloud: Arc::clone(&t.twin) as _, fate: Arc::clone(fate) });
        t.stage.journal = Arc::new(Memory { fate: Some(Arc::clone(fate)), ..Memory::default() });
        let before = t.stage.state.clone();
        let end = fate.of(self.run(t)).await;
        t.stage.cloud = Arc::clone(&t.twin) as _;
        let journal = std::mem::take(&mut t.stage.journal);
        if end.is_none() {
            t.stage.state = journal.replay(before);
        }
        end
    }

    async fn is_as_undisturbed(&self, t: &Theatre, undisturbed: &[String], point: usize) {
        let scene = || format!("struck at point {point} of {:?} after {:?}", self.run, self.before);
        assert_eq!(holdings(t).await, undisturbed, "{}", scene());
        assert_eq!(t.stage.state.rows.len(), undisturbed.len(), "{}", scene());
        assert_eq!(lint(&t.stage.state), [], "{}", scene());
        if let Some(resources) = &self.run {
            assert_eq!(t.preview(resources).await, [""; 0], "{}", scene());
        }
    }
}

/// What the account holds, with its inputs. Identifiers are those of the program.
async fn holdings(t: &Theatre) -> Vec<String> {
    let entries = t.twin.inspect();
    let names: HashMap<&str, &str> = entries.iter().map(|e| (e.id.0.as_str(), e.urn.name())).collect();
    let random = regex_lite::Regex::new("[a-z0-9]+-[0-9a-f]{7,17}").unwrap();
    let mut lines = Vec::new();
    for entry in &entries {
        let kind = KindAt { ty: entry.token.to_owned(), place: entry.place.clone() };
        let seen = t.twin.read(&kind, std::slice::from_ref(&entry.id), &Want::All).await.unwrap().remove(0);
        let Seen::Ready(live) = seen else { panic!("{} is {}", entry.id, entry.state) };
        let inputs = live.inputs.to_json().unwrap().to_string();
        let inputs = random.replace_all(&inputs, |found: &regex_lite::Captures<'_>| {
            names.get(&found[0]).map_or_else(|| "automatic".to_owned(), |name| (*name).to_owned())
        });
        lines.push(format!("{} {} {} {inputs}", entry.place, entry.token, entry.urn.name()));
    }
    lines.sort();
    lines
}

/// Tries every point of every program.
fn prove(operating: Operating, blow: Blow) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let scenes = operating.scenes();
    let points = scenes.iter().map(|scene| runtime.block_on(scene.struck_at_every_point(blow))).sum();
    let blow = match blow {
        Blow::Killed => "the process is killed",
        Blow::AnswerLost => "a change has its effect, its answer is lost",
        Blow::RequestLost => "a change is lost on its way",
    };
    proven(operating.name(), blow, scenes.len(), points);
}

#[test]
fn an_up_killed_at_any_point_is_finished_by_the_next() {
    prove(Operating::Up, Blow::Killed);
}

#[test]
fn an_update_killed_at_any_point_is_finished_by_the_next() {
    prove(Operating::Update, Blow::Killed);
}

#[test]
fn a_create_first_replacement_killed_at_any_point_is_finished_by_the_next() {
    prove(Operating::CreateFirst, Blow::Killed);
}

#[test]
fn a_delete_first_replacement_killed_at_any_point_is_finished_by_the_next() {
    prove(Operating::DeleteFirst, Blow::Killed);
}

#[test]
fn an_exchange_of_names_killed_at_any_point_is_finished_by_the_next() {
    prove(Operating::Exchange, Blow::Killed);
}

#[test]
fn a_destroy_killed_at_any_point_is_finished_by_the_next() {
    prove(Operating::Destroy, Blow::Killed);
}

#[test]
fn a_run_any_of_whose_answers_is_lost_finds_what_it_has_done() {
    for operating in EACH {
        prove(operating, Blow::AnswerLost);
    }
}

#[test]
fn a_run_any_of_whose_changes_is_lost_makes_it_again() {
    for operating in EACH {
        prove(operating, Blow::RequestLost);
    }
}

const EACH: [Operating; 6] = [
    Operating::Up,
    Operating::Update,
    Operating::CreateFirst,
    Operating::DeleteFirst,
    Operating::Exchange,
    Operating::Destroy,
];

const THING: &str = "a: {type: test:Thing, properties: {size: 1}}";

/// Theatres in which the process was killed at each point of the program's run.
async fn killed_at_each_point(made: impl AsyncFn() -> Theatre, resources: &str) -> Vec<Theatre> {
    let scene = Scene { before: None, run: Some(resources.to_owned()) };
    let mut killed = Vec::new();
    loop {
        let mut t = made().await;
        let fate = Fate::at(killed.len(), Blow::Killed);
        if scene.struck(&mut t, &fate).await.is_some() {
            return killed;
        }
        killed.push(t);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_still_being_made_when_the_next_run_plans_has_outputs_that_are_not_known_yet() {
    const SLOW: &str = "
s: {type: test:Slow, properties: {name: s}}
n: {type: test:Named, properties: {name: n, note: {fn::upper: '${s.arn}'}}}
";
    for mut t in killed_at_each_point(async || Theatre::new(), SLOW).await {
        t.up(SLOW).await;
        assert_eq!(t.twin.inspect().len(), 2);
    }
}

async fn lagging(seconds: u64) -> Theatre {
    let t = Theatre::new();
    t.twin.lag(Duration::from_secs(seconds));
    t
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_that_shows_only_later_is_not_made_again() {
    let mut lost = 0;
    for mut t in killed_at_each_point(async || lagging(6).await, THING).await {
        let is_lost = t.twin.inspect().len() == 1 && t.stage.state.rows.values().all(|row| row.id.is_none());
        let report = t.up(THING).await;
        assert_eq!(report.plan.notes.iter().any(|note| note.contains("it is adopted")), is_lost);
        assert_eq!(t.twin.inspect().len(), 1);
        lost += usize::from(is_lost);
    }
    assert!(lost > 0);
}

#[tokio::test(start_paused = true)]
async fn a_resource_whose_id_is_known_and_that_shows_only_later_is_not_taken_for_gone() {
    let is_known = |t: &Theatre| t.stage.state.rows.values().any(|row| row.id.is_some() && row.pending.is_some());
    let killed = async || {
        let all = killed_at_each_point(async || lagging(60).await, THING).await;
        let known: Vec<Theatre> = all.into_iter().filter(is_known).collect();
        assert!(!known.is_empty());
        known
    };
    for mut t in killed().await {
        t.up(THING).await;
        assert_eq!(t.twin.inspect().len(), 1);
    }
    for mut t in killed().await {
        t.destroy().await;
        assert_eq!(t.twin.leftovers(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_by_a_create_without_an_answer_is_adopted() {
    let named = "a: {type: test:Named, properties: {name: a}}";
    let mut t = Theatre::new();
    // Nobody sees the first one before the second create is refused.
    t.twin.lag(Duration::from_secs(4));
    t.twin.faults().strike(Calls::to(Operation::Create), 1, Fault::AnswerLost(Kind::Outage));
    let report = t.up(named).await;
    assert!(report.events.iter().any(|e| matches!(e, Event::Diagnostic { severity, .. } if severity == "note")));
    assert_eq!(t.twin.inspect().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_another_holds_is_not_adopted() {
    let named = "a: {type: test:Named, properties: {name: a}}";
    let mut t = Theatre::new();
    t.up(named).await;
    t.stage.state.rows.clear();
    let report = t.try_up(named).await;
    assert!(report.failures()[0].contains("exists"), "{:?}", report.failures());
    assert!(t.stage.state.rows.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_create_in_doubt_stays_in_the_state_whatever_its_next_try_says() {
    for refusal in [Kind::Denied, Kind::Invalid] {
        let mut t = Theatre::new();
        let child = "
a: {type: test:Thing, properties: {size: 1}}
b: {type: test:Child, properties: {thingId: '${a.id}'}}
";
        let creates = || Calls::to(Operation::Create).of("test:index:Child");
        t.twin.faults().strike(creates(), 1, Fault::AnswerLost(Kind::Outage));
        t.twin.faults().strike(creates(), 2, Fault::Fails(refusal));
        t.try_up(child).await;
        let row = t.stage.state.rows.values().find(|row| row.key.urn.name() == "b").expect("it may be there");
        assert!(row.pending.as_ref().is_some_and(|pending| pending.op == Begun::Create), "{row:?}");
        t.destroy().await;
        assert!(t.twin.leftovers().is_empty(), "{:?}", t.twin.leftovers());
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_replacement_still_makes_the_new_half_first() {
    let program = |size: u32| {
        format!("a: {{type: test:Thing, options: {{replaceOnChanges: [size]}}, properties: {{size: {size}}}}}")
    };
    let made = async || {
        let mut t = Theatre::new();
        t.up(&program(1)).await;
        t
    };
    let mut alone = 0;
    for mut t in killed_at_each_point(made, &program(2)).await {
        let nothing_new = t.stage.state.rows.values().all(|row| row.old || row.id.is_none());
        let is_alone = nothing_new && t.stage.state.rows.values().any(|row| row.old) && t.twin.inspect().len() == 1;
        t.changes();
        let report = t.up(&program(2)).await;
        if is_alone {
            let calls = t.changes();
            assert!(calls[0].starts_with("create") && calls[1].starts_with("delete"), "{calls:?}");
            assert_eq!(report.plan.summary().replace, 1, "{:?}", steps(&report.plan));
            alone += 1;
        }
    }
    assert!(alone > 0, "no point leaves the old half alone");
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_never_arrived_is_over_when_its_resource_is_wanted_after_all() {
    const PAIR: &str = "a: {type: test:Thing, properties: {size: 1}}\nb: {type: test:Named, properties: {name: b}}";
    let made = async || {
        let mut t = Theatre::new();
        t.up(PAIR).await;
        t
    };
    let mut begun = 0;
    for mut t in killed_at_each_point(made, "b: {type: test:Named, properties: {name: b}}").await {
        let is_begun = t.stage.state.rows.values().any(|row| row.pending.is_some());
        begun += usize::from(is_begun && t.twin.inspect().iter().all(|entry| entry.until.is_none()));
        t.up(PAIR).await;
        assert!(t.stage.state.rows.values().all(|row| row.pending.is_none()));
        assert_eq!(t.twin.inspect().len(), 2);
    }
    assert!(begun > 0);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_the_endpoint_can_neither_make_nor_find_is_skipped_after_a_kill_too() {
    const PAIR: &str = "a: {type: test:Thing, properties: {size: 1}}\nb: {type: test:Named, properties: {name: b}}";
    let lacking = async || {
        let mut t = Theatre::new();
        t.stage.settings.skip_unsupported = true;
        lack(&t);
        t
    };
    for mut t in killed_at_each_point(lacking, PAIR).await {
        lack(&t);
        t.up(PAIR).await;
        assert_eq!(t.twin.inspect().len(), 1);
    }
}

/// From now on the endpoint knows no things.
fn lack(t: &Theatre) {
    for operation in [Operation::Create, Operation::Find] {
        for nth in 1..4 {
            let things = Calls::to(operation).of("test:index:Thing");
            t.twin.faults().strike(things, nth, Fault::Fails(Kind::Unsupported));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_changes_after_an_interrupted_create_reaches_what_was_made() {
    let thing = |password: &str| {
        format!("a: {{type: test:Thing, properties: {{name: a, password: {{fn::secret: {password}}}}}}}")
    };
    let mut made = 0;
    for mut t in killed_at_each_point(async || Theatre::new(), &thing("one")).await {
        let is_made = !t.twin.inspect().is_empty();
        t.changes();
        t.up(&thing("two")).await;
        let updated = t.changes().iter().any(|call| call.starts_with("update"));
        assert_eq!(updated, is_made);
        made += usize::from(is_made);
    }
    assert!(made > 3);
}

/// A thing that makes room for its successor, which takes over a password that no cloud shows.
fn heir(size: u32, password: &str) -> String {
    format!(
        "a: {{type: test:Thing, options: {{deleteBeforeReplace: true, replaceOnChanges: [size], ignoreChanges: [password]}}, properties: {{size: {size}, password: {{fn::secret: {password}}}}}}}"
    )
}

async fn ancestor() -> Theatre {
    let mut t = Theatre::new();
    t.up(&heir(1, "old")).await;
    t
}

fn password(t: &Theatre) -> Option<&Value> {
    t.stage.state.rows.values().find(|row| !row.old)?.inputs.get("password")
}

#[tokio::test(start_paused = true)]
async fn what_a_replacement_takes_over_outlives_the_old_half() {
    const PLACEHOLDER: &str = "'not written down by drctl import'";
    let old = Value::from("old").secret();
    let mut gaps = 0;
    for mut t in killed_at_each_point(ancestor, &heir(2, PLACEHOLDER)).await {
        gaps += usize::from(t.twin.inspect().is_empty());
        assert_eq!(lint(&t.stage.state), []);
        t.up(&heir(2, PLACEHOLDER)).await;
        assert_eq!((password(&t), t.stage.state.rows.len()), (Some(&old), 1));
        assert!(t.preview(&heir(2, PLACEHOLDER)).await.is_empty());
    }
    assert!(gaps > 2, "{gaps}");
    let mut t = ancestor().await;
    for _ in 0..2 {
        t.twin.faults().strike(Calls::to(Operation::Create), 1, Fault::Fails(Kind::Invalid));
        t.try_up(&heir(2, "new")).await;
        assert!(t.twin.inspect().is_empty());
    }
    t.stage.refresh().await.unwrap_or_else(|p| panic!("{}", told(&p)));
    t.up(&heir(3, "new")).await;
    assert_eq!((password(&t), t.stage.state.rows.len()), (Some(&old), 1));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_over_any_more_is_forgotten() {
    for mut t in killed_at_each_point(ancestor, &heir(2, "new")).await {
        t.destroy().await;
        assert_eq!((t.twin.leftovers().len(), t.stage.state.rows.len()), (0, 0));
    }
    for mut t in killed_at_each_point(ancestor, &heir(2, "new")).await {
        t.up("b: {type: test:Thing}").await;
        assert_eq!((t.twin.inspect().len(), t.stage.state.rows.len()), (1, 1));
    }
}
