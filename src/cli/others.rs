//! Outputs of other stacks, for programs that refer to them.

use std::sync::{Mutex, PoisonError};

use crate::aws;
use crate::cli::failure::Result;
use crate::cli::key_source::source;
use crate::cli::places::{nearest_state_root, place};
use crate::cli::runtime::runtime;
use crate::cli::target::Target;
use crate::engine::value::Map;
use crate::stack::{self, Backend, Request, Stacks};
use crate::state::{StateError, States};

/// Outputs of other stacks on the same target, each where its own file says that its state is. One
/// without a file is beside the stack that refers to it.
pub(super) struct Others {
    pub(super) request: Request,
    pub(super) target: Target,
    pub(super) state: Option<String>,
    /// Regions that were given as such. Those that were given as roles are known once the program is.
    pub(super) unavailable: Vec<String>,
    /// Places that were turned to: whoever keeps one waiting is waited for once.
    pub(super) known: Mutex<Vec<(Option<Backend>, States)>>,
}

impl Others {
    fn states(&self, stack: &str) -> Result<States> {
        let request = |stack: &str| Request { stack: stack.to_owned(), ..self.request.clone() };
        let backend = match stack::backend(&request(stack)) {
            Ok(backend) => backend,
            Err(_) => stack::backend(&self.request).unwrap_or_default(),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = |of: &Option<Backend>| of.as_ref().map(at) == backend.as_ref().map(at);
        if let Some((_, states)) = known.iter().find(|(of, _)| is_there(of)) {
            return Ok(states.clone());
        }
        let root = nearest_state_root(&self.request.cwd);
        let states = place(self.state.as_deref(), &self.target, backend.as_ref(), root, self.unavailable.clone())?;
        known.push((backend, states.clone()));
        Ok(states)
    }
}

/// Where a file wants states kept, whichever file it is.
fn at(backend: &Backend) -> impl PartialEq + use<'_> {
    (&backend.url, &backend.region, &backend.replica)
}

impl Stacks for Others {
    fn outputs(&self, stack: &str) -> std::result::Result<Option<Map>, String> {
        // `organization/project/stack` is how Pulumi names stacks of others.
        let stack = stack.rsplit('/').next().unwrap_or(stack);
        let states = self.states(stack).map_err(|failure| failure.message())?;
        let (stored, target, unavailable) = (states.of(stack), self.target.clone(), self.unavailable.clone());
        // Expressions are evaluated inside a runtime too, where another may not be started.
        let reader = std::thread::spawn(move || {
            let runtime = runtime(false).map_err(|_| "no runtime could be started".to_owned())?;
            let load = async {
                if !stored.exists().await? {
                    return Ok(None);
                }
                let (keys, _) = stored.open_keys(source(&target, aws::Settings::default(), &unavailable)?).await?;
                stored.load(&keys).await
            };
            runtime.block_on(load).map_err(|e: StateError| e.to_string())
        });
        let state = reader.join().map_err(|_| "the reader of its state failed".to_owned())??;
        Ok(state.map(|s| s.outputs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_whose_states_are_in_one_place_share_what_is_known_of_it() {
        let folder = tempfile::tempdir().unwrap();
        for (stack, bucket) in [("a", "one"), ("b", "one"), ("c", "two")] {
            let text = format!("name: {stack}\nbackend: s3://{bucket}/p\nresources: {{}}\n");
            std::fs::write(folder.path().join(format!("{stack}.yaml")), text).unwrap();
        }
        let request = |stack: &str| Request {
            stack: folder.path().join(stack).with_extension("yaml").display().to_string(),
            cwd: folder.path().to_owned(),
            ..Request::default()
        };
        let others = Others {
            request: request("a"),
            target: Target::Aws,
            state: None,
            unavailable: Vec::new(),
            known: Mutex::default(),
        };
        for (stack, places) in [("a", 1), ("b", 1), ("c", 2)] {
            assert!(others.states(&request(stack).stack).is_ok());
            assert_eq!(others.known.lock().unwrap().len(), places, "{stack}");
        }
    }
}
