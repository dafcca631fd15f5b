//! Steps whose changes the cloud takes only together, such as both records of a failover pair.

use std::collections::{HashMap, HashSet};

use crate::engine::planner::Planner;
use crate::engine::provider::Company;
use crate::engine::schema::TypeSchema;
use crate::engine::state::Row;
use crate::engine::value::Value;

impl Planner<'_> {
    /// Notes with whom the step that comes next will go.
    pub(super) fn note_company(&mut self, schema: &TypeSchema, row: &Row, inputs: &Value) {
        if let Some(name) = (schema.company)(inputs, &row.refers) {
            self.companies.push((self.steps.len(), name));
        }
    }

    /// The same for a deletion, which goes with other deletions only.
    pub(super) fn note_last_company(&mut self, schema: &TypeSchema, row: &Row) {
        if let Some(name) = (schema.company)(&row.inputs, &row.refers) {
            self.companies.push((self.steps.len(), format!("{name} (deleted)")));
        }
    }

    /// Lets those who go together start together: each waits for what any of them waits for. Steps of
    /// which one comes after another cannot go together and are left as they are.
    pub(super) fn gather_companies(&mut self) {
        let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
        for (step, name) in &self.companies {
            groups.entry(name).or_default().push(*step);
        }
        let mut groups: Vec<(String, Vec<usize>)> = groups
            .into_iter()
            .filter(|(_, steps)| steps.len() > 1)
            .map(|(name, steps)| (name.to_owned(), steps))
            .collect();
        if groups.is_empty() {
            return;
        }
        groups.sort();
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); self.steps.len()];
        for &(a, b) in &self.edges {
            before[b].push(a);
        }
        for (name, steps) in groups {
            let ancestors = ancestors(&before, &steps);
            if steps.iter().any(|step| ancestors.contains(step)) {
                continue;
            }
            let all: HashSet<usize> = steps.iter().flat_map(|step| &before[*step]).copied().collect();
            for &step in &steps {
                let new: Vec<usize> = all.iter().filter(|first| !before[step].contains(first)).copied().collect();
                self.edges.extend(new.iter().map(|first| (*first, step)));
                before[step].extend(new);
                self.steps[step].company = Some(Company { name: name.clone(), size: steps.len() });
            }
        }
        self.edges.sort_unstable();
        self.edges.dedup();
    }
}

/// All that comes before any of these steps.
fn ancestors(before: &[Vec<usize>], steps: &[usize]) -> HashSet<usize> {
    let mut found = HashSet::new();
    let mut open: Vec<usize> = steps.iter().flat_map(|step| &before[*step]).copied().collect();
    while let Some(step) = open.pop() {
        if found.insert(step) {
            open.extend(&before[step]);
        }
    }
    found
}
