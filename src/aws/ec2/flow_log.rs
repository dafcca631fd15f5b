use aws_sdk_ec2::types::{
    self as sdk, DestinationFileFormat, DestinationOptionsRequest, FlowLogsResourceType, LogDestinationType,
    ResourceType, TagFieldSpecificationRequest, TaggableResourceType, TrafficType,
};

use super::{any_of, arn, is_mine, mine, refused, retag, tagged, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{also, computed, exactly_one, one_of, refers, replace, unordered};

/// A record of the connections of a network.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(SOURCES))]
pub struct FlowLog {
    /// Role that writes to a destination in another account.
    #[schemars(transform = replace)]
    pub deliver_cross_account_role: Option<String>,
    /// Form of files in S3.
    #[schemars(transform = replace)]
    pub destination_options: Option<FlowLogDestinationOptions>,
    /// Network interface to watch.
    #[schemars(transform = replace)]
    pub eni_id: Option<String>,
    /// Role that writes to CloudWatch Logs.
    #[schemars(transform = replace, transform = refers("aws:iam/role:Role.arn"))]
    pub iam_role_arn: Option<String>,
    /// ARN of the log group, bucket or delivery stream that gets the records.
    #[schemars(transform = replace, transform = computed, transform = refers("aws:cloudwatch/logGroup:LogGroup.arn"))]
    #[schemars(transform = also(&["aws:s3/bucket:Bucket.arn", "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream.arn"]))]
    pub log_destination: Option<String>,
    /// Kind of the destination.
    #[schemars(transform = replace, transform = one_of(&["cloud-watch-logs", "kinesis-data-firehose", "s3"]))]
    #[serde(default = "cloud_watch_logs")]
    pub log_destination_type: String,
    /// Fields of a record, for example `${version} ${srcaddr} ${action}`.
    #[schemars(transform = replace, transform = computed)]
    pub log_format: Option<String>,
    /// Longest time in seconds that connections are gathered into one record, 60 or 600.
    #[schemars(transform = replace, range(min = 60, max = 600))]
    #[serde(default = "ten_minutes")]
    pub max_aggregation_interval: i32,
    /// Regional NAT gateway to watch.
    #[schemars(transform = replace, transform = refers("aws:ec2/natGateway:NatGateway.id"))]
    pub regional_nat_gateway_id: Option<String>,
    /// Subnet to watch.
    #[schemars(transform = replace, transform = refers("aws:ec2/subnet:Subnet.id"))]
    pub subnet_id: Option<String>,
    /// Tags of resources that records show.
    #[schemars(transform = replace, transform = unordered)]
    pub tag_field_specifications: Option<Vec<FlowLogTagFieldSpecification>>,
    /// Tags of the flow log.
    #[serde(default)]
    pub tags: Tags,
    /// Which connections are recorded. Transit gateways know no such choice.
    #[schemars(transform = replace, transform = one_of(&["ACCEPT", "ALL", "REJECT"]))]
    pub traffic_type: Option<String>,
    /// Attachment of a transit gateway to watch.
    #[schemars(transform = replace)]
    pub transit_gateway_attachment_id: Option<String>,
    /// Transit gateway to watch.
    #[schemars(transform = replace)]
    pub transit_gateway_id: Option<String>,
    /// VPC to watch.
    #[schemars(transform = replace, transform = refers("aws:ec2/vpc:Vpc.id"))]
    pub vpc_id: Option<String>,
}

/// The inputs that name what is watched.
const SOURCES: &[&str] =
    &["eniId", "regionalNatGatewayId", "subnetId", "transitGatewayAttachmentId", "transitGatewayId", "vpcId"];

/// The form of files in S3.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlowLogDestinationOptions {
    /// Format of the files.
    #[schemars(transform = one_of(&["parquet", "plain-text"]))]
    #[serde(default = "plain_text")]
    pub file_format: String,
    /// Whether names of folders hold keys, as Hive wants them.
    #[serde(default)]
    pub hive_compatible_partitions: bool,
    /// Whether there is a folder for each hour in place of each day.
    #[serde(default)]
    pub per_hour_partition: bool,
}

/// Tags that records show.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlowLogTagFieldSpecification {
    /// Kind of the tagged resources.
    #[schemars(transform = one_of(&["auto-scaling-group", "instance", "network-interface"]))]
    pub resource_type: String,
    /// Keys of the tags.
    #[schemars(transform = unordered)]
    pub tag_keys: Vec<String>,
}

fn cloud_watch_logs() -> String {
    "cloud-watch-logs".to_owned()
}

fn plain_text() -> String {
    "plain-text".to_owned()
}

fn ten_minutes() -> i32 {
    600
}

/// What AWS decides about a flow log.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowLogOutputs {
    /// ARN of the flow log.
    pub arn: String,
}

impl Resource for FlowLog {
    const TYPE: &'static str = "aws:ec2/flowLog:FlowLog";
    const FACTS: Facts = Facts {
        takes: Takes::seconds(2, 1, 1),
        permissions: Permissions {
            create: &["ec2:CreateFlowLogs", "ec2:CreateTags", "iam:PassRole", "logs:CreateLogDelivery"],
            read: &["ec2:DescribeFlowLogs"],
            update: &["ec2:CreateTags", "ec2:DeleteTags"],
            delete: &["ec2:DeleteFlowLogs", "logs:DeleteLogDelivery"],
        },
        acts_on: &[
            "ec2:{region}:*:vpc-flow-log/*",
            "ec2:{region}:*:network-interface/*",
            "ec2:{region}:*:subnet/*",
            "ec2:{region}:*:transit-gateway/*",
            "ec2:{region}:*:transit-gateway-attachment/*",
            "ec2:{region}:*:vpc/*",
        ],
        passes_roles_to: &["delivery.logs", "vpc-flow-logs"],
        import: "id of the flow log, `fl-0123456789abcdef0`",
        // Two that record the same for the same destination cannot exist at once.
        delete_first: true,
        ..Facts::new(IdForm::Random("fl-", 17), FoundBy::OwnerTag)
    };
    type Outputs = FlowLogOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let (kind, source) = self.source()?;
        let fields = self.tag_field_specifications.as_ref();
        let reply = cx
            .ec2()
            .create_flow_logs()
            .set_deliver_cross_account_role(self.deliver_cross_account_role.clone())
            .set_deliver_logs_permission_arn(self.iam_role_arn.clone())
            .set_destination_options(self.destination_options.as_ref().map(FlowLogDestinationOptions::sent))
            .set_log_destination(self.log_destination.clone())
            .log_destination_type(LogDestinationType::from(self.log_destination_type.as_str()))
            .set_log_format(self.log_format.clone())
            .max_aggregation_interval(self.max_aggregation_interval)
            .resource_ids(source)
            .resource_type(kind)
            .set_tag_field_specifications(
                fields.map(|all| all.iter().map(FlowLogTagFieldSpecification::sent).collect()),
            )
            .tag_specifications(tagged(ResourceType::VpcFlowLog, &cx.tags(&self.tags)))
            .set_traffic_type(self.traffic_type.as_deref().map(TrafficType::from))
            .send()
            .await?;
        refused("ec2:CreateFlowLogs", reply.unsuccessful)?;
        let id = reply.flow_log_ids.and_then(|ids| ids.into_iter().next());
        Ok(Made::id(need("FlowLogIds", id)?))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        let pages = cx.ec2().describe_flow_logs().filter(any_of("flow-log-id", ids)).into_paginator().items().send();
        let logs = pages.collect::<Result<Vec<_>, _>>().await?;
        in_order(ids, logs.into_iter().map(|log| seen(log, cx)))
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        if let Some(reply) = cx.ec2().delete_flow_logs().flow_log_ids(&id.0).send().await.or_none()? {
            refused("ec2:DeleteFlowLogs", reply.unsuccessful).or_none()?;
        }
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let pages = cx.ec2().describe_flow_logs().filter(mine(cx)).into_paginator().items().send();
        let logs = pages.collect::<Result<Vec<_>, _>>().await?;
        let logs = logs.into_iter().filter(|log| is_mine(log.tags(), cx));
        logs.map(|log| Ok(Id(need("FlowLogId", log.flow_log_id)?))).collect()
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, "vpc-flow-log"))]
    }
}

impl FlowLog {
    /// What is watched: its kind, its id.
    fn source(&self) -> Result<(FlowLogsResourceType, &String)> {
        let sources = [
            (FlowLogsResourceType::NetworkInterface, &self.eni_id),
            (FlowLogsResourceType::RegionalNatGateway, &self.regional_nat_gateway_id),
            (FlowLogsResourceType::Subnet, &self.subnet_id),
            (FlowLogsResourceType::TransitGatewayAttachment, &self.transit_gateway_attachment_id),
            (FlowLogsResourceType::TransitGateway, &self.transit_gateway_id),
            (FlowLogsResourceType::Vpc, &self.vpc_id),
        ];
        let given = sources.into_iter().find_map(|(kind, id)| Some((kind, id.as_ref()?)));
        given.ok_or_else(|| Error::invalid("nothing is named that the flow log watches"))
    }
}

impl FlowLogDestinationOptions {
    fn sent(&self) -> DestinationOptionsRequest {
        DestinationOptionsRequest::builder()
            .file_format(DestinationFileFormat::from(self.file_format.as_str()))
            .hive_compatible_partitions(self.hive_compatible_partitions)
            .per_hour_partition(self.per_hour_partition)
            .build()
    }
}

impl FlowLogTagFieldSpecification {
    fn sent(&self) -> TagFieldSpecificationRequest {
        TagFieldSpecificationRequest::builder()
            .resource_type(TaggableResourceType::from(self.resource_type.as_str()))
            .set_tag_keys(Some(self.tag_keys.clone()))
            .build()
    }
}

fn seen(log: sdk::FlowLog, cx: &Cx) -> Result<(String, Seen<Live<FlowLog>>)> {
    let id = need("FlowLogId", log.flow_log_id)?;
    let outputs = FlowLogOutputs { arn: cx.arn("ec2", &format!("vpc-flow-log/{id}")) };
    let source = need("ResourceId", log.resource_id)?;
    let watches = |prefix: &str| source.starts_with(prefix).then(|| source.clone());
    let group = log.log_group_name.map(|group| cx.arn("logs", &format!("log-group:{group}")));
    let inputs = FlowLog {
        deliver_cross_account_role: log.deliver_cross_account_role,
        destination_options: log.destination_options.map(|options| FlowLogDestinationOptions {
            file_format: options.file_format.map_or_else(plain_text, |format| format.as_str().to_owned()),
            hive_compatible_partitions: options.hive_compatible_partitions.unwrap_or_default(),
            per_hour_partition: options.per_hour_partition.unwrap_or_default(),
        }),
        eni_id: watches("eni-"),
        iam_role_arn: log.deliver_logs_permission_arn.filter(|role| !role.is_empty()),
        log_destination: log.log_destination.or(group),
        log_destination_type: log.log_destination_type.map_or_else(cloud_watch_logs, |kind| kind.as_str().to_owned()),
        log_format: log.log_format,
        max_aggregation_interval: log.max_aggregation_interval.unwrap_or_else(ten_minutes),
        regional_nat_gateway_id: watches("nat-"),
        subnet_id: watches("subnet-"),
        tag_field_specifications: log.tag_field_specifications.filter(|fields| !fields.is_empty()).map(|fields| {
            let one = |field: sdk::TagFieldSpecificationResponse| FlowLogTagFieldSpecification {
                resource_type: field.resource_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
                tag_keys: field.tag_keys.unwrap_or_default(),
            };
            fields.into_iter().map(one).collect()
        }),
        tags: tags_from(log.tags),
        traffic_type: log.traffic_type.map(|kind| kind.as_str().to_owned()),
        transit_gateway_attachment_id: watches("tgw-attach-"),
        transit_gateway_id: watches("tgw-").filter(|id| !id.starts_with("tgw-attach-")),
        vpc_id: watches("vpc-"),
    };
    Ok((id, Seen::Ready(Live { inputs, outputs })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{ok, reads_back};

    const REPLY: &str = "<DescribeFlowLogsResponse><flowLogSet><item><flowLogId>fl-1</flowLogId>\
        <flowLogStatus>ACTIVE</flowLogStatus><resourceId>vpc-1</resourceId><trafficType>ALL</trafficType>\
        <deliverLogsPermissionArn>arn:aws:iam::123456789012:role/r</deliverLogsPermissionArn>\
        <deliverCrossAccountRole>arn:aws:iam::210987654321:role/x</deliverCrossAccountRole>\
        <logDestinationType>s3</logDestinationType><logDestination>arn:aws:s3:::b</logDestination>\
        <logFormat>${version}</logFormat><maxAggregationInterval>60</maxAggregationInterval>\
        <destinationOptions><fileFormat>parquet</fileFormat><hiveCompatiblePartitions>true</hiveCompatiblePartitions>\
        <perHourPartition>true</perHourPartition></destinationOptions>\
        <tagFieldSpecificationSet><item><resourceType>instance</resourceType><tagKeySet><item>team</item></tagKeySet>\
        </item></tagFieldSpecificationSet>\
        <tagSet><item><key>a</key><value>b</value></item></tagSet></item></flowLogSet></DescribeFlowLogsResponse>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let inputs = json!({
            "deliverCrossAccountRole": "arn:aws:iam::210987654321:role/x",
            "destinationOptions": { "fileFormat": "parquet", "hiveCompatiblePartitions": true, "perHourPartition": true },
            "iamRoleArn": "arn:aws:iam::123456789012:role/r",
            "logDestination": "arn:aws:s3:::b",
            "logDestinationType": "s3",
            "logFormat": "${version}",
            "maxAggregationInterval": 60,
            "tagFieldSpecifications": [{ "resourceType": "instance", "tagKeys": ["team"] }],
            "tags": { "a": "b" },
            "trafficType": "ALL",
            "vpcId": "vpc-1",
        });
        let others = ["eniId", "regionalNatGatewayId", "subnetId", "transitGatewayAttachmentId", "transitGatewayId"];
        reads_back(FlowLog::TYPE, "fl-1", &[("Action=DescribeFlowLogs", ok(REPLY))], &others, inputs).await;
    }
}
