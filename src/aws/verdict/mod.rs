//! What a refusal of AWS means. All that is known of it is data: [`codes`] by service and code, and
//! [`words`] where AWS has no code that tells.

mod codes;
mod words;

use wildmatch::WildMatch;

pub(super) use words::Fact;

use crate::engine::error::Kind;

/// The kind of an answer with an error: by the words of those few that have no code of their own, by
/// the code, and by the status where the code is unknown.
///
/// `operation` is `ec2:CreateVpc`. Without a status the answer was a success that tells of a failed part.
pub(super) fn kind(operation: &str, code: &str, message: &str, status: Option<u16>) -> Kind {
    let (service, name) = operation.split_once(':').unwrap_or(("", operation));
    words::kind(service, name, code, message)
        .or_else(|| codes::kind(service, name, code))
        .unwrap_or_else(|| status.map_or(Kind::Invalid, of_status))
}

/// The types that may explain a refusal by being young: see [`Error::young`](crate::engine::error::Error).
pub(super) fn young(operation: &str, code: &str) -> &'static [&'static str] {
    let (service, name) = operation.split_once(':').unwrap_or(("", operation));
    codes::young(service, name, code)
}

fn of_status(status: u16) -> Kind {
    match status {
        404 => Kind::NotFound,
        401 | 403 => Kind::Denied,
        409 => Kind::Busy,
        429 => Kind::Throttled,
        // Above: a failure of the service. Below: an answer that ends early, or that is none.
        500.. | ..=399 => Kind::Outage,
        _ => Kind::Invalid,
    }
}

/// Whether a message tells that an endpoint lacks the operation, which AWS never says.
pub(super) fn is_not_implemented(code: &str, message: &str) -> bool {
    let message = message.to_lowercase();
    let said = |(of, words): &(&str, &str)| glob(of, code) && glob(words, &message);
    words::NOT_IMPLEMENTED.iter().any(said)
}

/// Whether a text is as a pattern of the tables says: `*` stands for anything.
fn glob(pattern: &str, text: &str) -> bool {
    WildMatch::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_service_means_by_them() {
        let cases = [
            ("ec2:DescribeSubnets", "InvalidSubnetID.NotFound", Kind::NotFound),
            ("ec2:CreateSubnet", "InvalidSubnet.Conflict", Kind::Invalid),
            ("ec2:DeleteVpc", "DependencyViolation", Kind::Busy),
            ("ec2:CreateVpc", "RequestExpired", Kind::Unauthenticated),
            ("ec2:CreateVpc", "RequestLimitExceeded", Kind::Throttled),
            ("ec2:CreateKeyPair", "InvalidKeyPair.Duplicate", Kind::Exists),
            ("iam:CreateRole", "EntityAlreadyExists", Kind::Exists),
            ("iam:DeleteRole", "DeleteConflict", Kind::Spreading),
            ("lambda:CreateFunction", "ResourceConflictException", Kind::Busy),
            ("rds:ModifyDBCluster", "InvalidDBClusterStateFault", Kind::Busy),
            ("route53:ChangeResourceRecordSets", "PriorRequestNotComplete", Kind::Throttled),
            ("route53:ChangeResourceRecordSets", "Throttling", Kind::Throttled),
            ("sqs:CreateQueue", "AWS.SimpleQueueService.QueueDeletedRecently", Kind::Busy),
            ("sts:GetCallerIdentity", "ExpiredTokenException", Kind::Unauthenticated),
            ("kms:CreateKey", "UnrecognizedClientException", Kind::Denied),
        ];
        for (operation, code, kind) in cases {
            assert_eq!(super::kind(operation, code, "", Some(400)), kind, "{operation} {code}");
        }
    }

    #[test]
    fn a_reference_that_is_not_seen_yet_is_waited_for_only_where_it_is_used() {
        let kind =
            |operation| super::kind(operation, "InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist", Some(400));
        assert_eq!(kind("ec2:CreateSubnet"), Kind::Spreading);
        assert_eq!(kind("ec2:DescribeVpcs"), Kind::NotFound);
        let kind = |operation| super::kind(operation, "InvalidGroup.NotFound", "", Some(400));
        assert_eq!(kind("ec2:AuthorizeSecurityGroupIngress"), Kind::Spreading);
    }

    #[test]
    fn a_code_for_mistakes_and_for_what_is_not_known_yet_names_what_may_explain_it_whatever_the_words_are() {
        let [lambda, code] = ["lambda:CreateFunction", "InvalidParameterValueException"];
        assert_eq!(super::kind(lambda, code, "The role … cannot be assumed by Lambda.", Some(400)), Kind::Invalid);
        assert_eq!(young(lambda, code), ["aws:iam/"]);
        assert_eq!(young("lambda:CreateFunction", "CodeStorageExceededException"), [""; 0]);
        assert_eq!(young("ec2:CreateVpc", "InvalidParameterValue"), [""; 0]);
    }

    #[test]
    fn the_status_decides_where_nobody_knows_the_code() {
        let kind = |status| super::kind("ec2:CreateVpc", "Odd", "", status);
        assert_eq!(kind(Some(404)), Kind::NotFound);
        assert_eq!(kind(Some(503)), Kind::Outage);
        assert_eq!(kind(Some(400)), Kind::Invalid);
        assert_eq!(kind(None), Kind::Invalid);
    }

    #[test]
    fn words_count_only_beside_their_operation_and_code() {
        let kind = |operation, code| super::kind(operation, code, "Table already exists: a", Some(400));
        assert_eq!(kind("dynamodb:CreateTable", "ResourceInUseException"), Kind::Exists);
        assert_eq!(kind("dynamodb:UpdateTable", "ResourceInUseException"), Kind::Busy);
        assert_eq!(kind("dynamodb:CreateTable", "ValidationException"), Kind::Invalid);
    }
}
