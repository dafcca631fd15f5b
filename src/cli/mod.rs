//! The command line: global flags, the commands, and what each of them calls.
//!
//! One file a command. The doc comments of arguments are the help text.

mod completions;
mod confirm;
mod exit;
mod explain;
mod failure;
mod graph;
mod graph_svg;
mod man;
mod permissions;
mod schema;
#[cfg(test)]
mod testing;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
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
    #[arg(short, long, global = true, env = "DRCTL_STACK", value_name = "NAME")]
    pub(crate) stack: Option<String>,

    /// Config value for this run; may be given more than once
    #[arg(short, long, global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) config: Vec<(String, String)>,

    /// Directory to work in, instead of the current one
    #[arg(short = 'C', long, global = true, value_name = "DIR")]
    pub(crate) cwd: Option<PathBuf>,

    /// Work on the twin, a simulated AWS inside drctl, instead of AWS
    #[arg(long, global = true, env = "DRCTL_LOCAL", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) local: bool,

    /// Write JSON for programs to standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Agree to all questions in advance
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,
}

fn key_value(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Explain a resource type, a function, or one property of it
    Explain(explain::Arguments),
    /// Draw the resources of a stack and what they depend on
    Graph(graph::Arguments),
    /// Write the least-privilege IAM policy that a stack needs
    Permissions(permissions::Arguments),
    /// Write the JSON Schema of stack files, for editors
    Schema,
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
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(usage) => {
            // A reader that has gone does not matter here either.
            let _ = usage.print();
            let exit = if usage.use_stderr() { Exit::Configuration } else { Exit::Ok };
            return exit.into();
        }
    };
    dispatch(&cli).unwrap_or_else(|failure| failure.show()).into()
}

fn dispatch(cli: &Cli) -> Result {
    match &cli.command {
        Command::Completions(arguments) => completions::run(arguments, Cli::command()),
        Command::Man(arguments) => man::run(arguments, Cli::command()),
        Command::Later(later) => Err(later.refusal()),
        Command::Explain(_) | Command::Schema | Command::Graph(_) | Command::Permissions(_) => Ok(Exit::Ok),
    }
}

impl Later {
    fn refusal(&self) -> Failure {
        let name = match self {
            Self::Assess(_) => "assess",
            Self::Status(_) => "status",
            Self::Drill(_) => "drill",
            Self::Failover(_) => "failover",
            Self::Switchover(_) => "switchover",
            Self::Failback(_) => "failback",
        };
        Failure::new(
            Exit::Configuration,
            format!("`drctl {name}` comes with a later release"),
            "`drctl help` lists what this one does",
        )
    }
}
