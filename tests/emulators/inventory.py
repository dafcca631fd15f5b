"""Tells what an account holds, a line each, so that two accounts can be compared.

Usage: inventory.py ENDPOINT
Reads `ACCOUNT REGION...` from its standard input, a line each, and answers each with the lines of an
inventory and a line `.`. It asks with boto3, so that it does not share a mistake with drctl.

A line names a resource, and what belongs to it and is made by calls of its own: the settings of a
bucket, the policies of a role, the rules of a group, the versions of a template. Identifiers that the
server makes up are left out, so equal accounts give equal lines, and whatever is made twice, is
missing or is half made gives another one. What every account has is not told, nor are keys that wait
for their end, which is AWS's rule.
"""

import json
import re
import sys

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CONFIG = Config(retries={"max_attempts": 1}, max_pool_connections=4)
OURS = "drctl:"


class Clients:
    """One client for each service and region, as making one takes longer than all that it asks."""

    def __init__(self, endpoint):
        self.endpoint, self.made = endpoint, {}
        session = botocore.session.Session()
        session.set_credentials("nobody", "secret")
        self.credentials = session.get_credentials()
        self.session = boto3.Session(botocore_session=session)

    def client(self, number, service, region):
        # Each request is signed by whoever the credentials name just then.
        self.credentials.access_key = number
        if (service, region) not in self.made:
            self.made[service, region] = self.session.client(
                service, region, endpoint_url=self.endpoint, config=CONFIG
            )
        return self.made[service, region]


class Account:
    def __init__(self, clients, number):
        self.clients, self.number = clients, number
        self.names = {}

    def client(self, service, region):
        return self.clients.client(self.number, service, region)

    def name(self, identifier):
        """What a resource is called by people, for one that others name by its identifier."""
        return self.names.get(identifier, "?") if identifier else None


def tag(item, key="Name"):
    return next((tag["Value"] for tag in item.get("Tags", []) if tag["Key"] == key), None)


def answer(call, *refusals, **arguments):
    """The answer, or nothing if the refusal says that there is none."""
    try:
        return call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in refusals:
            return {}
        raise


def last(arn):
    return arn.rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def statements(policy):
    return sorted(s.get("Sid", "?") for s in json.loads(policy or "{}").get("Statement", []))


def iam(account, region):
    client = account.client("iam", region)
    for role in client.list_roles()["Roles"]:
        name = role["RoleName"]
        if role["Path"].startswith("/aws-service-role/"):
            continue
        inline = client.list_role_policies(RoleName=name)["PolicyNames"]
        managed = client.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        yield "role", name, sorted(inline), sorted(policy["PolicyName"] for policy in managed)
    for profile in client.list_instance_profiles()["InstanceProfiles"]:
        yield "instance profile", profile["InstanceProfileName"], [role["RoleName"] for role in profile["Roles"]]
    for policy in client.list_policies(Scope="Local")["Policies"]:
        versions = client.list_policy_versions(PolicyArn=policy["Arn"])["Versions"]
        yield "policy", policy["PolicyName"], len(versions)


def route53(account, region):
    client = account.client("route53", region)
    for zone in client.list_hosted_zones()["HostedZones"]:
        yield "zone", zone["Name"], zone["Config"].get("PrivateZone")
        for record in client.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]:
            target = [value["Value"] for value in record.get("ResourceRecords", [])]
            alias = record.get("AliasTarget", {}).get("DNSName", "").split(".")[0].rsplit("-", 1)[0]
            if record["Type"] not in ("NS", "SOA"):
                checked = "checked" if record.get("HealthCheckId") else None
                target = len(target) if record["Type"] == "CNAME" else target
                yield "record", record["Name"], record["Type"], record.get("SetIdentifier"), target, alias, checked
    for check in client.list_health_checks()["HealthChecks"]:
        config = check["HealthCheckConfig"]
        config = {k: v for k, v in config.items() if k not in ("AlarmIdentifier", "ChildHealthChecks")}
        tags = client.list_tags_for_resource(ResourceType="healthcheck", ResourceId=check["Id"])
        yield "health check", tag(tags["ResourceTagSet"]), sorted(config.items())


def s3(account, region):
    client = account.client("s3", region)
    for bucket in client.list_buckets()["Buckets"]:
        of = {"Bucket": bucket["Name"]}
        versioning = client.get_bucket_versioning(**of).get("Status")
        encryption = answer(client.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError", **of)
        rules = encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
        algorithms = [rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in rules]
        policy = statements(answer(client.get_bucket_policy, "NoSuchBucketPolicy", **of).get("Policy"))
        block = answer(client.get_public_access_block, "NoSuchPublicAccessBlockConfiguration", **of)
        block = sorted(block.get("PublicAccessBlockConfiguration", {}).items())
        lifecycle = answer(client.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration", **of)
        replication = answer(client.get_bucket_replication, "ReplicationConfigurationNotFoundError", **of)
        replicated = replication.get("ReplicationConfiguration", {}).get("Rules", [])
        yield "bucket", bucket["Name"], versioning, algorithms, policy, block
        yield "bucket", bucket["Name"], "lifecycle", sorted(rule["ID"] for rule in lifecycle.get("Rules", []))
        yield "bucket", bucket["Name"], "replication", [rule["Destination"]["Bucket"] for rule in replicated]


def ec2(account, region):
    """What is not part of a default VPC, and not shown as deleted for a while."""
    client = account.client("ec2", region)
    vpcs = client.describe_vpcs()["Vpcs"]
    defaults = {vpc["VpcId"] for vpc in vpcs if vpc.get("IsDefault")}

    def described(operation, list_name, id_name):
        for item in getattr(client, operation)()[list_name]:
            homes = {item.get("VpcId"), *(a.get("VpcId") for a in item.get("Attachments", []))}
            states = {item.get("State"), item.get("Status", {}).get("Code")}
            if not homes & defaults and "deleted" not in states:
                account.names[item[id_name]] = item.get("GroupName") or tag(item) or "unnamed"
                yield item, account.names[item[id_name]]

    for vpc, name in described("describe_vpcs", "Vpcs", "VpcId"):
        support = ["enableDnsSupport", "enableDnsHostnames"]
        values = [client.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute) for attribute in support]
        switches = [value[attribute[0].upper() + attribute[1:]]["Value"] for value, attribute in zip(values, support)]
        yield "vpc", name, vpc["CidrBlock"], switches
    for subnet, name in described("describe_subnets", "Subnets", "SubnetId"):
        place = (subnet["CidrBlock"], subnet["AvailabilityZone"], subnet["MapPublicIpOnLaunch"])
        yield "subnet", name, *place
    for gateway, name in described("describe_internet_gateways", "InternetGateways", "InternetGatewayId"):
        yield "internet gateway", name, [account.name(a["VpcId"]) for a in gateway.get("Attachments", [])]
    for address in client.describe_addresses()["Addresses"]:
        yield "address", tag(address), "AssociationId" in address
    for gateway, name in described("describe_nat_gateways", "NatGateways", "NatGatewayId"):
        yield "nat gateway", name, gateway["State"], account.name(gateway["SubnetId"])
    for peering, name in described(
        "describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId"
    ):
        yield "peering", name, peering["Status"]["Code"]
    for table, name in described("describe_route_tables", "RouteTables", "RouteTableId"):
        associations = [account.name(a.get("SubnetId")) or "main" for a in table["Associations"]]
        routes = [route.get("DestinationCidrBlock") for route in table["Routes"]]
        yield "route table", name, sorted(associations), sorted(filter(None, routes))
    for group, name in described("describe_security_groups", "SecurityGroups", "GroupId"):
        account.names[group["GroupId"]] = name
    for group, name in described("describe_security_groups", "SecurityGroups", "GroupId"):
        for way, rules in (("in", group["IpPermissions"]), ("out", group["IpPermissionsEgress"])):
            ranges = [(r.get("FromPort"), ip["CidrIp"]) for r in rules for ip in r.get("IpRanges", [])]
            pairs = [(r.get("FromPort"), account.name(p["GroupId"])) for r in rules for p in r["UserIdGroupPairs"]]
            yield "security group", name, group["Description"], way, sorted(map(str, ranges + pairs))
    for endpoint, name in described("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"):
        parts = [len(endpoint.get(part, [])) for part in ("SubnetIds", "RouteTableIds", "Groups")]
        yield "endpoint", name, endpoint["ServiceName"], *parts
    for template in client.describe_launch_templates()["LaunchTemplates"]:
        yield "launch template", template["LaunchTemplateName"], template["LatestVersionNumber"]


def autoscaling(account, region):
    client = account.client("autoscaling", region)
    for group in client.describe_auto_scaling_groups()["AutoScalingGroups"]:
        name = group["AutoScalingGroupName"]
        sizes = [group[size] for size in ("MinSize", "DesiredCapacity", "MaxSize")]
        tags = sorted(tag["Key"] for tag in group["Tags"] if not tag["Key"].startswith(OURS))
        yield "group", name, sizes, len(group.get("TargetGroupARNs", [])), tags
        policies = client.describe_policies(AutoScalingGroupName=name)["ScalingPolicies"]
        yield "policies", name, sorted(policy["PolicyName"] for policy in policies)


def elbv2(account, region):
    client = account.client("elbv2", region)
    for balancer in client.describe_load_balancers()["LoadBalancers"]:
        arn = balancer["LoadBalancerArn"]
        listeners = client.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        listeners = sorted((listener["Port"], listener["Protocol"]) for listener in listeners)
        zones = len(balancer["AvailabilityZones"])
        yield "load balancer", balancer["LoadBalancerName"], balancer["Scheme"], zones, listeners
    for group in client.describe_target_groups()["TargetGroups"]:
        yield "target group", group["TargetGroupName"], group["Protocol"], group["Port"]


def apigateway(account, region):
    client = account.client("apigateway", region)
    for api in client.get_rest_apis()["items"]:
        of = {"restApiId": api["id"]}
        resources = client.get_resources(limit=500, **of)["items"]
        methods = sorted((r["path"], sorted(r.get("resourceMethods", {}))) for r in resources)
        stages = sorted(stage["stageName"] for stage in client.get_stages(**of)["item"])
        deployments = len(client.get_deployments(**of)["items"])
        yield "api", api["name"], methods, stages, deployments
    for domain in client.get_domain_names()["items"]:
        mappings = answer(client.get_base_path_mappings, "NotFoundException", domainName=domain["domainName"])
        yield "domain", domain["domainName"], sorted(m["basePath"] for m in mappings.get("items", []))


def acm(account, region):
    for certificate in account.client("acm", region).list_certificates()["CertificateSummaryList"]:
        yield "certificate", certificate["DomainName"]


def dynamodb(account, region):
    client = account.client("dynamodb", region)
    for name in client.list_tables()["TableNames"]:
        table = client.describe_table(TableName=name)["Table"]
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"]
        yield "table", name, sorted(replica["RegionName"] for replica in table.get("Replicas", [])), recovery, expiry


def backup(account, region):
    client = account.client("backup", region)
    for vault in client.list_backup_vaults()["BackupVaultList"]:
        yield "vault", vault["BackupVaultName"]
    for plan in client.list_backup_plans()["BackupPlansList"]:
        selections = client.list_backup_selections(BackupPlanId=plan["BackupPlanId"])["BackupSelectionsList"]
        yield "plan", plan["BackupPlanName"], sorted(selection["SelectionName"] for selection in selections)


def rds(account, region):
    client = account.client("rds", region)
    for cluster in client.describe_global_clusters()["GlobalClusters"]:
        members = [last(member["DBClusterArn"]) for member in cluster["GlobalClusterMembers"]]
        yield "global cluster", cluster["GlobalClusterIdentifier"], sorted(members)
    for cluster in client.describe_db_clusters()["DBClusters"]:
        members = sorted(member["DBInstanceIdentifier"] for member in cluster["DBClusterMembers"])
        group, protected = cluster["DBClusterParameterGroup"], cluster["DeletionProtection"]
        yield "cluster", cluster["DBClusterIdentifier"], cluster["Status"], group, protected, members
    for instance in client.describe_db_instances()["DBInstances"]:
        yield "instance", instance["DBInstanceIdentifier"], instance["DBInstanceClass"]
    for group in client.describe_db_subnet_groups()["DBSubnetGroups"]:
        yield "subnet group", group["DBSubnetGroupName"], len(group["Subnets"])
    for group in client.describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]:
        name = group["DBClusterParameterGroupName"]
        if not name.startswith("default."):
            set_by_us = client.describe_db_cluster_parameters(DBClusterParameterGroupName=name, Source="user")
            yield "parameter group", name, sorted(parameter["ParameterName"] for parameter in set_by_us["Parameters"])
    # MiniStack has none of them.
    subscriptions = answer(client.describe_event_subscriptions, "InvalidAction")
    for subscription in subscriptions.get("EventSubscriptionsList", []):
        topic = last(subscription["SnsTopicArn"])
        yield "subscription", subscription["CustSubscriptionId"], topic, subscription["SourceIdsList"]


def lambda_(account, region):
    client = account.client("lambda", region)
    for function in client.list_functions()["Functions"]:
        name = function["FunctionName"]
        policy = answer(client.get_policy, "ResourceNotFoundException", FunctionName=name).get("Policy")
        versions = len(client.list_versions_by_function(FunctionName=name)["Versions"])
        reserved = client.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
        yield "function", name, function["Timeout"], last(function["Role"]), statements(policy), versions, reserved
    for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
        yield "mapping", last(mapping["FunctionArn"]), last(mapping["EventSourceArn"])


def secretsmanager(account, region):
    client = account.client("secretsmanager", region)
    for secret in client.list_secrets()["SecretList"]:
        replicas = client.describe_secret(SecretId=secret["ARN"]).get("ReplicationStatus", [])
        # A server may keep the one before or not. Those of drctl have its token.
        versions = client.list_secret_version_ids(SecretId=secret["ARN"])["Versions"]
        ours = [version for version in versions if version["VersionId"].startswith("drctl-")]
        yield "secret", secret["Name"], sorted(r["Region"] for r in replicas), len(ours)


def sns(account, region):
    client = account.client("sns", region)
    for topic in client.list_topics()["Topics"]:
        attributes = client.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]
        subscriptions = client.list_subscriptions_by_topic(TopicArn=topic["TopicArn"])["Subscriptions"]
        key = "KmsMasterKeyId" in attributes
        yield "topic", last(topic["TopicArn"]), key, statements(attributes.get("Policy")), len(subscriptions)


def sqs(account, region):
    for url in account.client("sqs", region).list_queues().get("QueueUrls", []):
        yield "queue", last(url)


def logs(account, region):
    client = account.client("logs", region)
    for group in client.describe_log_groups()["logGroups"]:
        filters = client.describe_subscription_filters(logGroupName=group["logGroupName"])["subscriptionFilters"]
        yield "log group", group["logGroupName"], group.get("retentionInDays"), len(filters)


def events(account, region):
    client = account.client("events", region)
    for rule in client.list_rules()["Rules"]:
        targets = client.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        yield "rule", rule["Name"], rule["State"], sorted((target["Id"], last(target["Arn"])) for target in targets)


def cloudwatch(account, region):
    client = account.client("cloudwatch", region)
    for alarm in client.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"]).items():
        for one in alarm[1] if alarm[0].endswith("Alarms") else []:
            yield alarm[0], one["AlarmName"], sorted(map(last, one.get("AlarmActions", [])))
    for dashboard in client.list_dashboards()["DashboardEntries"]:
        yield "dashboard", dashboard["DashboardName"]


def kms(account, region):
    client = account.client("kms", region)
    keys = {}
    for key in client.list_keys()["Keys"]:
        of = {"KeyId": key["KeyId"]}
        data = client.describe_key(**of)["KeyMetadata"]
        if data["KeyState"] != "PendingDeletion" and data.get("KeyManager") != "AWS":
            keys[key["KeyId"]] = data["Description"]
            rotation = client.get_key_rotation_status(**of)["KeyRotationEnabled"]
            yield "key", data["Description"], data["KeyState"], rotation
    for alias in client.list_aliases()["Aliases"]:
        if not alias["AliasName"].startswith("alias/aws/"):
            yield "alias", alias["AliasName"], keys.get(alias.get("TargetKeyId"), "?")


def ssm(account, region):
    for parameter in account.client("ssm", region).describe_parameters()["Parameters"]:
        yield "parameter", parameter["Name"], parameter["Type"]


GLOBAL = {"iam": iam, "route53": route53, "s3": s3}
REGIONAL = {
    "acm": acm,
    "apigateway": apigateway,
    "autoscaling": autoscaling,
    "backup": backup,
    "cloudwatch": cloudwatch,
    "dynamodb": dynamodb,
    "ec2": ec2,
    "elbv2": elbv2,
    "events": events,
    "kms": kms,
    "lambda": lambda_,
    "logs": logs,
    "rds": rds,
    "secretsmanager": secretsmanager,
    "sns": sns,
    "sqs": sqs,
    "ssm": ssm,
}


def inventory(account, regions):
    places = [("global", regions[0], GLOBAL), *((region, region, REGIONAL) for region in regions)]
    for place, region, services in places:
        for service, tell in services.items():
            for words in tell(account, region):
                line = " ".join([place, service, *(str(word) for word in words if word not in (None, ""))])
                yield UUID.sub("UUID", line.replace(account.number, "ACCOUNT"))


def main():
    clients = Clients(sys.argv[1])
    for request in sys.stdin:
        number, *regions = request.split()
        for line in sorted(inventory(Account(clients, number), regions)):
            print(line)
        print(".", flush=True)


if __name__ == "__main__":
    main()
