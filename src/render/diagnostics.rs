//! Mistakes in a program with the lines they stand in.
//!
//! The first line of each has one stable form, `file:line:column: error[code]: message`, so that
//! editors and scripts find the place; the excerpt below it is for people.

use std::fmt;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};

use super::style::Label;
use super::words::count;
use crate::engine::diagnostic::{Diagnostic, Location, Severity};

/// So many are shown; nobody reads more, and each excerpt takes a look at the whole file.
const MOST: usize = 100;

/// All diagnostics of a program in the order of their places, with a count at the end.
#[derive(Debug, Clone, Copy)]
pub struct Diagnostics<'a>(pub &'a [Diagnostic]);

impl fmt::Display for Diagnostics<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<&Diagnostic> = self.0.iter().collect();
        sorted.sort_by(|a, b| place(a).cmp(&place(b)).then(b.severity.cmp(&a.severity)));
        sorted.dedup();
        for diagnostic in sorted.iter().take(MOST) {
            write_diagnostic(f, diagnostic)?;
        }
        if let Some(more) = sorted.len().checked_sub(MOST).filter(|more| *more > 0) {
            writeln!(f, "… and {} more\n", more)?;
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
    let places = std::iter::once((at, "")).chain(
        diagnostic.also.iter().filter(|(other, _)| same_file(at, other)).map(|(other, word)| (other, word.as_str())),
    );
    let shown = at.source.shown();
    let cut = Cut::of(&shown, places.clone().map(|(location, _)| location.start));
    let report = Report {
        labels: places.map(|(location, word)| cut.span(location, word)).collect(),
        source: NamedSource::new(&at.source.name, cut.text).with_language("yaml"),
    };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode()).with_context_lines(1).with_width(100);
    let mut text = String::new();
    if handler.render_report(&mut text, &report).is_err() {
        return String::new();
    }
    // What comes before the box is the message, which the first line has said already.
    let lines = text.lines().skip_while(|l| !l.contains('╭')).filter(|l| !l.is_empty());
    let lines = lines.map(|line| match line.split_once("─[") {
        // It counts the columns of what was cut, and those beside a tab or an umlaut, in another way.
        Some((corner, _)) if corner.contains('╭') => format!("{corner}─[{at}]\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// Characters of a line that are shown.
const WIDTH: usize = 120;
/// Of these, so many before the first place of the line.
const BEFORE: usize = 40;

/// A text whose long lines are cut down to the stretch around what is pointed at.
struct Cut {
    text: String,
    lines: Vec<Line>,
}

struct Line {
    /// Where it begins in the whole text, and where in the cut one.
    whole: usize,
    cut: usize,
    /// What of it is kept.
    kept: std::ops::Range<usize>,
    /// Bytes that stand in front of that in the place of what is not.
    mark: usize,
    /// Whether it is kept to its end.
    ends: bool,
}

impl Cut {
    fn of(text: &str, places: impl Iterator<Item = usize> + Clone) -> Self {
        let (mut cut, mut lines, mut whole) = (String::with_capacity(text.len().min(1 << 16)), Vec::new(), 0);
        for line in text.split_inclusive('\n') {
            let body = line.trim_end_matches('\n');
            let within = places.clone().filter(|at| (whole..=whole + body.len()).contains(at)).min();
            let kept = stretch(body, within.map(|at| at - whole));
            let begin = cut.len();
            let mark = if kept.start > 0 { "…" } else { "" };
            cut.push_str(mark);
            cut.push_str(&body[kept.clone()]);
            if kept.end < body.len() {
                cut.push('…');
            }
            cut.push_str(&line[body.len()..]);
            let ends = kept.end == body.len();
            lines.push(Line { whole, cut: begin, kept, mark: mark.len(), ends });
            whole += line.len();
        }
        Self { text: cut, lines }
    }

    /// The place in the cut text that stands for one of the whole.
    fn place(&self, at: usize) -> usize {
        let index = self.lines.partition_point(|line| line.whole <= at).saturating_sub(1);
        let Some(line) = self.lines.get(index) else { return 0 };
        let at = at.saturating_sub(line.whole);
        let within = at.clamp(line.kept.start, line.kept.end);
        // Behind the end of a line comes the break.
        let beyond = if line.ends { at.saturating_sub(line.kept.end).min(1) } else { 0 };
        (line.cut + line.mark + within - line.kept.start + beyond).min(self.text.len())
    }

    fn span(&self, location: &Location, word: &str) -> LabeledSpan {
        let start = self.place(location.start);
        let end = self.place(location.end.max(location.start)).max(start);
        LabeledSpan::new((!word.is_empty()).then(|| word.to_owned()), start, end - start)
    }
}

/// The bytes of a line that are kept: all, or a window that begins a little before a place.
fn stretch(line: &str, place: Option<usize>) -> std::ops::Range<usize> {
    if line.len() <= WIDTH || line.chars().count() <= WIDTH {
        return 0..line.len();
    }
    let starts: Vec<usize> = line.char_indices().map(|(i, _)| i).chain([line.len()]).collect();
    let place = place.map_or(0, |at| starts.partition_point(|start| *start <= at).saturating_sub(1));
    let first = place.saturating_sub(BEFORE);
    let last = (first + WIDTH).min(starts.len() - 1);
    starts[first]..starts[last]
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
    fn a_long_line_is_cut_down_to_what_is_pointed_at() {
        let long = format!("a: \"{}übel{}\"\nb: {}\n", "ä".repeat(3_000), "x".repeat(70_000), "y".repeat(900));
        let a = source("a.yaml", &long);
        let text = text(&[Diagnostic::error("x", "y").at(find(&a, "übel"))]);
        assert!(text.starts_with("a.yaml:1:3005: error[x]: y"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() < WIDTH + 20), "{text}");
        let (shown, marks) = (text.lines().nth(2).unwrap(), text.lines().nth(3).unwrap());
        let column = |line: &str, c: char| line.chars().position(|x| x == c);
        assert!(shown.contains("ääübelxx"), "{text}");
        assert_eq!(column(shown, 'ü'), column(marks, '─'), "{text}");
    }

    #[test]
    fn the_excerpt_names_the_place_that_the_first_line_names() {
        let a = source("a.yaml", "a: \"\tü\t${b}\"\nü\t: ${c}\n");
        for word in ["b}", "c}"] {
            let text = text(&[Diagnostic::error("x", "y").at(find(&a, word))]);
            let (place, _) = text.split_once(": error").unwrap();
            assert!(text.contains(&format!("─[{place}]")), "{text}");
        }
    }

    #[test]
    fn places_in_a_text_without_long_lines_stay_where_they_are() {
        let text = "a: 1\nbü: 2\n\nc";
        let cut = Cut::of(text, [3].into_iter());
        assert_eq!(cut.text, text);
        for (at, _) in text.char_indices().chain([(text.len(), ' ')]) {
            assert_eq!(cut.place(at), at, "{at}");
        }
        assert_eq!(cut.place(99), text.len());
        assert_eq!(Cut::of("", [0].into_iter()).place(0), 0);
    }

    #[test]
    fn a_place_beyond_the_end_of_its_file_is_no_panic() {
        let a = source("a.yaml", "a");
        let at = Location { source: a, start: 5, end: 9 };
        assert!(text(&[Diagnostic::error("x", "y").at(at)]).starts_with("a.yaml:1:2: error[x]: y"));
    }
}
