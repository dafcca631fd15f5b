use std::collections::BTreeMap;

use aws_sdk_eventbridge::types::{
    self as sdk, AppSyncParameters, AssignPublicIp, AwsVpcConfiguration, BatchArrayProperties, BatchParameters,
    BatchRetryStrategy, CapacityProviderStrategyItem, DeadLetterConfig, EcsParameters, HttpParameters,
    InputTransformer, KinesisParameters, LaunchType, NetworkConfiguration, PlacementConstraint,
    PlacementConstraintType, PlacementStrategy, PlacementStrategyType, PropagateTags, RedshiftDataParameters,
    RetryPolicy, RunCommandParameters, RunCommandTarget, SageMakerPipelineParameter, SageMakerPipelineParameters,
    SqsParameters, Tag,
};

use super::{built, bus_of, default_bus, on_bus};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::error::Kind;
use crate::engine::rules::{
    alike, auto_name, computed, exclusive, forced, one_of, refers, replace, unordered, write_only,
};

/// What an event rule passes events on to, and in which form.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["input", "inputPath", "inputTransformer"]))]
pub struct EventTarget {
    /// How an AppSync API is called.
    pub appsync_target: Option<EventTargetAppsyncTarget>,
    /// ARN of what gets the events, for example of a function or a queue.
    pub arn: String,
    /// How a Batch job is started.
    pub batch_target: Option<EventTargetBatchTarget>,
    /// Where events go that cannot be passed on.
    pub dead_letter_config: Option<EventTargetDeadLetterConfig>,
    /// How ECS tasks are started.
    pub ecs_target: Option<EventTargetEcsTarget>,
    /// Name or ARN of the rule's bus.
    #[schemars(transform = replace, transform = alike(Alike::Arn))]
    #[serde(default = "default_bus")]
    pub event_bus_name: String,
    /// Whether the target of a rule that an AWS service has made may be removed.
    #[schemars(transform = write_only, transform = forced)]
    pub force_destroy: Option<bool>,
    /// How an API is called over HTTP.
    pub http_target: Option<EventTargetHttpTarget>,
    /// What the target gets in place of the event.
    pub input: Option<Document>,
    /// Part of the event that the target gets, as a JSON path.
    #[schemars(length(max = 256))]
    pub input_path: Option<String>,
    /// How the event is rewritten for the target.
    pub input_transformer: Option<EventTargetInputTransformer>,
    /// How records of a Kinesis stream are spread.
    pub kinesis_target: Option<EventTargetKinesisTarget>,
    /// What a Redshift cluster runs.
    pub redshift_target: Option<EventTargetRedshiftTarget>,
    /// How long events are tried again.
    pub retry_policy: Option<EventTargetRetryPolicy>,
    /// Role by which the target is called, where the target has no policy of its own.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: Option<String>,
    /// Name of the rule.
    #[schemars(transform = replace, transform = refers("aws:cloudwatch/eventRule:EventRule.name"))]
    pub rule: String,
    /// Instances that a Run Command goes to.
    #[schemars(length(max = 5))]
    pub run_command_targets: Option<Vec<EventTargetRunCommandTarget>>,
    /// How a SageMaker pipeline is started.
    pub sagemaker_pipeline_target: Option<EventTargetSagemakerPipelineTarget>,
    /// How messages of a FIFO queue are grouped.
    pub sqs_target: Option<EventTargetSqsTarget>,
    /// Id of the target, unique in its rule.
    #[schemars(transform = replace, transform = auto_name(64), length(min = 1, max = 64))]
    pub target_id: String,
}

/// A call of an AppSync API.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetAppsyncTarget {
    /// GraphQL operation.
    pub graphql_operation: Option<String>,
}

/// A Batch job.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetBatchTarget {
    /// Size of an array job.
    #[schemars(range(min = 2, max = 10_000))]
    pub array_size: Option<i32>,
    /// How often a failing job is tried.
    #[schemars(range(min = 1, max = 10))]
    pub job_attempts: Option<i32>,
    /// ARN or name of the job definition.
    pub job_definition: String,
    /// Name of the job.
    pub job_name: String,
}

/// A queue for events that cannot be passed on.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetDeadLetterConfig {
    /// ARN of the queue.
    pub arn: Option<String>,
}

/// ECS tasks.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["capacityProviderStrategies", "launchType"]))]
pub struct EventTargetEcsTarget {
    /// Capacity providers that tasks are spread over.
    #[schemars(transform = unordered)]
    pub capacity_provider_strategies: Option<Vec<EventTargetEcsTargetCapacityProviderStrategy>>,
    /// Whether ECS tags the tasks.
    #[serde(default)]
    pub enable_ecs_managed_tags: bool,
    /// Whether commands can be run in the tasks.
    #[serde(default)]
    pub enable_execute_command: bool,
    /// Task group.
    #[schemars(length(min = 1, max = 255))]
    pub group: Option<String>,
    /// Where tasks run.
    #[schemars(transform = computed, transform = one_of(&["EC2", "EXTERNAL", "FARGATE"]))]
    pub launch_type: Option<String>,
    /// Network of tasks that have one of their own.
    pub network_configuration: Option<EventTargetEcsTargetNetworkConfiguration>,
    /// How instances for the tasks are chosen.
    #[schemars(length(max = 5))]
    pub ordered_placement_strategies: Option<Vec<EventTargetEcsTargetOrderedPlacementStrategy>>,
    /// Which instances the tasks may run on.
    #[schemars(transform = unordered, length(max = 10))]
    pub placement_constraints: Option<Vec<EventTargetEcsTargetPlacementConstraint>>,
    /// Version of Fargate.
    #[schemars(length(max = 1600))]
    pub platform_version: Option<String>,
    /// Where the tags of tasks come from.
    #[schemars(transform = one_of(&["TASK_DEFINITION"]))]
    pub propagate_tags: Option<String>,
    /// Tags of the tasks.
    pub tags: Option<BTreeMap<String, String>>,
    /// Number of tasks.
    #[schemars(range(min = 1))]
    #[serde(default = "one")]
    pub task_count: i32,
    /// ARN of the task definition.
    pub task_definition_arn: String,
}

fn one() -> i32 {
    1
}

/// The part of a capacity provider.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetEcsTargetCapacityProviderStrategy {
    /// Tasks that run there in any case.
    #[schemars(range(min = 0, max = 100_000))]
    #[serde(default)]
    pub base: i32,
    /// Name of the provider.
    pub capacity_provider: String,
    /// Share of the other tasks.
    #[schemars(range(min = 0, max = 1000))]
    #[serde(default)]
    pub weight: i32,
}

/// The network of a task.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetEcsTargetNetworkConfiguration {
    /// Whether tasks on Fargate get a public address.
    #[serde(default)]
    pub assign_public_ip: bool,
    /// Security groups of the tasks.
    #[schemars(transform = unordered)]
    pub security_groups: Option<Vec<String>>,
    /// Subnets of the tasks.
    #[schemars(transform = unordered)]
    pub subnets: Vec<String>,
}

/// A way to choose instances.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetEcsTargetOrderedPlacementStrategy {
    /// Attribute that decides.
    #[schemars(length(max = 255))]
    pub field: Option<String>,
    /// Way.
    #[schemars(transform = one_of(&["binpack", "random", "spread"]))]
    pub r#type: String,
}

/// A condition on instances.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetEcsTargetPlacementConstraint {
    /// Condition in the cluster query language.
    pub expression: Option<String>,
    /// Kind of condition.
    #[schemars(transform = one_of(&["distinctInstance", "memberOf"]))]
    pub r#type: String,
}

/// What an API gets over HTTP.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetHttpTarget {
    /// Headers.
    pub header_parameters: Option<BTreeMap<String, String>>,
    /// Values for the wildcards of the path, in their order.
    pub path_parameter_values: Option<Vec<String>>,
    /// Query string.
    pub query_string_parameters: Option<BTreeMap<String, String>>,
}

/// A rewriting of events.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetInputTransformer {
    /// Parts of the event by name, as JSON paths.
    pub input_paths: Option<BTreeMap<String, String>>,
    /// What the target gets, with the names in angle brackets.
    #[schemars(length(min = 1, max = 8192))]
    pub input_template: String,
}

/// A Kinesis stream.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetKinesisTarget {
    /// Part of the event that is the partition key, as a JSON path.
    #[schemars(length(min = 1, max = 256))]
    pub partition_key_path: Option<String>,
}

/// A statement for Redshift.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetRedshiftTarget {
    /// Database.
    #[schemars(length(min = 1, max = 64))]
    pub database: String,
    /// User of the database.
    #[schemars(length(min = 1, max = 128))]
    pub db_user: Option<String>,
    /// Secret with the credentials.
    pub secrets_manager_arn: Option<String>,
    /// Statement.
    #[schemars(length(min = 1, max = 100_000))]
    pub sql: Option<String>,
    /// Name of the statement.
    #[schemars(length(min = 1, max = 500))]
    pub statement_name: Option<String>,
    /// Whether an event tells about the end of the statement.
    #[serde(default)]
    pub with_event: bool,
}

/// How long events are tried again.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetRetryPolicy {
    /// Age in seconds after which an event is given up.
    #[schemars(transform = computed, range(min = 0, max = 86_400))]
    pub maximum_event_age_in_seconds: Option<i32>,
    /// How often an event is tried again.
    #[schemars(transform = computed, range(min = 0, max = 185))]
    pub maximum_retry_attempts: Option<i32>,
}

/// Instances for a Run Command.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetRunCommandTarget {
    /// `InstanceIds`, or `tag:` and the key of a tag.
    #[schemars(length(min = 1, max = 128))]
    pub key: String,
    /// Ids, or values of the tag.
    #[schemars(length(max = 50))]
    pub values: Vec<String>,
}

/// A SageMaker pipeline.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetSagemakerPipelineTarget {
    /// Parameters.
    #[schemars(transform = unordered, length(max = 200))]
    pub pipeline_parameter_lists: Option<Vec<EventTargetSagemakerPipelineTargetPipelineParameterList>>,
}

/// A parameter of a pipeline.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetSagemakerPipelineTargetPipelineParameterList {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// A FIFO queue.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventTargetSqsTarget {
    /// Message group.
    pub message_group_id: Option<String>,
}

/// AWS decides nothing about a target.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventTargetOutputs {}

impl Resource for EventTarget {
    const TYPE: &'static str = "aws:cloudwatch/eventTarget:EventTarget";
    const FACTS: Facts = Facts {
        existing: Existing::PutInPlace(&["rule"]),
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["events:ListTargetsByRule", "events:PutTargets", "iam:PassRole"],
            read: &["events:ListTargetsByRule"],
            update: &["events:PutTargets", "iam:PassRole"],
            delete: &["events:RemoveTargets"],
        },
        acts_on: &["events:{region}:*:rule/{rule}", "events:{region}:*:rule/*/{rule}"],
        passes_roles_to: &["events"],
        import: "rule and id of the target, after the name of the bus if it is not the default one: `bus/rule/target`",
        ..Facts::new(IdForm::Joined(&["eventBusName", "rule", "targetId"], "/"), FoundBy::Name)
    };
    type Outputs = EventTargetOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        self.put(cx).await?;
        Ok(Made::id(self.place().id()))
    }

    /// Targets are listed once for each rule.
    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let mut rules: BTreeMap<(&str, &str), BTreeMap<String, sdk::Target>> = BTreeMap::new();
        for place in ids.iter().filter_map(|id| Place::parse(&id.0)) {
            rules.entry((place.bus, place.rule)).or_default();
        }
        for ((bus, rule), targets) in &mut rules {
            let listed = targets_of(bus, rule, cx).await?;
            targets.extend(listed.into_iter().map(|t| (t.id.clone(), t)));
        }
        let seen = |id: &Id| {
            let place = Place::parse(&id.0)?;
            let target = rules.get(&(place.bus, place.rule))?.get(place.target)?;
            Some(live(place, target.clone()))
        };
        ids.iter().map(|id| seen(id).transpose().map(|live| live.map_or(Seen::Gone, Seen::Ready))).collect()
    }

    async fn update(&self, _: &Id, _: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        self.put(cx).await?;
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let place = Place::parse(&id.0).unwrap_or_else(|| self.place());
        let remove = cx.eventbridge().remove_targets().event_bus_name(place.bus).rule(place.rule).ids(place.target);
        let reply = remove.force(self.force_destroy == Some(true)).send().await.or_none()?;
        let failed = reply.and_then(|reply| reply.failed_entries).into_iter().flatten().next();
        match failed.map(|f| refused("events:RemoveTargets", f.error_code, f.error_message)) {
            Some(e) if e.kind != Kind::NotFound => Err(e),
            _ => Ok(Next::Gone),
        }
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let targets = targets_of(&self.event_bus_name, &self.rule, cx).await?;
        Ok(targets.iter().filter(|t| t.id == self.target_id).map(|_| Id(self.place().id())).collect())
    }
}

impl EventTarget {
    fn place(&self) -> Place<'_> {
        Place { bus: &self.event_bus_name, rule: &self.rule, target: &self.target_id }
    }

    async fn put(&self, cx: &Cx) -> Result<()> {
        let put = cx.eventbridge().put_targets().event_bus_name(&self.event_bus_name).rule(&self.rule);
        let reply = put.targets(self.sent()?).send().await?;
        match reply.failed_entries.into_iter().flatten().next() {
            Some(f) => Err(refused("events:PutTargets", f.error_code, f.error_message)),
            None => Ok(()),
        }
    }

    fn sent(&self) -> Result<sdk::Target> {
        let appsync = self.appsync_target.as_ref();
        let letters = self.dead_letter_config.as_ref();
        let retry = self.retry_policy.as_ref();
        let sqs = self.sqs_target.as_ref();
        let target = sdk::Target::builder()
            .set_app_sync_parameters(
                appsync
                    .map(|t| AppSyncParameters::builder().set_graph_ql_operation(t.graphql_operation.clone()).build()),
            )
            .arn(&self.arn)
            .set_batch_parameters(self.batch_target.as_ref().map(EventTargetBatchTarget::sent).transpose()?)
            .set_dead_letter_config(letters.map(|c| DeadLetterConfig::builder().set_arn(c.arn.clone()).build()))
            .set_ecs_parameters(self.ecs_target.as_ref().map(EventTargetEcsTarget::sent).transpose()?)
            .set_http_parameters(self.http_target.as_ref().map(EventTargetHttpTarget::sent))
            .set_input(self.input.as_ref().map(|d| d.as_str().to_owned()))
            .set_input_path(self.input_path.clone())
            .set_input_transformer(self.input_transformer.as_ref().map(EventTargetInputTransformer::sent).transpose()?)
            .set_kinesis_parameters(self.kinesis()?)
            .set_redshift_data_parameters(
                self.redshift_target.as_ref().map(EventTargetRedshiftTarget::sent).transpose()?,
            )
            .set_retry_policy(retry.map(|p| {
                RetryPolicy::builder()
                    .set_maximum_event_age_in_seconds(p.maximum_event_age_in_seconds)
                    .set_maximum_retry_attempts(p.maximum_retry_attempts)
                    .build()
            }))
            .set_role_arn(self.role_arn.clone())
            .set_run_command_parameters(self.run_command()?)
            .set_sage_maker_pipeline_parameters(
                self.sagemaker_pipeline_target.as_ref().map(EventTargetSagemakerPipelineTarget::sent).transpose()?,
            )
            .set_sqs_parameters(
                sqs.map(|t| SqsParameters::builder().set_message_group_id(t.message_group_id.clone()).build()),
            )
            .id(&self.target_id);
        built(target.build())
    }

    fn kinesis(&self) -> Result<Option<KinesisParameters>> {
        let Some(path) = self.kinesis_target.as_ref().and_then(|t| t.partition_key_path.as_ref()) else {
            return Ok(None);
        };
        built(KinesisParameters::builder().partition_key_path(path).build()).map(Some)
    }

    fn run_command(&self) -> Result<Option<RunCommandParameters>> {
        let Some(targets) = self.run_command_targets.as_ref().filter(|t| !t.is_empty()) else { return Ok(None) };
        let targets = targets
            .iter()
            .map(|t| built(RunCommandTarget::builder().key(&t.key).set_values(Some(t.values.clone())).build()));
        let targets = targets.collect::<Result<Vec<_>>>()?;
        built(RunCommandParameters::builder().set_run_command_targets(Some(targets)).build()).map(Some)
    }
}

impl EventTargetBatchTarget {
    fn sent(&self) -> Result<BatchParameters> {
        let array = self.array_size.map(|size| BatchArrayProperties::builder().size(size).build());
        let retry = self.job_attempts.map(|attempts| BatchRetryStrategy::builder().attempts(attempts).build());
        let job = BatchParameters::builder().set_array_properties(array).set_retry_strategy(retry);
        built(job.job_definition(&self.job_definition).job_name(&self.job_name).build())
    }

    fn seen(p: BatchParameters) -> Self {
        Self {
            array_size: p.array_properties.map(|a| a.size).filter(|size| *size != 0),
            job_attempts: p.retry_strategy.map(|r| r.attempts).filter(|attempts| *attempts != 0),
            job_definition: p.job_definition,
            job_name: p.job_name,
        }
    }
}

impl EventTargetEcsTarget {
    fn sent(&self) -> Result<EcsParameters> {
        let providers = self.capacity_provider_strategies.iter().flatten().map(|s| {
            let item = CapacityProviderStrategyItem::builder().base(s.base).capacity_provider(&s.capacity_provider);
            built(item.weight(s.weight).build())
        });
        let strategies = self.ordered_placement_strategies.iter().flatten().map(|s| {
            let kind = PlacementStrategyType::from(s.r#type.as_str());
            PlacementStrategy::builder().set_field(s.field.clone()).r#type(kind).build()
        });
        let constraints = self.placement_constraints.iter().flatten().map(|c| {
            let kind = PlacementConstraintType::from(c.r#type.as_str());
            PlacementConstraint::builder().set_expression(c.expression.clone()).r#type(kind).build()
        });
        let tags = self.tags.iter().flatten().map(|(k, v)| built(Tag::builder().key(k).value(v).build()));
        let network = self.network_configuration.as_ref().map(EventTargetEcsTargetNetworkConfiguration::sent);
        let tasks = EcsParameters::builder()
            .set_capacity_provider_strategy(some(providers.collect::<Result<_>>()?))
            .enable_ecs_managed_tags(self.enable_ecs_managed_tags)
            .enable_execute_command(self.enable_execute_command)
            .set_group(self.group.clone())
            .set_launch_type(self.launch_type.as_deref().map(LaunchType::from))
            .set_network_configuration(network.transpose()?)
            .set_placement_strategy(some(strategies.collect()))
            .set_placement_constraints(some(constraints.collect()))
            .set_platform_version(self.platform_version.clone())
            .set_propagate_tags(self.propagate_tags.as_deref().map(PropagateTags::from))
            .set_tags(some(tags.collect::<Result<_>>()?))
            .task_count(self.task_count)
            .task_definition_arn(&self.task_definition_arn);
        built(tasks.build())
    }

    fn seen(p: EcsParameters) -> Result<Self> {
        let strategies = p.placement_strategy.unwrap_or_default().into_iter().map(|s| {
            let kind = need("type", s.r#type)?.as_str().to_owned();
            Ok(EventTargetEcsTargetOrderedPlacementStrategy { field: s.field, r#type: kind })
        });
        let constraints = p.placement_constraints.unwrap_or_default().into_iter().map(|c| {
            let kind = need("type", c.r#type)?.as_str().to_owned();
            Ok(EventTargetEcsTargetPlacementConstraint { expression: c.expression, r#type: kind })
        });
        let providers = p.capacity_provider_strategy.unwrap_or_default().into_iter().map(|s| {
            EventTargetEcsTargetCapacityProviderStrategy {
                base: s.base,
                capacity_provider: s.capacity_provider,
                weight: s.weight,
            }
        });
        let network = p.network_configuration.and_then(|n| n.awsvpc_configuration);
        let tags: BTreeMap<_, _> = p.tags.into_iter().flatten().map(|t| (t.key, t.value)).collect();
        Ok(Self {
            capacity_provider_strategies: some(providers.collect()),
            enable_ecs_managed_tags: p.enable_ecs_managed_tags,
            enable_execute_command: p.enable_execute_command,
            group: p.group,
            launch_type: p.launch_type.map(|t| t.as_str().to_owned()),
            network_configuration: network.map(EventTargetEcsTargetNetworkConfiguration::seen),
            ordered_placement_strategies: some(strategies.collect::<Result<_>>()?),
            placement_constraints: some(constraints.collect::<Result<_>>()?),
            platform_version: p.platform_version,
            propagate_tags: p.propagate_tags.map(|t| t.as_str().to_owned()),
            tags: (!tags.is_empty()).then_some(tags),
            task_count: p.task_count.unwrap_or(1),
            task_definition_arn: p.task_definition_arn,
        })
    }
}

impl EventTargetEcsTargetNetworkConfiguration {
    fn sent(&self) -> Result<NetworkConfiguration> {
        let assign = if self.assign_public_ip { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled };
        let vpc = AwsVpcConfiguration::builder()
            .assign_public_ip(assign)
            .set_security_groups(self.security_groups.clone())
            .set_subnets(Some(self.subnets.clone()));
        Ok(NetworkConfiguration::builder().awsvpc_configuration(built(vpc.build())?).build())
    }

    fn seen(vpc: AwsVpcConfiguration) -> Self {
        Self {
            assign_public_ip: vpc.assign_public_ip == Some(AssignPublicIp::Enabled),
            security_groups: some(vpc.security_groups.unwrap_or_default()),
            subnets: vpc.subnets,
        }
    }
}

impl EventTargetHttpTarget {
    fn sent(&self) -> HttpParameters {
        let map = |map: &Option<BTreeMap<String, String>>| map.clone().map(|map| map.into_iter().collect());
        HttpParameters::builder()
            .set_header_parameters(map(&self.header_parameters))
            .set_path_parameter_values(self.path_parameter_values.clone())
            .set_query_string_parameters(map(&self.query_string_parameters))
            .build()
    }

    fn seen(p: HttpParameters) -> Self {
        Self {
            header_parameters: p.header_parameters.map(|map| map.into_iter().collect()),
            path_parameter_values: some(p.path_parameter_values.unwrap_or_default()),
            query_string_parameters: p.query_string_parameters.map(|map| map.into_iter().collect()),
        }
    }
}

impl EventTargetInputTransformer {
    fn sent(&self) -> Result<InputTransformer> {
        let paths = self.input_paths.clone().map(|paths| paths.into_iter().collect());
        built(InputTransformer::builder().set_input_paths_map(paths).input_template(&self.input_template).build())
    }

    fn seen(t: InputTransformer) -> Self {
        Self {
            input_paths: t.input_paths_map.map(|paths| paths.into_iter().collect()),
            input_template: t.input_template,
        }
    }
}

impl EventTargetRedshiftTarget {
    fn sent(&self) -> Result<RedshiftDataParameters> {
        let statement = RedshiftDataParameters::builder()
            .database(&self.database)
            .set_db_user(self.db_user.clone())
            .set_secret_manager_arn(self.secrets_manager_arn.clone())
            .set_sql(self.sql.clone())
            .set_statement_name(self.statement_name.clone())
            .with_event(self.with_event);
        built(statement.build())
    }

    fn seen(p: RedshiftDataParameters) -> Self {
        Self {
            database: p.database,
            db_user: p.db_user,
            secrets_manager_arn: p.secret_manager_arn,
            sql: p.sql,
            statement_name: p.statement_name,
            with_event: p.with_event,
        }
    }
}

impl EventTargetSagemakerPipelineTarget {
    fn sent(&self) -> Result<SageMakerPipelineParameters> {
        let parameters = self.pipeline_parameter_lists.iter().flatten();
        let parameters = parameters
            .map(|p| built(SageMakerPipelineParameter::builder().name(&p.name).value(&p.value).build()))
            .collect::<Result<Vec<_>>>()?;
        Ok(SageMakerPipelineParameters::builder().set_pipeline_parameter_list(some(parameters)).build())
    }

    fn seen(p: SageMakerPipelineParameters) -> Self {
        let parameters = p.pipeline_parameter_list.unwrap_or_default().into_iter();
        let parameters = parameters
            .map(|p| EventTargetSagemakerPipelineTargetPipelineParameterList { name: p.name, value: p.value });
        Self { pipeline_parameter_lists: some(parameters.collect()) }
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// The parts of an id.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    bus: &'a str,
    rule: &'a str,
    target: &'a str,
}

impl<'a> Place<'a> {
    fn parse(id: &'a str) -> Option<Self> {
        let (rule, target) = id.rsplit_once('/')?;
        let (bus, rule) = bus_of(rule);
        Some(Self { bus, rule, target })
    }

    fn id(&self) -> String {
        format!("{}/{}", on_bus(self.bus, self.rule), self.target)
    }
}

/// EventBridge tells of some refusals in an answer that is otherwise a success.
fn refused(operation: &str, code: Option<String>, message: Option<String>) -> Error {
    let text = message.as_deref().unwrap_or_default();
    let said = code.as_deref().unwrap_or_default();
    let (kind, young) = (verdict::kind(operation, said, text, None), verdict::young(operation, said));
    let message = message.or_else(|| code.clone()).unwrap_or_else(|| "refused without a reason".to_owned());
    Error { operation: Some(operation.to_owned()), code, young, ..Error::new(kind, message) }
}

/// The targets of a rule, none if it is gone.
async fn targets_of(bus: &str, rule: &str, cx: &Cx) -> Result<Vec<sdk::Target>> {
    let (mut targets, mut next) = (Vec::new(), None);
    loop {
        let list = cx.eventbridge().list_targets_by_rule().event_bus_name(bus).rule(rule).set_next_token(next);
        let Some(page) = list.send().await.or_none()? else { return Ok(targets) };
        targets.extend(page.targets.unwrap_or_default());
        next = page.next_token;
        if next.is_none() {
            return Ok(targets);
        }
    }
}

fn live(place: Place<'_>, t: sdk::Target) -> Result<Live<EventTarget>> {
    let commands = t.run_command_parameters.map(|p| p.run_command_targets).unwrap_or_default();
    let commands = commands.into_iter().map(|t| EventTargetRunCommandTarget { key: t.key, values: t.values });
    let inputs = EventTarget {
        appsync_target: t
            .app_sync_parameters
            .map(|p| EventTargetAppsyncTarget { graphql_operation: p.graph_ql_operation }),
        arn: t.arn,
        batch_target: t.batch_parameters.map(EventTargetBatchTarget::seen),
        dead_letter_config: t.dead_letter_config.map(|c| EventTargetDeadLetterConfig { arn: c.arn }),
        ecs_target: t.ecs_parameters.map(EventTargetEcsTarget::seen).transpose()?,
        event_bus_name: place.bus.to_owned(),
        force_destroy: None,
        http_target: t.http_parameters.map(EventTargetHttpTarget::seen),
        input: t.input.map(Document::new),
        input_path: t.input_path,
        input_transformer: t.input_transformer.map(EventTargetInputTransformer::seen),
        kinesis_target: t
            .kinesis_parameters
            .map(|p| EventTargetKinesisTarget { partition_key_path: Some(p.partition_key_path) }),
        redshift_target: t.redshift_data_parameters.map(EventTargetRedshiftTarget::seen),
        retry_policy: t.retry_policy.map(|p| EventTargetRetryPolicy {
            maximum_event_age_in_seconds: p.maximum_event_age_in_seconds,
            maximum_retry_attempts: p.maximum_retry_attempts,
        }),
        role_arn: t.role_arn,
        rule: place.rule.to_owned(),
        run_command_targets: some(commands.collect()),
        sagemaker_pipeline_target: t.sage_maker_pipeline_parameters.map(EventTargetSagemakerPipelineTarget::seen),
        sqs_target: t.sqs_parameters.map(|p| EventTargetSqsTarget { message_group_id: p.message_group_id }),
        target_id: t.id,
    };
    Ok(Live { inputs, outputs: EventTargetOutputs {} })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, reads_back};
    use crate::engine::provider::{self, Provider};

    const TYPE: &str = EventTarget::TYPE;
    const TARGETS: &str = r#"{"Targets":[{
        "Id":"t-1","Arn":"arn:f","RoleArn":"arn:r","Input":"{\"a\":1}","InputPath":"$.detail",
        "InputTransformer":{"InputPathsMap":{"a":"$.a"},"InputTemplate":"\"<a>\""},
        "KinesisParameters":{"PartitionKeyPath":"$.id"},
        "RunCommandParameters":{"RunCommandTargets":[{"Key":"tag:a","Values":["b"]}]},
        "EcsParameters":{"TaskDefinitionArn":"arn:t","TaskCount":2,"LaunchType":"FARGATE",
            "NetworkConfiguration":{"awsvpcConfiguration":{"Subnets":["s"],"SecurityGroups":["g"],
                "AssignPublicIp":"ENABLED"}},
            "PlatformVersion":"LATEST","Group":"g","CapacityProviderStrategy":[{"capacityProvider":"c","weight":1,"base":2}],
            "EnableECSManagedTags":true,"EnableExecuteCommand":true,"PlacementConstraints":[{"type":"memberOf","expression":"e"}],
            "PlacementStrategy":[{"type":"spread","field":"instanceId"}],"PropagateTags":"TASK_DEFINITION",
            "Tags":[{"Key":"a","Value":"b"}]},
        "BatchParameters":{"JobDefinition":"j","JobName":"n","ArrayProperties":{"Size":2},"RetryStrategy":{"Attempts":3}},
        "SqsParameters":{"MessageGroupId":"g"},
        "HttpParameters":{"PathParameterValues":["p"],"HeaderParameters":{"h":"1"},"QueryStringParameters":{"q":"1"}},
        "RedshiftDataParameters":{"SecretManagerArn":"arn:s","Database":"d","DbUser":"u","Sql":"select 1",
            "StatementName":"n","WithEvent":true},
        "SageMakerPipelineParameters":{"PipelineParameterList":[{"Name":"n","Value":"v"}]},
        "DeadLetterConfig":{"Arn":"arn:q"},"RetryPolicy":{"MaximumRetryAttempts":3,"MaximumEventAgeInSeconds":60},
        "AppSyncParameters":{"GraphQLOperation":"o"}}]}"#;

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "appsyncTarget": { "graphqlOperation": "o" },
            "arn": "arn:f",
            "batchTarget": { "arraySize": 2, "jobAttempts": 3, "jobDefinition": "j", "jobName": "n" },
            "deadLetterConfig": { "arn": "arn:q" },
            "ecsTarget": {
                "capacityProviderStrategies": [{ "base": 2, "capacityProvider": "c", "weight": 1 }],
                "enableEcsManagedTags": true,
                "enableExecuteCommand": true,
                "group": "g",
                "launchType": "FARGATE",
                "networkConfiguration": { "assignPublicIp": true, "securityGroups": ["g"], "subnets": ["s"] },
                "orderedPlacementStrategies": [{ "field": "instanceId", "type": "spread" }],
                "placementConstraints": [{ "expression": "e", "type": "memberOf" }],
                "platformVersion": "LATEST",
                "propagateTags": "TASK_DEFINITION",
                "tags": { "a": "b" },
                "taskCount": 2,
                "taskDefinitionArn": "arn:t",
            },
            "eventBusName": "bus",
            "httpTarget": { "headerParameters": { "h": "1" }, "pathParameterValues": ["p"],
                "queryStringParameters": { "q": "1" } },
            "input": "{\"a\":1}",
            "inputPath": "$.detail",
            "inputTransformer": { "inputPaths": { "a": "$.a" }, "inputTemplate": "\"<a>\"" },
            "kinesisTarget": { "partitionKeyPath": "$.id" },
            "redshiftTarget": { "database": "d", "dbUser": "u", "secretsManagerArn": "arn:s", "sql": "select 1",
                "statementName": "n", "withEvent": true },
            "retryPolicy": { "maximumEventAgeInSeconds": 60, "maximumRetryAttempts": 3 },
            "roleArn": "arn:r",
            "rule": "probe",
            "runCommandTargets": [{ "key": "tag:a", "values": ["b"] }],
            "sagemakerPipelineTarget": { "pipelineParameterLists": [{ "name": "n", "value": "v" }] },
            "sqsTarget": { "messageGroupId": "g" },
            "targetId": "t-1",
        });
        let live = reads_back(TYPE, "bus/probe/t-1", &[("ListTargetsByRule", ok(TARGETS))], &[], inputs).await;
        let (again, wire) = aws(&[("PutTargets", ok(r#"{"FailedEntryCount":0,"FailedEntries":[]}"#))]);
        assert_eq!(again.create(&at(TYPE), &live.inputs).await.unwrap().id.0, "bus/probe/t-1");
        let sent = wire.requests("PutTargets").remove(0);
        let sent: serde_json::Value = serde_json::from_str(&sent[sent.find('{').unwrap()..]).unwrap();
        let seen: serde_json::Value = serde_json::from_str(TARGETS).unwrap();
        assert_eq!(sent["Targets"], seen["Targets"], "what was read is what is sent");
    }

    #[tokio::test]
    async fn a_rule_is_asked_once_for_all_its_targets() {
        let (aws, wire) = aws(&[("ListTargetsByRule", ok(r#"{"Targets":[{"Id":"a","Arn":"arn:f"}]}"#))]);
        let ids = ["probe/a", "probe/b", "nonsense"].map(|id| Id(id.into()));
        let seen = aws.read(&at(TYPE).kind, &ids, &Want::All).await.unwrap();
        assert!(matches!(seen[..], [Seen::Ready(_), Seen::Gone, Seen::Gone]), "{seen:?}");
        assert_eq!(wire.requests("AWSEvents").len(), 1);
    }

    const FAILED: &str = r#"{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"a",
        "ErrorCode":"ConcurrentModificationException","ErrorMessage":"try again"}]}"#;

    #[tokio::test]
    async fn a_refusal_inside_an_answer_is_an_error() {
        let inputs = json!({ "rule": "probe", "targetId": "a", "arn": "arn:f" }).into();
        let (aws, _) = aws(&[("Targets", ok(FAILED))]);
        let error = aws.create(&at(TYPE), &inputs).await.unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Busy, "try again"));
        let left: Result<provider::Next> = aws.delete(&at(TYPE), &Id("probe/a".into()), &inputs, None).await;
        assert_eq!(left.unwrap_err().operation.as_deref(), Some("events:RemoveTargets"));
    }
}
