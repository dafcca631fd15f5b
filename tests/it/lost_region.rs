//! The real program while a region of the API server does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::ask::Ask;
use crate::support::emulator::ministack;
use crate::support::lab::Lab;
use crate::support::proxy::{Fault, Proxy};

/// Ends every connection to the region until it is healed.
struct Cut {
    proxy: Proxy,
    healed: Arc<AtomicBool>,
}

impl Cut {
    fn off(region: &'static str) -> Self {
        let healed = Arc::new(AtomicBool::new(false));
        let answers = Arc::clone(&healed);
        let cut =
            move |ask: &Ask| (ask.region == region && !answers.load(Ordering::SeqCst)).then_some(Fault::DropsBefore);
        Self { proxy: Proxy::breaking(ministack(), cut), healed }
    }

    fn heal(&self) {
        self.healed.store(true, Ordering::SeqCst);
    }

    /// The regions that were asked something since the last time.
    fn asked(&self) -> Vec<String> {
        let mut regions: Vec<String> = self.proxy.take().into_iter().map(|ask| ask.region).collect();
        regions.sort();
        regions.dedup();
        regions
    }
}

#[test]
fn a_region_that_does_not_answer_ends_its_steps_with_one_cause_and_the_rest_is_done() {
    let lab = Lab::new(ministack());
    let cut = Cut::off("eu-west-1");
    let said = lab.run_at(&cut.proxy.endpoint, "up --yes").ends_with(4);
    assert!(said.err.contains("eu-west-1 does not answer: "), "{}", said.err);
    assert!(said.err.contains("--region-unavailable eu-west-1"), "{}", said.err);
    assert!(said.err.contains("created ec2:Vpc here/vpc"), "{}", said.err);
    lab.run("state check").ends_with(0);
    // What was begun there cannot be settled now, and nobody guesses.
    let said = lab.run_at(&cut.proxy.endpoint, "up --yes").ends_with(11);
    assert!(said.err.contains("cannot be settled"), "{}", said.err);
    assert!(said.err.contains("--region-unavailable eu-west-1"), "{}", said.err);
    cut.asked();
    let said = lab.run_at(&cut.proxy.endpoint, "up --yes --region-unavailable secondary").ends_with(10);
    assert!(said.err.contains("left for eu-west-1"), "{}", said.err);
    assert_eq!(cut.asked(), ["us-east-1"]);
    cut.heal();
    lab.run_at(&cut.proxy.endpoint, "up --yes").ends_with(0);
    lab.is_whole();
}

#[test]
fn without_its_first_region_a_stack_is_planned_from_the_other_and_global_services_wait() {
    let lab = Lab::new(ministack());
    lab.run("up --yes").ends_with(0);
    let cut = Cut::off("us-east-1");
    let line = "preview --region-unavailable primary --expect-no-changes";
    let said = lab.run_at(&cut.proxy.endpoint, line).ends_with(0);
    assert!(said.err.contains("us-east-1 is given as unavailable: "), "{}", said.err);
    assert!(said.err.contains("global services are changed there and wait too"), "{}", said.err);
    let file = lab.path().join("stacks/lab.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("deletionWindowInDays: 7", "deletionWindowInDays: 8")).unwrap();
    let said = lab.run_at(&cut.proxy.endpoint, "up --yes --region-unavailable us-east-1").ends_with(10);
    assert!(said.err.contains("updated kms:Key there/key"), "{}", said.err);
    assert!(said.err.contains("kms:Key  here/key  in us-east-1 (primary)  (waits for us-east-1)"), "{}", said.err);
    assert_eq!(cut.asked(), ["eu-west-1"]);
    cut.heal();
    let said = lab.run_at(&cut.proxy.endpoint, "up --yes").ends_with(0);
    assert!(said.err.contains("updated kms:Key here/key") && said.err.contains("1 updated"), "{}", said.err);
    lab.is_whole();
}

#[test]
fn a_read_that_gets_no_answer_changes_nothing_in_the_state() {
    let lab = Lab::new(ministack());
    lab.run("up --yes").ends_with(0);
    let before = std::fs::read_to_string(lab.state().join("state.json")).unwrap();
    let cut = Cut::off("eu-west-1");
    let said = lab.run_at(&cut.proxy.endpoint, "refresh --yes").ends_with(11);
    assert!(said.err.contains("--region-unavailable eu-west-1"), "{}", said.err);
    assert_eq!(std::fs::read_to_string(lab.state().join("state.json")).unwrap(), before);
    lab.run_at(&cut.proxy.endpoint, "refresh --yes --region-unavailable eu-west-1").ends_with(0);
    lab.is_whole();
}
