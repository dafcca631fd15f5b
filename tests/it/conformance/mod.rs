//! Every registered type against an API server that others wrote: created, read back, each input
//! updated or replaced, tagged, imported, deleted.
//!
//! The cases stand in one YAML file a service. A case names the inputs to begin with, the changes
//! that must be updates, the changes that must be replacements, and, each with its reason, what the
//! emulator does not keep and what no emulator can show. Cases are enumerated from the registry, so
//! a type without one is a failed test.

mod case;
mod life;

use std::collections::BTreeSet;

use case::Case;
use drctl::aws;

/// One test a file of cases.
macro_rules! services {
    ($($service:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $service() {
                life::of_all(case::read(stringify!($service))).await;
            }
        )*

        fn all_cases() -> Vec<Case> {
            let mut cases = Vec::new();
            $(cases.extend(case::read(stringify!($service)));)*
            cases
        }
    };
}

services! {
    acm,
    apigateway,
    appautoscaling,
    autoscaling,
    backup,
    cloudwatch,
    dynamodb,
    ec2,
    iam,
    iam_policies,
    kinesis,
    kms,
    lambda,
    lb,
    rds,
    route53,
    s3,
    secretsmanager,
    sfn,
    sns,
    sqs,
    ssm,
}

#[test]
fn every_registered_type_has_a_case() {
    let cases = all_cases();
    let have: BTreeSet<&str> = cases.iter().map(|c| c.token.as_str()).collect();
    let missing: Vec<&str> = aws::catalog().types().iter().map(|t| t.token).filter(|t| !have.contains(t)).collect();
    assert!(missing.is_empty(), "types without a conformance case: {missing:#?}");
}

#[test]
fn every_input_of_every_type_is_tried_or_excused() {
    let mut gaps = Vec::new();
    for ty in aws::catalog().types() {
        let cases: Vec<Case> = all_cases().into_iter().filter(|c| c.token == ty.token).collect();
        for input in ty.inputs.properties.iter().filter(|p| p.name != "tags") {
            let mentioned = |find: fn(&Case, &str) -> bool| cases.iter().any(|c| find(c, &input.name));
            if mentioned(Case::excuses) {
                continue;
            }
            let how = match () {
                () if !mentioned(Case::sets) => "is never set",
                () if input.replace && !mentioned(Case::replaces) => "is never replaced",
                () if !input.replace && !input.initial && !mentioned(Case::updates) => "is never updated",
                () => continue,
            };
            gaps.push(format!("{}: `{}` {how}", ty.token, input.name));
        }
    }
    assert!(gaps.is_empty(), "{} inputs are not tried:\n{}", gaps.len(), gaps.join("\n"));
}
