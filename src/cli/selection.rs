//! The flags that say what a run touches. They may stand anywhere; commands that touch nothing refuse them.

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::engine::settings::Settings;
use crate::render::regions::Regions;

/// What a run touches.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What to touch")]
pub(crate) struct Selection {
    /// Only these resources: URNs, logical names or types, with `*` and `?`
    #[arg(short, long = "target", global = true, value_name = "RESOURCE")]
    pub(crate) targets: Vec<String>,

    /// With --target: all that depend on them, too
    #[arg(long, global = true)]
    pub(crate) target_dependents: bool,

    /// All but these resources
    #[arg(long = "exclude", global = true, value_name = "RESOURCE")]
    pub(crate) excludes: Vec<String>,

    /// With --exclude: what depends on them stays untouched, too
    #[arg(long, global = true)]
    pub(crate) exclude_dependents: bool,

    /// Replace these resources even if nothing differs
    #[arg(long = "replace", global = true, value_name = "RESOURCE")]
    pub(crate) replaces: Vec<String>,

    /// Only resources in this region; may be given more than once
    #[arg(long = "region", global = true, value_name = "REGION")]
    pub(crate) regions: Vec<String>,

    /// Leave this region alone because it does not answer, and what needs it: a region or a role of the
    /// stack; may be given more than once
    #[arg(long = "region-unavailable", global = true, value_name = "REGION")]
    pub(crate) unavailable: Vec<String>,

    /// Read every resource from the cloud before planning
    #[arg(short, long, global = true)]
    pub(crate) refresh: bool,

    /// Calls in flight per region [default: 24]
    #[arg(short, long, global = true, value_name = "N", value_parser = parallel)]
    pub(crate) parallel: Option<usize>,
}

fn parallel(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("expected a number from 1".to_owned()),
    }
}

/// Which of the flags a command heeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heeds {
    All,
    /// The one region that something is in.
    Region,
    Nothing,
}

impl Selection {
    /// What the user asks of a run in these flags.
    pub(super) fn settings(&self, roles: &Regions) -> Settings {
        let region = |name: &String| roles.of_role(name).unwrap_or(name).to_owned();
        let default = Settings::default();
        Settings {
            refresh: self.refresh,
            targets: self.targets.clone(),
            target_dependents: self.target_dependents,
            excludes: self.excludes.clone(),
            exclude_dependents: self.exclude_dependents,
            replaces: self.replaces.clone(),
            regions: self.regions.clone(),
            unavailable: self.unavailable.iter().map(region).collect(),
            parallel: self.parallel.unwrap_or(default.parallel),
            ..default
        }
    }

    /// Refuses a flag that the command would not heed.
    pub(super) fn fits(&self, command: &str, heeds: Heeds) -> Result<()> {
        let Some(flag) = self.given().into_iter().find(|flag| match heeds {
            Heeds::All => false,
            Heeds::Region => *flag != "--region" || self.regions.len() > 1,
            Heeds::Nothing => true,
        }) else {
            return Ok(());
        };
        let (message, hint) = match (flag, heeds) {
            ("--region", Heeds::Region) => (
                format!("`drctl {command}` takes one `--region`, and {} were given", self.regions.len()),
                "give one, or name a file with `--from`",
            ),
            ("--region", _) => (
                format!("`--region` means nothing to `drctl {command}`"),
                "`up`, `preview`, `destroy`, `refresh` and `import` take it",
            ),
            _ => (
                format!("`{flag}` means nothing to `drctl {command}`"),
                "`up`, `preview`, `destroy` and `refresh` take it",
            ),
        };
        Err(Failure::new(Exit::Configuration, message, hint))
    }

    fn given(&self) -> Vec<&'static str> {
        let flags = [
            ("--target", !self.targets.is_empty()),
            ("--target-dependents", self.target_dependents),
            ("--exclude", !self.excludes.is_empty()),
            ("--exclude-dependents", self.exclude_dependents),
            ("--replace", !self.replaces.is_empty()),
            ("--region", !self.regions.is_empty()),
            ("--region-unavailable", !self.unavailable.is_empty()),
            ("--refresh", self.refresh),
            ("--parallel", self.parallel.is_some()),
        ];
        flags.into_iter().filter_map(|(flag, given)| given.then_some(flag)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(selection: &Selection, command: &str, heeds: Heeds) -> String {
        selection.fits(command, heeds).map_or_else(|failure| format!("{failure:?}"), |()| "fits".to_owned())
    }

    #[test]
    fn a_flag_that_a_command_does_not_heed_is_refused_and_those_that_do_are_named() {
        let target = Selection { targets: vec!["a".into()], ..Selection::default() };
        let region = Selection { regions: vec!["a".into()], ..Selection::default() };
        let regions = Selection { regions: vec!["a".into(), "b".into()], ..Selection::default() };
        assert_eq!(said(&target, "up", Heeds::All), "fits");
        assert_eq!(said(&region, "import", Heeds::Region), "fits");
        assert_eq!(said(&Selection::default(), "outputs", Heeds::Nothing), "fits");
        let text = said(&target, "outputs", Heeds::Nothing);
        assert!(text.contains("`--target` means nothing to `drctl outputs`") && text.contains("`preview`"), "{text}");
        assert!(said(&target, "import", Heeds::Region).contains("--target"));
        assert!(said(&regions, "import", Heeds::Region).contains("takes one `--region`"));
        assert!(said(&region, "graph", Heeds::Nothing).contains("and `import` take it"));
    }
}
