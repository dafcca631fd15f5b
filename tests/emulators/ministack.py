"""Starts MiniStack on the loopback address, with twelve defects corrected.

Usage: ministack.py PORT   (or GATEWAY_PORT=PORT ministack.py)
Prints `ready` when it answers, ends when its standard input closes.
A 12-digit access key id is the account that a caller works in.

The corrections are made in memory, never in the installed package:
- health checks answered booleans as `True`; strict parsers accept only `true` and `false`;
- the ids inside ChildHealthChecks and the names inside Regions were lost;
- the tags of several things could not be listed in one call;
- the endpoints of a cluster became `localhost` with its first instance; AWS never changes them;
- a global cluster had no endpoint of its writer;
- a secret could be replicated to another region and never be taken away from there;
- the aliases that AWS predefines, such as `alias/aws/rds`, had no key;
- the timeout of an integration became a text with its first update;
- log destinations had no tags, and lost their policy with every update;
- the prefix list of a security group's rule was lost, and rules of two lists became one;
- an alarm looked at a metric of all dimensions, also of those of other alarms;
- EventBridge learned nothing of the states of alarms.

One thing is switched off: EventBridge calls nothing by a schedule, since what a test meets must not
depend on whether it takes a minute.
"""

import json
import os
import re
import sys
from datetime import datetime, timezone
from types import FunctionType
from xml.etree.ElementTree import SubElement

import lifetime

SETTINGS = {
    "BIND_HOST": lifetime.LOOPBACK,
    "SFTP_ENABLED": "0",
    "IOT_MTLS_ENABLED": "0",
    "PERSIST_STATE": "0",
}


def correct_health_checks(route53):
    build = route53._build_health_check_el
    parse = route53._parse_health_check_config

    def build_with_xml_booleans(parent, health_check):
        config = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in health_check.get("config", {}).items()
        }
        return build(parent, {**health_check, "config": config})

    def parse_with_element_texts(element):
        config = parse(element)
        for name in ("ChildHealthChecks", "Regions"):
            if name in config:
                config[name] = [item.text for item in route53._find(element, name)]
        return config

    route53._build_health_check_el = build_with_xml_booleans
    route53._parse_health_check_config = parse_with_element_texts


def correct_lists_of_tags(route53):
    handle = route53.handle_request
    of_many = re.compile(r"^/2013-04-01/tags/([^/]+)/?$")

    def list_tags(kind, body):
        ids = [item.text for item in route53._find(route53._parse_body(body), "ResourceIds")]
        answers = [route53._list_tags_for_resource(kind, resource) for resource in ids]
        refused = next((answer for answer in answers if answer[0] != 200), None)
        if refused:
            return refused
        sets = [route53._find(route53._parse_body(xml), "ResourceTagSet") for _, _, xml in answers]

        def build(root):
            SubElement(root, "ResourceTagSets").extend(sets)

        return route53._xml_response("ListTagsForResourcesResponse", build)

    async def handle_lists_of_tags(method, path, headers, body, query_params):
        many = of_many.match(path)
        if method == "POST" and many:
            return list_tags(many.group(1), body)
        return await handle(method, path, headers, body, query_params)

    route53.handle_request = handle_lists_of_tags


def correct_cluster_endpoints(rds):
    rds._sync_cluster_endpoints = lambda cluster: None


def correct_global_endpoints(rds):
    build = rds._global_cluster_xml

    def build_with_endpoint(cluster):
        name = cluster["GlobalClusterIdentifier"]
        endpoint = f"<Endpoint>{name}.global-000000000000.global.rds.amazonaws.com</Endpoint>"
        return build(cluster).replace("</GlobalClusterArn>", f"</GlobalClusterArn>{endpoint}", 1)

    rds._global_cluster_xml = build_with_endpoint


def correct_secret_replicas(secretsmanager):
    handle = secretsmanager.handle_request

    def remove_regions(request):
        _, secret = secretsmanager._resolve(request.get("SecretId"))
        if not secret:
            return secretsmanager.error_response_json(
                "ResourceNotFoundException", "Secrets Manager can't find the specified secret.", 400
            )
        gone = request.get("RemoveReplicaRegions", [])
        statuses = secret.get("ReplicationStatus", [])
        leaving = [status for status in statuses if status.get("Region") in gone]
        secretsmanager._delete_replicas({**secret, "ReplicationStatus": leaving})
        secret["ReplicationStatus"] = [status for status in statuses if status not in leaving]
        return secretsmanager.json_response(
            {"ARN": secret["ARN"], "ReplicationStatus": secret["ReplicationStatus"]}
        )

    async def handle_removals(method, path, headers, body, query_params):
        if headers.get("x-amz-target", "").endswith(".RemoveRegionsFromReplication"):
            return remove_regions(json.loads(body))
        return await handle(method, path, headers, body, query_params)

    secretsmanager.handle_request = handle_removals


def correct_predefined_aliases(kms):
    resolve = kms._resolve_key
    describe = kms._key_metadata

    def resolve_with_predefined(reference):
        key = resolve(reference)
        name = (reference or "").rsplit(":", 1)[-1]
        if key or not name.startswith("alias/aws/"):
            return key
        # AWS makes the key of such an alias when it is first asked for.
        _, _, answer = kms._create_key({"Description": f"Key of AWS for {name}"})
        made = json.loads(answer)["KeyMetadata"]["KeyId"]
        kms._create_alias({"AliasName": name, "TargetKeyId": made})
        key = resolve(made)
        key["_manager"] = "AWS"
        return key

    def describe_with_manager(key):
        return {**describe(key), "KeyManager": key.get("_manager", "CUSTOMER")}

    kms._resolve_key = resolve_with_predefined
    kms._key_metadata = describe_with_manager


def correct_updated_timeouts(apigateway):
    apply = apigateway._apply_patch

    def apply_and_keep_numbers(thing, operations):
        patched = apply(thing, operations)
        if "timeoutInMillis" in patched:
            patched["timeoutInMillis"] = int(patched["timeoutInMillis"])
        return patched

    apigateway._apply_patch = apply_and_keep_numbers


def correct_log_destinations(logs):
    identify = logs._tag_resource_identity
    put = logs._put_destination

    def identify_destinations_too(arn, account_id, region):
        kind, _, name = logs.parse_arn(arn).resource.partition(":")
        if kind == "destination":
            return logs._destinations, kind, name
        return identify(arn, account_id, region)

    def put_and_keep(request):
        before = dict(logs._destinations.get(request.get("destinationName"), {}))
        answer = put(request)
        made = logs._destinations.get(request.get("destinationName"), {})
        made["tags"] = before.get("tags", request.get("tags", {}))
        made["accessPolicy"] = before.get("accessPolicy", "")
        return answer

    logs._tag_resource_identity = identify_destinations_too
    logs._put_destination = put_and_keep


def correct_rules_of_prefix_lists(ec2):
    parse = ec2._parse_ip_permissions
    build = ec2._sg_rule_xml

    def parse_with_prefix_lists(params, prefix):
        rules = parse(params, prefix)
        for number, rule in enumerate(rules, 1):
            place = f"{prefix}.{number}.PrefixListIds.1"
            name, description = (ec2._p(params, f"{place}.{word}") for word in ("PrefixListId", "Description"))
            if name:
                rule["PrefixListIds"] = [{"PrefixListId": name, "Description": description}]
        return rules

    def build_with_prefix_list(group_id, rule, is_egress=False):
        xml = build(group_id, rule, is_egress)
        for entry in rule.get("PrefixListIds", []):
            xml = xml.replace("</toPort>", f"</toPort><prefixListId>{entry['PrefixListId']}</prefixListId>")
        return xml

    ec2._parse_ip_permissions = parse_with_prefix_lists
    ec2._sg_rule_xml = build_with_prefix_list


def correct_alarms_of_dimensions(cloudwatch):
    code = cloudwatch._evaluate_alarm.__code__

    class Metrics:
        """The metrics that one alarm is about."""

        def __init__(self, alarm):
            self.dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions", [])))

        def items(self):
            return [entry for entry in cloudwatch._metrics.items() if entry[0][2] == self.dimensions]

    def evaluate(alarm):
        FunctionType(code, {**vars(cloudwatch), "_metrics": Metrics(alarm)})(alarm)

    cloudwatch._evaluate_alarm = evaluate


def correct_events_of_alarms(cloudwatch, eventbridge):
    act = cloudwatch._dispatch_alarm_actions

    def act_and_tell(alarm, old_state, new_state, reason):
        act(alarm, old_state, new_state, reason)
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
        state = {"value": new_state, "reason": reason, "timestamp": now}
        if "StateReasonData" in alarm:
            state["reasonData"] = alarm["StateReasonData"]
        event = {
            "Source": "aws.cloudwatch",
            "DetailType": "CloudWatch Alarm State Change",
            "Resources": [alarm["AlarmArn"]],
            "Detail": json.dumps(
                {"alarmName": alarm["AlarmName"], "state": state, "previousState": {"value": old_state}}
            ),
        }
        eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)

    cloudwatch._dispatch_alarm_actions = act_and_tell


def main():
    port = lifetime.port_from(sys.argv, "GATEWAY_PORT")
    lifetime.begin()
    os.environ.update(SETTINGS, GATEWAY_PORT=str(port))
    os.environ.setdefault("MINISTACK_ACCOUNT_ID", "123456789012")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    # This file would shadow the package of the same name.
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
    sys.modules.pop("ministack", None)

    from ministack import app
    from ministack.services import (
        apigateway_v1,
        cloudwatch,
        cloudwatch_logs,
        ec2,
        eventbridge,
        kms,
        rds,
        route53,
        secretsmanager,
    )

    correct_health_checks(route53)
    correct_lists_of_tags(route53)
    correct_cluster_endpoints(rds)
    correct_global_endpoints(rds)
    correct_secret_replicas(secretsmanager)
    correct_predefined_aliases(kms)
    correct_updated_timeouts(apigateway_v1)
    correct_log_destinations(cloudwatch_logs)
    correct_rules_of_prefix_lists(ec2)
    correct_alarms_of_dimensions(cloudwatch)
    correct_events_of_alarms(cloudwatch, eventbridge)
    eventbridge.start_scheduler = lambda: None
    lifetime.live_until_stdin_closes(port, "/_ministack/ready")
    sys.argv = sys.argv[:1]
    app.main()


if __name__ == "__main__":
    main()
