use super::Rule;
use super::scene::{Field, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "load-balancer-name",
    summary: "Names of load balancers and target groups are letters, digits and hyphens, at most 32 and not at the ends.",
    why: "Elastic Load Balancing refuses others, and names that begin with `internal-`, when the network is there.",
    find,
};

const TYPES: [&str; 2] = ["aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    TYPES.iter().flat_map(|ty| scene.of(ty)).filter_map(|item| refused(item.field("name"))).collect()
}

fn refused(field: Field<'_>) -> Option<Diagnostic> {
    let name = field.text()?;
    let problem = field.wrong(format!("`{name}` {}", mistake(name)?));
    Some(problem.help("change it; without `name` it gets one by itself"))
}

/// The length is a matter of the types.
fn mistake(name: &str) -> Option<&'static str> {
    match name {
        _ if name.starts_with("internal-") => Some("begins with `internal-`, which AWS keeps for itself"),
        _ if name.starts_with('-') || name.ends_with('-') => Some("begins or ends with a hyphen"),
        _ if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => {
            Some("holds more than letters, digits and hyphens")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{found, refusal};

    fn group(name: &str) -> String {
        format!("  group: {{type: aws:lb:TargetGroup, properties: {{name: {name}, targetType: lambda}}}}\n")
    }

    #[test]
    fn a_target_group_has_a_name_that_aws_takes() {
        let message = "internal-api | `internal-api` begins with `internal-`, which AWS keeps for itself";
        assert_eq!(found(&RULE, &group("internal-api")), [message]);
        assert!(found(&RULE, &group("payments-orchestrator-primary-tg")).is_empty());
        assert!(refusal(&group("payments-orchestrator-secondary-tg")).contains("at most 32 characters"));
    }

    #[test]
    fn names_of_load_balancers_are_plain() {
        for (name, says) in [
            ("internal-api", Some("`internal-`")),
            ("api-", Some("a hyphen")),
            ("-api", Some("a hyphen")),
            ("api_v2", Some("letters, digits and hyphens")),
            ("api-v2", None),
            ("api-internal-v2", None),
        ] {
            let told = mistake(name);
            assert_eq!(told.is_some(), says.is_some(), "{name}: {told:?}");
            assert!(told.unwrap_or_default().contains(says.unwrap_or_default()), "{name}");
        }
    }
}
