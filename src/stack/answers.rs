//! What data sources answer, and which of them decide what a program consists of.
//!
//! A program is loaded without a cloud. Where its text makes the number of its resources depend on an
//! answer, it is loaded once more when that is there: [`Loaded::questions`](super::Loaded::questions).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use tokio::sync::OnceCell;

use crate::engine::diagnostic::{Diagnostic, Location};
use crate::engine::error::{Error, Result};
use crate::engine::program::UNAVAILABLE;
use crate::engine::provider::{Catalog, Provider};
use crate::engine::urn::Place;
use crate::engine::value::Value;
use crate::stack::body::short;

/// A call of a data source. Equal calls are made once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Ask {
    pub(crate) function: &'static str,
    pub(crate) place: Place,
    /// Arguments as JSON text.
    pub(crate) arguments: String,
}

/// A call that an expression holds.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    pub(crate) ask: Ask,
    pub(crate) arguments: Value,
    pub(crate) at: Location,
}

/// Where an evaluation looks for answers.
pub(crate) trait Answered {
    fn get(&self, ask: &Ask) -> Option<Arc<Value>>;
}

/// Before any cloud is there.
pub(crate) struct NoAnswers;

impl Answered for NoAnswers {
    fn get(&self, _: &Ask) -> Option<Arc<Value>> {
        None
    }
}

/// Answers of data sources so far. Each question is asked once, however many expressions hold it.
#[derive(Default)]
pub struct Answers(Mutex<HashMap<Ask, Arc<OnceCell<Arc<Value>>>>>);

impl Answered for Answers {
    fn get(&self, ask: &Ask) -> Option<Arc<Value>> {
        let cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cells.get(ask).and_then(|cell| cell.get().cloned())
    }
}

impl Answers {
    fn cell(&self, ask: &Ask) -> Arc<OnceCell<Arc<Value>>> {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry(ask.clone()).or_default())
    }

    /// Gets what is missing, all at once.
    pub(crate) async fn get_all(
        &self,
        asked: Vec<Asking>,
        catalog: &Catalog,
        cloud: &dyn Provider,
    ) -> std::result::Result<(), Vec<Diagnostic>> {
        let answers = asked.into_iter().map(|Asking { ask, arguments, at }| async move {
            let answer: Result<()> = async {
                let cell = self.cell(&ask);
                let answer = || async {
                    let answer = cloud.invoke(ask.function, &ask.place, &arguments).await?;
                    Ok(Arc::new(marked(catalog, &ask, answer)))
                };
                cell.get_or_try_init(answer).await.map(drop)
            }
            .await;
            answer.map_err(|error| {
                let given_up = cloud.reach().is_given_up(&ask.place.0);
                let code = match error.kind {
                    _ if given_up => UNAVAILABLE,
                    kind => kind.code("data-source"),
                };
                unanswered(code, &ask, &error, at)
            })
        });
        let failures: Vec<Diagnostic> =
            join_all(answers).await.into_iter().filter_map(std::result::Result::err).collect();
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    /// Asks what decides about the resources of a program, so that it can be loaded once more.
    ///
    /// # Errors
    /// What could not be answered, each at its place.
    pub async fn ask(
        &self,
        questions: &[Question],
        catalog: &Catalog,
        cloud: &dyn Provider,
    ) -> std::result::Result<(), Vec<Diagnostic>> {
        self.get_all(questions.iter().map(|question| question.asking.clone()).collect(), catalog, cloud).await
    }
}

/// The answer with what its schema calls secret marked.
fn marked(catalog: &Catalog, ask: &Ask, answer: Value) -> Value {
    match (catalog.function(ask.function), answer) {
        (Some(schema), Value::Map(map)) => {
            let hidden = |name: &str| schema.result.get(name).is_some_and(|p| p.secret);
            Value::Map(map.into_iter().map(|(k, v)| if hidden(&k) { (k, v.secret()) } else { (k, v) }).collect())
        }
        (_, answer) => answer,
    }
}

fn unanswered(kind: &'static str, ask: &Ask, error: &Error, at: Location) -> Diagnostic {
    let code = error.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
    let text = format!("`{}` in {} failed: {}{code}", short(ask.function), ask.place, error.message);
    let problem = Diagnostic::error(kind, text).at(at);
    match &error.hint {
        Some(hint) => problem.help(hint.clone()),
        None => problem,
    }
}

/// A call of a data source that decides which resources a program has.
#[derive(Debug, Clone)]
pub struct Question {
    pub(crate) asking: Asking,
    /// What is left out until it is answered, such as `each` of a resource.
    pub(crate) decides: String,
    /// Where that is written.
    pub(crate) at: Location,
}

impl Question {
    /// What is to be said where no cloud can be asked.
    pub fn note(&self) -> Diagnostic {
        let function = short(self.asking.ask.function);
        let text = format!("{} is decided by `{function}`, which only a cloud can answer", self.decides);
        let note = Diagnostic::warning("unanswered", text).at(self.at.clone());
        note.help("it is left out here; `drctl preview` asks, and shows what comes of it")
    }
}
