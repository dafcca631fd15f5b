//! One run at a time: a lock of the operating system on a file, held for the run.
//!
//! The lock ends with the process, however it ends, so there are no stale ones. The file also says
//! who holds it, for the message to others. It is never deleted: whoever waits on a deleted file and
//! whoever makes a new one would both hold a lock.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::state::error::{Result, StateError};
use crate::state::files;
use crate::state::store::{Waits, blocking};

/// Between two looks at a lock that another run holds.
const POLL: Duration = Duration::from_millis(100);
/// Waited at least: who only asks who holds a lock takes it for an instant.
const GRACE: Duration = Duration::from_millis(100);
/// Between two signs of life in the lock file.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    pub user: String,
    pub host: String,
    pub pid: u32,
    /// The id of the run.
    pub run: String,
    /// `up --stack prod`, without values of config, which may be secret.
    pub command: String,
    pub since: Timestamp,
    /// When the process was last known to run, to ten seconds.
    pub heartbeat: Timestamp,
}

impl Owner {
    /// This process, from now on.
    pub fn here(run: &str, command: &str) -> Self {
        let now = to_second(Timestamp::now());
        Self {
            user: ["USER", "LOGNAME", "USERNAME"]
                .iter()
                .find_map(|name| std::env::var(name).ok())
                .unwrap_or_else(|| "somebody".to_owned()),
            host: host().unwrap_or_else(|| "an unnamed host".to_owned()),
            pid: std::process::id(),
            run: run.to_owned(),
            command: command.to_owned(),
            since: now,
            heartbeat: now,
        }
    }
}

fn host() -> Option<String> {
    let named = |text: String| Some(text.trim().to_owned()).filter(|name| !name.is_empty());
    let asked = || {
        let output = std::process::Command::new("hostname").output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(asked).and_then(named)
}

fn to_second(time: Timestamp) -> Timestamp {
    time.round(Unit::Second).unwrap_or(time)
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, host, pid, run, command, since, heartbeat } = self;
        write!(f, "`{user}` on `{host}`: `{command}`, process {pid}, run {run}, since {since}, last seen {heartbeat}")
    }
}

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub struct FileLock {
    file: Arc<File>,
    heart: Heart,
}

impl FileLock {
    /// Takes the lock, and waits for it up to `timeout`. `waits` learns for whom, once, if it is worth
    /// telling. The other process lives in real time, even where that of this one is virtual.
    ///
    /// # Errors
    /// [`StateError::Locked`] with the owner if the time is over, or if the file cannot be written.
    pub async fn take(path: PathBuf, owner: Owner, timeout: Duration, waits: Waits) -> Result<Self> {
        blocking(move || {
            // A timeout beyond the end of time is none.
            let deadline = Instant::now().checked_add(timeout.max(GRACE));
            let mut waits = Some(waits).filter(|_| timeout > GRACE);
            loop {
                match Self::try_take(&path, owner.clone()) {
                    Err(StateError::Locked { owner: holder }) if deadline.is_none_or(|end| Instant::now() < end) => {
                        if let Some(mut waits) = waits.take() {
                            waits(holder.as_deref());
                        }
                        sleep(POLL);
                    }
                    other => return other,
                }
            }
        })
        .await
    }

    fn try_take(path: &Path, owner: Owner) -> Result<Self> {
        loop {
            if let Some(dir) = path.parent() {
                files::make_dir(dir)?;
            }
            let file = files::open(path)?;
            match file.try_lock() {
                Ok(()) if !is_at(&file, path) => continue,
                Ok(()) => {
                    let file = Arc::new(file);
                    write_owner(&file, &owner).map_err(StateError::io("write", path))?;
                    return Ok(Self { heart: Heart::start(Arc::clone(&file), owner), file });
                }
                Err(TryLockError::WouldBlock) => {
                    let owner = files::read(path)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
                    return Err(StateError::Locked { owner });
                }
                Err(TryLockError::Error(e)) => return Err(StateError::io("lock", path)(e)),
            }
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        self.heart.stop();
        // A file that cannot be unlocked is unlocked by closing it, which comes next.
        let _ = self.file.unlock();
    }
}

/// Who holds the lock at `path` now, if somebody does. Takes the lock for an instant if it is free.
pub(super) fn holder(path: &Path) -> Option<Owner> {
    let file = path.is_file().then(|| File::open(path).ok())??;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => serde_json::from_slice(&files::read(path).ok()??).ok(),
        _ => None,
    }
}

/// Whether the path still names the file: the directory of a removed stack is moved away.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same = |a: &std::fs::Metadata, b: &std::fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    matches!((file.metadata(), std::fs::metadata(path)), (Ok(a), Ok(b)) if same(&a, &b))
}

/// Elsewhere a file that is open cannot be moved.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

fn write_owner(mut file: &File, owner: &Owner) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(owner)?;
    text.push(b'\n');
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&text)?;
    file.set_len(text.len() as u64)
}

/// A thread that writes a sign of life into the lock file. It lives outside the runtime, so that a
/// virtual clock neither drives it nor waits for it.
#[derive(Debug)]
struct Heart {
    stopped: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Heart {
    fn start(file: Arc<File>, mut owner: Owner) -> Self {
        let stopped = Arc::new((Mutex::new(false), Condvar::new()));
        let watched = Arc::clone(&stopped);
        let beat = move || {
            let (flag, changed) = &*watched;
            let mut stop = flag.lock().unwrap_or_else(PoisonError::into_inner);
            while !*stop {
                let waited = changed.wait_timeout(stop, HEARTBEAT).unwrap_or_else(PoisonError::into_inner);
                stop = waited.0;
                if waited.1.timed_out() && !*stop {
                    owner.heartbeat = to_second(Timestamp::now());
                    // It only informs; the lock holds without it.
                    let _ = write_owner(&file, &owner);
                }
            }
        };
        let thread = std::thread::Builder::new().name("heartbeat".to_owned()).spawn(beat).ok();
        Self { stopped, thread }
    }

    fn stop(&mut self) {
        *self.stopped.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stopped.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::store::silently;

    fn owner(run: &str) -> Owner {
        Owner { user: "ann".into(), host: "build-7".into(), ..Owner::here(run, "up --stack prod") }
    }

    #[tokio::test]
    async fn two_runs_cannot_hold_a_lock_and_the_second_learns_who_does() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = FileLock::take(path.clone(), owner("one"), Duration::ZERO, silently()).await.unwrap();
        let error = FileLock::take(path.clone(), owner("two"), Duration::ZERO, silently()).await.unwrap_err();
        let StateError::Locked { owner: Some(holds) } = &error else { panic!("{error}") };
        assert_eq!(holds.run, "one");
        assert!(
            error.to_string().starts_with("the stack is locked by `ann` on `build-7`: `up --stack prod`, process ")
        );
        assert_eq!(holder(&path).unwrap().run, "one");
        drop(first);
        assert_eq!(holder(&path), None);
        FileLock::take(path, owner("two"), Duration::ZERO, silently()).await.unwrap();
    }

    #[tokio::test]
    async fn a_lock_that_is_freed_in_time_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = FileLock::take(path.clone(), owner("one"), Duration::ZERO, silently()).await.unwrap();
        let second = tokio::spawn(FileLock::take(path, owner("two"), Duration::from_secs(60), silently()));
        // It looks from now on, on a thread of its own.
        tokio::task::yield_now().await;
        sleep(POLL * 3);
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_at_the_timeout_in_real_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let _first = FileLock::take(path.clone(), owner("one"), Duration::ZERO, silently()).await.unwrap();
        let start = Instant::now();
        let error = FileLock::take(path, owner("two"), POLL * 4, silently()).await.unwrap_err();
        assert!(matches!(error, StateError::Locked { .. }));
        assert!(start.elapsed() >= POLL * 4);
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_on_a_file_that_was_moved_away_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let file = files::open(&path).unwrap();
        std::fs::rename(&path, dir.path().join("moved")).unwrap();
        assert!(!is_at(&file, &path));
        files::open(&path).unwrap();
        assert!(!is_at(&file, &path));
    }
}
