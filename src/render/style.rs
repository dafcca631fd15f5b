//! Labels of text and the one table that gives them colours.
//!
//! Colour only repeats what signs and words already say, so a terminal without it loses nothing.

use std::fmt;

use anstyle::{AnsiColor, Style};

use crate::engine::plan::Op;

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    Create,
    Update,
    Replace,
    Delete,
    Other,
    Heading,
    Name,
    /// Reasons, places, elapsed time.
    Aside,
    Hint,
    Warning,
    Error,
    Done,
}

impl Label {
    pub(crate) fn style(self) -> Style {
        let colour = |c: AnsiColor| c.on_default();
        match self {
            Self::Create | Self::Done => colour(AnsiColor::Green),
            Self::Update | Self::Warning => colour(AnsiColor::Yellow),
            Self::Replace => colour(AnsiColor::Magenta),
            Self::Delete => colour(AnsiColor::Red),
            Self::Other | Self::Hint => colour(AnsiColor::Cyan),
            Self::Heading => Style::new().bold(),
            Self::Name => Style::new(),
            Self::Aside => Style::new().dimmed(),
            Self::Error => colour(AnsiColor::Red).bold(),
        }
    }

    /// The text in this label's colour. Writers without colour strip it.
    pub(crate) fn paint<T: fmt::Display>(self, text: T) -> Painted<T> {
        Painted { style: self.style(), text }
    }
}

/// Text with its colour around it.
pub(crate) struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:#}", self.style, self.text, self.style)
    }
}

/// How an operation is shown: its sign, its colour, and its verb before, during and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sign {
    pub(crate) sign: char,
    pub(crate) label: Label,
    pub(crate) infinitive: &'static str,
    pub(crate) doing: &'static str,
    pub(crate) done: &'static str,
}

/// A replacement, which a plan holds as two steps and people see as one.
pub(crate) const REPLACE: Sign =
    Sign { sign: '±', label: Label::Replace, infinitive: "replace", doing: "replacing", done: "replaced" };

impl Sign {
    pub(crate) fn of(op: &Op) -> Self {
        let sign = |sign, label, infinitive, doing, done| Self { sign, label, infinitive, doing, done };
        match op {
            Op::Same => sign(' ', Label::Aside, "keep", "checking", "unchanged"),
            Op::Create => sign('+', Label::Create, "create", "creating", "created"),
            Op::Update => sign('~', Label::Update, "update", "updating", "updated"),
            Op::Delete => sign('-', Label::Delete, "delete", "deleting", "deleted"),
            Op::Read => sign('>', Label::Other, "read", "reading", "read"),
            Op::Import => sign('=', Label::Other, "import", "importing", "imported"),
            Op::Forget => sign('x', Label::Other, "forget", "forgetting", "forgotten"),
            Op::Act(_) => sign('!', Label::Update, "act on", "acting on", "acted on"),
            Op::Refresh => sign('^', Label::Other, "refresh", "refreshing", "refreshed"),
        }
    }

    pub(crate) fn painted(self) -> Painted<char> {
        self.label.paint(self.sign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_sign_of_its_own() {
        let ops = [
            Op::Same,
            Op::Create,
            Op::Update,
            Op::Delete,
            Op::Read,
            Op::Import,
            Op::Forget,
            Op::Act(String::new()),
            Op::Refresh,
        ];
        let signs: std::collections::BTreeSet<char> =
            ops.iter().map(|op| Sign::of(op).sign).chain([REPLACE.sign]).collect();
        assert_eq!(signs.len(), ops.len() + 1);
    }
}
