import urllib.request

import boto3
import pytest

from conftest import start_emulator


def client(service, url, account):
    keys = {"aws_access_key_id": account, "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", **keys)


def test_a_12_digit_access_key_is_an_account_of_its_own(ministack):
    one = client("sns", ministack, "900000000001")
    two = client("sns", ministack, "900000000002")
    one.create_topic(Name="only-here")
    assert [topic["TopicArn"] for topic in one.list_topics()["Topics"]] == [
        "arn:aws:sns:us-east-1:900000000001:only-here"
    ]
    assert two.list_topics()["Topics"] == []


def test_health_checks_keep_children_and_regions_and_answer_xml_booleans(ministack):
    route53 = client("route53", ministack, "900000000003")
    regions = ["us-east-1", "us-west-1", "eu-west-1"]
    endpoint = {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": "api.example.com",
        "Port": 443,
        "EnableSNI": True,
        "MeasureLatency": False,
        "Regions": regions,
    }
    child = route53.create_health_check(CallerReference="child", HealthCheckConfig=endpoint)
    child_id = child["HealthCheck"]["Id"]
    parent = {"Type": "CALCULATED", "HealthThreshold": 1, "ChildHealthChecks": [child_id]}
    parent_id = route53.create_health_check(CallerReference="parent", HealthCheckConfig=parent)[
        "HealthCheck"
    ]["Id"]

    texts = []
    route53.meta.events.register(
        "before-parse.route53.GetHealthCheck",
        lambda response_dict, **_: texts.append(response_dict["body"].decode()),
    )
    config = route53.get_health_check(HealthCheckId=child_id)["HealthCheck"]["HealthCheckConfig"]
    assert config["Regions"] == regions
    assert "<EnableSNI>true</EnableSNI>" in texts[0]
    assert "<MeasureLatency>false</MeasureLatency>" in texts[0]
    config = route53.get_health_check(HealthCheckId=parent_id)["HealthCheck"]["HealthCheckConfig"]
    assert config["ChildHealthChecks"] == [child_id]


def test_a_global_cluster_has_an_endpoint_of_its_writer(ministack):
    rds = client("rds", ministack, "900000000004")
    made = {"GlobalClusterIdentifier": "orders", "Engine": "aurora-postgresql"}
    rds.create_global_cluster(**made)
    [found] = rds.describe_global_clusters(GlobalClusterIdentifier="orders")["GlobalClusters"]
    assert found["Endpoint"].startswith("orders.global-")
    assert found["Endpoint"].endswith(".global.rds.amazonaws.com")


@pytest.mark.parametrize("script", ["ministack.py", "moto_server.py"])
def test_an_emulator_ends_with_its_standard_input(script):
    process, url = start_emulator(script)
    process.stdin.close()
    assert process.wait(timeout=10) == 0
    with pytest.raises(OSError):
        urllib.request.urlopen(url)
