//! The rows of the twin and the indexes that find them without a search.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use crate::engine::urn::{Id, Place};
use crate::engine::value::Value;
use crate::twin::quirks::Interfaces;
use crate::twin::row::{Member, Phase, Row, Serial};

/// All rows. Every look-up and change costs O(log n).
#[derive(Debug, Default)]
pub(super) struct World {
    next: Serial,
    rows: BTreeMap<Serial, Row>,
    ids: HashMap<(&'static str, Place), HashMap<String, Serial>>,
    /// Ids, ARNs and other properties by which rows refer to each other.
    names: HashMap<String, BTreeSet<Serial>>,
    attempts: HashMap<String, BTreeSet<Serial>>,
    referrers: HashMap<Serial, BTreeSet<Serial>>,
    /// Clusters by the identifier of their global cluster.
    members: HashMap<String, BTreeSet<Serial>>,
    due: BTreeSet<(Timestamp, Serial)>,
    interfaces: Vec<Interfaces>,
    /// Rows that were made, changed or removed, and not written down since.
    touched: BTreeSet<Serial>,
}

impl World {
    /// The number of the next row; part of the identifiers made for it.
    pub(super) fn next(&self) -> Serial {
        self.next
    }

    pub(super) fn row(&self, serial: Serial) -> Option<&Row> {
        self.rows.get(&serial)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (Serial, &Row)> {
        self.rows.iter().map(|(serial, row)| (*serial, row))
    }

    /// The row of that id, if callers see it.
    pub(super) fn find(&self, token: &'static str, place: &Place, id: &Id) -> Option<Serial> {
        self.taken(token, place, &id.0).filter(|serial| self.rows[serial].is_there())
    }

    /// The row that uses up an id, even if it is gone for callers.
    pub(super) fn taken(&self, token: &'static str, place: &Place, id: &str) -> Option<Serial> {
        self.ids.get(&(token, place.clone()))?.get(id).copied()
    }

    /// Rows of any type that answer to that id, ARN or name.
    pub(super) fn named(&self, text: &str) -> impl Iterator<Item = (Serial, &Row)> {
        self.names.get(text).into_iter().flatten().map(|serial| (*serial, &self.rows[serial]))
    }

    pub(super) fn attempted(&self, attempt: &str) -> impl Iterator<Item = (Serial, &Row)> {
        self.attempts.get(attempt).into_iter().flatten().map(|serial| (*serial, &self.rows[serial]))
    }

    pub(super) fn referrers(&self, serial: Serial) -> impl Iterator<Item = (Serial, &Row)> {
        self.referrers.get(&serial).into_iter().flatten().map(|from| (*from, &self.rows[from]))
    }

    /// The clusters of a global database.
    pub(super) fn members(&self, global: &str) -> impl Iterator<Item = (Serial, &Row)> {
        self.members.get(global).into_iter().flatten().map(|serial| (*serial, &self.rows[serial]))
    }

    /// Uses no number below this one again.
    pub(super) fn skip_to(&mut self, next: Serial) {
        self.next = self.next.max(next);
    }

    /// Rows that were made, changed or removed since this was last forgotten. Those removed are not there.
    pub(super) fn touched(&self) -> impl Iterator<Item = (Serial, Option<&Row>)> {
        self.touched.iter().map(|serial| (*serial, self.rows.get(serial)))
    }

    pub(super) fn forget_touched(&mut self) {
        self.touched.clear();
    }

    /// Puts a row in, under the names that it answers to.
    pub(super) fn insert(&mut self, row: Row, names: &[String]) -> Serial {
        let serial = self.next;
        self.touched.insert(serial);
        self.restore(serial, row, names);
        serial
    }

    /// Puts a row in under a number that it had before.
    pub(super) fn restore(&mut self, serial: Serial, row: Row, names: &[String]) {
        self.next = self.next.max(serial + 1);
        self.ids.entry((row.token, row.place.clone())).or_default().insert(row.id.0.clone(), serial);
        self.attempts.entry(row.attempt.clone()).or_default().insert(serial);
        self.rows.insert(serial, row);
        self.index(serial, names);
    }

    fn index(&mut self, serial: Serial, names: &[String]) {
        let row = &self.rows[&serial];
        for name in names {
            self.names.entry(name.clone()).or_default().insert(serial);
        }
        for target in &row.refers {
            self.referrers.entry(*target).or_default().insert(serial);
        }
        if let Some(member) = &row.member {
            self.members.entry(member.of.clone()).or_default().insert(serial);
        }
        if let Some(until) = row.phase.until() {
            self.due.insert((until, serial));
        }
    }

    fn unindex(&mut self, serial: Serial, names: &[String]) {
        let row = &self.rows[&serial];
        for name in names {
            drop_from(&mut self.names, name, serial);
        }
        for target in &row.refers {
            drop_from(&mut self.referrers, target, serial);
        }
        if let Some(member) = &row.member {
            drop_from(&mut self.members, &member.of, serial);
        }
        if let Some(until) = row.phase.until() {
            self.due.remove(&(until, serial));
        }
    }

    /// Changes a row. `names` tells what a row answers to.
    pub(super) fn change(&mut self, serial: Serial, names: impl Fn(&Row) -> Vec<String>, edit: impl FnOnce(&mut Row)) {
        let Some(row) = self.rows.get(&serial) else { return };
        self.touched.insert(serial);
        let before = names(row);
        self.unindex(serial, &before);
        if let Some(row) = self.rows.get_mut(&serial) {
            edit(row);
        }
        let after = names(&self.rows[&serial]);
        self.index(serial, &after);
    }

    /// Lets a row do something for a time. Its names stay.
    pub(super) fn enter(&mut self, serial: Serial, phase: Phase) {
        self.change(serial, |_| Vec::new(), |row| row.phase = phase);
    }

    /// Lets a cluster join, leave or take another place in a global database.
    pub(super) fn seat(&mut self, serial: Serial, member: Option<Member>) {
        self.change(serial, |_| Vec::new(), |row| row.member = member);
    }

    /// Changes an output by which nobody refers to the row.
    pub(super) fn show(&mut self, serial: Serial, output: &str, value: Value) {
        if let Some(row) = self.rows.get_mut(&serial) {
            row.outputs.insert(output.to_owned(), value);
            self.touched.insert(serial);
        }
    }

    /// Adds or removes things that no type stands for.
    pub(super) fn fill(&mut self, serial: Serial, contents: u64) {
        if let Some(row) = self.rows.get_mut(&serial) {
            row.contents = contents;
            self.touched.insert(serial);
        }
    }

    pub(super) fn remove(&mut self, serial: Serial, names: impl Fn(&Row) -> Vec<String>) -> Option<Row> {
        let names = names(self.rows.get(&serial)?);
        self.unindex(serial, &names);
        let row = self.rows.remove(&serial)?;
        self.touched.insert(serial);
        if let Some(ids) = self.ids.get_mut(&(row.token, row.place.clone())) {
            ids.remove(&row.id.0);
        }
        drop_from(&mut self.attempts, &row.attempt, serial);
        // Those that still name it would find nothing there, as on the cloud.
        for from in self.referrers.remove(&serial).into_iter().flatten() {
            if let Some(row) = self.rows.get_mut(&from) {
                row.refers.remove(&serial);
            }
        }
        Some(row)
    }

    /// Network interfaces that functions have left.
    pub(super) fn interfaces(&self) -> &[Interfaces] {
        &self.interfaces
    }

    pub(super) fn restore_interfaces(&mut self, interfaces: Vec<Interfaces>) {
        self.interfaces = interfaces;
    }

    /// Keeps network interfaces that were a function's, unless another one needs them.
    pub(super) fn leave(&mut self, interfaces: Option<Interfaces>) {
        let left = interfaces.filter(|interfaces| !interfaces.are_used(self));
        self.interfaces.extend(left);
    }

    /// Lets those go whose time has come.
    pub(super) fn release(&mut self, now: Timestamp) {
        let rows = &self.rows;
        self.interfaces.retain_mut(|interfaces| interfaces.stay(|serial| rows.contains_key(serial), now));
    }

    /// Takes one row whose time has come, if there is any.
    pub(super) fn due(&self, now: Timestamp) -> Option<Serial> {
        self.due.first().filter(|(until, _)| *until <= now).map(|(_, serial)| *serial)
    }
}

fn drop_from<K: std::hash::Hash + Eq + Clone>(index: &mut HashMap<K, BTreeSet<Serial>>, key: &K, serial: Serial) {
    if let Some(set) = index.get_mut(key) {
        set.remove(&serial);
        if set.is_empty() {
            index.remove(key);
        }
    }
}
