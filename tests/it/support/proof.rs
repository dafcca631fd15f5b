//! The tables of `tests/README.md`: the tests that try out points write their lines themselves.
//! `UPDATE_DOCS=1 cargo test --test it` writes them anew; otherwise they must be as they stand there.

use std::path::PathBuf;
use std::sync::Mutex;

use super::checkout::root;

/// Tests write one after another.
static WRITING: Mutex<()> = Mutex::new(());

fn path() -> PathBuf {
    root().join("tests/README.md")
}

/// What a table says about an operation: so many points were tried, and nothing was lost, left behind
/// or made twice, which a test that comes here has seen.
///
/// # Panics
/// If the table says something else.
#[track_caller]
pub fn proven(operation: &str, blow: &str, programs: usize, points: usize) {
    let head = format!("| {operation} | {blow} |");
    line(&head, &format!("{head} {programs} | {points} | 0 | 0 | 0 |"));
}

/// A part of the file that is generated as a whole.
///
/// # Panics
/// If it says something else.
#[track_caller]
pub fn part(name: &str, wanted: &str) {
    let _one = WRITING.lock().unwrap();
    let mut text = std::fs::read_to_string(path()).unwrap();
    let begin = format!("<!-- generated: {name} -->\n");
    let start = text.find(&begin).unwrap_or_else(|| panic!("tests/README.md has no place for `{name}`")) + begin.len();
    let end = start + text[start..].find("<!-- end -->").unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        text.replace_range(start..end, wanted);
        std::fs::write(path(), text).unwrap();
    } else {
        assert_eq!(&text[start..end], wanted, "run `UPDATE_DOCS=1 cargo test --test it`");
    }
}

#[track_caller]
fn line(head: &str, wanted: &str) {
    let _one = WRITING.lock().unwrap();
    let text = std::fs::read_to_string(path()).unwrap();
    let found = text.lines().find(|line| line.starts_with(head));
    let found = found.unwrap_or_else(|| panic!("tests/README.md has no line for `{head}`"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path(), text.replace(found, wanted)).unwrap();
    } else {
        assert_eq!(found, wanted, "run `UPDATE_DOCS=1 cargo test --test it`");
    }
}
