use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "log-destination-region",
    summary: "A log subscription goes to a function, a stream or a log destination of its region.",
    why: "CloudWatch Logs refuses a destination of another region.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let filters = scene.of("aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter");
    let away = filters.map(|filter| filter.field("destinationArn")).filter_map(|arn| Some((arn, arn.elsewhere()?)));
    let found = away.map(|(arn, region)| {
        let message = format!("the log group is in {}, and its events cannot go to {region}", arn.owner.place());
        arn.wrong(message).help("send them to a function of the same region that passes them on")
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn logs_do_not_leave_their_region_by_a_subscription() {
        let program = "
  group: {type: aws:cloudwatch:LogGroup}
  role: {type: aws:iam:Role, properties: {assumeRolePolicy: {}}}
  near: {type: aws:cloudwatch:LogDestination, properties: {roleArn: '${role.arn}', targetArn: 'arn:aws:kinesis:eu-west-1:1:stream/s'}}
  far: {type: aws:cloudwatch:LogDestination, region: secondary, properties: {roleArn: '${role.arn}', targetArn: 'arn:aws:kinesis:eu-west-1:1:stream/s'}}
  right: {type: aws:cloudwatch:LogSubscriptionFilter, properties: {logGroup: '${group.name}', filterPattern: '', destinationArn: '${near.arn}'}}
  wrong: {type: aws:cloudwatch:LogSubscriptionFilter, properties: {logGroup: '${group.name}', filterPattern: '', destinationArn: '${far.arn}'}}
";
        let message = "'${far.arn}' | the log group is in us-east-1, and its events cannot go to eu-west-1";
        assert_eq!(found(&RULE, program), [message]);
    }
}
