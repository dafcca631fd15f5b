//! One command, carried from run to run: each is killed at a request, and the next one goes on.

use std::process::Command;

use super::ask::Ask;
use super::emulator::Emulator;
use super::proxy::{Fault, Proxy};
use super::running::Running;

/// More runs than any command needs.
const MOST: usize = 3000;

/// Runs a command until one run of it gets through. Each run is killed at the first request for which
/// its judge names a fault that holds it. Gives those requests.
///
/// # Panics
/// If a run ends with an error.
pub fn relay<J>(server: &Emulator, command: impl Fn(&str) -> Command, mut judge: impl FnMut(&[Ask]) -> J) -> Vec<Ask>
where
    J: FnMut(&Ask) -> Option<Fault> + Send + 'static,
{
    let mut killed = Vec::new();
    while killed.len() < MOST {
        let proxy = Proxy::breaking(server, judge(&killed));
        match Running::unless_it_ends(command(&proxy.endpoint), &proxy) {
            Ok(running) => {
                running.kill();
                proxy.end_the_held();
                killed.extend(proxy.held());
            }
            Err(ended) => {
                assert_eq!(ended.code, Some(0), "after a kill at {:?}: {}", killed.last(), ended.said);
                return killed;
            }
        }
    }
    panic!("no run gets through");
}
