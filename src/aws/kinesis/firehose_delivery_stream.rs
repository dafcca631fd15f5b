use aws_sdk_firehose::types::{
    self as sdk, DeliveryStreamEncryptionStatus as Encryption, DeliveryStreamStatus, DeliveryStreamType, KeyType,
};

use super::http_destination::HttpEndpointConfiguration;
use super::s3_destination::ExtendedS3Configuration;
use super::{tagged, tags_of};
use crate::aws::prelude::*;
use crate::engine::alike::Alike;
use crate::engine::rules::{alike, auto_name, exclusive, one_of, refers, replace};

/// A stream that delivers records to a bucket, which may be in another region, or to an HTTP endpoint.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["kinesisSourceConfiguration", "serverSideEncryption"]))]
pub struct FirehoseDeliveryStream {
    /// Kind of destination: `extended_s3` or `http_endpoint`.
    #[schemars(transform = replace, transform = one_of(&[S3, HTTP]))]
    pub destination: String,
    /// The bucket, and what happens to records on the way there.
    pub extended_s3_configuration: Option<ExtendedS3Configuration>,
    /// The HTTP endpoint, and the bucket for what it does not take.
    pub http_endpoint_configuration: Option<HttpEndpointConfiguration>,
    /// Stream of Kinesis that records come from. Without it they are put in by calls.
    #[schemars(transform = replace)]
    pub kinesis_source_configuration: Option<KinesisSource>,
    /// Name of the stream, unique in the region.
    #[schemars(transform = replace, transform = auto_name(64), length(min = 1, max = 64))]
    pub name: String,
    /// Encryption of records that wait for their delivery.
    #[serde(default)]
    pub server_side_encryption: ServerSideEncryption,
    /// Tags of the stream.
    #[serde(default)]
    pub tags: Tags,
}

const S3: &str = "extended_s3";
const HTTP: &str = "http_endpoint";

/// A stream of Kinesis that records come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KinesisSource {
    /// ARN of the stream.
    #[schemars(transform = replace)]
    pub kinesis_stream_arn: String,
    /// Role that reads the stream.
    #[schemars(transform = replace, transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: String,
}

/// Encryption of records that wait for their delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerSideEncryption {
    /// Whether they are encrypted.
    #[serde(default)]
    pub enabled: bool,
    /// Key, if it is one of the account.
    #[schemars(transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub key_arn: Option<String>,
    /// Whose key it is.
    #[schemars(transform = one_of(&["AWS_OWNED_CMK", "CUSTOMER_MANAGED_CMK"]))]
    #[serde(default = "aws_owned")]
    pub key_type: String,
}

impl Default for ServerSideEncryption {
    fn default() -> Self {
        Self { enabled: false, key_arn: None, key_type: aws_owned() }
    }
}

fn aws_owned() -> String {
    KeyType::AwsOwnedCmk.as_str().to_owned()
}

/// What AWS decides about a delivery stream.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseDeliveryStreamOutputs {
    /// ARN of the stream.
    pub arn: String,
    /// Id of the destination.
    pub destination_id: String,
    /// Number of the last change.
    pub version_id: String,
}

impl Resource for FirehoseDeliveryStream {
    const TYPE: &'static str = "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(30, 10, 30),
        takes: Takes::seconds(60, 5, 30),
        permissions: Permissions {
            create: &["firehose:CreateDeliveryStream", "firehose:TagDeliveryStream", "iam:PassRole"],
            read: &["firehose:DescribeDeliveryStream", "firehose:ListTagsForDeliveryStream"],
            update: &[
                "firehose:StartDeliveryStreamEncryption",
                "firehose:StopDeliveryStreamEncryption",
                "firehose:TagDeliveryStream",
                "firehose:UntagDeliveryStream",
                "firehose:UpdateDestination",
                "iam:PassRole",
            ],
            delete: &["firehose:DeleteDeliveryStream"],
        },
        permissions_with: &[WithInput::on("serverSideEncryption.keyArn", &[], &["kms:CreateGrant"])],
        acts_on: &["{arn}"],
        passes_roles_to: &["firehose"],
        import: "name of the stream",
        ..Facts::new(IdForm::Input("name"), FoundBy::OwnerTag)
    };
    type Outputs = FirehoseDeliveryStreamOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let (bucket, endpoint) = match self.destination()? {
            Destination::Bucket(bucket) => (Some(bucket.declared()?), None),
            Destination::Endpoint(endpoint) => (None, Some(endpoint.declared()?)),
        };
        let source = self.kinesis_source_configuration.as_ref();
        let kind = source.map_or(DeliveryStreamType::DirectPut, |_| DeliveryStreamType::KinesisStreamAsSource);
        let encryption = Some(&self.server_side_encryption).filter(|sse| sse.enabled);
        cx.firehose()
            .create_delivery_stream()
            .delivery_stream_name(&self.name)
            .delivery_stream_type(kind)
            .set_delivery_stream_encryption_configuration_input(encryption.map(|e| e.as_asked()).transpose()?)
            .set_extended_s3_destination_configuration(bucket)
            .set_http_endpoint_destination_configuration(endpoint)
            .set_kinesis_stream_source_configuration(source.map(KinesisSource::as_asked).transpose()?)
            .set_tags(tagged(&cx.tags(&self.tags))?)
            .send()
            .await?;
        Ok(Made::id(&self.name))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        if self.extended_s3_configuration != live.inputs.extended_s3_configuration
            || self.http_endpoint_configuration != live.inputs.http_endpoint_configuration
        {
            let update = cx
                .firehose()
                .update_destination()
                .current_delivery_stream_version_id(&live.outputs.version_id)
                .delivery_stream_name(&id.0)
                .destination_id(&live.outputs.destination_id);
            match self.destination()? {
                Destination::Bucket(bucket) => update.extended_s3_destination_update(bucket.changed()?),
                Destination::Endpoint(endpoint) => update.http_endpoint_destination_update(endpoint.changed()?),
            }
            .send()
            .await?;
            if self.server_side_encryption != live.inputs.server_side_encryption {
                return Ok(Next::More("changing the destination"));
            }
            return Ok(Next::Started);
        }
        let (new, old) = (&self.server_side_encryption, &live.inputs.server_side_encryption);
        if new.enabled && new != old {
            let start = cx.firehose().start_delivery_stream_encryption().delivery_stream_name(&id.0);
            start.delivery_stream_encryption_configuration_input(new.as_asked()?).send().await?;
        } else if old.enabled && !new.enabled {
            cx.firehose().stop_delivery_stream_encryption().delivery_stream_name(&id.0).send().await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let delete = cx.firehose().delete_delivery_stream().delivery_stream_name(&id.0).send().await.or_none()?;
        Ok(delete.map_or(Next::Gone, |_| Next::Started))
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let mine = tags_of(&self.name, cx).await?.get(tags::ATTEMPT).is_some_and(|a| a == cx.token());
        Ok(mine.then(|| Id(self.name.clone())).into_iter().collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        if !tags.unset.is_empty() {
            let untag = cx.firehose().untag_delivery_stream().delivery_stream_name(&id.0);
            untag.set_tag_keys(Some(tags.unset.clone())).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tagged(tags.set.iter().map(|(k, v)| (k, v)))?;
            cx.firehose().tag_delivery_stream().delivery_stream_name(&id.0).set_tags(set).send().await?;
        }
        Ok(())
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let name = inputs.get("name").and_then(Value::as_str);
        vec![("arn", name.map_or(Value::Unknown, |name| at.arn("firehose", &format!("deliverystream/{name}"))))]
    }
}

/// Where records go.
enum Destination<'a> {
    Bucket(&'a ExtendedS3Configuration),
    Endpoint(&'a HttpEndpointConfiguration),
}

impl FirehoseDeliveryStream {
    fn destination(&self) -> Result<Destination<'_>> {
        let without = |input: &str| {
            Error::invalid(format!("a stream to `{}` must say more about it", self.destination))
                .hint(format!("give `{input}`"))
        };
        match self.destination.as_str() {
            S3 => {
                let bucket = self.extended_s3_configuration.as_ref();
                bucket.map(Destination::Bucket).ok_or_else(|| without("extendedS3Configuration"))
            }
            HTTP => {
                let endpoint = self.http_endpoint_configuration.as_ref();
                endpoint.map(Destination::Endpoint).ok_or_else(|| without("httpEndpointConfiguration"))
            }
            other => Err(Error::invalid(format!("drctl delivers to no `{other}`"))
                .hint(format!("set `destination` to `{S3}` or `{HTTP}`"))),
        }
    }
}

impl KinesisSource {
    fn as_asked(&self) -> Result<sdk::KinesisStreamSourceConfiguration> {
        let source = sdk::KinesisStreamSourceConfiguration::builder().kinesis_stream_arn(&self.kinesis_stream_arn);
        Ok(source.role_arn(&self.role_arn).build()?)
    }
}

impl ServerSideEncryption {
    fn as_asked(&self) -> Result<sdk::DeliveryStreamEncryptionConfigurationInput> {
        let key = sdk::DeliveryStreamEncryptionConfigurationInput::builder().set_key_arn(self.key_arn.clone());
        Ok(key.key_type(KeyType::from(self.key_type.as_str())).build()?)
    }
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<FirehoseDeliveryStream>>> {
    let describe = cx.firehose().describe_delivery_stream().delivery_stream_name(&id.0);
    let Some(reply) = describe.send().await.or_none()? else { return Ok(Seen::Gone) };
    let stream = need("DeliveryStreamDescription", reply.delivery_stream_description)?;
    let encryption = stream.delivery_stream_encryption_configuration;
    match (&stream.delivery_stream_status, encryption.as_ref().and_then(|e| e.status.as_ref())) {
        (DeliveryStreamStatus::CreatingFailed | DeliveryStreamStatus::DeletingFailed, _) => {
            let why = stream.failure_description.map(|f| f.details);
            return Ok(Seen::Failed(why.unwrap_or_else(|| stream.delivery_stream_status.as_str().to_owned())));
        }
        (DeliveryStreamStatus::Active, Some(status @ (Encryption::Enabling | Encryption::Disabling))) => {
            return Ok(Seen::Pending(format!("encryption {}", status.as_str().to_lowercase())));
        }
        (DeliveryStreamStatus::Active, _) => {}
        (status, _) => return Ok(Seen::Pending(status.as_str().to_lowercase())),
    }
    let tags = if want.has("tags") { tags_of(&id.0, cx).await? } else { Tags::new() };
    let destination = need("Destinations", stream.destinations.into_iter().next())?;
    let source = stream.source.and_then(|s| s.kinesis_stream_source_description);
    let endpoint = destination.http_endpoint_destination_description.map(HttpEndpointConfiguration::shown);
    // Firehose shows the bucket beside an endpoint as a destination too.
    let bucket = destination.extended_s3_destination_description.filter(|_| endpoint.is_none());
    let kind = match (&bucket, &endpoint) {
        (_, Some(_)) => HTTP,
        (Some(_), None) => S3,
        (None, None) => "other",
    };
    let encrypted = encryption.filter(|e| e.status == Some(Encryption::Enabled));
    let inputs = FirehoseDeliveryStream {
        destination: kind.to_owned(),
        extended_s3_configuration: bucket.map(ExtendedS3Configuration::shown),
        http_endpoint_configuration: endpoint.transpose()?,
        kinesis_source_configuration: source
            .and_then(|s| Some(KinesisSource { kinesis_stream_arn: s.kinesis_stream_arn?, role_arn: s.role_arn? })),
        name: stream.delivery_stream_name,
        server_side_encryption: encrypted.map_or_else(ServerSideEncryption::default, |e| ServerSideEncryption {
            enabled: true,
            key_arn: e.key_arn.filter(|key| !key.is_empty()),
            key_type: e.key_type.map_or_else(aws_owned, |kind| kind.as_str().to_owned()),
        }),
        tags,
    };
    let outputs = FirehoseDeliveryStreamOutputs {
        arn: stream.delivery_stream_arn,
        destination_id: destination.destination_id,
        version_id: stream.version_id,
    };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::aws::wire::{at, aws, ok, read, reads_back};
    use crate::engine::provider::{self, Provider};

    const ARN: &str = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/metrics";

    fn description() -> Json {
        let s3 = json!({
            "RoleARN": "arn:r", "BucketARN": "arn:aws:s3:::b", "Prefix": "p/", "ErrorOutputPrefix": "e/",
            "BufferingHints": { "SizeInMBs": 64, "IntervalInSeconds": 60 }, "CompressionFormat": "GZIP",
            "EncryptionConfiguration": { "KMSEncryptionConfig": { "AWSKMSKeyARN": "arn:k" } },
            "CloudWatchLoggingOptions": { "Enabled": true, "LogGroupName": "/g", "LogStreamName": "s" },
        });
        let mut extended = s3.clone();
        extended.as_object_mut().unwrap().extend(
            json!({
                "FileExtension": ".json", "CustomTimeZone": "Europe/Paris",
                "ProcessingConfiguration": { "Enabled": true, "Processors": [{ "Type": "Lambda",
                    "Parameters": [{ "ParameterName": "LambdaArn", "ParameterValue": "arn:f" }] }] },
                "S3BackupMode": "Enabled", "S3BackupDescription": s3,
                "DynamicPartitioningConfiguration": { "Enabled": true, "RetryOptions": { "DurationInSeconds": 10 } },
                "DataFormatConversionConfiguration": { "Enabled": true,
                    "SchemaConfiguration": { "RoleARN": "arn:r", "DatabaseName": "d", "TableName": "t",
                        "VersionId": "1", "Region": "eu-west-1", "CatalogId": "1" },
                    "InputFormatConfiguration": { "Deserializer": { "OpenXJsonSerDe": { "CaseInsensitive": true } } },
                    "OutputFormatConfiguration": { "Serializer": { "ParquetSerDe": { "Compression": "GZIP" } } } },
            })
            .as_object()
            .unwrap()
            .clone(),
        );
        json!({ "DeliveryStreamDescription": {
            "DeliveryStreamName": "metrics", "DeliveryStreamARN": ARN, "DeliveryStreamStatus": "ACTIVE",
            "DeliveryStreamType": "KinesisStreamAsSource", "VersionId": "3", "HasMoreDestinations": false,
            "DeliveryStreamEncryptionConfiguration": { "KeyARN": "arn:k", "KeyType": "CUSTOMER_MANAGED_CMK",
                "Status": "ENABLED" },
            "Source": { "KinesisStreamSourceDescription": { "KinesisStreamARN": "arn:s", "RoleARN": "arn:r" } },
            "Destinations": [{ "DestinationId": "d-1", "ExtendedS3DestinationDescription": extended }],
        } })
    }

    fn everything() -> Json {
        let s3 = json!({
            "bucketArn": "arn:aws:s3:::b", "bufferingInterval": 60, "bufferingSize": 64,
            "cloudwatchLoggingOptions": { "enabled": true, "logGroupName": "/g", "logStreamName": "s" },
            "compressionFormat": "GZIP", "errorOutputPrefix": "e/", "kmsKeyArn": "arn:k", "prefix": "p/",
            "roleArn": "arn:r",
        });
        let mut extended = s3.clone();
        extended.as_object_mut().unwrap().extend(
            json!({
                "customTimeZone": "Europe/Paris", "fileExtension": ".json",
                "dataFormatConversionConfiguration": { "enabled": true,
                    "inputFormatConfiguration": { "deserializer": { "openXJsonSerDe": {
                        "caseInsensitive": true, "columnToJsonKeyMappings": {} } } },
                    "outputFormatConfiguration": { "serializer": { "parquetSerDe": { "compression": "GZIP" } } },
                    "schemaConfiguration": { "catalogId": "1", "databaseName": "d", "region": "eu-west-1",
                        "roleArn": "arn:r", "tableName": "t", "versionId": "1" } },
                "dynamicPartitioningConfiguration": { "enabled": true, "retryDuration": 10 },
                "processingConfiguration": { "enabled": true, "processors": [{ "type": "Lambda",
                    "parameters": [{ "parameterName": "LambdaArn", "parameterValue": "arn:f" }] }] },
                "s3BackupConfiguration": s3, "s3BackupMode": "Enabled",
            })
            .as_object()
            .unwrap()
            .clone(),
        );
        json!({
            "destination": "extended_s3",
            "extendedS3Configuration": extended,
            "kinesisSourceConfiguration": { "kinesisStreamArn": "arn:s", "roleArn": "arn:r" },
            "name": "metrics",
            "serverSideEncryption": { "enabled": true, "keyArn": "arn:k", "keyType": "CUSTOMER_MANAGED_CMK" },
            "tags": { "a": "b" },
        })
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let tags = json!({ "Tags": [{ "Key": "a", "Value": "b" }], "HasMoreTags": false });
        let replies = [
            ("DescribeDeliveryStream", ok(description().to_string())),
            ("ListTagsForDeliveryStream", ok(tags.to_string())),
        ];
        let live =
            reads_back(FirehoseDeliveryStream::TYPE, "metrics", &replies, &["httpEndpointConfiguration"], everything())
                .await;
        assert_eq!(live.outputs.get("destinationId").unwrap().as_str(), Some("d-1"));
    }

    #[tokio::test]
    async fn an_endpoint_is_read_with_its_bucket_and_without_its_key() {
        let mut stream = description();
        let s3 = json!({ "RoleARN": "arn:r", "BucketARN": "arn:aws:s3:::b", "CompressionFormat": "UNCOMPRESSED",
            "BufferingHints": { "SizeInMBs": 5, "IntervalInSeconds": 300 },
            "EncryptionConfiguration": { "NoEncryptionConfig": "NoEncryption" } });
        stream["DeliveryStreamDescription"]["Destinations"] = json!([{ "DestinationId": "d-1",
            "ExtendedS3DestinationDescription": s3,
            "HttpEndpointDestinationDescription": {
                "EndpointConfiguration": { "Url": "https://example.com/", "Name": "example" },
                "BufferingHints": { "SizeInMBs": 2, "IntervalInSeconds": 60 },
                "RequestConfiguration": { "ContentEncoding": "GZIP",
                    "CommonAttributes": [{ "AttributeName": "a", "AttributeValue": "b" }] },
                "RetryOptions": { "DurationInSeconds": 10 }, "RoleARN": "arn:r", "S3BackupMode": "AllData",
                "S3DestinationDescription": s3,
                "SecretsManagerConfiguration": { "Enabled": true, "SecretARN": "arn:s", "RoleARN": "arn:r" },
            } }]);
        let (aws, _) = aws(&[("DescribeDeliveryStream", ok(stream.to_string())), ("ListTags", ok("{}"))]);
        let Seen::Ready(live) = read(&aws, FirehoseDeliveryStream::TYPE, "metrics").await.unwrap() else { panic!() };
        assert_eq!(live.inputs.get("destination").and_then(Value::as_str), Some("http_endpoint"));
        assert_eq!(live.inputs.get("extendedS3Configuration"), None);
        let endpoint = live.inputs.get("httpEndpointConfiguration").unwrap().to_json().unwrap();
        let expected = json!({
            "bufferingInterval": 60, "bufferingSize": 2, "name": "example",
            "requestConfiguration": { "commonAttributes": [{ "name": "a", "value": "b" }], "contentEncoding": "GZIP" },
            "retryDuration": 10, "roleArn": "arn:r", "s3BackupMode": "AllData",
            "s3Configuration": { "bucketArn": "arn:aws:s3:::b", "bufferingInterval": 300, "bufferingSize": 5,
                "compressionFormat": "UNCOMPRESSED", "roleArn": "arn:r" },
            "secretsManagerConfiguration": { "enabled": true, "roleArn": "arn:r", "secretArn": "arn:s" },
            "url": "https://example.com/",
        });
        assert_eq!(endpoint, expected);
    }

    #[tokio::test]
    async fn an_update_names_the_version_that_it_changes_and_empties_what_is_not_given() {
        let (aws, wire) = aws(&[("UpdateDestination", ok("{}"))]);
        let outputs = json!({ "arn": ARN, "destinationId": "d-1", "versionId": "3" });
        let live = provider::Live { inputs: everything().into(), outputs: outputs.into() };
        let mut wanted = everything();
        wanted["extendedS3Configuration"].as_object_mut().unwrap().remove("prefix");
        let id = Id("metrics".into());
        let next = aws.update(&at(FirehoseDeliveryStream::TYPE), &id, &wanted.into(), &live).await.unwrap();
        assert_eq!(next, provider::Next::Started);
        let call = wire.requests("UpdateDestination").remove(0);
        assert!(call.contains(r#""CurrentDeliveryStreamVersionId":"3""#) && call.contains(r#""Prefix":"""#), "{call}");
    }

    #[tokio::test]
    async fn a_destination_that_is_not_known_is_refused_before_any_call() {
        let (aws, wire) = aws(&[]);
        let inputs = json!({ "name": "metrics", "destination": "splunk" }).into();
        let error = aws.create(&at(FirehoseDeliveryStream::TYPE), &inputs).await.unwrap_err();
        assert!(error.message.contains("`splunk`") && error.hint.is_some());
        assert!(wire.requests("").is_empty());
    }
}
