use std::collections::HashMap;

use super::Rule;
use super::scene::{Field, Item, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "alarm-route53-reads",
    summary: "An alarm behind a health check is one that Route 53 can follow.",
    why: "Route 53 follows the data of the alarm and knows only plain metrics, so it refuses or never gets unhealthy.",
    find,
};

const HEALTH_CHECK: &str = "aws:route53/healthCheck:HealthCheck";
const METRIC: &str = "aws:cloudwatch/metricAlarm:MetricAlarm";
const COMPOSITE: &str = "aws:cloudwatch/compositeAlarm:CompositeAlarm";
/// Seconds of one period of a metric of standard resolution.
const STANDARD: i64 = 60;

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let named: HashMap<(&str, &str), Item<'_>> = scene
        .of(METRIC)
        .filter_map(|alarm| Some(((alarm.field("name").text()?, alarm.place().0.as_str()), alarm)))
        .collect();
    let mut found = Vec::new();
    for check in scene.of(HEALTH_CHECK) {
        let name = check.field("cloudwatchAlarmName");
        if let Some(composite) = name.linked().find(|item| item.is(COMPOSITE)) {
            let problem = name.wrong(format!("Route 53 cannot follow the composite alarm `{}`", composite.name()));
            found.push(problem.help("name an alarm on a metric, or join health checks with a `CALCULATED` one"));
            continue;
        }
        let by_name = || named.get(&(name.text()?, check.field("cloudwatchAlarmRegion").text()?)).copied();
        let Some(alarm) = name.linked().find(|item| item.is(METRIC)).or_else(by_name) else { continue };
        let region = check.field("cloudwatchAlarmRegion");
        if region.text().is_some_and(|text| text != alarm.place().0) {
            let problem = region.wrong(format!("the alarm `{}` is in {}", alarm.name(), alarm.place()));
            found.push(problem.also(name.at(), "the alarm that is followed").help("name the region of the alarm"));
        }
        for (field, what) in obstacles(alarm) {
            let message = format!("Route 53 cannot follow an alarm {what}");
            found.push(field.wrong(message).also(name.at(), "the health check that follows it").help(HELP));
        }
    }
    found
}

const HELP: &str = "use one metric with a period of 60 seconds or more, a statistic such as `Average`, and all periods";

/// What keeps Route 53 from following an alarm.
fn obstacles(alarm: Item<'_>) -> Vec<(Field<'_>, &'static str)> {
    let field = |name| alarm.field(name);
    let periods = field("evaluationPeriods").integer().unwrap_or_default();
    [
        (field("metricQueries").is_given(), "metricQueries", "on a calculation with metrics"),
        (field("evaluationCriteria").is_given(), "evaluationCriteria", "on a PromQL query"),
        (field("extendedStatistic").is_given(), "extendedStatistic", "on a percentile"),
        (field("period").integer().is_some_and(|p| p < STANDARD), "period", "with a period below 60 seconds"),
        (
            field("datapointsToAlarm").integer().is_some_and(|points| points < periods),
            "datapointsToAlarm",
            "that goes off after some of its periods",
        ),
    ]
    .into_iter()
    .filter(|(wrong, ..)| *wrong)
    .map(|(_, name, what)| (field(name), what))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    fn program(alarm: &str, named: &str) -> String {
        format!(
            "
  alarm:
    type: aws:cloudwatch:MetricAlarm
    properties: {{name: lag, metricName: m, namespace: n, {alarm}}}
  check:
    type: aws:route53:HealthCheck
    properties: {{type: CLOUDWATCH_METRIC, cloudwatchAlarmName: '{named}', cloudwatchAlarmRegion: us-east-1}}
"
        )
    }

    #[test]
    fn route_53_follows_plain_alarms_only() {
        for (alarm, what) in [
            ("period: 30, statistic: Average", "30 | Route 53 cannot follow an alarm with a period below 60 seconds"),
            ("period: 60, extendedStatistic: p99", "p99 | Route 53 cannot follow an alarm on a percentile"),
            (
                "period: 60, evaluationPeriods: 3, datapointsToAlarm: 2",
                "2 | Route 53 cannot follow an alarm that goes off after some of its periods",
            ),
        ] {
            assert_eq!(found(&RULE, &program(alarm, "${alarm.name}")), [what]);
            assert_eq!(found(&RULE, &program(alarm, "lag")), [what]);
        }
        let plain = "period: 60, statistic: Average, evaluationPeriods: 3, datapointsToAlarm: 3";
        assert!(found(&RULE, &program(plain, "${alarm.name}")).is_empty());
    }

    #[test]
    fn an_alarm_is_looked_for_in_its_own_region() {
        let elsewhere = program("period: 60, statistic: Average", "${alarm.name}")
            .replace("cloudwatchAlarmRegion: us-east-1", "cloudwatchAlarmRegion: us-east-2");
        assert_eq!(found(&RULE, &elsewhere), ["us-east-2 | the alarm `alarm` is in us-east-1"]);
    }

    #[test]
    fn an_alarm_that_no_health_check_follows_may_be_as_it_likes() {
        assert!(found(&RULE, &program("period: 10", "another")).is_empty());
    }
}
