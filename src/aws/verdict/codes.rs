//! Codes of AWS and what they mean, by service. The service's own rows are asked first, then those of
//! one operation, then what all services have in common.

use super::glob;
use crate::engine::error::Kind::{self, Busy, Denied, Exists, NotFound, Spreading, Throttled, Unauthenticated};

pub(super) fn kind(service: &str, operation: &str, code: &str) -> Option<Kind> {
    let of_operation = OPERATIONS
        .iter()
        .find(|(of, name, known, _)| *of == service && glob(name, operation) && *known == code)
        .map(|(.., kind)| *kind);
    let of_service = || {
        let (_, rows) = SERVICES.iter().find(|(name, _)| *name == service)?;
        rows.iter().find(|(pattern, _)| glob(pattern, code)).map(|(_, kind)| *kind)
    };
    let common = || COMMON.iter().find(|(pattern, _)| glob(pattern, code)).map(|(_, kind)| *kind);
    of_operation.or_else(of_service).or_else(common)
}

/// Codes that mean something else for one operation: what was made a moment ago, by the operation
/// before, is not known everywhere. Service, operation, code.
const OPERATIONS: &[(&str, &str, &str, Kind)] = &[
    // Nothing but the stages, the selections that must go first makes these fail.
    ("apigateway", "DeleteDeployment", "BadRequestException", Busy),
    ("backup", "DeleteBackupPlan", "InvalidRequestException", Busy),
    // So many tables may change at once.
    ("dynamodb", "*Table", "LimitExceededException", Busy),
    ("application-autoscaling", "PutScalingPolicy", "ObjectNotFoundException", Spreading),
    // It is still being requested; that it was accepted its type knows.
    ("ec2", "AcceptVpcPeeringConnection", "InvalidStateTransition", Spreading),
    ("ec2", "AcceptVpcPeeringConnection", "InvalidVpcPeeringConnectionID.NotFound", Spreading),
    ("ec2", "AssociateRouteTable", "InvalidRouteTableID.NotFound", Spreading),
    ("ec2", "AssociateRouteTable", "InvalidSubnetID.NotFound", Spreading),
    ("ec2", "AttachInternetGateway", "InvalidInternetGatewayID.NotFound", Spreading),
    ("ec2", "AttachInternetGateway", "InvalidVpcID.NotFound", Spreading),
    ("ec2", "AuthorizeSecurityGroup*", "InvalidGroup.NotFound", Spreading),
    ("ec2", "CreateRoute", "InvalidInternetGatewayID.NotFound", Spreading),
    ("ec2", "CreateRoute", "InvalidRouteTableID.NotFound", Spreading),
    ("ec2", "CreateRouteTable", "InvalidVpcID.NotFound", Spreading),
    ("ec2", "CreateSecurityGroup", "InvalidVpcID.NotFound", Spreading),
    ("ec2", "CreateSubnet", "InvalidVpcID.NotFound", Spreading),
    ("ec2", "CreateVpcEndpoint", "InvalidVpcId.NotFound", Spreading),
    ("ec2", "CreateVpcPeeringConnection", "InvalidVpcID.NotFound", Spreading),
    ("ec2", "ModifySubnetAttribute", "InvalidSubnetID.NotFound", Spreading),
    ("ec2", "ModifyVpcAttribute", "InvalidVpcID.NotFound", Spreading),
    ("iam", "AddRoleToInstanceProfile", "NoSuchEntity", Spreading),
    ("iam", "AttachRolePolicy", "NoSuchEntity", Spreading),
    ("iam", "PutRolePolicy", "NoSuchEntity", Spreading),
    ("kms", "CreateAlias", "NotFoundException", Spreading),
    ("kms", "EnableKeyRotation", "NotFoundException", Spreading),
    ("logs", "PutDestination", "OperationAbortedException", Spreading),
    ("logs", "PutRetentionPolicy", "ResourceNotFoundException", Spreading),
    ("logs", "PutSubscriptionFilter", "OperationAbortedException", Spreading),
    ("s3", "PutBucket*", "NoSuchBucket", Spreading),
    ("s3", "PutPublicAccessBlock", "NoSuchBucket", Spreading),
];

/// What a refusal may be explained by, as beginnings of the types of it: a role that was made a moment ago, a
/// policy of it, a principal that a policy names.
const IAM: &[&str] = &["aws:iam/"];
/// The same, or who may be called.
const CALLED: &[&str] = &["aws:iam/", "aws:kinesis/", "aws:lambda/permission", "aws:cloudwatch/logDestination"];

/// Codes that some services have both for mistakes and for what they do not know yet. Service, operation, code,
/// and what explains it: where the resource depends on one that is young, the call is made again for a while.
const YOUNG: &[(&str, &str, &str, &[&str])] = &[
    ("apigateway", "UpdateAccount", "BadRequestException", IAM),
    ("application-autoscaling", "RegisterScalableTarget", "ValidationException", IAM),
    ("autoscaling", "CreateAutoScalingGroup", "ValidationError", IAM),
    ("autoscaling", "StartInstanceRefresh", "ValidationError", IAM),
    ("autoscaling", "UpdateAutoScalingGroup", "ValidationError", IAM),
    ("backup", "CreateBackupSelection", "InvalidParameterValueException", IAM),
    ("cloudwatch", "PutMetricStream", "InvalidParameterValue", IAM),
    ("cloudwatch", "PutMetricStream", "InvalidParameterValueException", IAM),
    ("ec2", "CreateFlowLogs", "InvalidParameter", IAM),
    ("ec2", "CreateLaunchTemplate*", "InvalidParameterValue", IAM),
    ("ec2", "ModifyVpcPeeringConnectionOptions", "OperationNotPermitted", &["aws:ec2/vpcPeering"]),
    ("events", "Put*", "ValidationException", IAM),
    ("firehose", "*", "InvalidArgumentException", IAM),
    ("iam", "CreateRole", "MalformedPolicyDocument", IAM),
    ("iam", "UpdateAssumeRolePolicy", "MalformedPolicyDocument", IAM),
    ("kms", "CreateKey", "MalformedPolicyDocumentException", IAM),
    ("kms", "PutKeyPolicy", "MalformedPolicyDocumentException", IAM),
    ("lambda", "*", "InvalidParameterValueException", IAM),
    ("logs", "PutDestination", "InvalidParameterException", CALLED),
    ("logs", "PutSubscriptionFilter", "InvalidParameterException", CALLED),
    ("logs", "PutSubscriptionFilter", "ValidationException", CALLED),
    ("rds", "*", "InvalidParameterValue", IAM),
    ("s3", "PutBucketPolicy", "MalformedPolicy", IAM),
    ("s3", "PutBucketReplication", "InvalidRequest", &["aws:iam/", "aws:s3/bucket"]),
    ("sns", "CreateTopic", "InvalidParameter", IAM),
    ("sns", "SetTopicAttributes", "InvalidParameter", IAM),
    ("states", "*StateMachine", "AccessDeniedException", IAM),
];

/// The types that may explain a refusal by being young; see [`YOUNG`].
pub(super) fn young(service: &str, operation: &str, code: &str) -> &'static [&'static str] {
    let found = YOUNG.iter().find(|(of, name, known, _)| *of == service && glob(name, operation) && *known == code);
    found.map_or(&[], |(.., types)| *types)
}

/// Codes that one service uses, or uses in its own way.
const SERVICES: &[(&str, &[(&str, Kind)])] = &[
    ("acm", &[("RequestInProgressException", Busy), ("ResourceInUseException", Busy)]),
    ("apigateway", &[("ConflictException", Busy), ("TooManyRequestsException", Throttled)]),
    ("application-autoscaling", &[("ConcurrentUpdateException", Busy)]),
    (
        "autoscaling",
        &[
            ("InstanceRefreshInProgress", Busy),
            ("ResourceContention", Busy),
            ("ResourceInUse", Busy),
            ("ScalingActivityInProgress", Busy),
        ],
    ),
    // One setting after another.
    ("dynamodb", &[("ContinuousBackupsUnavailableException", Busy), ("ResourceInUseException", Busy)]),
    (
        "ec2",
        &[
            ("DependencyViolation", Busy),
            ("Gateway.NotAttached", NotFound),
            ("IncorrectInstanceState", Busy),
            ("IncorrectState", Busy),
            ("OptInRequired", Denied),
            ("RequestExpired", Unauthenticated),
            ("RequestLimitExceeded", Throttled),
            ("RouteAlreadyExists", Exists),
            ("UnauthorizedOperation", Denied),
        ],
    ),
    ("elasticloadbalancing", &[("ResourceInUse", Busy)]),
    ("events", &[("ConcurrentModificationException", Busy), ("InternalException", Kind::Outage)]),
    (
        "iam",
        &[
            ("ConcurrentModification", Busy),
            // What was detached a moment ago may still count; what others attached does not go by itself.
            ("DeleteConflict", Spreading),
            ("EntityAlreadyExists", Exists),
            ("EntityTemporarilyUnmodifiable", Busy),
            ("NoSuchEntity", NotFound),
        ],
    ),
    ("kms", &[("KMSInvalidStateException", Busy)]),
    ("lambda", &[("ResourceConflictException", Busy), ("TooManyRequestsException", Throttled)]),
    (
        "rds",
        &[
            ("InvalidDB*State", Busy),
            ("InvalidDB*StateFault", Busy),
            ("InvalidGlobal*State", Busy),
            ("InvalidGlobal*StateFault", Busy),
            ("InvalidSubnet*State", Busy),
            ("InvalidSubnet*StateFault", Busy),
            ("InvalidVPC*State", Busy),
            ("InvalidVPC*StateFault", Busy),
        ],
    ),
    // It works on a zone one change after another.
    ("route53", &[("PriorRequestNotComplete", Throttled)]),
    ("s3", &[("OperationAborted", Busy), ("SlowDown", Throttled)]),
    ("secretsmanager", &[("ResourceExistsException", Exists)]),
    ("sns", &[("AuthorizationError", Denied), ("ConcurrentAccess", Busy), ("StaleTag", Busy)]),
    // A queue of that name ended less than a minute ago.
    ("sqs", &[("*QueueDeletedRecently", Busy), ("RequestThrottled", Throttled)]),
    ("ssm", &[("InvalidResourceId", NotFound)]),
    ("states", &[("StateMachineDeleting", Busy)]),
];

/// Codes that all services use in the same sense, and the ways in which new ones are named.
const COMMON: &[(&str, Kind)] = &[
    ("*Throttl*", Throttled),
    ("BandwidthLimitExceeded", Throttled),
    ("PriorRequestNotComplete", Throttled),
    ("RequestLimitExceeded", Throttled),
    ("SlowDown", Throttled),
    ("TooManyRequestsException", Throttled),
    ("ExpiredToken*", Unauthenticated),
    ("*AccessDenied*", Denied),
    ("*AuthFailure*", Denied),
    ("*InvalidClientTokenId*", Denied),
    ("AuthorizationErrorException", Denied),
    ("Forbidden", Denied),
    ("InvalidAccessKeyId", Denied),
    ("InvalidSignatureException", Denied),
    ("NotAuthorized", Denied),
    ("SignatureDoesNotMatch", Denied),
    ("UnauthorizedOperation", Denied),
    ("UnrecognizedClientException", Denied),
    ("ConcurrentModification", Busy),
    ("ConcurrentModificationException", Busy),
    ("ConcurrentUpdateException", Busy),
    ("ConflictException", Busy),
    ("DeleteConflict*", Busy),
    ("DependencyViolation", Busy),
    ("OperationAborted", Busy),
    ("RequestInProgressException", Busy),
    ("ResourceConflictException", Busy),
    ("StaleTagException", Busy),
    ("UpdateInProgressException", Busy),
    ("*InUse", Busy),
    ("*InUseException", Busy),
    ("*IncorrectState", Busy),
    ("*AlreadyExists*", Exists),
    ("*AlreadyOwned*", Exists),
    ("*AlreadyAssociated*", Exists),
    ("*AlreadyAssigned*", Exists),
    ("*.Duplicate*", Exists),
    ("Duplicate*", Exists),
    ("*ExistsFault", Exists),
    ("*ExistsException", Exists),
    ("*NotFound*", NotFound),
    ("*NonExistent*", NotFound),
    ("*NotExist*", NotFound),
    ("NoSuch*", NotFound),
];
