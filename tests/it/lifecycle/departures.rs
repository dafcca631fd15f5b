//! Deletions in an order that no reference shows: groups and subnets of functions before the permissions of
//! their roles, on the twin, where interfaces of Lambda hold them and go only while a role still may delete them.

use std::sync::Arc;
use std::time::Duration;

use drctl::aws;
use drctl::engine::clock::Clock;
use drctl::engine::error::Kind;
use drctl::engine::event::{Ended, Event};
use drctl::engine::provider::Catalog;
use drctl::engine::urn::Urn;
use drctl::twin::{Calls, Fault, Operation, Twin};

use super::theatre::program;
use crate::support::stage::{Report, Stage, steps, told};

const NETWORK: &str = "
vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
subnet:
  type: aws:ec2:Subnet
  properties: {vpcId: '${vpc.id}', cidrBlock: 10.0.1.0/24, availabilityZone: eu-west-1a}
";
const GROUP: &str = "
group: {type: aws:ec2:SecurityGroup, properties: {name: callers, vpcId: '${vpc.id}'}}
";
/// A group that nobody waits for long.
const HASTY: &str = "
group:
  type: aws:ec2:SecurityGroup
  properties: {name: callers, vpcId: '${vpc.id}'}
  options: {customTimeouts: {delete: 5m}}
";
/// Two functions that share subnet and group, with a role each.
const FUNCTIONS: &str = "
role:
  type: aws:iam:Role
  each: [read, write]
  properties:
    name: ${each.value}
    assumeRolePolicy:
      Version: 2012-10-17
      Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: 'sts:AssumeRole'}]
attachment:
  type: aws:iam:RolePolicyAttachment
  each: [read, write]
  properties:
    role: ${role[each.value].name}
    policyArn: arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole
policy:
  type: aws:iam:RolePolicy
  each: [read, write]
  properties:
    name: ${each.value}
    role: ${role[each.value].name}
    policy: {Version: 2012-10-17, Statement: [{Effect: Allow, Action: 'logs:*', Resource: '*'}]}
function:
  type: aws:lambda:Function
  each: [read, write]
  properties:
    name: ${each.value}
    role: ${role[each.value].arn}
    packageType: Image
    imageUri: image
    vpcConfig: {subnetIds: ['${subnet.id}'], securityGroupIds: ['${group.id}']}
  options: {dependsOn: ['${attachment}', '${policy}']}
";

/// How long Lambda takes to delete the interfaces, in minutes.
const RELEASE: i64 = 20;

fn stage_with(catalog: Arc<Catalog>) -> (Arc<Twin>, Stage) {
    let clock = Clock::starting("2026-01-01T00:00:00Z".parse().unwrap());
    let twin = Arc::new(Twin::new(catalog, clock));
    (Arc::clone(&twin), Stage::new(twin, clock))
}

fn stage() -> (Arc<Twin>, Stage) {
    stage_with(Arc::clone(aws::catalog()))
}

async fn up(stage: &mut Stage, resources: &str) -> Report {
    let report = stage.up(&program(resources)).await.unwrap_or_else(|p| panic!("{}", told(&p)));
    assert_eq!(report.outcome.ended, Ended::Completed, "{:#?}", report.failures());
    report
}

async fn destroy(stage: &mut Stage) -> Report {
    stage.destroy().await.unwrap_or_else(|p| panic!("{}", told(&p)))
}

/// The names of what was deleted, in the order of the last call for each.
fn deleted(twin: &Twin) -> Vec<String> {
    let calls = twin.log().into_iter().filter(|call| call.operation == Operation::Delete);
    let names: Vec<String> =
        calls.map(|call| call.subject.rsplit("::").next().unwrap_or_default().to_owned()).collect();
    let is_last = |i: &usize| !names[i + 1..].contains(&names[*i]);
    (0..names.len()).filter(is_last).map(|i| names[i].clone()).collect()
}

/// Asserts that all that a role may do goes after the group and the subnet.
fn permissions_went_last(deleted: &[String], names: &[&str]) {
    let when = |name: &str| deleted.iter().position(|d| d == name).unwrap_or_else(|| panic!("{name}: {deleted:?}"));
    for kind in ["attachment", "policy", "role"] {
        for function in ["read", "write"] {
            let permission = when(&format!("{kind}[\"{function}\"]"));
            assert!(names.iter().all(|name| when(name) < permission), "{deleted:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_permissions_of_a_function_stay_until_lambda_has_deleted_its_interfaces() {
    let (twin, mut stage) = stage();
    up(&mut stage, &format!("{NETWORK}{GROUP}{FUNCTIONS}")).await;
    twin.forget_calls();
    let began = twin.now();
    let report = destroy(&mut stage).await;
    assert_eq!(report.outcome.ended, Ended::Completed, "{:#?}", report.failures());
    permissions_went_last(&deleted(&twin), &["group", "subnet"]);
    let took = twin.now().duration_since(began).as_mins();
    assert!((RELEASE..RELEASE + 5).contains(&took), "{took} minutes");
    assert!(twin.leftovers().is_empty() && stage.state.rows.is_empty());
    let held = "held by network interfaces of Lambda";
    assert!(report.events.iter().any(|e| matches!(e, Event::Waiting { word, .. } if word == held)));
    let group = report.plan.steps.iter().find(|step| step.key.urn.name() == "group").unwrap();
    assert_eq!(i64::from(group.typical), RELEASE * 60, "the wait is foreseen");
}

#[tokio::test(start_paused = true)]
async fn without_the_order_the_interfaces_outlast_the_patience_for_the_group() {
    let plain = aws::catalog().and([]).with_departures(Vec::new());
    let (twin, mut stage) = stage_with(Arc::new(plain));
    up(&mut stage, &format!("{NETWORK}{GROUP}{FUNCTIONS}")).await;
    let report = destroy(&mut stage).await;
    let failures = report.failures();
    assert!(
        failures.iter().any(|f| f.contains("still `held by network interfaces of Lambda, longer than usual: ")),
        "{failures:#?}"
    );
    assert!(!twin.leftovers().is_empty());
    let is_group = |urn: &Urn| urn.name() == "group";
    let waits: Vec<(u64, bool)> = report
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Waiting { urn, word, since } if is_group(urn) => {
                Some((since / 60_000, word.contains("longer than usual")))
            }
            _ => None,
        })
        .collect();
    let usual = RELEASE.unsigned_abs();
    assert!(waits.iter().all(|(minute, doubts)| *doubts == (*minute >= usual)), "{waits:?}");
    assert!(waits.iter().any(|(_, doubts)| *doubts) && waits.iter().any(|(_, doubts)| !doubts));
    let hint = report.events.iter().find_map(|event| match event {
        Event::StepFailed { urn, error, .. } if is_group(urn) => error.hint.clone(),
        _ => None,
    });
    assert_eq!(
        hint.as_deref(),
        Some("if a function still uses it, take that out of it; else run again to go on waiting")
    );
}

#[tokio::test(start_paused = true)]
async fn a_destroy_that_goes_on_after_the_functions_are_gone_keeps_their_permissions_too() {
    let (twin, mut stage) = stage();
    up(&mut stage, &format!("{NETWORK}{HASTY}{FUNCTIONS}")).await;
    let report = destroy(&mut stage).await;
    assert!(report.failures().iter().any(|f| f.contains("held by network interfaces")), "{:#?}", report.failures());
    let left: Vec<&str> = stage.state.rows.keys().map(|key| key.urn.name()).collect();
    assert!(left.contains(&"group") && !left.iter().any(|name| name.starts_with("function")), "{left:?}");
    // Whoever does not wait long comes again until it is done.
    for _ in 0..5 {
        twin.forget_calls();
        if destroy(&mut stage).await.outcome.ended == Ended::Completed {
            break;
        }
    }
    permissions_went_last(&deleted(&twin), &["group"]);
    assert!(twin.leftovers().is_empty() && stage.state.rows.is_empty());
}

#[tokio::test(start_paused = true)]
async fn permissions_wait_with_groups_and_subnets_whose_region_does_not_answer() {
    let (_, mut stage) = stage();
    let alone = FUNCTIONS.replace("  options: {dependsOn: ['${attachment}', '${policy}']}\n", "");
    up(&mut stage, &format!("{NETWORK}{GROUP}{alone}")).await;
    stage.settings.unavailable = vec!["eu-west-1".into()];
    let report = destroy(&mut stage).await;
    assert!(matches!(report.outcome.ended, Ended::Held { .. }), "{:?}", report.outcome.ended);
    let left: Vec<&str> = stage.state.rows.keys().map(|key| key.urn.name()).collect();
    assert!(left.contains(&"attachment[\"read\"]") && left.contains(&"policy[\"write\"]"), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn what_leaves_the_program_together_goes_in_that_order_too() {
    let (twin, mut stage) = stage();
    up(&mut stage, &format!("{NETWORK}{GROUP}{FUNCTIONS}")).await;
    twin.forget_calls();
    up(&mut stage, NETWORK).await;
    permissions_went_last(&deleted(&twin), &["group"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_replaced_goes_before_permissions_that_leave_with_its_function() {
    let (twin, mut stage) = stage();
    up(&mut stage, &format!("{NETWORK}{GROUP}{FUNCTIONS}")).await;
    twin.forget_calls();
    let other = GROUP.replace("callers", "others");
    up(&mut stage, &format!("{NETWORK}{other}")).await;
    permissions_went_last(&deleted(&twin), &["group"]);
    up(&mut stage, &format!("{NETWORK}{other}")).await;
    let group = stage.state.rows.values().find(|row| row.key.urn.name() == "group").unwrap();
    assert!(group.needs.iter().all(|urn| urn.name() == "vpc"), "{:?}", group.needs);
}

#[tokio::test(start_paused = true)]
async fn permissions_stay_for_the_interfaces_of_functions_that_only_leave_their_vpc() {
    let (twin, mut stage) = stage();
    up(&mut stage, &format!("{NETWORK}{GROUP}{FUNCTIONS}")).await;
    twin.forget_calls();
    let (_, outside) = FUNCTIONS.split_once("policy:\n").unwrap();
    let (role, _) = FUNCTIONS.split_once("attachment:\n").unwrap();
    let inside = "    vpcConfig: {subnetIds: ['${subnet.id}'], securityGroupIds: ['${group.id}']}\n";
    let outside = outside.replace(inside, "").replace("'${attachment}', ", "");
    up(&mut stage, &format!("{NETWORK}{role}policy:\n{outside}")).await;
    let deleted = deleted(&twin);
    assert_eq!(deleted[0], "group", "{deleted:#?}");
    assert_eq!(deleted.len(), 3, "the attachments follow: {deleted:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_refers_to_the_group_goes_first_all_the_same() {
    let (twin, mut stage) = stage();
    let naming = FUNCTIONS.replace("Resource: '*'", "Resource: '${group.arn}'");
    up(&mut stage, &format!("{NETWORK}{GROUP}{naming}")).await;
    twin.forget_calls();
    let report = destroy(&mut stage).await;
    assert_eq!(report.outcome.ended, Ended::Completed, "{:#?}", report.failures());
    let deleted = deleted(&twin);
    let when = |name: &str| deleted.iter().position(|d| d == name).unwrap();
    assert!(when("policy[\"read\"]") < when("group") && when("group") < when("attachment[\"read\"]"), "{deleted:#?}");
    assert!(twin.leftovers().is_empty());
}

/// A program with one function, whose role has a policy with the given statement's resource.
fn one_function(resource: &str, rest: &str) -> String {
    format!(
        "
role:
  type: aws:iam:Role
  properties:
    name: own
    assumeRolePolicy:
      Version: 2012-10-17
      Statement: [{{Effect: Allow, Principal: {{Service: lambda.amazonaws.com}}, Action: 'sts:AssumeRole'}}]
    inlinePolicies:
    - name: own
      policy: {{Version: 2012-10-17, Statement: [{{Effect: Allow, Action: 'logs:*', Resource: {resource}}}]}}
{rest}"
    )
}

const ATTACHMENT: &str = "
attachment:
  type: aws:iam:RolePolicyAttachment
  properties:
    role: ${role.name}
    policyArn: arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole
";
const FUNCTION: &str = "
function:
  type: aws:lambda:Function
  properties:
    name: one
    role: ${role.arn}
    packageType: Image
    imageUri: image
    vpcConfig: {subnetIds: ['${subnet.id}'], securityGroupIds: ['${group.id}']}
";

/// What goes only after a row, by what is remembered.
fn remembered(stage: &Stage, name: &str) -> Vec<String> {
    let row = stage.state.rows.values().find(|row| row.key.urn.name() == name).unwrap_or_else(|| panic!("{name}"));
    let mut names: Vec<String> = row.precedes.iter().map(|known| known.urn.name().to_owned()).collect();
    names.sort();
    names
}

/// Asserts that nothing is wrong with the state, and that a destroy empties it, in the order of the cloud.
async fn goes_in_order(twin: &Twin, stage: &mut Stage, permissions: &[&str]) {
    let wrong: Vec<String> = drctl::state::lint(&stage.state).iter().map(ToString::to_string).collect();
    assert_eq!(wrong, [] as [String; 0]);
    twin.forget_calls();
    let report = destroy(stage).await;
    assert_eq!(report.outcome.ended, Ended::Completed, "{:#?}", report.failures());
    let deleted = deleted(twin);
    let when = |name: &str| deleted.iter().position(|d| d == name).unwrap_or_else(|| panic!("{name}: {deleted:?}"));
    for permission in permissions {
        assert!(when("group") < when(permission), "{deleted:#?}");
    }
    assert!(twin.leftovers().is_empty() && stage.state.rows.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_remembered_closes_no_circle_with_what_the_role_needs() {
    let (twin, mut stage) = stage();
    let role = |resource: &str| one_function(resource, "");
    up(&mut stage, &format!("{NETWORK}{GROUP}{}{ATTACHMENT}{FUNCTION}", role("'${group.arn}'"))).await;
    let other = role("'*'").replace("role:\n  type", "x:\n  type").replace("name: own", "name: x");
    twin.faults().strike(Calls::to(Operation::Create).of("aws:iam/role:Role"), 1, Fault::Fails(Kind::Invalid));
    let moved = program(&format!("{NETWORK}{}{other}", role("'${x.arn}'")));
    let report = stage.up(&moved).await.unwrap_or_else(|p| panic!("{}", told(&p)));
    assert!(matches!(report.outcome.ended, Ended::Failed { .. }), "{:?}", report.outcome.ended);
    assert_eq!(remembered(&stage, "group"), ["attachment", "role"]);
    tokio::time::sleep(Duration::from_secs(20 * 60)).await;
    goes_in_order(&twin, &mut stage, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_role_that_names_the_group_after_an_interrupted_destroy_goes_with_it_all_the_same() {
    let (twin, mut stage) = stage();
    up(&mut stage, &format!("{NETWORK}{HASTY}{}", one_function("'*'", &format!("{ATTACHMENT}{FUNCTION}")))).await;
    let report = destroy(&mut stage).await;
    assert!(report.failures().iter().any(|f| f.contains("held by network interfaces")), "{:#?}", report.failures());
    assert_eq!(remembered(&stage, "group"), ["attachment", "role"]);
    stage.settings.targets = vec!["role".into()];
    let naming = one_function("'${group.arn}'", ATTACHMENT);
    up(&mut stage, &format!("{NETWORK}{HASTY}{naming}")).await;
    stage.settings.targets.clear();
    tokio::time::sleep(Duration::from_secs(20 * 60)).await;
    goes_in_order(&twin, &mut stage, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_destroy_soon_after_the_function_has_left_the_program_keeps_its_permissions_for_the_group() {
    let (twin, mut stage) = stage();
    let rest = format!("{NETWORK}{GROUP}{}", one_function("'*'", ATTACHMENT));
    up(&mut stage, &format!("{rest}{FUNCTION}")).await;
    up(&mut stage, &rest).await;
    assert_eq!(remembered(&stage, "group"), ["attachment", "role"]);
    assert_eq!(remembered(&stage, "subnet"), ["attachment", "role"]);
    let plan = stage.preview(&program(&rest)).await.unwrap_or_else(|p| panic!("{}", told(&p)));
    assert_eq!(steps(&plan), [] as [String; 0], "what is remembered is no change");
    goes_in_order(&twin, &mut stage, &["attachment", "role"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_destroy_after_one_of_the_function_alone_keeps_its_permissions_for_the_group() {
    let (twin, mut stage) = stage();
    up(&mut stage, &format!("{NETWORK}{GROUP}{}", one_function("'*'", &format!("{ATTACHMENT}{FUNCTION}")))).await;
    stage.settings.targets = vec!["function".into()];
    assert_eq!(destroy(&mut stage).await.outcome.ended, Ended::Completed);
    stage.settings.targets.clear();
    goes_in_order(&twin, &mut stage, &["attachment", "role"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_destroy_after_the_function_has_left_its_vpc_keeps_its_permissions_for_the_group() {
    let (twin, mut stage) = stage();
    let rest = format!("{NETWORK}{GROUP}{}", one_function("'*'", ATTACHMENT));
    up(&mut stage, &format!("{rest}{FUNCTION}")).await;
    let (outside, _) = FUNCTION.split_once("    vpcConfig").unwrap();
    // The group is updated by the same run, and keeps what is remembered of it.
    let tagged = rest.replace("{name: callers,", "{tags: {a: b}, name: callers,");
    up(&mut stage, &format!("{tagged}{outside}")).await;
    assert_eq!(remembered(&stage, "group"), ["attachment", "role"]);
    goes_in_order(&twin, &mut stage, &["attachment", "role"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_order_is_forgotten_an_hour_after_the_function() {
    let (twin, mut stage) = stage();
    let rest = format!("{NETWORK}{GROUP}{}", one_function("'*'", ATTACHMENT));
    up(&mut stage, &format!("{rest}{FUNCTION}")).await;
    up(&mut stage, &rest).await;
    tokio::time::sleep(Duration::from_secs(59 * 60)).await;
    up(&mut stage, &rest).await;
    assert_eq!(remembered(&stage, "group").len(), 2, "{}", twin.now());
    tokio::time::sleep(Duration::from_secs(2 * 60)).await;
    let report = up(&mut stage, &rest).await;
    assert_eq!(steps(&report.plan), [] as [String; 0]);
    assert_eq!(remembered(&stage, "group"), [] as [String; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_the_wait_is_foreseen_by_the_destroy_that_goes_on() {
    let (_, mut stage) = stage();
    let hasty = NETWORK.replace("eu-west-1a}", "eu-west-1a}\n  options: {customTimeouts: {delete: 5m}}");
    up(&mut stage, &format!("{hasty}{HASTY}{}", one_function("'*'", &format!("{ATTACHMENT}{FUNCTION}")))).await;
    destroy(&mut stage).await;
    let report = destroy(&mut stage).await;
    let group = report.plan.steps.iter().find(|step| step.key.urn.name() == "group").unwrap();
    assert!((10 * 60..=15 * 60).contains(&group.typical), "{} s", group.typical);
}

#[tokio::test(start_paused = true)]
async fn a_subnet_that_would_make_room_while_a_function_of_the_stack_stays_in_it_is_refused() {
    let (twin, mut stage) = stage();
    let rest = |role: &str| format!("{NETWORK}{GROUP}{role}{FUNCTION}");
    let all = rest(&one_function("'*'", ATTACHMENT));
    up(&mut stage, &all).await;
    let wider = all.replace("10.0.1.0/24", "10.0.2.0/24");
    let refused = stage.preview(&program(&wider)).await.unwrap_err();
    insta::assert_snapshot!(told(&refused), @"replacement-in-use: `subnet` would be deleted before the one that takes its place is made, and `function` keeps it until then");
    assert!(refused[0].at.is_some() && refused[0].help.as_ref().unwrap().contains("deleteBeforeReplace: false"));
    // Both can be there at once.
    let both = wider.replace("eu-west-1a}", "eu-west-1a}\n  options: {deleteBeforeReplace: false}");
    up(&mut stage, &both).await;
    // Whoever leaves does not have to wait for the new one.
    let (outside, _) = both.split_once("    vpcConfig").unwrap();
    let again = outside.replace("10.0.2.0/24", "10.0.3.0/24").replace("deleteBeforeReplace: false", "");
    twin.forget_calls();
    up(&mut stage, &again).await;
    assert_eq!(deleted(&twin), ["subnet"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_to_delete_names_who_of_the_stack_uses_it() {
    let (_, mut stage) = stage_with(Arc::new(aws::catalog().and([]).with_departures(Vec::new())));
    let all = format!("{NETWORK}{GROUP}{}{FUNCTION}", one_function("'*'", ATTACHMENT));
    up(&mut stage, &all).await;
    let report = stage.up(&program(&all.replace("10.0.1.0/24", "10.0.2.0/24"))).await.unwrap();
    let hint = report.events.iter().find_map(|event| match event {
        Event::StepFailed { error, .. } => error.hint.clone(),
        _ => None,
    });
    let hint = hint.unwrap_or_default();
    assert!(hint.starts_with("`function` of this stack still uses it: "), "{hint} {:#?}", report.failures());
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_follows_an_alias() {
    let (twin, mut stage) = stage();
    let rest = format!("{NETWORK}{GROUP}{}", one_function("'*'", ATTACHMENT));
    up(&mut stage, &format!("{rest}{FUNCTION}")).await;
    up(&mut stage, &rest).await;
    let renamed = ATTACHMENT.replace("attachment:\n", "attached:\n  options: {aliases: [{name: attachment}]}\n");
    up(&mut stage, &format!("{NETWORK}{GROUP}{}", one_function("'*'", &renamed))).await;
    assert_eq!(remembered(&stage, "group"), ["attached", "role"]);
    goes_in_order(&twin, &mut stage, &["attached", "role"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_vpc_with_a_function_in_it_is_replaced_new_one_first() {
    let (twin, mut stage) = stage();
    let all = format!("{NETWORK}{GROUP}{}{FUNCTION}", one_function("'*'", ATTACHMENT));
    up(&mut stage, &all).await;
    let old = twin.inspect().len();
    stage.settings.replaces = vec!["vpc".into()];
    let report = up(&mut stage, &all).await;
    assert_eq!(report.plan.summary().replace, 3, "{:?}", steps(&report.plan));
    stage.settings.replaces.clear();
    assert_eq!(steps(&stage.preview(&program(&all)).await.unwrap()), [] as [String; 0]);
    assert!(twin.inspect().len() >= old);
    goes_in_order(&twin, &mut stage, &["attachment", "role"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_replaced_has_its_permissions_until_all_have_the_new_one() {
    let (twin, mut stage) = stage();
    let all = |name: &str| {
        format!(
            "
role:
  type: aws:iam:Role
  properties:
    name: {name}
    assumeRolePolicy:
      Version: 2012-10-17
      Statement: [{{Effect: Allow, Principal: {{Service: lambda.amazonaws.com}}, Action: 'sts:AssumeRole'}}]
attachment:
  type: aws:iam:RolePolicyAttachment
  properties: {{role: '${{role.name}}', policyArn: 'arn:aws:iam::aws:policy/ReadOnlyAccess'}}
policy:
  type: aws:iam:RolePolicy
  properties:
    name: inline
    role: ${{role.name}}
    policy: {{Version: 2012-10-17, Statement: [{{Effect: Allow, Action: 'logs:*', Resource: '*'}}]}}
function:
  type: aws:lambda:Function
  properties:
    name: caller
    role: ${{role.arn}}
    runtime: python3.12
    handler: index.handler
    code: {{fn::assetArchive: {{index.py: {{fn::stringAsset: ''}}}}}}
"
        )
    };
    up(&mut stage, &all("one")).await;
    twin.forget_calls();
    up(&mut stage, &all("two")).await;
    let calls = twin.calls();
    let moved = calls.iter().position(|call| call.starts_with("update") && call.contains("Function"));
    let lost = calls.iter().position(|call| call.starts_with("delete") && call.contains("RolePolicy"));
    assert!(moved.is_some() && moved < lost, "{calls:?}");
    assert_eq!(steps(&stage.preview(&program(&all("two"))).await.unwrap()), [] as [String; 0]);
}
