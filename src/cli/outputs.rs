//! `drctl outputs`: what a stack gives to others.

use clap::Args;
use serde_json::Value as Json;

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::cli::runtime::runtime;
use crate::cli::site::Site;
use crate::engine::diagnostic::nearest;
use crate::engine::value::{Map, Shown, Value};
use crate::render;
use crate::render::outputs::Outputs;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only this output, as its bare value
    name: Option<String>,

    /// Show secrets in plain
    #[arg(long)]
    show_secrets: bool,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let site = Site::of_state(global)?;
    let (state, _) = runtime(false)?.block_on(site.state())?;
    let visible: Vec<(String, Json)> = visible(&state.outputs, arguments.show_secrets);
    match &arguments.name {
        Some(name) => {
            let Some((_, value)) = visible.iter().find(|(n, _)| n == name) else {
                let known = visible.iter().map(|(n, _)| n.as_str());
                let help = match nearest(name, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`drctl outputs` lists all of them".to_owned(),
                };
                return Err(Failure::new(
                    Exit::Configuration,
                    format!("stack `{}` has no output `{name}`", site.stack),
                    help,
                ));
            };
            match value {
                Json::String(text) if !global.json => render::data(format_args!("{text}\n")),
                other => render::data(format_args!("{other}\n")),
            }
        }
        None if global.json => {
            let all: serde_json::Map<String, Json> = visible.into_iter().collect();
            render::data(format_args!("{:#}\n", Json::Object(all)));
        }
        None => {
            let shown: Vec<(String, Shown)> =
                visible.into_iter().map(|(name, json)| (name, Shown::of(&Value::from_json(json)))).collect();
            render::data(Outputs(&shown));
        }
    }
    Ok(Exit::Ok)
}

/// Outputs as JSON, secrets hidden unless they were asked for.
fn visible(outputs: &Map, secrets: bool) -> Vec<(String, Json)> {
    let json = |value: &Value| match secrets {
        true => value.to_json().unwrap_or_else(|_| Shown::of(value).json().clone()),
        false => Shown::of(value).json().clone(),
    };
    outputs.iter().map(|(name, value)| (name.clone(), json(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_shown_only_when_asked_for() {
        let outputs = Map::from_iter([("password".to_owned(), Value::from("hunter2").secret())]);
        assert_eq!(visible(&outputs, false)[0].1, "[secret]");
        assert_eq!(visible(&outputs, true)[0].1, "hunter2");
    }
}
