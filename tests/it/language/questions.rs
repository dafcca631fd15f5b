//! Data sources for the cases: what they answer can be told from what they are asked.

use std::sync::{Arc, Mutex};

use drctl::engine::error::{Error, Result};
use drctl::engine::layer::Layer;
use drctl::engine::provider::{Catalog, Provider};
use drctl::engine::schema::{FunctionSchema, object};
use drctl::engine::urn::Place;
use drctl::engine::value::Value;
use futures::future::BoxFuture;
use serde_json::{Value as Json, json};

/// Gives `{result: "<name>, welcome"}`.
const GREET: &str = "test:index/greet:greet";
/// Gives `{open: "<text>", hidden: "<text>"}`, of which its schema calls `hidden` secret.
const WHISPER: &str = "test:index/whisper:whisper";
/// Takes nothing and gives `{answer: 42}`.
const CONSTANT: &str = "test:index/constant:constant";

/// A cloud that answers three questions more, and notes what it was asked.
pub struct WithQuestions {
    cloud: Arc<dyn Provider>,
    catalog: Arc<Catalog>,
    asked: Mutex<Vec<String>>,
}

fn function(token: &'static str, arguments: &Json, result: &Json) -> FunctionSchema {
    FunctionSchema {
        token,
        description: String::new(),
        arguments: object(arguments),
        result: object(result),
        region_aware: false,
        volatile: false,
        permissions: &[],
        acts_on: &[],
        decrypts: None,
    }
}

impl WithQuestions {
    pub fn new(cloud: Arc<dyn Provider>) -> Self {
        let own = cloud.catalog();
        let text = json!({ "type": "string" });
        let functions = [
            function(
                GREET,
                &json!({ "properties": { "name": text }, "required": ["name"] }),
                &json!({ "properties": { "result": text } }),
            ),
            function(
                WHISPER,
                &json!({ "properties": { "text": text }, "required": ["text"] }),
                &json!({ "properties": { "open": text, "hidden": { "type": "string", "x-secret": true } } }),
            ),
            function(CONSTANT, &json!({}), &json!({ "properties": { "answer": { "type": "integer" } } })),
        ];
        let functions = own.functions().iter().cloned().chain(functions).collect();
        let catalog = Catalog::new(own.types().cloned().collect(), functions).with_orders(own.orders.clone());
        Self { cloud, catalog: Arc::new(catalog), asked: Mutex::default() }
    }

    /// What was asked since the last time: `greet {"name":"a"}`.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn answer(&self, function: &str, arguments: &Value) -> Result<Option<Value>> {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let answer = match function {
            GREET if text("name").is_empty() => return Err(Error::invalid("nobody to greet")),
            GREET => json!({ "result": format!("{}, welcome", text("name")) }),
            WHISPER => json!({ "open": text("text"), "hidden": text("text") }),
            CONSTANT => json!({ "answer": 42 }),
            _ => return Ok(None),
        };
        let name = function.rsplit(':').next().unwrap_or(function);
        self.asked.lock().unwrap().push(format!("{name} {}", arguments.to_json().unwrap_or_default()));
        Ok(Some(Value::from_json(answer)))
    }
}

impl Layer for WithQuestions {
    fn below(&self) -> &dyn Provider {
        &*self.cloud
    }

    fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    fn invoke<'a>(&'a self, function: &'a str, place: &'a Place, arguments: &'a Value) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            match self.answer(function, arguments)? {
                Some(answer) => Ok(answer),
                None => self.cloud.invoke(function, place, arguments).await,
            }
        })
    }
}
