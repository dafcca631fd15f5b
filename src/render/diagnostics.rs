//! Mistakes in a program with the lines they stand in.
//!
//! The first line of each has one stable form, `file:line:column: error[code]: message`, so that
//! editors and scripts find the place; the excerpt below it is for people.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};

use super::style::Label;
use super::words::count;
use crate::engine::diagnostic::{Diagnostic, Location, Severity};

/// All diagnostics of a program in the order of their places, with a count at the end.
#[derive(Debug, Clone, Copy)]
pub struct Diagnostics<'a>(pub &'a [Diagnostic]);

impl fmt::Display for Diagnostics<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<&Diagnostic> = self.0.iter().collect();
        sorted.sort_by(|a, b| place(a).cmp(&place(b)).then(b.severity.cmp(&a.severity)));
        sorted.dedup();
        for diagnostic in &sorted {
            write_diagnostic(f, diagnostic)?;
        }
        let errors = sorted.iter().filter(|d| d.severity == Severity::Error).count();
        let warnings = sorted.len() - errors;
        let counts = [(errors, "error", Label::Error), (warnings, "warning", Label::Warning)];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(n, ..)| *n > 0)
            .map(|(n, noun, label)| label.paint(count(n, noun)).to_string())
            .collect();
        if counts.is_empty() { Ok(()) } else { writeln!(f, "{}", counts.join(", ")) }
    }
}

/// What has no place comes last.
fn place(diagnostic: &Diagnostic) -> (bool, &str, usize) {
    diagnostic.at.as_ref().map_or((true, "", 0), |at| (false, &at.source.name, at.start))
}

fn write_diagnostic(f: &mut fmt::Formatter<'_>, diagnostic: &Diagnostic) -> fmt::Result {
    let (word, label) = match diagnostic.severity {
        Severity::Error => ("error", Label::Error),
        Severity::Warning => ("warning", Label::Warning),
    };
    let head = label.paint(format!("{word}[{}]:", diagnostic.code));
    match &diagnostic.at {
        Some(at) => writeln!(f, "{at}: {head} {}", diagnostic.message)?,
        None => writeln!(f, "{head} {}", diagnostic.message)?,
    }
    if diagnostic.at.is_none()
        && let Some(urn) = &diagnostic.urn
    {
        writeln!(f, "  resource {}", super::words::resource(urn))?;
    }
    if let Some(at) = &diagnostic.at {
        f.write_str(&excerpt(diagnostic, at))?;
    }
    let elsewhere =
        diagnostic.also.iter().filter(|(other, _)| diagnostic.at.as_ref().is_none_or(|at| !same_file(at, other)));
    for (other, word) in elsewhere {
        writeln!(f, "  {other}: {word}")?;
    }
    if let Some(help) = &diagnostic.help {
        writeln!(f, "  {} {help}", Label::Hint.paint("help:"))?;
    }
    writeln!(f)
}

fn same_file(a: &Location, b: &Location) -> bool {
    a.source.name == b.source.name
}

/// The lines of the source around a diagnostic. Empty if they cannot be shown.
fn excerpt(diagnostic: &Diagnostic, at: &Location) -> String {
    let report = Report {
        source: NamedSource::new(&at.source.name, at.source.text.clone()).with_language("yaml"),
        labels: std::iter::once((at, "".to_owned()))
            .chain(diagnostic.also.iter().filter(|(o, _)| same_file(at, o)).map(|(o, word)| (o, word.clone())))
            .map(|(location, word)| span(location, word))
            .collect(),
    };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode()).with_context_lines(1).with_width(100);
    let mut text = String::new();
    if handler.render_report(&mut text, &report).is_err() {
        return String::new();
    }
    // What comes before the box is the message, which the first line has said already.
    let lines = text.lines().skip_while(|l| !l.contains('╭')).filter(|l| !l.is_empty());
    lines.flat_map(|l| [l, "\n"]).collect()
}

fn span(location: &Location, word: String) -> LabeledSpan {
    let length = location.source.text.len();
    let start = location.start.min(length);
    let end = location.end.clamp(start, length);
    LabeledSpan::new((!word.is_empty()).then_some(word), start, end - start)
}

/// What miette needs to draw an excerpt.
#[derive(Debug)]
struct Report {
    source: NamedSource<String>,
    labels: Vec<LabeledSpan>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("see below")
    }
}

impl std::error::Error for Report {}

impl miette::Diagnostic for Report {
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::diagnostic::Source;

    fn source(name: &str, text: &str) -> Arc<Source> {
        Arc::new(Source::new(name, text))
    }

    fn find(source: &Arc<Source>, word: &str) -> Location {
        let start = source.text.find(word).unwrap();
        Location { source: source.clone(), start, end: start + word.len() }
    }

    fn text(diagnostics: &[Diagnostic]) -> String {
        anstream::adapter::strip_str(&Diagnostics(diagnostics).to_string()).to_string()
    }

    #[test]
    fn all_diagnostics_are_shown_in_the_order_of_their_places() {
        let a = source(
            "stacks/a.yaml",
            "resources:\n  # über\n  vpc:\n    type: aws:ec2:Vpc\n    properties:\n      cidrBlok: 10.0.0.0/16\n  vpc: {}\n",
        );
        let b = source("stacks/b.yaml", "tags: {}\n");
        let diagnostics = [
            Diagnostic::error("missing-config", "config `size` has no value")
                .help("set it with `drctl config set size`"),
            Diagnostic::warning("shadowed", "a warning").at(find(&b, "tags")),
            Diagnostic::error("duplicate-key", "`vpc` is declared twice")
                .at(find(&a, "vpc: {}"))
                .also(find(&a, "vpc:"), "first declared here")
                .also(find(&b, "tags"), "tags come from here"),
            Diagnostic::error("unknown-property", "`aws:ec2/vpc:Vpc` has no input `cidrBlok`")
                .at(find(&a, "cidrBlok"))
                .help("did you mean `cidrBlock`?"),
        ];
        insta::assert_snapshot!(text(&diagnostics));
    }

    #[test]
    fn a_place_beyond_the_end_of_its_file_is_no_panic() {
        let a = source("a.yaml", "a");
        let at = Location { source: a, start: 5, end: 9 };
        assert!(text(&[Diagnostic::error("x", "y").at(at)]).starts_with("a.yaml:1:2: error[x]: y"));
    }
}
