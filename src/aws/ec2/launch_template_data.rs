//! The nested objects of launch templates.

use aws_sdk_ec2::types as sdk;

use crate::aws::mirror::{Mirror, mirror, words};
use crate::aws::prelude::*;
use crate::engine::rules::{computed, exclusive, one_of, refers, unordered};

words!(
    sdk::AmdSevSnpSpecification,
    sdk::CapacityReservationPreference,
    sdk::HostnameType,
    sdk::InstanceBandwidthWeighting,
    sdk::InstanceInterruptionBehavior,
    sdk::InstanceType,
    sdk::LaunchTemplateAutoRecoveryState,
    sdk::LaunchTemplateHttpTokensState,
    sdk::LaunchTemplateInstanceMetadataEndpointState,
    sdk::LaunchTemplateInstanceMetadataProtocolIpv6,
    sdk::LaunchTemplateInstanceMetadataTagsState,
    sdk::MarketType,
    sdk::NestedVirtualizationSpecification,
    sdk::ResourceType,
    sdk::SecondaryInterfaceType,
    sdk::ShutdownBehavior,
    sdk::SpotInstanceType,
    sdk::Tenancy,
    sdk::VolumeType,
);

/// The two positions of a switch that may also be left out.
const SWITCH: &[&str] = &["false", "true"];

mirror! {
    /// A volume or an instance store.
    pub struct LaunchTemplateBlockDeviceMapping = sdk::LaunchTemplateBlockDeviceMappingRequest | sdk::LaunchTemplateBlockDeviceMapping {
        /// Name of the device, for example `/dev/xvda`.
        pub device_name: Option<String>,
        /// Volume.
        pub ebs: Option<LaunchTemplateBlockDeviceMappingEbs>,
        /// Empty text that takes out a device of the image.
        pub no_device: Option<String>,
        /// Instance store, for example `ephemeral0`.
        pub virtual_name: Option<String>,
    }

    /// A volume.
    pub struct LaunchTemplateBlockDeviceMappingEbs = sdk::LaunchTemplateEbsBlockDeviceRequest | sdk::LaunchTemplateEbsBlockDevice {
        /// Whether the volume goes with the instance.
        #[schemars(transform = one_of(SWITCH))]
        pub delete_on_termination: Option<String>,
        /// Whether the volume is encrypted.
        #[schemars(transform = one_of(SWITCH))]
        pub encrypted: Option<String>,
        /// Input and output operations a second.
        #[schemars(transform = computed)]
        pub iops: Option<i32>,
        /// Key that encrypts the volume.
        #[schemars(transform = refers("aws:kms/key:Key.arn"))]
        pub kms_key_id: Option<String>,
        /// Snapshot that the volume begins with.
        pub snapshot_id: Option<String>,
        /// Throughput in MiB a second, for `gp3`.
        #[schemars(transform = computed, range(min = 125, max = 2000))]
        pub throughput: Option<i32>,
        /// Speed at which blocks come from the snapshot, in MiB a second.
        #[schemars(range(min = 100, max = 300))]
        pub volume_initialization_rate: Option<i32>,
        /// Size in GiB.
        #[schemars(transform = computed)]
        pub volume_size: Option<i32>,
        /// Kind of the volume, for example `gp3`.
        #[schemars(transform = computed)]
        pub volume_type: Option<String>,
    }

    /// Whether instances use reserved capacity.
    pub struct LaunchTemplateCapacityReservationSpecification =
        sdk::LaunchTemplateCapacityReservationSpecificationRequest | sdk::LaunchTemplateCapacityReservationSpecificationResponse {
        /// Which reservations instances may use.
        #[schemars(transform = one_of(&["capacity-reservations-only", "none", "open"]))]
        pub capacity_reservation_preference: Option<String>,
        /// Reservation that instances use.
        pub capacity_reservation_target: Option<LaunchTemplateCapacityReservationTarget>,
    }

    /// A reservation of capacity, or a group of them.
    #[schemars(transform = exclusive(&["capacityReservationId", "capacityReservationResourceGroupArn"]))]
    pub struct LaunchTemplateCapacityReservationTarget = sdk::CapacityReservationTarget | sdk::CapacityReservationTargetResponse {
        /// Reservation.
        pub capacity_reservation_id: Option<String>,
        /// Group of reservations.
        pub capacity_reservation_resource_group_arn: Option<String>,
    }

    /// Options of the processor.
    pub struct LaunchTemplateCpuOptions = sdk::LaunchTemplateCpuOptionsRequest | sdk::LaunchTemplateCpuOptions {
        /// Whether memory is encrypted by AMD SEV-SNP.
        #[schemars(transform = one_of(&["disabled", "enabled"]))]
        pub amd_sev_snp: Option<String>,
        /// Number of cores.
        pub core_count: Option<i32>,
        /// Whether instances may run virtual machines of their own.
        #[schemars(transform = one_of(&["disabled", "enabled"]))]
        pub nested_virtualization: Option<String>,
        /// Threads of a core.
        #[schemars(range(min = 1, max = 2))]
        pub threads_per_core: Option<i32>,
    }

    /// How instances that earn processor time spend it.
    pub struct LaunchTemplateCreditSpecification = sdk::CreditSpecificationRequest | sdk::CreditSpecification {
        /// Whether instances may spend more than they earned.
        #[schemars(transform = one_of(&["standard", "unlimited"]))]
        pub cpu_credits: Option<String>,
    }

    /// Enclaves of Nitro.
    pub struct LaunchTemplateEnclaveOptions = sdk::LaunchTemplateEnclaveOptionsRequest | sdk::LaunchTemplateEnclaveOptions {
        /// Whether instances may have enclaves.
        pub enabled: Option<bool>,
    }

    /// Hibernation.
    pub struct LaunchTemplateHibernationOptions = sdk::LaunchTemplateHibernationOptionsRequest | sdk::LaunchTemplateHibernationOptions {
        /// Whether instances may hibernate.
        pub configured: bool,
    }

    /// The rights of instances.
    #[schemars(transform = exclusive(&["arn", "name"]))]
    pub struct LaunchTemplateIamInstanceProfile =
        sdk::LaunchTemplateIamInstanceProfileSpecificationRequest | sdk::LaunchTemplateIamInstanceProfileSpecification {
        /// Instance profile by its ARN.
        #[schemars(transform = refers("aws:iam/instanceProfile:InstanceProfile.arn"))]
        pub arn: Option<String>,
        /// Instance profile by its name.
        #[schemars(transform = refers("aws:iam/instanceProfile:InstanceProfile.name"))]
        pub name: Option<String>,
    }

    /// How instances are bought.
    pub struct LaunchTemplateInstanceMarketOptions =
        sdk::LaunchTemplateInstanceMarketOptionsRequest | sdk::LaunchTemplateInstanceMarketOptions {
        /// Way to buy.
        #[schemars(transform = one_of(&["capacity-block", "interruptible-capacity-reservation", "spot"]))]
        pub market_type: Option<String>,
        /// Options of spot instances.
        pub spot_options: Option<LaunchTemplateSpotOptions>,
    }

    /// Options of spot instances.
    pub struct LaunchTemplateSpotOptions = sdk::LaunchTemplateSpotMarketOptionsRequest | sdk::LaunchTemplateSpotMarketOptions {
        /// Minutes that instances run for sure; AWS does not sell such times any more.
        pub block_duration_minutes: Option<i32>,
        /// What happens to an instance that AWS takes back.
        #[schemars(transform = one_of(&["hibernate", "stop", "terminate"]))]
        pub instance_interruption_behavior: Option<String>,
        /// Highest price of an hour, in dollars.
        pub max_price: Option<String>,
        /// Whether the request ends with its instance.
        #[schemars(transform = one_of(&["one-time", "persistent"]))]
        pub spot_instance_type: Option<String>,
        /// Time at which the request ends, for example `2030-01-31T12:00:00Z`.
        #[schemars(transform = computed)]
        pub valid_until: Option<String>,
    }

    /// A license.
    pub struct LaunchTemplateLicenseSpecification = sdk::LaunchTemplateLicenseConfigurationRequest | sdk::LaunchTemplateLicenseConfiguration {
        /// ARN of the license configuration.
        pub license_configuration_arn: String,
    }

    /// What AWS does when hardware fails.
    pub struct LaunchTemplateMaintenanceOptions =
        sdk::LaunchTemplateInstanceMaintenanceOptionsRequest | sdk::LaunchTemplateInstanceMaintenanceOptions {
        /// Whether instances move to other hardware by themselves.
        #[schemars(transform = one_of(&["default", "disabled"]))]
        pub auto_recovery: Option<String>,
    }

    /// The metadata service of instances.
    pub struct LaunchTemplateMetadataOptions =
        sdk::LaunchTemplateInstanceMetadataOptionsRequest | sdk::LaunchTemplateInstanceMetadataOptions {
        /// Whether the service answers.
        #[schemars(transform = computed, transform = one_of(&["disabled", "enabled"]))]
        pub http_endpoint: Option<String>,
        /// Whether the service answers at an IPv6 address.
        #[schemars(transform = computed, transform = one_of(&["disabled", "enabled"]))]
        pub http_protocol_ipv6: Option<String>,
        /// Number of network hops that answers survive.
        #[schemars(transform = computed, range(min = 1, max = 64))]
        pub http_put_response_hop_limit: Option<i32>,
        /// Whether questions need a token, as version 2 of the service wants it.
        #[schemars(transform = computed, transform = one_of(&["optional", "required"]))]
        pub http_tokens: Option<String>,
        /// Whether the service tells the tags of the instance.
        #[schemars(transform = computed, transform = one_of(&["disabled", "enabled"]))]
        pub instance_metadata_tags: Option<String>,
    }

    /// Metrics of instances.
    pub struct LaunchTemplateMonitoring = sdk::LaunchTemplatesMonitoringRequest | sdk::LaunchTemplatesMonitoring {
        /// Whether metrics come each minute.
        pub enabled: Option<bool>,
    }

    /// A network interface.
    pub struct LaunchTemplateNetworkInterface =
        sdk::LaunchTemplateInstanceNetworkInterfaceSpecificationRequest | sdk::LaunchTemplateInstanceNetworkInterfaceSpecification {
        /// Whether the interface gets an address of the carrier, in a Wavelength Zone.
        #[schemars(transform = one_of(SWITCH))]
        pub associate_carrier_ip_address: Option<String>,
        /// Whether the interface gets a public address.
        #[schemars(transform = one_of(SWITCH))]
        pub associate_public_ip_address: Option<String>,
        /// How long idle connections are remembered.
        pub connection_tracking_specification: Option<LaunchTemplateConnectionTracking>,
        /// Whether the interface goes with the instance.
        #[schemars(transform = one_of(SWITCH))]
        pub delete_on_termination: Option<String>,
        /// Purpose of the interface.
        pub description: Option<String>,
        /// Position of the interface at the instance.
        pub device_index: Option<i32>,
        /// Number of ENA queues.
        pub ena_queue_count: Option<i32>,
        /// ENA Express.
        pub ena_srd_specification: Option<LaunchTemplateEnaSrd>,
        /// Security groups.
        #[serde(rename = "securityGroups")]
        #[schemars(transform = unordered, transform = refers("aws:ec2/securityGroup:SecurityGroup.id"))]
        pub groups: Option<Vec<String>>,
        /// Kind of the interface.
        #[schemars(transform = one_of(&["efa", "efa-only", "interface"]))]
        pub interface_type: Option<String>,
        /// Number of private IPv4 prefixes that AWS chooses.
        pub ipv4_prefix_count: Option<i32>,
        /// Private IPv4 prefixes.
        #[schemars(transform = unordered)]
        pub ipv4_prefixes: Option<Vec<String>>,
        /// Number of IPv6 addresses that AWS chooses.
        pub ipv6_address_count: Option<i32>,
        /// IPv6 addresses.
        #[schemars(transform = unordered)]
        pub ipv6_addresses: Option<Vec<String>>,
        /// Number of IPv6 prefixes that AWS chooses.
        pub ipv6_prefix_count: Option<i32>,
        /// IPv6 prefixes.
        #[schemars(transform = unordered)]
        pub ipv6_prefixes: Option<Vec<String>>,
        /// Network card, on instances with more than one.
        pub network_card_index: Option<i32>,
        /// Network interface that exists.
        pub network_interface_id: Option<String>,
        /// Whether the first IPv6 address is the primary one.
        #[schemars(transform = one_of(SWITCH))]
        pub primary_ipv6: Option<String>,
        /// Primary private address.
        pub private_ip_address: Option<String>,
        /// Further private addresses.
        #[serde(rename = "ipv4Addresses")]
        #[schemars(transform = unordered)]
        pub private_ip_addresses: Option<Vec<String>>,
        /// Number of further private addresses that AWS chooses.
        #[serde(rename = "ipv4AddressCount")]
        pub secondary_private_ip_address_count: Option<i32>,
        /// Subnet.
        #[schemars(transform = refers("aws:ec2/subnet:Subnet.id"))]
        pub subnet_id: Option<String>,
    }

    /// How long idle connections are remembered, in seconds.
    pub struct LaunchTemplateConnectionTracking = sdk::ConnectionTrackingSpecificationRequest | sdk::ConnectionTrackingSpecification {
        /// Established TCP connections.
        #[schemars(range(min = 60, max = 432_000))]
        pub tcp_established_timeout: Option<i32>,
        /// UDP with more than one question or answer.
        #[schemars(range(min = 60, max = 180))]
        pub udp_stream_timeout: Option<i32>,
        /// UDP with one question or answer.
        #[schemars(range(min = 30, max = 60))]
        pub udp_timeout: Option<i32>,
    }

    /// ENA Express.
    pub struct LaunchTemplateEnaSrd = sdk::EnaSrdSpecificationRequest | sdk::LaunchTemplateEnaSrdSpecification {
        /// Whether TCP uses it.
        pub ena_srd_enabled: Option<bool>,
        /// The same for UDP.
        pub ena_srd_udp_specification: Option<LaunchTemplateEnaSrdUdp>,
    }

    /// ENA Express for UDP.
    pub struct LaunchTemplateEnaSrdUdp = sdk::EnaSrdUdpSpecificationRequest | sdk::LaunchTemplateEnaSrdUdpSpecification {
        /// Whether UDP uses it.
        pub ena_srd_udp_enabled: Option<bool>,
    }

    /// How bandwidth is shared between network and volumes.
    pub struct LaunchTemplateNetworkPerformanceOptions =
        sdk::LaunchTemplateNetworkPerformanceOptionsRequest | sdk::LaunchTemplateNetworkPerformanceOptions {
        /// What gets more.
        #[schemars(transform = one_of(&["default", "ebs-1", "vpc-1"]))]
        pub bandwidth_weighting: Option<String>,
    }

    /// Where instances run.
    #[schemars(transform = exclusive(&["hostId", "hostResourceGroupArn"]))]
    pub struct LaunchTemplatePlacement = sdk::LaunchTemplatePlacementRequest | sdk::LaunchTemplatePlacement {
        /// Whether instances return to their dedicated host.
        pub affinity: Option<String>,
        /// Zone.
        pub availability_zone: Option<String>,
        /// Placement group by its id.
        pub group_id: Option<String>,
        /// Placement group by its name.
        pub group_name: Option<String>,
        /// Dedicated host.
        pub host_id: Option<String>,
        /// Group of dedicated hosts.
        pub host_resource_group_arn: Option<String>,
        /// Partition of the placement group.
        pub partition_number: Option<i32>,
        /// Kept by AWS for later.
        pub spread_domain: Option<String>,
        /// Whether hardware is shared.
        #[schemars(transform = one_of(&["dedicated", "default", "host"]))]
        pub tenancy: Option<String>,
    }

    /// The private host names of instances.
    pub struct LaunchTemplatePrivateDnsNameOptions =
        sdk::LaunchTemplatePrivateDnsNameOptionsRequest | sdk::LaunchTemplatePrivateDnsNameOptions {
        /// Whether DNS knows resource names by A records.
        #[serde(rename = "enableResourceNameDnsARecord")]
        pub enable_resource_name_dns_a_record: Option<bool>,
        /// Whether DNS knows resource names by AAAA records.
        pub enable_resource_name_dns_aaaa_record: Option<bool>,
        /// What the names are made of.
        #[schemars(transform = one_of(&["ip-name", "resource-name"]))]
        pub hostname_type: Option<String>,
    }

    /// A network interface in a secondary subnet.
    pub struct LaunchTemplateSecondaryInterface =
        sdk::LaunchTemplateInstanceSecondaryInterfaceSpecificationRequest | sdk::LaunchTemplateInstanceSecondaryInterfaceSpecification {
        /// Whether the interface goes with the instance.
        pub delete_on_termination: Option<bool>,
        /// Position of the interface at the instance.
        pub device_index: Option<i32>,
        /// Kind of the interface.
        pub interface_type: Option<String>,
        /// Network card.
        pub network_card_index: Option<i32>,
        /// Number of private addresses that AWS chooses.
        pub private_ip_address_count: Option<i32>,
        /// Private addresses.
        #[schemars(transform = unordered)]
        pub private_ip_addresses: Option<Vec<String>>,
        /// Secondary subnet.
        pub secondary_subnet_id: Option<String>,
    }

    /// Tags for what is made together with an instance.
    pub struct LaunchTemplateTagSpecification = sdk::LaunchTemplateTagSpecificationRequest | sdk::LaunchTemplateTagSpecification {
        /// What gets the tags, for example `instance` or `volume`.
        pub resource_type: Option<String>,
        /// Tags.
        pub tags: Option<Tags>,
    }
}

/// Objects of the SDK that hold one text worth having.
macro_rules! texts {
    ($($sdk:ty: $field:ident),* $(,)?) => {$(
        impl Mirror<$sdk> for String {
            fn send(&self) -> Result<$sdk> {
                Ok(<$sdk>::builder().$field(self).build())
            }

            fn show(sdk: $sdk) -> Result<Self> {
                need(stringify!($field), sdk.$field)
            }
        }
    )*};
}

texts!(
    sdk::InstanceIpv6Address: ipv6_address,
    sdk::InstanceIpv6AddressRequest: ipv6_address,
    sdk::Ipv4PrefixSpecificationRequest: ipv4_prefix,
    sdk::Ipv4PrefixSpecificationResponse: ipv4_prefix,
    sdk::Ipv6PrefixSpecificationRequest: ipv6_prefix,
    sdk::Ipv6PrefixSpecificationResponse: ipv6_prefix,
    sdk::PrivateIpAddressSpecification: private_ip_address,
    sdk::SecondaryInterfacePrivateIpAddressSpecification: private_ip_address,
    sdk::SecondaryInterfacePrivateIpAddressSpecificationRequest: private_ip_address,
);

impl Mirror<Vec<sdk::Tag>> for Tags {
    fn send(&self) -> Result<Vec<sdk::Tag>> {
        Ok(self.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect())
    }

    /// These are tags of others, so that reserved ones are shown.
    fn show(tags: Vec<sdk::Tag>) -> Result<Self> {
        Ok(super::tags_from(Some(tags)))
    }
}
