//! Changes that the cloud takes only in an order of its own, whichever resource was made first.

use std::collections::HashMap;

use crate::engine::diagnostic::Diagnostic;
use crate::engine::order::Precedence;
use crate::engine::plan::Step;
use crate::engine::planner::Planner;
use crate::engine::program::Declaration;
use crate::engine::urn::Urn;

impl Planner<'_> {
    /// Puts changes into the order of the cloud. What only orders creation gives way to it; a value that one
    /// resource takes from the other cannot. What goes after a change that waits, waits too.
    pub(super) fn order_changes(&mut self) {
        let (rules, planned) = (&self.catalog.changes, self.steps.len());
        let changes: Vec<&Step> = self.steps.iter().chain(&self.held).collect();
        let wanted: Vec<Precedence> = rules.iter().flat_map(|rule| rule(&changes, &self.state)).collect();
        if wanted.is_empty() {
            return;
        }
        let (wanted, waiting): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|order| order.first < planned);
        for Precedence { first, then, .. } in waiting {
            let first = self.held[first - planned].key.urn.clone();
            self.hold_change(then, first);
        }
        let wanted: Vec<_> = wanted.into_iter().filter(|order| order.then < planned).collect();
        let declared: HashMap<&Urn, &Declaration> = self.declarations().iter().map(|d| (&d.urn, d)).collect();
        let takes_values = |(from, to): &(usize, usize)| {
            let from = &self.steps[*from].key.urn;
            declared.get(&self.steps[*to].key.urn).is_none_or(|to| {
                to.external.is_some()
                    || to.parent.as_ref() == Some(from)
                    || to.refers.values().flatten().any(|u| u == from)
            })
        };
        let (values, others) = self.edges.iter().copied().partition(takes_values);
        self.edges = values;
        self.order_where_possible(wanted.iter().map(|order| (order.first, order.then)).collect());
        for Precedence { first, then, why } in wanted {
            if !self.edges.contains(&(first, then)) {
                let (first, then) = (&self.steps[first].key.urn, &self.steps[then].key.urn);
                let text =
                    format!("`{}` must be changed before `{}`, from which it takes a value", first.name(), then.name());
                let problem = Diagnostic::error("change-order", text).of(first);
                let problem = problem.help(format!("{why}: write the value twice, or in `config` or `variables`"));
                self.problems.push(match declared.get(first) {
                    Some(declared) => problem.at(declared.at.clone()),
                    None => problem,
                });
            }
        }
        self.order_where_possible(others);
    }
}
