use super::Rule;
use super::scene::{Field, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "global-metric-region",
    summary: "Alarms on metrics of Route 53, CloudFront and billing are in us-east-1.",
    why: "The metrics are nowhere else, so an alarm in another region never has data.",
    find,
};

const NAMESPACES: [&str; 3] = ["AWS/Billing", "AWS/CloudFront", "AWS/Route53"];
const HOME: &str = "us-east-1";

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let alarms = scene.of("aws:cloudwatch/metricAlarm:MetricAlarm").filter(|alarm| alarm.place().0 != HOME);
    let namespaces = alarms.flat_map(|alarm| {
        let queries = alarm.field("metricQueries").items().map(|query| query.field("metric").field("namespace"));
        queries.chain([alarm.field("namespace")])
    });
    namespaces.filter_map(nowhere).collect()
}

fn nowhere(namespace: Field<'_>) -> Option<Diagnostic> {
    let name = namespace.text().filter(|name| NAMESPACES.contains(name))?;
    let message = format!("metrics of `{name}` are in {HOME} only, and this alarm is in {}", namespace.owner.place());
    Some(namespace.wrong(message).help(format!("set `region: {HOME}` for the alarm and for what it acts on")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn metrics_of_route_53_are_in_one_region() {
        let program = "
  right: {type: aws:cloudwatch:MetricAlarm, properties: {metricName: HealthCheckStatus, namespace: AWS/Route53}}
  wrong:
    type: aws:cloudwatch:MetricAlarm
    region: secondary
    properties: {metricName: HealthCheckStatus, namespace: AWS/Route53}
  inside:
    type: aws:cloudwatch:MetricAlarm
    region: secondary
    properties:
      metricQueries:
        - {id: a, returnData: true, metric: {metricName: m, namespace: AWS/CloudFront, period: 60, stat: Sum}}
";
        let expected = [
            "AWS/CloudFront | metrics of `AWS/CloudFront` are in us-east-1 only, and this alarm is in eu-west-1",
            "AWS/Route53 | metrics of `AWS/Route53` are in us-east-1 only, and this alarm is in eu-west-1",
        ];
        assert_eq!(found(&RULE, program), expected);
    }
}
