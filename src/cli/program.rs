//! The program of a stack, loaded.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use crate::aws::{self, Aws};
use crate::checks;
use crate::cli::Global;
use crate::cli::data_keys::ByKms;
use crate::cli::failure::{Failure, Result};
use crate::cli::others::Others;
use crate::cli::project::request;
use crate::cli::target::Target;
use crate::engine::diagnostic::{Diagnostic, Severity};
use crate::engine::program::Program;
use crate::engine::provider::{Catalog, Provider};
use crate::random::WithRandom;
use crate::render;
use crate::stack::{self, Loaded, REGIONS};
use crate::state::World;

/// All types and functions that programs may name, made when a command first needs them.
pub(super) fn catalog() -> &'static Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    CATALOG.get_or_init(|| Arc::clone(WithRandom::new(Arc::new(Aws::new(aws::Settings::default()))).catalog()))
}

/// What there is for a state to name.
pub(super) fn world() -> World<'static> {
    World { catalog: catalog(), regions: &REGIONS, is_region: stack::is_region }
}

/// Loads the program of the stack that was asked for, for commands that ask no cloud, and shows its
/// warnings and what it leaves out.
pub(super) fn load(global: &Global) -> Result<Loaded> {
    let loaded = read(global)?;
    show_warnings(&loaded);
    Ok(loaded)
}

/// The same for commands that show warnings themselves.
pub(super) fn read(global: &Global) -> Result<Loaded> {
    let mut loaded = checked(global, Arc::default())?;
    loaded.warnings.extend(loaded.questions.iter().map(stack::Question::note));
    Ok(loaded)
}

/// Loads the program as far as it can be known with these answers.
///
/// A program that breaks a rule is refused here and not in `try_load`: whatever the text says, what
/// exists can be looked at and destroyed.
pub(super) fn checked(global: &Global, answers: Arc<stack::Answers>) -> Result<Loaded> {
    let mut loaded = loading(global, answers)?.map_err(|refused| refused.with(checks::check))?;
    loaded.warnings.extend(checks::check(&loaded.program));
    if loaded.program.declarations().is_empty() && loaded.questions.is_empty() {
        let empty = Diagnostic::warning("no-resources", format!("`{}` declares no resource", loaded.stack));
        loaded.warnings.push(empty.help(format!("is {} complete?", loaded.file.display())));
    }
    if loaded.warnings.iter().any(|found| found.severity == Severity::Error) {
        return Err(Failure::Program(loaded.warnings));
    }
    Ok(loaded)
}

pub(super) fn show_warnings(loaded: &Loaded) {
    if !loaded.warnings.is_empty() {
        render::say(render::diagnostics::Diagnostics(&loaded.warnings));
    }
}

pub(super) fn try_load(global: &Global, answers: Arc<stack::Answers>) -> Result<Loaded> {
    Ok(loading(global, answers)?.map_err(Vec::from)?)
}

fn loading(global: &Global, answers: Arc<stack::Answers>) -> Result<std::result::Result<Loaded, stack::Refused>> {
    let request = request(global)?;
    let others = Others {
        request: request.clone(),
        target: Target::chosen(global)?,
        state: global.state.clone(),
        unavailable: global.selection.unavailable.clone(),
        known: Mutex::default(),
    };
    Ok(stack::load_with(&request, catalog(), Arc::new(others), &ByKms, answers))
}

/// The file that `config set` writes to. It must be found before the program is whole, because what
/// is missing may be the very value to be set.
pub(super) fn config_file(global: &Global) -> Result<PathBuf> {
    Ok(stack::locate(&request(global)?)?.config_file())
}

/// Who else reads what `config set` writes for an instance of a stack: instances are one program with one file.
pub(super) fn shared_config(global: &Global) -> Result<Option<String>> {
    let located = stack::locate(&request(global)?)?;
    let Some(instance) = &located.instance else { return Ok(None) };
    let (name, file) = (&located.name, located.config_file());
    Ok(Some(format!(
        "`{name}` and all its instances read {}, not `{name}@{instance}` alone; `--config KEY=VALUE`, or a variable \
         of the environment that the entry names with `env`, gives one of them a value of its own",
        file.display()
    )))
}
