//! `drctl validate`: everything about a stack that can be checked without a cloud.

use serde_json::json;

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::cli::program::{load, read};
use crate::engine::event::Event;
use crate::engine::program::Program;
use crate::render;
use crate::render::words::count;

pub(super) fn run(global: &Global) -> Result {
    if global.json {
        return document(global);
    }
    let loaded = load(global)?;
    let resources = count(loaded.program.declarations().len(), "resource");
    render::say(format_args!("`{}` is valid: {resources}\n", loaded.stack));
    Ok(Exit::Ok)
}

/// The same as one JSON object, whatever is found.
fn document(global: &Global) -> Result {
    let (exit, stack, resources, found) = match read(global) {
        Ok(loaded) => {
            let found = loaded.warnings.iter().map(Event::from).collect();
            (Exit::Ok, Some(loaded.stack), Some(loaded.program.declarations().len()), found)
        }
        Err(failure @ (Failure::Program(_) | Failure::Error(..))) => {
            (failure.exit(), None, None, failure.diagnostics())
        }
        Err(shown) => return Err(shown),
    };
    let diagnostics: Vec<_> = found.iter().map(plain).collect();
    let valid = exit == Exit::Ok;
    let document = json!({ "valid": valid, "stack": stack, "resources": resources, "diagnostics": diagnostics });
    render::data(format_args!("{document:#}\n"));
    Ok(exit)
}

/// A diagnostic outside of a run.
fn plain(event: &Event) -> serde_json::Value {
    let mut json = json!(event);
    if let Some(map) = json.as_object_mut() {
        map.remove("event");
    }
    json
}
