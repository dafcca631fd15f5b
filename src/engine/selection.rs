//! Which resources a run may touch.

use std::collections::{BTreeSet, HashMap, HashSet};

use wildmatch::WildMatch;

use crate::engine::diagnostic::{Diagnostic, nearest};
use crate::engine::plan::Extent;
use crate::engine::settings::Settings;
use crate::engine::urn::{Place, Urn, short_type, type_name};

/// The resources that a run may touch; all others keep their state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    All,
    Only {
        chosen: HashSet<Urn>,
        /// The others, with everything that keeps each of them out.
        left_out: HashMap<Urn, Vec<Why>>,
    },
}

/// What keeps a resource out of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No target names it.
    Target,
    /// It is in this place, and others were named.
    Region(Place),
    /// This pattern excludes it.
    Exclude(String),
    /// It depends on what is excluded.
    ExcludedWith,
}

/// A resource as far as a selection is concerned.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub urn: Urn,
    /// What the text of the program calls it.
    pub key: String,
    pub place: Place,
    pub needs: Vec<Urn>,
}

impl Selection {
    pub fn has(&self, urn: &Urn) -> bool {
        match self {
            Self::All => true,
            Self::Only { chosen, .. } => chosen.contains(urn),
        }
    }

    pub fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// How much of the stack it is, if not all of it.
    pub fn extent(&self) -> Option<Extent> {
        match self {
            Self::All => None,
            Self::Only { chosen, left_out } => {
                Some(Extent { chosen: chosen.len(), all: chosen.len() + left_out.len() })
            }
        }
    }

    /// The flags that would select the resource as well.
    pub fn to_have(&self, urn: &Urn) -> String {
        let flag = |why: &Why| match why {
            Why::Target => format!("add `--target '{}'`", urn.name()),
            Why::Region(place) => format!("add `--region {place}`"),
            Why::Exclude(pattern) => format!("leave out `--exclude '{pattern}'`"),
            Why::ExcludedWith => "leave out `--exclude-dependents`".to_owned(),
        };
        self.why_not(urn).iter().map(flag).collect::<Vec<_>>().join(" and ")
    }

    /// The flags that settle that `dependent` stays although `need` would go.
    pub fn to_agree(&self, dependent: &Urn, need: &Urn) -> String {
        let flag = |why: &Why| match why {
            Why::Target => "add `--target-dependents` to delete it too".to_owned(),
            Why::Region(place) => format!("add `--region {place}` to delete it too"),
            Why::Exclude(_) | Why::ExcludedWith => format!("add `--exclude '{}'` to keep what it needs", need.name()),
        };
        self.why_not(dependent).iter().map(flag).collect::<Vec<_>>().join(", and ")
    }

    fn why_not(&self, urn: &Urn) -> &[Why] {
        match self {
            Self::All => &[],
            Self::Only { left_out, .. } => left_out.get(urn).map_or(&[], Vec::as_slice),
        }
    }
}

/// Works out the selection.
///
/// # Errors
/// For each pattern that matches nothing, with the nearest name, and for flags that leave nothing.
pub fn select(settings: &Settings, candidates: &[Candidate]) -> Result<Selection, Vec<Diagnostic>> {
    let Settings { targets, excludes, replaces, regions, .. } = settings;
    let mut problems = Vec::new();
    for (flag, patterns) in [("--target", targets), ("--exclude", excludes), ("--replace", replaces)] {
        let vain = patterns.iter().filter(|pattern| !candidates.iter().any(|c| matches(pattern, &c.urn)));
        problems.extend(vain.map(|pattern| unmatched(flag, pattern, candidates)));
    }
    let empty = regions.iter().filter(|region| !candidates.iter().any(|c| c.place.0 == **region));
    problems.extend(empty.map(|region| uninhabited(region, candidates)));
    if !problems.is_empty() {
        return Err(problems);
    }
    if targets.is_empty() && excludes.is_empty() && regions.is_empty() {
        return Ok(Selection::All);
    }
    let dependents = Dependents::of(candidates);
    let named = matching(targets, candidates);
    let named = if settings.target_dependents { dependents.closure(named) } else { named };
    let excluded = matching(excludes, candidates);
    let refused = if settings.exclude_dependents { dependents.closure(excluded) } else { excluded };
    let (mut chosen, mut left_out) = (HashSet::new(), HashMap::new());
    for Candidate { urn, place, .. } in candidates {
        let exclude = || excludes.iter().find(|pattern| matches(pattern, urn));
        let why = [
            (!targets.is_empty() && !named.contains(urn)).then_some(Why::Target),
            (!regions.is_empty() && !regions.contains(&place.0)).then(|| Why::Region(place.clone())),
            refused.contains(urn).then(|| exclude().map_or(Why::ExcludedWith, |pattern| Why::Exclude(pattern.clone()))),
        ];
        let why: Vec<Why> = why.into_iter().flatten().collect();
        if why.is_empty() {
            chosen.insert(urn.clone());
        } else {
            left_out.insert(urn.clone(), why);
        }
    }
    // The rest of a replacement across regions lies elsewhere than what is declared.
    left_out.retain(|urn, _| !chosen.contains(urn));
    let selection = Selection::Only { chosen, left_out };
    problems.extend(replaces.iter().filter_map(|pattern| not_selected(pattern, &selection, candidates)));
    if candidates.iter().all(|c| !selection.has(&c.urn)) && !candidates.is_empty() {
        let problem = Diagnostic::error("empty-selection", "no resource of the stack fits all of these flags");
        problems.push(problem.help("`--target`, `--exclude` and `--region` narrow each other: leave one of them out"));
    }
    if problems.is_empty() { Ok(selection) } else { Err(problems) }
}

fn matching(patterns: &[String], candidates: &[Candidate]) -> HashSet<Urn> {
    let named = candidates.iter().filter(|c| patterns.iter().any(|pattern| matches(pattern, &c.urn)));
    named.map(|c| c.urn.clone()).collect()
}

/// Whether a pattern names the resource: by URN, by logical name, by that of what it is a part of, or by type in
/// any of its forms.
pub fn matches(pattern: &str, urn: &Urn) -> bool {
    let wild = WildMatch::new(pattern);
    let as_stored = [urn.as_str(), urn.name(), urn.ty()].into_iter().any(|text| wild.matches(text));
    let as_stored = as_stored || is_part(urn.name(), pattern);
    // `s*` is about names, and not about all that S3, SNS and SQS have.
    let may_be_short = pattern.contains(':');
    as_stored || may_be_short && (wild.matches(&short_type(urn.ty())) || wild.matches(&type_name(urn.ty())))
}

/// Whether a name is that of a resource in the component, or of one of its `each`: `net/vpc` and `net["a"]` of `net`.
fn is_part(name: &str, whole: &str) -> bool {
    name.strip_prefix(whole).is_some_and(|rest| rest.starts_with('/') || rest.starts_with("[\""))
}

fn unmatched(flag: &str, pattern: &str, candidates: &[Candidate]) -> Diagnostic {
    let problem = Diagnostic::error("unknown-target", format!("`{flag} '{pattern}'` matches no resource"));
    if let Some(renamed) = candidates.iter().find(|c| c.key == pattern) {
        return problem.help(format!("`name` calls it `{name}`: use `{flag} '{name}'`", name = renamed.urn.name()));
    }
    let types: BTreeSet<String> = candidates.iter().map(|c| type_name(c.urn.ty())).collect();
    let whole = |name: &'_ str| name.find(['/', '[']).map_or(name.len(), |end| end);
    let names = candidates.iter().map(|c| c.urn.name());
    let names = names.clone().chain(names.map(|name| &name[..whole(name)]));
    let near = nearest(pattern, names).or_else(|| nearest(&type_name(pattern), types.iter().map(String::as_str)));
    match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("name a URN, a logical name or a type; `*` matches any text; `drctl state ls` lists them"),
    }
}

fn uninhabited(region: &str, candidates: &[Candidate]) -> Diagnostic {
    let places: BTreeSet<&str> = candidates.iter().map(|c| c.place.0.as_str()).collect();
    let problem = Diagnostic::error("unknown-region", format!("no resource is in `{region}`"));
    match nearest(region, places.iter().copied()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if places.is_empty() => problem,
        None => {
            let places: Vec<String> = places.iter().map(|place| format!("`{place}`")).collect();
            problem.help(format!("resources are in {}", places.join(", ")))
        }
    }
}

/// A wish to replace what the run may not touch.
fn not_selected(pattern: &str, selection: &Selection, candidates: &[Candidate]) -> Option<Diagnostic> {
    let mut named = candidates.iter().map(|c| &c.urn).filter(|urn| matches(pattern, urn));
    let first = named.next()?;
    if selection.has(first) || named.any(|urn| selection.has(urn)) {
        return None;
    }
    let problem = Diagnostic::error("not-selected", format!("`--replace '{pattern}'` names nothing that is selected"));
    Some(problem.of(first).help(selection.to_have(first)))
}

/// Who depends on whom, read backwards.
struct Dependents<'a>(HashMap<&'a Urn, Vec<&'a Urn>>);

impl<'a> Dependents<'a> {
    fn of(candidates: &'a [Candidate]) -> Self {
        let mut map: HashMap<&Urn, Vec<&Urn>> = HashMap::new();
        for candidate in candidates {
            for need in &candidate.needs {
                map.entry(need).or_default().push(&candidate.urn);
            }
        }
        Self(map)
    }

    fn closure(&self, mut urns: HashSet<Urn>) -> HashSet<Urn> {
        let mut open: Vec<Urn> = urns.iter().cloned().collect();
        while let Some(urn) = open.pop() {
            for dependent in self.0.get(&urn).into_iter().flatten() {
                if urns.insert((*dependent).clone()) {
                    open.push((*dependent).clone());
                }
            }
        }
        urns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack() -> Vec<Candidate> {
        let of = |ty: &str, name: &str| Candidate {
            urn: Urn::new("prod", "dr", ty, name),
            key: name.to_owned(),
            place: Place("eu-west-1".to_owned()),
            needs: Vec::new(),
        };
        vec![
            of("aws:ec2/vpc:Vpc", "net"),
            of("my:c:Base$aws:ec2/subnet:Subnet", "public"),
            of("aws:rds/cluster:Cluster", "store"),
            of("random:index/randomPassword:RandomPassword", "word"),
        ]
    }

    fn named(pattern: &str) -> Vec<String> {
        let stack = stack();
        stack.iter().filter(|c| matches(pattern, &c.urn)).map(|c| c.urn.name().to_owned()).collect()
    }

    #[test]
    fn a_type_is_named_in_any_form_that_drctl_shows() {
        for form in ["aws:ec2/vpc:Vpc", "aws:ec2:Vpc", "ec2:Vpc"] {
            assert_eq!(named(form), ["net"], "{form}");
        }
        for form in ["aws:ec2/*", "aws:ec2:*", "ec2:*", "ec?:*"] {
            assert_eq!(named(form), ["net", "public"], "{form}");
        }
        for form in ["random:index/randomPassword:RandomPassword", "random:RandomPassword"] {
            assert_eq!(named(form), ["word"], "{form}");
        }
        assert!(named("s3:*").is_empty());
    }

    #[test]
    fn a_pattern_of_letters_only_names_no_service() {
        assert_eq!(named("s*"), ["store"]);
        assert!(named("rds*").is_empty());
    }

    #[test]
    fn a_name_stands_for_what_is_in_it_and_a_part_of_a_name_for_nothing() {
        let urn = |name: &str| Urn::new("prod", "dr", "t:i:A", name);
        for name in ["net", "net/vpc", "net/sub/vpc", "net[\"a\"]", "net[\"a\"]/vpc"] {
            assert!(matches("net", &urn(name)), "{name}");
        }
        for name in ["nets", "a/net", "net-b/vpc", "ne"] {
            assert!(!matches("net", &urn(name)), "{name}");
        }
        assert!(matches("net[\"a\"]", &urn("net[\"a\"]/vpc")) && !matches("net[\"a\"]", &urn("net[\"b\"]/vpc")));
    }

    #[test]
    fn a_resource_that_has_another_name_is_told_to_be_called_that() {
        let mut stack = stack();
        stack[0].key = "written".to_owned();
        let help = unmatched("--target", "written", &stack).help;
        assert_eq!(help.as_deref(), Some("`name` calls it `net`: use `--target 'net'`"));
    }

    #[test]
    fn a_misspelt_type_gets_the_short_form_of_the_nearest_one() {
        for pattern in ["ec2:Vcp", "aws:ec2:Vcp", "aws:ec2/vcp:Vcp"] {
            let help = unmatched("--target", pattern, &stack()).help;
            assert_eq!(help.as_deref(), Some("did you mean `ec2:Vpc`?"), "{pattern}");
        }
        assert_eq!(unmatched("--target", "stroe", &stack()).help.as_deref(), Some("did you mean `store`?"));
    }
}
