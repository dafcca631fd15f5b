"""Prints what an account holds in some regions, a line each; nothing for an empty one.

Usage: leftovers.py ENDPOINT ACCOUNT REGION...
Asks the services one by one with boto3, so that it does not share a mistake with drctl.
Keys that wait for their deletion are AWS's rule and not counted.
"""

import sys

import boto3

GLOBAL = [
    ("iam", "list_roles", "Roles", "RoleName"),
    ("iam", "list_policies", "Policies", "PolicyName", {"Scope": "Local"}),
    ("route53", "list_hosted_zones", "HostedZones", "Name"),
    ("route53", "list_health_checks", "HealthChecks", "Id"),
    ("s3", "list_buckets", "Buckets", "Name"),
]
REGIONAL = [
    ("ec2", "describe_vpcs", "Vpcs", "VpcId", {"Filters": [{"Name": "is-default", "Values": ["false"]}]}),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
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


def found(client, operation, list_name, id_name, arguments=None):
    answer = getattr(client, operation)(**(arguments or {}))
    ids = (item.get(id_name, "?") for item in answer.get(list_name, []))
    return [name for name in ids if not name.startswith(("alias/aws/", "AWS", "default", "/aws/"))]


def keys(client):
    for key in client.list_keys().get("Keys", []):
        state = client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        if state["KeyState"] != "PendingDeletion" and state.get("KeyManager") != "AWS":
            yield key["KeyId"]


def main():
    endpoint, account, *regions = sys.argv[1:]

    def client(service, region):
        return boto3.client(
            service, region, endpoint_url=endpoint, aws_access_key_id=account, aws_secret_access_key="secret"
        )

    for service, *rest in GLOBAL:
        for name in found(client(service, regions[0]), *rest):
            print(service, name)
    for region in regions:
        for service, *rest in REGIONAL:
            for name in found(client(service, region), *rest):
                print(region, service, name)
        for name in keys(client("kms", region)):
            print(region, "kms", name)


if __name__ == "__main__":
    main()
