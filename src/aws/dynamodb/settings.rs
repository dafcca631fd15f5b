//! Settings of a table that are objects: throughput, encryption, expiry, backups, imports.

use aws_sdk_dynamodb::types::{self as sdk, InputCompressionType, InputFormat, SseStatus, SseType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::alike::Alike;
use crate::engine::error::Result;
use crate::engine::rules::{alike, computed, one_of, refers};

/// An attribute that a key uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribute {
    /// Name of the attribute.
    pub name: String,
    /// Whether it is text, a number or bytes.
    #[schemars(transform = one_of(&["B", "N", "S"]))]
    pub r#type: String,
}

/// Units a second of a table or an index with provisioned capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    pub read: i64,
    pub write: i64,
}

impl Capacity {
    pub fn of(read: Option<i64>, write: Option<i64>) -> Option<Self> {
        Some(Self { read: read?, write: write? })
    }

    pub fn as_asked(self) -> Result<sdk::ProvisionedThroughput> {
        let Self { read, write } = self;
        Ok(sdk::ProvisionedThroughput::builder().read_capacity_units(read).write_capacity_units(write).build()?)
    }
}

/// Most requests a second with on-demand billing; -1 stands for no limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnDemandThroughput {
    /// Most read units a second.
    #[serde(default = "no_limit")]
    pub max_read_request_units: i64,
    /// Most write units a second.
    #[serde(default = "no_limit")]
    pub max_write_request_units: i64,
}

fn no_limit() -> i64 {
    -1
}

impl Default for OnDemandThroughput {
    fn default() -> Self {
        Self { max_read_request_units: no_limit(), max_write_request_units: no_limit() }
    }
}

impl OnDemandThroughput {
    pub fn as_asked(&self) -> sdk::OnDemandThroughput {
        sdk::OnDemandThroughput::builder()
            .max_read_request_units(self.max_read_request_units)
            .max_write_request_units(self.max_write_request_units)
            .build()
    }

    /// No limits at all are none.
    pub fn shown(limits: sdk::OnDemandThroughput) -> Option<Self> {
        let shown = Self {
            max_read_request_units: limits.max_read_request_units.unwrap_or_else(no_limit),
            max_write_request_units: limits.max_write_request_units.unwrap_or_else(no_limit),
        };
        (shown != Self::default()).then_some(shown)
    }
}

/// Requests a second that are taken at once, without growing into them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WarmThroughput {
    /// Reads a second.
    #[schemars(transform = computed)]
    pub read_units_per_second: Option<i64>,
    /// Writes a second.
    #[schemars(transform = computed)]
    pub write_units_per_second: Option<i64>,
}

impl WarmThroughput {
    pub fn as_asked(&self) -> sdk::WarmThroughput {
        sdk::WarmThroughput::builder()
            .set_read_units_per_second(self.read_units_per_second)
            .set_write_units_per_second(self.write_units_per_second)
            .build()
    }
}

/// Encryption with a key of KMS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerSideEncryption {
    /// Whether the key is one of KMS; AWS uses a key of its own otherwise.
    pub enabled: bool,
    /// Key, if not that of KMS for DynamoDB.
    #[schemars(transform = computed, transform = alike(Alike::Arn), transform = refers("aws:kms/key:Key.arn"))]
    pub kms_key_arn: Option<String>,
}

impl ServerSideEncryption {
    pub fn as_asked(&self) -> sdk::SseSpecification {
        let asked = sdk::SseSpecification::builder().enabled(self.enabled);
        if !self.enabled {
            return asked.build();
        }
        asked.sse_type(SseType::Kms).set_kms_master_key_id(self.kms_key_arn.clone()).build()
    }

    pub fn shown(description: Option<sdk::SseDescription>) -> Self {
        let on = [SseStatus::Enabled, SseStatus::Enabling, SseStatus::Updating];
        match description {
            Some(d) if d.status.as_ref().is_some_and(|s| on.contains(s)) => {
                Self { enabled: true, kms_key_arn: d.kms_master_key_arn }
            }
            _ => Self { enabled: false, kms_key_arn: None },
        }
    }

    /// Whether what the cloud shows is what this asks for.
    pub fn is_met_by(&self, live: &Self) -> bool {
        let same_key = || match (&live.kms_key_arn, &self.kms_key_arn) {
            (Some(live), Some(wanted)) => Alike::Arn.same(live, wanted),
            (_, None) => true,
            (None, Some(_)) => false,
        };
        self.enabled == live.enabled && (!self.enabled || same_key())
    }
}

/// Deletion of items at a time that they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ttl {
    /// Attribute that holds the time, in seconds since 1970. Not given while `enabled` is false.
    pub attribute_name: Option<String>,
    /// Whether items are deleted.
    #[serde(default)]
    pub enabled: bool,
}

/// Backups of every second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PointInTimeRecovery {
    /// Whether they are made.
    pub enabled: bool,
    /// Days for which they are kept.
    #[schemars(transform = computed, range(min = 1, max = 35))]
    pub recovery_period_in_days: Option<i32>,
}

/// The region that votes in a table of strong consistency and keeps no items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GlobalTableWitness {
    /// Region of the witness.
    #[schemars(transform = computed)]
    pub region_name: Option<String>,
}

/// Files that a new table gets its items from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportTable {
    /// How the files are compressed.
    #[schemars(transform = one_of(&["GZIP", "NONE", "ZSTD"]))]
    pub input_compression_type: Option<String>,
    /// What the files hold.
    #[schemars(transform = one_of(&["CSV", "DYNAMODB_JSON", "ION"]))]
    pub input_format: String,
    /// What else is to be known of the format.
    pub input_format_options: Option<InputFormatOptions>,
    /// Where the files are.
    pub s3_bucket_source: S3BucketSource,
}

/// What else is to be known of a format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputFormatOptions {
    /// Of CSV files.
    pub csv: Option<Csv>,
}

/// How CSV files are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Csv {
    /// Character between two columns, a comma if it is not given.
    pub delimiter: Option<String>,
    /// Names of the columns, if the files do not begin with them.
    pub header_lists: Option<Vec<String>>,
}

/// Files in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3BucketSource {
    /// Bucket of the files.
    #[schemars(transform = refers("aws:s3/bucket:Bucket.bucket"))]
    pub bucket: String,
    /// Account that owns the bucket.
    pub bucket_owner: Option<String>,
    /// Start of the keys of the files.
    pub key_prefix: Option<String>,
}

impl ImportTable {
    pub fn compression(&self) -> Option<InputCompressionType> {
        self.input_compression_type.as_deref().map(InputCompressionType::from)
    }

    pub fn format(&self) -> InputFormat {
        InputFormat::from(self.input_format.as_str())
    }

    pub fn options(&self) -> Option<sdk::InputFormatOptions> {
        let csv = self.input_format_options.as_ref()?.csv.as_ref()?;
        let csv = sdk::CsvOptions::builder()
            .set_delimiter(csv.delimiter.clone())
            .set_header_list(csv.header_lists.clone())
            .build();
        Some(sdk::InputFormatOptions::builder().csv(csv).build())
    }
}

impl S3BucketSource {
    pub fn as_asked(&self) -> Result<sdk::S3BucketSource> {
        Ok(sdk::S3BucketSource::builder()
            .s3_bucket(&self.bucket)
            .set_s3_bucket_owner(self.bucket_owner.clone())
            .set_s3_key_prefix(self.key_prefix.clone())
            .build()?)
    }
}
