//! The guide of the migration is true: its commands are run in order, nothing is deleted before the
//! guide says so, and the numbers that it tells are those of the runs.

use std::collections::BTreeSet;

use crate::stacks::Shipped;
use crate::support::checkout::{Checkout, root};
use crate::support::stage::steps;
use crate::verify::on_ministack;

/// A command of the guide, and the heading that it stands under.
struct Step {
    heading: String,
    line: String,
}

fn guide() -> String {
    std::fs::read_to_string(root().join("MIGRATION.md")).unwrap()
}

/// The commands of the fences that are for drctl, in order.
fn commands() -> Vec<Step> {
    let (mut steps, mut heading, mut fence) = (Vec::new(), String::new(), None);
    for line in guide().lines() {
        match (line.strip_prefix("```"), &fence) {
            (Some(_), Some(_)) => fence = None,
            (Some(kind), None) => fence = Some(kind.to_owned()),
            (None, Some(kind)) if kind == "sh" => steps.push(Step { heading: heading.clone(), line: line.to_owned() }),
            (None, Some(_)) => assert!(!line.contains("drctl"), "`{line}` would not be run"),
            (None, None) if line.starts_with('#') => heading = line.trim_start_matches('#').trim().to_owned(),
            (None, None) => {}
        }
    }
    steps
}

/// How many resources a run says it did something to: the number before a word such as `created`.
fn number(said: &str, word: &str) -> usize {
    let done = said.lines().find(|line| line.starts_with("Done: ")).unwrap_or_default();
    let words: Vec<&str> = done.split([' ', ',']).filter(|w| !w.is_empty()).collect();
    let before = words.windows(2).find(|pair| pair[1] == word).map(|pair| pair[0]);
    before.map_or(0, |n| n.parse().unwrap())
}

/// Walks through the guide; `flags` are what the place needs that the reader's does not.
fn walk(environment: &[(&str, &str)], flags: &str) {
    let checkout = Checkout::new();
    let guide = guide();
    let (mut created, mut updated) = (Vec::new(), Vec::new());
    for Step { heading, line } in commands() {
        let runs = ["drctl up", "drctl preview", "drctl destroy"].iter().any(|command| line.starts_with(command));
        let said = checkout.run(&if runs { format!("{line} {flags}") } else { line.clone() }, environment);
        let removes = heading.starts_with("6.");
        assert!(removes || number(&said, "deleted") == 0, "under `{heading}`, `{line}` deletes:\n{said}");
        if line.starts_with("drctl up") && heading.starts_with("1.") {
            created.push((number(&said, "created"), number(&said, "updated")));
        }
        if line.starts_with("drctl up") && (heading.starts_with("4.") || heading.starts_with("5.")) {
            updated.push((number(&said, "created"), number(&said, "updated")));
        }
    }
    let [(created, 0)] = created[..] else { panic!("v2 is not made in one run without a change: {created:?}") };
    assert!(guide.contains(&format!("creates {created} resources")), "the guide tells another number than {created}");
    let [(0, updated), (0, back), (0, again)] = updated[..] else { panic!("the cut-over makes things: {updated:?}") };
    assert_eq!((updated, updated), (back, again), "a rollback is the cut-over backwards");
    assert!(guide.contains(&format!("updates {updated} resources")), "the guide tells another number than {updated}");
}

#[test]
fn the_guide_leads_from_one_version_to_the_next_on_the_twin() {
    walk(&[("DRCTL_LOCAL", "1")], "");
}

#[test]
fn the_guide_leads_from_one_version_to_the_next_on_an_api_server() {
    walk(&on_ministack("300000000015"), "--skip-unsupported");
}

#[tokio::test(start_paused = true)]
async fn the_example_of_v1_takes_v2_beside_it_and_gives_way_to_it_without_a_deletion() {
    let mut shipped = Shipped::new();
    let at = |versions: &str, live: &str| {
        let stack = root().join("stacks/payments-aurora.yaml");
        format!("extends: {}\nconfig: {{versions: {versions}, live: {live}}}\n", stack.display())
    };
    shipped.up(&format!("extends: {}\n", root().join("examples/payments-v1.yaml").display())).await;
    assert_eq!(steps(&shipped.preview(&at("[v1]", "v1")).await), [""; 0], "the example is not the guide's v1");

    let words = |steps: Vec<String>| steps.iter().map(|s| s.split(' ').next().unwrap().to_owned()).collect();
    let besides: BTreeSet<String> = words(steps(&shipped.up(&at("[v1, v2]", "v1")).await.plan));
    assert_eq!(besides, BTreeSet::from(["create".to_owned()]));
    let over: BTreeSet<String> = words(steps(&shipped.up(&at("[v1, v2]", "v2")).await.plan));
    assert_eq!(over, BTreeSet::from(["update".to_owned()]));
    let back: BTreeSet<String> = words(steps(&shipped.up(&at("[v1, v2]", "v1")).await.plan));
    assert_eq!(back, over);

    // The default is v2 alone: that v1 must go may not pass unnoticed.
    assert!(shipped.stage.up(&at("[v2]", "v2")).await.is_err(), "v1 is removed without a word");
}
