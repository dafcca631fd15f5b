//! `drctl man`: manual pages, one a command.

use std::path::PathBuf;

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::failure::{Result, io};
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
    std::fs::create_dir_all(directory).map_err(io("make", directory))?;
    clap_mangen::generate_to(command, directory).map_err(io("write manual pages into", directory))?;
    Ok(Exit::Ok)
}
