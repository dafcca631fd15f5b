//! Conversion of JSON records to columns, by a table of Glue.

use std::collections::BTreeMap;

use aws_sdk_firehose::types::{
    self as sdk, OrcCompression, OrcFormatVersion, ParquetCompression, ParquetWriterVersion,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::rules::{computed, exclusive, one_of, refers};

/// Conversion of JSON to columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataFormatConversion {
    /// Whether records are converted.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How records are read.
    pub input_format_configuration: InputFormat,
    /// How objects are written.
    pub output_format_configuration: OutputFormat,
    /// Table of Glue that names the columns.
    pub schema_configuration: TableSchema,
}

fn yes() -> bool {
    true
}

/// How records are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputFormat {
    /// What reads them.
    pub deserializer: Deserializer,
}

/// What reads records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["hiveJsonSerDe", "openXJsonSerDe"]))]
pub struct Deserializer {
    /// The one of Hive.
    pub hive_json_ser_de: Option<HiveJson>,
    /// The one of OpenX.
    pub open_x_json_ser_de: Option<OpenXJson>,
}

/// The reader of Hive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HiveJson {
    /// Formats of times, as Joda-Time writes them.
    #[serde(default)]
    pub timestamp_formats: Vec<String>,
}

/// The reader of OpenX.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenXJson {
    /// Whether names are read in small letters.
    #[schemars(transform = computed)]
    pub case_insensitive: Option<bool>,
    /// Names of columns and the names that records have for them.
    #[serde(default)]
    pub column_to_json_key_mappings: BTreeMap<String, String>,
    /// Whether dots in names become underscores.
    #[schemars(transform = computed)]
    pub convert_dots_in_json_keys_to_underscores: Option<bool>,
}

/// How objects are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutputFormat {
    /// What writes them.
    pub serializer: Serializer,
}

/// What writes objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["orcSerDe", "parquetSerDe"]))]
pub struct Serializer {
    /// The one for ORC.
    pub orc_ser_de: Option<Orc>,
    /// The one for Parquet.
    pub parquet_ser_de: Option<Parquet>,
}

/// The writer of ORC files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Orc {
    /// Bytes of a block of HDFS.
    #[schemars(transform = computed)]
    pub block_size_bytes: Option<i32>,
    /// Columns with a Bloom filter.
    #[serde(default)]
    pub bloom_filter_columns: Vec<String>,
    /// Share of wrong answers of a Bloom filter, from 0 to 1.
    #[schemars(transform = computed)]
    pub bloom_filter_false_positive_probability: Option<f64>,
    /// Compression of blocks.
    #[schemars(transform = computed, transform = one_of(&["NONE", "SNAPPY", "ZLIB"]))]
    pub compression: Option<String>,
    /// Share of distinct keys up to which a dictionary is used, from 0 to 1.
    #[schemars(transform = computed)]
    pub dictionary_key_threshold: Option<f64>,
    /// Whether stripes are padded up to the end of a block.
    #[schemars(transform = computed)]
    pub enable_padding: Option<bool>,
    /// Version of the format.
    #[schemars(transform = computed, transform = one_of(&["V0_11", "V0_12"]))]
    pub format_version: Option<String>,
    /// Share of a stripe that may be padding, from 0 to 1.
    #[schemars(transform = computed)]
    pub padding_tolerance: Option<f64>,
    /// Rows between two entries of the index.
    #[schemars(transform = computed)]
    pub row_index_stride: Option<i32>,
    /// Bytes of a stripe.
    #[schemars(transform = computed)]
    pub stripe_size_bytes: Option<i32>,
}

/// The writer of Parquet files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parquet {
    /// Bytes of a block of HDFS.
    #[schemars(transform = computed)]
    pub block_size_bytes: Option<i32>,
    /// Compression of pages.
    #[schemars(transform = computed, transform = one_of(&["GZIP", "SNAPPY", "UNCOMPRESSED"]))]
    pub compression: Option<String>,
    /// Whether values are written by a dictionary.
    #[schemars(transform = computed)]
    pub enable_dictionary_compression: Option<bool>,
    /// Most bytes of padding.
    #[schemars(transform = computed)]
    pub max_padding_bytes: Option<i32>,
    /// Bytes of a page.
    #[schemars(transform = computed)]
    pub page_size_bytes: Option<i32>,
    /// Version of the format.
    #[schemars(transform = computed, transform = one_of(&["V1", "V2"]))]
    pub writer_version: Option<String>,
}

/// A table of Glue that names the columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TableSchema {
    /// Catalog, if not that of the account.
    #[schemars(transform = computed)]
    pub catalog_id: Option<String>,
    /// Database of the table.
    pub database_name: String,
    /// Region of the table, if not that of the stream.
    #[schemars(transform = computed)]
    pub region: Option<String>,
    /// Role that reads the table.
    #[schemars(transform = refers("aws:iam/role:Role.arn"))]
    pub role_arn: String,
    /// Table.
    pub table_name: String,
    /// Version of the table.
    #[serde(default = "latest")]
    pub version_id: String,
}

fn latest() -> String {
    "LATEST".to_owned()
}

impl DataFormatConversion {
    pub fn as_asked(&self) -> sdk::DataFormatConversionConfiguration {
        let (reads, writes) =
            (&self.input_format_configuration.deserializer, &self.output_format_configuration.serializer);
        let reader = sdk::Deserializer::builder()
            .set_hive_json_ser_de(reads.hive_json_ser_de.as_ref().map(HiveJson::as_asked))
            .set_open_x_json_ser_de(reads.open_x_json_ser_de.as_ref().map(OpenXJson::as_asked))
            .build();
        let writer = sdk::Serializer::builder()
            .set_orc_ser_de(writes.orc_ser_de.as_ref().map(Orc::as_asked))
            .set_parquet_ser_de(writes.parquet_ser_de.as_ref().map(Parquet::as_asked))
            .build();
        let schema = &self.schema_configuration;
        let schema = sdk::SchemaConfiguration::builder()
            .set_catalog_id(schema.catalog_id.clone())
            .database_name(&schema.database_name)
            .set_region(schema.region.clone())
            .role_arn(&schema.role_arn)
            .table_name(&schema.table_name)
            .version_id(&schema.version_id)
            .build();
        sdk::DataFormatConversionConfiguration::builder()
            .enabled(self.enabled)
            .input_format_configuration(sdk::InputFormatConfiguration::builder().deserializer(reader).build())
            .output_format_configuration(sdk::OutputFormatConfiguration::builder().serializer(writer).build())
            .schema_configuration(schema)
            .build()
    }

    /// A conversion without formats is none.
    pub fn shown(c: sdk::DataFormatConversionConfiguration) -> Option<Self> {
        let reader = c.input_format_configuration?.deserializer?;
        let writer = c.output_format_configuration?.serializer?;
        let schema = c.schema_configuration?;
        Some(Self {
            enabled: c.enabled.unwrap_or_else(yes),
            input_format_configuration: InputFormat {
                deserializer: Deserializer {
                    hive_json_ser_de: reader
                        .hive_json_ser_de
                        .map(|h| HiveJson { timestamp_formats: h.timestamp_formats.unwrap_or_default() }),
                    open_x_json_ser_de: reader.open_x_json_ser_de.map(OpenXJson::shown),
                },
            },
            output_format_configuration: OutputFormat {
                serializer: Serializer {
                    orc_ser_de: writer.orc_ser_de.map(Orc::shown),
                    parquet_ser_de: writer.parquet_ser_de.map(Parquet::shown),
                },
            },
            schema_configuration: TableSchema {
                catalog_id: schema.catalog_id,
                database_name: schema.database_name?,
                region: schema.region,
                role_arn: schema.role_arn?,
                table_name: schema.table_name?,
                version_id: schema.version_id.unwrap_or_else(latest),
            },
        })
    }
}

impl HiveJson {
    fn as_asked(&self) -> sdk::HiveJsonSerDe {
        let formats = Some(self.timestamp_formats.clone()).filter(|formats| !formats.is_empty());
        sdk::HiveJsonSerDe::builder().set_timestamp_formats(formats).build()
    }
}

impl OpenXJson {
    fn as_asked(&self) -> sdk::OpenXJsonSerDe {
        let names = self.column_to_json_key_mappings.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        sdk::OpenXJsonSerDe::builder()
            .set_case_insensitive(self.case_insensitive)
            .set_column_to_json_key_mappings(Some(names))
            .set_convert_dots_in_json_keys_to_underscores(self.convert_dots_in_json_keys_to_underscores)
            .build()
    }

    fn shown(o: sdk::OpenXJsonSerDe) -> Self {
        Self {
            case_insensitive: o.case_insensitive,
            column_to_json_key_mappings: o.column_to_json_key_mappings.unwrap_or_default().into_iter().collect(),
            convert_dots_in_json_keys_to_underscores: o.convert_dots_in_json_keys_to_underscores,
        }
    }
}

impl Orc {
    fn as_asked(&self) -> sdk::OrcSerDe {
        let columns = Some(self.bloom_filter_columns.clone()).filter(|columns| !columns.is_empty());
        sdk::OrcSerDe::builder()
            .set_block_size_bytes(self.block_size_bytes)
            .set_bloom_filter_columns(columns)
            .set_bloom_filter_false_positive_probability(self.bloom_filter_false_positive_probability)
            .set_compression(self.compression.as_deref().map(OrcCompression::from))
            .set_dictionary_key_threshold(self.dictionary_key_threshold)
            .set_enable_padding(self.enable_padding)
            .set_format_version(self.format_version.as_deref().map(OrcFormatVersion::from))
            .set_padding_tolerance(self.padding_tolerance)
            .set_row_index_stride(self.row_index_stride)
            .set_stripe_size_bytes(self.stripe_size_bytes)
            .build()
    }

    fn shown(o: sdk::OrcSerDe) -> Self {
        Self {
            block_size_bytes: o.block_size_bytes,
            bloom_filter_columns: o.bloom_filter_columns.unwrap_or_default(),
            bloom_filter_false_positive_probability: o.bloom_filter_false_positive_probability,
            compression: o.compression.map(|c| c.as_str().to_owned()),
            dictionary_key_threshold: o.dictionary_key_threshold,
            enable_padding: o.enable_padding,
            format_version: o.format_version.map(|v| v.as_str().to_owned()),
            padding_tolerance: o.padding_tolerance,
            row_index_stride: o.row_index_stride,
            stripe_size_bytes: o.stripe_size_bytes,
        }
    }
}

impl Parquet {
    fn as_asked(&self) -> sdk::ParquetSerDe {
        sdk::ParquetSerDe::builder()
            .set_block_size_bytes(self.block_size_bytes)
            .set_compression(self.compression.as_deref().map(ParquetCompression::from))
            .set_enable_dictionary_compression(self.enable_dictionary_compression)
            .set_max_padding_bytes(self.max_padding_bytes)
            .set_page_size_bytes(self.page_size_bytes)
            .set_writer_version(self.writer_version.as_deref().map(ParquetWriterVersion::from))
            .build()
    }

    fn shown(p: sdk::ParquetSerDe) -> Self {
        Self {
            block_size_bytes: p.block_size_bytes,
            compression: p.compression.map(|c| c.as_str().to_owned()),
            enable_dictionary_compression: p.enable_dictionary_compression,
            max_padding_bytes: p.max_padding_bytes,
            page_size_bytes: p.page_size_bytes,
            writer_version: p.writer_version.map(|v| v.as_str().to_owned()),
        }
    }
}
