//! Outputs of other stacks, for programs that refer to them.

use crate::cli::failure::Result;
use crate::cli::key_source::source;
use crate::cli::places::{nearest_state_root, place};
use crate::cli::runtime::runtime;
use crate::cli::target::Target;
use crate::engine::value::Map;
use crate::stack::{self, Request, Stacks};
use crate::state::{StateError, States};

/// Outputs of other stacks on the same target, each where its own file says that its state is. One
/// without a file is beside the stack that refers to it.
pub(super) struct Others {
    pub(super) request: Request,
    pub(super) target: Target,
    pub(super) state: Option<String>,
    /// Regions that were given as such. Those that were given as roles are known once the program is.
    pub(super) unavailable: Vec<String>,
}

impl Others {
    fn states(&self, stack: &str) -> Result<States> {
        let request = |stack: &str| Request { stack: stack.to_owned(), ..self.request.clone() };
        let backend = match stack::backend(&request(stack)) {
            Ok(backend) => backend,
            Err(_) => stack::backend(&self.request).unwrap_or_default(),
        };
        let root = nearest_state_root(&self.request.cwd);
        place(self.state.as_deref(), &self.target, backend.as_ref(), root, self.unavailable.clone())
    }
}

impl Stacks for Others {
    fn outputs(&self, stack: &str) -> std::result::Result<Option<Map>, String> {
        // `organization/project/stack` is how Pulumi names stacks of others.
        let stack = stack.rsplit('/').next().unwrap_or(stack);
        let states = self.states(stack).map_err(|failure| failure.message())?;
        let (stored, target) = (states.of(stack), self.target.clone());
        // Expressions are evaluated inside a runtime too, where another may not be started.
        let reader = std::thread::spawn(move || {
            let runtime = runtime(false).map_err(|_| "no runtime could be started".to_owned())?;
            let load = async {
                if !stored.exists().await? {
                    return Ok(None);
                }
                let (keys, _) = stored.open_keys(source(&target)?).await?;
                stored.load(&keys).await
            };
            runtime.block_on(load).map_err(|e: StateError| e.to_string())
        });
        let state = reader.join().map_err(|_| "the reader of its state failed".to_owned())??;
        Ok(state.map(|s| s.outputs))
    }
}
