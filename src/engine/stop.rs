//! How a user stops a run: once to settle what is under way, twice to leave.

use tokio_util::sync::CancellationToken;

/// Two flags that are raised one after the other.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    first: CancellationToken,
    second: CancellationToken,
}

impl Stop {
    /// Raises the first flag, or the second if the first is up.
    pub fn press(&self) {
        if self.first.is_cancelled() {
            self.second.cancel();
        } else {
            self.first.cancel();
        }
    }

    /// Nothing new may start, and waits end.
    pub fn is_pressed(&self) -> bool {
        self.first.is_cancelled()
    }

    /// Waits for the first press.
    pub async fn pressed(&self) {
        self.first.cancelled().await;
    }

    /// Waits for the second press: calls in flight are left alone.
    pub async fn pressed_twice(&self) {
        self.second.cancelled().await;
    }
}
