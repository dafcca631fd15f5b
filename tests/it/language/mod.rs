//! What Pulumi's own suites ask of a language and of AWS programs, asked of ours on the twin.
//!
//! The cases are written from the meaning of theirs, which each names, and stand in one YAML file a
//! suite. One test runs them all; one snapshot lists which pass and which are refused with which text.

mod case;
mod questions;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use drctl::aws;
use drctl::engine::clock::Clock;
use drctl::engine::diagnostic::Diagnostic;
use drctl::engine::error::Kind;
use drctl::engine::event::Ended;
use drctl::engine::planner::Mode;
use drctl::engine::program::Program;
use drctl::engine::provider::Provider;
use drctl::engine::value::{Map, Value};
use drctl::random::WithRandom;
use drctl::stack::{self, Stacks};
use drctl::twin::{Calls, Fault, Operation, Twin, testing};
use serde_json::{Value as Json, json};

use self::case::{Case, Expect, Run, Types, What, With, differs};
use self::questions::WithQuestions;
use crate::support::stage::{Report, Stage, steps};

const GROUPS: [&str; 9] =
    ["l1", "l2_values", "l2_options", "l2_runs", "l2_packages", "functions", "mistakes", "aws_programs", "aws_regions"];

#[tokio::test(start_paused = true)]
async fn the_language_does_what_the_suites_of_pulumi_ask() {
    let (mut list, mut wrong) = (String::new(), Vec::new());
    for name in GROUPS {
        let group = case::read(name);
        let _ = writeln!(list, "# {}, {} cases", group.name, group.cases.len());
        for case in &group.cases {
            let mut trial = Trial::new(case, group.types);
            trial.go(case).await;
            let _ = writeln!(list, "{} ({})\n{}", case.rule, case.like, trial.story());
            wrong.extend(trial.wrong.iter().map(|why| format!("{name}: {}: {why}", case.rule)));
        }
        list.push('\n');
    }
    assert!(wrong.is_empty(), "{} expectations do not hold:\n{}", wrong.len(), wrong.join("\n"));
    insta::assert_snapshot!(list.trim_end());
}

#[test]
fn every_rule_is_told_once() {
    let groups = GROUPS.map(case::read);
    let rules: Vec<&str> = groups.iter().flat_map(|g| &g.cases).map(|c| c.rule.as_str()).collect();
    let mut seen = std::collections::HashSet::new();
    let twice: Vec<&&str> = rules.iter().filter(|rule| !seen.insert(**rule)).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

/// Outputs of other stacks.
struct Others(BTreeMap<String, Json>);

impl Stacks for Others {
    fn outputs(&self, stack: &str) -> Result<Option<Map>, String> {
        Ok(self.0.get(stack).and_then(|outputs| Value::from_json(outputs.clone()).as_map().cloned()))
    }
}

/// A case under way.
struct Trial {
    folder: tempfile::TempDir,
    twin: Arc<Twin>,
    questions: Arc<WithQuestions>,
    stage: Stage,
    said: Vec<String>,
    wrong: Vec<String>,
}

impl Trial {
    fn new(case: &Case, types: Types) -> Self {
        let clock = Clock::starting("2026-01-01T00:00:00Z".parse().unwrap());
        let catalog = match types {
            Types::Test => testing::catalog(),
            Types::Aws => Arc::clone(aws::catalog()),
        };
        let twin = Arc::new(Twin::new(catalog, clock));
        let with_random = Arc::new(WithRandom::new(Arc::clone(&twin) as _));
        let questions = Arc::new(WithQuestions::new(with_random));
        let trial = Self {
            folder: tempfile::tempdir().unwrap(),
            twin,
            stage: Stage::new(Arc::clone(&questions) as _, clock),
            questions,
            said: Vec::new(),
            wrong: Vec::new(),
        };
        trial.write(&case.files);
        trial
    }

    fn write(&self, files: &BTreeMap<String, String>) {
        for (name, text) in files {
            let path = self.folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    /// All runs of a case.
    async fn go(&mut self, case: &Case) {
        self.run(case, What::Up, case.program.as_deref(), &With::default(), &case.expect).await;
        for Run { what, program, files, with, expect } in &case.then {
            self.write(files);
            self.run(case, *what, program.as_deref(), with, expect).await;
        }
    }

    async fn run(&mut self, case: &Case, what: What, program: Option<&str>, with: &With, expect: &Expect) {
        let project = self.folder.path().join("Pulumi.yaml").is_file();
        if let Some(text) = program {
            let file = if project { "Main.yaml" } else { "stacks/test.yaml" };
            self.write(&BTreeMap::from([(file.to_owned(), text.to_owned())]));
        }
        self.stage.settings = with.settings();
        self.twin.faults().clear();
        let faults = [(Operation::Create, &with.fails), (Operation::Delete, &with.stays)];
        for (operation, subject) in faults {
            if let Some(subject) = subject {
                let calls = Calls::to(operation).on(subject);
                self.twin.faults().strike(calls, 1, Fault::Fails(Kind::Invalid));
            }
        }
        self.twin.forget_calls();
        self.questions.asked();
        let report = match what {
            What::Forget => {
                self.stage.state.rows.clear();
                return;
            }
            What::Destroy => self.stage.run(None, Mode::Destroy).await,
            What::Refresh => self.stage.run(None, Mode::Refresh).await,
            What::Up | What::Preview => match self.load(case) {
                Ok(program) if what == What::Preview => match self.stage.plan_of(&*program).await {
                    Ok(plan) => return self.same("steps", expect.steps.as_ref(), &steps(&plan)),
                    Err(problems) => Err(problems),
                },
                Ok(program) => self.stage.run(Some(program), Mode::Up).await,
                Err(problems) => Err(problems),
            },
        };
        match report {
            Ok(report) => self.judge(&report, expect),
            Err(problems) => {
                let told = self.told(&problems);
                if !expect.refused {
                    self.wrong.push(format!("refused:\n{told}"));
                }
                self.said.push(told);
            }
        }
    }

    fn load(&mut self, case: &Case) -> Result<Arc<dyn Program>, Vec<Diagnostic>> {
        let mut environment = case.environment.clone();
        environment.entry("AWS_REGION".to_owned()).or_insert_with(|| "us-east-1".to_owned());
        let request = stack::Request {
            stack: case.stack.clone(),
            cwd: self.folder.path().to_owned(),
            config: case.config.clone().into_iter().collect(),
            environment,
        };
        let others = Arc::new(Others(case.stacks.clone()));
        let loaded = stack::load_beside(&request, self.questions.catalog(), others, &stack::NoDataKeys)?;
        if !loaded.warnings.is_empty() {
            let told = self.told(&loaded.warnings);
            self.said.push(told);
        }
        Ok(Arc::new(loaded.program))
    }

    fn judge(&mut self, report: &Report, expect: &Expect) {
        if expect.refused {
            self.wrong.push("it is not refused".into());
        }
        let names = |urns: &[drctl::engine::urn::Urn]| urns.iter().map(|u| u.name().to_owned()).collect::<Vec<_>>();
        let (mut failed, mut skipped) = match &report.outcome.ended {
            Ended::Completed => (Vec::new(), Vec::new()),
            Ended::Failed { failed, skipped } => (names(failed), names(skipped)),
            other => panic!("{other:?}"),
        };
        failed.sort();
        skipped.sort();
        if failed != expect.failed || skipped != expect.skipped {
            self.wrong.push(format!("failed {failed:?}, skipped {skipped:?}: {:#?}", report.failures()));
        }
        self.same("steps", expect.steps.as_ref(), &steps(&report.plan));
        let outputs = self.open(&Value::Map(self.stage.state.outputs.clone()));
        self.same("outputs", expect.outputs.as_ref(), &outputs);
        let mut names: Vec<String> = self.stage.state.rows.keys().map(|k| k.urn.name().to_owned()).collect();
        names.sort();
        self.same("names", expect.names.as_ref(), &names);
        let changing = |call: &String| !["read", "find", "identity", "invoke"].iter().any(|w| call.starts_with(w));
        let calls: Vec<String> = self.twin.calls().into_iter().filter(changing).collect();
        self.same("calls", expect.calls.as_ref(), &calls);
        let asked = self.questions.asked();
        self.same("asked", expect.asked.as_ref(), &asked);
        for (name, expected) in &expect.rows {
            let row = self.stage.state.rows.values().find(|row| row.key.urn.name() == name);
            let why = match row {
                None => Some("is not in the state".to_owned()),
                Some(row) => differs(expected, &case::row(row, |value| self.open(value))),
            };
            self.wrong.extend(why.map(|why| format!("row `{name}`: {why}")));
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, expected: Option<&T>, found: &T) {
        if expected.is_some_and(|expected| expected != found) {
            self.wrong.push(format!("{what}: expected {expected:?}, found {found:?}"));
        }
    }

    /// A value as JSON, secrets as `{"secret": …}`.
    fn open(&self, value: &Value) -> Json {
        match value {
            Value::Secret(inner) => json!({ "secret": self.open(inner) }),
            Value::Unknown => "?".into(),
            Value::List(items) => items.iter().map(|item| self.open(item)).collect(),
            Value::Map(map) => Json::Object(map.iter().map(|(k, v)| (k.clone(), self.open(v))).collect()),
            Value::Resource(handle) => json!({ "resource": handle.urn.name() }),
            Value::String(text) => hide(self.folder.path(), text).into(),
            other => other.to_json().unwrap(),
        }
    }

    /// Diagnostics as a user reads them, without the drawing of the source.
    fn told(&self, problems: &[Diagnostic]) -> String {
        let lines = problems.iter().map(|problem| {
            let at = problem.at.as_ref().map(|at| format!("{at} ")).unwrap_or_default();
            // The help about an unknown type lists the types that there are, which changes with each.
            let help = problem.help.as_ref().filter(|_| problem.code != "unknown-type");
            let help = help.map(|help| format!("\n      help: {help}")).unwrap_or_default();
            format!("    {at}{}{help}", problem.message)
        });
        hide(self.folder.path(), &lines.collect::<Vec<_>>().join("\n"))
    }

    fn story(&self) -> String {
        match self.said.as_slice() {
            [] => "    passes".to_owned(),
            said => said.join("\n"),
        }
    }
}

fn hide(folder: &Path, text: &str) -> String {
    text.replace(&folder.display().to_string(), "<dir>")
}
