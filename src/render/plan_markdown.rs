//! A plan as a comment on a pull request: counts first, the changes folded below them by region.

use std::fmt::{self, Write as _};

use similar::ChangeTag;

use super::plan::{Selected, SummaryLine, held, is_default, is_new, output_changes, tree};
use super::regions::Regions;
use super::style::REPLACE;
use super::value::{inline, lines};
use super::words::{self, count, type_name};
use crate::engine::plan::{Change, Op, Plan, SetBy};

/// Most characters of the changes. Code hosts refuse comments of more than 65,536.
const LIMIT: usize = 60_000;

/// A plan to be written with `Display`.
#[derive(Debug, Clone, Copy)]
pub struct PlanMarkdown<'a> {
    pub stack: &'a str,
    pub target: &'a str,
    pub plan: &'a Plan,
    pub regions: &'a Regions,
}

impl fmt::Display for PlanMarkdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stack, target, plan, regions } = self;
        // The marker lets a pipeline find its own comment and replace it.
        writeln!(f, "<!-- drctl preview {stack} {target} -->")?;
        writeln!(f, "### Preview of `{stack}` on {}\n", words::target(target))?;
        if let Some(extent) = plan.selection {
            writeln!(f, "{}\n", anstream::adapter::strip_str(&Selected(extent).to_string()))?;
        }
        let summary = SummaryLine(plan.summary()).to_string();
        writeln!(f, "{}\n", anstream::adapter::strip_str(&summary))?;
        let mut room = LIMIT;
        for (place, groups) in tree(plan, regions, false) {
            let steps: usize = groups.values().map(Vec::len).sum();
            let mut left_out = 0;
            let mut body = String::new();
            for entry in groups.values().flatten() {
                let mut text = String::new();
                write_entry(&mut text, entry)?;
                match room.checked_sub(text.len()) {
                    Some(rest) => {
                        room = rest;
                        body.push_str(&text);
                    }
                    None => left_out += 1,
                }
            }
            if left_out > 0 {
                writeln!(body, "# {} not shown: see `drctl preview`", count(left_out, "more step"))?;
            }
            write_fold(f, &format!("{}: {}", regions.label(&place), count(steps, "step")), &body)?;
        }
        let mut waiting = String::new();
        held(plan).try_for_each(|entry| write_entry(&mut waiting, &entry))?;
        if !waiting.is_empty() {
            write_fold(f, &format!("Waiting: {}", count(plan.held.len(), "step")), &waiting)?;
        }
        let mut outputs = String::new();
        output_changes(plan).try_for_each(|change| write_change(&mut outputs, &change, false))?;
        if !outputs.is_empty() {
            write_fold(f, "Outputs", &outputs)?;
        }
        plan.notes.iter().try_for_each(|note| writeln!(f, "- {note}"))
    }
}

fn write_fold(f: &mut fmt::Formatter<'_>, title: &str, body: &str) -> fmt::Result {
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    writeln!(f, "<details><summary>{title}</summary>\n\n{fence}diff\n{body}{fence}\n\n</details>\n")
}

/// In a `diff` block only the first character of a line decides about its colour.
fn write_entry(out: &mut String, entry: &super::plan::Entry<'_>) -> fmt::Result {
    let sign = match (&entry.step.op, entry.sign == REPLACE) {
        (_, true) => '!',
        (Op::Update | Op::Act(_), _) => '!',
        _ => entry.sign.sign,
    };
    let name = entry.step.key.urn.name();
    let verb = entry.sign.infinitive;
    write!(out, "{sign} {verb} {}  {name}", type_name(&entry.step.ty))?;
    if !entry.asides.is_empty() {
        write!(out, "  ({})", entry.asides.join("; "))?;
    }
    writeln!(out)?;
    let create = is_new(entry.step);
    let mut shown = entry.step.changes.iter().filter(|change| !is_default(change, create));
    shown.try_for_each(|change| write_change(out, change, create))
}

fn write_change(out: &mut String, change: &Change, create: bool) -> fmt::Result {
    let Change { path, before, after, replaces, set_by } = change;
    let mut aside = String::new();
    if *replaces {
        aside.push_str("  replaces");
    }
    aside.push_str(match set_by {
        SetBy::Program | SetBy::Deletion => "",
        SetBy::Default => "  (default)",
        SetBy::Cloud => "  (drift)",
    });
    if let Some(lines) = lines(before, after) {
        writeln!(out, "      {path}:{aside}")?;
        return lines.iter().try_for_each(|line| {
            let sign = match line.tag {
                ChangeTag::Delete => '-',
                ChangeTag::Insert if create => ' ',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            writeln!(out, "{}", format!("{sign}       {}", line.text).trim_end())
        });
    }
    if create && before.is_absent() {
        return writeln!(out, "      {path}: {}{aside}", inline(after));
    }
    if !before.is_absent() {
        writeln!(out, "-     {path}: {}", inline(before))?;
    }
    if after.is_absent() { Ok(()) } else { writeln!(out, "+     {path}: {}{aside}", inline(after)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::examples;

    fn text(plan: &Plan) -> String {
        let regions = examples::regions();
        PlanMarkdown { stack: "prod", target: "aws", plan, regions: &regions }.to_string()
    }

    #[test]
    fn a_comment_on_a_simulation_says_so() {
        let (regions, plan) = (examples::regions(), examples::plan());
        let comment = PlanMarkdown { stack: "prod", target: "twin", plan: &plan, regions: &regions }.to_string();
        assert!(comment.contains("\n### Preview of `prod` on the twin, simulated\n"), "{comment}");
    }

    #[test]
    fn a_comment_has_counts_first_and_folds_the_regions() {
        insta::assert_snapshot!(text(&examples::plan()));
    }

    #[test]
    fn a_comment_stays_below_what_code_hosts_take_and_says_what_is_missing() {
        let mut plan = examples::plan();
        let step = plan.steps[0].clone();
        plan.steps = std::iter::repeat_n(step, 2_000).collect();
        let text = text(&plan);
        assert!(text.len() < 65_536);
        assert!(text.contains("more steps not shown"));
    }

    #[test]
    fn backticks_in_a_value_do_not_end_the_block() {
        let mut plan = examples::plan();
        plan.steps[0].changes[0].after = crate::engine::value::Shown::of(&"```".into());
        assert!(text(&plan).contains("````diff"));
    }
}
