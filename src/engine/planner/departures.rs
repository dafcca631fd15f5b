//! Orders of deletions that no reference shows. Those that may still matter when their reason is gone are
//! remembered in the rows for a while. None of them is a dependency: where one would close a circle with what
//! the rows need, it is left out, in every run anew.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque, hash_map};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::engine::diagnostic::Diagnostic;
use crate::engine::journal::Entry;
use crate::engine::order::Departure;
use crate::engine::planner::{Mode, Planner};
use crate::engine::program::Declaration;
use crate::engine::removal::Deletion;
use crate::engine::state::{Precedes, Row, State};
use crate::engine::task::Task;
use crate::engine::urn::Urn;

/// Orders that begin to matter: what goes first, and what goes after it.
type Fresh<'a> = BTreeMap<&'a Urn, BTreeMap<&'a Urn, Precedes>>;

/// One resource to be deleted goes before others.
pub(super) struct Order<'s> {
    pub(super) first: &'s Urn,
    pub(super) then: Vec<&'s Urn>,
    /// Seconds for which the first one usually is held.
    typical: u32,
}

impl Planner<'_> {
    /// What goes before what, by the rules of the cloud.
    pub(super) fn departures<'s>(&self, state: &'s State) -> Vec<Departure<'s>> {
        let rows: Vec<&Row> = state.rows.values().map(Arc::as_ref).collect();
        self.catalog.departures.iter().flat_map(|rule| rule(&rows)).collect()
    }

    /// Which of the rows to be deleted goes before which others, by the rules of the cloud and by what is
    /// remembered of them. Remembers what begins to matter with this run.
    pub(super) fn orders<'s>(
        &mut self,
        departures: &[Departure<'s>],
        state: &'s State,
        doomed: &[&Row],
    ) -> Result<Vec<Order<'s>>, Vec<Diagnostic>> {
        let now = self.request.clock.now();
        let gone: HashSet<&Urn> = doomed.iter().map(|row| &row.key.urn).collect();
        let declared: HashMap<&Urn, &Declaration> = match self.request.mode {
            Mode::Up => self.declarations().iter().map(|d| (&d.urn, d)).collect(),
            Mode::Destroy | Mode::Refresh => HashMap::new(),
        };
        let leaves = |departure: &Departure<'_>| match declared.get(departure.after) {
            Some(user) => {
                self.selection.has(departure.after)
                    && !self.waiting.contains(departure.after)
                    && !user.refers.values().flatten().any(|urn| urn == departure.first)
            }
            None => gone.contains(departure.after),
        };
        let mut orders = Vec::new();
        let mut fresh: Fresh<'_> = BTreeMap::new();
        for departure in departures {
            let (first, leaves) = (departure.first, leaves(departure));
            if leaves {
                let [usually, until] = [departure.typical, departure.longest].map(|seconds| later(now, seconds));
                let all = departure.then.iter().map(|then| (*then, Precedes { urn: (*then).clone(), usually, until }));
                fresh.entry(first).or_default().extend(all);
            }
            if gone.contains(first) {
                let then = departure.then.iter().copied().filter(|then| gone.contains(then)).collect();
                orders.push(Order { first, then, typical: if leaves { departure.typical } else { 0 } });
            }
        }
        for row in state.rows.values().filter(|row| gone.contains(&row.key.urn)) {
            for known in row.precedes.iter().filter(|known| known.until > now) {
                let then = Some(&known.urn).into_iter().filter(|then| gone.contains(then)).collect();
                orders.push(Order { first: &row.key.urn, then, typical: left(now, known.usually) });
            }
        }
        self.remember(state, &fresh, now)?;
        Ok(orders)
    }

    /// Writes down the orders that begin to matter, and drops those that do not matter any more.
    fn remember(&mut self, state: &State, fresh: &Fresh<'_>, now: Timestamp) -> Result<(), Vec<Diagnostic>> {
        let none = BTreeMap::new();
        let mut changed = HashMap::new();
        for row in state.rows.values() {
            let new = fresh.get(&row.key.urn).unwrap_or(&none);
            if new.is_empty() && row.precedes.is_empty() {
                continue;
            }
            let kept = row.precedes.iter().filter(|known| known.until > now && !new.contains_key(&known.urn));
            let precedes: Vec<Precedes> = kept.chain(new.values()).cloned().collect();
            if precedes != row.precedes {
                changed.insert(&row.key, precedes.clone());
                self.record(Entry::Put { row: Arc::new(Row { precedes, ..Row::clone(row) }) })?;
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        // Steps that are planned already write the row as they know it.
        for task in &mut self.tasks {
            if let Task::Keep { row, .. } | Task::Stay { row } | Task::Change { row, .. } | Task::Look { row } = task
                && let Some(precedes) = changed.get(&row.key)
            {
                Arc::make_mut(row).precedes.clone_from(precedes);
            }
        }
        Ok(())
    }

    /// Orders deletions as the cloud wants it, and lets their time be foreseen.
    pub(super) fn order_departures(&mut self, orders: &[Order<'_>], deletions: &[Deletion<'_>]) {
        let mut steps: HashMap<&Urn, Vec<usize>> = HashMap::new();
        for deletion in deletions {
            steps.entry(&deletion.row.key.urn).or_default().push(deletion.step);
        }
        let of = |urn: &Urn| steps.get(urn).into_iter().flatten().copied();
        let mut wanted = Vec::new();
        for order in orders {
            for first in of(order.first) {
                wanted.extend(order.then.iter().copied().flat_map(|then| of(then).map(move |then| (first, then))));
                let step = &mut self.steps[first];
                step.typical = step.typical.max(order.typical);
            }
        }
        self.order_where_possible(wanted);
    }

    /// Refuses deletions that make room for a new half while something stays that holds the old one until the
    /// new one is there.
    pub(super) fn check_holders(&mut self, departures: &[Departure<'_>], deletions: &[Deletion<'_>]) {
        let room = deletions.iter().filter(|d| d.makes_room && matches!(self.tasks[d.step], Task::Remove { .. }));
        let room: HashMap<&Urn, usize> = room.map(|deletion| (&deletion.row.key.urn, deletion.step)).collect();
        if room.is_empty() {
            return;
        }
        let gone: HashSet<&Urn> = deletions.iter().map(|deletion| &deletion.row.key.urn).collect();
        let after = successors(&self.edges);
        let stays = |departure: &&Departure<'_>| {
            let Some(step) = room.get(departure.first).filter(|_| !gone.contains(departure.after)) else {
                return false;
            };
            self.current.get(departure.after).is_none_or(|user| leads_to(&after, *step, *user))
        };
        let stuck: BTreeSet<(&Urn, &Urn)> = departures.iter().filter(stays).map(|d| (d.first, d.after)).collect();
        let told = stuck.into_iter().map(|(first, user)| {
            let (first_name, user) = (first.name(), user.name());
            let text = format!(
                "`{first_name}` would be deleted before the one that takes its place is made, and `{user}` keeps it \
                 until then"
            );
            let problem = Diagnostic::error("replacement-in-use", text).of(first).help(format!(
                "`deleteBeforeReplace: false` if both can be there at once, or declare the new one under another name \
                 and let `{user}` use that"
            ));
            match self.declarations().iter().find(|d| d.urn == *first) {
                Some(declared) => problem.at(declared.at.clone()),
                None => problem,
            }
        });
        let told: Vec<Diagnostic> = told.collect();
        self.problems.extend(told);
    }

    /// Lets steps come one after the other where the later one does not have to come first anyway.
    pub(super) fn order_where_possible(&mut self, orders: Vec<(usize, usize)>) {
        if orders.is_empty() {
            return;
        }
        let mut after = successors(&self.edges);
        let mut seen = HashSet::new();
        for (first, then) in orders {
            if seen.insert((first, then)) && !leads_to(&after, then, first) {
                self.edges.push((first, then));
                after.entry(first).or_default().push(then);
            }
        }
    }
}

/// The steps that come directly after each.
pub(super) fn successors(edges: &[(usize, usize)]) -> HashMap<usize, Vec<usize>> {
    let mut after: HashMap<usize, Vec<usize>> = HashMap::new();
    for (a, b) in edges {
        after.entry(*a).or_default().push(*b);
    }
    after
}

fn later(now: Timestamp, seconds: u32) -> Timestamp {
    now.saturating_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX)
}

/// Seconds from one instant to another, if that comes later.
fn left(now: Timestamp, then: Timestamp) -> u32 {
    u32::try_from(then.duration_since(now).as_secs()).unwrap_or(0)
}

/// Whether the edges lead from one step to another.
fn leads_to(after: &HashMap<usize, Vec<usize>>, from: usize, to: usize) -> bool {
    way(after, from, to).is_some()
}

/// A shortest way that the edges lead, with both ends.
pub(super) fn way(after: &HashMap<usize, Vec<usize>>, from: usize, to: usize) -> Option<Vec<usize>> {
    let (mut came, mut open) = (HashMap::from([(from, from)]), VecDeque::from([from]));
    while let Some(step) = open.pop_front() {
        if step == to {
            let mut way = vec![to];
            while let Some(&last) = way.last().filter(|last| **last != from) {
                way.push(came[&last]);
            }
            way.reverse();
            return Some(way);
        }
        for &next in after.get(&step).into_iter().flatten() {
            if let hash_map::Entry::Vacant(new) = came.entry(next) {
                new.insert(step);
                open.push_back(next);
            }
        }
    }
    None
}
