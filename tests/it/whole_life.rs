//! The whole life of a shipped stack of two sides on the twin: made, unchanged, changed in one place
//! of each service and back, protected, and gone.

use std::collections::BTreeSet;

use drctl::engine::state::{Row, State};
use drctl::engine::value::Value;

use crate::stacks::Shipped;
use crate::support::checkout::Checkout;
use crate::support::stage::{steps, told};

/// A change of one property: a file below `stacks/`, a text in it and what takes its place, and the
/// steps that this takes, `{side}` standing for both sides.
pub type Change = (&'static str, &'static str, &'static str, &'static [&'static str]);

pub struct WholeLife {
    /// A file below `stacks/`.
    pub stack: &'static str,
    pub sides: [&'static str; 2],
    pub resources: usize,
    /// Sorted.
    pub outputs: &'static [&'static str],
    pub changes: &'static [Change],
    /// Some of what a refused `destroy` lists.
    pub protected: &'static [&'static str],
    /// Keys that wait for their end when all else is gone.
    pub keys: usize,
}

impl WholeLife {
    pub async fn is_lived(&self) {
        let checkout = Checkout::new();
        let mut shipped = Shipped::new();
        let program = program(&checkout, self.stack);
        let made = shipped.up(&program).await;
        assert_eq!(steps(&made.plan).len(), self.resources);
        let outputs = &shipped.stage.state.outputs;
        let names: BTreeSet<&str> = outputs.keys().map(String::as_str).collect();
        assert!(names.iter().eq(self.outputs), "{names:?}");
        assert_eq!(steps(&shipped.preview(&program).await), [""; 0], "a preview after `up` shows changes");
        assert_eq!(steps(&shipped.up(&program).await.plan), [""; 0], "a second `up` does something");
        let refreshed = shipped.stage.refresh().await.unwrap_or_else(|p| panic!("{}", told(&p)));
        assert_eq!(steps(&refreshed.plan), [""; 0], "a refresh after `up` finds drift");

        for (file, from, to, expected) in self.changes {
            let file = format!("stacks/{file}");
            checkout.replace(&file, from, to);
            let plan = shipped.up(&program).await.plan;
            assert_eq!(BTreeSet::from_iter(steps(&plan)), self.of_both_sides(expected), "`{to}` in {file}");
            assert_eq!(steps(&shipped.preview(&program).await), [""; 0], "`{to}` in {file}");
            checkout.replace(&file, to, from);
            shipped.up(&program).await;
        }

        let Err(refused) = shipped.stage.destroy().await else { panic!("`destroy` does not mind the protection") };
        for protected in self.protected {
            assert!(told(&refused).contains(protected), "{protected}: {}", told(&refused));
        }
        shipped.stage.settings.override_protection = true;
        shipped.destroy().await;
        assert_eq!(shipped.twin.leftovers(), []);
        let kept = shipped.twin.inspect();
        assert!(kept.iter().all(|entry| entry.state == "PendingDeletion"), "{kept:#?}");
        assert_eq!(kept.len(), self.keys, "{kept:#?}");
    }

    fn of_both_sides(&self, expected: &[&str]) -> BTreeSet<String> {
        let sides = |step: &&str| self.sides.map(|side| step.replace("{side}", side));
        expected.iter().flat_map(sides).collect()
    }
}

/// A stack as it lies in a checkout, whose files may be changed.
pub fn program(checkout: &Checkout, stack: &str) -> String {
    format!("extends: {}\n", checkout.path().join("stacks").join(stack).display())
}

pub fn row<'a>(state: &'a State, name: &str) -> &'a Row {
    let found = state.rows.values().find(|row| row.key.urn.name() == name);
    found.unwrap_or_else(|| panic!("there is no `{name}`"))
}

pub fn text<'a>(row: &'a Row, input: &str) -> Option<&'a str> {
    row.inputs.get(input).and_then(Value::as_str)
}
