use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types as sdk;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::TryFutureExt;

use crate::aws::prelude::*;
use crate::engine::asset::{Asset, AssetInput, Source};
use crate::engine::rules::{
    auto_name, computed, exactly_one, moves, needs, one_of, refers, replace, unordered, write_only,
};

/// A function: code that AWS runs when it is called.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["code", "imageUri", "s3Bucket"]))]
#[schemars(transform = needs(&["s3Bucket", "s3Key"]))]
pub struct Function {
    /// Instruction set: `x86_64` or `arm64`, as the only item of the list.
    #[schemars(transform = computed, length(max = 1))]
    pub architectures: Option<Vec<String>>,
    /// Instances of the account that run the function in the place of AWS's own.
    pub capacity_provider_config: Option<CapacityProviderConfig>,
    /// The code: a directory or an archive.
    #[schemars(transform = computed)]
    pub code: Option<AssetInput>,
    /// Base64 SHA-256 of the code. A change uploads it again.
    #[schemars(transform = computed)]
    pub code_sha256: Option<String>,
    /// Signing configuration that code must fulfil.
    pub code_signing_config_arn: Option<String>,
    /// Where events go that could not be handled.
    pub dead_letter_config: Option<DeadLetterConfig>,
    /// Purpose of the function.
    #[schemars(length(max = 256))]
    pub description: Option<String>,
    /// How long an execution that survives restarts may take.
    pub durable_config: Option<DurableConfig>,
    /// What the code finds in its environment.
    pub environment: Option<Environment>,
    /// Space under `/tmp`.
    #[schemars(transform = computed)]
    pub ephemeral_storage: Option<EphemeralStorage>,
    /// File system that is mounted.
    pub file_system_config: Option<FileSystemConfig>,
    /// Where the code begins, for example `handler.handler`. Image functions have none.
    #[schemars(length(min = 1, max = 128))]
    pub handler: Option<String>,
    /// What replaces settings of the image.
    pub image_config: Option<ImageConfig>,
    /// Image that holds the code, in ECR.
    pub image_uri: Option<String>,
    /// Key that encrypts the environment.
    #[schemars(transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_arn: Option<String>,
    /// Layers, in the order in which they are laid.
    #[schemars(length(max = 5))]
    pub layers: Option<Vec<String>>,
    /// Where and how logs are written.
    #[schemars(transform = computed)]
    pub logging_config: Option<LoggingConfig>,
    /// Memory in MiB; the share of CPU grows with it.
    #[schemars(range(min = 128, max = 10240))]
    #[serde(default = "smallest")]
    pub memory_size: i32,
    /// Name of the function, unique in the region.
    #[schemars(transform = replace, transform = auto_name(64))]
    pub name: String,
    /// Form of the code.
    #[schemars(transform = replace, transform = one_of(&["Zip", "Image"]))]
    #[serde(default = "zip")]
    pub package_type: String,
    /// Whether each change of the code publishes a version.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub publish: bool,
    /// Where published code goes.
    #[schemars(transform = write_only, transform = one_of(&["LATEST_PUBLISHED"]))]
    pub publish_to: Option<String>,
    /// Whether the deletion gives the network interfaces other security groups first, so that those of
    /// the function can be deleted at once.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub replace_security_groups_on_destroy: bool,
    /// These other groups; without them the default group of the VPC.
    #[schemars(transform = write_only, transform = unordered)]
    #[schemars(transform = refers("aws:ec2/securityGroup:SecurityGroup.id"))]
    pub replacement_security_group_ids: Option<Vec<String>>,
    /// Executions at once that are kept for the function; -1 for none, 0 stops it.
    #[schemars(range(min = -1))]
    #[serde(default = "unreserved")]
    pub reserved_concurrent_executions: i32,
    /// Role that the code runs as.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub role: String,
    /// Language and version, for example `python3.12`. Image functions have none.
    pub runtime: Option<String>,
    /// Bucket that holds the code.
    #[schemars(transform = write_only, transform = refers("aws:s3/bucket:Bucket.bucket"))]
    pub s3_bucket: Option<String>,
    /// Key of the code in the bucket.
    #[schemars(transform = write_only)]
    pub s3_key: Option<String>,
    /// Version of the code in the bucket.
    #[schemars(transform = write_only)]
    pub s3_object_version: Option<String>,
    /// Whether the function stays when it leaves the program.
    #[schemars(transform = write_only)]
    #[serde(default)]
    pub skip_destroy: bool,
    /// Snapshots that new executions start from.
    pub snap_start: Option<SnapStart>,
    /// Base64 SHA-256 of the code, as a trigger: a change uploads it again.
    #[schemars(transform = computed)]
    pub source_code_hash: Option<String>,
    /// Key that encrypts the archive of the code.
    #[schemars(transform = refers("aws:kms/key:Key.arn"))]
    pub source_kms_key_arn: Option<String>,
    /// Tags of the function.
    #[serde(default)]
    pub tags: Tags,
    /// Whether tenants are kept apart.
    #[schemars(transform = replace)]
    pub tenancy_config: Option<TenancyConfig>,
    /// Longest execution, in seconds.
    #[schemars(range(min = 1, max = 900))]
    #[serde(default = "three_seconds")]
    pub timeout: i32,
    /// Whether X-Ray follows executions.
    #[schemars(transform = computed)]
    pub tracing_config: Option<TracingConfig>,
    /// Subnets and security groups, for a function inside a VPC.
    pub vpc_config: Option<VpcConfig>,
}

/// Instances that run the function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CapacityProviderConfig {
    /// Settings of the provider.
    pub lambda_managed_instances_capacity_provider_config: ManagedInstances,
}

/// Which instances, and how executions share them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedInstances {
    /// ARN of the capacity provider.
    pub capacity_provider_arn: String,
    /// Memory in GiB for each virtual CPU.
    #[schemars(transform = computed)]
    pub execution_environment_memory_gib_per_vcpu: Option<f64>,
    /// Executions at once in one environment.
    #[schemars(transform = computed)]
    pub per_execution_environment_max_concurrency: Option<i32>,
}

/// Where events go that could not be handled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeadLetterConfig {
    /// ARN of a queue or a topic.
    pub target_arn: String,
}

/// Limits of durable executions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DurableConfig {
    /// Longest execution, in seconds.
    pub execution_timeout: i32,
    /// Days that the history of an execution is kept.
    #[schemars(transform = computed)]
    pub retention_period: Option<i32>,
}

/// What the code finds in its environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Environment {
    /// Variables by name.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

/// Space under `/tmp`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EphemeralStorage {
    /// Size in MiB.
    #[schemars(transform = computed, range(min = 512, max = 10240))]
    pub size: Option<i32>,
}

/// A file system that is mounted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileSystemConfig {
    /// ARN of the EFS access point.
    pub arn: String,
    /// Where it is mounted, under `/mnt/`.
    pub local_mount_path: String,
}

/// What replaces settings of the image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImageConfig {
    /// Arguments of the entry point.
    pub commands: Option<Vec<String>>,
    /// The entry point.
    pub entry_points: Option<Vec<String>>,
    /// Directory that it starts in.
    pub working_directory: Option<String>,
}

/// Where and how logs are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoggingConfig {
    /// Least level of the code's own lines. Only with the JSON format.
    #[schemars(transform = computed, transform = one_of(&["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]))]
    pub application_log_level: Option<String>,
    /// Form of the lines.
    #[schemars(transform = one_of(&["Text", "JSON"]))]
    pub log_format: String,
    /// Log group; without it `/aws/lambda/<name>`.
    #[schemars(transform = computed, transform = refers("aws:cloudwatch/logGroup:LogGroup.name"))]
    pub log_group: Option<String>,
    /// Least level of the platform's lines. Only with the JSON format.
    #[schemars(transform = computed, transform = one_of(&["DEBUG", "INFO", "WARN"]))]
    pub system_log_level: Option<String>,
}

/// Snapshots that new executions start from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SnapStart {
    /// Of which versions they are taken.
    #[schemars(transform = one_of(&["PublishedVersions", "None"]))]
    pub apply_on: String,
    /// Whether they are in use now.
    #[schemars(transform = computed, transform = one_of(&["On", "Off"]))]
    pub optimization_status: Option<String>,
}

/// Whether tenants are kept apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenancyConfig {
    /// How.
    #[schemars(transform = one_of(&["PER_TENANT"]))]
    pub tenant_isolation_mode: String,
}

/// Whether X-Ray follows executions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TracingConfig {
    /// `Active` samples by itself, `PassThrough` follows the caller.
    #[schemars(transform = one_of(&["Active", "PassThrough"]))]
    pub mode: String,
}

/// Where a function is inside a VPC.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VpcConfig {
    /// Whether IPv6 is used in subnets that have both.
    #[serde(default)]
    pub ipv6_allowed_for_dual_stack: bool,
    /// Security groups of its network interfaces.
    #[schemars(transform = unordered, transform = refers("aws:ec2/securityGroup:SecurityGroup.id"))]
    pub security_group_ids: Vec<String>,
    /// Subnets of its network interfaces.
    #[schemars(transform = unordered, transform = refers("aws:ec2/subnet:Subnet.id"))]
    pub subnet_ids: Vec<String>,
    /// The VPC that follows from the subnets.
    #[schemars(transform = computed)]
    pub vpc_id: Option<String>,
}

fn smallest() -> i32 {
    128
}
fn zip() -> String {
    "Zip".into()
}
fn unreserved() -> i32 {
    -1
}
fn three_seconds() -> i32 {
    3
}

/// What AWS decides about a function.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FunctionOutputs {
    /// ARN of the function, without a version.
    pub arn: String,
    /// ARN that API Gateway calls it by.
    pub invoke_arn: String,
    /// When it was changed last.
    #[schemars(transform = moves)]
    pub last_modified: Option<String>,
    /// ARN with the version.
    #[schemars(transform = moves)]
    pub qualified_arn: String,
    /// ARN that API Gateway calls the version by.
    #[schemars(transform = moves)]
    pub qualified_invoke_arn: String,
    /// ARN that API Gateway calls it by for answers in pieces.
    pub response_streaming_invoke_arn: String,
    /// Job that signed the code.
    pub signing_job_arn: Option<String>,
    /// Profile that the code was signed with.
    pub signing_profile_version_arn: Option<String>,
    /// Size of the code in bytes.
    #[schemars(transform = moves)]
    pub source_code_size: i64,
    /// `$LATEST`, or the version published last.
    #[schemars(transform = moves)]
    pub version: String,
}

impl Resource for Function {
    const TYPE: &'static str = "aws:lambda/function:Function";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(10, 10, 10),
        takes: Takes::seconds(8, 5, 1),
        permissions: Permissions {
            create: &[
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "iam:PassRole",
                "lambda:CreateFunction",
                "lambda:GetFunction",
                "lambda:PutFunctionCodeSigningConfig",
                "lambda:PutFunctionConcurrency",
                "lambda:TagResource",
            ],
            read: &["lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig"],
            update: &[
                "iam:PassRole",
                "lambda:DeleteFunctionCodeSigningConfig",
                "lambda:DeleteFunctionConcurrency",
                "lambda:PutFunctionCodeSigningConfig",
                "lambda:PutFunctionConcurrency",
                "lambda:TagResource",
                "lambda:UntagResource",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
            ],
            delete: &["lambda:DeleteFunction", "lambda:UpdateFunctionConfiguration"],
        },
        permissions_with: &[
            WithInput::on("kmsKeyArn", &["kms:Decrypt"], &["kms:CreateGrant", "kms:Encrypt"]),
            WithInput::on("sourceKmsKeyArn", &["kms:Decrypt"], &["kms:GenerateDataKey"]),
            WithInput::on("layers.*", &[], &["lambda:GetLayerVersion"]),
            WithInput::on("s3Bucket", &[], &["s3:GetObject", "s3:GetObjectVersion"]),
        ],
        acts_on: &["{arn}", "{arn}:*"],
        passes_roles_to: &["lambda"],
        import: "name of the function",
        ..Facts::new(IdForm::Input("name"), FoundBy::Name)
    };
    type Outputs = FunctionOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let code = sdk::FunctionCode::builder()
            .set_zip_file(self.archive(cx).await?)
            .set_image_uri(self.image_uri.clone())
            .set_s3_bucket(self.s3_bucket.clone())
            .set_s3_key(self.s3_key.clone())
            .set_s3_object_version(self.s3_object_version.clone())
            .set_source_kms_key_arn(self.source_kms_key_arn.clone())
            .build();
        cx.lambda()
            .create_function()
            .set_architectures(self.sdk_architectures())
            .set_capacity_provider_config(self.capacity_provider_config.as_ref().map(CapacityProviderConfig::sdk))
            .code(code)
            .set_code_signing_config_arn(self.code_signing_config_arn.clone())
            .set_dead_letter_config(self.dead_letter_config.as_ref().map(DeadLetterConfig::sdk))
            .set_description(self.description.clone())
            .set_durable_config(self.durable_config.as_ref().map(DurableConfig::sdk))
            .set_environment(self.environment.as_ref().map(Environment::sdk))
            .set_ephemeral_storage(self.ephemeral_storage.as_ref().map(EphemeralStorage::sdk).transpose()?)
            .set_file_system_configs(self.file_system_config.as_ref().map(FileSystemConfig::sdk).transpose()?)
            .function_name(&self.name)
            .set_handler(self.handler.clone())
            .set_image_config(self.image_config.as_ref().map(ImageConfig::sdk))
            .set_kms_key_arn(self.kms_key_arn.clone())
            .set_layers(self.layers.clone())
            .set_logging_config(self.logging_config.as_ref().map(LoggingConfig::sdk))
            .memory_size(self.memory_size)
            .package_type(self.package_type.as_str().into())
            .publish(self.publish)
            .set_publish_to(self.publish_to.as_deref().map(Into::into))
            .role(&self.role)
            .set_runtime(self.runtime.as_deref().map(Into::into))
            .set_snap_start(self.snap_start.as_ref().map(SnapStart::sdk))
            .set_tags(Some(cx.tags(&self.tags).into_iter().collect()))
            .set_tenancy_config(self.tenancy_config.as_ref().map(TenancyConfig::sdk).transpose()?)
            .timeout(self.timeout)
            .set_tracing_config(self.tracing_config.as_ref().map(TracingConfig::sdk))
            .set_vpc_config(self.vpc_config.as_ref().map(VpcConfig::sdk))
            .send()
            .await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    /// Lambda takes one change of a function at a time, code and settings apart.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let old = &live.inputs;
        if self.reserved_concurrent_executions != old.reserved_concurrent_executions {
            self.reserve(id, cx).await?;
        }
        if self.code_signing_config_arn != old.code_signing_config_arn {
            self.sign(id, cx).await?;
        }
        if self.settings_differ(old) {
            self.update_settings(id, cx).await?;
            return Ok(Next::More("updating the settings"));
        }
        if self.code_differs(old) {
            cx.lambda()
                .update_function_code()
                .set_architectures(self.sdk_architectures())
                .function_name(&id.0)
                .set_image_uri(self.image_uri.clone())
                .publish(self.publish)
                .set_publish_to(self.publish_to.as_deref().map(Into::into))
                .set_s3_bucket(self.s3_bucket.clone())
                .set_s3_key(self.s3_key.clone())
                .set_s3_object_version(self.s3_object_version.clone())
                .set_source_kms_key_arn(self.source_kms_key_arn.clone())
                .set_zip_file(self.archive(cx).await?)
                .send()
                .await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, live: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        if self.skip_destroy {
            return Ok(Next::Gone);
        }
        if let Some(groups) = self.groups_to_leave_behind(live) {
            let vpc = VpcConfig { security_group_ids: groups, ..self.vpc_config.clone().unwrap_or_default() };
            cx.lambda()
                .update_function_configuration()
                .function_name(&id.0)
                .vpc_config(vpc.sdk())
                .send()
                .await
                .or_none()?;
            return Ok(Next::More("changing security groups"));
        }
        cx.lambda().delete_function().function_name(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let reply = cx.lambda().get_function().function_name(&self.name).send().await.or_none()?;
        let tags = reply.and_then(|r| r.tags).unwrap_or_default();
        let mine = tags.get(tags::ATTEMPT).is_some_and(|a| a == cx.token());
        Ok(mine.then(|| Id(self.name.clone())).into_iter().collect())
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        let arn = &live.outputs.arn;
        if !tags.unset.is_empty() {
            cx.lambda().untag_resource().resource(arn).set_tag_keys(Some(tags.unset.clone())).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tags.set.iter().cloned().collect();
            cx.lambda().tag_resource().resource(arn).set_tags(Some(set)).send().await?;
        }
        Ok(())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let Some(name) = inputs.get("name").and_then(Value::as_str) else { return Vec::new() };
        let arn = at.arn("lambda", &format!("function:{name}"));
        let text = arn.as_str().unwrap_or_default().to_owned();
        let (partition, region) = (&at.partition, &at.region);
        vec![("invokeArn", invoke_arn(partition, &region.0, &text).into()), ("arn", arn)]
    }
}

impl Function {
    async fn archive(&self, cx: &Cx) -> Result<Option<Blob>> {
        match &self.code {
            Some(code) => cx.bytes(&code.0).map_ok(|bytes| Some(Blob::new(bytes))).await,
            None => Ok(None),
        }
    }

    fn sdk_architectures(&self) -> Option<Vec<sdk::Architecture>> {
        self.architectures.as_ref().map(|list| list.iter().map(|a| a.as_str().into()).collect())
    }

    fn code_differs(&self, live: &Self) -> bool {
        changed(&self.code, &live.code).is_some()
            || changed(&self.code_sha256, &live.code_sha256).is_some()
            || changed(&self.source_code_hash, &live.source_code_hash).is_some()
            || changed(&self.architectures, &live.architectures).is_some()
            || changed(&self.image_uri, &live.image_uri).is_some()
            || self.s3_bucket != live.s3_bucket
            || self.s3_key != live.s3_key
            || self.s3_object_version != live.s3_object_version
            || self.source_kms_key_arn != live.source_kms_key_arn
    }

    fn settings_differ(&self, live: &Self) -> bool {
        self.capacity_provider_config != live.capacity_provider_config
            || self.dead_letter_config != live.dead_letter_config
            || self.description != live.description
            || self.durable_config != live.durable_config
            || self.environment != live.environment
            || changed(&self.ephemeral_storage, &live.ephemeral_storage).is_some()
            || self.file_system_config != live.file_system_config
            || self.handler != live.handler
            || self.image_config != live.image_config
            || self.kms_key_arn != live.kms_key_arn
            || self.layers.as_deref().unwrap_or_default() != live.layers.as_deref().unwrap_or_default()
            || self.logging_config.as_ref().is_some_and(|l| !l.is_in(live.logging_config.as_ref()))
            || self.memory_size != live.memory_size
            || self.role != live.role
            || self.runtime != live.runtime
            || self.snap_start.as_ref().map(|s| &s.apply_on) != live.snap_start.as_ref().map(|s| &s.apply_on)
            || self.timeout != live.timeout
            || changed(&self.tracing_config, &live.tracing_config).is_some()
            || VpcConfig::differs(self.vpc_config.as_ref(), live.vpc_config.as_ref())
    }

    async fn update_settings(&self, id: &Id, cx: &Cx) -> Result<()> {
        // What is left out stays as it is, so nothing is written as an empty value.
        let no_queue = || sdk::DeadLetterConfig::builder().target_arn("").build();
        let no_variables = || Environment { variables: BTreeMap::new() }.sdk();
        let no_snapshots = || sdk::SnapStart::builder().apply_on(sdk::SnapStartApplyOn::None).build();
        let files = match &self.file_system_config {
            Some(files) => files.sdk()?,
            None => Vec::new(),
        };
        cx.lambda()
            .update_function_configuration()
            .set_capacity_provider_config(self.capacity_provider_config.as_ref().map(CapacityProviderConfig::sdk))
            .dead_letter_config(self.dead_letter_config.as_ref().map_or_else(no_queue, DeadLetterConfig::sdk))
            .description(self.description.clone().unwrap_or_default())
            .set_durable_config(self.durable_config.as_ref().map(DurableConfig::sdk))
            .environment(self.environment.as_ref().map_or_else(no_variables, Environment::sdk))
            .set_ephemeral_storage(self.ephemeral_storage.as_ref().map(EphemeralStorage::sdk).transpose()?)
            .set_file_system_configs(Some(files))
            .function_name(&id.0)
            .set_handler(self.handler.clone())
            .set_image_config(self.image_config.as_ref().map(ImageConfig::sdk))
            .kms_key_arn(self.kms_key_arn.clone().unwrap_or_default())
            .set_layers(Some(self.layers.clone().unwrap_or_default()))
            .set_logging_config(self.logging_config.as_ref().map(LoggingConfig::sdk))
            .memory_size(self.memory_size)
            .role(&self.role)
            .set_runtime(self.runtime.as_deref().map(Into::into))
            .snap_start(self.snap_start.as_ref().map_or_else(no_snapshots, SnapStart::sdk))
            .timeout(self.timeout)
            .set_tracing_config(self.tracing_config.as_ref().map(TracingConfig::sdk))
            .vpc_config(self.vpc_config.clone().unwrap_or_default().sdk())
            .send()
            .await?;
        Ok(())
    }

    async fn reserve(&self, id: &Id, cx: &Cx) -> Result<()> {
        let count = self.reserved_concurrent_executions;
        if count < 0 {
            cx.lambda().delete_function_concurrency().function_name(&id.0).send().await?;
        } else {
            let put = cx.lambda().put_function_concurrency().function_name(&id.0);
            put.reserved_concurrent_executions(count).send().await?;
        }
        Ok(())
    }

    async fn sign(&self, id: &Id, cx: &Cx) -> Result<()> {
        match &self.code_signing_config_arn {
            Some(arn) => {
                let put = cx.lambda().put_function_code_signing_config().function_name(&id.0);
                put.code_signing_config_arn(arn).send().await?;
            }
            None => {
                cx.lambda().delete_function_code_signing_config().function_name(&id.0).send().await?;
            }
        }
        Ok(())
    }

    /// The groups that the network interfaces get before the function goes.
    fn groups_to_leave_behind(&self, live: Option<&Live<Self>>) -> Option<Vec<String>> {
        let groups = self.replacement_security_group_ids.clone()?;
        let now = live?.inputs.vpc_config.as_ref()?;
        let open = self.replace_security_groups_on_destroy && !same_items(&now.security_group_ids, &groups);
        open.then_some(groups)
    }
}

fn same_items(a: &[String], b: &[String]) -> bool {
    only_in(a, b).is_empty() && only_in(b, a).is_empty()
}

impl CapacityProviderConfig {
    fn sdk(&self) -> sdk::CapacityProviderConfig {
        let own = &self.lambda_managed_instances_capacity_provider_config;
        let instances = sdk::LambdaManagedInstancesCapacityProviderConfig::builder()
            .capacity_provider_arn(&own.capacity_provider_arn)
            .set_execution_environment_memory_gib_per_v_cpu(own.execution_environment_memory_gib_per_vcpu)
            .set_per_execution_environment_max_concurrency(own.per_execution_environment_max_concurrency);
        let builder = sdk::CapacityProviderConfig::builder();
        builder.set_lambda_managed_instances_capacity_provider_config(instances.build().ok()).build()
    }

    fn from(live: sdk::CapacityProviderConfig) -> Option<Self> {
        let own = live.lambda_managed_instances_capacity_provider_config?;
        let instances = ManagedInstances {
            capacity_provider_arn: own.capacity_provider_arn,
            execution_environment_memory_gib_per_vcpu: own.execution_environment_memory_gib_per_v_cpu,
            per_execution_environment_max_concurrency: own.per_execution_environment_max_concurrency,
        };
        Some(Self { lambda_managed_instances_capacity_provider_config: instances })
    }
}

impl DeadLetterConfig {
    fn sdk(&self) -> sdk::DeadLetterConfig {
        sdk::DeadLetterConfig::builder().target_arn(&self.target_arn).build()
    }
}

impl DurableConfig {
    fn sdk(&self) -> sdk::DurableConfig {
        sdk::DurableConfig::builder()
            .execution_timeout(self.execution_timeout)
            .set_retention_period_in_days(self.retention_period)
            .build()
    }
}

impl Environment {
    fn sdk(&self) -> sdk::Environment {
        sdk::Environment::builder().set_variables(Some(self.variables.clone().into_iter().collect())).build()
    }
}

impl EphemeralStorage {
    fn sdk(&self) -> Result<sdk::EphemeralStorage> {
        Ok(sdk::EphemeralStorage::builder().set_size(self.size).build()?)
    }
}

impl FileSystemConfig {
    fn sdk(&self) -> Result<Vec<sdk::FileSystemConfig>> {
        let builder = sdk::FileSystemConfig::builder().arn(&self.arn).local_mount_path(&self.local_mount_path);
        Ok(vec![builder.build()?])
    }
}

impl ImageConfig {
    fn sdk(&self) -> sdk::ImageConfig {
        sdk::ImageConfig::builder()
            .set_command(self.commands.clone())
            .set_entry_point(self.entry_points.clone())
            .set_working_directory(self.working_directory.clone())
            .build()
    }
}

impl LoggingConfig {
    fn sdk(&self) -> sdk::LoggingConfig {
        sdk::LoggingConfig::builder()
            .set_application_log_level(self.application_log_level.as_deref().map(Into::into))
            .log_format(self.log_format.as_str().into())
            .set_log_group(self.log_group.clone())
            .set_system_log_level(self.system_log_level.as_deref().map(Into::into))
            .build()
    }

    /// Whether AWS shows everything that is asked for here.
    fn is_in(&self, live: Option<&Self>) -> bool {
        live.is_some_and(|live| {
            self.log_format == live.log_format
                && changed(&self.application_log_level, &live.application_log_level).is_none()
                && changed(&self.log_group, &live.log_group).is_none()
                && changed(&self.system_log_level, &live.system_log_level).is_none()
        })
    }
}

impl SnapStart {
    fn sdk(&self) -> sdk::SnapStart {
        sdk::SnapStart::builder().apply_on(self.apply_on.as_str().into()).build()
    }
}

impl TenancyConfig {
    fn sdk(&self) -> Result<sdk::TenancyConfig> {
        Ok(sdk::TenancyConfig::builder().tenant_isolation_mode(self.tenant_isolation_mode.as_str().into()).build()?)
    }
}

impl TracingConfig {
    fn sdk(&self) -> sdk::TracingConfig {
        sdk::TracingConfig::builder().mode(self.mode.as_str().into()).build()
    }
}

impl VpcConfig {
    fn sdk(&self) -> sdk::VpcConfig {
        sdk::VpcConfig::builder()
            .ipv6_allowed_for_dual_stack(self.ipv6_allowed_for_dual_stack)
            .set_security_group_ids(Some(self.security_group_ids.clone()))
            .set_subnet_ids(Some(self.subnet_ids.clone()))
            .build()
    }

    fn differs(wanted: Option<&Self>, live: Option<&Self>) -> bool {
        match (wanted, live) {
            (None, None) => false,
            (Some(a), Some(b)) => {
                a.ipv6_allowed_for_dual_stack != b.ipv6_allowed_for_dual_stack
                    || !same_items(&a.security_group_ids, &b.security_group_ids)
                    || !same_items(&a.subnet_ids, &b.subnet_ids)
            }
            _ => true,
        }
    }
}

fn invoke_arn(partition: &str, region: &str, arn: &str) -> String {
    format!("arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations")
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<Function>>> {
    let Some(reply) = cx.lambda().get_function().function_name(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let signing = if want.has("codeSigningConfigArn") {
        let reply = cx.lambda().get_function_code_signing_config().function_name(&id.0).send().await.or_none()?;
        reply.map(|r| r.code_signing_config_arn).filter(|arn| !arn.is_empty())
    } else {
        None
    };
    let state = reply.configuration.as_ref().and_then(|c| c.state.as_ref());
    let update = reply.configuration.as_ref().and_then(|c| c.last_update_status.as_ref());
    let reason = |text: Option<&String>, word: &str| text.cloned().unwrap_or_else(|| word.to_owned());
    match (state, update) {
        (Some(sdk::State::Pending), _) => Ok(Seen::Pending("pending".into())),
        (_, Some(sdk::LastUpdateStatus::InProgress)) => Ok(Seen::Pending("updating".into())),
        (Some(sdk::State::Failed), _) => {
            let text = reply.configuration.as_ref().and_then(|c| c.state_reason.as_ref());
            Ok(Seen::Failed(reason(text, "failed")))
        }
        _ => Ok(Seen::Ready(live(&id, reply, signing, want, cx)?)),
    }
}

fn live(id: &Id, reply: GetFunctionOutput, signing: Option<String>, want: &Want, cx: &Cx) -> Result<Live<Function>> {
    let c = need("Configuration", reply.configuration)?;
    let arn = need("FunctionArn", c.function_arn)?;
    let version = need("Version", c.version)?;
    let hash = c.code_sha256;
    let text = |value: Option<String>| value.filter(|v| !v.is_empty());
    let qualified = format!("{arn}:{version}");
    let outputs = FunctionOutputs {
        invoke_arn: invoke_arn(cx.partition(), cx.region(), &arn),
        last_modified: c.last_modified,
        qualified_invoke_arn: invoke_arn(cx.partition(), cx.region(), &qualified),
        qualified_arn: qualified,
        response_streaming_invoke_arn: format!(
            "arn:{}:apigateway:{}:lambda:path/2021-11-15/functions/{arn}/response-streaming-invocations",
            cx.partition(),
            cx.region()
        ),
        signing_job_arn: c.signing_job_arn,
        signing_profile_version_arn: c.signing_profile_version_arn,
        source_code_size: c.code_size,
        version,
        arn,
    };
    let is_zip = c.package_type.as_ref() != Some(&sdk::PackageType::Image);
    let image = c.image_config_response.and_then(|i| i.image_config);
    let files = c.file_system_configs.unwrap_or_default().into_iter().next();
    let inputs = Function {
        architectures: c.architectures.map(|list| list.iter().map(|a| a.as_str().to_owned()).collect()),
        capacity_provider_config: c.capacity_provider_config.and_then(CapacityProviderConfig::from),
        code: hash.as_deref().filter(|_| is_zip && want.has("code")).and_then(code_of),
        code_sha256: hash.clone(),
        code_signing_config_arn: signing,
        dead_letter_config: c
            .dead_letter_config
            .and_then(|d| text(d.target_arn))
            .map(|target_arn| DeadLetterConfig { target_arn }),
        description: text(c.description),
        durable_config: c.durable_config.and_then(|d| {
            Some(DurableConfig {
                execution_timeout: d.execution_timeout?,
                retention_period: d.retention_period_in_days,
            })
        }),
        environment: c
            .environment
            .and_then(|e| e.variables)
            .filter(|v| !v.is_empty())
            .map(|variables| Environment { variables: variables.into_iter().collect() }),
        ephemeral_storage: c.ephemeral_storage.map(|e| EphemeralStorage { size: Some(e.size) }),
        file_system_config: files.map(|f| FileSystemConfig { arn: f.arn, local_mount_path: f.local_mount_path }),
        handler: text(c.handler),
        image_config: image.map(|i| ImageConfig {
            commands: i.command,
            entry_points: i.entry_point,
            working_directory: text(i.working_directory),
        }),
        image_uri: reply.code.as_ref().and_then(|code| code.image_uri.clone()),
        kms_key_arn: text(c.kms_key_arn),
        layers: c.layers.map(|layers| layers.into_iter().filter_map(|l| l.arn).collect()),
        logging_config: c.logging_config.and_then(|l| {
            Some(LoggingConfig {
                application_log_level: l.application_log_level.map(|level| level.as_str().to_owned()),
                log_format: l.log_format?.as_str().to_owned(),
                log_group: l.log_group,
                system_log_level: l.system_log_level.map(|level| level.as_str().to_owned()),
            })
        }),
        memory_size: need("MemorySize", c.memory_size)?,
        name: id.0.clone(),
        package_type: c.package_type.map_or_else(zip, |p| p.as_str().to_owned()),
        publish: false,
        publish_to: None,
        replace_security_groups_on_destroy: false,
        replacement_security_group_ids: None,
        reserved_concurrent_executions: reply
            .concurrency
            .and_then(|c| c.reserved_concurrent_executions)
            .unwrap_or_else(unreserved),
        role: need("Role", c.role)?,
        runtime: text(c.runtime.map(|r| r.as_str().to_owned())),
        s3_bucket: None,
        s3_key: None,
        s3_object_version: None,
        skip_destroy: false,
        snap_start: c.snap_start.filter(|s| s.apply_on != Some(sdk::SnapStartApplyOn::None)).and_then(|s| {
            Some(SnapStart {
                apply_on: s.apply_on?.as_str().to_owned(),
                optimization_status: s.optimization_status.map(|o| o.as_str().to_owned()),
            })
        }),
        source_code_hash: hash,
        source_kms_key_arn: reply.code.and_then(|code| code.source_kms_key_arn),
        tags: reply.tags.unwrap_or_default().into_iter().collect(),
        tenancy_config: c
            .tenancy_config
            .map(|t| TenancyConfig { tenant_isolation_mode: t.tenant_isolation_mode.as_str().to_owned() }),
        timeout: need("Timeout", c.timeout)?,
        tracing_config: c
            .tracing_config
            .and_then(|t| t.mode)
            .map(|mode| TracingConfig { mode: mode.as_str().to_owned() }),
        vpc_config: c.vpc_config.filter(|v| v.vpc_id.as_ref().is_some_and(|id| !id.is_empty())).map(|v| VpcConfig {
            ipv6_allowed_for_dual_stack: v.ipv6_allowed_for_dual_stack.unwrap_or_default(),
            security_group_ids: v.security_group_ids.unwrap_or_default(),
            subnet_ids: v.subnet_ids.unwrap_or_default(),
            vpc_id: v.vpc_id,
        }),
    };
    Ok(Live { inputs, outputs })
}

/// Code is compared by its hash, which is all that Lambda shows of it.
fn code_of(hash: &str) -> Option<AssetInput> {
    let sha256 = hex::encode(STANDARD.decode(hash).ok()?);
    Some(AssetInput(Asset { source: Source::Text("the code that Lambda has".into()), sha256 }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let hash = STANDARD.encode([7u8; 32]);
        let reply = json!({
            "Configuration": {
                "FunctionName": "f", "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:f",
                "Runtime": "python3.12", "Role": "arn:aws:iam::123456789012:role/r", "Handler": "h.h", "CodeSize": 1,
                "Description": "d", "Timeout": 9, "MemorySize": 256, "CodeSha256": hash, "Version": "$LATEST",
                "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"], "VpcId": "vpc-1",
                    "Ipv6AllowedForDualStack": true},
                "DeadLetterConfig": {"TargetArn": "arn:q"}, "Environment": {"Variables": {"A": "1"}},
                "KMSKeyArn": "arn:k", "TracingConfig": {"Mode": "Active"}, "Layers": [{"Arn": "arn:l"}],
                "State": "Active", "LastUpdateStatus": "Successful", "PackageType": "Zip",
                "FileSystemConfigs": [{"Arn": "arn:f", "LocalMountPath": "/mnt/f"}], "Architectures": ["arm64"],
                "EphemeralStorage": {"Size": 1024}, "SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"},
                "LoggingConfig": {"LogFormat": "JSON", "LogGroup": "g", "ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"},
                "ImageConfigResponse": {"ImageConfig": {"Command": ["c"], "EntryPoint": ["e"], "WorkingDirectory": "/w"}},
                "TenancyConfig": {"TenantIsolationMode": "PER_TENANT"},
                "DurableConfig": {"ExecutionTimeout": 60, "RetentionPeriodInDays": 3},
                "CapacityProviderConfig": {"LambdaManagedInstancesCapacityProviderConfig": {
                    "CapacityProviderArn": "arn:c", "PerExecutionEnvironmentMaxConcurrency": 2,
                    "ExecutionEnvironmentMemoryGiBPerVCpu": 4.0}}
            },
            "Code": {"ImageUri": "image", "SourceKMSKeyArn": "arn:sk"}, "Tags": {"a": "b", "drctl:owner": "x"},
            "Concurrency": {"ReservedConcurrentExecutions": 5}
        });
        let inputs = json!({
            "architectures": ["arm64"],
            "capacityProviderConfig": {"lambdaManagedInstancesCapacityProviderConfig": {"capacityProviderArn": "arn:c",
                "executionEnvironmentMemoryGibPerVcpu": 4.0, "perExecutionEnvironmentMaxConcurrency": 2}},
            "code": Asset { source: Source::Text(String::new()), sha256: "07".repeat(32) }.to_json(),
            "codeSha256": hash, "codeSigningConfigArn": "arn:s", "deadLetterConfig": {"targetArn": "arn:q"},
            "description": "d", "durableConfig": {"executionTimeout": 60, "retentionPeriod": 3},
            "environment": {"variables": {"A": "1"}}, "ephemeralStorage": {"size": 1024},
            "fileSystemConfig": {"arn": "arn:f", "localMountPath": "/mnt/f"}, "handler": "h.h",
            "imageConfig": {"commands": ["c"], "entryPoints": ["e"], "workingDirectory": "/w"}, "imageUri": "image",
            "kmsKeyArn": "arn:k", "layers": ["arn:l"],
            "loggingConfig": {"applicationLogLevel": "INFO", "logFormat": "JSON", "logGroup": "g", "systemLogLevel": "WARN"},
            "memorySize": 256, "name": "f", "packageType": "Zip", "publish": false,
            "replaceSecurityGroupsOnDestroy": false, "reservedConcurrentExecutions": 5,
            "role": "arn:aws:iam::123456789012:role/r", "runtime": "python3.12", "skipDestroy": false,
            "snapStart": {"applyOn": "PublishedVersions", "optimizationStatus": "On"}, "sourceCodeHash": hash, "sourceKmsKeyArn": "arn:sk",
            "tags": {"a": "b"}, "tenancyConfig": {"tenantIsolationMode": "PER_TENANT"}, "timeout": 9,
            "tracingConfig": {"mode": "Active"},
            "vpcConfig": {"ipv6AllowedForDualStack": true, "securityGroupIds": ["sg-1"], "subnetIds": ["subnet-1"],
                "vpcId": "vpc-1"},
        });
        let signing = ok(r#"{"CodeSigningConfigArn": "arn:s", "FunctionName": "f"}"#);
        let text = reply.to_string();
        let answers = [("code-signing-config", signing), ("/functions/f", ok(&text))];
        let live = reads_back(Function::TYPE, "f", &answers, &[], inputs).await;
        assert_eq!(live.outputs.get("version"), Some(&"$LATEST".into()));
    }
}
