use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "alarm-action-region",
    summary: "The actions of an alarm are in its region.",
    why: "CloudWatch refuses actions of another region when the alarm is made.",
    find,
};

const TYPES: [&str; 2] = ["aws:cloudwatch/compositeAlarm:CompositeAlarm", "aws:cloudwatch/metricAlarm:MetricAlarm"];
const ACTIONS: [&str; 3] = ["alarmActions", "insufficientDataActions", "okActions"];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let alarms = TYPES.iter().flat_map(|ty| scene.of(ty));
    let actions = alarms.flat_map(|alarm| ACTIONS.map(|name| alarm.field(name)));
    let away = actions.flat_map(|list| list.items()).filter_map(|action| Some((action, action.elsewhere()?)));
    let found = away.map(|(action, region)| {
        let message = format!("an alarm of {} cannot act in {region}", action.owner.place());
        action.wrong(message).help("give it a topic of its own region, with a subscription that goes where it must")
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn an_alarm_acts_in_its_own_region() {
        let program = "
  near: {type: aws:sns:Topic}
  far: {type: aws:sns:Topic, region: secondary}
  alarm:
    type: aws:cloudwatch:MetricAlarm
    properties:
      metricName: m
      namespace: n
      alarmActions: ['${near.arn}', '${far.arn}']
      okActions: ['arn:aws:sns:eu-west-1:123456789012:other', 'arn:aws:sns:us-east-1:123456789012:own']
";
        let expected = [
            "'${far.arn}' | an alarm of us-east-1 cannot act in eu-west-1",
            "'arn:aws:sns:eu-west-1:123456789012:other' | an alarm of us-east-1 cannot act in eu-west-1",
        ];
        assert_eq!(found(&RULE, program), expected);
    }
}
