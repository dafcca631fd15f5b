//! An HTTP endpoint that Firehose delivers to, such as that of a monitoring service.

use aws_sdk_firehose::types::{self as sdk, ContentEncoding, HttpEndpointS3BackupMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::s3_destination::{CloudwatchLoggingOptions, Processing, S3Configuration, given, interval, size};
use crate::engine::error::{Result, need};
use crate::engine::rules::{computed, exclusive, one_of, refers, unordered, write_only};
use crate::engine::secret::Secret;

/// An HTTP endpoint, and the bucket for what it does not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["accessKey", "secretsManagerConfiguration"]))]
pub struct HttpEndpointConfiguration {
    /// Key that the endpoint wants to see.
    #[schemars(transform = write_only, length(max = 4096))]
    pub access_key: Option<Secret<String>>,
    /// Seconds after which records are delivered.
    #[schemars(range(min = 0, max = 900))]
    #[serde(default = "interval")]
    pub buffering_interval: i32,
    /// MiB after which records are delivered.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default = "size")]
    pub buffering_size: i32,
    /// Where failures are written down.
    #[schemars(transform = computed)]
    pub cloudwatch_logging_options: Option<CloudwatchLoggingOptions>,
    /// Name of the endpoint.
    #[schemars(length(min = 1, max = 256))]
    pub name: Option<String>,
    /// What is done to records before they are delivered.
    pub processing_configuration: Option<Processing>,
    /// What requests look like.
    #[schemars(transform = computed)]
    pub request_configuration: Option<HttpRequest>,
    /// Seconds for which a failed delivery is repeated.
    #[schemars(range(min = 0, max = 7200))]
    #[serde(default = "interval")]
    pub retry_duration: i32,
    /// Role that writes to the bucket.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: Option<String>,
    /// Which records go to the bucket.
    #[schemars(transform = one_of(&["AllData", "FailedDataOnly"]))]
    #[serde(default = "failed_only")]
    pub s3_backup_mode: String,
    /// The bucket.
    pub s3_configuration: S3Configuration,
    /// Secret that holds the key that the endpoint wants to see.
    #[schemars(transform = computed)]
    pub secrets_manager_configuration: Option<SecretsManagerConfiguration>,
    /// Where requests go.
    #[schemars(length(min = 1, max = 1000))]
    pub url: String,
}

/// What requests look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRequest {
    /// Attributes of every request.
    #[schemars(transform = unordered, length(max = 50))]
    #[serde(default)]
    pub common_attributes: Vec<HttpAttribute>,
    /// How the bodies are compressed.
    #[schemars(transform = one_of(&["GZIP", "NONE"]))]
    #[serde(default = "plain")]
    pub content_encoding: String,
}

/// An attribute of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpAttribute {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// A secret that holds what an endpoint wants to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretsManagerConfiguration {
    /// Whether it is used.
    #[schemars(transform = computed)]
    pub enabled: Option<bool>,
    /// Role that reads the secret.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: Option<String>,
    /// Secret.
    #[schemars(transform = refers("aws:secretsmanager/secret:Secret.arn"))]
    pub secret_arn: Option<String>,
}

fn failed_only() -> String {
    HttpEndpointS3BackupMode::FailedDataOnly.as_str().to_owned()
}

fn plain() -> String {
    ContentEncoding::None.as_str().to_owned()
}

impl HttpEndpointConfiguration {
    /// The destination of a new stream.
    pub fn declared(&self) -> Result<sdk::HttpEndpointDestinationConfiguration> {
        Ok(sdk::HttpEndpointDestinationConfiguration::builder()
            .buffering_hints(self.hints())
            .set_cloud_watch_logging_options(self.cloudwatch_logging_options.as_ref().map(|l| l.as_asked()))
            .endpoint_configuration(self.endpoint()?)
            .set_processing_configuration(self.processing_configuration.as_ref().map(Processing::as_asked).transpose()?)
            .set_request_configuration(self.request_configuration.as_ref().map(HttpRequest::as_asked).transpose()?)
            .retry_options(self.retries())
            .set_role_arn(self.role_arn.clone())
            .s3_backup_mode(HttpEndpointS3BackupMode::from(self.s3_backup_mode.as_str()))
            .s3_configuration(self.s3_configuration.declared()?)
            .set_secrets_manager_configuration(self.secret()?)
            .build())
    }

    /// The destination as an update sends it.
    pub fn changed(&self) -> Result<sdk::HttpEndpointDestinationUpdate> {
        let idle = || sdk::ProcessingConfiguration::builder().enabled(false).build();
        let processing = self.processing_configuration.as_ref().map(Processing::as_asked).transpose()?;
        Ok(sdk::HttpEndpointDestinationUpdate::builder()
            .buffering_hints(self.hints())
            .set_cloud_watch_logging_options(self.cloudwatch_logging_options.as_ref().map(|l| l.as_asked()))
            .endpoint_configuration(self.endpoint()?)
            .processing_configuration(processing.unwrap_or_else(idle))
            .set_request_configuration(self.request_configuration.as_ref().map(HttpRequest::as_asked).transpose()?)
            .retry_options(self.retries())
            .set_role_arn(self.role_arn.clone())
            .s3_backup_mode(HttpEndpointS3BackupMode::from(self.s3_backup_mode.as_str()))
            .s3_update(self.s3_configuration.changed()?)
            .set_secrets_manager_configuration(self.secret()?)
            .build())
    }

    /// The destination as AWS shows it.
    pub fn shown(h: sdk::HttpEndpointDestinationDescription) -> Result<Self> {
        let endpoint = need("EndpointConfiguration", h.endpoint_configuration)?;
        let hints = h.buffering_hints.as_ref();
        Ok(Self {
            access_key: None,
            buffering_interval: hints.and_then(|h| h.interval_in_seconds).unwrap_or_else(interval),
            buffering_size: hints.and_then(|h| h.size_in_mbs).unwrap_or_else(size),
            cloudwatch_logging_options: h.cloud_watch_logging_options.map(CloudwatchLoggingOptions::shown),
            name: given(endpoint.name),
            processing_configuration: h.processing_configuration.and_then(Processing::shown),
            request_configuration: h.request_configuration.map(HttpRequest::shown),
            retry_duration: h.retry_options.and_then(|r| r.duration_in_seconds).unwrap_or_else(interval),
            role_arn: given(h.role_arn),
            s3_backup_mode: h.s3_backup_mode.map_or_else(failed_only, |mode| mode.as_str().to_owned()),
            s3_configuration: S3Configuration::shown(need("S3DestinationDescription", h.s3_destination_description)?),
            secrets_manager_configuration: h.secrets_manager_configuration.filter(|s| s.enabled).map(|s| {
                SecretsManagerConfiguration {
                    enabled: Some(true),
                    role_arn: given(s.role_arn),
                    secret_arn: given(s.secret_arn),
                }
            }),
            url: need("Url", endpoint.url)?,
        })
    }

    fn endpoint(&self) -> Result<sdk::HttpEndpointConfiguration> {
        let key = self.access_key.as_ref().map(|key| key.reveal().clone());
        let endpoint = sdk::HttpEndpointConfiguration::builder().set_access_key(key);
        Ok(endpoint.set_name(self.name.clone()).url(&self.url).build()?)
    }

    fn hints(&self) -> sdk::HttpEndpointBufferingHints {
        let hints = sdk::HttpEndpointBufferingHints::builder().interval_in_seconds(self.buffering_interval);
        hints.size_in_mbs(self.buffering_size).build()
    }

    fn retries(&self) -> sdk::HttpEndpointRetryOptions {
        sdk::HttpEndpointRetryOptions::builder().duration_in_seconds(self.retry_duration).build()
    }

    fn secret(&self) -> Result<Option<sdk::SecretsManagerConfiguration>> {
        let asked = self.secrets_manager_configuration.as_ref().map(|secret| {
            let asked = sdk::SecretsManagerConfiguration::builder().enabled(secret.enabled.unwrap_or_default());
            asked.set_role_arn(secret.role_arn.clone()).set_secret_arn(secret.secret_arn.clone()).build()
        });
        Ok(asked.transpose()?)
    }
}

impl HttpRequest {
    fn as_asked(&self) -> Result<sdk::HttpEndpointRequestConfiguration> {
        let attribute = |attribute: &HttpAttribute| -> Result<_> {
            let asked = sdk::HttpEndpointCommonAttribute::builder().attribute_name(&attribute.name);
            Ok(asked.attribute_value(&attribute.value).build()?)
        };
        let attributes = self.common_attributes.iter().map(attribute).collect::<Result<Vec<_>>>()?;
        let asked = sdk::HttpEndpointRequestConfiguration::builder().set_common_attributes(Some(attributes));
        Ok(asked.content_encoding(ContentEncoding::from(self.content_encoding.as_str())).build())
    }

    fn shown(r: sdk::HttpEndpointRequestConfiguration) -> Self {
        let attribute =
            |a: sdk::HttpEndpointCommonAttribute| HttpAttribute { name: a.attribute_name, value: a.attribute_value };
        Self {
            common_attributes: r.common_attributes.unwrap_or_default().into_iter().map(attribute).collect(),
            content_encoding: r.content_encoding.map_or_else(plain, |encoding| encoding.as_str().to_owned()),
        }
    }
}
