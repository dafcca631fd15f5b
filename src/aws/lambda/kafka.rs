//! How mappings read clusters of Kafka.

use aws_sdk_lambda::types as sdk;

use crate::aws::mirror::{mirror, words};
use crate::engine::rules::{computed, one_of, replace, unordered};

words!(sdk::KafkaSchemaRegistryAuthType, sdk::KafkaSchemaValidationAttribute, sdk::SchemaRegistryEventRecordFormat,);

mirror! {
    /// How a cluster of MSK is read.
    pub struct ManagedKafkaConfig = sdk::AmazonManagedKafkaEventSourceConfig {
        /// Group of consumers that the mapping joins, made up by Lambda if not given.
        #[schemars(transform = computed, transform = replace, length(min = 1, max = 200))]
        pub consumer_group_id: Option<String>,
        /// Registry of the schemas of records.
        pub schema_registry_config: Option<SchemaRegistry>,
    }

    /// How a cluster of Kafka outside of AWS is read.
    pub struct SelfManagedKafkaConfig = sdk::SelfManagedKafkaEventSourceConfig {
        /// Group of consumers that the mapping joins, made up by Lambda if not given.
        #[schemars(transform = computed, transform = replace, length(min = 1, max = 200))]
        pub consumer_group_id: Option<String>,
        /// Registry of the schemas of records.
        pub schema_registry_config: Option<SchemaRegistry>,
    }

    /// A registry of schemas.
    pub struct SchemaRegistry = sdk::KafkaSchemaRegistryConfig {
        /// How Lambda proves to the registry who it is.
        #[schemars(transform = unordered)]
        pub access_configs: Option<Vec<SchemaRegistryAccess>>,
        /// Form in which the function gets records.
        #[schemars(transform = one_of(&["JSON", "SOURCE"]))]
        pub event_record_format: Option<String>,
        /// ARN of a registry of Glue, or URL of another one.
        pub schema_registry_uri: Option<String>,
        /// Parts of a record that are checked.
        #[schemars(transform = unordered)]
        pub schema_validation_configs: Option<Vec<SchemaValidation>>,
    }

    /// One way in which Lambda proves to a registry who it is.
    pub struct SchemaRegistryAccess = sdk::KafkaSchemaRegistryAccessConfig {
        /// Kind, for example `BASIC_AUTH`.
        #[serde(rename = "type")]
        pub r#type: Option<String>,
        /// ARN of the secret.
        pub uri: Option<String>,
    }

    /// A part of a record that is checked.
    pub struct SchemaValidation = sdk::KafkaSchemaValidationConfig {
        /// The key of the record, or its value.
        #[schemars(transform = one_of(&["KEY", "VALUE"]))]
        pub attribute: Option<String>,
    }
}
