//! Functions of programs that ask AWS: data sources. To add one: write its file, add its line to
//! the registry below.

use std::future::Future;
use std::marker::PhantomData;

use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::cx::Cx;
use super::ec2;
use super::erase::{typed, value};
use crate::engine::error::Result;
use crate::engine::schema::{FunctionSchema, json_schema, object};
use crate::engine::value::Value;

/// One function: a struct of arguments that can be answered.
pub(super) trait Function: DeserializeOwned + JsonSchema + Send + 'static {
    /// Pulumi's canonical token: `aws:index/getRegion:getRegion`.
    const TOKEN: &'static str;
    /// IAM actions of its calls.
    const PERMISSIONS: &'static [&'static str];
    /// See [`FunctionSchema::acts_on`].
    const ACTS_ON: &'static [&'static str] = &[];
    /// See [`FunctionSchema::decrypts`].
    const DECRYPTS: Option<&'static str> = None;
    /// Whether the answer depends on the region.
    const REGIONAL: bool = true;
    /// Whether every call gives another answer.
    const VOLATILE: bool = false;
    type Answer: Serialize + JsonSchema + Send;

    /// Answers, with as many calls as it takes.
    fn call(self, cx: &Cx) -> impl Future<Output = Result<Self::Answer>> + Send;
}

/// A function of the registry.
pub(super) trait AnyFunction: Send + Sync {
    fn token(&self) -> &'static str;
    fn schema(&self) -> FunctionSchema;
    fn call<'a>(&'a self, arguments: &'a Value, cx: &'a Cx) -> BoxFuture<'a, Result<Value>>;
}

/// Turns a [`Function`] into an [`AnyFunction`].
struct Erased<F>(PhantomData<fn() -> F>);

impl<F: Function> AnyFunction for Erased<F> {
    fn token(&self) -> &'static str {
        F::TOKEN
    }

    fn schema(&self) -> FunctionSchema {
        let arguments = json_schema::<F>();
        FunctionSchema {
            token: F::TOKEN,
            description: arguments["description"].as_str().unwrap_or_default().to_owned(),
            arguments: object(&arguments),
            result: object(&json_schema::<F::Answer>()),
            region_aware: F::REGIONAL,
            volatile: F::VOLATILE,
            permissions: F::PERMISSIONS,
            acts_on: F::ACTS_ON,
            decrypts: F::DECRYPTS,
        }
    }

    fn call<'a>(&'a self, arguments: &'a Value, cx: &'a Cx) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move { value(&typed::<F>(arguments)?.call(cx).await?) })
    }
}

/// A condition that EC2 checks.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Filter {
    /// Name of the property as the API of EC2 has it.
    name: String,
    /// Values of which one must match; `*` and `?` stand for others.
    values: Vec<String>,
}

fn filters(filters: Vec<Filter>) -> Option<Vec<aws_sdk_ec2::types::Filter>> {
    Some(filters.into_iter().map(|f| ec2::filter(&f.name, f.values)).collect())
}

macro_rules! registry {
    ($($module:ident::$function:ident),* $(,)?) => {
        $(mod $module;)*

        /// Every function.
        pub(super) static FUNCTIONS: &[&dyn AnyFunction] = &[$(&Erased::<$module::$function>(PhantomData)),*];
    };
}

registry! {
    get_alias::GetAlias,
    get_ami::GetAmi,
    get_availability_zones::GetAvailabilityZones,
    get_caller_identity::GetCallerIdentity,
    get_metric_value::GetMetricValue,
    get_parameter::GetParameter,
    get_partition::GetPartition,
    get_policy_document::GetPolicyDocument,
    get_random_password::GetRandomPassword,
    get_region::GetRegion,
}
