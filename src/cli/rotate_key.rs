//! `drctl state rotate-key`: a new key for the secrets of a state, and another way to open it.

use clap::Args;

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::failure::{Result, failed};
use crate::cli::runtime::runtime;
use crate::cli::site::Site;
use crate::cli::target::Target;
use crate::engine::key_provider::KeyProvider;
use crate::render;
use crate::render::words::count;
use crate::state::{NEW_PASSPHRASE, Notice, Rotated, Source};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What opens the new key: `key-file`, `passphrase`, or `kms=ARN,ARN` with a key of each region,
    /// any of which opens it; without it what the stack asks for, else what opens the present key.
    /// A new passphrase is read from `DRCTL_NEW_PASSPHRASE` or the file that `DRCTL_NEW_PASSPHRASE_FILE` names
    #[arg(long, value_name = "PROVIDER")]
    to: Option<KeyProvider>,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let site = Site::of_state(global)?;
    runtime(site.target == Target::Twin)?.block_on(async {
        site.must_exist().await?;
        let (stored, lock) = (site.stored(), site.lock("state rotate-key").await?);
        let old = site.source().map_err(failed)?;
        let renewed = old.renewed(|name| std::env::var(name).ok()).map_err(failed)?;
        // After a rotation that did not end, the new passphrase may be the one that opens all.
        let opened = match stored.open_keys(old.clone()).await {
            Ok((keys, _)) => Ok((keys, old.clone())),
            Err(refused) => match stored.open_keys(renewed.clone()).await {
                Ok((keys, _)) => Ok((keys, renewed.clone())),
                Err(_) => Err(refused),
            },
        };
        let (keys, old) = opened.map_err(failed)?;
        let wanted = arguments.to.clone().or_else(|| site.wanted()).unwrap_or_else(|| keys.provider());
        let new = Source { wanted: Some(wanted.clone()), ..renewed };
        let renews = new.passphrase != old.passphrase;
        let rotated = lock.rotate(&keys, &old, &new).await.map_err(failed)?;
        if let Some(Notice::KeyFileMade(path)) = &rotated.notice {
            render::say(format_args!("The new key is in {}: keep it, and keep it to yourself.\n", path.display()));
        }
        for (path, why) in &rotated.left {
            render::warn(format_args!("{} was left as it is: {why}", path.display()));
        }
        site.warn();
        render::say(format_args!("{}", sealed(&site.stack, &rotated)));
        if wanted == KeyProvider::Passphrase && renews {
            let [name, _] = NEW_PASSPHRASE;
            render::say(format_args!("From now on `DRCTL_PASSPHRASE` must be what `{name}` was.\n"));
        }
        Ok(Exit::Ok)
    })
}

/// What is sealed with the new key, and what is not.
fn sealed(stack: &str, rotated: &Rotated) -> String {
    let by = rotated.keys.sealed_by();
    let others = if rotated.keeps_old {
        format!(" The keys before stay in `keys.json` for the other states in the bucket, and {by} opens those, too.")
    } else {
        String::new()
    };
    let backups = count(rotated.backups, "backup");
    format!("The state of `{stack}` and {backups} are sealed anew, and {by} opens them.{others}\n")
}
