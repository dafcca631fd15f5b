//! The service clients of one region.

use std::sync::OnceLock;

use aws_config::SdkConfig;

use super::config::has_endpoint;
use super::ec2::joint::Joints;
use super::ec2::prefix_lists::PrefixLists;
use super::rds::Databases;
use super::repeat::{Implemented, Throttles, Unambiguous};
use super::watch::Watch;

macro_rules! clients {
    ($($name:ident: $sdk:ident $(($endpoint_setting:ident))?),* $(,)?) => {
        /// Service clients of one region, each made when it is first asked for.
        ///
        /// All clients of a service and region share one rate limiter, which slows down when AWS
        /// throttles.
        pub struct Clients {
            config: SdkConfig,
            unambiguous: bool,
            watch: Watch,
            joints: Joints,
            prefix_lists: PrefixLists,
            databases: Databases,
            $($name: OnceLock<$sdk::Client>,)*
        }

        impl Clients {
            fn with(config: SdkConfig, watch: Watch, unambiguous: bool) -> Self {
                Self {
                    config,
                    unambiguous,
                    watch,
                    joints: Joints::default(),
                    prefix_lists: PrefixLists::default(),
                    databases: Databases::default(),
                    $($name: OnceLock::new(),)*
                }
            }

            $(
                #[doc = concat!("The client of `", stringify!($sdk), "`.")]
                pub fn $name(&self) -> &$sdk::Client {
                    self.$name.get_or_init(|| {
                        let conf = $sdk::config::Builder::from(&self.config);
                        $(let conf = conf.$endpoint_setting(has_endpoint(&self.config, stringify!($name)));)?
                        let throttles = Throttles { watch: self.watch.clone(), service: stringify!($name) };
                        let conf = conf.retry_classifier(Implemented).interceptor(self.watch.clone());
                        let conf = conf.retry_classifier(throttles);
                        let conf = if self.unambiguous { conf.retry_classifier(Unambiguous) } else { conf };
                        $sdk::Client::from_conf(conf.build())
                    })
                }
            )*
        }
    };
}

// One line a service. A setting in parentheses is true for endpoints other than AWS's own.
clients! {
    acm: aws_sdk_acm,
    apigateway: aws_sdk_apigateway,
    appautoscaling: aws_sdk_applicationautoscaling,
    autoscaling: aws_sdk_autoscaling,
    backup: aws_sdk_backup,
    cloudwatch: aws_sdk_cloudwatch,
    dynamodb: aws_sdk_dynamodb,
    ec2: aws_sdk_ec2,
    elb: aws_sdk_elasticloadbalancingv2,
    eventbridge: aws_sdk_eventbridge,
    firehose: aws_sdk_firehose,
    iam: aws_sdk_iam,
    kinesis: aws_sdk_kinesis,
    kms: aws_sdk_kms,
    lambda: aws_sdk_lambda,
    logs: aws_sdk_cloudwatchlogs,
    rds: aws_sdk_rds,
    route53: aws_sdk_route53,
    s3: aws_sdk_s3 (force_path_style),
    secretsmanager: aws_sdk_secretsmanager,
    sfn: aws_sdk_sfn,
    sns: aws_sdk_sns,
    sqs: aws_sdk_sqs,
    ssm: aws_sdk_ssm,
    sts: aws_sdk_sts,
}

impl Clients {
    /// Clients that repeat whatever failed in a passing way. For calls that may arrive twice.
    pub(super) fn repeating(config: SdkConfig, watch: Watch) -> Self {
        Self::with(config, watch, false)
    }

    /// Describes that types of the region share.
    pub(super) fn joints(&self) -> &Joints {
        &self.joints
    }

    /// Prefix lists of the region that are known.
    pub(super) fn prefix_lists(&self) -> &PrefixLists {
        &self.prefix_lists
    }

    /// What types of RDS read alike.
    pub(super) fn databases(&self) -> &Databases {
        &self.databases
    }

    /// Clients that repeat a call only if it surely had no effect. For creates without a client
    /// token: a repeated one whose first answer was lost would make a second resource.
    pub(super) fn unambiguous(config: SdkConfig, watch: Watch) -> Self {
        Self::with(config, watch, true)
    }
}
