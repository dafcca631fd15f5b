//! Which resources a run may touch.

use std::collections::{HashMap, HashSet};

use wildmatch::WildMatch;

use crate::engine::diagnostic::{Diagnostic, nearest};
use crate::engine::settings::Settings;
use crate::engine::urn::{Place, Urn};

/// The resources that a run may touch; all others keep their state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    All,
    Only(HashSet<Urn>),
}

/// A resource as far as a selection is concerned.
#[derive(Debug, Clone)]
pub struct Candidate {
    pub urn: Urn,
    pub place: Place,
    pub needs: Vec<Urn>,
}

impl Selection {
    pub fn has(&self, urn: &Urn) -> bool {
        match self {
            Self::All => true,
            Self::Only(urns) => urns.contains(urn),
        }
    }

    pub fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

/// Works out the selection.
///
/// # Errors
/// For each pattern that matches nothing, with the nearest name.
pub fn select(settings: &Settings, candidates: &[Candidate]) -> Result<Selection, Vec<Diagnostic>> {
    let asked = !settings.targets.is_empty() || !settings.excludes.is_empty() || !settings.regions.is_empty();
    if !asked {
        return Ok(Selection::All);
    }
    let mut problems = Vec::new();
    let mut matching = |patterns: &[String], flag: &str| -> HashSet<Urn> {
        let mut found = HashSet::new();
        for pattern in patterns {
            let before = found.len();
            found.extend(candidates.iter().filter(|c| matches(pattern, &c.urn)).map(|c| c.urn.clone()));
            if found.len() == before && !candidates.iter().any(|c| matches(pattern, &c.urn)) {
                problems.push(unmatched(flag, pattern, candidates));
            }
        }
        found
    };
    let mut chosen = matching(&settings.targets, "--target");
    let mut refused = matching(&settings.excludes, "--exclude");
    let dependents = Dependents::of(candidates);
    if settings.target_dependents {
        chosen = dependents.closure(chosen);
    }
    if settings.exclude_dependents {
        refused = dependents.closure(refused);
    }
    for region in &settings.regions {
        if !candidates.iter().any(|c| c.place.0 == *region) {
            let places = candidates.iter().map(|c| c.place.0.as_str()).collect::<HashSet<_>>();
            let mut problem = Diagnostic::error("unknown-region", format!("no resource is in `{region}`"));
            if let Some(near) = nearest(region, places) {
                problem = problem.help(format!("did you mean `{near}`?"));
            }
            problems.push(problem);
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let keep = |c: &&Candidate| {
        (settings.targets.is_empty() || chosen.contains(&c.urn))
            && !refused.contains(&c.urn)
            && (settings.regions.is_empty() || settings.regions.contains(&c.place.0))
    };
    Ok(Selection::Only(candidates.iter().filter(keep).map(|c| c.urn.clone()).collect()))
}

/// Whether a pattern names the resource: by URN, by logical name, or by type.
pub fn matches(pattern: &str, urn: &Urn) -> bool {
    let pattern = WildMatch::new(pattern);
    pattern.matches(urn.as_str()) || pattern.matches(urn.name()) || pattern.matches(urn.ty())
}

fn unmatched(flag: &str, pattern: &str, candidates: &[Candidate]) -> Diagnostic {
    let problem = Diagnostic::error("unknown-target", format!("{flag} `{pattern}` matches no resource"));
    match nearest(pattern, candidates.iter().map(|c| c.urn.name())) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("name a URN, a logical name or a type; `*` matches any text; `drctl state ls` lists them"),
    }
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
