//! The flags that say what a run touches. They may stand anywhere.

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};
use crate::engine::diagnostic::nearest;
use crate::engine::settings::Settings;
use crate::engine::urn::Place;
use crate::render::regions::Regions;

/// What a run touches.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What to touch")]
pub(crate) struct Selection {
    /// Only these resources: URNs, logical names or types, with `*` and `?`; a component or an `each` stands for
    /// all in it
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

    /// Only resources in this region, role or `global`; may be given more than once
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

impl Selection {
    /// The regions that do not answer. They may be named by their role.
    pub(super) fn unavailable(&self, roles: &Regions) -> Result<Vec<String>> {
        self.unavailable.iter().map(|given| region("--region-unavailable", given, roles)).collect()
    }

    /// What the user asks of a run in these flags. Regions may be named by their role.
    pub(super) fn settings(&self, roles: &Regions) -> Result<Settings> {
        let default = Settings::default();
        Ok(Settings {
            refresh: self.refresh,
            targets: self.targets.clone(),
            target_dependents: self.target_dependents,
            excludes: self.excludes.clone(),
            exclude_dependents: self.exclude_dependents,
            replaces: self.replaces.clone(),
            regions: self.regions.iter().map(|given| region("--region", given, roles)).collect::<Result<_>>()?,
            unavailable: self.unavailable(roles)?,
            parallel: self.parallel.unwrap_or(default.parallel),
            ..default
        })
    }
}

/// The region of a role, or what was given if it can be a region.
fn region(flag: &str, given: &str, roles: &Regions) -> Result<String> {
    if let Some(region) = roles.of_role(given) {
        return Ok(region.to_owned());
    }
    // All regions of AWS have a dash.
    if given.contains('-') || Place(given.to_owned()).is_global() {
        return Ok(given.to_owned());
    }
    let known: Vec<&str> = roles.roles().chain(["global"]).collect();
    let help = match nearest(given, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("name a region such as `us-east-1`, or one of `{}`", known.join("`, `")),
    };
    Err(Failure::new(Exit::Configuration, format!("`{flag} {given}` is no region and no role of this stack"), help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_may_be_named_by_its_role() {
        let roles = Regions::new([("primary".into(), "us-east-1".into()), ("secondary".into(), "eu-west-1".into())]);
        let named = |given: &str| region("--region", given, &roles);
        assert_eq!(named("secondary").unwrap(), "eu-west-1");
        assert_eq!(named("us-east-1").unwrap(), "us-east-1");
        assert_eq!(named("global").unwrap(), "global");
        let Err(Failure::Error(_, error)) = named("secundary") else { panic!() };
        assert_eq!(error.hint.unwrap(), "did you mean `secondary`?");
        let Err(Failure::Error(_, error)) = named("mars") else { panic!() };
        assert_eq!(
            error.hint.unwrap(),
            "name a region such as `us-east-1`, or one of `primary`, `secondary`, `global`"
        );
    }
}
