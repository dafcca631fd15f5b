use super::Rule;
use super::scene::{Field, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "schedule",
    summary: "A schedule is a `rate(…)` of one minute or more, or a `cron(…)` of six fields.",
    why: "EventBridge and AWS Backup refuse others; nothing is started more often than once a minute.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let rules = scene.of("aws:cloudwatch/eventRule:EventRule").map(|rule| rule.field("scheduleExpression"));
    let plans = scene.of("aws:backup/plan:Plan").flat_map(|plan| plan.field("rules").items());
    let schedules = scene.of("aws:scheduler/schedule:Schedule").map(|s| s.field("scheduleExpression"));
    let all = rules.chain(plans.map(|rule| rule.field("schedule"))).chain(schedules);
    all.filter_map(refused).collect()
}

fn refused(field: Field<'_>) -> Option<Diagnostic> {
    let text = field.text()?;
    let Mistake { what, help } = mistake(text)?;
    Some(field.wrong(format!("`{text}` {what}")).help(help))
}

#[derive(Debug, PartialEq)]
struct Mistake {
    what: String,
    help: &'static str,
}

fn wrong(what: impl Into<String>, help: &'static str) -> Option<Mistake> {
    Some(Mistake { what: what.into(), help })
}

fn mistake(text: &str) -> Option<Mistake> {
    let inner = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    match (inner("rate"), inner("cron"), inner("at")) {
        (Some(rate), ..) => of_rate(rate),
        (_, Some(cron), _) => of_cron(cron),
        // One time, as EventBridge Scheduler takes it.
        (.., Some(_)) => None,
        _ => wrong("is no schedule", "write `rate(5 minutes)` or `cron(0 12 * * ? *)`"),
    }
}

const SHORT: &str = "start a function once a minute and let it work several times, or use a state machine that waits";

fn of_rate(text: &str) -> Option<Mistake> {
    let mut words = text.split(' ');
    let (Some(count), Some(unit), None) = (words.next(), words.next(), words.next()) else {
        return wrong("is no rate", "write a number and a unit: `rate(5 minutes)`");
    };
    let Some(count) = count.parse::<u32>().ok().filter(|n| *n > 0) else {
        return wrong("has no whole number above 0", SHORT);
    };
    match (unit, count) {
        ("minute" | "hour" | "day", 1) | ("minutes" | "hours" | "days", 2..) => None,
        ("minutes" | "hours" | "days", _) => wrong("has a plural for one", "write `1 minute`, `1 hour` or `1 day`"),
        ("minute" | "hour" | "day", _) => wrong("has a singular for several", "write `minutes`, `hours` or `days`"),
        ("second" | "seconds", _) => wrong("is of less than a minute", SHORT),
        _ => wrong(format!("has the unit `{unit}`"), "units are minutes, hours and days"),
    }
}

/// A field of a cron expression: its name, its range, and words for its numbers from the first on.
struct Part {
    name: &'static str,
    from: u32,
    to: u32,
    words: &'static [&'static str],
    /// What may stand there beside numbers, ranges, lists and steps.
    signs: &'static str,
}

const PARTS: [Part; 6] = [
    Part { name: "minutes", from: 0, to: 59, words: &[], signs: "" },
    Part { name: "hours", from: 0, to: 23, words: &[], signs: "" },
    Part { name: "day of the month", from: 1, to: 31, words: &[], signs: "?LW" },
    Part { name: "month", from: 1, to: 12, words: MONTHS, signs: "" },
    Part { name: "day of the week", from: 1, to: 7, words: DAYS, signs: "?L#" },
    Part { name: "year", from: 1970, to: 2199, words: &[], signs: "" },
];
const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

fn of_cron(text: &str) -> Option<Mistake> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let Ok(fields) = <[&str; 6]>::try_from(fields) else {
        let help = "minutes, hours, day of the month, month, day of the week and year: `cron(0 12 * * ? *)`";
        return wrong("does not have six fields", help);
    };
    for (part, text) in PARTS.iter().zip(fields) {
        if !text.split(',').all(|item| part.takes(item)) {
            let what = format!("has `{text}` for the {}", part.name);
            return wrong(what, "`*` stands for all, `1-5` for a range, `0/15` for every fifteenth");
        }
    }
    match (fields[2], fields[4]) {
        ("?", "?") => wrong("has `?` for both days", "write `*` for one of them"),
        ("?", _) | (_, "?") => None,
        _ => wrong("names both days", "write `?` for the day of the month or for the day of the week"),
    }
}

impl Part {
    fn takes(&self, item: &str) -> bool {
        let number = |text: &str| match text.parse::<u32>() {
            Ok(n) => (self.from..=self.to).contains(&n),
            Err(_) => self.words.iter().any(|word| word.eq_ignore_ascii_case(text)),
        };
        let range = |text: &str| match text.split_once('-') {
            Some((first, last)) => number(first) && number(last),
            None => text == "*" || number(text),
        };
        let sign = |sign: char| self.signs.contains(sign);
        if let Some((first, step)) = item.split_once('/') {
            return range(first) && step.parse::<u32>().is_ok_and(|n| n > 0);
        }
        if let Some((day, week)) = item.split_once('#') {
            return sign('#') && number(day) && week.parse::<u32>().is_ok_and(|n| (1..=5).contains(&n));
        }
        range(item)
            || item == "?" && sign('?')
            || matches!(item, "L" | "LW") && sign('L')
            || item.strip_suffix('L').is_some_and(|day| sign('#') && number(day))
            || item.strip_suffix('W').is_some_and(|day| sign('W') && number(day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn schedules_that_aws_takes_are_taken() {
        for text in [
            "rate(1 minute)",
            "rate(5 minutes)",
            "rate(1 day)",
            "cron(0 12 * * ? *)",
            "cron(0/15 8-18 ? * MON-FRI *)",
            "cron(0 5 1,15 JAN,JUL ? 2026-2030)",
            "cron(0 0 L * ? *)",
            "cron(0 0 ? * 6L *)",
            "cron(0 0 ? * 2#1 *)",
            "cron(0 0 3W * ? *)",
            "at(2026-01-01T00:00:00)",
        ] {
            assert_eq!(mistake(text), None, "{text}");
        }
    }

    #[test]
    fn others_are_not() {
        for (text, says) in [
            ("rate(30 seconds)", "less than a minute"),
            ("rate(0 minutes)", "no whole number"),
            ("rate(0.5 minutes)", "no whole number"),
            ("rate(1 minutes)", "plural"),
            ("rate(5 minute)", "singular"),
            ("rate(1 week)", "unit `week`"),
            ("rate(5)", "is no rate"),
            ("cron(0 12 * * ?)", "six fields"),
            ("cron(0 12 * * * *)", "both days"),
            ("cron(0 12 ? * ? *)", "both days"),
            ("cron(60 12 * * ? *)", "`60` for the minutes"),
            ("cron(0 24 * * ? *)", "`24` for the hours"),
            ("cron(0 0 ? * 0 *)", "`0` for the day of the week"),
            ("every minute", "is no schedule"),
        ] {
            let told = mistake(text).map(|m| m.what).unwrap_or_default();
            assert!(told.contains(says), "{text}: {told}");
        }
    }

    #[test]
    fn rules_and_backup_plans_are_looked_at() {
        let program = "
  rule: {type: aws:cloudwatch:EventRule, properties: {scheduleExpression: rate(30 seconds)}}
  plan:
    type: aws:backup:Plan
    properties: {rules: [{ruleName: daily, targetVaultName: vault, schedule: cron(0 5 * * *)}]}
";
        let expected = [
            "cron(0 5 * * *) | `cron(0 5 * * *)` does not have six fields",
            "rate(30 seconds) | `rate(30 seconds)` is of less than a minute",
        ];
        assert_eq!(found(&RULE, program), expected);
    }
}
