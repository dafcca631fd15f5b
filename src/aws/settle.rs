//! Patience with what AWS has accepted but not yet spread everywhere.

use std::future::Future;
use std::time::Duration;

use crate::engine::error::{Error, Result};

/// Refusals that pass by themselves within seconds: operation, code, words of the message.
const PASSING: &[(&str, &str, &str)] = &[
    // A role that was made, or given a policy, a moment ago.
    ("lambda:", "InvalidParameterValueException", "cannot be assumed by Lambda"),
    ("lambda:", "InvalidParameterValueException", "execution role does not have permissions"),
    ("lambda:CreateEventSourceMapping", "InvalidParameterValueException", "ensure the role can perform"),
    ("lambda:UpdateEventSourceMapping", "InvalidParameterValueException", "ensure the role can perform"),
    ("states:CreateStateMachine", "AccessDeniedException", "to assume the provided role"),
    ("states:CreateStateMachine", "AccessDeniedException", "not authorized to access the Log Destination"),
    ("states:UpdateStateMachine", "AccessDeniedException", "to assume the provided role"),
    ("states:UpdateStateMachine", "AccessDeniedException", "not authorized to access the Log Destination"),
    ("application-autoscaling:RegisterScalableTarget", "ValidationException", "Unable to assume IAM role"),
    ("backup:CreateBackupSelection", "InvalidParameterValueException", "cannot be assumed"),
    ("events:", "ValidationException", "cannot be assumed by principal"),
    ("apigateway:UpdateAccount", "BadRequestException", "role ARN does not have required permissions"),
    ("apigateway:UpdateAccount", "BadRequestException", "could not successfully write to CloudWatch Logs"),
    ("firehose:", "InvalidArgumentException", "Firehose is unable to assume role"),
    ("firehose:", "InvalidArgumentException", "is not authorized to"),
    ("firehose:", "InvalidArgumentException", "Access was denied"),
    ("firehose:", "InvalidArgumentException", "Verify that the IAM role has access"),
    ("firehose:", "InvalidArgumentException", "the role specified in VpcConfiguration has permissions"),
    ("ec2:CreateFlowLogs", "InvalidParameter", "Unable to assume given IAM role"),
    ("rds:", "InvalidParameterValue", "IAM role ARN value is invalid or does not include the required permissions"),
    ("s3:PutBucketReplication", "InvalidRequest", "role"),
    ("iam:PutRolePolicy", "NoSuchEntity", "role"),
    ("iam:AttachRolePolicy", "NoSuchEntity", ""),
    ("iam:AddRoleToInstanceProfile", "NoSuchEntity", "role"),
    // A target that was registered a moment ago.
    ("application-autoscaling:PutScalingPolicy", "ObjectNotFoundException", "No scalable target"),
    // An instance profile that was made a moment ago.
    ("autoscaling:CreateAutoScalingGroup", "ValidationError", "Invalid IAM Instance Profile"),
    ("autoscaling:UpdateAutoScalingGroup", "ValidationError", "Invalid IAM Instance Profile"),
    ("autoscaling:StartInstanceRefresh", "ValidationError", "Invalid IAM Instance Profile"),
    ("ec2:CreateLaunchTemplate", "InvalidParameterValue", "Invalid IAM Instance Profile"),
    ("cloudwatch:PutMetricStream", "InvalidParameterValue", "role"),
    ("cloudwatch:PutMetricStream", "InvalidParameterValueException", "role"),
    ("logs:PutDestination", "InvalidParameterException", "role"),
    ("logs:PutSubscriptionFilter", "InvalidParameterException", "role"),
    ("logs:PutSubscriptionFilter", "ValidationException", "permission to assume the provided role"),
    // A permission that was given a moment ago.
    ("logs:PutDestination", "InvalidParameterException", "Could not deliver test message"),
    ("logs:PutSubscriptionFilter", "InvalidParameterException", "Could not deliver test message"),
    ("logs:PutSubscriptionFilter", "InvalidParameterException", "Could not execute the lambda function"),
    // Another change of the same log group or destination.
    ("logs:PutDestination", "OperationAbortedException", ""),
    ("logs:PutSubscriptionFilter", "OperationAbortedException", ""),
    // Versioning that was switched on a moment ago.
    ("s3:PutBucketReplication", "InvalidRequest", "ersioning"),
    // A principal that a policy names.
    ("iam:CreateRole", "MalformedPolicyDocument", "Invalid principal"),
    ("iam:UpdateAssumeRolePolicy", "MalformedPolicyDocument", "Invalid principal"),
    ("kms:CreateKey", "MalformedPolicyDocumentException", "principal"),
    ("kms:PutKeyPolicy", "MalformedPolicyDocumentException", "principal"),
    ("s3:PutBucketPolicy", "MalformedPolicy", "Invalid principal"),
    ("sns:SetTopicAttributes", "InvalidParameter", "principal"),
    ("sns:CreateTopic", "InvalidParameter", "principal"),
    // Parts of a network that not all of EC2 has heard of.
    ("ec2:CreateSubnet", "InvalidVpcID.NotFound", ""),
    ("ec2:CreateRouteTable", "InvalidVpcID.NotFound", ""),
    ("ec2:CreateSecurityGroup", "InvalidVpcID.NotFound", ""),
    ("ec2:CreateVpcEndpoint", "InvalidVpcId.NotFound", ""),
    ("ec2:CreateVpcPeeringConnection", "InvalidVpcID.NotFound", ""),
    ("ec2:ModifyVpcAttribute", "InvalidVpcID.NotFound", ""),
    ("ec2:ModifySubnetAttribute", "InvalidSubnetID.NotFound", ""),
    ("ec2:AttachInternetGateway", "InvalidInternetGatewayID.NotFound", ""),
    ("ec2:AttachInternetGateway", "InvalidVpcID.NotFound", ""),
    ("ec2:CreateRoute", "InvalidRouteTableID.NotFound", ""),
    ("ec2:CreateRoute", "InvalidInternetGatewayID.NotFound", ""),
    ("ec2:AssociateRouteTable", "InvalidRouteTableID.NotFound", ""),
    ("ec2:AssociateRouteTable", "InvalidSubnetID.NotFound", ""),
    ("ec2:AuthorizeSecurityGroup", "InvalidGroup.NotFound", ""),
    // A key or a log group that was made a moment ago.
    ("kms:EnableKeyRotation", "NotFoundException", ""),
    ("kms:CreateAlias", "NotFoundException", ""),
    ("logs:PutRetentionPolicy", "ResourceNotFoundException", ""),
    // A peering connection that the other region does not see yet, or that was just accepted.
    ("ec2:AcceptVpcPeeringConnection", "InvalidVpcPeeringConnectionID.NotFound", ""),
    ("ec2:AcceptVpcPeeringConnection", "InvalidStateTransition", "initiating-request"),
    ("ec2:ModifyVpcPeeringConnectionOptions", "OperationNotPermitted", "not active"),
    // Another change of the same bucket.
    ("s3:", "OperationAborted", ""),
    ("s3:PutBucket", "NoSuchBucket", ""),
    ("s3:PutPublicAccessBlock", "NoSuchBucket", ""),
];

/// Waits between attempts, together about a minute: IAM usually takes ten seconds.
const WAITS: [Duration; 6] = [
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(6),
    Duration::from_secs(10),
    Duration::from_secs(15),
    Duration::from_secs(20),
];

/// Makes a call, and makes it again while AWS refuses it for a reason that passes by itself.
pub(super) async fn patiently<T, F>(call: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    for wait in WAITS {
        match call().await {
            Err(e) if passes(&e) => tracing::debug!(error = %e, "waiting for an earlier change to spread"),
            done => return done,
        }
        tokio::time::sleep(wait).await;
    }
    call().await
}

fn passes(error: &Error) -> bool {
    let (Some(operation), Some(code)) = (&error.operation, &error.code) else {
        return false;
    };
    PASSING.iter().any(|(op, c, words)| operation.starts_with(op) && code == c && error.message.contains(words))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn refused(message: &str) -> Error {
        Error {
            operation: Some("lambda:CreateFunction".into()),
            code: Some("InvalidParameterValueException".into()),
            ..Error::invalid(message)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_just_made_is_waited_for() {
        let calls = Cell::new(0);
        let done = patiently(|| async {
            calls.set(calls.get() + 1);
            if calls.get() < 3 { Err(refused("The role … cannot be assumed by Lambda.")) } else { Ok(()) }
        });
        assert!(done.await.is_ok());
        assert_eq!(calls.get(), 3);
    }

    #[test]
    fn a_network_just_made_is_waited_for_but_not_what_is_read() {
        let refused = |operation: &str, code: &str| Error {
            operation: Some(operation.into()),
            code: Some(code.into()),
            ..Error::invalid("The vpc ID 'vpc-1' does not exist")
        };
        assert!(passes(&refused("ec2:CreateSubnet", "InvalidVpcID.NotFound")));
        assert!(passes(&refused("ec2:AuthorizeSecurityGroupIngress", "InvalidGroup.NotFound")));
        assert!(!passes(&refused("ec2:DescribeVpcs", "InvalidVpcID.NotFound")));
        assert!(!passes(&refused("ec2:CreateSubnet", "InvalidSubnet.Conflict")));
    }

    #[tokio::test(start_paused = true)]
    async fn other_refusals_are_final_and_patience_ends() {
        let calls = Cell::new(0);
        let count = |e: Error| {
            calls.set(calls.get() + 1);
            async { Err::<(), _>(e) }
        };
        assert!(patiently(|| count(refused("no such handler"))).await.is_err());
        assert_eq!(calls.replace(0), 1);
        assert!(patiently(|| count(refused("cannot be assumed by Lambda"))).await.is_err());
        assert_eq!(calls.get(), WAITS.len() + 1);
    }
}
