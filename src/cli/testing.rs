//! A small catalog for the tests of commands that need no cloud.

use serde_json::json;

use crate::engine::provider::Catalog;
use crate::engine::resource::{Facts, FoundBy, IdForm, Permissions, Scope};
use crate::engine::schema::{FunctionSchema, TypeSchema, object};

pub(crate) fn catalog() -> Catalog {
    let vpc = TypeSchema {
        token: "aws:ec2/vpc:Vpc",
        description: "A private network in one region.".into(),
        facts: Facts {
            permissions: Permissions {
                create: &["ec2:CreateVpc", "ec2:CreateTags"],
                read: &["ec2:DescribeVpcs"],
                update: &["ec2:ModifyVpcAttribute", "ec2:CreateTags"],
                delete: &["ec2:DeleteVpc"],
            },
            import: "id of the VPC, `vpc-0123456789abcdef0`",
            ..Facts::new(IdForm::Random("vpc-", 17), FoundBy::OwnerTag)
        },
        inputs: object(&json!({
            "properties": {
                "cidrBlock": {
                    "type": "string", "description": "IPv4 range, from `/16` to `/28`.",
                    "x-replace": true, "x-computed": true,
                },
                "enableDnsSupport": {
                    "type": "boolean", "default": true, "description": "Whether Amazon's DNS server answers.",
                },
                "instanceTenancy": {
                    "type": "string", "default": "default", "enum": ["default", "dedicated"],
                    "description": "Whether instances run on hardware of their own.",
                },
                "ipv4NetmaskLength": {
                    "type": ["integer", "null"], "minimum": 16, "maximum": 28,
                    "description": "Size of the range taken from a pool.", "writeOnly": true,
                },
                "tags": {
                    "type": "object", "additionalProperties": {"type": "string"}, "description": "Tags of the VPC.",
                },
            },
            "x-exclusive": [["cidrBlock", "ipv4NetmaskLength"]],
        })),
        outputs: object(&json!({
            "properties": {
                "arn": {"type": "string", "description": "ARN of the VPC."},
                "ownerId": {"type": "string", "description": "Account that owns the VPC."},
            },
            "required": ["arn", "ownerId"],
        })),
        foresee: |_, _| Vec::new(),
        company: |_, _| None,
        replaces: |_, _| Vec::new(),
        lacks: |_| None,
        afterlife: |_| None,
        accepts: |_| Ok(()),
    };
    let cluster = TypeSchema {
        token: "aws:rds/cluster:Cluster",
        description: "An Aurora cluster.".into(),
        facts: Facts {
            permissions: Permissions { create: &["rds:CreateDBCluster"], ..Permissions::default() },
            aliases: &["aws:rds/auroraCluster:AuroraCluster"],
            import: "identifier of the cluster",
            ..Facts::new(IdForm::Input("clusterIdentifier"), FoundBy::Name)
        },
        inputs: object(&json!({
            "properties": {
                "clusterIdentifier": {"type": "string", "x-auto-name": 63, "x-replace": true, "description": "Name of the cluster."},
                "masterPassword": {"type": "string", "x-secret": true, "writeOnly": true, "description": "Password of the first user."},
                "vpcSecurityGroupIds": {
                    "type": "array", "uniqueItems": true, "items": {"type": "string"},
                    "x-refers": "aws:ec2/securityGroup:SecurityGroup.id", "description": "Security groups of the instances.",
                },
                "serverlessv2ScalingConfiguration": {
                    "type": "object", "description": "Limits of serverless capacity.",
                    "properties": {
                        "minCapacity": {"type": "number", "description": "Lowest capacity, in ACUs."},
                        "maxCapacity": {"type": "number", "description": "Highest capacity, in ACUs."},
                    },
                    "required": ["minCapacity", "maxCapacity"],
                },
            },
            "required": ["masterPassword"],
        })),
        outputs: object(
            &json!({"properties": {"endpoint": {"type": "string", "description": "Where the writer answers."}}}),
        ),
        ..vpc.clone()
    };
    let role = TypeSchema {
        token: "aws:iam/role:Role",
        description: "A role that services and people can take on.".into(),
        facts: Facts { scope: Scope::Global, ..Facts::new(IdForm::Input("name"), FoundBy::Name) },
        inputs: object(&json!({
            "properties": {"assumeRolePolicy": {"x-json": true, "description": "Who may take it on."}},
            "required": ["assumeRolePolicy"],
        })),
        outputs: object(&json!({})),
        ..vpc.clone()
    };
    let zones = FunctionSchema {
        token: "aws:index/getAvailabilityZones:getAvailabilityZones",
        description: "Lists the availability zones of a region.".into(),
        arguments: object(
            &json!({"properties": {"state": {"type": "string", "description": "Only zones in this state."}}}),
        ),
        result: object(
            &json!({"properties": {"names": {"type": "array", "items": {"type": "string"}, "description": "Names of the zones."}}}),
        ),
        region_aware: true,
        volatile: false,
        permissions: &["ec2:DescribeAvailabilityZones"],
        acts_on: &[],
        decrypts: None,
    };
    Catalog::new(vec![vpc, cluster, role], vec![zones])
}
