//! `drctl permissions`: the least-privilege IAM policies of a stack.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value as Json, json};

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::failure::{Result, given_path};
use crate::cli::grants::{Detail, Grant, grants};
use crate::cli::program::load;
use crate::cli::project;
use crate::render;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only what `preview` and `refresh` need: nothing that changes anything
    #[arg(long)]
    read_only: bool,

    /// Write each policy to a file of this directory, and say how to attach them
    #[arg(long, value_name = "DIRECTORY")]
    files: Option<PathBuf>,
}

/// Writes one policy as it is, and several as a list: what a managed policy may hold decides.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result {
    let loaded = load(global)?;
    let (resources, asked) = (loaded.program.survey(), loaded.program.asked());
    let policies = |detail| pack(&grants(&resources, &asked, arguments.read_only, detail), POLICY_LIMIT);
    let by_name = policies(Detail::Names);
    let named = by_name.len() <= ROLE_LIMIT;
    let policies = if named { by_name } else { policies(Detail::Kinds) };
    let name = format!("drctl-{}", loaded.stack);
    if let Some(directory) = &arguments.files {
        let directory = project::directory(global)?.join(directory);
        std::fs::create_dir_all(&directory).map_err(given_path("make", &directory))?;
        for (name, policy) in names(&name, policies.len()).zip(&policies) {
            let path = directory.join(format!("{name}.json"));
            std::fs::write(&path, format!("{policy:#}\n")).map_err(given_path("write", &path))?;
        }
        render::data(format_args!("{}", commands(&name, policies.len(), &directory)));
    } else if let [policy] = policies.as_slice() {
        render::data(format_args!("{policy:#}\n"));
    } else {
        render::data(format_args!("{:#}\n", Json::from(policies.clone())));
    }
    if !named {
        render::warn("the stack holds too many resources to name each: the policies name their kinds instead");
    }
    if let Some(warning) = needs_several(policies.len(), arguments.files.is_some()) {
        render::warn(warning);
    }
    Ok(Exit::Ok)
}

/// Most characters of a managed policy, white space not counted
/// (IAM User Guide, "IAM and AWS STS quotas").
const POLICY_LIMIT: usize = 6_144;

/// Most managed policies of a role, unless AWS raises the quota
/// (IAM User Guide, "IAM and AWS STS quotas").
const ROLE_LIMIT: usize = 10;

/// Policies that hold all grants, in their order, none longer than a limit. A grant is one statement, or
/// several if it is too long for a policy.
fn pack(grants: &[Grant], limit: usize) -> Vec<Json> {
    let mut full: Vec<Vec<Json>> = Vec::new();
    let mut open: Vec<Json> = Vec::new();
    for grant in grants {
        let parts = parts(grant, limit);
        let numbered = parts.len() > 1;
        for (n, part) in (1..).zip(parts) {
            let name = if numbered { format!("{}{n}", part.name) } else { part.name.clone() };
            let more = statement(&name, &part);
            if !open.is_empty() && !fits(&[open.as_slice(), std::slice::from_ref(&more)].concat(), limit) {
                full.push(std::mem::take(&mut open));
            }
            open.push(more);
        }
    }
    full.push(open);
    full.iter().map(|statements| policy(statements)).collect()
}

fn policy(statements: &[Json]) -> Json {
    json!({"Version": "2012-10-17", "Statement": statements})
}

fn fits(statements: &[Json], limit: usize) -> bool {
    policy(statements).to_string().len() <= limit
}

/// Room for the number that parts of a grant have in their names.
const NUMBER: &str = "000";

/// A grant in parts that each fit into a policy.
fn parts(grant: &Grant, limit: usize) -> Vec<Grant> {
    let name = format!("{}{NUMBER}", grant.name);
    if fits(&[statement(&name, grant)], limit) || grant.resources.len() <= 1 && grant.actions.len() <= 1 {
        return vec![grant.clone()];
    }
    let (mut first, mut second) = (grant.clone(), grant.clone());
    if grant.resources.len() > 1 {
        let middle = grant.resources.iter().nth(grant.resources.len() / 2).cloned().unwrap_or_default();
        second.resources = first.resources.split_off(&middle);
    } else {
        let middle = grant.actions.iter().nth(grant.actions.len() / 2).copied().unwrap_or_default();
        second.actions = first.actions.split_off(middle);
    }
    [parts(&first, limit), parts(&second, limit)].concat()
}

fn statement(name: &str, grant: &Grant) -> Json {
    let resources = match grant.resources.first() {
        Some(only) if grant.resources.len() == 1 => json!(only),
        _ => json!(grant.resources),
    };
    let mut statement = json!({"Sid": name, "Effect": "Allow", "Action": grant.actions, "Resource": resources});
    for ((operator, key), values) in &grant.conditions {
        statement["Condition"][operator][key] = json!(values);
    }
    statement
}

/// What policies are called: a single one has no number.
fn names(name: &str, policies: usize) -> impl Iterator<Item = String> {
    let numbered = policies > 1;
    (1..=policies).map(move |n| if numbered { format!("{name}-{n}") } else { name.to_owned() })
}

/// Commands that make the policies and give them to a role.
fn commands(name: &str, policies: usize, directory: &Path) -> String {
    let lines = names(name, policies).map(|name| {
        let file = directory.join(format!("{name}.json"));
        format!(
            "aws iam create-policy --policy-name {name} --policy-document file://{}\n\
             aws iam attach-role-policy --role-name ROLE --policy-arn arn:aws:iam::ACCOUNT:policy/{name}\n",
            file.display()
        )
    });
    lines.collect()
}

/// What the user should know of a stack that needs more than one policy.
fn needs_several(policies: usize, in_files: bool) -> Option<String> {
    let how = if in_files { "" } else { "; `--files DIRECTORY` writes them with the commands that do it" };
    match policies {
        0 | 1 => None,
        n if n <= ROLE_LIMIT => Some(format!(
            "a managed policy may have {POLICY_LIMIT} characters, so these are {n} policies: attach all of them to the role{how}"
        )),
        n => Some(format!(
            "these are {n} policies, and a role may have {ROLE_LIMIT}: ask AWS for a higher quota of managed policies a role, or give the stack two roles{how}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const STACK: &str = r#"
regions: {primary: eu-west-1, secondary: us-east-1}
config: {suffix: {default: a}}
variables: {me: {fn::invoke: {function: aws:getCallerIdentity}}}
resources:
  vpc: {type: aws:ec2:Vpc, properties: {cidrBlock: 10.0.0.0/16}}
  logs: {type: aws:s3:Bucket, each: [primary, secondary], region: "${each.value}", properties: {bucket: "logs-${each.value}-${suffix}"}}
  auto: {type: aws:s3:Bucket}
  own: {type: aws:s3:Bucket, properties: {bucket: "own-${me.accountId}-x"}}
  versioning: {type: aws:s3:BucketVersioning, properties: {bucket: "${auto.id}", versioningConfiguration: {status: Enabled}}}
  role: {type: aws:iam:Role, properties: {name: runner, path: /dr/, assumeRolePolicy: {}}}
  rights: {type: aws:iam:RolePolicy, properties: {role: "${role.name}", policy: {}}}
  function: {type: aws:lambda:Function, properties: {name: probe, role: "${role.arn}", runtime: python3.13, handler: a.b, code: {fn::stringAsset: x}}}
  topic: {type: aws:sns:Topic, region: secondary, properties: {name: alarms}}
  mail: {type: aws:sns:TopicSubscription, region: secondary, properties: {topic: "${topic.arn}", protocol: email, endpoint: a@example.com}}
  secret: {type: aws:secretsmanager:Secret, properties: {name: db}}
  value: {type: aws:secretsmanager:SecretVersion, properties: {secretId: "${secret.id}", secretString: x}}
  key: {type: aws:kms:Key}
  cluster: {type: aws:rds:Cluster, properties: {clusterIdentifier: main, engine: aurora-postgresql, masterUsername: a, masterPassword: "12345678"}}
  zone: {type: aws:route53:Zone, properties: {name: example.com}}
  record: {type: aws:route53:Record, properties: {zoneId: "${zone.zoneId}", name: a, type: A, ttl: 60, records: [192.0.2.1]}}
  theirs: {type: aws:route53:Record, properties: {zoneId: Z1, name: a, type: A, ttl: 60, records: [192.0.2.1]}}
  group: {type: aws:cloudwatch:LogGroup, properties: {name: /aws/lambda/probe}}
  known: {type: aws:sqs:Queue, get: {id: "https://sqs.eu-west-1.amazonaws.com/123456789012/known"}}
"#;

    fn granted(stack: &str, read_only: bool, detail: Detail) -> Vec<Grant> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("stack.yaml"), stack).unwrap();
        let request = crate::stack::Request {
            stack: folder.path().join("stack.yaml").to_string_lossy().into_owned(),
            cwd: folder.path().to_owned(),
            config: Vec::new(),
            environment: Default::default(),
        };
        let loaded = crate::stack::load(&request, crate::aws::catalog());
        let loaded = loaded.unwrap_or_else(|p| panic!("{}", crate::stack::testing::shown(&p)));
        grants(&loaded.program.survey(), &loaded.program.asked(), read_only, detail)
    }

    /// What policies allow, each action on each resource.
    fn allowed(policies: &[Json]) -> BTreeSet<(String, String)> {
        let statements = policies.iter().flat_map(|policy| policy["Statement"].as_array().unwrap());
        let texts = |value: &Json| match value {
            Json::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
            one => vec![one.as_str().unwrap().to_owned()],
        };
        let pairs = |statement: &Json| {
            let resources = texts(&statement["Resource"]);
            let on = move |action: String| resources.clone().into_iter().map(move |on| (action.clone(), on));
            texts(&statement["Action"]).into_iter().flat_map(on).collect::<Vec<_>>()
        };
        statements.flat_map(pairs).collect()
    }

    #[test]
    fn a_policy_allows_the_actions_of_the_types_on_the_resources_of_the_stack() {
        let policies = pack(&granted(STACK, false, Detail::Names), usize::MAX);
        let [policy] = policies.as_slice() else { panic!("{policies:?}") };
        insta::assert_snapshot!(format!("{policy:#}"));
    }

    #[test]
    fn a_read_only_policy_changes_nothing_and_passes_no_role() {
        let policies = pack(&granted(STACK, true, Detail::Names), POLICY_LIMIT);
        let verbs = ["Create", "Put", "Delete", "Update", "PassRole", "Tag", "Add", "Modify"];
        for (action, _) in allowed(&policies) {
            let name = action.split(':').nth(1).unwrap();
            assert!(!verbs.iter().any(|verb| name.starts_with(verb)), "{action}");
        }
        assert!(allowed(&policies).contains(&("ec2:DescribeVpcs".into(), "*".into())));
    }

    #[test]
    fn the_data_sources_that_the_text_calls_may_be_asked() {
        let stack = r#"
regions: {primary: eu-west-1}
variables:
  zones: {fn::invoke: {function: aws:getAvailabilityZones, arguments: {state: available}}}
components:
  used:
    resources: {topic: {type: aws:sns:Topic}}
    outputs: {made: {fn::secret: {fn::aws:secretsmanager:getRandomPassword: {}}}}
  unused:
    resources: {topic: {type: aws:sns:Topic}}
    variables: {image: {fn::invoke: {function: aws:ec2:getAmi}}}
resources:
  one: {type: used}
outputs:
  load: {fn::join: ["", [{fn::invoke: {function: aws:cloudwatch:getMetricValue, arguments: {namespace: a, metricName: b, statistic: Sum}, return: timestamp}}]]}
"#;
        for read_only in [true, false] {
            let all = allowed(&pack(&granted(stack, read_only, Detail::Names), POLICY_LIMIT));
            let anywhere = |action: &str| all.contains(&(action.to_owned(), "*".to_owned()));
            for action in
                ["ec2:DescribeAvailabilityZones", "secretsmanager:GetRandomPassword", "cloudwatch:GetMetricStatistics"]
            {
                assert!(anywhere(action), "{action}: {all:?}");
            }
            assert!(!anywhere("ec2:DescribeImages"), "no instance of the component is there");
        }
    }

    #[test]
    fn a_data_source_in_a_branch_may_be_asked_for_every_item_that_may_take_it() {
        let stack = r#"
regions: {primary: eu-west-1}
variables:
  zones: {fn::invoke: {function: aws:getAvailabilityZones, return: names}}
resources:
  topic:
    type: aws:sns:Topic
    each: {known: true, open: {fn::contains: ["${zones}", eu-west-1a]}}
    properties:
      displayName: {fn::if: ["${each.value}", {fn::invoke: {function: aws:ssm:getParameter, arguments: {name: "/app/${each.key}"}, return: value}}, plain]}
"#;
        let statements = statements_of(&granted(stack, true, Detail::Names), "ssm:GetParameter");
        let about: Vec<&Json> = statements.iter().map(|statement| &statement["Resource"]).collect();
        let parameter = |name: &str| format!("arn:aws:ssm:eu-west-1:*:parameter/app/{name}");
        assert_eq!(about, [&json!([parameter("known"), parameter("open")])]);
    }

    #[test]
    fn an_input_that_names_a_key_a_bucket_or_a_layer_allows_its_use_on_that() {
        let stack = |secret: &str, parameter: &str, function: &str| {
            format!(
                r#"
regions: {{primary: eu-west-1, secondary: us-east-1}}
variables: {{layer: "arn:aws:lambda:eu-west-1:123456789012:layer:tools:3"}}
resources:
  key: {{type: aws:kms:Key, region: secondary}}
  code: {{type: aws:s3:Bucket, properties: {{bucket: code}}}}
  secret: {{type: aws:secretsmanager:Secret, properties: {{name: db, {secret}}}}}
  value: {{type: aws:ssm:Parameter, properties: {{name: a, type: SecureString, value: {{fn::secret: x}}, {parameter}}}}}
  function: {{type: aws:lambda:Function, properties: {{name: f, role: "arn:aws:iam::123456789012:role/r", runtime: python3.13, handler: a.b, {function}}}}}
"#
            )
        };
        let of = |stack: &str, read_only: bool| {
            let mut all = allowed(&pack(&granted(stack, read_only, Detail::Names), POLICY_LIMIT));
            all.retain(|(action, _)| {
                ["kms:Decrypt", "kms:Encrypt", "kms:CreateGrant", "kms:GenerateDataKey", "lambda:GetLayerVersion"]
                    .contains(&action.as_str())
                    || action.starts_with("s3:GetObject")
            });
            all.into_iter().map(|(action, on)| format!("{action} {on}\n")).collect::<String>()
        };
        let plain = stack("description: x", "description: x", "code: {fn::stringAsset: x}");
        assert_eq!(of(&plain, false), "");
        let with_keys = stack(
            "kmsKeyId: alias/own, replicas: [{region: us-east-1, kmsKeyId: '${key.arn}'}]",
            "keyId: '${key.keyId}'",
            "s3Bucket: '${code.bucket}', s3Key: a.zip, layers: ['${layer}'], \
             kmsKeyArn: 'arn:aws:kms:eu-west-1:123456789012:key/k'",
        );
        insta::assert_snapshot!(of(&with_keys, false));
        insta::assert_snapshot!(of(&with_keys, true));
    }

    /// The statements that allow an action.
    fn statements_of(grants: &[Grant], action: &str) -> Vec<Json> {
        let grants = grants.iter().filter(|grant| grant.actions.iter().any(|allowed| *allowed == action));
        grants.map(|grant| statement(&grant.name, grant)).collect()
    }

    #[test]
    fn a_role_may_be_passed_to_those_services_only_that_get_it() {
        let stack = r#"
regions: {primary: eu-west-1}
resources:
  one: {type: aws:iam:Role, properties: {name: one, assumeRolePolicy: {}}}
  two: {type: aws:iam:Role, properties: {name: two, assumeRolePolicy: {}}}
  function: {type: aws:lambda:Function, properties: {name: f, role: "${one.arn}", runtime: python3.13, handler: a.b, code: {fn::stringAsset: x}}, options: {dependsOn: ["${two}"]}}
  machine: {type: aws:sfn:StateMachine, properties: {name: m, roleArn: "${two.arn}", definition: "{}"}}
  rule: {type: aws:cloudwatch:EventRule, properties: {name: r, scheduleExpression: rate(1 hour), roleArn: "${two.arn}"}}
"#;
        let statements = statements_of(&granted(stack, false, Detail::Names), "iam:PassRole");
        let said = statements.iter().map(|s| {
            let to = &s["Condition"]["StringEquals"]["iam:PassedToService"];
            format!("{}: {} to {to}", s["Sid"].as_str().unwrap(), s["Resource"].as_str().unwrap())
        });
        assert_eq!(
            said.collect::<Vec<_>>(),
            [
                "iamPassRoleToEventsStates: arn:aws:iam::*:role/two to \
                 [\"events.amazonaws.com\",\"states.amazonaws.com\"]",
                "iamPassRoleToLambda: arn:aws:iam::*:role/one to [\"lambda.amazonaws.com\"]",
            ]
        );
    }

    #[test]
    fn what_names_no_resource_is_allowed_in_the_regions_of_those_that_need_it() {
        let grants = granted(STACK, false, Detail::Names);
        let regions = |action: &str| {
            let statements = statements_of(&grants, action);
            assert_eq!(statements.len(), 1, "{statements:?}");
            statements[0]["Condition"]["StringEquals"]["aws:RequestedRegion"].clone()
        };
        assert_eq!(regions("ec2:DescribeVpcs"), json!(["eu-west-1"]));
        assert_eq!(regions("rds:DescribeDBClusters"), json!(["eu-west-1"]));
        assert_eq!(regions("sns:Unsubscribe"), json!(["us-east-1"]));
        assert_eq!(regions("route53:ListHostedZones"), Json::Null, "it answers in one region for all");
        assert_eq!(regions("sts:GetCallerIdentity"), Json::Null, "whichever region answers");
    }

    #[test]
    fn a_parameter_that_is_read_is_named_and_its_own_value_is_all_that_may_be_decrypted() {
        let stack = |name: &str| {
            format!(
                r#"
regions: {{primary: eu-west-1, secondary: us-east-1}}
config: {{stage: {{default: live}}}}
resources:
  own: {{type: aws:ssm:Parameter, properties: {{name: /own/one, type: String, value: x}}}}
  group: {{type: aws:cloudwatch:LogGroup, properties: {{name: g}}}}
outputs:
  read: {{fn::invoke: {{function: aws:ssm:getParameter, arguments: {{{name}}}, return: value}}}}
"#
            )
        };
        let of = |arguments: &str| {
            let grants = granted(&stack(arguments), true, Detail::Names);
            let statements =
                [statements_of(&grants, "ssm:GetParameter"), statements_of(&grants, "kms:Decrypt")].concat();
            let said = statements.iter().map(|s| {
                let context = &s["Condition"]["StringLike"]["kms:EncryptionContext:PARAMETER_ARN"];
                format!("{} {} {}\n", s["Sid"].as_str().unwrap(), s["Resource"].as_str().unwrap(), context)
            });
            said.collect::<String>()
        };
        insta::assert_snapshot!(of("name: '/app/${stage}/password'"), @r#"
        ssmForGetParameter arn:aws:ssm:eu-west-1:*:parameter/app/live/password null
        kmsForGetParameter arn:aws:kms:eu-west-1:*:key/* ["arn:aws:ssm:eu-west-1:*:parameter/app/live/password"]
        "#);
        insta::assert_snapshot!(of("name: plain, region: us-east-1, withDecryption: false"), @"ssmForGetParameter arn:aws:ssm:us-east-1:*:parameter/plain null");
        insta::assert_snapshot!(of("name: /aws/service/ami/latest"), @"ssmForGetParameter arn:aws:ssm:eu-west-1:*:parameter/aws/service/ami/latest null");
        insta::assert_snapshot!(of("name: 'arn:aws:ssm:eu-west-1:123456789012:parameter/theirs'"), @r#"
        ssmForGetParameter arn:aws:ssm:eu-west-1:123456789012:parameter/theirs null
        kmsForGetParameter arn:aws:kms:eu-west-1:*:key/* ["arn:aws:ssm:eu-west-1:123456789012:parameter/theirs"]
        "#);
        insta::assert_snapshot!(of("name: '${own.name}'"), @r#"
        ssmForGetParameter arn:aws:ssm:eu-west-1:*:parameter/own/one null
        kmsForGetParameter arn:aws:kms:eu-west-1:*:key/* ["arn:aws:ssm:eu-west-1:*:parameter/own/one"]
        "#);
        insta::assert_snapshot!(of("name: {'fn::join': ['/', '${group.tagsAll.names}']}"), @r#"
        ssmForGetParameter arn:aws:ssm:*:*:parameter/* null
        kmsForGetParameter arn:aws:kms:*:*:key/* ["arn:aws:ssm:*:*:parameter/*"]
        "#);
    }

    #[test]
    fn keys_are_used_where_an_input_names_one_and_nothing_else_is() {
        let stack = |table: &str, machine: &str, cluster: &str, vault: &str| {
            format!(
                r#"
regions: {{primary: eu-west-1}}
resources:
  key: {{type: aws:kms:Key}}
  table: {{type: aws:dynamodb:Table, properties: {{name: table, hashKey: id, attributes: [{{name: id, type: S}}], billingMode: PAY_PER_REQUEST, {table}}}}}
  machine: {{type: aws:sfn:StateMachine, properties: {{name: m, roleArn: "arn:aws:iam::123456789012:role/r", definition: "{{}}", {machine}}}}}
  cluster: {{type: aws:rds:Cluster, properties: {{clusterIdentifier: c, engine: aurora-postgresql, masterUsername: a, {cluster}}}}}
  vault: {{type: aws:backup:Vault, properties: {{name: vault, {vault}}}}}
"#
            )
        };
        let of = |stack: &str| {
            let all = allowed(&pack(&granted(stack, false, Detail::Names), POLICY_LIMIT));
            let of_keys = ["CreateGrant", "Decrypt", "GenerateDataKey", "ReEncrypt", "RetireGrant", "Encrypt"];
            let used = all.into_iter().filter(|(action, _)| {
                of_keys.iter().any(|word| action.strip_prefix("kms:").is_some_and(|name| name.starts_with(word)))
                    || action == "secretsmanager:CreateSecret"
            });
            used.map(|(action, on)| format!("{action} {on}\n")).collect::<String>()
        };
        let plain =
            stack("serverSideEncryption: {enabled: true}", "type: STANDARD", "masterPassword: '12345678'", "tags: {}");
        assert_eq!(of(&plain), "");
        let of_aws = stack(
            "tags: {}",
            "encryptionConfiguration: {type: CUSTOMER_MANAGED_KMS_KEY, \
             kmsKeyId: 'arn:aws:kms:eu-west-1:123456789012:alias/aws/states'}",
            "masterPassword: '12345678', storageEncrypted: true",
            "tags: {}",
        );
        assert_eq!(of(&of_aws), "", "who may use a key of AWS, its own policy says");
        insta::assert_snapshot!(of(&stack(
            "serverSideEncryption: {enabled: true, kmsKeyArn: 'arn:aws:kms:eu-west-1:123456789012:key/k'}",
            "encryptionConfiguration: {type: CUSTOMER_MANAGED_KMS_KEY, \
             kmsKeyId: 'arn:aws:kms:us-east-1:123456789012:alias/data'}",
            "manageMasterUserPassword: true, storageEncrypted: true, kmsKeyId: 1234abcd-12ab-34cd-56ef-1234567890ab",
            "kmsKeyArn: '${key.arn}'",
        )));
        let restored = stack(
            "restoreBackupArn: 'arn:aws:dynamodb:eu-west-1:123456789012:table/t/backup/b'",
            "type: STANDARD",
            "snapshotIdentifier: 'arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:s'",
            "tags: {}",
        );
        insta::assert_snapshot!(of(&restored), @"
        kms:CreateGrant *
        kms:Decrypt *
        kms:Encrypt *
        kms:GenerateDataKey *
        kms:GenerateDataKey* *
        kms:ReEncrypt* *
        ");
        let used = statements_of(&granted(&restored, false, Detail::Names), "kms:Decrypt");
        let regions = used.iter().map(|s| &s["Condition"]["StringEquals"]["aws:RequestedRegion"]);
        assert_eq!(regions.collect::<Vec<_>>(), [&json!(["eu-west-1"])], "the key of the source has no name here");
    }

    #[test]
    fn what_is_only_looked_at_may_not_be_changed() {
        let all = allowed(&pack(&granted(STACK, false, Detail::Names), POLICY_LIMIT));
        assert!(all.iter().any(|(action, _)| action == "sqs:GetQueueAttributes"));
        assert!(!all.iter().any(|(action, _)| action == "sqs:DeleteQueue"));
        assert!(all.contains(&("sqs:GetQueueAttributes".into(), "*".into())), "its ARN does not follow from its URL");
    }

    #[test]
    fn policies_that_would_be_too_many_name_kinds() {
        let all = allowed(&pack(&granted(STACK, false, Detail::Kinds), POLICY_LIMIT));
        let on = |action: &str| all.iter().filter(|(a, _)| a == action).map(|(_, on)| on.as_str()).collect::<Vec<_>>();
        assert_eq!(on("s3:CreateBucket"), ["arn:aws:s3:::*"]);
        assert_eq!(on("lambda:CreateFunction")[0], "arn:aws:lambda:eu-west-1:*:function:*");
        assert_eq!(on("iam:PassRole"), ["arn:aws:iam::*:role/dr/*"]);
    }

    #[test]
    fn several_policies_allow_what_one_would_and_none_is_too_long() {
        let grants = granted(STACK, false, Detail::Names);
        let whole = pack(&grants, usize::MAX);
        for limit in [POLICY_LIMIT, 600] {
            let policies = pack(&grants, limit);
            assert!(policies.len() > 1 && policies.iter().all(|policy| policy.to_string().len() <= limit));
            assert_eq!(allowed(&policies), allowed(&whole));
            for policy in &policies {
                let ids: Vec<&Json> = policy["Statement"].as_array().unwrap().iter().map(|s| &s["Sid"]).collect();
                assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len(), "{ids:?}");
            }
        }
        assert_eq!(pack(&grants, POLICY_LIMIT), pack(&grants, POLICY_LIMIT));
    }

    #[test]
    fn in_other_partitions_arns_and_services_are_named_as_there() {
        let grants = granted(
            &STACK.replace("eu-west-1", "cn-north-1").replace("us-east-1", "cn-northwest-1"),
            false,
            Detail::Names,
        );
        let pass = grants.iter().find(|grant| grant.name == "iamPassRoleToLambda").unwrap();
        let passed_to: Vec<&String> = pass.conditions.values().flatten().collect();
        assert_eq!(passed_to, ["lambda.amazonaws.com", "lambda.amazonaws.com.cn"]);
        let arns = grants.iter().flat_map(|grant| &grant.resources).filter(|on| *on != "*");
        assert!(arns.into_iter().all(|arn| arn.starts_with("arn:aws-cn:")));
    }

    #[test]
    fn more_policies_than_a_role_may_have_are_told() {
        assert_eq!(needs_several(1, false), None);
        assert!(needs_several(2, false).unwrap().contains("attach all of them to the role; `--files DIRECTORY`"));
        assert!(needs_several(11, true).unwrap().contains("a role may have 10"));
    }

    #[test]
    fn the_commands_make_and_attach_each_policy() {
        insta::assert_snapshot!(commands("drctl-prod", 2, Path::new("/tmp/policies")), @"
        aws iam create-policy --policy-name drctl-prod-1 --policy-document file:///tmp/policies/drctl-prod-1.json
        aws iam attach-role-policy --role-name ROLE --policy-arn arn:aws:iam::ACCOUNT:policy/drctl-prod-1
        aws iam create-policy --policy-name drctl-prod-2 --policy-document file:///tmp/policies/drctl-prod-2.json
        aws iam attach-role-policy --role-name ROLE --policy-arn arn:aws:iam::ACCOUNT:policy/drctl-prod-2
        ");
    }
}
