//! What can go wrong with stored state, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::engine::error::{Error, Kind};
use crate::engine::urn::Urn;
use crate::state::lint::{Broken, Finding};
use crate::state::lock::Owner;

pub(super) type Result<T, E = StateError> = std::result::Result<T, E>;

/// A state that cannot be read, written, opened or locked.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file system refused.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },

    /// A later version of drctl wrote the file.
    #[error("`{}` has format {found}, and this drctl reads formats up to {reads}", path.display())]
    Newer { path: PathBuf, found: u32, reads: u32 },

    /// The file is not what drctl writes.
    #[error("`{}` is damaged{}: {why}", path.display(), .line.map(|n| format!(" in line {n}")).unwrap_or_default())]
    Damaged { path: PathBuf, line: Option<usize>, why: String },

    /// The snapshot is gone, and only it.
    #[error("`{}` is gone, though earlier runs of the stack wrote it", path.display())]
    Gone { path: PathBuf, backup: Option<PathBuf> },

    /// The journal is gone, and only it, though a run that never came to its end wrote it.
    #[error("`{}` is gone, and with it what the run {run} did that was killed", path.display())]
    JournalGone { path: PathBuf, run: String },

    /// The journal holds something that cannot have happened.
    #[error("`{}` cannot be replayed: {source}", path.display())]
    Replay { path: PathBuf, source: Box<Error> },

    /// Another run works on the stack.
    #[error("the stack is locked{}", .owner.as_ref().map(|o| format!(" by {o}")).unwrap_or_default())]
    Locked { owner: Option<Box<Owner>> },

    /// Another run took the lock over, because this one gave no sign of life for too long.
    #[error("the lock of the stack was lost{}", .to.as_ref().map(|o| format!(" to {o}")).unwrap_or_default())]
    Lost { to: Option<Box<Owner>> },

    /// The state was moved to another place.
    #[error("the state of this stack was moved to {to}")]
    Moved { to: String },

    /// The state is on its way to another place, where it may be used already.
    #[error("the state of this stack is on its way to {to}, and that did not end")]
    Moving { to: String },

    /// A text that should name a place for states names none.
    #[error("`{given}` is no place for a state: {why}")]
    NoPlace { given: String, why: String },

    /// A bucket could not be read or written.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    Bucket { doing: &'static str, path: PathBuf, source: Box<Error> },

    /// What is nowhere in the buckets that answer may be in one that does not.
    #[error(
        "there is no {what} where it can be looked for, and `{bucket}`, which may have it, does not answer: {source}"
    )]
    Unseen { what: &'static str, bucket: String, region: Option<String>, source: Box<Error> },

    /// No wrapping of the data key opens with the passphrase that was given.
    #[error("the passphrase does not open the secrets of this project")]
    WrongPassphrase,

    /// `DRCTL_PASSPHRASE` or the file that `DRCTL_PASSPHRASE_FILE` names holds nothing.
    #[error("the passphrase in `{0}` is empty")]
    EmptyPassphrase(&'static str),

    /// The data key is wrapped by a passphrase only, and none was given.
    #[error("the secrets of this project are sealed with a passphrase, and none was given")]
    NoPassphrase,

    /// A passphrase is to wrap a new data key, and none was given.
    #[error("no passphrase was given to seal the secrets with")]
    NoNewPassphrase,

    /// The data key was wrapped by a key file that is not there or is another one.
    #[error("the key file `{}` that the secrets of this project are sealed with is {}", path.display(), if *.exists { "another one" } else { "not there" })]
    NoKeyFile { path: PathBuf, exists: bool },

    /// The wrapped data keys are gone, and something is sealed with them.
    #[error(
        "`{}` is gone{}, and with it what opens the sealed values in `{}`",
        ring.display(), .key.as_ref().map(|key| format!(", and `{}` too", key.display())).unwrap_or_default(), sealed.display()
    )]
    NoRing {
        ring: PathBuf,
        /// The key file, if it is not there either.
        key: Option<PathBuf>,
        sealed: PathBuf,
    },

    /// Another run gave the states of a bucket other keys, while this one was about to.
    #[error("`{}` was changed by another run meanwhile, and stays as that one left it", path.display())]
    RingChanged { path: PathBuf },

    /// The data key is wrapped by KMS, and there is no way to AWS.
    #[error("the secrets of this state are sealed with keys of AWS KMS, and AWS is not asked here")]
    NoKeyService,

    /// No region's KMS key opened the data key.
    #[error("no region opens the secrets: {}", .failed.iter().map(|(r, why)| format!("{r}: {why}")).collect::<Vec<_>>().join("; "))]
    NoRegion { failed: Vec<(String, String)> },

    /// A KMS key did not wrap a data key.
    #[error("the KMS key `{key}` seals nothing: {why}")]
    NotWrapped { key: String, why: String },

    /// A sealed value was changed, moved, or sealed with another key.
    #[error(
        "the sealed value at `{path}` of `{owner}` does not open: it was changed, moved, or sealed with another key"
    )]
    Sealed { owner: String, path: String },

    /// A value that is not known yet was about to be stored.
    #[error("`{path}` of `{owner}` is not known yet and cannot be stored")]
    Unknown { owner: String, path: String },

    /// A value is nested deeper than a file of the state could be read again.
    #[error("`{path}` of `{owner}` is nested more than {} deep and cannot be stored", crate::state::seal::MAX_DEPTH)]
    TooDeep { owner: String, path: String },

    /// A file is larger than any that drctl writes.
    #[error("`{}` has more than {most} MiB, which no file of a state has", path.display())]
    TooBig { path: PathBuf, most: u64 },

    /// A file holds more than any that drctl writes, and would fill the memory.
    #[error("`{}` holds more than {most} values, which no file of a state does", path.display())]
    TooFull { path: PathBuf, most: usize },

    /// A state breaks rules that every state keeps.
    #[error("the state of `{stack}` is not sound{}", .findings.iter().map(|f| format!("\n  {f}")).collect::<String>())]
    Broken { stack: String, findings: Vec<Finding> },

    /// The operating system has no random numbers to give.
    #[error("the operating system gives no random bytes")]
    NoRandom,

    /// The program ends while it waits for a file.
    #[error("drctl ends before the state is read or written")]
    Stopped,

    /// Argon2 could not be run.
    #[error("no key can be derived from the passphrase: {0}")]
    Derive(String),

    /// A state of another lineage is in the way.
    #[error("the state to import has lineage `{found}`, and the stack has `{here}`")]
    Lineage { here: String, found: String },

    /// The place that a state should move to has a state that is none of its own.
    #[error("the other place has a state of lineage `{there}`, and this one has `{here}`")]
    OtherLineage { here: String, there: String },

    /// The place that a state should move to has one of the same lineage that was used by itself.
    #[error(
        "both places have a state of this stack, and each was used: the other one has serial {there}, and this one {here}"
    )]
    Apart { here: u64, there: u64 },

    /// A file that should hold a plan holds none.
    #[error("`{}` is no plan of drctl", path.display())]
    NoPlan { path: PathBuf },

    /// A plan is not as it was written.
    #[error("the plan in `{}` was changed after it was made, or made with other keys", path.display())]
    EditedPlan { path: PathBuf },

    /// The state to import is that of another stack or target.
    #[error("the state to import is that of {found}, and this is {here}")]
    OtherStack { here: String, found: String },

    /// The state to import is older than the one it would replace.
    #[error("the state to import has serial {found}, and the stack has {here}")]
    Older { here: u64, found: u64 },

    /// The state to import breaks rules that every state keeps.
    #[error("the state to import is not sound: {0}")]
    Unsound(String),

    /// A stack of the new name is there already.
    #[error("a stack `{0}` exists already")]
    Exists(String),

    /// A resource is to get the identity of another one.
    #[error("the state has `{0}` already")]
    Taken(Urn),

    /// An operation has begun and not ended, so the stack cannot change its name now.
    #[error("an operation on `{0}` has begun and not ended")]
    Unfinished(Urn),

    /// The snapshot could not be written at the end of a run; the journal holds what happened.
    #[error("the state could not be compacted, but nothing is lost: `{}` holds all of it: {source}", journal.display())]
    NotCompacted { journal: PathBuf, source: Box<Self> },

    /// Neither the snapshot nor the journal could be written.
    #[error("the last entries could not be written to `{}`: {source}", journal.display())]
    NotWritten { journal: PathBuf, source: Box<Self> },
}

impl StateError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    pub(super) fn damaged(path: &Path, line: Option<usize>, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), line, why: why.into() }
    }

    /// Of a text that begins in the given line of a file, from 1.
    pub(super) fn json(path: &Path, first: usize, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let why = text.strip_suffix(&place).unwrap_or(&text);
        Self::damaged(path, Some(first + error.line().saturating_sub(1)), why)
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { source, .. }
                if matches!(
                    source.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
                ) =>
            {
                "free some space on that disk and run the command again".to_owned()
            }
            Self::Io { .. } => "make the path readable and writable for you and run the command again".to_owned(),
            Self::Newer { .. } => "update drctl".to_owned(),
            Self::Sealed { .. } => {
                "bring `keys.json` and `key` in `.drctl` back if they were lost or exchanged; if the keys of two \
                 buckets were changed apart, `drctl state rotate-key` takes up those that gave way; else bring an \
                 earlier state back from `backups` with `drctl stack import`"
                    .to_owned()
            }
            Self::Damaged { path, .. } | Self::Replay { path, .. } => remedy(path),
            Self::JournalGone { path, run } => format!(
                "put it back; else import what `drctl history show {run}` says was made, after `drctl stack import {}` \
                 has taken the state for what it was before that run",
                path.with_file_name("state.json").display()
            ),
            Self::Gone { backup, .. } => {
                let back = match backup {
                    Some(path) => format!("bring it back with `drctl stack import {}`", path.display()),
                    None => "bring it back from a copy of yours with `drctl stack import`".to_owned(),
                };
                format!(
                    "{back}, then run `drctl refresh`; `drctl stack rm --force` gives the stack up and leaves what it has in the cloud"
                )
            }
            Self::Locked { .. } => {
                "wait with `--lock-timeout 10m`, or end that process: its lock ends with it".to_owned()
            }
            Self::Lost { .. } => {
                "nothing that was written is lost; wait until that run has ended, and run the command again".to_owned()
            }
            Self::Moved { to } => {
                let to = in_short(to);
                format!("write `backend: {to}` into the stack file, or give `--state {to}`")
            }
            Self::Moving { to } => format!(
                "`drctl stack migrate-state --to {}` ends the move; with the present place after `--to` it takes the \
                 move back",
                in_short(to)
            ),
            Self::NoPlace { .. } => "write `local` or `s3://BUCKET/PREFIX`".to_owned(),
            Self::Bucket { source, .. } => source.hint.clone().unwrap_or_else(|| "run the command again".to_owned()),
            Self::Unseen { bucket, region, .. } => format!(
                "run the command again when it answers; if there never was one in it, or it is lost for good, begin a \
                 new one with `drctl up --region-unavailable {}`",
                region.clone().unwrap_or_else(|| format!("REGION`, the region of `{bucket}"))
            ),
            Self::WrongPassphrase => "check `DRCTL_PASSPHRASE` or `DRCTL_PASSPHRASE_FILE`".to_owned(),
            Self::EmptyPassphrase(name) => format!("give `{name}` a passphrase, or unset it to use a key file"),
            Self::NoPassphrase => "set `DRCTL_PASSPHRASE` or `DRCTL_PASSPHRASE_FILE`".to_owned(),
            Self::NoNewPassphrase => "set `DRCTL_PASSPHRASE` or `DRCTL_PASSPHRASE_FILE`; for a rotation, \
                                      `DRCTL_NEW_PASSPHRASE` or `DRCTL_NEW_PASSPHRASE_FILE`"
                .to_owned(),
            Self::NoRing { key, .. } => format!(
                "bring `keys.json` back from a copy of the project{}; no new key is made, because none but the lost ones \
                 open these values. `drctl stack rm --force` gives a stack up whose keys are lost for good",
                match key {
                    Some(_) => ", and `key` with it, or set `DRCTL_PASSPHRASE` if a passphrase opened the secrets",
                    None => "",
                }
            ),
            Self::NoKeyService => "give credentials for AWS, and run the command on AWS".to_owned(),
            Self::NoRegion { .. } => {
                "check the credentials, and that they allow `kms:Decrypt` with one of these keys".to_owned()
            }
            Self::NotWrapped { .. } => "check the key, and that the credentials allow `kms:Encrypt` with it".to_owned(),
            Self::NoKeyFile { .. } => "bring the key file back from where the project was first deployed".to_owned(),
            Self::TooDeep { .. } => "give the value as a text, for example with `fn::toJSON`".to_owned(),
            Self::TooBig { .. } | Self::TooFull { .. } => {
                "bring back the file from where a copy of it is kept".to_owned()
            }
            Self::Broken { findings, .. } => mends(findings),
            Self::Unknown { .. } => "this is a bug of drctl: report it with the command that you ran".to_owned(),
            Self::Stopped | Self::RingChanged { .. } => "run the command again".to_owned(),
            Self::Derive(_) => "free some memory: it takes 19 MiB".to_owned(),
            Self::NoRandom => "run the command again once the system has started up".to_owned(),
            Self::Lineage { .. } | Self::OtherStack { .. } | Self::Older { .. } | Self::Unsound(_) => {
                "`--force` imports it all the same; the present state goes to `backups`".to_owned()
            }
            Self::OtherLineage { .. } | Self::Apart { .. } => {
                "look at both; remove the one that is not wanted with `drctl stack rm --force --state PLACE`".to_owned()
            }
            Self::NoPlan { .. } | Self::EditedPlan { .. } => {
                "make a new one with `drctl preview --save-plan FILE`, and look at it".to_owned()
            }
            Self::Exists(_) => "choose another name, or remove that stack first".to_owned(),
            Self::Taken(_) => "`drctl state rm` the one of the two that is not wanted".to_owned(),
            Self::Unfinished(_) => "run `drctl up`, which settles it, and try again".to_owned(),
            Self::NotCompacted { source, .. } => format!("{}; the next run compacts it", source.hint()),
            Self::NotWritten { source, .. } if Error::from(&**source).kind == Kind::Unauthenticated => {
                "renew the credentials and run `drctl refresh`: it finds what the last calls made".to_owned()
            }
            Self::NotWritten { source, .. } if matches!(**source, Self::Bucket { .. }) => {
                "run `drctl refresh` when the bucket answers again: it finds what the last calls made".to_owned()
            }
            Self::NotWritten { .. } => {
                "free some space and run `drctl refresh`: it finds what the last calls made".to_owned()
            }
        }
    }
}

/// A place as users name it.
pub(crate) fn in_short(place: &str) -> &str {
    if place.starts_with("s3://") { place } else { "local" }
}

/// What makes a state sound again.
fn mends(findings: &[Finding]) -> String {
    let mut missing: Vec<String> = Vec::new();
    for finding in findings {
        let Broken::Missing(urn) = &finding.rule else {
            return "bring an earlier state back from `backups` with `drctl stack import`, then run `drctl refresh`; or \
                    mend what `drctl stack export` writes, until `drctl state check` finds nothing after its import"
                .to_owned();
        };
        // For a shell, in which a `$` means something.
        let urn = format!("'{urn}'");
        if !missing.contains(&urn) {
            missing.push(urn);
        }
    }
    format!(
        "bring an earlier state back from `backups` with `drctl stack import`, then run `drctl refresh`; or forget what \
         has no row with `drctl state rm --force {}`",
        missing.join(" ")
    )
}

/// What brings a file back, which depends on what it is.
fn remedy(path: &Path) -> String {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("keys.json") => {
            "bring it back from a copy of the project: without it no sealed value opens; a project without secrets may \
             do without it"
                .to_owned()
        }
        Some("key") => {
            "bring it back from where the project was first deployed, or from a copy of the project: nothing else \
             opens what is sealed with it"
                .to_owned()
        }
        Some("lock") => "see that no run works on the stack, and remove it: the next run makes it anew".to_owned(),
        _ if path.parent().is_some_and(|folder| folder.ends_with("journal")) => {
            "bring back an earlier version of that object; if it is none that drctl wrote, remove it".to_owned()
        }
        Some("state.json" | "journal.jsonl") => {
            "bring back an earlier state from the directory `backups` beside it with `drctl stack import`, then run \
             `drctl refresh`"
                .to_owned()
        }
        _ => "give a file that `drctl stack export` wrote, or one from the directory `backups` of the stack".to_owned(),
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        Self::from(&error)
    }
}

impl From<&StateError> for Error {
    fn from(error: &StateError) -> Self {
        let kind = match error {
            StateError::Locked { .. } => Kind::Busy,
            StateError::Lost { .. } => Kind::Cancelled,
            StateError::Bucket { source, .. } => source.kind,
            StateError::Unseen { .. } => Kind::Unreachable,
            StateError::NotCompacted { source, .. } | StateError::NotWritten { source, .. } => {
                Self::from(&**source).kind
            }
            StateError::Unknown { .. } => Kind::Bug,
            StateError::WrongPassphrase
            | StateError::NoPassphrase
            | StateError::NoNewPassphrase
            | StateError::NoKeyFile { .. }
            | StateError::NoRing { .. }
            | StateError::NoKeyService
            | StateError::NoRegion { .. }
            | StateError::NotWrapped { .. } => Kind::Denied,
            StateError::Exists(_) => Kind::Exists,
            _ => Kind::Invalid,
        };
        Self::new(kind, error.to_string()).hint(error.hint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_about_a_damaged_file_depends_on_what_it_is() {
        let hint = |path: &str| StateError::damaged(Path::new(path), None, "no JSON").hint();
        assert!(hint(".drctl/aws/prod/state.json").contains("`backups` beside it"));
        assert!(hint(".drctl/keys.json").contains("from a copy of the project"));
        assert!(hint("mine.json").contains("that `drctl stack export` wrote"));
        assert!(hint(".drctl/key").contains("where the project was first deployed"));
        assert!(hint("s3://bucket/aws/prod/lock").contains("the next run makes it anew"));
        assert!(hint("s3://bucket/aws/prod/journal/00000057-00000001").contains("if it is none that drctl wrote"));
    }
}
