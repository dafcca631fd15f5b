//! What a person at a terminal sees, and what nobody is asked without one.

use crate::support::emulator::ministack;
use crate::support::lab::Lab;
use crate::support::proxy::{Fault, Proxy};
use crate::support::terminal::Terminal;

/// The part of a screen from a line that holds the words.
fn from<'a>(screen: &'a str, words: &str) -> Vec<&'a str> {
    screen.lines().skip_while(|line| !line.contains(words)).collect()
}

#[test]
fn the_screen_shows_each_region_while_it_runs_and_a_summary_in_the_end() {
    let lab = Lab::new(ministack());
    let proxy = Proxy::holding(ministack(), 30, Fault::HeldAfter);
    let mut terminal = Terminal::run(&lab.drctl(&proxy.endpoint, "up"));
    terminal.expect("Make these changes to `lab` on `lab`?");
    terminal.send("y\n");
    proxy.wait_for_the_held();
    let during = terminal.expect("creating");
    for region in ["us-east-1 (primary)", "eu-west-1 (secondary)", "global"] {
        let bar = during.lines().rev().find(|line| line.starts_with(region));
        assert!(bar.is_some_and(|bar| bar.contains(['━', '╌'])), "no progress of {region}:\n{during}");
    }
    proxy.open();
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    let end = from(&screen, "Done: ");
    assert_eq!(end.len(), 1, "{screen}");
    assert!(end[0].starts_with("Done: 36 created ("), "{screen}");
    assert!(!screen.contains(['━', '╌']), "the board is still there:\n{screen}");
    lab.is_whole();
}

#[test]
fn ctrl_c_at_the_board_stops_the_run_and_ctrl_c_at_the_question_changes_nothing() {
    let lab = Lab::new(ministack());
    let proxy = Proxy::holding(ministack(), 30, Fault::HeldAfter);
    let mut asked = Terminal::run(&lab.drctl(&proxy.endpoint, "up"));
    asked.expect("Make these changes");
    asked.send("\u{3}");
    let (code, screen) = asked.end();
    assert_eq!(code, 8, "{screen}");
    assert!(screen.ends_with("Nothing was changed."), "{screen}");
    assert_eq!(lab.holdings(), [""; 0]);
    assert!(lab.run("history").out.contains("stopped, 0 done, 36 left"));

    let mut terminal = Terminal::run(&lab.drctl(&proxy.endpoint, "up --yes"));
    proxy.wait_for_the_held();
    terminal.expect("creating");
    terminal.send("\u{3}");
    terminal.expect("stopping: nothing new starts");
    proxy.open();
    let (code, screen) = terminal.end();
    assert_eq!(code, 8, "{screen}");
    lab.run("up --yes").ends_with(0);
    lab.is_whole();
}

#[test]
fn who_says_no_changes_nothing() {
    let lab = Lab::new(ministack());
    let mut terminal = Terminal::run(&lab.drctl(&ministack().endpoint, "up"));
    terminal.expect("Make these changes");
    terminal.send("n\n");
    let (code, screen) = terminal.end();
    assert_eq!(code, 8, "{screen}");
    assert!(screen.ends_with("Nothing was changed."), "{screen}");
    assert_eq!(lab.holdings(), [""; 0]);
}

#[test]
fn a_rehearsal_at_a_terminal_asks_too_and_says_that_it_is_simulated() {
    let lab = Lab::new(ministack());
    let mut terminal = Terminal::run(&lab.drctl("", "up --local"));
    terminal.expect("Make these changes to `lab` on `twin`?");
    terminal.send("y\n");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.lines().last().is_some_and(|line| line.starts_with("Done: 36 created (")), "{screen}");
    assert!(screen.contains("simulated"), "{screen}");
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_changed() {
    let lab = Lab::new(ministack());
    for command in ["up", "destroy", "refresh"] {
        let said = lab.run(command).ends_with(2);
        let refusal = format!("`drctl {command}` changes things, and there is no terminal to ask at");
        assert!(said.err.contains(&refusal), "{}", said.err);
    }
    assert!(!lab.state().exists());
    assert_eq!(lab.holdings(), [""; 0]);
}
