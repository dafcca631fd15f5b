use aws_sdk_ec2::types::{self as sdk, RequestLaunchTemplateData, ResourceType, ResponseLaunchTemplateData};
use futures::try_join;

use super::instance_requirements::InstanceRequirements;
use super::launch_template_data::{
    LaunchTemplateBlockDeviceMapping, LaunchTemplateCapacityReservationSpecification, LaunchTemplateCpuOptions,
    LaunchTemplateCreditSpecification, LaunchTemplateEnclaveOptions, LaunchTemplateHibernationOptions,
    LaunchTemplateIamInstanceProfile, LaunchTemplateInstanceMarketOptions, LaunchTemplateLicenseSpecification,
    LaunchTemplateMaintenanceOptions, LaunchTemplateMetadataOptions, LaunchTemplateMonitoring,
    LaunchTemplateNetworkInterface, LaunchTemplateNetworkPerformanceOptions, LaunchTemplatePlacement,
    LaunchTemplatePrivateDnsNameOptions, LaunchTemplateSecondaryInterface, LaunchTemplateTagSpecification,
};
use super::{arn, is_mine, mine, retag, tagged, tags_from};
use crate::aws::mirror::Field;
use crate::aws::prelude::*;
use crate::engine::rules::{
    auto_name, computed, exclusive, moves, one_of, refers, replace, sometimes_shown, unordered,
};

/// How instances are launched. Each change makes a new version; older ones stay.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["defaultVersion", "updateDefaultVersion"]))]
#[schemars(transform = exclusive(&["instanceRequirements", "instanceType"]))]
#[schemars(transform = exclusive(&["securityGroupNames", "vpcSecurityGroupIds"]))]
pub struct LaunchTemplate {
    /// Volumes and instance stores.
    pub block_device_mappings: Option<Vec<LaunchTemplateBlockDeviceMapping>>,
    /// Whether instances use reserved capacity.
    pub capacity_reservation_specification: Option<LaunchTemplateCapacityReservationSpecification>,
    /// Options of the processor.
    pub cpu_options: Option<LaunchTemplateCpuOptions>,
    /// How instances that earn processor time spend it.
    pub credit_specification: Option<LaunchTemplateCreditSpecification>,
    /// Version that is used where none is named.
    #[schemars(transform = computed, range(min = 1))]
    pub default_version: Option<i64>,
    /// Purpose of the version.
    #[schemars(length(max = 255))]
    pub description: Option<String>,
    /// Whether instances cannot be stopped by the API.
    pub disable_api_stop: Option<bool>,
    /// Whether instances cannot be terminated by the API.
    pub disable_api_termination: Option<bool>,
    /// Whether instances have bandwidth of their own to volumes.
    #[schemars(transform = one_of(&["false", "true"]))]
    pub ebs_optimized: Option<String>,
    /// Enclaves of Nitro.
    pub enclave_options: Option<LaunchTemplateEnclaveOptions>,
    /// Hibernation.
    pub hibernation_options: Option<LaunchTemplateHibernationOptions>,
    /// Rights of instances.
    pub iam_instance_profile: Option<LaunchTemplateIamInstanceProfile>,
    /// Image, by its id or as `resolve:ssm:` and the name of a parameter.
    pub image_id: Option<String>,
    /// What an instance does when its system shuts down.
    #[schemars(transform = one_of(&["stop", "terminate"]))]
    pub instance_initiated_shutdown_behavior: Option<String>,
    /// How instances are bought.
    pub instance_market_options: Option<LaunchTemplateInstanceMarketOptions>,
    /// What instance types must have, in place of one type.
    pub instance_requirements: Option<InstanceRequirements>,
    /// Type, for example `t3.medium`.
    pub instance_type: Option<String>,
    /// Kernel.
    pub kernel_id: Option<String>,
    /// Key pair for the first login.
    pub key_name: Option<String>,
    /// Licenses.
    #[schemars(transform = unordered)]
    pub license_specifications: Option<Vec<LaunchTemplateLicenseSpecification>>,
    /// What AWS does when hardware fails.
    pub maintenance_options: Option<LaunchTemplateMaintenanceOptions>,
    /// Metadata service of instances.
    #[schemars(transform = computed)]
    pub metadata_options: Option<LaunchTemplateMetadataOptions>,
    /// Metrics of instances.
    pub monitoring: Option<LaunchTemplateMonitoring>,
    /// Name of the template, unique in account and region.
    #[schemars(transform = replace, transform = auto_name(128), length(min = 3, max = 128))]
    pub name: String,
    /// Network interfaces.
    pub network_interfaces: Option<Vec<LaunchTemplateNetworkInterface>>,
    /// How bandwidth is shared between network and volumes.
    pub network_performance_options: Option<LaunchTemplateNetworkPerformanceOptions>,
    /// Where instances run.
    pub placement: Option<LaunchTemplatePlacement>,
    /// Private host names of instances.
    pub private_dns_name_options: Option<LaunchTemplatePrivateDnsNameOptions>,
    /// RAM disk.
    pub ram_disk_id: Option<String>,
    /// Network interfaces in secondary subnets.
    pub secondary_interfaces: Option<Vec<LaunchTemplateSecondaryInterface>>,
    /// Security groups by their names, in a default VPC.
    #[schemars(transform = unordered)]
    pub security_group_names: Option<Vec<String>>,
    /// Tags for what is made together with an instance.
    pub tag_specifications: Option<Vec<LaunchTemplateTagSpecification>>,
    /// Tags of the template.
    #[serde(default)]
    pub tags: Tags,
    /// Whether each new version becomes the default version.
    #[schemars(transform = computed, transform = sometimes_shown)]
    pub update_default_version: Option<bool>,
    /// What instances run when they start, in base64.
    pub user_data: Option<String>,
    /// Security groups.
    #[schemars(transform = unordered, transform = refers("aws:ec2/securityGroup:SecurityGroup.id"))]
    pub vpc_security_group_ids: Option<Vec<String>>,
}

/// What AWS decides about a launch template.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LaunchTemplateOutputs {
    /// ARN of the template.
    pub arn: String,
    /// Newest version.
    #[schemars(range(min = 1), transform = moves)]
    pub latest_version: i64,
}

impl Resource for LaunchTemplate {
    const TYPE: &'static str = "aws:ec2/launchTemplate:LaunchTemplate";
    const FACTS: Facts = Facts {
        takes: Takes::seconds(1, 1, 1),
        permissions: Permissions {
            create: &["ec2:CreateLaunchTemplate", "ec2:CreateTags", "iam:PassRole", "ssm:GetParameters"],
            read: &["ec2:DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplates"],
            update: &[
                "ec2:CreateLaunchTemplateVersion",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "ec2:ModifyLaunchTemplate",
                "iam:PassRole",
            ],
            delete: &["ec2:DeleteLaunchTemplate"],
        },
        acts_on: &["ec2:{region}:*:launch-template/*"],
        passes_roles_to: &["ec2"],
        import: "id of the launch template, `lt-0123456789abcdef0`",
        ..Facts::new(IdForm::Random("lt-", 17), FoundBy::OwnerTag)
    };
    type Outputs = LaunchTemplateOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx
            .ec2()
            .create_launch_template()
            .launch_template_data(self.data()?)
            .launch_template_name(&self.name)
            .tag_specifications(tagged(ResourceType::LaunchTemplate, &cx.tags(&self.tags)))
            .set_version_description(self.description.clone())
            .send()
            .await?;
        let template = need("LaunchTemplate", reply.launch_template)?;
        Ok(Made::id(need("LaunchTemplateId", template.launch_template_id)?))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let mut latest = live.outputs.latest_version;
        let data = self.data()?;
        if data != live.inputs.data()? || self.description != live.inputs.description {
            let reply = cx
                .ec2()
                .create_launch_template_version()
                .launch_template_data(data)
                .launch_template_id(&id.0)
                .set_version_description(self.description.clone())
                .send()
                .await?;
            let version = need("LaunchTemplateVersion", reply.launch_template_version)?;
            latest = need("VersionNumber", version.version_number)?;
        }
        let default = if self.update_default_version == Some(true) { Some(latest) } else { self.default_version };
        if let Some(default) = changed(&default, &live.inputs.default_version) {
            let modify = cx.ec2().modify_launch_template().launch_template_id(&id.0);
            modify.default_version(default.to_string()).send().await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.ec2().delete_launch_template().launch_template_id(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let pages = cx.ec2().describe_launch_templates().filters(mine(cx)).into_paginator().items().send();
        let templates = pages.collect::<Result<Vec<_>, _>>().await?;
        let templates = templates.into_iter().filter(|t| is_mine(t.tags(), cx));
        templates.map(|t| Ok(Id(need("LaunchTemplateId", t.launch_template_id)?))).collect()
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(id, tags, cx).await
    }

    fn foresee(_: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        vec![("arn", arn(at, "launch-template"))]
    }
}

impl LaunchTemplate {
    /// What a version holds.
    fn data(&self) -> Result<RequestLaunchTemplateData> {
        let mut data = RequestLaunchTemplateData::builder().build();
        data.block_device_mappings = self.block_device_mappings.put()?;
        data.capacity_reservation_specification = self.capacity_reservation_specification.put()?;
        data.cpu_options = self.cpu_options.put()?;
        data.credit_specification = self.credit_specification.put()?;
        data.disable_api_stop = self.disable_api_stop;
        data.disable_api_termination = self.disable_api_termination;
        data.ebs_optimized = self.ebs_optimized.put()?;
        data.enclave_options = self.enclave_options.put()?;
        data.hibernation_options = self.hibernation_options.put()?;
        data.iam_instance_profile = self.iam_instance_profile.put()?;
        data.image_id.clone_from(&self.image_id);
        data.instance_initiated_shutdown_behavior = self.instance_initiated_shutdown_behavior.put()?;
        data.instance_market_options = self.instance_market_options.put()?;
        data.instance_requirements = self.instance_requirements.put()?;
        data.instance_type = self.instance_type.put()?;
        data.kernel_id.clone_from(&self.kernel_id);
        data.key_name.clone_from(&self.key_name);
        data.license_specifications = self.license_specifications.put()?;
        data.maintenance_options = self.maintenance_options.put()?;
        data.metadata_options = self.metadata_options.put()?;
        data.monitoring = self.monitoring.put()?;
        data.network_interfaces = self.network_interfaces.put()?;
        data.network_performance_options = self.network_performance_options.put()?;
        data.placement = self.placement.put()?;
        data.private_dns_name_options = self.private_dns_name_options.put()?;
        data.ram_disk_id.clone_from(&self.ram_disk_id);
        data.secondary_interfaces = self.secondary_interfaces.put()?;
        data.security_groups.clone_from(&self.security_group_names);
        data.tag_specifications = self.tag_specifications.put()?;
        data.user_data.clone_from(&self.user_data);
        data.security_group_ids.clone_from(&self.vpc_security_group_ids);
        Ok(data)
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<LaunchTemplate>>> {
    let template = async { cx.ec2().describe_launch_templates().launch_template_ids(&id.0).send().await.or_none() };
    let version = async {
        let versions = cx.ec2().describe_launch_template_versions().launch_template_id(&id.0);
        versions.versions("$Latest").send().await.or_none()
    };
    let (template, version) = try_join!(template, version)?;
    let template = template.and_then(|reply| reply.launch_templates?.into_iter().next());
    let version = version.and_then(|reply| reply.launch_template_versions?.into_iter().next());
    match (template, version) {
        (Some(template), Some(version)) => shown(template, version, cx).map(Seen::Ready),
        _ => Ok(Seen::Gone),
    }
}

fn shown(t: sdk::LaunchTemplate, version: sdk::LaunchTemplateVersion, cx: &Cx) -> Result<Live<LaunchTemplate>> {
    let id = need("LaunchTemplateId", t.launch_template_id)?;
    let latest = need("LatestVersionNumber", t.latest_version_number)?;
    let default = need("DefaultVersionNumber", t.default_version_number)?;
    let outputs =
        LaunchTemplateOutputs { arn: cx.arn("ec2", &format!("launch-template/{id}")), latest_version: latest };
    let data: ResponseLaunchTemplateData = need("LaunchTemplateData", version.launch_template_data)?;
    let inputs = LaunchTemplate {
        block_device_mappings: Field::take("BlockDeviceMappings", data.block_device_mappings)?,
        capacity_reservation_specification: Field::take(
            "CapacityReservationSpecification",
            data.capacity_reservation_specification,
        )?,
        cpu_options: Field::take("CpuOptions", data.cpu_options)?,
        credit_specification: Field::take("CreditSpecification", data.credit_specification)?,
        default_version: Some(default),
        description: version.version_description.filter(|d| !d.is_empty()),
        disable_api_stop: data.disable_api_stop,
        disable_api_termination: data.disable_api_termination,
        ebs_optimized: Field::take("EbsOptimized", data.ebs_optimized)?,
        enclave_options: Field::take("EnclaveOptions", data.enclave_options)?,
        hibernation_options: Field::take("HibernationOptions", data.hibernation_options)?,
        iam_instance_profile: Field::take("IamInstanceProfile", data.iam_instance_profile)?,
        image_id: data.image_id,
        instance_initiated_shutdown_behavior: Field::take(
            "InstanceInitiatedShutdownBehavior",
            data.instance_initiated_shutdown_behavior,
        )?,
        instance_market_options: Field::take("InstanceMarketOptions", data.instance_market_options)?,
        instance_requirements: Field::take("InstanceRequirements", data.instance_requirements)?,
        instance_type: Field::take("InstanceType", data.instance_type)?,
        kernel_id: data.kernel_id,
        key_name: data.key_name,
        license_specifications: Field::take("LicenseSpecifications", data.license_specifications)?,
        maintenance_options: Field::take("MaintenanceOptions", data.maintenance_options)?,
        metadata_options: Field::take("MetadataOptions", data.metadata_options)?,
        monitoring: Field::take("Monitoring", data.monitoring)?,
        name: need("LaunchTemplateName", t.launch_template_name)?,
        network_interfaces: Field::take("NetworkInterfaces", data.network_interfaces)?,
        network_performance_options: Field::take("NetworkPerformanceOptions", data.network_performance_options)?,
        placement: Field::take("Placement", data.placement)?,
        private_dns_name_options: Field::take("PrivateDnsNameOptions", data.private_dns_name_options)?,
        ram_disk_id: data.ram_disk_id,
        secondary_interfaces: Field::take("SecondaryInterfaces", data.secondary_interfaces)?,
        security_group_names: data.security_groups,
        tag_specifications: Field::take("TagSpecifications", data.tag_specifications)?,
        tags: tags_from(t.tags),
        // A default that lags behind shows that the wish was not met; one that does not shows nothing.
        update_default_version: (default != latest).then_some(false),
        user_data: data.user_data,
        vpc_security_group_ids: data.security_group_ids,
    };
    Ok(Live { inputs, outputs })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, read, reads_back};
    use crate::engine::provider::{self, Provider};

    fn template(default: u8, latest: u8) -> String {
        format!(
            "<DescribeLaunchTemplatesResponse><launchTemplates><item><launchTemplateId>lt-1</launchTemplateId>\
            <launchTemplateName>web</launchTemplateName><defaultVersionNumber>{default}</defaultVersionNumber>\
            <latestVersionNumber>{latest}</latestVersionNumber>\
            <tagSet><item><key>a</key><value>b</value></item></tagSet></item></launchTemplates>\
            </DescribeLaunchTemplatesResponse>"
        )
    }

    fn version(data: &str) -> String {
        format!(
            "<DescribeLaunchTemplateVersionsResponse><launchTemplateVersionSet><item>\
            <versionDescription>d</versionDescription><versionNumber>2</versionNumber>\
            <launchTemplateData>{data}</launchTemplateData></item></launchTemplateVersionSet>\
            </DescribeLaunchTemplateVersionsResponse>"
        )
    }

    const ALL: &str = "<kernelId>aki-1</kernelId><ebsOptimized>true</ebsOptimized>\
        <iamInstanceProfile><name>p</name></iamInstanceProfile>\
        <blockDeviceMappingSet><item><deviceName>/dev/xvda</deviceName><ebs><encrypted>true</encrypted>\
        <deleteOnTermination>true</deleteOnTermination><volumeSize>20</volumeSize><volumeType>gp3</volumeType></ebs>\
        </item></blockDeviceMappingSet>\
        <networkInterfaceSet><item><deviceIndex>0</deviceIndex><groupSet><groupId>sg-1</groupId></groupSet>\
        <associatePublicIpAddress>false</associatePublicIpAddress>\
        <privateIpAddressesSet><item><privateIpAddress>10.0.0.9</privateIpAddress><primary>false</primary></item>\
        </privateIpAddressesSet></item></networkInterfaceSet>\
        <imageId>ami-1</imageId><instanceType>t3.medium</instanceType><keyName>k</keyName>\
        <monitoring><enabled>true</enabled></monitoring><placement><tenancy>default</tenancy></placement>\
        <ramDiskId>ari-1</ramDiskId><disableApiTermination>true</disableApiTermination>\
        <instanceInitiatedShutdownBehavior>stop</instanceInitiatedShutdownBehavior><userData>aGk=</userData>\
        <tagSpecificationSet><item><resourceType>instance</resourceType><tagSet><item><key>t</key><value>v</value>\
        </item></tagSet></item></tagSpecificationSet>\
        <securityGroupIdSet><item>sg-2</item></securityGroupIdSet>\
        <instanceMarketOptions><marketType>spot</marketType><spotOptions><maxPrice>1</maxPrice>\
        <validUntil>2030-01-31T12:00:00Z</validUntil></spotOptions></instanceMarketOptions>\
        <creditSpecification><cpuCredits>standard</cpuCredits></creditSpecification>\
        <cpuOptions><coreCount>2</coreCount></cpuOptions>\
        <capacityReservationSpecification><capacityReservationPreference>open</capacityReservationPreference>\
        </capacityReservationSpecification>\
        <licenseSet><item><licenseConfigurationArn>arn:l</licenseConfigurationArn></item></licenseSet>\
        <hibernationOptions><configured>true</configured></hibernationOptions>\
        <metadataOptions><httpTokens>required</httpTokens><httpPutResponseHopLimit>1</httpPutResponseHopLimit>\
        </metadataOptions><enclaveOptions><enabled>false</enabled></enclaveOptions>\
        <privateDnsNameOptions><hostnameType>ip-name</hostnameType></privateDnsNameOptions>\
        <maintenanceOptions><autoRecovery>default</autoRecovery></maintenanceOptions>\
        <disableApiStop>true</disableApiStop>\
        <networkPerformanceOptions><bandwidthWeighting>vpc-1</bandwidthWeighting></networkPerformanceOptions>\
        <secondaryInterfaceSet><item><deviceIndex>1</deviceIndex><secondarySubnetId>ss-1</secondarySubnetId></item>\
        </secondaryInterfaceSet>";

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [
            ("Action=DescribeLaunchTemplates&", ok(template(1, 2))),
            ("Action=DescribeLaunchTemplateV", ok(version(ALL))),
        ];
        let inputs = json!({
            "blockDeviceMappings": [{ "deviceName": "/dev/xvda", "ebs": {
                "deleteOnTermination": "true", "encrypted": "true", "volumeSize": 20, "volumeType": "gp3",
            } }],
            "capacityReservationSpecification": { "capacityReservationPreference": "open" },
            "cpuOptions": { "coreCount": 2 },
            "creditSpecification": { "cpuCredits": "standard" },
            "defaultVersion": 1,
            "description": "d",
            "disableApiStop": true,
            "disableApiTermination": true,
            "ebsOptimized": "true",
            "enclaveOptions": { "enabled": false },
            "hibernationOptions": { "configured": true },
            "iamInstanceProfile": { "name": "p" },
            "imageId": "ami-1",
            "instanceInitiatedShutdownBehavior": "stop",
            "instanceMarketOptions": {
                "marketType": "spot",
                "spotOptions": { "maxPrice": "1", "validUntil": "2030-01-31T12:00:00Z" },
            },
            "instanceType": "t3.medium",
            "kernelId": "aki-1",
            "keyName": "k",
            "licenseSpecifications": [{ "licenseConfigurationArn": "arn:l" }],
            "maintenanceOptions": { "autoRecovery": "default" },
            "metadataOptions": { "httpPutResponseHopLimit": 1, "httpTokens": "required" },
            "monitoring": { "enabled": true },
            "name": "web",
            "networkInterfaces": [{
                "associatePublicIpAddress": "false",
                "deviceIndex": 0,
                "securityGroups": ["sg-1"],
                "ipv4Addresses": ["10.0.0.9"],
            }],
            "networkPerformanceOptions": { "bandwidthWeighting": "vpc-1" },
            "placement": { "tenancy": "default" },
            "privateDnsNameOptions": { "hostnameType": "ip-name" },
            "ramDiskId": "ari-1",
            "secondaryInterfaces": [{ "deviceIndex": 1, "secondarySubnetId": "ss-1" }],
            "tagSpecifications": [{ "resourceType": "instance", "tags": { "t": "v" } }],
            "tags": { "a": "b" },
            "updateDefaultVersion": false,
            "userData": "aGk=",
            "vpcSecurityGroupIds": ["sg-2"],
        });
        let others = ["instanceRequirements", "securityGroupNames"];
        let live = reads_back(LaunchTemplate::TYPE, "lt-1", &replies, &others, inputs).await;
        assert_eq!(live.outputs.get("latestVersion"), Some(&Value::from(2)));
    }

    /// Changes the type of a template whose default version is the first of two.
    async fn calls(wish: serde_json::Value) -> Vec<String> {
        let made = "<CreateLaunchTemplateVersionResponse><launchTemplateVersion><versionNumber>3</versionNumber>\
            </launchTemplateVersion></CreateLaunchTemplateVersionResponse>";
        let (aws, wire) = aws(&[
            ("Action=DescribeLaunchTemplates&", ok(template(1, 2))),
            ("Action=DescribeLaunchTemplateV", ok(version("<instanceType>t3.small</instanceType>"))),
            ("Action=CreateLaunchTemplateVersion", ok(made)),
            ("Action=ModifyLaunchTemplate", ok("<ModifyLaunchTemplateResponse/>")),
        ]);
        let Seen::Ready(live) = read(&aws, LaunchTemplate::TYPE, "lt-1").await.unwrap() else { panic!("not ready") };
        let mut wanted = live.inputs.to_json().unwrap();
        wanted.as_object_mut().unwrap().extend(wish.as_object().unwrap().clone());
        let wanted = Value::from_json(wanted);
        let next = aws.update(&at(LaunchTemplate::TYPE), &Id("lt-1".into()), &wanted, &live).await.unwrap();
        assert!(matches!(next, provider::Next::Started));
        let changes = ["Action=Create", "Action=Modify"].map(|action| wire.requests(action));
        changes.concat().iter().map(|call| call.split("Action=").nth(1).unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn a_change_makes_a_version_and_moves_the_default_only_if_asked() {
        let made = calls(json!({ "instanceType": "t3.large", "defaultVersion": null })).await;
        assert_eq!(made.len(), 1, "{made:?}");
        assert!(made[0].starts_with("CreateLaunchTemplateVersion&") && made[0].contains("InstanceType=t3.large"));
        let wish = json!({ "instanceType": "t3.large", "updateDefaultVersion": true, "defaultVersion": null });
        let made = calls(wish).await;
        assert!(made[1].contains("SetDefaultVersion=3") || made[1].contains("DefaultVersion=3"), "{made:?}");
    }

    #[tokio::test]
    async fn a_default_that_lags_behind_is_moved_without_a_new_version() {
        let made = calls(json!({ "updateDefaultVersion": true, "defaultVersion": null })).await;
        assert_eq!(made.len(), 1, "{made:?}");
        assert!(made[0].starts_with("ModifyLaunchTemplate&") && made[0].contains("DefaultVersion=2"), "{made:?}");
    }
}
