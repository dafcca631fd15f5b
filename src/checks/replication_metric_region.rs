use super::Rule;
use super::scene::{Field, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "replication-metric-region",
    summary: "Alarms on the replication of S3 are in the region that the copies go to.",
    why: "S3 measures it there, so an alarm beside the source never has data.",
    find,
};

const BUCKET: &str = "aws:s3/bucket:Bucket";
/// What fails is counted at the source.
const METRICS: [&str; 3] = ["BytesPendingReplication", "OperationsPendingReplication", "ReplicationLatency"];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let alarms = scene.of("aws:cloudwatch/metricAlarm:MetricAlarm");
    let metrics = alarms.flat_map(|alarm| {
        let queries = alarm.field("metricQueries").items().map(|query| query.field("metric"));
        queries.chain([alarm.whole()])
    });
    metrics.filter_map(beside_the_source).collect()
}

fn beside_the_source(metric: Field<'_>) -> Option<Diagnostic> {
    metric.field("namespace").text().filter(|namespace| *namespace == "AWS/S3")?;
    let name = metric.field("metricName").text().filter(|name| METRICS.contains(name))?;
    let copies = metric.field("dimensions").field("DestinationBucket");
    let there = copies.target(BUCKET)?.place();
    let here = copies.owner.place();
    (here != there).then(|| {
        let message = format!("S3 measures `{name}` in {there}, where the copies go, and this alarm is in {here}");
        copies.wrong(message).help(format!("set `region: {there}` for the alarm and for what it acts on"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn the_replication_of_s3_is_measured_where_the_copies_go() {
        let program = "
  from: {type: aws:s3:Bucket, properties: {bucket: originals}}
  to: {type: aws:s3:Bucket, region: secondary, properties: {bucket: copies}}
  right:
    type: aws:cloudwatch:MetricAlarm
    region: secondary
    properties: {namespace: AWS/S3, metricName: ReplicationLatency, dimensions: {SourceBucket: '${from.id}', DestinationBucket: '${to.id}'}}
  wrong:
    type: aws:cloudwatch:MetricAlarm
    properties: {namespace: AWS/S3, metricName: ReplicationLatency, dimensions: {SourceBucket: originals, DestinationBucket: copies}}
  failures:
    type: aws:cloudwatch:MetricAlarm
    properties: {namespace: AWS/S3, metricName: OperationsFailedReplication, dimensions: {DestinationBucket: copies}}
  inside:
    type: aws:cloudwatch:MetricAlarm
    properties:
      metricQueries:
        - id: a
          returnData: true
          metric: {namespace: AWS/S3, metricName: BytesPendingReplication, period: 60, stat: Maximum, dimensions: {DestinationBucket: '${to.id}'}}
";
        let told = |name: &str| {
            format!("S3 measures `{name}` in eu-west-1, where the copies go, and this alarm is in us-east-1")
        };
        let expected = [
            format!("'${{to.id}}' | {}", told("BytesPendingReplication")),
            format!("copies | {}", told("ReplicationLatency")),
        ];
        assert_eq!(found(&RULE, program), expected);
    }
}
