//! The permissions that types and data sources list, and what they send.

use std::collections::{BTreeMap, BTreeSet};

use drctl::aws;
use drctl::engine::schema::TypeSchema;

use super::case::Case;
use crate::support::calls::{Purpose, Sent};

/// Services: what the SDK calls them, and IAM.
const SERVICES: [(&str, &str); 25] = [
    ("ACM", "acm"),
    ("API Gateway", "apigateway"),
    ("Application Auto Scaling", "application-autoscaling"),
    ("Auto Scaling", "autoscaling"),
    ("Backup", "backup"),
    ("CloudWatch", "cloudwatch"),
    ("CloudWatch Logs", "logs"),
    ("DynamoDB", "dynamodb"),
    ("EC2", "ec2"),
    ("Elastic Load Balancing v2", "elasticloadbalancing"),
    ("EventBridge", "events"),
    ("Firehose", "firehose"),
    ("IAM", "iam"),
    ("KMS", "kms"),
    ("Kinesis", "kinesis"),
    ("Lambda", "lambda"),
    ("RDS", "rds"),
    ("Route 53", "route53"),
    ("S3", "s3"),
    ("SFN", "states"),
    ("SNS", "sns"),
    ("SQS", "sqs"),
    ("SSM", "ssm"),
    ("STS", "sts"),
    ("Secrets Manager", "secretsmanager"),
];

/// Operations whose actions are called otherwise (Amazon S3 API Reference, "Required permissions for Amazon
/// S3 API operations").
const OTHERWISE: [(&str, &str); 19] = [
    ("s3:DeleteBucketEncryption", "s3:PutEncryptionConfiguration"),
    ("s3:DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"),
    ("s3:DeleteBucketReplication", "s3:PutReplicationConfiguration"),
    ("s3:DeleteBucketTagging", "s3:PutBucketTagging"),
    ("s3:DeleteObjects", "s3:DeleteObjectVersion"),
    ("s3:DeletePublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    ("s3:GetBucketEncryption", "s3:GetEncryptionConfiguration"),
    ("s3:GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"),
    ("s3:GetBucketReplication", "s3:GetReplicationConfiguration"),
    ("s3:GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration"),
    ("s3:GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
    ("s3:HeadBucket", "s3:ListBucket"),
    ("s3:ListMultipartUploads", "s3:ListBucketMultipartUploads"),
    ("s3:ListObjectVersions", "s3:ListBucketVersions"),
    ("s3:ListObjectsV2", "s3:ListBucket"),
    ("s3:PutBucketEncryption", "s3:PutEncryptionConfiguration"),
    ("s3:PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
    ("s3:PutBucketReplication", "s3:PutReplicationConfiguration"),
    ("s3:PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
];

/// API Gateway has an action for each verb of HTTP; operations that begin so are sent with it
/// (API Gateway API Reference).
const VERBS: [(&str, &str); 9] = [
    ("Create", "POST"),
    ("Delete", "DELETE"),
    ("Flush", "DELETE"),
    ("Get", "GET"),
    ("Import", "POST"),
    ("Put", "PUT"),
    ("Tag", "PUT"),
    ("Untag", "DELETE"),
    ("Update", "PATCH"),
];

/// Actions that no type sends and many need.
const CHECKED_ONLY: [(&str, &str); 3] = [
    ("iam:CreateServiceLinkedRole", "asked for when an account uses a service for the first time"),
    ("iam:PassRole", "asked for when a service gets a role"),
    ("kms:", "what a service does with a key it does in the name of the caller"),
];

/// The action that AWS wants to be allowed for an operation.
fn action(sent: &Sent) -> String {
    let service = SERVICES.iter().find(|(sdk, _)| *sdk == sent.service);
    let (_, service) = service.unwrap_or_else(|| panic!("no service of IAM is known for {}", sent.service));
    if *service == "apigateway" {
        let verb = VERBS.iter().find(|(begin, _)| sent.operation.starts_with(begin));
        let (_, verb) = verb.unwrap_or_else(|| panic!("no verb is known for {}", sent.operation));
        return format!("{service}:{verb}");
    }
    let plain = format!("{service}:{}", sent.operation);
    OTHERWISE.iter().find(|(operation, _)| *operation == plain).map_or(plain, |(_, action)| (*action).to_owned())
}

/// What is wrong with the permissions of the types of these cases, of all that they need, and of the data
/// sources that they ask, after all that was sent.
pub fn wrong(cases: &[Case], sent: &BTreeSet<Sent>) -> Vec<String> {
    let is_forgone = |sent: &Sent| cases.iter().any(|c| c.token == sent.by && c.forgone.contains_key(&action(sent)));
    let refused = sent.iter().filter(|sent| is_allowed(sent) == is_forgone(sent));
    let mut wrong: Vec<String> = refused.map(lacking).collect();
    let mut types: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        types.entry(&case.token).or_default().push(case);
    }
    for (token, cases) in types {
        let Some(ty) = aws::catalog().find(token) else { continue };
        let sent: BTreeSet<String> = sent.iter().filter(|sent| sent.by == ty.token).map(action).collect();
        wrong.extend(unsent(ty, &sent, &reasons(&cases, |case| &case.unsent)));
        let idle = reasons(&cases, |case| &case.forgone).into_iter().filter(|action| !sent.contains(*action));
        wrong.extend(idle.map(|action| format!("{token}: {action} is not sent")));
    }
    wrong
}

fn reasons<'a>(cases: &[&'a Case], of: impl Fn(&'a Case) -> &'a BTreeMap<String, String>) -> BTreeSet<&'a str> {
    cases.iter().flat_map(|case| of(case).keys()).map(String::as_str).collect()
}

fn lacking(sent: &Sent) -> String {
    let Sent { by, to, service, operation } = sent;
    let listed = if is_allowed(sent) { "lists" } else { "does not list" };
    format!("{by} sends {operation} of {service} to {to:?}, and {listed} {}", action(sent))
}

/// Whether the permissions that a policy would hold for it cover an operation.
fn is_allowed(sent: &Sent) -> bool {
    let action = action(sent);
    if let Some(function) = aws::catalog().function(&sent.by) {
        return function.permissions.contains(&action.as_str());
    }
    let Some(ty) = aws::catalog().find(&sent.by) else { return false };
    let facts = &ty.facts;
    let all = facts.permissions;
    let own = match sent.to {
        Purpose::Create => all.create,
        Purpose::Look | Purpose::Ask => all.read,
        Purpose::Update => all.update,
        Purpose::Delete => all.delete,
        Purpose::Read => return listed(ty).contains(action.as_str()),
    };
    let with = facts.permissions_with.iter().flat_map(|with| match sent.to {
        Purpose::Create | Purpose::Update => [with.write, with.itself].concat(),
        _ => with.read.to_vec(),
    });
    own.iter().chain(all.read).copied().chain(with).any(|allowed| allowed == action)
}

/// All actions that a type lists.
fn listed(ty: &TypeSchema) -> BTreeSet<&'static str> {
    let all = ty.facts.permissions;
    let with = ty.facts.permissions_with.iter().flat_map(|with| [with.read, with.write, with.itself]);
    [all.create, all.read, all.update, all.delete].into_iter().chain(with).flatten().copied().collect()
}

/// Permissions of a type that nothing needs, and reasons that nothing needs.
fn unsent(ty: &TypeSchema, sent: &BTreeSet<String>, reasons: &BTreeSet<&str>) -> Vec<String> {
    let listed = listed(ty);
    let is_checked = |action: &str| {
        let of_others = |checked: &str| checked.trim_end_matches(':') != ty.service();
        CHECKED_ONLY.iter().any(|(checked, _)| action.starts_with(checked) && of_others(checked))
    };
    let is_excused = |action: &str| is_checked(action) || reasons.contains(action);
    let over = listed.iter().filter(|action| !sent.contains(**action) && !is_excused(action));
    let over = over.map(|action| format!("{} lists {action} and never sends it", ty.token));
    let idle = reasons.iter().filter(|action| !listed.contains(**action) || sent.contains(**action));
    over.chain(idle.map(|action| format!("{}: {action} needs no reason", ty.token))).collect()
}
