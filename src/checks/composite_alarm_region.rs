use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "composite-alarm-region",
    summary: "A composite alarm looks at alarms of its own region.",
    why: "CloudWatch says that the other alarms do not exist.",
    find,
};

const COMPOSITE: &str = "aws:cloudwatch/compositeAlarm:CompositeAlarm";
const ALARMS: [&str; 2] = [COMPOSITE, "aws:cloudwatch/metricAlarm:MetricAlarm"];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for alarm in scene.of(COMPOSITE) {
        for field in [alarm.field("alarmRule"), alarm.field("actionsSuppressor").field("alarm")] {
            let mut children = field.linked().filter(|child| ALARMS.contains(&child.schema().token));
            if let Some(child) = children.find(|child| child.place() != alarm.place()) {
                let message =
                    format!("alarm `{}` is of {}, and this one is in {}", child.name(), child.place(), alarm.place());
                let problem = field.wrong(message).also(child.at(), "the other alarm");
                found.push(problem.help("watch the other region from here, with a probe and an alarm of this region"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn a_composite_alarm_sees_its_own_region_only() {
        let program = "
  near: {type: aws:cloudwatch:MetricAlarm, properties: {metricName: m, namespace: n}}
  far: {type: aws:cloudwatch:MetricAlarm, region: secondary, properties: {metricName: m, namespace: n}}
  wrong:
    type: aws:cloudwatch:CompositeAlarm
    properties: {alarmName: wrong, alarmRule: 'ALARM(\"${near.name}\") AND ALARM(\"${far.name}\")'}
  right:
    type: aws:cloudwatch:CompositeAlarm
    properties: {alarmName: right, alarmRule: 'ALARM(\"${near.name}\") OR ALARM(\"${near.arn}\")'}
";
        let found = found(&RULE, program);
        assert_eq!(found.len(), 1);
        assert!(found[0].ends_with("| alarm `far` is of eu-west-1, and this one is in us-east-1"), "{found:?}");
    }
}
