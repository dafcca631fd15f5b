//! Where the states of stacks are kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::Global;
use crate::cli::environment::environment;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result, failed};
use crate::cli::project::{directory, stacks_below};
use crate::cli::target::Target;
use crate::render;
use crate::stack::{self, Backend, Request};
use crate::state::{Buckets, Location, States};

pub(super) fn state_root(directory: &Path) -> PathBuf {
    directory.join(".drctl")
}

/// The state directory of the project that a directory is in: the nearest one here or above, but none above
/// the first directory that has stacks of its own.
pub(super) fn nearest_state_root(cwd: &Path) -> PathBuf {
    let is_project =
        |directory: &&Path| ["stacks", "Pulumi.yaml", "Pulumi.yml"].iter().any(|name| directory.join(name).exists());
    let project = cwd.ancestors().find(is_project);
    let within = cwd.ancestors().take_while(|directory| project.is_none_or(|project| directory.starts_with(project)));
    let found = within.map(state_root).find(|root| root.is_dir());
    found.unwrap_or_else(|| state_root(project.unwrap_or(cwd)))
}

/// Where the states of a target are kept: what the command line says, else what the stack's file says.
/// States of the twin stay beside the twin unless the command line says otherwise. Buckets in regions that
/// are `unavailable` are left alone.
pub(super) fn place(
    state: Option<&str>,
    target: &Target,
    backend: Option<&Backend>,
    root: PathBuf,
    unavailable: Vec<String>,
) -> Result<States> {
    let location = |url: &str, region: Option<&String>| -> Result<Location> {
        let parsed = Location::parse(url).map_err(failed)?;
        Ok(Location { region: region.cloned().or(parsed.region.clone()), ..parsed })
    };
    let written = match backend {
        Some(Backend { url, region, replica, .. }) => {
            let replica = replica.as_ref().map(|(url, region)| location(url, region.as_ref())).transpose()?;
            Some((location(url, region.as_ref())?, replica))
        }
        None => None,
    };
    let (first, copy) = match (state, written) {
        (Some("local"), _) => return Ok(States::local(root, target.name())),
        (Some(url), written) => {
            let given = location(url, None)?;
            match written {
                Some((first, second)) if first.is_same_place(&given) => (first, second),
                // The copy takes the lead, for as long as the other one is away.
                Some((first, Some(second))) if second.is_same_place(&given) => (second, Some(first)),
                _ => (given, None),
            }
        }
        (None, Some(written)) if *target != Target::Twin => written,
        (None, _) => return Ok(States::local(root, target.name())),
    };
    if copy.as_ref().is_some_and(|copy| copy.bucket == first.bucket) {
        let message = format!("a state in {first} can have no copy in the same bucket");
        return Err(Failure::new(Exit::Configuration, message, "name a bucket in another region as `replica`"));
    }
    let tell = Arc::new(|bucket: &str| render::say(format_args!("Waiting for {bucket}\n")));
    Ok(States::s3(root, target.name(), Buckets { first, copy, unavailable, tell }))
}

/// Where states are kept of stacks that are not named: of the only stack there is, or of all of them
/// if they agree.
pub(super) fn states_here(global: &Global) -> Result<States> {
    let cwd = directory(global)?;
    let names = match &global.stack {
        Some(stack) => vec![stack.clone()],
        None => stacks_below(&cwd),
    };
    let mut backends = Vec::new();
    for stack in names {
        let request = Request { stack, cwd: cwd.clone(), environment: environment(), ..Request::default() };
        // A file that cannot be read hides no other stack.
        let backend = stack::backend(&request).unwrap_or_default();
        let urls = |backend: &Option<Backend>| backend.as_ref().map(|b| (b.url.clone(), b.replica.clone()));
        if !backends.iter().any(|known| urls(known) == urls(&backend)) {
            backends.push(backend);
        }
    }
    let target = Target::chosen(global)?;
    let backend = match backends.as_slice() {
        _ if global.state.is_some() || target == Target::Twin => None,
        [] => None,
        [only] => only.as_ref(),
        _ => {
            return Err(Failure::new(
                Exit::Configuration,
                "the stacks here keep their states in different places",
                "name one of them with `--stack`, or a place with `--state`",
            ));
        }
    };
    place(global.state.as_deref(), &target, backend, nearest_state_root(&cwd), Vec::new())
}
