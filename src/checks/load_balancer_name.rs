use super::Rule;
use super::scene::{Field, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "load-balancer-name",
    summary: "Names of load balancers and target groups have at most 32 letters, digits and hyphens.",
    why: "Elastic Load Balancing refuses others, and names that begin or end with a hyphen or begin with `internal-`.",
    find,
};

const TYPES: [&str; 2] = ["aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"];
const LONGEST: usize = 32;

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    TYPES.iter().flat_map(|ty| scene.of(ty)).filter_map(|item| refused(item.field("name"))).collect()
}

fn refused(field: Field<'_>) -> Option<Diagnostic> {
    let name = field.text()?;
    let problem = field.wrong(format!("`{name}` {}", mistake(name)?));
    Some(problem.help("shorten or change it; without `name` it gets one by itself"))
}

fn mistake(name: &str) -> Option<String> {
    let count = name.chars().count();
    match name {
        _ if count > LONGEST => Some(format!("has {count} characters, but at most {LONGEST} are allowed")),
        _ if name.starts_with("internal-") => Some("begins with `internal-`, which AWS keeps for itself".to_owned()),
        _ if name.starts_with('-') || name.ends_with('-') => Some("begins or ends with a hyphen".to_owned()),
        _ if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => {
            Some("holds more than letters, digits and hyphens".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_load_balancers_are_short_and_plain() {
        for (name, says) in [
            ("payments-orchestrator-secondary-lb", Some("34 characters")),
            ("internal-api", Some("`internal-`")),
            ("api-", Some("a hyphen")),
            ("api_v2", Some("letters, digits and hyphens")),
            ("api-v2", None),
        ] {
            let told = mistake(name);
            assert_eq!(told.is_some(), says.is_some(), "{name}: {told:?}");
            assert!(told.unwrap_or_default().contains(says.unwrap_or_default()), "{name}");
        }
    }
}
