//! What is made under the name of something that is deleted in the same run: two resources that exchange
//! names, one that goes back to the name of an old half, one that the program calls otherwise now.

use std::collections::HashMap;

use crate::engine::plan::Op;
use crate::engine::planner::Planner;
use crate::engine::removal::Deletion;
use crate::engine::schema::TypeSchema;
use crate::engine::urn::Place;
use crate::engine::value::Value;

/// A type, a place, and what the cloud calls a resource by there.
type Name<'a> = (&'a str, &'a Place, Vec<String>);

impl Planner<'_> {
    /// The deletion goes first: some clouds refuse a name that is taken, others put in place of creating, and
    /// a deletion that came later would take away what the program wants. Where it cannot go first it goes
    /// last, and is none then: [`Ledger::has_heir`](crate::engine::ledger::Ledger::has_heir).
    pub(super) fn order_namesakes(&mut self, deletions: &[Deletion<'_>]) {
        let mut made: HashMap<Name<'_>, usize> = HashMap::new();
        for (urn, step) in self.current.iter().filter(|(_, step)| self.steps[**step].op == Op::Create) {
            let (step, Some(handle)) = (*step, self.known.get(urn)) else { continue };
            let Some(schema) = self.catalog.find(&self.steps[step].ty) else { continue };
            if let Some(name) = name(schema, |input| handle.get(input)) {
                made.insert((schema.token, &self.steps[step].place, name), step);
            }
        }
        let mut pairs = Vec::new();
        for deletion in deletions.iter().filter(|_| !made.is_empty()) {
            let row = deletion.row;
            let Some(schema) = self.catalog.find(&row.ty) else { continue };
            let name = name(schema, |input| row.inputs.get(input).or_else(|| row.seen.get(input)));
            let found = name.and_then(|name| made.get(&(schema.token, &row.place, name)));
            pairs.extend(found.map(|step| (deletion.step, *step)));
        }
        let turned = pairs.iter().map(|(deletion, step)| (*step, *deletion)).collect();
        self.order_where_possible(pairs);
        self.order_where_possible(turned);
    }
}

/// What the cloud calls a resource by, if that is known and it is called by anything.
fn name<'v>(schema: &TypeSchema, input: impl Fn(&str) -> Option<&'v Value>) -> Option<Vec<String>> {
    let names = schema.naming_inputs();
    let texts: Option<Vec<String>> =
        names.into_iter().map(|name| input(name).and_then(Value::as_str).map(str::to_owned)).collect();
    texts.filter(|texts| !texts.is_empty())
}
