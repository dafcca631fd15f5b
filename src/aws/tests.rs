//! What holds for every type, and for the way to AWS.

use super::wire::{self, Reply, aws, ok};
use super::*;
use crate::engine::error::Kind;
use crate::engine::provider::{KindAt, Next, Provider};
use crate::engine::resource::{Existing, FoundBy, Seen, Want};
use crate::engine::schema::{Object, Property, Shape};
use crate::engine::urn::{Id, Place};
use crate::engine::value::Value;

const SUBNET: &str = "aws:ec2/subnet:Subnet";

fn refusal(code: &str, message: &str) -> String {
    format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         </Response>"
    )
}

fn inputs() -> Value {
    serde_json::json!({ "vpcId": "vpc-1", "cidrBlock": "10.0.1.0/24" }).into()
}

#[tokio::test]
async fn a_subnet_that_no_answer_shows_is_gone() {
    let (aws, _) = aws(&[("Action=DescribeSubnets", ok("<DescribeSubnetsResponse/>"))]);
    assert_eq!(wire::read(&aws, SUBNET, "subnet-1").await.unwrap(), Seen::Gone);
}

#[tokio::test]
async fn an_error_names_operation_code_request_and_the_missing_right() {
    let denied = Reply::Says(403, refusal("UnauthorizedOperation", "You are not authorized."));
    let (aws, _) = aws(&[("Action=DescribeSubnets", denied)]);
    let e = wire::read(&aws, SUBNET, "subnet-1").await.unwrap_err();
    assert_eq!(e.kind, Kind::Denied);
    assert_eq!(e.operation.as_deref(), Some("ec2:DescribeSubnets"));
    assert_eq!(e.code.as_deref(), Some("UnauthorizedOperation"));
    assert_eq!(e.request_id.as_deref(), Some("req-1"));
    assert_eq!(e.hint.as_deref(), Some("allow the IAM action `ec2:DescribeSubnets`"));
    assert_eq!(e.message, "You are not authorized.");
}

#[tokio::test]
async fn roles_are_taken_on_one_after_the_other_before_anything_is_asked() {
    let taken = "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>taken</AccessKeyId>\
        <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>\
        </Credentials></AssumeRoleResult></AssumeRoleResponse>";
    let role = |name: &str| Role { arn: format!("arn:aws:iam::123456789012:role/{name}"), ..Role::default() };
    let last = Role { session_name: Some("drill".into()), external_id: Some("x".into()), ..role("two") };
    let settings = Settings { roles: vec![role("one"), last], ..Settings::default() };
    let replies = [("Action=AssumeRole", ok(taken)), ("Action=DescribeSubnets", ok("<DescribeSubnetsResponse/>"))];
    let (aws, wire) = wire::aws_with(settings, &replies);
    assert_eq!(wire::read(&aws, SUBNET, "subnet-1").await.unwrap(), Seen::Gone);
    let requests = wire.requests("Action=AssumeRole");
    assert!(requests[0].contains("one"), "{requests:?}");
    let of_two: Vec<&String> = requests.iter().filter(|r| r.contains("role%2Ftwo")).collect();
    assert!(of_two.iter().all(|r| r.contains("RoleSessionName=drill") && r.contains("ExternalId=x")), "{requests:?}");
    assert!(!of_two.is_empty(), "{requests:?}");
}

#[tokio::test]
async fn codes_become_kinds() {
    let cases = [
        (400, "InvalidSubnetID.NotFound", Kind::NotFound),
        (400, "InvalidSubnet.Conflict", Kind::Invalid),
        (400, "DependencyViolation", Kind::Busy),
        (400, "InvalidParameterValue", Kind::Invalid),
        (400, "ExpiredToken", Kind::Unauthenticated),
        (400, "InvalidKeyPair.Duplicate", Kind::Exists),
        (409, "EntityAlreadyExists", Kind::Exists),
        (409, "ResourceConflictException", Kind::Busy),
        (501, "Anything", Kind::Unsupported),
        (400, "InvalidAction", Kind::Unsupported),
    ];
    for (status, code, kind) in cases {
        let (aws, _) = aws(&[("Action=DescribeSubnets", Reply::Says(status, refusal(code, "")))]);
        assert_eq!(wire::read(&aws, SUBNET, "subnet-1").await.unwrap_err().kind, kind, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_web_page_means_that_the_endpoint_lacks_the_operation() {
    for status in [404, 500] {
        let page = Reply::Says(status, "<!doctype html>\n<title>Internal Server Error</title>".into());
        let (aws, _) = aws(&[("Action=CreateSubnet", page)]);
        let e = aws.create(&wire::at(SUBNET), &inputs()).await.unwrap_err();
        assert_eq!((e.kind, e.ambiguous), (Kind::Unsupported, false), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_may_have_had_an_effect_is_not_repeated() {
    let ambiguous = [
        Reply::TimesOut,
        Reply::Says(500, refusal("InternalError", "")),
        Reply::Says(503, refusal("Unavailable", "")),
        Reply::Says(200, "<Cre".into()),
    ];
    for reply in ambiguous {
        let (aws, wire) = aws(&[("Action=CreateSubnet", reply.clone())]);
        let e = aws.create(&wire::at(SUBNET), &inputs()).await.unwrap_err();
        assert!(e.ambiguous, "{reply:?}: {e:?}");
        assert_eq!(wire.requests("Action=CreateSubnet").len(), 1, "{reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_update_that_may_have_had_an_effect_is_not_repeated() {
    for reply in [Reply::TimesOut, Reply::Says(500, refusal("InternalError", ""))] {
        let (aws, wire) = aws(&[("Action=ModifySubnetAttribute", reply.clone())]);
        let live = crate::engine::provider::Live {
            inputs: serde_json::json!({ "vpcId": "vpc-1" }).into(),
            outputs: serde_json::json!({ "arn": "arn", "ownerId": "1" }).into(),
        };
        let wanted = serde_json::json!({ "vpcId": "vpc-1", "mapPublicIpOnLaunch": true }).into();
        let e = aws.update(&wire::at(SUBNET), &Id("subnet-1".into()), &wanted, &live).await.unwrap_err();
        assert!(e.ambiguous, "{reply:?}: {e:?}");
        assert_eq!(wire.requests("Action=ModifySubnetAttribute").len(), 1, "{reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_surely_had_no_effect_is_repeated() {
    for reply in [Reply::Says(503, refusal("RequestLimitExceeded", "")), Reply::Refuses] {
        let (aws, wire) = aws(&[("Action=CreateSubnet", reply.clone())]);
        // A region of its own: what is throttled slows down all clients of the region.
        let mut at = wire::at(SUBNET);
        at.kind.place = Place("ap-south-1".into());
        let e = aws.create(&at, &inputs()).await.unwrap_err();
        assert!(!e.ambiguous, "{reply:?}: {e:?}");
        assert!(wire.requests("Action=CreateSubnet").len() > 3, "{reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_is_repeated_whatever_failed() {
    let (aws, wire) = aws(&[("Action=DescribeSubnets", Reply::TimesOut)]);
    let e = wire::read(&aws, SUBNET, "subnet-1").await.unwrap_err();
    assert_eq!(e.kind, Kind::Unreachable);
    assert!(wire.requests("Action=DescribeSubnets").len() > 3);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_never_answers_is_not_asked_any_more_and_others_are() {
    const SILENT: &str = "ap-southeast-2";
    let (aws, wire) = aws(&[(SILENT, Reply::TimesOut), ("Action=DescribeSubnets", ok("<DescribeSubnetsResponse/>"))]);
    aws.identity().await.unwrap();
    // A region of its own: the attempts of all clients of a region are counted together.
    let mut at = wire::at(SUBNET);
    at.kind.place = Place(SILENT.into());
    let ids = [Id("subnet-1".into())];
    for _ in 0..2 {
        let e = aws.read(&at.kind, &ids, &Want::All).await.unwrap_err();
        assert!(e.message.contains(SILENT) && e.message.contains("does not answer"), "{e:?}");
    }
    let before = wire.requests("").len();
    let e = aws.read(&at.kind, &ids, &Want::All).await.unwrap_err();
    assert_eq!((e.kind, e.ambiguous), (Kind::Unreachable, false));
    assert!(e.message.starts_with("ap-southeast-2 does not answer: ") && e.hint.is_some(), "{e:?}");
    assert!(!aws.create(&at, &inputs()).await.unwrap_err().ambiguous, "no call was made");
    assert_eq!(wire.requests("").len(), before);
    let elsewhere = KindAt { ty: SUBNET.into(), place: Place("eu-central-1".into()) };
    assert_eq!(aws.read(&elsewhere, &ids, &Want::All).await.unwrap(), [Seen::Gone]);
    aws.reach().begin(&["eu-central-1".to_owned()]);
    let e = aws.read(&elsewhere, &ids, &Want::All).await.unwrap_err();
    assert_eq!(e.message, "eu-central-1 is given as unavailable");
}

#[tokio::test(start_paused = true)]
async fn what_an_endpoint_lacks_is_not_asked_for_again() {
    let page = Reply::Says(500, "<!doctype html>\n<title>Internal Server Error</title>".into());
    let (aws, wire) = aws(&[("Action=DescribeSubnets", page)]);
    let e = wire::read(&aws, SUBNET, "subnet-1").await.unwrap_err();
    assert_eq!(e.kind, Kind::Unsupported);
    assert_eq!(wire.requests("Action=DescribeSubnets").len(), 1);
}

#[tokio::test]
async fn a_create_sends_the_ownership_tags() {
    let (aws, wire) = aws(&[]);
    assert!(aws.create(&wire::at(SUBNET), &inputs()).await.is_err());
    let sent = &wire.requests("Action=CreateSubnet")[0];
    for tag in ["drctl%3Aowner", "lineage%2Fhash", "drctl%3Aattempt", "01JD0000000000000000000000", "drctl%3Aurn"] {
        assert!(sent.contains(tag), "{tag} in {sent}");
    }
}

#[tokio::test]
async fn reads_that_arrive_together_go_out_together() {
    let (aws, wire) = aws(&[("Action=DescribeSubnets", ok("<DescribeSubnetsResponse/>"))]);
    aws.identity().await.unwrap();
    let kind = wire::at(SUBNET).kind;
    let ids: Vec<[Id; 1]> = (0..40).map(|n| [Id(format!("subnet-{n}"))]).collect();
    let all = futures::future::join_all(ids.iter().map(|id| aws.read(&kind, id, &Want::All))).await;
    assert!(all.into_iter().all(|seen| seen.unwrap() == [Seen::Gone]));
    assert!(wire.requests("Action=DescribeSubnets").len() <= 2, "{:?}", wire.requests(""));
}

#[tokio::test]
async fn an_account_that_is_not_allowed_is_refused_before_any_call() {
    let (refusing, wire) = wire::aws_for(&["999999999999"], &[]);
    let e = wire::read(&refusing, SUBNET, "subnet-1").await.unwrap_err();
    assert_eq!((e.kind, e.message.as_str()), (Kind::Denied, "the credentials are for account `123456789012`"));
    assert!(wire.requests("").is_empty());
}

#[tokio::test]
async fn sts_is_asked_once_by_whoever_wants_to_know_but_for_who_wants_to_know_it_now() {
    let (aws, wire) = aws(&[("Action=DescribeSubnets", ok("<DescribeSubnetsResponse/>"))]);
    let token = "aws:index/getCallerIdentity:getCallerIdentity";
    let caller = aws.invoke(token, &Place::global(), &serde_json::json!({}).into()).await.unwrap();
    assert_eq!(caller.get("userId"), Some(&Value::from("u")));
    assert_eq!(aws.identity().await.unwrap().account, "123456789012");
    wire::read(&aws, SUBNET, "subnet-1").await.unwrap();
    assert_eq!(wire.greetings(), 1);
    aws.identity_now().await.unwrap();
    assert_eq!(wire.greetings(), 2);
}

#[tokio::test]
async fn what_a_schema_calls_secret_comes_back_secret() {
    let (aws, _) = aws(&[("GetRandomPassword", ok(r#"{"RandomPassword":"hunter2"}"#))]);
    let token = "aws:secretsmanager/getRandomPassword:getRandomPassword";
    let arguments = serde_json::json!({}).into();
    let answer = aws.invoke(token, &Place("eu-west-1".into()), &arguments).await.unwrap();
    assert_eq!(answer.get("randomPassword"), Some(&Value::from("hunter2").secret()));
    assert!(catalog().function(token).unwrap().volatile);
}

#[tokio::test]
async fn tags_change_before_the_rest() {
    let (aws, wire) = aws(&[("Action=CreateTags", ok("<CreateTagsResponse/>"))]);
    let live = crate::engine::provider::Live {
        inputs: serde_json::json!({ "vpcId": "vpc-1", "tags": { "a": "1" } }).into(),
        outputs: serde_json::json!({ "arn": "arn", "ownerId": "1" }).into(),
    };
    let wanted = serde_json::json!({ "vpcId": "vpc-1", "mapPublicIpOnLaunch": true, "tags": { "a": "2" } }).into();
    let next = aws.update(&wire::at(SUBNET), &Id("subnet-1".into()), &wanted, &live).await.unwrap();
    assert!(matches!(next, Next::More(_)), "{next:?}");
    assert!(wire.requests("Action=Modify").is_empty());
}

/// Rules that the engine reads; any other `x-` key would be a rule that nobody keeps.
const RULES: &[&str] = &[
    "x-replace",
    "x-computed",
    "x-unordered",
    "x-united",
    "x-initial",
    "x-sometimes-shown",
    "x-auto-name",
    "x-auto-prefix",
    "x-refers",
    "x-also",
    "x-alike",
    "x-protection",
    "x-before-delete",
    "x-forced",
    "x-exclusive",
    "x-exactly-one",
    "x-at-least-one",
    "x-needs",
    "x-form",
    "x-secret",
    "x-asset",
    "x-json",
];

#[test]
fn every_field_is_documented() {
    for ty in catalog().types() {
        assert!(!ty.description.is_empty(), "{}", ty.token);
        documented(ty.token, &ty.inputs);
        documented(ty.token, &ty.outputs);
    }
    for function in catalog().functions() {
        assert!(!function.description.is_empty(), "{}", function.token);
        documented(function.token, &function.arguments);
        documented(function.token, &function.result);
    }
}

fn documented(place: &str, object: &Object) {
    for property in &object.properties {
        let place = format!("{place}.{}", property.name);
        assert!(property.description.ends_with('.'), "{place} needs a sentence, not {:?}", property.description);
        inner(&place, property);
    }
}

fn inner(place: &str, property: &Property) {
    match &property.shape {
        Shape::Object(object) => documented(place, object),
        Shape::List { item, .. } | Shape::Map(item) => inner(place, item),
        _ => {}
    }
}

#[test]
fn every_type_states_its_facts() {
    for ty in catalog().types() {
        let (facts, token) = (ty.facts, ty.token);
        assert!(!facts.import.is_empty(), "{token} says how it is imported");
        for actions in [facts.permissions.create, facts.permissions.read, facts.permissions.delete] {
            assert!(!actions.is_empty(), "{token} lists its permissions");
        }
        let all = facts.permissions;
        for action in [all.create, all.read, all.update, all.delete].concat() {
            assert!(action.split_once(':').is_some_and(|(s, a)| !s.is_empty() && !a.is_empty()), "{token}: {action}");
        }
        if facts.found_by == FoundBy::OwnerTag {
            assert!(ty.inputs.get("tags").is_some(), "{token} is found by a tag, so it has tags");
        }
        if let FoundBy::Marker(field) = facts.found_by {
            assert!(!field.is_empty(), "{token} names its marker");
        }
    }
}

/// The types whose create call AWS does not refuse where such a thing is there already, and why it is looked
/// for or not. What is looked for is a thing of its own that somebody else may have made and that would be lost;
/// what is set has no name of its own, and every tool sets it. CreateTopic would answer with a topic of the same
/// settings, but it refuses other tags, and those of an attempt are its own.
const NOT_REFUSED: &[(&str, &str)] = &[
    ("aws:apigateway/account:Account", "set: the one setting of the account"),
    ("aws:apigateway/integration:Integration", "set: the one of its method, and PutMethod is refused"),
    ("aws:apigateway/methodSettings:MethodSettings", "set: settings of a stage"),
    ("aws:appautoscaling/policy:Policy", "looked for: PutScalingPolicy puts in place"),
    ("aws:appautoscaling/target:Target", "looked for: RegisterScalableTarget changes what is registered"),
    ("aws:autoscaling/policy:Policy", "looked for: PutScalingPolicy puts in place"),
    ("aws:cloudwatch/compositeAlarm:CompositeAlarm", "looked for: PutCompositeAlarm puts in place"),
    ("aws:cloudwatch/dashboard:Dashboard", "looked for: PutDashboard puts in place"),
    ("aws:cloudwatch/eventRule:EventRule", "looked for: PutRule puts in place"),
    ("aws:cloudwatch/eventTarget:EventTarget", "looked for: PutTargets puts in place"),
    ("aws:cloudwatch/logDestination:LogDestination", "looked for: PutDestination puts in place"),
    ("aws:cloudwatch/logDestinationPolicy:LogDestinationPolicy", "set: the one policy of a destination"),
    ("aws:cloudwatch/logSubscriptionFilter:LogSubscriptionFilter", "looked for: PutSubscriptionFilter puts in place"),
    ("aws:cloudwatch/metricAlarm:MetricAlarm", "looked for: PutMetricAlarm puts in place"),
    ("aws:cloudwatch/metricStream:MetricStream", "looked for: PutMetricStream puts in place"),
    ("aws:dynamodb/contributorInsights:ContributorInsights", "set: a switch of a table"),
    ("aws:ec2/peeringConnectionOptions:PeeringConnectionOptions", "set: settings of a connection"),
    ("aws:ec2/vpcPeeringConnection:VpcPeeringConnection", "looked for: two networks have one connection, given to all"),
    ("aws:ec2/vpcPeeringConnectionAccepter:VpcPeeringConnectionAccepter", "set: the agreement to a connection"),
    ("aws:iam/rolePolicy:RolePolicy", "looked for: PutRolePolicy puts in place"),
    ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "set: a relation that holds nothing but its two ends"),
    ("aws:lb/listener:Listener", "looked for: CreateListener answers with one of the same settings"),
    ("aws:lb/loadBalancer:LoadBalancer", "looked for: CreateLoadBalancer answers with one of the same settings"),
    ("aws:lb/targetGroup:TargetGroup", "looked for: CreateTargetGroup answers with one of the same settings"),
    ("aws:route53/record:Record", "refused, unless the program says `allowOverwrite`"),
    ("aws:s3/bucket:Bucket", "looked for: CreateBucket answers in us-east-1 with one of the same account"),
    ("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "set: the one of a bucket"),
    ("aws:s3/bucketPolicy:BucketPolicy", "set: the one of a bucket"),
    ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "set: a bucket has it from its beginning"),
    ("aws:s3/bucketReplicationConfig:BucketReplicationConfig", "set: the one of a bucket"),
    (
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "set: a bucket has it from its beginning",
    ),
    ("aws:s3/bucketVersioning:BucketVersioning", "set: a switch of a bucket"),
    ("aws:sfn/stateMachine:StateMachine", "looked for: CreateStateMachine answers with one of the same definition"),
    ("aws:sns/topicPolicy:TopicPolicy", "set: a topic has it from its beginning"),
    ("aws:sns/topicSubscription:TopicSubscription", "looked for: Subscribe answers with the one of the receiver"),
    ("aws:sqs/queue:Queue", "looked for: CreateQueue answers with one of the same settings"),
    ("aws:sqs/queuePolicy:QueuePolicy", "set: the one of a queue"),
    ("aws:ssm/parameter:Parameter", "refused, unless the program says `overwrite`"),
];

#[test]
fn every_type_that_aws_does_not_refuse_is_looked_for_or_has_a_reason() {
    let mut stated = NOT_REFUSED.iter();
    for ty in catalog().types() {
        let word = match ty.facts.existing {
            Existing::Refused => continue,
            Existing::RefusedUnless(_) => "refused, unless",
            Existing::LookedFor(parts_of) | Existing::PutInPlace(parts_of) => {
                let known = parts_of.iter().all(|input| ty.inputs.get(input).is_some_and(|p| p.required));
                assert!(known, "{} is a part of {parts_of:?}", ty.token);
                "looked for: "
            }
            Existing::Set => "set: ",
        };
        let (token, reason) = stated.next().unwrap();
        assert_eq!(*token, ty.token);
        assert!(reason.starts_with(word), "{token} is {word}, not {reason}");
        let is_put = reason.ends_with(" puts in place") || reason.ends_with(" changes what is registered");
        assert_eq!(is_put, matches!(ty.facts.existing, Existing::PutInPlace(_)), "{token}: {reason}");
    }
    assert_eq!(stated.next(), None);
}

#[test]
fn data_sources_only_look() {
    for function in catalog().functions() {
        for action in function.permissions {
            let looks =
                action.split_once(':').is_some_and(|(_, name)| name.starts_with("Get") || name.starts_with("Describe"));
            assert!(looks, "{}: {action}", function.token);
        }
    }
}

#[test]
fn schemas_hold_only_rules_that_the_engine_knows() {
    for ty in TYPES {
        let schema = ty.raw_schema().to_string();
        for key in schema.split("\"x-").skip(1).filter_map(|rest| rest.split('"').next()) {
            let key = format!("x-{key}");
            assert!(RULES.contains(&key.as_str()), "{}: {key}", ty.token());
        }
    }
}

#[test]
fn references_lead_to_properties_that_exist() {
    for ty in catalog().types() {
        for property in &ty.inputs.properties {
            let Some((token, name)) = &property.refers else { continue };
            let Some(target) = catalog().find(token) else { continue };
            let known = name == "id" || target.inputs.get(name).is_some() || target.outputs.get(name).is_some();
            assert!(known, "{}.{} refers to {token}.{name}", ty.token, property.name);
        }
    }
}

#[test]
fn what_is_left_out_is_not_there() {
    for (token, input, reason) in LEFT_OUT {
        assert!(!reason.is_empty(), "{token}.{input}");
        for ty in catalog().types().filter(|ty| ty.token == *token || *token == "*") {
            assert!(ty.inputs.get(input).is_none(), "{}.{input} is left out and there", ty.token);
        }
    }
}

#[test]
fn no_token_stands_for_two_types() {
    let mut seen = std::collections::BTreeSet::new();
    for ty in catalog().types() {
        for token in std::iter::once(&ty.token).chain(ty.facts.aliases) {
            assert!(seen.insert(token.to_ascii_lowercase()), "{token}");
        }
    }
}
