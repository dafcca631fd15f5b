use super::Rule;
use super::scene::{Item, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "child-health-threshold",
    summary: "A calculated health check asks for no more healthy children than it has.",
    why: "Route 53 takes the number, and such a check is never healthy.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    scene.of("aws:route53/healthCheck:HealthCheck").filter_map(refused).collect()
}

fn refused(check: Item<'_>) -> Option<Diagnostic> {
    let (threshold, children) = (check.field("childHealthThreshold"), check.field("childHealthchecks"));
    let is_calculated = check.field("type").text() == Some("CALCULATED");
    // Then it counts as healthy for ever, which is a way to switch it by hand.
    let is_switch = ["disabled", "invertHealthcheck"].into_iter().any(|switch| !check.field(switch).is_not_true());
    if !is_calculated || is_switch || !children.is_list() && !children.is_missing() {
        return None;
    }
    let (wanted, there) = (threshold.integer()?, children.items().count());
    (usize::try_from(wanted).ok()? > there).then(|| {
        let message = format!("`{}` wants {wanted} healthy children and has {there}", check.name());
        threshold.wrong(message).also(children.at(), "its children").help(format!("write {there} or less"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    fn told(properties: &str) -> Vec<String> {
        let one = "{type: aws:route53:HealthCheck, properties: {type: TCP, port: 443, ipAddress: 192.0.2.1}}";
        let all = format!("{{type: aws:route53:HealthCheck, properties: {{type: CALCULATED, {properties}}}}}");
        found(&RULE, &format!("  a: {one}\n  b: {one}\n  all: {all}\n"))
    }

    #[test]
    fn more_healthy_children_than_there_are_are_never_reached() {
        let both = "childHealthchecks: ['${a.id}', '${b.id}']";
        assert_eq!(told(&format!("childHealthThreshold: 3, {both}")), ["3 | `all` wants 3 healthy children and has 2"]);
        for enough in [0, 1, 2] {
            assert!(told(&format!("childHealthThreshold: {enough}, {both}")).is_empty());
        }
    }

    #[test]
    fn children_that_are_not_known_are_not_counted() {
        let program = "childHealthThreshold: 3, childHealthchecks: {fn::split: [',', '${a.arn}']}";
        assert!(told(program).is_empty());
    }

    #[test]
    fn a_check_that_is_or_may_be_inverted_or_disabled_may_be_healthy_all_the_same() {
        for switch in ["disabled", "invertHealthcheck"] {
            let all = |value: &str| {
                told(&format!("childHealthThreshold: 3, childHealthchecks: ['${{a.id}}'], {switch}: {value}"))
            };
            for open in ["true", "{fn::startsWith: ['${a.arn}', x]}"] {
                assert!(all(open).is_empty(), "{switch}: {open}");
            }
            assert_eq!(all("false"), ["3 | `all` wants 3 healthy children and has 1"], "{switch}");
        }
    }
}
