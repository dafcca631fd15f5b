//! Inputs that pulumi-aws has and drctl refuses by name, each with its reason.

use crate::engine::schema::TypeSchema;

const BESIDE_THE_BUCKET: &str = "S3 keeps it beside the bucket, and drctl has no type for that part";

/// Token of the type (`*` for all), input, reason.
pub const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("*", "region", "the language handles it: `region` is an option of every resource"),
    ("*", "bucketPrefix", "give `bucket`, or leave it out for an automatic name"),
    ("*", "timeouts", "use the option `customTimeouts`"),
    ("*", "namePrefix", "give `name`, or leave it out for an automatic name"),
    (
        "aws:acm/certificate:Certificate",
        "earlyRenewalDuration",
        "ACM renews by itself; an earlier renewal is no property of a certificate",
    ),
    ("aws:acm/certificate:Certificate", "privateKeyWo", "`privateKey` is never shown either"),
    ("aws:acm/certificate:Certificate", "privateKeyWoVersion", "a changed `privateKey` is noticed without it"),
    ("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream", "arn", "AWS decides it: it is an output"),
    ("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream", "destinationId", "AWS decides it: it is an output"),
    ("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream", "versionId", "AWS decides it: it is an output"),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "elasticsearchConfiguration",
        "drctl has no type of search domains: deliver to a bucket or an HTTP endpoint",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "icebergConfiguration",
        "drctl has no type of tables of Glue: deliver to a bucket or an HTTP endpoint",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "opensearchConfiguration",
        "drctl has no type of search domains: deliver to a bucket or an HTTP endpoint",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "opensearchserverlessConfiguration",
        "drctl has no type of search collections: deliver to a bucket or an HTTP endpoint",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "redshiftConfiguration",
        "drctl has no type of data warehouses: deliver to a bucket, which Redshift can load from",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "snowflakeConfiguration",
        "drctl delivers to a bucket, which Snowflake can load from",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "splunkConfiguration",
        "drctl delivers to a bucket or an HTTP endpoint, and Splunk reads from buckets",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "mskSourceConfiguration",
        "drctl has no type of Kafka clusters: use `kinesisSourceConfiguration`",
    ),
    ("aws:iam/policy:Policy", "delayAfterPolicyCreationInMs", "drctl waits by itself until AWS takes the policy"),
    ("aws:cloudwatch/eventRule:EventRule", "isEnabled", "use `state`, which knows more than on and off"),
    ("aws:s3/bucket:Bucket", "accelerationStatus", BESIDE_THE_BUCKET),
    ("aws:s3/bucket:Bucket", "acl", BESIDE_THE_BUCKET),
    ("aws:s3/bucket:Bucket", "corsRules", BESIDE_THE_BUCKET),
    ("aws:s3/bucket:Bucket", "grants", BESIDE_THE_BUCKET),
    ("aws:s3/bucket:Bucket", "lifecycleRules", "use `aws:s3:BucketLifecycleConfiguration`"),
    ("aws:s3/bucket:Bucket", "logging", BESIDE_THE_BUCKET),
    ("aws:s3/bucket:Bucket", "objectLockConfiguration", BESIDE_THE_BUCKET),
    ("aws:s3/bucket:Bucket", "policy", "use `aws:s3:BucketPolicy`"),
    ("aws:s3/bucket:Bucket", "replicationConfiguration", "use `aws:s3:BucketReplicationConfig`"),
    ("aws:s3/bucket:Bucket", "requestPayer", BESIDE_THE_BUCKET),
    (
        "aws:s3/bucket:Bucket",
        "serverSideEncryptionConfiguration",
        "use `aws:s3:BucketServerSideEncryptionConfiguration`",
    ),
    ("aws:s3/bucket:Bucket", "versioning", "use `aws:s3:BucketVersioning`"),
    ("aws:s3/bucket:Bucket", "website", BESIDE_THE_BUCKET),
    ("aws:kinesis/stream:Stream", "arn", "AWS decides it: it is an output"),
    (
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "useResourceTimeoutForPropagation",
        "`customTimeouts` is the limit of every wait",
    ),
    ("aws:lambda/function:Function", "useResourceTimeoutForPropagation", "`customTimeouts` is the limit of every wait"),
    (
        "aws:lambda/permission:Permission",
        "statementIdPrefix",
        "give `statementId`, or leave it out for an automatic one",
    ),
    (
        "aws:secretsmanager/secretVersion:SecretVersion",
        "secretStringWo",
        "give `secretString`: drctl never reads it back and encrypts it in the state",
    ),
    (
        "aws:secretsmanager/secretVersion:SecretVersion",
        "secretStringWoVersion",
        "give `secretString`: drctl sees by itself when it changes",
    ),
    ("aws:ssm/parameter:Parameter", "arn", "AWS decides it: it is an output"),
    ("aws:ssm/parameter:Parameter", "valueWo", "give `value`: drctl encrypts it in the state"),
    ("aws:ssm/parameter:Parameter", "valueWoVersion", "give `value`: drctl sees by itself when it changes"),
    ("aws:rds/parameterGroup:ParameterGroup", "skipDestroy", "the resource option `retainOnDelete` does it"),
    (
        "aws:rds/cluster:Cluster",
        "clusterIdentifierPrefix",
        "give `clusterIdentifier`, or leave it out for an automatic one",
    ),
    (
        "aws:rds/cluster:Cluster",
        "clusterMembers",
        "the instances are `aws:rds:ClusterInstance`; the output of that name lists them",
    ),
    ("aws:rds/cluster:Cluster", "masterPasswordWo", "`masterPassword` is never shown either"),
    ("aws:rds/cluster:Cluster", "masterPasswordWoVersion", "a changed `masterPassword` is noticed without it"),
    ("aws:rds/cluster:Cluster", "sourceRegion", "AWS needs it only to copy between GovCloud regions"),
    ("aws:rds/cluster:Cluster", "warningEventCategories", "it steers what Pulumi prints, nothing in AWS"),
    (
        "aws:rds/clusterInstance:ClusterInstance",
        "identifierPrefix",
        "give `identifier`, or leave it out for an automatic one",
    ),
    (
        "aws:rds/clusterInstance:ClusterInstance",
        "warningEventCategories",
        "it steers what Pulumi prints, nothing in AWS",
    ),
];

/// Inputs of a type that are refused although pulumi-aws has them, each with the reason.
pub(super) fn of(schema: &TypeSchema) -> Vec<(&'static str, &'static str)> {
    // Prefixes of names mean something only where there are automatic names.
    let fits = |input: &str| match input.strip_suffix("Prefix") {
        Some(name) => schema.inputs.get(name).is_some_and(|property| property.auto_name.is_some()),
        None => true,
    };
    let of_all = LEFT_OUT.iter().filter(|(token, input, _)| *token == "*" && fits(input));
    let own = LEFT_OUT.iter().filter(|(token, ..)| *token == schema.token);
    own.chain(of_all).map(|(_, input, reason)| (*input, *reason)).collect()
}
