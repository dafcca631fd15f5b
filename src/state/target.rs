//! Where the resources of a state are, and where a run goes.

use crate::engine::error::Error;
use crate::engine::state::State;

/// Why a run does not work on a state.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the state is of stack `{}` on `{}`, and this run is of stack `{}` on `{}`", .recorded.0, .recorded.1, .run.0, .run.1)]
pub struct TargetMismatch {
    /// Stack and target that the state was written for.
    recorded: (String, String),
    run: (String, String),
}

/// Compares the stack and the target of a state with those of a run: a state that was copied by hand into the
/// directory of another would have the run delete, or leave alone, what is elsewhere.
///
/// # Errors
/// If one of them differs and the state holds something.
pub fn check_target(state: &State, stack: &str, target: &str) -> Result<(), TargetMismatch> {
    if state.rows.is_empty() || (state.stack == stack && state.target == target) {
        return Ok(());
    }
    Err(TargetMismatch {
        recorded: (state.stack.clone(), state.target.clone()),
        run: (stack.to_owned(), target.to_owned()),
    })
}

impl TargetMismatch {
    /// What to do about it.
    pub fn hint(&self) -> String {
        "put the file back where it was; `drctl stack rename` gives a stack another name, and `drctl stack import` \
         takes a state over"
            .to_owned()
    }
}

impl From<TargetMismatch> for Error {
    fn from(mismatch: TargetMismatch) -> Self {
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
    fn a_state_that_holds_something_belongs_to_one_stack_and_target() {
        let mut state = State::new("l", "web", "shop", "aws");
        assert_eq!(check_target(&state, "other", "twin"), Ok(()));
        let key = Key { urn: Urn::new("web", "shop", "aws:ec2/vpc:Vpc", "vpc"), generation: 0 };
        state.rows.insert(key.clone(), Arc::new(Row::new(key, "aws:ec2/vpc:Vpc", Place("us-east-1".into()))));
        assert_eq!(check_target(&state, "web", "aws"), Ok(()));
        insta::assert_snapshot!(
            check_target(&state, "web", "twin").unwrap_err(),
            @"the state is of stack `web` on `aws`, and this run is of stack `web` on `twin`"
        );
        assert!(check_target(&state, "other", "aws").is_err());
    }
}
