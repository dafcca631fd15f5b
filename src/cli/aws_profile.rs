//! The configuration file of AWS's own tools, and what its profiles say.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where the configuration is, whether or not there is one.
pub(super) fn config_file(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let home = || Some(PathBuf::from(environment.get("HOME")?).join(".aws/config"));
    environment.get("AWS_CONFIG_FILE").filter(|v| !v.is_empty()).map(PathBuf::from).or_else(home)
}

/// The region that the AWS profile of the environment names.
pub(super) fn profile_region(environment: &BTreeMap<String, String>) -> Option<String> {
    let profile = environment.get("AWS_PROFILE").filter(|name| !name.is_empty());
    let file = std::fs::read_to_string(config_file(environment)?).ok()?;
    region_of(&file, profile.map_or("default", String::as_str))
}

fn region_of(file: &str, profile: &str) -> Option<String> {
    let settings = section(file, &title(profile)).into_iter();
    settings.filter(|(outer, name, _)| outer.is_empty() && name == "region").map(|(_, _, region)| region).next()
}

/// The heading of the section of a profile.
pub(super) fn title(profile: &str) -> String {
    if profile == "default" { "default".to_owned() } else { format!("profile {profile}") }
}

/// The settings of a section of an AWS configuration file: what each is nested in, its name, its value.
pub(super) fn section(file: &str, title: &str) -> Vec<(String, String, String)> {
    let heading = |line: &str| {
        let inner = line.trim().strip_prefix('[')?.split(']').next()?;
        Some(inner.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let lines = file.lines().skip_while(|line| heading(line).as_deref() != Some(title)).skip(1);
    let (mut settings, mut outer) = (Vec::new(), String::new());
    for line in lines.take_while(|line| heading(line).is_none()) {
        let Some((name, value)) = line.split_once('=') else { continue };
        let (name, value) = (name.trim().to_owned(), value.split(" #").next().unwrap_or_default().trim().to_owned());
        match (line.starts_with([' ', '\t']), value.is_empty()) {
            (false, true) => outer = name,
            (false, false) => settings.push((String::new(), name, value)),
            (true, _) => settings.push((outer.clone(), name, value)),
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_of_the_profile_is_that_of_its_own_section() {
        let file = "[default]\nregion = us-east-1\n[profile lab] # mine\nregion=eu-west-1 # near\n\
                    [profile odd]\ns3 =\n  region = eu-north-1\n";
        assert_eq!(region_of(file, "default").as_deref(), Some("us-east-1"));
        assert_eq!(region_of(file, "lab").as_deref(), Some("eu-west-1"));
        assert_eq!(region_of(file, "odd"), None);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config");
        std::fs::write(&path, file).unwrap();
        let mut environment = BTreeMap::from([("AWS_CONFIG_FILE".to_owned(), path.display().to_string())]);
        assert_eq!(profile_region(&environment).as_deref(), Some("us-east-1"));
        environment.insert("AWS_PROFILE".to_owned(), "lab".to_owned());
        assert_eq!(profile_region(&environment).as_deref(), Some("eu-west-1"));
    }
}
