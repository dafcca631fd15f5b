//! AWS: every resource type, and how it is reached.
//!
//! # How to add a type
//!
//! 1. Write `<service>/<type>.rs`; `ec2/subnet.rs` is the model. A struct of inputs, a struct of
//!    outputs, an `impl Resource`. Fields in the order of their names, builder calls and reads in
//!    the order of the fields, so that a missing line shows. `prelude` holds what all of them use.
//! 2. Add `mod <type>; pub use <type>::<Type>;` to the service's `mod.rs`, and `<service>::<Type>,`
//!    to `registry!` below. A new service also adds its line to `clients!` in `clients.rs`.
//! 3. Inputs that are left out on purpose get a line in `left_out.rs`.
//! 4. End the file with the test that `wire::reads_back` every input from a canned answer.
//!
//! # Rules
//!
//! - `read` is one Describe for all ids: EC2 with filters, never with ids that fail wholesale;
//!   others with `each`. A call that only one input needs is made only if `want.has(input)`, and its
//!   error is `about(input)`, so that an endpoint without the operation can be read all the same.
//! - `need("VpcId", x)?` for what AWS always gives; a default would hide drift. `.or_none()?` only
//!   where "not found" is an answer, as in reads and deletions.
//! - `create` makes one call and sends `cx.tags(&self.tags)`. If the answer shows the resource it
//!   returns `Made::seen`. Settings that need a call of their own are left to `update`.
//! - `update` makes the calls that `live` asks for, as far as they need no wait in between, and
//!   returns `Started`; `More` if another round must follow. `delete` likewise. They never wait or
//!   poll, and tags are `retag`'s business. What is ready and not yet of use, such as a group whose
//!   instances are starting, is told by `awaits`.
//! - Where AWS does not refuse to create what is there already, `FACTS.existing` says whether it is looked for
//!   or set, and the table in `tests.rs` why. An id that is not made of inputs needs `namesake` then.
//! - `find` looks by what `FACTS.found_by` says. With anything but `FoundBy::Token` the clients of
//!   `create` do not repeat a call that may have had an effect.
//! - Errors need no text: `?` names operation, code and request. What a code means goes to
//!   `verdict/codes.rs`; what only the words of a refusal tell, to `verdict/words.rs` with the reason.
//! - Changes that AWS takes many of in one call go through an `outbox`; `route53/dns.rs` is the model.

mod batch;
mod caller;
mod clients;
mod config;
mod cx;
mod delta;
mod erase;
pub mod error;
mod invoke;
mod key_service;
mod lane;
mod left_out;
mod mirror;
mod outbox;
mod prelude;
mod provider;
mod recent;
mod repeat;
mod session;
pub mod tags;
mod traffic;
mod verdict;
mod watch;

pub mod acm;
pub mod apigateway;
pub mod appautoscaling;
pub mod autoscaling;
pub mod backup;
pub mod cloudwatch;
pub mod dynamodb;
pub mod ec2;
pub mod iam;
pub mod kinesis;
pub mod kms;
pub mod lambda;
pub mod lb;
pub mod rds;
pub mod route53;
pub mod s3;
pub mod secretsmanager;
pub mod sfn;
pub mod sns;
pub mod sqs;
pub mod ssm;

use std::sync::{Arc, OnceLock};

pub use batch::{each, in_order};
pub use clients::Clients;
pub use config::{ReadAsset, Role, Settings};
pub(crate) use config::{s3_client, signed_out_of_state, state_timeouts};
pub use cx::Cx;
pub use erase::AnyResource;
pub use key_service::{Kms, Named as KmsNamed};
pub use left_out::LEFT_OUT;
pub use provider::Aws;
pub use tags::Tags;

use crate::engine::order::{ChangeRule, DepartureRule, Rule};
use crate::engine::provider::{Catalog, Listed};
use invoke::{AnyFunction, FUNCTIONS};

macro_rules! registry {
    ($($ty:path),* $(,)?) => {
        /// Every resource type.
        pub static TYPES: &[&dyn AnyResource] = &[$(&erase::Erased::<$ty>::NEW),*];
    };
}

registry! {
    acm::Certificate,
    acm::CertificateValidation,

    apigateway::Account,
    apigateway::BasePathMapping,
    apigateway::Deployment,
    apigateway::DomainName,
    apigateway::Integration,
    apigateway::Method,
    apigateway::MethodSettings,
    apigateway::Resource,
    apigateway::RestApi,
    apigateway::Stage,

    appautoscaling::Policy,
    appautoscaling::Target,

    autoscaling::Group,
    autoscaling::Policy,

    backup::Plan,
    backup::Selection,
    backup::Vault,

    cloudwatch::CompositeAlarm,
    cloudwatch::Dashboard,
    cloudwatch::EventRule,
    cloudwatch::EventTarget,
    cloudwatch::LogDestination,
    cloudwatch::LogDestinationPolicy,
    cloudwatch::LogGroup,
    cloudwatch::LogSubscriptionFilter,
    cloudwatch::MetricAlarm,
    cloudwatch::MetricStream,

    dynamodb::ContributorInsights,
    dynamodb::Table,
    dynamodb::TableReplica,

    ec2::Eip,
    ec2::FlowLog,
    ec2::InternetGateway,
    ec2::LaunchTemplate,
    ec2::NatGateway,
    ec2::PeeringConnectionOptions,
    ec2::Route,
    ec2::RouteTable,
    ec2::RouteTableAssociation,
    ec2::SecurityGroup,
    ec2::SecurityGroupEgressRule,
    ec2::SecurityGroupIngressRule,
    ec2::Subnet,
    ec2::Vpc,
    ec2::VpcEndpoint,
    ec2::VpcPeeringConnection,
    ec2::VpcPeeringConnectionAccepter,

    iam::InstanceProfile,
    iam::Policy,
    iam::Role,
    iam::RolePolicy,
    iam::RolePolicyAttachment,

    kinesis::FirehoseDeliveryStream,
    kinesis::Stream,

    kms::Alias,
    kms::Key,

    lambda::EventSourceMapping,
    lambda::Function,
    lambda::Permission,

    lb::Listener,
    lb::LoadBalancer,
    lb::TargetGroup,

    rds::Cluster,
    rds::ClusterInstance,
    rds::ClusterParameterGroup,
    rds::EventSubscription,
    rds::GlobalCluster,
    rds::ParameterGroup,
    rds::SubnetGroup,

    route53::HealthCheck,
    route53::Record,
    route53::Zone,
    route53::ZoneAssociation,

    s3::Bucket,
    s3::BucketLifecycleConfiguration,
    s3::BucketPolicy,
    s3::BucketPublicAccessBlock,
    s3::BucketReplicationConfig,
    s3::BucketServerSideEncryptionConfiguration,
    s3::BucketVersioning,

    secretsmanager::Secret,
    secretsmanager::SecretVersion,

    sfn::StateMachine,

    sns::Topic,
    sns::TopicPolicy,
    sns::TopicSubscription,

    sqs::Queue,
    sqs::QueuePolicy,

    ssm::Parameter,
}

/// Orders that AWS wants and no reference shows.
const ORDERS: &[Rule] =
    &[ec2::order::accepted_before_used, rds::order::secondary_after_primary, s3::versioning_before_replication];

/// Orders of changes that AWS wants, whatever the order of creation.
const CHANGES: &[ChangeRule] = &[rds::order::secondaries_upgraded_first];

/// Orders of deletions that AWS wants and no reference shows.
const DEPARTURES: &[DepartureRule] = &[lambda::groups_and_subnets_before_permissions];

/// All types and functions, made once.
pub fn catalog() -> &'static Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    CATALOG.get_or_init(|| {
        let types = TYPES.iter().map(|ty| Listed::new(ty.token(), ty.facts().aliases, || ty.schema())).collect();
        let functions = FUNCTIONS.iter().map(|f| f.schema()).collect();
        Arc::new(
            Catalog::listed(types, functions)
                .with_orders(ORDERS.to_vec())
                .with_changes(CHANGES.to_vec())
                .with_departures(DEPARTURES.to_vec())
                .with_roles(rds::active_region),
        )
    })
}

/// The partition that a region belongs to: a part of AWS with accounts and ARNs of its own.
pub(crate) fn partition_of(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// The end of the partition's host names.
fn dns_suffix(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "amazonaws.com.cn",
        _ => "amazonaws.com",
    }
}

fn resource(token: &str) -> Option<&'static dyn AnyResource> {
    TYPES.iter().find(|ty| ty.token() == token).copied()
}

fn function(token: &str) -> Option<&'static dyn AnyFunction> {
    FUNCTIONS.iter().find(|f| f.token() == token).copied()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire;
