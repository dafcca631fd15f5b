//! Whether a state was made by the program that is to run on it: stacks of two programs may have the
//! same name, and only their project tells them apart.

use crate::engine::error::Error;
use crate::engine::state::State;

/// A state of another program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this state belongs to project `{recorded}`{}, and the program is of project `{project}`",
    made_from.as_ref().map(|file| format!(", made from {file}")).unwrap_or_default()
)]
pub struct ProjectMismatch {
    pub recorded: String,
    /// The file that declared the resources.
    pub made_from: Option<String>,
    pub project: String,
}

/// Compares the project of what a state holds with that of a program. A state that holds nothing
/// belongs to nobody.
///
/// # Errors
/// If a resource is of another project.
pub fn check_project(state: &State, project: &str) -> Result<(), ProjectMismatch> {
    let Some(row) = state.rows.values().find(|row| row.key.urn.project() != project) else { return Ok(()) };
    Err(ProjectMismatch {
        recorded: row.key.urn.project().to_owned(),
        made_from: row.at.as_deref().map(|at| file(at).to_owned()),
        project: project.to_owned(),
    })
}

/// `stacks/prod.yaml` of `stacks/prod.yaml:12:3`.
fn file(at: &str) -> &str {
    at.rsplitn(3, ':').nth(2).unwrap_or(at)
}

impl ProjectMismatch {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let Self { recorded, project, .. } = self;
        format!(
            "`name: {recorded}` in the program goes on with it, another name of the file makes another stack, and \
             `--rename-project` gives the state to `{project}`"
        )
    }
}

impl From<ProjectMismatch> for Error {
    fn from(mismatch: ProjectMismatch) -> Self {
        Self::invalid(mismatch.to_string()).hint(mismatch.hint())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::state::{Key, Row};
    use crate::engine::urn::{Place, Urn};

    #[test]
    fn a_state_of_another_project_is_refused_with_the_file_that_made_it() {
        let mut state = State::new("l", "web", "shop", "twin");
        assert_eq!(check_project(&state, "other"), Ok(()));
        let key = Key { urn: Urn::new("web", "shop", "t:i:T", "a"), generation: 0 };
        let row = Row { at: Some("stacks/web.yaml:12:3".into()), ..Row::new(key.clone(), "t:i:T", Place::global()) };
        state.rows.insert(key, Arc::new(row));
        assert_eq!(check_project(&state, "shop"), Ok(()));
        let mismatch = check_project(&state, "web").unwrap_err();
        insta::assert_snapshot!(mismatch, @"this state belongs to project `shop`, made from stacks/web.yaml, and the program is of project `web`");
        insta::assert_snapshot!(mismatch.hint(), @"`name: shop` in the program goes on with it, another name of the file makes another stack, and `--rename-project` gives the state to `web`");
    }
}
