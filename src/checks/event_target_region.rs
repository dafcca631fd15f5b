use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "event-target-region",
    summary: "The target of an event rule is in its region, unless it is an event bus.",
    why: "EventBridge refuses other targets of another region when the rule is there already.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let targets = scene.of("aws:cloudwatch/eventTarget:EventTarget").map(|target| target.field("arn"));
    let away = targets.filter_map(|arn| Some((arn, arn.elsewhere()?)));
    let others = away.filter(|(arn, _)| !arn.text().is_some_and(|text| text.contains(":event-bus/")));
    let found = others.map(|(arn, region)| {
        let message = format!("a rule of {} cannot reach a target of {region}", arn.owner.place());
        arn.wrong(message).help("send the event to the bus of the other region, and from there to the target")
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn only_a_bus_may_be_of_another_region() {
        let program = "
  rule: {type: aws:cloudwatch:EventRule, properties: {scheduleExpression: rate(1 minute)}}
  far: {type: aws:sns:Topic, region: secondary}
  wrong: {type: aws:cloudwatch:EventTarget, properties: {rule: '${rule.name}', arn: '${far.arn}'}}
  right:
    type: aws:cloudwatch:EventTarget
    properties: {rule: '${rule.name}', arn: 'arn:aws:events:eu-west-1:123456789012:event-bus/default'}
";
        assert_eq!(found(&RULE, program), ["'${far.arn}' | a rule of us-east-1 cannot reach a target of eu-west-1"]);
    }
}
