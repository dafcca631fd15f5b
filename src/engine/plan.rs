//! A plan: what will be done, in which order, and why. Plain data, safe to show to anybody.

use serde::{Deserialize, Serialize};

use crate::engine::provider::Company;
use crate::engine::state::Key;
use crate::engine::urn::{Id, Place, Urn};
use crate::engine::value::{Shown, Value};

/// Everything a run will do. Steps refer to each other by their index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub steps: Vec<Step>,
    /// `(a, b)`: `b` starts when `a` is done.
    pub edges: Vec<(usize, usize)>,
    /// What would be done too and has to wait for a region that does not answer, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Step>,
    /// What the user should know beside the steps: a promotion that was detected, a deletion that
    /// stays pending.
    pub notes: Vec<String>,
    /// Outputs of the stack that change: name, before, after.
    pub outputs: Vec<(String, Shown, Shown)>,
    /// How much of the stack was looked at, if not all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<Extent>,
}

/// How many resources a run may touch, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    pub chosen: usize,
    pub all: usize,
}

/// One thing to do with one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub key: Key,
    pub ty: String,
    pub place: Place,
    pub op: Op,
    pub id: Option<Id>,
    pub why: Vec<Reason>,
    pub changes: Vec<Change>,
    /// The step that does the other half of a replacement.
    pub replacement: Option<usize>,
    /// Seconds that the cloud usually takes for it.
    pub typical: u32,
    /// Where the program declares the resource: `stacks/prod.yaml:12:3`.
    pub at: Option<String>,
    /// The steps that go out in one call with this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<Company>,
}

impl Step {
    /// A step of which no more is known.
    pub fn new(key: Key, ty: &str, place: &Place, op: Op) -> Self {
        Self {
            key,
            ty: ty.to_owned(),
            place: place.clone(),
            op,
            id: None,
            why: Vec::new(),
            changes: Vec::new(),
            replacement: None,
            typical: 0,
            at: None,
            company: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Nothing to do.
    Same,
    /// Make it, or complete one whose create was begun.
    Create,
    /// Change it, or only its options, which needs no call.
    Update,
    Delete,
    /// Read a resource that the program does not manage.
    Read,
    /// Take a resource that exists into the state, then bring it to the program's inputs.
    Import,
    /// Forget the resource and leave it in the cloud.
    Forget,
    /// A change that must come before deletions: its name, such as `lift deletionProtection`.
    Act(String),
    /// The state said more than the cloud: the row is dropped or made anew from what was read.
    Refresh,
}

/// Why a step is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    New,
    GoneFromProgram,
    /// The cloud does not have it any more.
    GoneFromCloud,
    Changed,
    /// `replaceOnChanges`, `--replace`, `state taint`, a trigger: which.
    Asked(String),
    /// That resource is replaced, and this one cannot outlive it.
    Dependency(Urn),
    /// An earlier run began it and did not end.
    Interrupted,
    /// An earlier run failed here.
    Failed(String),
    /// The whole stack is destroyed.
    Destroy,
    /// The run was told not to touch it.
    NotSelected,
    /// It waits for that region, which does not answer.
    Unavailable(String),
    /// It waits for that resource, which waits itself.
    Held(Urn),
}

/// One property that changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// `tags.Name`, `ingress[0].fromPort`, `options.protect`.
    pub path: String,
    pub before: Shown,
    pub after: Shown,
    pub replaces: bool,
    pub set_by: SetBy,
}

impl Change {
    /// A change of an option that is a switch.
    pub fn of_option(name: &str, before: bool, after: bool) -> Self {
        Self {
            path: format!("options.{name}"),
            before: Shown::of(&Value::Bool(before)),
            after: Shown::of(&Value::Bool(after)),
            replaces: false,
            set_by: SetBy::Program,
        }
    }
}

/// Who wants the new value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetBy {
    Program,
    /// The schema's default, because the program says nothing.
    Default,
    /// The cloud shows something else than was applied: drift.
    Cloud,
    /// It has to be so before the resource can be deleted.
    Deletion,
}

/// How many steps of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    /// What the state learns of changes that others made.
    pub refresh: usize,
    /// Resources that exist and are taken over; what differs of them is changed at once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub import: usize,
    pub other: usize,
    /// Steps that wait for a region.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub held: usize,
    pub same: usize,
    /// Resources that the run was told not to touch.
    #[serde(default)]
    pub left_out: usize,
    /// After a run: resources that exist and are not complete yet.
    #[serde(default)]
    pub begun: usize,
    /// Outputs of the stack that change.
    #[serde(default)]
    pub outputs: usize,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl Plan {
    /// Whether carrying it out would change nothing, neither in the cloud nor in the state. What waits
    /// is none of it.
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty() && self.is_quiet()
    }

    /// Whether nothing is done to any resource.
    pub fn is_quiet(&self) -> bool {
        self.steps.iter().all(|s| s.op == Op::Same)
    }

    /// A replacement counts once, not as a create and a delete.
    pub fn summary(&self) -> Summary {
        let left_out = self.selection.map_or(0, |Extent { chosen, all }| all - chosen);
        let mut sum = Summary { left_out, held: self.held.len(), outputs: self.outputs.len(), ..Summary::default() };
        for step in &self.steps {
            let count = match (&step.op, step.replacement.is_some()) {
                (Op::Create, true) => &mut sum.replace,
                (Op::Delete, true) => continue,
                (Op::Create, false) => &mut sum.create,
                (Op::Update, _) => &mut sum.update,
                (Op::Delete, false) => &mut sum.delete,
                (Op::Same, _) if step.why == [Reason::NotSelected] => continue,
                (Op::Same, _) => &mut sum.same,
                (Op::Refresh, _) => &mut sum.refresh,
                (Op::Import, _) => &mut sum.import,
                (Op::Read | Op::Forget | Op::Act(_), _) => &mut sum.other,
            };
            *count += 1;
        }
        sum
    }

    /// The steps on the longest path, by the time that each usually takes, and its length in seconds.
    pub fn critical_path(&self) -> (Vec<usize>, u64) {
        let mut after: Vec<Vec<usize>> = vec![Vec::new(); self.steps.len()];
        let mut open = vec![0usize; self.steps.len()];
        for &(a, b) in &self.edges {
            after[a].push(b);
            open[b] += 1;
        }
        let own = |i: usize| u64::from(self.steps[i].typical);
        let mut ready: Vec<usize> = (0..self.steps.len()).filter(|i| open[*i] == 0).collect();
        let mut end: Vec<u64> = (0..self.steps.len()).map(own).collect();
        let mut before: Vec<Option<usize>> = vec![None; self.steps.len()];
        while let Some(i) = ready.pop() {
            for &next in &after[i] {
                if end[i] + own(next) > end[next] {
                    end[next] = end[i] + own(next);
                    before[next] = Some(i);
                }
                open[next] -= 1;
                if open[next] == 0 {
                    ready.push(next);
                }
            }
        }
        let last = (0..self.steps.len()).max_by_key(|i| end[*i]);
        let mut path: Vec<usize> = std::iter::successors(last, |i| before[*i]).collect();
        path.reverse();
        (path, last.map_or(0, |i| end[i]))
    }
}
