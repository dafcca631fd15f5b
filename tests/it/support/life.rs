//! A life of the trading platform that is struck, and what must hold after each blow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ask::Ask;
use super::emulator::Emulator;
use super::inventory::Inventory;
use super::platform::{DESTROY, Platform, UP, difference};
use super::proxy::{Fault, Proxy};
use super::running::Running;

/// The operations of a life, in their order.
pub const OPERATIONS: [(&str, &str); 3] = [("up", UP), ("update", UP), ("destroy", DESTROY)];

/// What strikes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    KilledBefore,
    KilledAfter,
    ResetAfter,
}

impl Blow {
    pub const ALL: [Self; 3] = [Self::KilledAfter, Self::ResetAfter, Self::KilledBefore];

    pub fn name(self) -> &'static str {
        match self {
            Self::KilledBefore => "killed before the effect",
            Self::KilledAfter => "killed after the effect",
            Self::ResetAfter => "connection reset after the effect",
        }
    }

    fn fault(self) -> Fault {
        match self {
            Self::KilledBefore => Fault::HeldBefore,
            Self::KilledAfter => Fault::HeldAfter,
            Self::ResetAfter => Fault::DropsAfter,
        }
    }
}

/// A life in an account of its own.
pub struct Life<'a> {
    pub platform: Platform<'a>,
    server: &'a Emulator,
}

impl<'a> Life<'a> {
    pub fn new(server: &'a Emulator, account: u64) -> Self {
        Self { platform: Platform::new(server, &format!("{account:012}")), server }
    }

    /// Strikes a command at the first request that is `chosen`, and finishes it; tells whether it came to that.
    ///
    /// # Errors
    /// If it cannot be finished by one more run, or by itself if nothing killed it.
    pub fn struck(
        &self,
        line: &str,
        blow: Blow,
        mut chosen: impl FnMut(&Ask) -> bool + Send + 'static,
    ) -> Result<bool, String> {
        let reached = Arc::new(AtomicBool::new(false));
        let struck = Arc::clone(&reached);
        let proxy = Proxy::breaking(self.server, move |ask| {
            let strikes = chosen(ask) && !struck.swap(true, Ordering::Relaxed);
            strikes.then_some(blow.fault())
        });
        match Running::unless_it_ends(self.platform.drctl(&proxy.endpoint, line), &proxy) {
            Ok(running) => {
                running.kill();
                proxy.end_the_held();
                self.finishes(line).map(|()| true)
            }
            Err(ended) if ended.code == Some(0) => Ok(reached.load(Ordering::Relaxed)),
            Err(ended) => Err(format!("it ends with {:?}: {}", ended.code, tail(&ended.said))),
        }
    }

    /// Runs a command that nothing disturbs.
    ///
    /// # Errors
    /// If it fails.
    pub fn finishes(&self, line: &str) -> Result<(), String> {
        let said = self.platform.run(line);
        let ended = (said.code == Some(0)).then_some(());
        ended.ok_or_else(|| format!("the next run ends with {:?}: {}", said.code, tail(&said.err)))
    }

    /// # Errors
    /// If the account holds anything else than after an undisturbed life, or the state is not sound.
    pub fn is_as(&self, undisturbed: &[String], inventory: &mut Inventory) -> Result<(), String> {
        let difference = difference(&self.platform.holdings(inventory), undisturbed);
        if !difference.is_empty() {
            return Err(format!("the account differs: {difference}"));
        }
        let check = self.platform.run("state check");
        (check.code == Some(0)).then_some(()).ok_or_else(|| format!("the state is damaged: {}{}", check.out, check.err))
    }
}

fn tail(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(12)..].join(" | ")
}
