//! Resources that exist already: imported, or only read.

use std::sync::Arc;

use crate::engine::decide::{believed, ignore_changes};
use crate::engine::diagnostic::Diagnostic;
use crate::engine::diff::diff;
use crate::engine::foresight;
use crate::engine::handle::Handle;
use crate::engine::names;
use crate::engine::observe;
use crate::engine::plan::{Change, Op, Reason};
use crate::engine::planner::Planner;
use crate::engine::program::{Declaration, Given};
use crate::engine::provider::{KindAt, Live};
use crate::engine::resource::{Seen, Want};
use crate::engine::schema::TypeSchema;
use crate::engine::state::Row;
use crate::engine::task::Task;
use crate::engine::urn::{Id, Urn};
use crate::engine::value::{Shown, Value};

impl Planner<'_> {
    pub(super) async fn import(
        &mut self,
        declaration: &Declaration,
        schema: &TypeSchema,
        row: Row,
        id: Id,
        given: Given,
    ) -> Result<(), Vec<Diagnostic>> {
        let Some(live) = self.read_one(declaration, &id).await? else { return Ok(()) };
        let row = Row {
            id: Some(id),
            inputs: live.inputs.clone(),
            seen: live.inputs.clone(),
            outputs: live.outputs.clone(),
            ..row
        };
        let wanted = names::fill(schema, given.inputs.clone(), &self.state.lineage, &row.key, Some(&row));
        let wanted = ignore_changes(schema, &declaration.options, &row, None, wanted);
        self.check_written(declaration, &wanted);
        let row = Row { inputs: believed(schema, row.inputs, &wanted), ..row };
        let found = diff(&schema.inputs, &row.inputs, &wanted);
        if let Some(bad) = found.iter().find(|d| d.replaces) {
            self.problems.push(
                Diagnostic::error(
                    "import-differs",
                    format!(
                        "importing `{}` would replace it: `{}` is {} in the cloud and {} in the program",
                        declaration.urn.name(),
                        bad.path,
                        Shown::of(&bad.before),
                        Shown::of(&bad.after)
                    ),
                )
                .at(declaration.at.clone())
                .of(&declaration.urn)
                .help("write the value of the cloud into the program, or name the property in `ignoreChanges`"),
            );
        }
        let changes: Vec<Change> = found
            .into_iter()
            .map(|d| Change {
                path: d.path.to_string(),
                before: Shown::of(&d.before),
                after: Shown::of(&d.after),
                replaces: d.replaces,
                set_by: given.set_by(&d.path),
            })
            .collect();
        let at = self.place(&row.place, row.id.clone());
        let handle = foresight::of_changed(schema, &row, &wanted, &changes, &at);
        self.known.insert(declaration.urn.clone(), handle);
        let options = Box::new(declaration.options.clone());
        let task = Task::Change { row: Arc::new(row.clone()), options, live: Some(Box::new(live)) };
        self.push(declaration, &row, Op::Import, vec![Reason::New], changes, 0, task);
        Ok(())
    }

    pub(super) async fn look_at_external(
        &mut self,
        declaration: &Declaration,
        row: Row,
        id: Value,
    ) -> Result<(), Vec<Diagnostic>> {
        // An id that can be told before there is anything of that id.
        let comes_first = |urn: &Urn| self.current.get(urn).is_some_and(|step| self.steps[*step].op == Op::Create);
        let known = id.as_str().filter(|_| !row.needs.iter().any(comes_first)).map(|id| Id(id.to_owned()));
        let Some(id) = known else {
            self.known.insert(declaration.urn.clone(), foresight::of_gone(&declaration.urn));
            self.push(
                declaration,
                &row,
                Op::Read,
                Vec::new(),
                Vec::new(),
                0,
                Task::Look { row: Arc::new(row.clone()) },
            );
            return Ok(());
        };
        let Some(live) = self.read_one(declaration, &id).await? else { return Ok(()) };
        let row = Arc::new(Row {
            id: Some(id),
            external: true,
            inputs: live.inputs.clone(),
            seen: live.inputs,
            outputs: live.outputs,
            ..row
        });
        self.known.insert(declaration.urn.clone(), Handle::of(&row));
        let same = self.state.rows.get(&row.key).is_some_and(|old| *old == row);
        let op = if same { Op::Same } else { Op::Read };
        self.push(declaration, &row, op, Vec::new(), Vec::new(), 0, Task::Look { row: Arc::clone(&row) });
        Ok(())
    }

    pub(super) async fn read_one(
        &mut self,
        declaration: &Declaration,
        id: &Id,
    ) -> Result<Option<Live>, Vec<Diagnostic>> {
        let kind = KindAt { ty: declaration.ty.clone(), place: declaration.place.clone() };
        let (cloud, skip) = (self.request.cloud, self.request.settings.skip_unsupported);
        let seen = observe::read_some(cloud, &kind, std::slice::from_ref(id), Want::All, skip).await;
        let unreadable = |code: &'static str, why: String| {
            Diagnostic::error(code, format!("cannot read `{}` with id `{id}`: {why}", declaration.urn.name()))
        };
        let problem = match seen.map(|mut seen| seen.pop()) {
            Ok(Some(Seen::Ready(live))) => return Ok(Some(live)),
            Ok(Some(Seen::Pending(word) | Seen::Failed(word))) => {
                unreadable("unreadable", format!("it is not ready: {word}"))
            }
            Ok(Some(Seen::Gone) | None) => {
                let form = self.catalog.find(&declaration.ty).map_or("", |schema| schema.facts.import);
                let help = match form {
                    "" => "`region` names another region".to_owned(),
                    form => format!("it is found by the {form}; `region` names another region"),
                };
                unreadable("unreadable", format!("no such resource in {}", declaration.place)).help(help)
            }
            Err(error) => Diagnostic {
                help: observe::help(&error, self.identity.seat(&declaration.place)),
                ..unreadable(error.kind.code("unreadable"), error.to_string())
            },
        };
        self.problems.push(problem.at(declaration.at.clone()).of(&declaration.urn));
        self.known.insert(declaration.urn.clone(), foresight::of_gone(&declaration.urn));
        Ok(None)
    }
}
