//! `drctl validate`: everything about a stack that can be checked without a cloud.

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::failure::Result;
use crate::cli::session;
use crate::engine::program::Program;
use crate::render;
use crate::render::words::count;

pub(super) fn run(global: &Global) -> Result {
    let loaded = session::load(global)?;
    let resources = count(loaded.program.declarations().len(), "resource");
    render::say(format_args!("`{}` is valid: {resources}\n", loaded.stack));
    Ok(Exit::Ok)
}
