//! The life of a case's subject, on a server of its own account.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use drctl::aws;
use drctl::engine::clock::Clock;
use drctl::engine::diagnostic::Diagnostic;
use drctl::engine::diff::{baseline, diff};
use drctl::engine::event::Ended;
use drctl::engine::journal::Entry;
use drctl::engine::names;
use drctl::engine::plan::Plan;
use drctl::engine::provider::{At, KindAt, Provider};
use drctl::engine::resource::{Existing, Seen, Want};
use drctl::engine::schema::{Shape, TypeSchema};
use drctl::engine::settings::Settings;
use drctl::engine::state::Row;
use futures::StreamExt;
use serde_json::{Map, Value as Json, json};

use super::case::{Case, Server, changed};
use super::permitted;
use crate::support::calls::{Calls, Sent};
use crate::support::emulator::{ministack, moto};
use crate::support::stage::{Stage, steps, told};

/// Cases that run at once. The servers are Python: more only wait in their queues.
const AT_ONCE: usize = 4;
/// Longest time for one case, on a slow machine with everything else running.
const CASE_LIMIT: Duration = Duration::from_secs(240);

pub async fn of_all(cases: Vec<Case>) {
    let lives: Vec<(Result, BTreeSet<Sent>)> = futures::stream::iter(&cases)
        .map(|case| async move {
            let (result, sent) = Life::of(case).await;
            (result.map_err(|why| format!("{} {}: {why}", case.token, case.name)), sent)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let (results, sent): (Vec<Result>, Vec<BTreeSet<Sent>>) = lives.into_iter().unzip();
    let mut failures: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() {
        failures = permitted::wrong(&cases, &sent.into_iter().flatten().collect());
    }
    assert!(failures.is_empty(), "{} of the types fail:\n{}", failures.len(), failures.join("\n"));
}

struct Life<'a> {
    case: &'a Case,
    stage: Stage,
    calls: Arc<Calls>,
    /// What goes on, for when it does not end.
    doing: String,
    /// Reasons of the case that were needed: paths that were dropped, operations that were lacking.
    needed: BTreeSet<String>,
}

type Result<T = ()> = std::result::Result<T, String>;

impl<'a> Life<'a> {
    async fn of(case: &'a Case) -> (Result, BTreeSet<Sent>) {
        let server = match case.on {
            Server::Ministack => ministack(),
            Server::Moto => moto(),
        };
        let (account, cloud) = server.account();
        let calls = Arc::new(Calls::of(Arc::new(cloud)));
        let cloud: Arc<dyn Provider> = Arc::<Calls>::clone(&calls);
        let mut stage = Stage::new(cloud, Clock::system());
        // Moto has one account for all: names must differ from case to case.
        stage.state.lineage = format!("01LINEAGE00000{account}");
        stage.settings = Settings { skip_unsupported: true, override_protection: true, ..Settings::default() };
        let mut life = Self { case, stage, calls: Arc::clone(&calls), doing: String::new(), needed: BTreeSet::new() };
        let result = match tokio::time::timeout(CASE_LIMIT, life.live()).await {
            Ok(result) => result,
            Err(_) => Err(format!("still at `{}` after {} s", life.doing, CASE_LIMIT.as_secs())),
        };
        (result, calls.sent())
    }

    async fn live(&mut self) -> Result {
        let mut inputs = self.case.inputs.clone();
        self.reach("create", &inputs, None).await?;
        self.look_for_it().await?;
        for change in &self.case.updates {
            inputs = changed(&inputs, change);
            self.expect_steps(&inputs, &["update subject"], change).await?;
            self.reach(&format!("update {}", json!(change)), &inputs, None).await?;
        }
        if self.has_tags() {
            for tags in [json!({"a": "1", "b": "2"}), json!({"b": "3", "c": "4"}), json!({})] {
                let change = Map::from_iter([("tags".to_owned(), tags)]);
                inputs = changed(&inputs, &change);
                self.reach(&format!("retag {}", json!(change)), &inputs, None).await?;
            }
        }
        self.import(&inputs).await?;
        for change in &self.case.replaces {
            inputs = changed(&inputs, change);
            let plan = self.preview(&self.case.program(&inputs, None)).await.map_err(|p| told(&p))?;
            let replaced = plan.steps.iter().any(|s| s.replacement.is_some() && s.key.urn.name() == "subject");
            if !replaced {
                return Err(format!("{} does not replace: {:?}", json!(change), steps(&plan)));
            }
            self.reach(&format!("replace {}", json!(change)), &inputs, None).await?;
        }
        self.destroy().await?;
        let reasons = self.case.drops.keys().chain(self.case.lacks.keys());
        match reasons.into_iter().find(|reason| !self.needed.contains(*reason)) {
            Some(over) => Err(format!("`{over}` needs no reason: the server keeps or knows it")),
            None => Ok(()),
        }
    }

    /// Looks for the subject as after a lost create. What it sends counts; what it finds is the business of
    /// the tests that lose one. Another stack that wants to make the same sees that it is there, where no server
    /// of AWS would tell.
    async fn look_for_it(&self) -> Result {
        let begun = self.stage.journal.entries.lock().unwrap().iter().find_map(|entry| match entry {
            Entry::Begin { row, attempt, .. } if row.key.urn.name() == "subject" => {
                Some((row.clone(), attempt.clone()))
            }
            _ => None,
        });
        let Some((row, attempt)) = begun else { return Ok(()) };
        let at = At {
            urn: row.key.urn.clone(),
            kind: KindAt { ty: row.ty.clone(), place: row.place.clone() },
            attempt,
            owner: names::owner(&self.stage.state.lineage, &row.key),
            company: None,
        };
        drop(self.stage.cloud.find(&at, &row.inputs).await);
        let made = self.subject()?.id.clone();
        if made.is_none() || !matches!(self.schema()?.facts.existing, Existing::LookedFor(_)) {
            return Ok(());
        }
        let another = At { attempt: "01ANOTHER00000000000000000".into(), owner: "another/1".into(), ..at };
        match self.stage.cloud.namesake(&another, &row.inputs).await {
            Ok(id) if id == made => Ok(()),
            other => Err(format!("looked for, it is {other:?}, not {made:?}")),
        }
    }

    fn schema(&self) -> Result<&'static TypeSchema> {
        aws::catalog().find(&self.case.token).ok_or_else(|| "there is no such type".into())
    }

    fn has_tags(&self) -> bool {
        let tags = self.schema().ok().and_then(|schema| schema.inputs.get("tags"));
        tags.is_some_and(|property| matches!(property.shape, Shape::Map(_)))
    }

    fn subject(&self) -> Result<&Row> {
        let row = self.stage.state.rows.values().find(|r| r.key.urn.name() == "subject" && !r.old);
        row.map(Arc::as_ref).ok_or_else(|| "the state has no row of the subject".into())
    }

    async fn preview(&self, program: &str) -> std::result::Result<Plan, Vec<Diagnostic>> {
        self.calls.look_only(true);
        let plan = self.stage.preview(program).await;
        self.calls.look_only(false);
        plan
    }

    /// Brings the cloud to these inputs, after which nothing may differ.
    async fn reach(&mut self, what: &str, inputs: &Map<String, Json>, import: Option<&str>) -> Result {
        let program = self.case.program(inputs, import);
        what.clone_into(&mut self.doing);
        let report = self.stage.up(&program).await.map_err(|p| format!("{what}: {}", told(&p)))?;
        if report.outcome.ended != Ended::Completed {
            return Err(format!("{what}: {}", report.failures().join("; ")));
        }
        self.stage.settings.refresh = true;
        let plan = self.preview(&program).await.map_err(|p| format!("{what}, then preview: {}", told(&p)));
        self.stage.settings.refresh = false;
        let plan = plan?;
        if plan.is_empty() {
            return self.check_exceptions().await.map_err(|why| format!("{what}: {why}"));
        }
        let changes: Vec<String> = plan
            .steps
            .iter()
            .flat_map(|s| {
                s.changes.iter().map(|c| format!("{}.{}: {} → {}", s.key.urn.name(), c.path, c.before, c.after))
            })
            .collect();
        Err(format!("{what}: the preview after it is not empty: {:?} {}", steps(&plan), changes.join(", ")))
    }

    async fn expect_steps(
        &mut self,
        inputs: &Map<String, Json>,
        expected: &[&str],
        change: &Map<String, Json>,
    ) -> Result {
        let plan = self.preview(&self.case.program(inputs, None)).await.map_err(|p| told(&p))?;
        let found = steps(&plan);
        if found == expected { Ok(()) } else { Err(format!("{} plans {found:?}", json!(change))) }
    }

    /// What the server lacks and drops has a reason in the case.
    async fn check_exceptions(&mut self) -> Result {
        let row = self.subject()?.clone();
        if let Some(operation) = row.skipped.iter().find(|op| !self.case.lacks.contains_key(*op)) {
            return Err(format!("{operation} is lacking, and no reason is given"));
        }
        self.needed.extend(row.skipped.iter().cloned());
        let Some(id) = row.id.clone() else { return Ok(()) };
        let schema = self.schema()?;
        let kind = KindAt { ty: row.ty.clone(), place: row.place.clone() };
        let given = row.inputs.as_map().into_iter().flatten().filter(|(_, value)| !value.is_null());
        let mut want = Want::Only(given.map(|(name, _)| name.clone()).collect());
        let mut untold = Vec::new();
        let seen = loop {
            match self.stage.cloud.read(&kind, std::slice::from_ref(&id), &want).await {
                Ok(seen) => break seen,
                Err(error) if want.goes_without(&error, &schema.inputs) => untold.extend(error.input),
                Err(error) => return Err(error.to_string()),
            }
        };
        let [Seen::Ready(live)] = seen.as_slice() else { return Err(format!("read as {seen:?}")) };
        let base = baseline(&schema.inputs, &live.inputs, &row.inputs, &untold);
        let differences = diff(&schema.inputs, &base, &row.inputs);
        let dropped = differences.iter().map(|d| schema.inputs.pattern_of(&d.path).to_string());
        for place in dropped.chain(untold) {
            if !self.case.drops.contains_key(&place) {
                return Err(format!("`{place}` is not kept, and no reason is given"));
            }
            self.needed.insert(place);
        }
        Ok(())
    }

    /// A row that is forgotten is the same after its id was imported.
    async fn import(&mut self, inputs: &Map<String, Json>) -> Result {
        let row = self.subject()?.clone();
        let Some(id) = row.id.clone() else { return Ok(()) };
        let before = self.stage.state.clone();
        let mut forgotten = before.clone();
        forgotten.rows.shift_remove(&row.key);
        if forgotten.rows.is_empty() && !self.case.given.is_empty() {
            return Err("the given resources have no rows".into());
        }
        self.stage.state = forgotten;
        // An automatic name is not in the program, and an import does not make one up.
        let imported = self.reach("import", inputs, Some(&id.0)).await;
        let same = self.subject().is_ok_and(|row| row.id.as_ref() == Some(&id));
        match (imported, &self.case.no_import) {
            (Ok(()), None) if same => Ok(()),
            (Ok(()), None) => Err("the import made another resource".into()),
            (Ok(()), Some(_)) => Err("it can be imported after all".into()),
            (Err(_), Some(_)) => {
                self.stage.state = before;
                Ok(())
            }
            (Err(why), None) => Err(why),
        }
    }

    async fn destroy(&mut self) -> Result {
        "destroy".clone_into(&mut self.doing);
        let rows: Vec<Arc<Row>> = self.stage.state.rows.values().cloned().collect();
        let report = self.stage.destroy().await.map_err(|p| format!("destroy: {}", told(&p)))?;
        if report.outcome.ended != Ended::Completed {
            return Err(format!("destroy: {}", report.failures().join("; ")));
        }
        let mut left = Vec::new();
        for row in rows {
            let Some(id) = row.id.clone() else { continue };
            let kind = KindAt { ty: row.ty.clone(), place: row.place.clone() };
            let seen = self.stage.cloud.read(&kind, &[id], &Want::Only(BTreeSet::new())).await;
            let seen = seen.map_err(|e| format!("destroy, then read {}: {e}", row.key.urn.name()))?;
            if seen != [Seen::Gone] {
                left.push(format!("{}: {seen:?}", row.key.urn.name()));
            }
        }
        match (left.is_empty(), &self.case.stays) {
            (true, None) | (false, Some(_)) => Ok(()),
            (false, None) => Err(format!("destroy left {}", left.join(", "))),
            (true, Some(_)) => Err("nothing stays after all".into()),
        }
    }
}
