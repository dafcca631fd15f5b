//! `drctl man`: manual pages, one a command.

use std::path::PathBuf;

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::failure::{Result, given_path, io};
use crate::render;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Directory for one page a command; without it the page of drctl itself goes to standard output
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, command: clap::Command) -> Result {
    let Some(directory) = &arguments.directory else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).map_err(io("write", "the manual page".as_ref()))?;
        render::data(String::from_utf8_lossy(&page));
        return Ok(Exit::Ok);
    };
    std::fs::create_dir_all(directory).map_err(given_path("make", directory))?;
    clap_mangen::generate_to(without_help(command), directory)
        .map_err(given_path("write manual pages into", directory))?;
    Ok(Exit::Ok)
}

/// Without the commands `help`, each of which would list all of its sisters once more.
fn without_help(command: clap::Command) -> clap::Command {
    command.disable_help_subcommand(true).mut_subcommands(without_help)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn each_command_has_a_page_and_the_help_of_commands_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = Arguments { directory: Some(folder.path().to_owned()) };
        run(&arguments, crate::cli::Cli::command()).unwrap();
        let pages = std::fs::read_dir(folder.path()).unwrap().map(|page| page.unwrap().file_name());
        let pages: Vec<String> = pages.map(|page| page.to_string_lossy().into_owned()).collect();
        for page in ["drctl.1", "drctl-up.1", "drctl-state-show.1"] {
            assert!(pages.iter().any(|name| name == page), "{page} is missing: {pages:?}");
        }
        let help: Vec<&String> = pages.iter().filter(|name| name.contains("-help")).collect();
        assert!(help.is_empty(), "{help:?}");
    }
}
