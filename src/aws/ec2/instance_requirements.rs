//! What instance types must have, as EC2 and Auto Scaling both ask for it.

use aws_sdk_autoscaling::types as scaling;
use aws_sdk_ec2::types as ec2;

use crate::aws::mirror::{mirror, words};
use crate::engine::rules::{exclusive, one_of, unordered};

words!(
    ec2::AcceleratorManufacturer,
    ec2::AcceleratorName,
    ec2::AcceleratorType,
    ec2::BareMetal,
    ec2::BurstablePerformance,
    ec2::CpuManufacturer,
    ec2::InstanceGeneration,
    ec2::LocalStorage,
    ec2::LocalStorageType,
    scaling::AcceleratorManufacturer,
    scaling::AcceleratorName,
    scaling::AcceleratorType,
    scaling::BareMetal,
    scaling::BurstablePerformance,
    scaling::CpuManufacturer,
    scaling::InstanceGeneration,
    scaling::LocalStorage,
    scaling::LocalStorageType,
);

mirror! {
    /// What instance types must have. All that fit may be taken.
    #[schemars(transform = exclusive(&["allowedInstanceTypes", "excludedInstanceTypes"]))]
    pub struct InstanceRequirements = ec2::InstanceRequirementsRequest | ec2::InstanceRequirements | scaling::InstanceRequirements {
        /// Number of accelerators. At most 0 keeps out types with accelerators.
        pub accelerator_count: Option<WholeRange>,
        /// Makers of accelerators, for example `nvidia`.
        #[schemars(transform = unordered)]
        pub accelerator_manufacturers: Option<Vec<String>>,
        /// Accelerators, for example `a100`.
        #[schemars(transform = unordered)]
        pub accelerator_names: Option<Vec<String>>,
        /// Memory of all accelerators, in MiB.
        pub accelerator_total_memory_mib: Option<WholeRange>,
        /// Kinds of accelerators: `gpu`, `fpga`, `inference` or `media`.
        #[schemars(transform = unordered)]
        pub accelerator_types: Option<Vec<String>>,
        /// The only types that may be taken; `*` stands for anything, as in `m5.*`.
        #[schemars(transform = unordered, length(max = 400))]
        pub allowed_instance_types: Option<Vec<String>>,
        /// Whether bare metal may be taken.
        #[schemars(transform = one_of(&["excluded", "included", "required"]))]
        pub bare_metal: Option<String>,
        /// Bandwidth to volumes, in Mbps.
        pub baseline_ebs_bandwidth_mbps: Option<WholeRange>,
        /// Whether types that earn processor time may be taken.
        #[schemars(transform = one_of(&["excluded", "included", "required"]))]
        pub burstable_performance: Option<String>,
        /// Makers of processors, for example `amazon-web-services`.
        #[schemars(transform = unordered)]
        pub cpu_manufacturers: Option<Vec<String>>,
        /// Types that may not be taken; `*` stands for anything, as in `t2.*`.
        #[schemars(transform = unordered, length(max = 400))]
        pub excluded_instance_types: Option<Vec<String>>,
        /// Generations: `current` or `previous`.
        #[schemars(transform = unordered)]
        pub instance_generations: Option<Vec<String>>,
        /// Whether types with disks of their own may be taken.
        #[schemars(transform = one_of(&["excluded", "included", "required"]))]
        pub local_storage: Option<String>,
        /// Kinds of own disks: `hdd` or `ssd`.
        #[schemars(transform = unordered)]
        pub local_storage_types: Option<Vec<String>>,
        /// Highest spot price, in percent of the on-demand price of the cheapest type that fits.
        #[schemars(range(min = 1))]
        pub max_spot_price_as_percentage_of_optimal_on_demand_price: Option<i32>,
        /// Memory for each virtual processor, in GiB.
        #[serde(rename = "memoryGibPerVcpu")]
        pub memory_gib_per_v_cpu: Option<Range>,
        /// Memory, in MiB.
        pub memory_mib: WholeRange,
        /// Network bandwidth, in Gbps.
        pub network_bandwidth_gbps: Option<Range>,
        /// Number of network interfaces.
        pub network_interface_count: Option<WholeRange>,
        /// How much dearer than the cheapest type on-demand instances may be, in percent.
        #[schemars(range(min = 1))]
        pub on_demand_max_price_percentage_over_lowest_price: Option<i32>,
        /// Whether instances must be able to hibernate.
        #[serde(default)]
        pub require_hibernate_support: bool,
        /// How much dearer than the cheapest type spot instances may be, in percent.
        #[schemars(range(min = 1))]
        pub spot_max_price_percentage_over_lowest_price: Option<i32>,
        /// Size of all own disks, in GB.
        pub total_local_storage_gb: Option<Range>,
        /// Number of virtual processors.
        #[serde(rename = "vcpuCount")]
        pub v_cpu_count: WholeRange,
    }

    /// A range of whole numbers. A bound that is not given is open.
    pub struct WholeRange =
        ec2::AcceleratorCount | ec2::AcceleratorCountRequest
        | ec2::AcceleratorTotalMemoryMiB | ec2::AcceleratorTotalMemoryMiBRequest
        | ec2::BaselineEbsBandwidthMbps | ec2::BaselineEbsBandwidthMbpsRequest
        | ec2::MemoryMiB | ec2::MemoryMiBRequest
        | ec2::NetworkInterfaceCount | ec2::NetworkInterfaceCountRequest
        | ec2::VCpuCountRange | ec2::VCpuCountRangeRequest
        | scaling::AcceleratorCountRequest
        | scaling::AcceleratorTotalMemoryMiBRequest
        | scaling::BaselineEbsBandwidthMbpsRequest
        | scaling::MemoryMiBRequest
        | scaling::NetworkInterfaceCountRequest
        | scaling::VCpuCountRequest {
        /// Highest value.
        #[schemars(range(min = 0))]
        pub max: Option<i32>,
        /// Lowest value.
        #[schemars(range(min = 0))]
        pub min: Option<i32>,
    }

    /// A range of numbers. A bound that is not given is open.
    pub struct Range =
        ec2::MemoryGiBPerVCpu | ec2::MemoryGiBPerVCpuRequest
        | ec2::NetworkBandwidthGbps | ec2::NetworkBandwidthGbpsRequest
        | ec2::TotalLocalStorageGb | ec2::TotalLocalStorageGbRequest
        | scaling::MemoryGiBPerVCpuRequest
        | scaling::NetworkBandwidthGbpsRequest
        | scaling::TotalLocalStorageGbRequest {
        /// Highest value.
        pub max: Option<f64>,
        /// Lowest value.
        pub min: Option<f64>,
    }
}
