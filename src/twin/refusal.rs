//! How services say no: each has words of its own for the same few reasons.

use crate::engine::error::{Error, Kind};
use crate::engine::schema::TypeSchema;

/// Codes of one service.
struct Words {
    service: &'static str,
    /// `{}` stands for the name of the type.
    not_found: &'static str,
    exists: &'static str,
    in_use: &'static str,
    invalid: &'static str,
}

const WORDS: [Words; 15] = [
    words("ec2", "Invalid{}ID.NotFound", "Invalid{}.Duplicate", "DependencyViolation", "InvalidParameterValue"),
    words("rds", "{}NotFoundFault", "{}AlreadyExistsFault", "Invalid{}StateFault", "InvalidParameterCombination"),
    words("s3", "NoSuchBucket", "BucketAlreadyOwnedByYou", "BucketNotEmpty", "InvalidRequest"),
    words("iam", "NoSuchEntity", "EntityAlreadyExists", "DeleteConflict", "ValidationError"),
    words("kms", "NotFoundException", "AlreadyExistsException", "KMSInvalidStateException", "ValidationException"),
    words("route53", "NoSuch{}", "{}AlreadyExists", "{}InUse", "InvalidInput"),
    words("sns", "NotFound", "InvalidParameter", "ConcurrentAccess", "InvalidParameter"),
    words("sqs", "QueueDoesNotExist", "QueueNameExists", "InvalidParameterValue", "InvalidParameterValue"),
    words(
        "lambda",
        "ResourceNotFoundException",
        "ResourceConflictException",
        "ResourceInUseException",
        "InvalidParameterValueException",
    ),
    words(
        "cloudwatch",
        "ResourceNotFoundException",
        "ResourceAlreadyExistsException",
        "ResourceInUse",
        "InvalidParameterValue",
    ),
    words("lb", "{}NotFound", "Duplicate{}Name", "ResourceInUse", "ValidationError"),
    words("autoscaling", "ValidationError", "AlreadyExists", "ResourceInUse", "ValidationError"),
    words(
        "backup",
        "ResourceNotFoundException",
        "AlreadyExistsException",
        "InvalidRequestException",
        "InvalidParameterValueException",
    ),
    words(
        "dynamodb",
        "ResourceNotFoundException",
        "ResourceInUseException",
        "ResourceInUseException",
        "ValidationException",
    ),
    words(
        "secretsmanager",
        "ResourceNotFoundException",
        "ResourceExistsException",
        "InvalidRequestException",
        "InvalidParameterException",
    ),
];

const OTHERS: Words = words(
    "",
    "ResourceNotFoundException",
    "ResourceAlreadyExistsException",
    "ResourceInUseException",
    "ValidationException",
);

const fn words(
    service: &'static str,
    not_found: &'static str,
    exists: &'static str,
    in_use: &'static str,
    invalid: &'static str,
) -> Words {
    Words { service, not_found, exists, in_use, invalid }
}

fn of(schema: &TypeSchema) -> &'static Words {
    WORDS.iter().find(|w| w.service == schema.service()).unwrap_or(&OTHERS)
}

fn code(form: &str, schema: &TypeSchema) -> String {
    let name = match (schema.service(), schema.short_name()) {
        ("ec2", "SecurityGroup") => return form.replace("{}ID", "Group").replace("{}", "Group"),
        ("rds", "ClusterInstance" | "Instance") => "DBInstance".to_owned(),
        ("rds", "ClusterParameterGroup" | "ParameterGroup") => "DBParameterGroup".to_owned(),
        ("rds", name @ ("Cluster" | "SubnetGroup")) => format!("DB{name}"),
        ("route53", "Zone") if form.ends_with("InUse") => return "HostedZoneNotEmpty".to_owned(),
        ("route53", "Zone") => "HostedZone".to_owned(),
        (_, name) => name.to_owned(),
    };
    form.replace("{}", &name)
}

/// What was to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    Identity,
    Create,
    Read,
    Update,
    Delete,
    Find,
    Invoke,
}

impl Operation {
    /// The word in the log of calls.
    pub fn word(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Find => "find",
            Self::Invoke => "invoke",
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Identity | Self::Read | Self::Find | Self::Invoke => "Describe",
            Self::Create => "Create",
            Self::Update => "Modify",
            Self::Delete => "Delete",
        }
    }
}

/// Says no in the words of a type's service.
#[derive(Clone, Copy)]
pub(super) struct Refusal<'a> {
    pub(super) schema: &'a TypeSchema,
    pub(super) operation: Operation,
}

impl Refusal<'_> {
    fn error(self, kind: Kind, code: String, message: String) -> Error {
        let operation = format!("{}:{}{}", self.schema.service(), self.operation.verb(), self.schema.short_name());
        Error { operation: Some(operation), code: Some(code), ..Error::new(kind, message) }
    }

    /// Something that the inputs name does not exist.
    pub(super) fn no_such(self, target: &TypeSchema, path: &str, text: &str) -> Error {
        let message = format!("`{path}` names {} `{text}`, which does not exist here", an(target.short_name()));
        self.error(Kind::NotFound, code(of(target).not_found, target), message)
    }

    /// The resource itself does not exist.
    pub(super) fn gone(self, id: &str) -> Error {
        let message = format!("{} `{id}` does not exist", self.schema.short_name());
        self.error(Kind::NotFound, code(of(self.schema).not_found, self.schema), message)
    }

    pub(super) fn exists(self, id: &str) -> Error {
        let message = format!("{} named `{id}` exists already", an(self.schema.short_name()));
        self.error(Kind::Exists, code(of(self.schema).exists, self.schema), message)
    }

    pub(super) fn in_use(self, id: &str, by: &str) -> Error {
        let message = format!("{} `{id}` is in use by {by}", self.schema.short_name());
        self.error(Kind::Busy, code(of(self.schema).in_use, self.schema), message)
    }

    /// The resource is in a state that forbids the call.
    pub(super) fn busy(self, code: &str, message: impl Into<String>) -> Error {
        self.error(Kind::Busy, code.to_owned(), message.into())
    }

    /// The call can never succeed.
    pub(super) fn invalid(self, message: impl Into<String>) -> Error {
        self.error(Kind::Invalid, of(self.schema).invalid.to_owned(), message.into())
    }

    /// The call can never succeed, and the service has a code for it.
    pub(super) fn never(self, code: &str, message: impl Into<String>) -> Error {
        self.error(Kind::Invalid, code.to_owned(), message.into())
    }
}

fn an(noun: &str) -> String {
    let article = if noun.starts_with(['A', 'E', 'I', 'O', 'a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {noun}")
}
