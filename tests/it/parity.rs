//! Every registered type has the inputs that pulumi-aws has, with the same meaning.
//!
//! `data/aws-types.json` says what pulumi-aws 7.48 has: for each input of each registered type the
//! words `required`, `replace` and `secret`, as far as they hold. What differs stands in one table,
//! with its reason.

use std::collections::{BTreeMap, BTreeSet};

use drctl::aws;
use drctl::engine::schema::{Property, TypeSchema};

type Inputs = BTreeMap<String, String>;

/// Type, input, how ours differs, why.
const DEVIATIONS: &[(&str, &str, &str, &str)] = &[
    ("aws:apigateway/basePathMapping:BasePathMapping", "basePath", "replaces", "it is part of what names a mapping"),
    (
        "aws:apigateway/basePathMapping:BasePathMapping",
        "domainNameId",
        "replaces",
        "it is part of what names a mapping",
    ),
    (
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        "actionsEnabled",
        "does not replace",
        "PutCompositeAlarm changes it",
    ),
    (
        "aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter",
        "destinationArn",
        "does not replace",
        "PutSubscriptionFilter changes it, and no event is lost meanwhile",
    ),
    (
        "aws:ec2/routeTableAssociation:RouteTableAssociation",
        "routeTableId",
        "replaces",
        "AWS gives an association with another table another id, which Pulumi hides",
    ),
    (
        "aws:ec2/securityGroup:SecurityGroup",
        "keepDefaultEgress",
        "is new",
        "Pulumi always removes the outbound rule that AWS makes, and has no word for keeping it",
    ),
    (
        "aws:ec2/subnet:Subnet",
        "ipv6IpamPoolId",
        "replaces",
        "AWS does not show the pool of a range, so a change cannot be seen to arrive",
    ),
    (
        "aws:ec2/subnet:Subnet",
        "ipv6NetmaskLength",
        "replaces",
        "another size is another range, and AWS takes it only when it makes one",
    ),
    (
        "aws:ec2/eip:Eip",
        "customerOwnedIpv4Pool",
        "replaces",
        "an address comes from its pool; EC2 has no call that moves it",
    ),
    ("aws:ec2/flowLog:FlowLog", "regionalNatGatewayId", "replaces", "EC2 has no call that changes a flow log"),
    ("aws:ec2/flowLog:FlowLog", "tagFieldSpecifications", "replaces", "EC2 has no call that changes a flow log"),
    ("aws:lb/targetGroup:TargetGroup", "targetControlPort", "replaces", "ModifyTargetGroup does not take it"),
    (
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "amazonManagedKafkaEventSourceConfig",
        "does not replace",
        "only the group of consumers in it does; Lambda changes the registry of schemas",
    ),
    (
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "selfManagedKafkaEventSourceConfig",
        "does not replace",
        "only the group of consumers in it does; Lambda changes the registry of schemas",
    ),
    ("aws:kms/key:Key", "xksKeyId", "replaces", "KMS has no call that changes it"),
    (
        "aws:rds/cluster:Cluster",
        "availabilityZones",
        "does not replace",
        "Aurora adds zones by itself; a cluster must never be replaced for that",
    ),
    (
        "aws:rds/cluster:Cluster",
        "replicationSourceIdentifier",
        "replaces",
        "RDS takes it only in a create, and ending a replication is no property of a cluster",
    ),
    ("aws:rds/cluster:Cluster", "s3Import", "replaces", "it is where a new cluster comes from, like a snapshot"),
    (
        "aws:rds/globalCluster:GlobalCluster",
        "engineLifecycleSupport",
        "replaces",
        "ModifyGlobalCluster does not take it",
    ),
    ("aws:route53/record:Record", "setIdentifier", "replaces", "it is part of what names a record"),
    ("aws:route53/record:Record", "type", "replaces", "it is part of what names a record"),
    (
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "rules",
        "is required",
        "S3 refuses a configuration without rules",
    ),
    ("aws:s3/bucketVersioning:BucketVersioning", "mfa", "is secret", "it holds a code of an MFA device"),
    ("aws:secretsmanager/secret:Secret", "type", "replaces", "Secrets Manager takes it only in a create"),
    (
        "aws:ssm/parameter:Parameter",
        "insecureValue",
        "is secret",
        "AWS shows it and `value` as one, so both are hidden alike",
    ),
];

fn theirs() -> BTreeMap<String, Inputs> {
    serde_json::from_str(include_str!("data/aws-types.json")).unwrap()
}

#[test]
fn every_input_is_that_of_pulumi_or_deviates_with_a_reason() {
    let theirs = theirs();
    let found: BTreeSet<(&str, String, &str)> = aws::catalog()
        .types()
        .flat_map(|ty| match theirs.get(ty.token) {
            Some(inputs) => deviations(ty, inputs),
            None => vec![(ty.token, "*".to_owned(), "pulumi-aws has no such type")],
        })
        .collect();
    let known =
        |(ty, input, how): &(&str, String, &str)| DEVIATIONS.iter().any(|d| (d.0, d.1, d.2) == (ty, input, how));
    let new: Vec<_> = found.iter().filter(|d| !known(d)).collect();
    assert!(new.is_empty(), "{} deviations without a reason:\n{}", new.len(), told(new.into_iter()));
    let over: Vec<_> = DEVIATIONS.iter().map(|d| (d.0, d.1.to_owned(), d.2)).filter(|d| !found.contains(d)).collect();
    assert!(over.is_empty(), "{} deviations that are none any more:\n{}", over.len(), told(over.iter()));
}

#[test]
fn the_extract_holds_registered_types_only() {
    let over: Vec<String> = theirs().into_keys().filter(|token| aws::catalog().find(token).is_none()).collect();
    assert!(over.is_empty(), "{over:#?}");
}

#[test]
fn what_is_left_out_exists() {
    let theirs = theirs();
    let has = |ty: &str, input: &str| theirs.get(ty).is_some_and(|inputs| inputs.contains_key(input));
    let registered = |ty: &str| aws::catalog().find(ty).is_some();
    let over: Vec<_> =
        aws::LEFT_OUT.iter().filter(|(ty, input, _)| registered(ty) && !has(ty, input)).map(|d| (d.0, d.1)).collect();
    assert!(over.is_empty(), "pulumi-aws has no such inputs: {over:#?}");
}

#[test]
fn a_reason_that_names_another_type_names_one_that_exists() {
    let name = regex_lite::Regex::new("`(aws:[A-Za-z0-9:]+)`").unwrap();
    let named = aws::LEFT_OUT.iter().flat_map(|(.., why)| name.captures_iter(why).map(|found| found[1].to_owned()));
    let unknown: Vec<String> = named.filter(|token| aws::catalog().find(token).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

fn deviations<'a>(ty: &'a TypeSchema, theirs: &Inputs) -> Vec<(&'a str, String, &'static str)> {
    let ours: BTreeMap<&str, &Property> = ty.inputs.properties.iter().map(|p| (p.name.as_str(), p)).collect();
    let mut found = Vec::new();
    for (input, words) in theirs {
        let Some(property) = ours.get(input.as_str()) else {
            if ty.inputs.why_left_out(input).is_none() {
                found.push((ty.token, input.clone(), "is missing"));
            }
            continue;
        };
        let says = |word: &str| words.split(' ').any(|w| w == word);
        let must = property.required && property.auto_name.is_none() && property.default.is_none();
        let differs = [
            (says("required"), must, "is not required", "is required"),
            (says("replace"), property.replace, "does not replace", "replaces"),
            (says("secret"), property.secret, "is not secret", "is secret"),
        ];
        for (there, here, less, more) in differs {
            if there != here {
                found.push((ty.token, input.clone(), if there { less } else { more }));
            }
        }
    }
    let added = ours.keys().filter(|input| !theirs.contains_key(**input));
    found.extend(added.map(|input| (ty.token, (*input).to_owned(), "is new")));
    found
}

fn told<'a>(deviations: impl Iterator<Item = &'a (&'a str, String, &'a str)>) -> String {
    deviations.map(|(ty, input, how)| format!("{ty}: `{input}` {how}")).collect::<Vec<_>>().join("\n")
}
