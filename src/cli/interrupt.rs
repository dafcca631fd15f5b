//! Signals that ask a run to stop: Ctrl-C, the polite way in which pipelines end a job, and a terminal
//! that is closed.

#[cfg(unix)]
use std::task::Poll;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from the moment it is made, so that no signal is lost between two looks.
pub(super) struct Interrupts {
    #[cfg(unix)]
    signals: Vec<Signal>,
}

impl Interrupts {
    /// Begins to listen. Signals that cannot be listened to end the process as usual.
    #[cfg(unix)]
    pub(super) fn listen() -> Self {
        let hangup = (!outlives_its_terminal()).then(SignalKind::hangup);
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter().chain(hangup);
        Self { signals: kinds.filter_map(|kind| signal(kind).ok()).collect() }
    }

    #[cfg(not(unix))]
    pub(super) fn listen() -> Self {
        Self {}
    }

    /// What the work gives, or nothing if a signal comes first.
    pub(super) async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.next() => None,
        }
    }

    /// Waits for the next one.
    #[cfg(unix)]
    pub(super) async fn next(&mut self) {
        let signals = &mut self.signals;
        std::future::poll_fn(|cx| {
            let comes = signals.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
            if comes { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    #[cfg(not(unix))]
    pub(super) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether the program was started to go on without its terminal, as `nohup` does it: then nobody may
/// listen to the signal, which would make it count. Where that cannot be told it is left alone.
#[cfg(unix)]
fn outlives_its_terminal() -> bool {
    const HANGUP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask & HANGUP != 0)
}
