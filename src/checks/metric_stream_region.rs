use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "metric-stream-region",
    summary: "A metric stream writes to a Firehose stream of its region.",
    why: "CloudWatch refuses one of another region; only what Firehose writes to may be elsewhere.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let streams = scene.of("aws:cloudwatch/metricStream:MetricStream");
    let away = streams.map(|stream| stream.field("firehoseArn")).filter_map(|arn| Some((arn, arn.elsewhere()?)));
    let found = away.map(|(arn, region)| {
        let message = format!("metrics of {} cannot go to a Firehose stream of {region}", arn.owner.place());
        arn.wrong(message).help("put the Firehose stream next to the metrics and its bucket into the other region")
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn metrics_go_to_a_stream_of_their_region() {
        let program = |region: &str| {
            format!(
                "
  stream:
    type: aws:cloudwatch:MetricStream
    properties:
      outputFormat: json
      roleArn: arn:aws:iam::1:role/r
      firehoseArn: arn:aws:firehose:{region}:1:deliverystream/s
"
            )
        };
        let message = "arn:aws:firehose:eu-west-1:1:deliverystream/s | \
            metrics of us-east-1 cannot go to a Firehose stream of eu-west-1";
        assert_eq!(found(&RULE, &program("eu-west-1")), [message]);
        assert!(found(&RULE, &program("us-east-1")).is_empty());
    }
}
