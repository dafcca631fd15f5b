//! A bucket that Firehose delivers to, and what happens to records on the way there.

use aws_sdk_firehose::types::{
    self as sdk, CompressionFormat, NoEncryptionConfig, ProcessorParameterName, ProcessorType, S3BackupMode,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::format_conversion::DataFormatConversion;
use crate::engine::error::{Error, Result};
use crate::engine::rules::{computed, one_of, refers, replace};

const COMPRESSIONS: &[&str] = &["GZIP", "HADOOP_SNAPPY", "Snappy", "UNCOMPRESSED", "ZIP"];

/// A bucket with all that Firehose can do on the way there. It may be in another region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtendedS3Configuration {
    /// Bucket.
    #[schemars(transform = refers("aws:s3/bucket:Bucket.arn"))]
    pub bucket_arn: String,
    /// Seconds after which records are delivered.
    #[schemars(range(min = 0, max = 900))]
    #[serde(default = "interval")]
    pub buffering_interval: i32,
    /// MiB after which records are delivered.
    #[schemars(range(min = 1, max = 128))]
    #[serde(default = "size")]
    pub buffering_size: i32,
    /// Where failures are written down.
    #[schemars(transform = computed)]
    pub cloudwatch_logging_options: Option<CloudwatchLoggingOptions>,
    /// How objects are compressed.
    #[schemars(transform = one_of(COMPRESSIONS))]
    #[serde(default = "uncompressed")]
    pub compression_format: String,
    /// Time zone of the times in prefixes, for example `Europe/Paris`.
    #[serde(default = "utc")]
    pub custom_time_zone: String,
    /// Conversion of JSON to columns.
    pub data_format_conversion_configuration: Option<DataFormatConversion>,
    /// Objects by the content of records.
    #[schemars(transform = replace)]
    pub dynamic_partitioning_configuration: Option<DynamicPartitioning>,
    /// Start of the keys of records that failed.
    #[schemars(length(max = 1024))]
    pub error_output_prefix: Option<String>,
    /// End of the keys, for example `.json`.
    pub file_extension: Option<String>,
    /// Key that encrypts objects.
    #[schemars(transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_arn: Option<String>,
    /// Start of the keys.
    pub prefix: Option<String>,
    /// What is done to records before they are delivered.
    pub processing_configuration: Option<Processing>,
    /// Role that writes to the bucket.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: String,
    /// Where records are kept as they came.
    pub s3_backup_configuration: Option<S3Configuration>,
    /// Whether records are kept as they came.
    #[schemars(transform = one_of(&["Disabled", "Enabled"]))]
    #[serde(default = "disabled")]
    pub s3_backup_mode: String,
}

/// A bucket that gets records as they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3Configuration {
    /// Bucket.
    #[schemars(transform = refers("aws:s3/bucket:Bucket.arn"))]
    pub bucket_arn: String,
    /// Seconds after which records are delivered.
    #[schemars(range(min = 0, max = 900))]
    #[serde(default = "interval")]
    pub buffering_interval: i32,
    /// MiB after which records are delivered.
    #[schemars(range(min = 1, max = 128))]
    #[serde(default = "size")]
    pub buffering_size: i32,
    /// Where failures are written down.
    #[schemars(transform = computed)]
    pub cloudwatch_logging_options: Option<CloudwatchLoggingOptions>,
    /// How objects are compressed.
    #[schemars(transform = one_of(COMPRESSIONS))]
    #[serde(default = "uncompressed")]
    pub compression_format: String,
    /// Start of the keys of records that failed.
    #[schemars(length(max = 1024))]
    pub error_output_prefix: Option<String>,
    /// Key that encrypts objects.
    #[schemars(transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_arn: Option<String>,
    /// Start of the keys.
    pub prefix: Option<String>,
    /// Role that writes to the bucket.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: String,
}

/// Where failures are written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloudwatchLoggingOptions {
    /// Whether they are.
    #[serde(default)]
    pub enabled: bool,
    /// Log group.
    #[schemars(transform = refers("aws:cloudwatch/logGroup:LogGroup.name"))]
    pub log_group_name: Option<String>,
    /// Stream in the group.
    pub log_stream_name: Option<String>,
}

/// Objects by the content of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DynamicPartitioning {
    /// Whether there are.
    #[serde(default)]
    pub enabled: bool,
    /// Seconds for which a failed delivery is repeated.
    #[schemars(range(min = 0, max = 7200))]
    #[serde(default = "interval")]
    pub retry_duration: i32,
}

/// What is done to records before they are delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Processing {
    /// Whether anything is.
    #[serde(default)]
    pub enabled: bool,
    /// Processors in their order.
    #[serde(default)]
    pub processors: Vec<Processor>,
}

/// One thing that is done to records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Processor {
    /// How it is done.
    #[schemars(transform = crate::engine::rules::unordered)]
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// What is done.
    #[schemars(transform = one_of(&[
        "AppendDelimiterToRecord", "CloudWatchLogProcessing", "Decompression", "Lambda", "MetadataExtraction",
        "RecordDeAggregation",
    ]))]
    pub r#type: String,
}

/// One setting of a processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameter {
    /// Name, for example `LambdaArn`.
    pub parameter_name: String,
    /// Value.
    pub parameter_value: String,
}

pub(super) fn interval() -> i32 {
    300
}

pub(super) fn size() -> i32 {
    5
}

fn uncompressed() -> String {
    CompressionFormat::Uncompressed.as_str().to_owned()
}

fn utc() -> String {
    "UTC".to_owned()
}

fn disabled() -> String {
    S3BackupMode::Disabled.as_str().to_owned()
}

impl ExtendedS3Configuration {
    /// The destination of a new stream.
    pub fn declared(&self) -> Result<sdk::ExtendedS3DestinationConfiguration> {
        Ok(sdk::ExtendedS3DestinationConfiguration::builder()
            .bucket_arn(&self.bucket_arn)
            .buffering_hints(hints(self.buffering_interval, self.buffering_size))
            .set_cloud_watch_logging_options(self.cloudwatch_logging_options.as_ref().map(|l| l.as_asked()))
            .compression_format(CompressionFormat::from(self.compression_format.as_str()))
            .custom_time_zone(&self.custom_time_zone)
            .set_data_format_conversion_configuration(self.conversion()?)
            .set_dynamic_partitioning_configuration(self.partitioning())
            .set_error_output_prefix(self.error_output_prefix.clone())
            .set_file_extension(self.file_extension.clone())
            .encryption_configuration(encryption(self.kms_key_arn.as_ref())?)
            .set_prefix(self.prefix.clone())
            .set_processing_configuration(self.processing_configuration.as_ref().map(Processing::as_asked).transpose()?)
            .role_arn(&self.role_arn)
            .set_s3_backup_configuration(
                self.s3_backup_configuration.as_ref().map(S3Configuration::declared).transpose()?,
            )
            .s3_backup_mode(S3BackupMode::from(self.s3_backup_mode.as_str()))
            .build()?)
    }

    /// The destination as an update sends it. Text that is empty takes the old one away.
    pub fn changed(&self) -> Result<sdk::ExtendedS3DestinationUpdate> {
        let off = || sdk::DataFormatConversionConfiguration::builder().enabled(false).build();
        let idle = || sdk::ProcessingConfiguration::builder().enabled(false).build();
        let processing = self.processing_configuration.as_ref().map(Processing::as_asked).transpose()?;
        Ok(sdk::ExtendedS3DestinationUpdate::builder()
            .bucket_arn(&self.bucket_arn)
            .buffering_hints(hints(self.buffering_interval, self.buffering_size))
            .set_cloud_watch_logging_options(self.cloudwatch_logging_options.as_ref().map(|l| l.as_asked()))
            .compression_format(CompressionFormat::from(self.compression_format.as_str()))
            .custom_time_zone(&self.custom_time_zone)
            .data_format_conversion_configuration(self.conversion()?.unwrap_or_else(off))
            .set_dynamic_partitioning_configuration(self.partitioning())
            .error_output_prefix(self.error_output_prefix.clone().unwrap_or_default())
            .file_extension(self.file_extension.clone().unwrap_or_default())
            .encryption_configuration(encryption(self.kms_key_arn.as_ref())?)
            .prefix(self.prefix.clone().unwrap_or_default())
            .processing_configuration(processing.unwrap_or_else(idle))
            .role_arn(&self.role_arn)
            .set_s3_backup_update(self.s3_backup_configuration.as_ref().map(S3Configuration::changed).transpose()?)
            .s3_backup_mode(S3BackupMode::from(self.s3_backup_mode.as_str()))
            .build())
    }

    /// The destination as AWS shows it.
    pub fn shown(s: sdk::ExtendedS3DestinationDescription) -> Self {
        let (buffering_interval, buffering_size) = hinted(s.buffering_hints.as_ref());
        Self {
            bucket_arn: s.bucket_arn,
            buffering_interval,
            buffering_size,
            cloudwatch_logging_options: s.cloud_watch_logging_options.map(CloudwatchLoggingOptions::shown),
            compression_format: s.compression_format.as_str().to_owned(),
            custom_time_zone: s.custom_time_zone.filter(|zone| !zone.is_empty()).unwrap_or_else(utc),
            data_format_conversion_configuration: s
                .data_format_conversion_configuration
                .and_then(DataFormatConversion::shown),
            dynamic_partitioning_configuration: s
                .dynamic_partitioning_configuration
                .and_then(DynamicPartitioning::shown),
            error_output_prefix: given(s.error_output_prefix),
            file_extension: given(s.file_extension),
            kms_key_arn: key(s.encryption_configuration),
            prefix: given(s.prefix),
            processing_configuration: s.processing_configuration.and_then(Processing::shown),
            role_arn: s.role_arn,
            s3_backup_configuration: s.s3_backup_description.map(S3Configuration::shown),
            s3_backup_mode: s.s3_backup_mode.map_or_else(disabled, |mode| mode.as_str().to_owned()),
        }
    }

    fn conversion(&self) -> Result<Option<sdk::DataFormatConversionConfiguration>> {
        Ok(self.data_format_conversion_configuration.as_ref().map(DataFormatConversion::as_asked))
    }

    fn partitioning(&self) -> Option<sdk::DynamicPartitioningConfiguration> {
        let partitioning = self.dynamic_partitioning_configuration.as_ref()?;
        let retry = sdk::RetryOptions::builder().duration_in_seconds(partitioning.retry_duration).build();
        let asked = sdk::DynamicPartitioningConfiguration::builder().enabled(partitioning.enabled);
        Some(asked.retry_options(retry).build())
    }
}

impl S3Configuration {
    pub(super) fn declared(&self) -> Result<sdk::S3DestinationConfiguration> {
        Ok(sdk::S3DestinationConfiguration::builder()
            .bucket_arn(&self.bucket_arn)
            .buffering_hints(hints(self.buffering_interval, self.buffering_size))
            .set_cloud_watch_logging_options(self.cloudwatch_logging_options.as_ref().map(|l| l.as_asked()))
            .compression_format(CompressionFormat::from(self.compression_format.as_str()))
            .set_error_output_prefix(self.error_output_prefix.clone())
            .encryption_configuration(encryption(self.kms_key_arn.as_ref())?)
            .set_prefix(self.prefix.clone())
            .role_arn(&self.role_arn)
            .build()?)
    }

    pub(super) fn changed(&self) -> Result<sdk::S3DestinationUpdate> {
        Ok(sdk::S3DestinationUpdate::builder()
            .bucket_arn(&self.bucket_arn)
            .buffering_hints(hints(self.buffering_interval, self.buffering_size))
            .set_cloud_watch_logging_options(self.cloudwatch_logging_options.as_ref().map(|l| l.as_asked()))
            .compression_format(CompressionFormat::from(self.compression_format.as_str()))
            .error_output_prefix(self.error_output_prefix.clone().unwrap_or_default())
            .encryption_configuration(encryption(self.kms_key_arn.as_ref())?)
            .prefix(self.prefix.clone().unwrap_or_default())
            .role_arn(&self.role_arn)
            .build())
    }

    pub(super) fn shown(s: sdk::S3DestinationDescription) -> Self {
        let (buffering_interval, buffering_size) = hinted(s.buffering_hints.as_ref());
        Self {
            bucket_arn: s.bucket_arn,
            buffering_interval,
            buffering_size,
            cloudwatch_logging_options: s.cloud_watch_logging_options.map(CloudwatchLoggingOptions::shown),
            compression_format: s.compression_format.as_str().to_owned(),
            error_output_prefix: given(s.error_output_prefix),
            kms_key_arn: key(s.encryption_configuration),
            prefix: given(s.prefix),
            role_arn: s.role_arn,
        }
    }
}

impl CloudwatchLoggingOptions {
    pub(super) fn as_asked(&self) -> sdk::CloudWatchLoggingOptions {
        sdk::CloudWatchLoggingOptions::builder()
            .enabled(self.enabled)
            .set_log_group_name(self.log_group_name.clone())
            .set_log_stream_name(self.log_stream_name.clone())
            .build()
    }

    pub(super) fn shown(o: sdk::CloudWatchLoggingOptions) -> Self {
        Self {
            enabled: o.enabled.unwrap_or_default(),
            log_group_name: given(o.log_group_name),
            log_stream_name: given(o.log_stream_name),
        }
    }
}

impl DynamicPartitioning {
    /// What is off is not there.
    fn shown(c: sdk::DynamicPartitioningConfiguration) -> Option<Self> {
        let retry_duration = c.retry_options.and_then(|r| r.duration_in_seconds).unwrap_or_else(interval);
        (c.enabled == Some(true)).then_some(Self { enabled: true, retry_duration })
    }
}

impl Processing {
    pub(super) fn as_asked(&self) -> Result<sdk::ProcessingConfiguration> {
        let parameter = |p: &Parameter| -> Result<_> {
            let name = ProcessorParameterName::from(p.parameter_name.as_str());
            Ok(sdk::ProcessorParameter::builder().parameter_name(name).parameter_value(&p.parameter_value).build()?)
        };
        let processor = |p: &Processor| -> Result<_> {
            let parameters = p.parameters.iter().map(parameter).collect::<Result<Vec<_>>>()?;
            let kind = ProcessorType::from(p.r#type.as_str());
            Ok(sdk::Processor::builder().set_parameters(Some(parameters)).r#type(kind).build()?)
        };
        let processors = self.processors.iter().map(processor).collect::<Result<Vec<_>, Error>>()?;
        Ok(sdk::ProcessingConfiguration::builder().enabled(self.enabled).set_processors(Some(processors)).build())
    }

    /// No processors that are off are none.
    pub(super) fn shown(c: sdk::ProcessingConfiguration) -> Option<Self> {
        let parameter = |p: sdk::ProcessorParameter| Parameter {
            parameter_name: p.parameter_name.as_str().to_owned(),
            parameter_value: p.parameter_value,
        };
        let processor = |p: sdk::Processor| Processor {
            parameters: p.parameters.unwrap_or_default().into_iter().map(parameter).collect(),
            r#type: p.r#type.as_str().to_owned(),
        };
        let processors: Vec<_> = c.processors.unwrap_or_default().into_iter().map(processor).collect();
        let enabled = c.enabled.unwrap_or_default();
        (enabled || !processors.is_empty()).then_some(Self { enabled, processors })
    }
}

pub(super) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn hints(interval: i32, size: i32) -> sdk::BufferingHints {
    sdk::BufferingHints::builder().interval_in_seconds(interval).size_in_mbs(size).build()
}

fn hinted(hints: Option<&sdk::BufferingHints>) -> (i32, i32) {
    let of = |value: fn(&sdk::BufferingHints) -> Option<i32>| hints.and_then(value);
    (of(|h| h.interval_in_seconds).unwrap_or_else(interval), of(|h| h.size_in_mbs).unwrap_or_else(size))
}

fn encryption(key: Option<&String>) -> Result<sdk::EncryptionConfiguration> {
    let asked = sdk::EncryptionConfiguration::builder();
    Ok(match key {
        Some(key) => asked.kms_encryption_config(sdk::KmsEncryptionConfig::builder().awskms_key_arn(key).build()?),
        None => asked.no_encryption_config(NoEncryptionConfig::NoEncryption),
    }
    .build())
}

fn key(encryption: Option<sdk::EncryptionConfiguration>) -> Option<String> {
    Some(encryption?.kms_encryption_config?.awskms_key_arn)
}
