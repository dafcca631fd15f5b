"""Prints what an account holds in some regions, a line each; nothing for an empty one.

Usage: leftovers.py ENDPOINT ACCOUNT REGION... [SERVICE...]
Asks the services one by one with boto3, so that it does not share a mistake with drctl.
Keys that wait for their deletion are AWS's rule and not counted; neither is what every account has.
"""

import sys

import boto3

GLOBAL = [
    ("iam", "list_roles", "Roles", "RoleName"),
    ("iam", "list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
    ("iam", "list_policies", "Policies", "PolicyName", {"Scope": "Local"}),
    ("route53", "list_hosted_zones", "HostedZones", "Name"),
    ("route53", "list_health_checks", "HealthChecks", "Id"),
    ("s3", "list_buckets", "Buckets", "Name"),
]
REGIONAL = [
    ("ec2", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateName"),
    ("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName"),
    ("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerName"),
    ("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupName"),
    ("apigateway", "get_rest_apis", "items", "name"),
    ("apigateway", "get_domain_names", "items", "domainName"),
    ("acm", "list_certificates", "CertificateSummaryList", "CertificateArn"),
    ("dynamodb", "list_tables", "TableNames", None),
    ("firehose", "list_delivery_streams", "DeliveryStreamNames", None),
    ("backup", "list_backup_vaults", "BackupVaultList", "BackupVaultName"),
    ("backup", "list_backup_plans", "BackupPlansList", "BackupPlanName"),
    ("rds", "describe_global_clusters", "GlobalClusters", "GlobalClusterIdentifier"),
    ("rds", "describe_db_clusters", "DBClusters", "DBClusterIdentifier"),
    ("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups", "DBSubnetGroupName"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("secretsmanager", "list_secrets", "SecretList", "Name"),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("events", "list_rules", "Rules", "Name"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("kms", "list_aliases", "Aliases", "AliasName"),
    ("ssm", "describe_parameters", "Parameters", "Name"),
]
NETWORK = [
    ("describe_vpcs", "Vpcs", "VpcId"),
    ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    ("describe_subnets", "Subnets", "SubnetId"),
    ("describe_route_tables", "RouteTables", "RouteTableId"),
    ("describe_security_groups", "SecurityGroups", "GroupId"),
    ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId"),
]


def network(client):
    """What is not part of a default VPC, and not shown as deleted for a while."""
    defaults = [vpc["VpcId"] for vpc in client.describe_vpcs()["Vpcs"] if vpc.get("IsDefault")]
    for operation, list_name, id_name in NETWORK:
        for item in getattr(client, operation)()[list_name]:
            homes = {item.get("VpcId"), *(a.get("VpcId") for a in item.get("Attachments", []))}
            states = {item.get("State"), item.get("Status", {}).get("Code")}
            if not homes & set(defaults) and "deleted" not in states:
                yield item[id_name]


def found(client, operation, list_name, id_name, arguments=None):
    answer = getattr(client, operation)(**(arguments or {}))
    ids = (item.get(id_name, "?") if id_name else item for item in answer.get(list_name, []))
    return [name for name in ids if not name.startswith(("alias/aws/", "AWS", "default", "/aws/"))]


def keys(client):
    # Moto calls the keys behind the aliases of AWS keys of the customer.
    aliases = client.list_aliases()["Aliases"]
    of_aws = {a.get("TargetKeyId") for a in aliases if a["AliasName"].startswith("alias/aws/")}
    for key in client.list_keys().get("Keys", []):
        if key["KeyId"] in of_aws:
            continue
        state = client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        if state["KeyState"] != "PendingDeletion" and state.get("KeyManager") != "AWS":
            yield key["KeyId"]


def main():
    endpoint, account, *rest = sys.argv[1:]
    regions = [word for word in rest if "-" in word]
    services = [word for word in rest if "-" not in word]

    def client(service, region):
        return boto3.client(
            service, region, endpoint_url=endpoint, aws_access_key_id=account, aws_secret_access_key="secret"
        )

    def asked(table):
        return [entry for entry in table if not services or entry[0] in services]

    for service, *how in asked(GLOBAL):
        for name in found(client(service, regions[0]), *how):
            print(service, name)
    for region in regions:
        for service, *how in asked(REGIONAL):
            for name in found(client(service, region), *how):
                print(region, service, name)
        for name in network(client("ec2", region)):
            print(region, "ec2", name)
        for name in keys(client("kms", region)):
            print(region, "kms", name)


if __name__ == "__main__":
    main()
