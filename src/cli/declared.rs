//! Resources of the program by the names that people give to commands.

use crate::engine::diagnostic::{Diagnostic, nearest};
use crate::engine::program::Declaration;
use crate::render::words::type_name;

/// The resource of that type and name, in a component or not.
pub(super) fn declared<'a>(declarations: &'a [Declaration], ty: &str, name: &str) -> Option<&'a Declaration> {
    declarations.iter().find(|declared| declared.ty == ty && declared.urn.name() == name)
}

/// Says that there is none, with the nearest name of that type.
pub(super) fn undeclared(declarations: &[Declaration], ty: &str, name: &str, otherwise: &str) -> Diagnostic {
    let problem = Diagnostic::error("undeclared", format!("the program has no {} `{name}`", type_name(ty)));
    let names = declarations.iter().filter(|declared| declared.ty == ty).map(|declared| declared.urn.name());
    problem.help(match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`? Otherwise {otherwise}"),
        None => otherwise.to_owned(),
    })
}
