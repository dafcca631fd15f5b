//! Inputs that pulumi-aws has and drctl refuses by name, each with its reason.

/// Token of the type (`*` for all), input, reason.
pub const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("*", "region", "the language handles it: `region` is an option of every resource"),
    ("*", "bucketPrefix", "give `bucket`, or leave it out for an automatic name"),
    ("*", "timeouts", "use the option `customTimeouts`"),
    ("*", "namePrefix", "give `name`, or leave it out for an automatic name"),
    ("aws:autoscaling/group:Group", "ignoreFailedScalingActivities", "drctl does not wait for instances"),
    ("aws:autoscaling/group:Group", "minElbCapacity", "drctl does not wait for instances"),
    ("aws:autoscaling/group:Group", "waitForCapacityTimeout", "drctl does not wait for instances"),
    ("aws:autoscaling/group:Group", "waitForElbCapacity", "drctl does not wait for instances"),
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
        "drctl delivers to buckets only: use `extendedS3Configuration`",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "httpEndpointConfiguration",
        "drctl delivers to buckets only: use `extendedS3Configuration`",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "icebergConfiguration",
        "drctl delivers to buckets only: use `extendedS3Configuration`",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "opensearchConfiguration",
        "drctl delivers to buckets only: use `extendedS3Configuration`",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "opensearchserverlessConfiguration",
        "drctl delivers to buckets only: use `extendedS3Configuration`",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "redshiftConfiguration",
        "drctl delivers to buckets only: use `extendedS3Configuration`",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "snowflakeConfiguration",
        "drctl delivers to buckets only: use `extendedS3Configuration`",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "splunkConfiguration",
        "drctl delivers to buckets only: use `extendedS3Configuration`",
    ),
    (
        "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
        "mskSourceConfiguration",
        "drctl reads from Kinesis or takes records by calls: use `kinesisSourceConfiguration`",
    ),
    ("aws:iam/policy:Policy", "delayAfterPolicyCreationInMs", "drctl waits by itself until AWS takes the policy"),
    ("aws:cloudwatch/eventRule:EventRule", "isEnabled", "use `state`, which knows more than on and off"),
    ("aws:s3/bucket:Bucket", "accelerationStatus", "use `aws:s3:BucketAccelerateConfiguration`"),
    ("aws:s3/bucket:Bucket", "acl", "use `aws:s3:BucketAcl`"),
    ("aws:s3/bucket:Bucket", "corsRules", "use `aws:s3:BucketCorsConfiguration`"),
    ("aws:s3/bucket:Bucket", "grants", "use `aws:s3:BucketAcl`"),
    ("aws:s3/bucket:Bucket", "lifecycleRules", "use `aws:s3:BucketLifecycleConfiguration`"),
    ("aws:s3/bucket:Bucket", "logging", "use `aws:s3:BucketLogging`"),
    ("aws:s3/bucket:Bucket", "objectLockConfiguration", "use `aws:s3:BucketObjectLockConfiguration`"),
    ("aws:s3/bucket:Bucket", "policy", "use `aws:s3:BucketPolicy`"),
    ("aws:s3/bucket:Bucket", "replicationConfiguration", "use `aws:s3:BucketReplicationConfig`"),
    ("aws:s3/bucket:Bucket", "requestPayer", "use `aws:s3:BucketRequestPaymentConfiguration`"),
    (
        "aws:s3/bucket:Bucket",
        "serverSideEncryptionConfiguration",
        "use `aws:s3:BucketServerSideEncryptionConfiguration`",
    ),
    ("aws:s3/bucket:Bucket", "versioning", "use `aws:s3:BucketVersioning`"),
    ("aws:s3/bucket:Bucket", "website", "use `aws:s3:BucketWebsiteConfiguration`"),
    ("aws:kinesis/stream:Stream", "arn", "AWS decides it: it is an output"),
    (
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "useResourceTimeoutForPropagation",
        "`customTimeouts` is the limit of every wait",
    ),
    (
        "aws:sns/topicSubscription:TopicSubscription",
        "confirmationTimeoutInMinutes",
        "drctl does not wait for a receiver to agree: the output `pendingConfirmation` tells whether it has",
    ),
    (
        "aws:sns/topicSubscription:TopicSubscription",
        "endpointAutoConfirms",
        "drctl does not wait for a receiver to agree: the output `pendingConfirmation` tells whether it has",
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

/// Why an input is refused although pulumi-aws has it.
pub fn why(token: &str, input: &str) -> Option<&'static str> {
    LEFT_OUT.iter().find(|(ty, name, _)| (*ty == token || *ty == "*") && *name == input).map(|(.., reason)| *reason)
}
