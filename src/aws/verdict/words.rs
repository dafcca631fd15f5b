//! Refusals of which only the words tell what they mean, each with the reason why no code does.
//!
//! Words of AWS may change without notice, so this table holds the exceptions. A refusal that is not
//! recognized any more is an error of its own and never taken for something else.

use super::glob;
use crate::engine::error::{Error, Kind};

/// A refusal that is known by its words.
struct Said {
    service: &'static str,
    /// `*` stands for anything, here and in the words.
    operation: &'static str,
    code: &'static str,
    /// A part of the message.
    words: &'static str,
    means: Means,
    /// Why the code alone does not tell.
    why: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    Kind(Kind),
    /// Something that only its type knows what to do about.
    Fact(Fact),
}

/// What a type must know of a refusal beside its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::aws) enum Fact {
    /// A peering connection is accepted already.
    AcceptedAlready,
    /// A subscription waits for its receiver, and ends by itself.
    PendingConfirmation,
    /// A table was copied to another region less than a day ago.
    YoungSource,
    /// A rule still has targets.
    HasTargets,
    /// A cluster that replicates another keeps its last instance.
    LastOfReplica,
    /// The readers of a global database have a lower version than its writer is to get.
    ReadersBehind,
    /// A secret goes, and its versions with it.
    SecretGoes,
    /// The name of a secret is kept until its deletion ends.
    NameKept,
    /// A vault is not empty.
    HasRecoveryPoints,
    /// A VPC is gone, or is somebody else's.
    NotOwned,
    /// A record is there already.
    RecordThere,
    /// A record is not there.
    RecordGone,
    /// A record has other values than those named.
    RecordDiffers,
}

impl Fact {
    /// Whether a refusal says so.
    pub(in crate::aws) fn is_said_by(self, error: &Error) -> bool {
        let operation = error.operation.as_deref().unwrap_or_default();
        let (service, operation) = operation.split_once(':').unwrap_or(("", operation));
        let code = error.code.as_deref().unwrap_or_default();
        let mut rows = SAID.iter().filter(|row| row.means == Means::Fact(self));
        rows.any(|row| row.fits(service, operation, code, &error.message))
    }
}

impl Said {
    fn fits(&self, service: &str, operation: &str, code: &str, message: &str) -> bool {
        self.service == service
            && glob(self.operation, operation)
            && self.code == code
            && glob(&format!("*{}*", self.words), message)
    }
}

pub(super) fn kind(service: &str, operation: &str, code: &str, message: &str) -> Option<Kind> {
    SAID.iter().find_map(|row| match row.means {
        Means::Kind(kind) if row.fits(service, operation, code, message) => {
            tracing::debug!(service, operation, code, why = row.why, "known by its words");
            Some(kind)
        }
        _ => None,
    })
}

/// What emulators say about operations that they lack: code, and the whole message in lower case.
pub(super) const NOT_IMPLEMENTED: &[(&str, &str)] = &[
    ("InvalidAction", "*"),
    ("NotImplemented", "*"),
    ("NotImplementedError", "*"),
    ("UnknownOperationException", "*"),
    ("*", "*not been implemented*"),
    ("*", "*not implemented*"),
    ("*", "unknown action*"),
    ("*", "unknown route53 endpoint*"),
];

const INVALID: &str = "the service has one code for all that is wrong with an input";

const fn said([service, operation, code, words]: [&'static str; 4], means: Means, why: &'static str) -> Said {
    Said { service, operation, code, words, means, why }
}

const BUSY: Means = Means::Kind(Kind::Busy);
const EXISTS: Means = Means::Kind(Kind::Exists);
const NOT_FOUND: Means = Means::Kind(Kind::NotFound);

#[rustfmt::skip]
const SAID: &[Said] = &[
    // Something is there, or is not.
    said(["apigateway", "*", "ConflictException", "already exists"], EXISTS, "the code also means that something is busy"),
    said(["apigateway", "*", "ConflictException", "already has this name"], EXISTS, "the code also means that something is busy"),
    said(["dynamodb", "CreateTable", "ResourceInUseException", "already exists"], EXISTS, "the code also means that the table is changing"),
    said(["firehose", "CreateDeliveryStream", "ResourceInUseException", "already exists"], EXISTS, "the code also means that the stream is changing"),
    said(["kinesis", "CreateStream", "ResourceInUseException", "already exists"], EXISTS, "the code also means that the stream is changing"),
    said(["sns", "CreateTopic", "InvalidParameter", "already exists with different"], EXISTS, INVALID),
    said(["autoscaling", "*", "ValidationError", "AutoScalingGroup name*not found"], NOT_FOUND, INVALID),
    said(["dynamodb", "*", "ValidationException", "Replica specified*not found"], NOT_FOUND, INVALID),
    said(["backup", "GetBackupSelection", "InvalidParameterValueException", "Cannot find"], NOT_FOUND, INVALID),
    said(["backup", "DeleteBackupSelection", "InvalidParameterValueException", "Cannot find"], NOT_FOUND, INVALID),
    said(["route53", "ChangeResourceRecordSets", "InvalidChangeBatch", "but it already exists"], Means::Fact(Fact::RecordThere), "one code for all reasons of a batch"),
    said(["route53", "ChangeResourceRecordSets", "InvalidChangeBatch", "but it was not found"], Means::Fact(Fact::RecordGone), "one code for all reasons of a batch"),
    said(["route53", "ChangeResourceRecordSets", "InvalidChangeBatch", "do not match the current values"], Means::Fact(Fact::RecordDiffers), "one code for all reasons of a batch"),
    said(["route53", "ListHostedZonesByVPC", "AccessDenied", "is not owned by you"], Means::Fact(Fact::NotOwned), "a VPC that is gone is somebody else's"),
    said(["route53", "ListHostedZonesByVPC", "AccessDeniedException", "is not owned by you"], Means::Fact(Fact::NotOwned), "a VPC that is gone is somebody else's"),
    // Something else must go or end first.
    said(["dynamodb", "*", "ValidationException", "multiple times within a fixed interval"], BUSY, INVALID),
    said(["backup", "DeleteBackupVault", "InvalidRequestException", "recovery points"], Means::Fact(Fact::HasRecoveryPoints), "one code for all that keeps a vault"),
    said(["backup", "DeleteBackupVault", "InvalidParameterValueException", "recovery points"], Means::Fact(Fact::HasRecoveryPoints), INVALID),
    said(["dynamodb", "*", "ValidationException", "has acted as a source*24 hours"], Means::Fact(Fact::YoungSource), INVALID),
    said(["ec2", "AcceptVpcPeeringConnection", "InvalidStateTransition", "from active"], Means::Fact(Fact::AcceptedAlready), "one code for all states"),
    said(["ec2", "AcceptVpcPeeringConnection", "InvalidStateTransition", "from provisioning"], Means::Fact(Fact::AcceptedAlready), "one code for all states"),
    said(["events", "DeleteRule", "ValidationException", "has targets"], Means::Fact(Fact::HasTargets), INVALID),
    said(["rds", "DeleteDBInstance", "InvalidDBClusterStateFault", "last instance of the read"], Means::Fact(Fact::LastOfReplica), "one code for all states of a cluster"),
    said(["rds", "ModifyDBCluster", "InvalidParameterValue", "running lower version"], Means::Fact(Fact::ReadersBehind), INVALID),
    said(["secretsmanager", "CreateSecret", "InvalidRequestException", "scheduled for deletion"], Means::Fact(Fact::NameKept), INVALID),
    said(["secretsmanager", "UpdateSecretVersionStage", "InvalidRequestException", "marked for deletion"], Means::Fact(Fact::SecretGoes), INVALID),
    said(["sns", "Unsubscribe", "InvalidParameter", "pending confirmation"], Means::Fact(Fact::PendingConfirmation), INVALID),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_says_why_it_is_needed_and_none_is_there_twice() {
        let mut seen = BTreeSet::new();
        for row in SAID {
            assert!(!row.why.is_empty() && !row.words.is_empty(), "{} {}", row.operation, row.code);
            assert!(seen.insert((row.service, row.operation, row.code, row.words)), "{} {}", row.operation, row.words);
        }
    }

    #[test]
    fn a_fact_is_said_by_one_operation_with_one_code() {
        let error = |operation: &str, code: &str| Error {
            operation: Some(operation.into()),
            code: Some(code.into()),
            ..Error::invalid("Rule can't be deleted since it has targets.")
        };
        assert!(Fact::HasTargets.is_said_by(&error("events:DeleteRule", "ValidationException")));
        assert!(!Fact::HasTargets.is_said_by(&error("events:PutRule", "ValidationException")));
        assert!(!Fact::HasTargets.is_said_by(&error("events:DeleteRule", "InternalException")));
        assert!(!Fact::HasRecoveryPoints.is_said_by(&error("events:DeleteRule", "ValidationException")));
    }
}
