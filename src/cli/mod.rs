//! The command line: global flags, the commands, and what each of them calls.
//!
//! One file a command. The doc comments of arguments are the help text. What they share, from the question
//! to the answer: `project` finds which stack is meant and `program` loads it, `target` and `places` say where
//! it is and where its state is kept, `site` holds these together, `cloud` and `twin` open what answers, and
//! `run` plans and carries out.

mod aws_profile;
mod cloud;
mod completions;
mod config;
mod confirm;
mod data_keys;
mod declared;
mod destroy;
mod doctor;
mod edit;
mod environment;
mod exit;
mod explain;
mod failure;
mod grants;
mod graph;
mod graph_svg;
mod heeds;
mod history;
mod import;
mod interrupt;
#[cfg(test)]
mod journeys;
mod key_source;
mod local;
mod man;
mod others;
mod outputs;
mod permissions;
mod places;
mod preview;
mod program;
mod project;
mod refresh;
mod rotate_key;
mod run;
mod runtime;
mod schema;
mod selection;
mod site;
mod stack;
mod state;
mod target;
#[cfg(test)]
mod testing;
mod twin;
mod unlock;
mod up;
mod validate;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::cli::selection::Selection;
use crate::engine::error::Error;
use crate::engine::key_provider::KeyProvider;
use crate::render;

/// Declarative disaster recovery for AWS: two regions, one YAML file, one plan.
#[derive(Debug, Parser)]
#[command(name = "drctl", version, max_term_width = 100, propagate_version = false)]
#[command(after_help = "Start with `drctl up --stack prod --local`: it needs no account and no network.")]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Stack: a name in `stacks/`, a path, or `name@instance` for another instance of the same file
    #[arg(short, long, global = true, env = "DRCTL_STACK", hide_env_values = true, value_name = "NAME")]
    pub(crate) stack: Option<String>,

    /// Config value for this run; may be given more than once
    #[arg(short, long, global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) config: Vec<(String, String)>,

    /// Directory to work in, instead of the current one
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub(crate) cwd: Option<PathBuf>,

    /// Work on the twin, a simulated AWS inside drctl, instead of AWS
    #[arg(long, global = true, env = "DRCTL_LOCAL", hide_env_values = true, value_parser = switch)]
    pub(crate) local: bool,

    /// Where states are kept: `local` or `s3://BUCKET/PREFIX`, instead of what the stack file says. Without
    /// it `DRCTL_STATE` says so for all runs but those on the twin
    #[arg(long, global = true, value_name = "PLACE")]
    pub(crate) state: Option<String>,

    /// Write JSON for programs to standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Agree to all questions in advance
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,

    /// What opens the secrets of states to come, instead of what the stack asks for: `key-file`,
    /// `passphrase`, or `kms=ARN,ARN` with a key of each region
    #[arg(long, global = true, env = "DRCTL_SECRETS", hide_env_values = true, value_name = "PROVIDER")]
    pub(crate) secrets: Option<KeyProvider>,

    #[command(flatten)]
    pub(crate) selection: Selection,
}

impl Global {
    /// Where states are kept if no flag says so. The twin's are never far from it.
    fn take_state_from(&mut self, variable: Option<String>) {
        if self.state.is_none() && !self.local {
            self.state = variable.filter(|place| !place.is_empty());
        }
    }
}

fn key_value(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the cloud to what the stack says
    Up(up::Arguments),
    /// Show what `up` would do, and do nothing
    Preview(preview::Arguments),
    /// Delete everything that the state knows of
    Destroy(destroy::Arguments),
    /// Bring the state to what the cloud shows
    Refresh(refresh::Arguments),
    /// Check a stack without a cloud
    Validate,
    /// Write what a stack gives to others
    Outputs(outputs::Arguments),
    /// Look after stacks: list, remove, rename, export, import
    #[command(subcommand)]
    Stack(stack::Command),
    /// Look at what is remembered of resources, and correct it
    #[command(subcommand)]
    State(state::Command),
    /// Tell who holds a stack, or take it from them
    Unlock(unlock::Arguments),
    /// Take resources that exist into the state, and write their YAML
    Import(import::Arguments),
    /// Look at and change the config of a stack
    #[command(subcommand)]
    Config(config::Command),
    /// List the runs of a stack, or tell one again
    History(history::Arguments),
    /// Explain a resource type, a function, or one property of it
    Explain(explain::Arguments),
    /// Draw the resources of a stack and what they depend on
    Graph(graph::Arguments),
    /// Write the least-privilege IAM policy that a stack needs
    Permissions(permissions::Arguments),
    /// Write the JSON Schema of stack files, for editors
    Schema,
    /// Check credentials, account, regions, state and endpoint
    Doctor(doctor::Arguments),
    /// Look into the twin, move its clock on, or empty it
    #[command(subcommand)]
    Local(local::Command),
    /// Write a completion script for a shell
    Completions(completions::Arguments),
    /// Write the manual pages
    Man(man::Arguments),
    #[command(flatten)]
    Later(Later),
}

/// Names that are taken for what is to come.
#[derive(Debug, Subcommand)]
enum Later {
    /// Find what would keep a stack from surviving the loss of a region (comes later)
    #[command(hide = true)]
    Assess(Anything),
    /// Show which region is active and how far the other is behind (comes later)
    #[command(hide = true)]
    Status(Anything),
    /// Rehearse a failover in an isolated place (comes later)
    #[command(hide = true)]
    Drill(Anything),
    /// Move a stack to its other region after a loss (comes later)
    #[command(hide = true)]
    Failover(Anything),
    /// Move a stack to its other region while both work (comes later)
    #[command(hide = true)]
    Switchover(Anything),
    /// Move a stack back to its first region (comes later)
    #[command(hide = true)]
    Failback(Anything),
}

/// Arguments that nobody reads yet.
#[derive(Debug, Args)]
struct Anything {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<String>,
}

/// Runs the command that the arguments name. Everything the user sees has been shown when it returns.
pub fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    let command = heeds::fitted(Cli::command());
    let matches = match command.clone().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(usage) => return misused(&command, usage).into(),
    };
    // The panic has printed its message; what is left to do is to end with the code that scripts know.
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        heeds::check(&command, &matches)?;
        match Cli::from_arg_matches(&matches) {
            Ok(mut cli) => {
                cli.global.take_state_from(std::env::var("DRCTL_STATE").ok());
                if let Some(command) = heeds::command_of_the_twin(&matches) {
                    render::say(format_args!("drctl {command} on {}\n", render::words::target("twin")));
                }
                dispatch(&cli)
            }
            Err(usage) => Ok(misused(&command, usage)),
        }
    }));
    let exit = match ended {
        Ok(result) => result.unwrap_or_else(|failure| failure.show()),
        Err(_) => Failure::from(Error::bug("drctl ended in a way that it never should")).show(),
    };
    match (exit, render::lost()) {
        (Exit::Ok, Some(why)) => {
            let message = format!("not all could be written to standard output: {why}");
            Failure::new(Exit::Error, message, "write it to another place").show().into()
        }
        (exit, _) => exit.into(),
    }
}

/// A variable that switches something on. What is left empty is as if it were not there.
fn switch(text: &str) -> std::result::Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" | "y" | "t" => Ok(true),
        "" | "0" | "false" | "no" | "off" | "n" | "f" => Ok(false),
        _ => Err("say `true` or `false`".to_owned()),
    }
}

/// Tells what is wrong with the command line, or the help that was asked for.
fn misused(command: &clap::Command, mut usage: clap::Error) -> Exit {
    without_hidden(command, &mut usage);
    // A reader that has gone does not matter here either.
    let _ = usage.print();
    if usage.use_stderr() { Exit::Configuration } else { Exit::Ok }
}

/// Takes the names of what comes later out of a message.
fn without_hidden(command: &clap::Command, usage: &mut clap::Error) {
    let hidden = |name: &String| command.find_subcommand(name).is_some_and(clap::Command::is_hide_set);
    for list in [ContextKind::ValidSubcommand, ContextKind::SuggestedSubcommand] {
        if let Some(ContextValue::Strings(names)) = usage.get(list).cloned() {
            let shown: Vec<String> = names.into_iter().filter(|name| !hidden(name)).collect();
            match shown.is_empty() {
                true => usage.remove(list),
                false => usage.insert(list, ContextValue::Strings(shown)),
            };
        }
    }
}

fn dispatch(cli: &Cli) -> Result {
    let global = &cli.global;
    match &cli.command {
        Command::Up(arguments) => up::run(arguments, global),
        Command::Preview(arguments) => preview::run(arguments, global),
        Command::Destroy(arguments) => destroy::run(arguments, global),
        Command::Refresh(arguments) => refresh::run(arguments, global),
        Command::Validate => validate::run(global),
        Command::Outputs(arguments) => outputs::run(arguments, global),
        Command::Stack(command) => stack::run(command, global),
        Command::State(command) => state::run(command, global),
        Command::Unlock(arguments) => unlock::run(arguments, global),
        Command::Import(arguments) => import::run(arguments, global),
        Command::Config(command) => config::run(command, global),
        Command::History(arguments) => history::run(arguments, global),
        Command::Explain(arguments) => explain::run(arguments, program::catalog(), global.json),
        Command::Graph(arguments) => graph::run(arguments, global),
        Command::Permissions(arguments) => permissions::run(arguments, global),
        Command::Schema => {
            render::data(format_args!("{:#}\n", schema::stack_files(program::catalog())));
            Ok(Exit::Ok)
        }
        Command::Doctor(arguments) => doctor::run(arguments, global),
        Command::Local(command) => local::run(command, global),
        Command::Completions(arguments) => completions::run(arguments, heeds::fitted(Cli::command())),
        Command::Man(arguments) => man::run(arguments, heeds::fitted(Cli::command())),
        Command::Later(later) => Err(later.refusal()),
    }
}

impl Later {
    fn name(&self) -> &'static str {
        match self {
            Self::Assess(_) => "assess",
            Self::Status(_) => "status",
            Self::Drill(_) => "drill",
            Self::Failover(_) => "failover",
            Self::Switchover(_) => "switchover",
            Self::Failback(_) => "failback",
        }
    }

    fn refusal(&self) -> Failure {
        Failure::new(
            Exit::Configuration,
            format!("`drctl {}` comes with a later release", self.name()),
            "`drctl help` lists what this one does",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_goes_before_the_variable_that_says_where_states_are_and_the_twin_does_not_heed_it() {
        let state = |line: &str, variable: &str| {
            let mut global = Cli::try_parse_from(line.split(' ')).unwrap().global;
            global.take_state_from(Some(variable.to_owned()));
            global.state
        };
        assert_eq!(state("drctl up", "s3://b/p").as_deref(), Some("s3://b/p"));
        assert_eq!(state("drctl up --state local", "s3://b/p").as_deref(), Some("local"));
        assert_eq!(state("drctl up --local", "s3://b/p"), None);
        assert_eq!(state("drctl up", ""), None);
    }

    fn exit(line: &str) -> ExitCode {
        run(line.split(' ').map(Into::into))
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn names_of_later_releases_are_refused_and_no_arguments_confuse_them() {
        for name in ["assess", "status", "drill", "failover", "switchover", "failback"] {
            assert_eq!(exit(&format!("drctl {name} --to us-east-1 now")), Exit::Configuration.into());
        }
    }

    #[test]
    fn a_mistake_in_the_command_line_is_a_configuration_error_and_help_is_none() {
        assert_eq!(exit("drctl upp"), Exit::Configuration.into());
        assert_eq!(exit("drctl up --config novalue"), Exit::Configuration.into());
        assert_eq!(exit("drctl --version"), Exit::Ok.into());
        assert_eq!(exit("drctl help up"), Exit::Ok.into());
    }

    #[test]
    fn names_of_later_releases_are_not_offered() {
        let command = heeds::fitted(Cli::command());
        for line in ["drctl --local", "drctl statu"] {
            let mut usage = command.clone().try_get_matches_from(line.split(' ')).unwrap_err();
            without_hidden(&command, &mut usage);
            let text = usage.render().to_string();
            assert!(text.contains("state") && !text.contains("status") && !text.contains("drill"), "{text}");
        }
    }

    #[test]
    fn global_flags_may_stand_before_and_after_the_command() {
        for line in ["drctl --stack a --local up --yes", "drctl up -s a --local -y -c k=v"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.global.stack.as_deref(), Some("a"));
            assert!(cli.global.local && cli.global.yes);
        }
    }

    #[test]
    fn what_to_touch_may_stand_before_and_after_the_command_too() {
        for line in
            ["drctl --target a --region eu-west-1 -p 3 preview", "drctl up -t a --region eu-west-1 --parallel 3"]
        {
            let selection = Cli::try_parse_from(line.split(' ')).unwrap().global.selection;
            assert_eq!((selection.targets.len(), selection.regions.len(), selection.parallel), (1, 1, Some(3)));
        }
        assert_eq!(exit("drctl --target a validate"), Exit::Configuration.into());
        assert_eq!(exit("drctl up --parallel 0"), Exit::Configuration.into());
    }

    #[test]
    fn the_help_lists_every_command() {
        insta::assert_snapshot!(Cli::command().render_help());
    }
}
