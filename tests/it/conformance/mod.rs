//! Every registered type against an API server that others wrote: created, read back, each input
//! updated or replaced, tagged, imported, deleted.
//!
//! The cases stand in one YAML file a service. A case names the inputs to begin with, the changes
//! that must be updates, the changes that must be replacements, and, each with its reason, what the
//! emulator does not keep and what no emulator can show. Types, inputs and the parts of inputs are
//! enumerated from the registry, so one that no case tries is a failed test, and so is a reason that
//! none needs any more.
//!
//! What a type sends on the way must be among its permissions, and what is among them must be sent or
//! have a reason: real AWS refuses what an emulator lets pass.

mod case;
mod inputs;
mod life;
mod permitted;

use std::collections::BTreeSet;

use case::Case;
use drctl::aws;
use drctl::engine::schema::TypeSchema;

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
    let missing: Vec<&str> = aws::catalog().types().map(|t| t.token).filter(|t| !have.contains(t)).collect();
    assert!(missing.is_empty(), "types without a conformance case: {missing:#?}");
}

#[test]
fn every_input_and_every_part_of_one_is_tried_or_excused() {
    let cases = all_cases();
    let of = |ty: &TypeSchema| cases.iter().filter(|c| c.token == ty.token).collect::<Vec<_>>();
    let gaps: Vec<String> = aws::catalog()
        .types()
        .flat_map(|ty| untried(ty, &of(ty)).into_iter().map(|gap| format!("{}: {gap}", ty.token)))
        .collect();
    assert!(gaps.is_empty(), "{} inputs:\n{}", gaps.len(), gaps.join("\n"));
}

/// Inputs that are not tried as the schema says, and reasons that nothing needs.
fn untried(ty: &TypeSchema, cases: &[&Case]) -> Vec<String> {
    let all = inputs::of(&ty.inputs);
    let set: BTreeSet<String> =
        cases.iter().flat_map(|c| c.sets()).flat_map(|values| inputs::set_by(&ty.inputs, values)).collect();
    let unset: BTreeSet<&String> = cases.iter().flat_map(|c| c.unset.keys()).collect();
    let unchanged: BTreeSet<&String> = cases.iter().flat_map(|c| c.unchanged.keys()).collect();
    let dropped: BTreeSet<&String> = cases.iter().flat_map(|c| c.drops.keys()).collect();
    let mut gaps = Vec::new();
    for (path, property) in all.iter().filter(|(path, _)| path != "tags") {
        let is_dropped = dropped.iter().any(|place| inputs::is_within(place, path));
        let changes = match property {
            p if inputs::is_part(path) || p.initial => None,
            p if p.replace => Some(("replaced", cases.iter().any(|c| c.replaces(path)))),
            _ => Some(("updated", cases.iter().any(|c| c.updates(path)))),
        };
        if !set.contains(path) {
            if !unset.iter().any(|whole| inputs::is_within(path, whole)) {
                gaps.push(format!("`{path}` is never set"));
            }
            continue;
        }
        if unset.contains(path) {
            gaps.push(format!("`{path}` is set after all"));
        }
        match changes {
            Some((how, false)) if !is_dropped && !unchanged.contains(path) => {
                gaps.push(format!("`{path}` is never {how}"));
            }
            None | Some((_, true)) if unchanged.contains(path) => gaps.push(format!("`{path}` is changed after all")),
            _ => {}
        }
    }
    let known = |path: &str| all.iter().any(|(of, _)| inputs::is_within(path, of));
    let reasons = unset.into_iter().chain(unchanged).chain(dropped);
    gaps.extend(reasons.filter(|path| !known(path)).map(|path| format!("`{path}` is no input")));
    gaps
}
