//! What is shown of a bug that ends a part of the program: where it is, and never a value.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use super::style::Label;
use crate::engine::panic::words;

/// Makes every panic of the process tell no values, wherever it happens.
pub fn tell_no_values() {
    std::panic::set_hook(Box::new(|panic| super::say(told(panic))));
}

fn told(panic: &PanicHookInfo<'_>) -> String {
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    let head = format!("{} a bug at {at}: {}\n", Label::Error.paint("drctl:"), words(panic.payload()));
    // Names of functions and places of the source, if `RUST_BACKTRACE` asks for them.
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured { format!("{head}{trace}\n") } else { head }
}
