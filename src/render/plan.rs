//! A plan as people read it: a tree by region, each step with what changes and why.

use std::fmt;

use indexmap::IndexMap;
use similar::ChangeTag;

use super::regions::Regions;
use super::style::{Label, REPLACE, Sign};
use super::value::{inline, lines};
use super::words::{count, duration, resource, type_name};
use crate::engine::plan::{Change, Extent, Op, Plan, Reason, SetBy, Step, Summary};
use crate::engine::urn::{Place, split_name};

/// A plan to be shown with `Display`.
#[derive(Debug, Clone, Copy)]
pub struct PlanView<'a> {
    pub plan: &'a Plan,
    pub regions: &'a Regions,
    /// Show what does not change and what only defaults say, too.
    pub unchanged: bool,
    /// Tell how long the cloud usually takes, and because of which steps.
    pub eta: bool,
}

/// A step as shown: the two halves of a replacement are one.
pub(super) struct Entry<'a> {
    pub(super) step: &'a Step,
    pub(super) sign: Sign,
    /// Words after the name: how it is replaced, and why the step is there.
    pub(super) asides: Vec<String>,
}

/// The entries of a plan by region and, within it, by component.
pub(super) type Tree<'a> = Vec<(Place, IndexMap<&'a str, Vec<Entry<'a>>>)>;

pub(super) fn tree<'a>(plan: &'a Plan, regions: &Regions, unchanged: bool) -> Tree<'a> {
    let mut by_place: IndexMap<&Place, IndexMap<&str, Vec<Entry<'_>>>> = IndexMap::new();
    for (index, step) in plan.steps.iter().enumerate() {
        if let Some(entry) = entry(plan, index, step)
            && (unchanged || step.op != Op::Same)
        {
            let (component, _) = split_name(step.key.urn.name());
            by_place.entry(&step.place).or_default().entry(component).or_default().push(entry);
        }
    }
    let places = regions.sorted(by_place.keys().copied());
    let mut tree: Tree<'a> =
        places.into_iter().filter_map(|p| by_place.swap_remove(&p).map(|groups| (p, groups))).collect();
    for (_, groups) in &mut tree {
        groups.sort_by(|a, _, b, _| (!a.is_empty()).cmp(&!b.is_empty()));
    }
    tree
}

/// None for the deletion that belongs to a replacement shown in the same place.
fn entry<'a>(plan: &Plan, index: usize, step: &'a Step) -> Option<Entry<'a>> {
    let partner = step.replacement.and_then(|i| Some((i, plan.steps.get(i)?)));
    let mut asides = Vec::new();
    let sign = match (&step.op, partner) {
        (Op::Create, Some((other, old))) => {
            if old.place != step.place {
                asides.push(format!("moves here from {}", old.place));
            }
            let order = if plan.edges.contains(&(other, index)) { "delete first" } else { "create first" };
            asides.push(format!("replace, {order}"));
            REPLACE
        }
        (Op::Delete, Some((_, new))) if new.op == Op::Create && new.place == step.place => return None,
        (Op::Delete, Some((_, new))) => {
            asides.push(format!("replaced in {}", new.place));
            Sign::of(&step.op)
        }
        _ => Sign::of(&step.op),
    };
    match &step.op {
        Op::Act(name) => asides.push(name.clone()),
        Op::Forget => asides.push("stays in the cloud".into()),
        Op::Import => asides.extend(step.id.as_ref().map(|id| format!("takes over {id}"))),
        Op::Refresh => asides.push("state only".into()),
        _ => {}
    }
    asides.extend(step.why.iter().filter_map(reason));
    Some(Entry { step, sign, asides })
}

/// The steps that wait. The halves of a replacement are not told apart yet.
pub(super) fn held(plan: &Plan) -> impl Iterator<Item = Entry<'_>> {
    plan.held.iter().map(|step| Entry {
        step,
        sign: if step.changes.iter().any(|change| change.replaces) { REPLACE } else { Sign::of(&step.op) },
        asides: step.why.iter().filter_map(reason).collect(),
    })
}

/// Reasons that sign and changes do not tell already.
fn reason(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::New | Reason::Changed | Reason::Destroy => return None,
        Reason::GoneFromProgram => "not in the program any more".into(),
        Reason::GoneFromCloud => "gone from the cloud".into(),
        Reason::Asked(by) => by.clone(),
        Reason::Dependency(urn) => format!("because {} is replaced", resource(urn)),
        Reason::Interrupted => "an earlier run began it and did not end".into(),
        Reason::Unavailable(region) => format!("waits for {region}"),
        Reason::Held(urn) => format!("waits for {}", resource(urn)),
        Reason::Failed(error) => format!("an earlier run failed: {error}"),
        Reason::NotSelected => "not selected".into(),
    })
}

impl fmt::Display for PlanView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(extent) = self.plan.selection {
            writeln!(f, "{}\n", Selected(extent))?;
        }
        for (place, groups) in tree(self.plan, self.regions, self.unchanged) {
            writeln!(f, "{}", Label::Heading.paint(self.regions.label(&place)))?;
            for (component, entries) in groups {
                let indent = if component.is_empty() {
                    2
                } else {
                    writeln!(f, "  {}", Label::Aside.paint(component))?;
                    4
                };
                for entry in entries {
                    self.write_entry(f, &entry, indent)?;
                }
            }
            writeln!(f)?;
        }
        self.write_held(f)?;
        self.write_outputs(f)?;
        self.write_notes(f)?;
        if self.eta {
            self.write_eta(f)?;
        }
        writeln!(f, "{}", SummaryLine(self.plan.summary()))
    }
}

/// Whether nothing is there that the changes of a step could be compared with.
pub(super) fn is_new(step: &Step) -> bool {
    step.op == Op::Create && step.replacement.is_none()
}

/// Whether a new resource gets the value only because nobody says anything else. A reader of a plan
/// looks for what the program says.
pub(super) fn is_default(change: &Change, create: bool) -> bool {
    create && change.set_by == SetBy::Default && change.before.is_absent()
}

fn write_change(f: &mut fmt::Formatter<'_>, change: &Change, create: bool, indent: usize) -> fmt::Result {
    let Change { path, before, after, replaces, set_by } = change;
    let (sign, label) = match (before.is_absent(), after.is_absent()) {
        (true, _) if create => (' ', Label::Name),
        (true, _) => ('+', Label::Create),
        (_, true) => ('-', Label::Delete),
        _ => ('~', Label::Update),
    };
    write!(f, "{:indent$}{} {path}:", "", label.paint(sign))?;
    let long = lines(before, after);
    match (&long, before.is_absent(), after.is_absent()) {
        (Some(_), ..) => {}
        (None, true, _) => write!(f, " {}", inline(after))?,
        (None, _, true) => write!(f, " {} → (removed)", inline(before))?,
        _ => write!(f, " {} → {}", inline(before), inline(after))?,
    }
    if *replaces {
        write!(f, "  {}", Label::Replace.paint("replaces"))?;
    }
    match set_by {
        SetBy::Program | SetBy::Deletion => {}
        SetBy::Default if create => write!(f, "  {}", Label::Aside.paint("(default)"))?,
        SetBy::Default => write!(f, "  {}", Label::Aside.paint("(back to the default)"))?,
        SetBy::Cloud => write!(f, "  {}", Label::Warning.paint("(drift)"))?,
    }
    writeln!(f)?;
    for line in long.into_iter().flatten() {
        let (sign, label) = match line.tag {
            ChangeTag::Delete => ('-', Label::Delete),
            ChangeTag::Insert if create => (' ', Label::Name),
            ChangeTag::Insert => ('+', Label::Create),
            ChangeTag::Equal => (' ', Label::Aside),
        };
        let text = format!("{:indent$}    {sign} {}", "", line.text);
        writeln!(f, "{}", label.paint(text.trim_end()))?;
    }
    Ok(())
}

impl PlanView<'_> {
    fn write_entry(&self, f: &mut fmt::Formatter<'_>, entry: &Entry<'_>, indent: usize) -> fmt::Result {
        let Entry { step, sign, asides } = entry;
        let (_, name) = split_name(step.key.urn.name());
        let kind = sign.label.paint(type_name(&step.ty));
        write!(f, "{:indent$}{} {kind}  {}", "", sign.painted(), Label::Name.paint(name))?;
        if !asides.is_empty() {
            write!(f, "  {}", Label::Aside.paint(format_args!("({})", asides.join("; "))))?;
        }
        writeln!(f)?;
        let create = is_new(step);
        let mut shown = step.changes.iter().filter(|change| self.unchanged || !is_default(change, create));
        shown.try_for_each(|change| write_change(f, change, create, indent + 4))
    }

    /// What would be done too, one step after the other and each with what it waits for.
    fn write_held(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.plan.held.is_empty() {
            return Ok(());
        }
        writeln!(f, "{}", Label::Heading.paint("Waiting"))?;
        for entry in held(self.plan) {
            let Entry { step, sign, asides } = &entry;
            let (kind, place) = (sign.label.paint(type_name(&step.ty)), self.regions.label(&step.place));
            let asides = Label::Aside.paint(format_args!("({})", asides.join("; "))).to_string();
            writeln!(f, "  {} {kind}  {}  in {place}  {asides}", sign.painted(), step.key.urn.name())?;
            let create = is_new(step);
            let mut shown = step.changes.iter().filter(|change| self.unchanged || !is_default(change, create));
            shown.try_for_each(|change| write_change(f, change, create, 6))?;
        }
        writeln!(f)
    }

    fn write_outputs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed: Vec<Change> = output_changes(self.plan).collect();
        if changed.is_empty() {
            return Ok(());
        }
        writeln!(f, "{}", Label::Heading.paint("Outputs"))?;
        changed.iter().try_for_each(|change| write_change(f, change, false, 2))?;
        writeln!(f)
    }

    fn write_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.plan.notes.is_empty() {
            return Ok(());
        }
        writeln!(f, "{}", Label::Heading.paint("Notes"))?;
        self.plan.notes.iter().try_for_each(|note| writeln!(f, "  * {note}"))?;
        writeln!(f)
    }

    fn write_eta(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, seconds) = self.plan.critical_path();
        if seconds == 0 {
            return Ok(());
        }
        let total = duration(seconds.saturating_mul(1000));
        writeln!(f, "{} about {total}, the longest path being", Label::Heading.paint("Expected time on AWS:"))?;
        for step in path.into_iter().map(|i| &self.plan.steps[i]).filter(|s| s.typical > 0) {
            let sign = Sign::of(&step.op);
            let took = duration(u64::from(step.typical) * 1000);
            writeln!(f, "  {} {}  {took}", sign.painted(), resource(&step.key.urn))?;
        }
        writeln!(f)
    }
}

/// Outputs that change, as if they were properties.
pub(super) fn output_changes(plan: &Plan) -> impl Iterator<Item = Change> {
    plan.outputs.iter().filter(|(_, before, after)| before != after).map(|(name, before, after)| Change {
        path: name.clone(),
        before: before.clone(),
        after: after.clone(),
        replaces: false,
        set_by: SetBy::Program,
    })
}

/// How much of the stack a plan is about.
pub(super) struct Selected(pub(super) Extent);

impl fmt::Display for Selected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Extent { chosen, all } = self.0;
        write!(f, "{} {chosen} of {}", Label::Heading.paint("Selection:"), count(all, "resource"))
    }
}

/// What a plan will do, in one line.
pub(super) struct SummaryLine(pub(super) Summary);

impl fmt::Display for SummaryLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { create, update, replace, delete, refresh, import, other, held, same, left_out, outputs, .. } =
            self.0;
        let parts = [
            (create, Label::Create, "to create"),
            (update, Label::Update, "to update"),
            (replace, Label::Replace, "to replace"),
            (delete, Label::Delete, "to delete"),
            (refresh, Label::Other, "drifted"),
            (import, Label::Other, "to import"),
            (other, Label::Other, "other"),
            (held, Label::Warning, "waiting"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(n, ..)| *n > 0)
            .map(|(n, label, word)| label.paint(format_args!("{n} {word}")).to_string())
            .collect();
        let unselected = if left_out > 0 { format!(", {left_out} not selected") } else { String::new() };
        if parts.is_empty() && outputs > 0 {
            let change = format!("{} to change", count(outputs, "output"));
            let (head, change) = (Label::Heading.paint("Plan:"), Label::Update.paint(change));
            return write!(f, "{head} {change}, {same} unchanged{unselected}.");
        }
        if parts.is_empty() {
            let head = Label::Heading.paint("No changes:");
            return write!(f, "{head} {} unchanged{unselected}.", count(same, "resource"));
        }
        let unchanged = if same > 0 { format!(", {same} unchanged") } else { String::new() };
        write!(f, "{} {}{unchanged}{unselected}.", Label::Heading.paint("Plan:"), parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::examples;

    fn text(plan: &Plan, unchanged: bool, eta: bool) -> String {
        let view = PlanView { plan, regions: &examples::regions(), unchanged, eta };
        anstream::adapter::strip_str(&view.to_string()).to_string()
    }

    #[test]
    fn a_plan_is_a_tree_by_region_with_every_changed_property() {
        insta::assert_snapshot!(text(&examples::plan(), false, true));
    }

    #[test]
    fn unchanged_resources_are_shown_only_when_asked_for() {
        assert!(!text(&examples::plan(), false, false).contains("unchanging"));
        assert!(text(&examples::plan(), true, false).contains("unchanging"));
        assert!(text(&examples::plan(), true, false).contains("enableDnsSupport: true  (default)"));
    }

    #[test]
    fn a_plan_without_changes_says_so_in_one_line() {
        assert_eq!(text(&examples::quiet_plan(), false, true), "No changes: 1 resource unchanged.\n");
    }

    #[test]
    fn a_plan_of_a_part_says_how_much_of_the_stack_it_is_about() {
        let plan = Plan { selection: Some(Extent { chosen: 1, all: 173 }), ..examples::quiet_plan() };
        let expected = "Selection: 1 of 173 resources\n\nNo changes: 1 resource unchanged, 172 not selected.\n";
        assert_eq!(text(&plan, false, false), expected);
    }
}
