//! The real program is killed, interrupted, and run twice: the next run finishes what was begun.

use crate::support::emulator::ministack;
use crate::support::lab::Lab;
use crate::support::proxy::{Fault, Proxy};
use crate::support::running::Running;

/// What the record of the last run says after the words, one event a line.
fn recorded_after(lab: &Lab, words: &str) -> Vec<String> {
    let runs = std::fs::read_dir(lab.state().join("runs")).unwrap();
    let last = runs.map(|entry| entry.unwrap().path()).max().unwrap();
    let text = std::fs::read_to_string(last).unwrap();
    let (_, rest) = text.split_once(words).unwrap_or_else(|| panic!("the record lacks `{words}`:\n{text}"));
    rest.lines().skip(1).map(str::to_owned).collect()
}

fn killed_at(nth: usize, fault: Fault) {
    let lab = Lab::new(ministack());
    let proxy = Proxy::holding(ministack(), nth, fault);
    Running::until_held(lab.drctl(&proxy.endpoint, "up --yes"), &proxy).kill();
    proxy.end_the_held();
    lab.run("up --yes").ends_with(0);
    lab.is_whole();
}

/// Requests of an undisturbed run that make or change something lie between these. Every change is struck
/// in `crashes`.
const POINTS: [usize; 2] = [11, 38];

#[test]
fn a_run_that_is_killed_before_a_call_arrives_is_finished_by_the_next() {
    for nth in POINTS {
        killed_at(nth, Fault::HeldBefore);
    }
}

#[test]
fn a_run_that_is_killed_before_an_answer_arrives_is_finished_by_the_next() {
    for nth in POINTS {
        killed_at(nth, Fault::HeldAfter);
    }
}

#[test]
fn the_next_run_says_what_the_killed_one_had_made() {
    let lab = Lab::new(ministack());
    let proxy = Proxy::holding_first(ministack(), "us-east-1 ec2:CreateVpc", Fault::HeldAfter);
    Running::until_held(lab.drctl(&proxy.endpoint, "up --yes"), &proxy).kill();
    proxy.end_the_held();
    let said = lab.run("up --yes").ends_with(0);
    assert!(said.err.contains("an interrupted create of `here/vpc` had made `vpc-"), "{}", said.err);
    assert!(said.err.contains("it is adopted"), "{}", said.err);
}

#[test]
fn one_interrupt_starts_nothing_new_and_settles_what_runs() {
    let lab = Lab::new(ministack());
    let proxy = Proxy::holding_first(ministack(), "us-east-1 ec2:CreateVpc", Fault::HeldAfter);
    let running = Running::until_held(lab.drctl(&proxy.endpoint, "up --yes"), &proxy);
    running.interrupt();
    running.says("stopping: nothing new starts");
    proxy.open();
    assert_eq!(running.ends(), Some(8));
    let after = recorded_after(&lab, "stopping: nothing new starts");
    let says = |event: &str, name: &str| after.iter().any(|line| line.contains(event) && line.contains(name));
    assert!(says("id-known", "here/vpc"), "what ran was not settled: {after:#?}");
    assert!(says("step-skipped", "here/subnet") && !says("step-started", "here/subnet"), "{after:#?}");
    lab.run("state check").ends_with(0);
    lab.run("up --yes").ends_with(0);
    lab.is_whole();
}

#[test]
fn the_end_of_a_job_and_of_a_terminal_stop_a_run_as_an_interrupt_does() {
    for signal in ["-TERM", "-HUP"] {
        let lab = Lab::new(ministack());
        let proxy = Proxy::holding_first(ministack(), "us-east-1 ec2:CreateVpc", Fault::HeldAfter);
        // Whoever runs the tests may be deaf to some of them.
        let command = lab.drctl_by(&["env", "--default-signal"], &proxy.endpoint, "up --yes");
        let running = Running::until_held(command, &proxy);
        running.signal(signal);
        running.says("stopping: nothing new starts");
        proxy.open();
        assert_eq!(running.ends(), Some(8), "{signal}");
        lab.run("state check").ends_with(0);
        lab.run("up --yes").ends_with(0);
        lab.is_whole();
    }
}

#[test]
fn a_run_that_is_to_outlive_its_terminal_does() {
    let lab = Lab::new(ministack());
    let proxy = Proxy::holding_first(ministack(), "us-east-1 ec2:CreateVpc", Fault::HeldAfter);
    let launcher = ["sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""];
    let command = lab.drctl_by(&launcher, &proxy.endpoint, "up --yes");
    let running = Running::until_held(command, &proxy);
    running.signal("-HUP");
    proxy.open();
    assert_eq!(running.ends(), Some(0));
    lab.is_whole();
}

#[test]
fn an_interrupt_while_a_run_plans_changes_nothing() {
    for command in ["up --yes", "preview"] {
        let lab = Lab::new(ministack());
        let proxy = Proxy::holding(ministack(), 1, Fault::HeldBefore);
        let running = Running::until_held(lab.drctl(&proxy.endpoint, command), &proxy);
        running.interrupt();
        running.says("Nothing was changed.");
        assert_eq!(running.ends(), Some(8), "{command}");
        proxy.open();
        assert!(lab.run("history").out.contains("stopped, 0 done, 0 left"));
        assert_eq!(lab.holdings(), [""; 0]);
    }
}

#[test]
fn an_answer_that_planning_waits_for_is_named() {
    let lab = Lab::new(ministack());
    let proxy = Proxy::holding(ministack(), 1, Fault::HeldBefore);
    let running = Running::until_held(lab.drctl(&proxy.endpoint, "preview"), &proxy);
    running.says(&format!("waiting for STS at {} to tell which account this is", proxy.endpoint));
    proxy.open();
    assert_eq!(running.ends(), Some(0));
}

#[test]
fn two_interrupts_leave_at_once_and_the_next_run_recovers() {
    let lab = Lab::new(ministack());
    let proxy = Proxy::holding(ministack(), 12, Fault::HeldAfter);
    let running = Running::until_held(lab.drctl(&proxy.endpoint, "up --yes"), &proxy);
    running.interrupt();
    running.says("stopping: nothing new starts");
    running.interrupt();
    // It does not wait for the answer, which is still held.
    assert_eq!(running.ends(), Some(8));
    proxy.open();
    lab.run("up --yes").ends_with(0);
    lab.is_whole();
}

#[test]
fn a_second_run_is_told_who_holds_the_stack() {
    let lab = Lab::new(ministack());
    let proxy = Proxy::holding(ministack(), 12, Fault::HeldAfter);
    let first = Running::until_held(lab.drctl(&proxy.endpoint, "up --yes"), &proxy);
    let pid = first.id();
    let holder = format!("`tester` on `{}`: `up --stack lab`, process {pid}, run ", host());
    for line in ["up --yes", "destroy --yes", "refresh --yes", "unlock"] {
        let said = lab.run(line).ends_with(1);
        assert!(said.err.contains(&holder), "drctl {line}: {}", said.err);
    }
    lab.run("preview").ends_with(0);
    proxy.open();
    assert_eq!(first.ends(), Some(0));
    lab.is_whole();
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}
