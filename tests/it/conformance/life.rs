//! The life of a case's subject, on a server of its own account.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use drctl::aws;
use drctl::engine::clock::Clock;
use drctl::engine::event::Ended;
use drctl::engine::provider::KindAt;
use drctl::engine::resource::{Seen, Want};
use drctl::engine::schema::Shape;
use drctl::engine::settings::Settings;
use drctl::engine::state::Row;
use futures::StreamExt;
use serde_json::{Map, Value as Json, json};

use super::case::{Case, Server, changed};
use crate::support::emulator::{ministack, moto};
use crate::support::stage::{Stage, steps, told};

/// Cases that run at once. The servers are Python: more only wait in their queues.
const AT_ONCE: usize = 4;
/// Longest time for one case, on a slow machine with everything else running.
const CASE_LIMIT: Duration = Duration::from_secs(240);

pub async fn of_all(cases: Vec<Case>) {
    let failures: Vec<String> = futures::stream::iter(cases)
        .map(|case| async move {
            let name = format!("{} {}", case.token, case.name);
            Life::of(&case).await.err().map(|why| format!("{name}: {why}"))
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(|failure| async { failure })
        .collect()
        .await;
    assert!(failures.is_empty(), "{} of the types fail:\n{}", failures.len(), failures.join("\n"));
}

struct Life<'a> {
    case: &'a Case,
    stage: Stage,
    /// What goes on, for when it does not end.
    doing: String,
}

type Result<T = ()> = std::result::Result<T, String>;

impl<'a> Life<'a> {
    async fn of(case: &'a Case) -> Result {
        let server = match case.on {
            Server::Ministack => ministack(),
            Server::Moto => moto(),
        };
        let (account, cloud) = server.account();
        let mut stage = Stage::new(Arc::new(cloud), Clock::system());
        // Moto has one account for all: names must differ from case to case.
        stage.state.lineage = format!("01LINEAGE00000{account}");
        stage.settings = Settings { skip_unsupported: true, override_protection: true, ..Settings::default() };
        let mut life = Self { case, stage, doing: String::new() };
        match tokio::time::timeout(CASE_LIMIT, life.live()).await {
            Ok(result) => result,
            Err(_) => Err(format!("still at `{}` after {} s", life.doing, CASE_LIMIT.as_secs())),
        }
    }

    async fn live(&mut self) -> Result {
        let mut inputs = self.case.inputs.clone();
        self.reach("create", &inputs, None).await?;
        self.check_exceptions()?;
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
        if self.case.no_import.is_none() {
            self.import(&inputs).await?;
        }
        for change in &self.case.replaces {
            inputs = changed(&inputs, change);
            let plan = self.stage.preview(&self.case.program(&inputs, None)).await.map_err(|p| told(&p))?;
            let replaced = plan.steps.iter().any(|s| s.replacement.is_some() && s.key.urn.name() == "subject");
            if !replaced {
                return Err(format!("{} does not replace: {:?}", json!(change), steps(&plan)));
            }
            self.reach(&format!("replace {}", json!(change)), &inputs, None).await?;
        }
        self.destroy().await
    }

    fn has_tags(&self) -> bool {
        let schema = aws::catalog().find(&self.case.token);
        schema.is_some_and(|s| s.inputs.get("tags").is_some_and(|p| matches!(p.shape, Shape::Map(_))))
            && self.case.no_tags.is_none()
    }

    fn subject(&self) -> Result<&Row> {
        let row = self.stage.state.rows.values().find(|r| r.key.urn.name() == "subject" && !r.old);
        row.map(Arc::as_ref).ok_or_else(|| "the state has no row of the subject".into())
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
        let plan = self.stage.preview(&program).await.map_err(|p| format!("{what}, then preview: {}", told(&p)));
        self.stage.settings.refresh = false;
        let plan = plan?;
        if plan.is_empty() {
            return Ok(());
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
        let plan = self.stage.preview(&self.case.program(inputs, None)).await.map_err(|p| told(&p))?;
        let found = steps(&plan);
        if found == expected { Ok(()) } else { Err(format!("{} plans {found:?}", json!(change))) }
    }

    /// What the server lacks and drops is exactly what the case says.
    fn check_exceptions(&self) -> Result {
        let row = self.subject()?;
        let allowed: BTreeSet<&str> = self.case.drops.keys().map(String::as_str).collect();
        let dropped: BTreeSet<&str> = row.not_kept.iter().map(String::as_str).collect();
        if let Some(input) = dropped.difference(&allowed).next() {
            return Err(format!("`{input}` is not kept, and no reason is given"));
        }
        match row.skipped.iter().find(|op| !self.case.lacks.contains_key(*op)) {
            Some(operation) => Err(format!("{operation} is lacking, and no reason is given")),
            None => Ok(()),
        }
    }

    /// A row that is forgotten is the same after its id was imported.
    async fn import(&mut self, inputs: &Map<String, Json>) -> Result {
        let row = self.subject()?.clone();
        let Some(id) = row.id.clone() else { return Ok(()) };
        let mut forgotten = self.stage.state.clone();
        forgotten.rows.shift_remove(&row.key);
        let users: Vec<_> = forgotten.rows.keys().cloned().collect();
        if users.is_empty() && !self.case.given.is_empty() {
            return Err("the given resources have no rows".into());
        }
        self.stage.state = forgotten;
        // An automatic name is not in the program, and an import does not make one up.
        self.reach("import", inputs, Some(&id.0)).await?;
        if self.subject()?.id.as_ref() == Some(&id) { Ok(()) } else { Err("the import made another resource".into()) }
    }

    async fn destroy(&mut self) -> Result {
        "destroy".clone_into(&mut self.doing);
        let rows: Vec<Arc<Row>> = self.stage.state.rows.values().cloned().collect();
        let report = self.stage.destroy().await.map_err(|p| format!("destroy: {}", told(&p)))?;
        if report.outcome.ended != Ended::Completed {
            return Err(format!("destroy: {}", report.failures().join("; ")));
        }
        if self.case.stays.is_some() {
            return Ok(());
        }
        for row in rows {
            let Some(id) = row.id.clone() else { continue };
            let kind = KindAt { ty: row.ty.clone(), place: row.place.clone() };
            let seen = self.stage.cloud.read(&kind, &[id], &Want::Only(BTreeSet::new())).await;
            match seen {
                Ok(seen) if seen == [Seen::Gone] => {}
                Ok(seen) => return Err(format!("destroy left {}: {seen:?}", row.key.urn.name())),
                Err(e) => return Err(format!("destroy, then read {}: {e}", row.key.urn.name())),
            }
        }
        Ok(())
    }
}
