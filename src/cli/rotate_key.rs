//! `drctl state rotate-key`: a new key for the secrets of a state, and another way to open it.

use std::path::Path;

use clap::Args;

use crate::cli::Global;
use crate::cli::config;
use crate::cli::environment::environment;
use crate::cli::exit::Exit;
use crate::cli::failure::{Result, failed};
use crate::cli::program::config_file;
use crate::cli::runtime::runtime;
use crate::cli::site::Site;
use crate::cli::target::Target;
use crate::engine::key_provider::KeyProvider;
use crate::render;
use crate::render::words::count;
use crate::state::{NEW_PASSPHRASE, Notice, PASSPHRASE, PASSPHRASE_FILE, Rotated, Source};

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
        let stored = site.stored();
        let given = site.source().map_err(failed)?;
        let renewed = given.renewed(|name| std::env::var(name).ok()).map_err(failed)?;
        // After a rotation that did not end, the new passphrase may be the one that opens all.
        let open = async || match stored.open_keys(given.clone()).await {
            Ok((keys, _)) => Ok((keys, given.clone())),
            Err(refused) => match stored.open_keys(renewed.clone()).await {
                Ok((keys, _)) => Ok((keys, renewed.clone())),
                Err(_) => Err(refused),
            },
        };
        open().await.map_err(failed)?;
        let lock = site.lock("state rotate-key").await?;
        // Another rotation may have come before.
        let (keys, old) = open().await.map_err(failed)?;
        let (keys, apart) = site.states.take_up_keys(keys, &[&given, &renewed]).await.map_err(failed)?;
        for (path, why) in apart {
            let path = path.display();
            let [name, _] = NEW_PASSPHRASE;
            render::warn(format_args!(
                "{path} holds keys that gave way to others, and what is sealed with them does not open: {why}; if \
                 another passphrase opens them, give it as `{name}` and rotate again"
            ));
        }
        let wanted = arguments.to.clone().or_else(|| site.wanted()).unwrap_or_else(|| keys.provider());
        let new = Source { wanted: Some(wanted.clone()), ..renewed };
        let renews = new.passphrase != given.passphrase;
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
        // A state may have outlived its program.
        if let (Ok(file), true) = (config_file(global), given.passphrase.is_some()) {
            let is_resealed = match new.passphrase.filter(|_| wanted == KeyProvider::Passphrase) {
                Some(passphrase) => renews && reseal(&file, &passphrase),
                None => {
                    tell_what_opens(&file);
                    false
                }
            };
            if is_resealed {
                tell_who_shares(&file, &site).await;
            }
        }
        Ok(Exit::Ok)
    })
}

/// Tells of other stacks whose values stand in the file: these open with the new passphrase by now, and
/// the states do not.
async fn tell_who_shares(file: &Path, site: &Site) {
    let file = file.display();
    let others = match site.states.list().await {
        Ok(others) => others,
        Err(why) => {
            return render::warn(format_args!(
                "{file} may be that of other stacks as well, which cannot be read: {why}"
            ));
        }
    };
    for other in others.iter().map(|other| other.stack.as_str()).filter(|other| shares(other, &site.stack)) {
        let command = format!("drctl state rotate-key --stack {other}");
        render::warn(format_args!("{file} is that of `{other}` as well: `{command}`"));
    }
}

/// The state does not need the passphrase any more, which the config may.
fn tell_what_opens(file: &Path) {
    let is_pulumis = environment().keys().any(|name| name.starts_with("PULUMI_CONFIG_PASSPHRASE"));
    if !is_pulumis && config::needs_passphrase(file) {
        let file = file.display();
        render::warn(format_args!("the secure values of {file} still open with `DRCTL_PASSPHRASE` as it is: keep it"));
    }
}

/// Seals the values in the file of the stack with its new passphrase. The state was first: whoever is
/// killed between the two rotates again, which goes on here. Tells whether any were sealed anew.
fn reseal(file: &Path, passphrase: &str) -> bool {
    let old = environment();
    let mut new = old.clone();
    new.remove(PASSPHRASE_FILE);
    new.insert(PASSPHRASE.to_owned(), passphrase.to_owned());
    match config::reseal(file, &old, &new) {
        Ok(0) => false,
        Ok(n) => {
            let values = count(n, "secure value");
            render::say(format_args!("{values} in {} are sealed with the new passphrase, too.\n", file.display()));
            true
        }
        Err(failure) => {
            let why = failure.message();
            let help = "give their passphrase as `PULUMI_CONFIG_PASSPHRASE`, or set them again with `drctl config set`";
            render::warn(format_args!("{} keeps what opened it: {why}; {help}", file.display()));
            false
        }
    }
}

/// Whether two stacks are instances of one, which share a file of config.
fn shares(other: &str, stack: &str) -> bool {
    let file = |name: &str| name.split('@').next().map(str::to_owned);
    other != stack && file(other) == file(stack)
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
