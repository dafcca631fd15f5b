import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from conftest import NAMESPACE, PRIMARY, STANDBY, SUFFIX, Clock

RECORD = f"/drctl/failover-{SUFFIX}"


@pytest.fixture
def orchestrator(account, load):
    return load("orchestrator")


@pytest.fixture
def call(orchestrator, orchestrator_env, clock):
    """Runs the orchestrator with the probe's evidence, or with the event given."""

    def call(event=None, remaining=300, owner=None, **env):
        settings = orchestrator.Settings.from_environment({**orchestrator_env, **env})
        event = event or {
            "mode": "failover",
            "source": "probe",
            "evidence": {"failures": 3, "firstFailureAt": clock.time()},
        }
        return orchestrator.run(settings, event, owner or request_id(), clock.remaining(remaining), clock)

    return call


@pytest.fixture
def small_lag(database, clock):
    database.put_lag(120, at=clock.started - 150)


@pytest.fixture
def change_answer(session):
    """Lets a test change the parsed answer of an operation: `change_answer("Name", function)`."""

    def change(operation, edit):
        session.events.register(f"after-call.rds.{operation}", lambda parsed, **_: edit(parsed))

    return change


def request_id():
    return str(uuid.uuid4())


def record():
    return json.loads(boto3.client("ssm").get_parameter(Name=RECORD)["Parameter"]["Value"])


def no_record():
    with pytest.raises(ClientError, match="ParameterNotFound"):
        record()
    return True


def test_evidence_of_an_outage_promotes_the_standby(call, database, small_lag, notices, metrics):
    answer = call()

    assert database.writer == database.standby_arn
    assert answer["result"] == "succeeded"
    assert (answer["from"], answer["to"]) == (database.home_arn, database.standby_arn)
    assert (answer["epoch"], answer["lagMs"], answer["source"]) == (1, 120, "probe")
    assert record() == answer
    assert notices() == [answer]
    assert metrics("FailoverEvent", "Sum", Suffix=SUFFIX) == [1]


def test_a_failover_names_the_target_by_arn_and_accepts_data_loss(
    call, database, small_lag, session
):
    requests = []
    session.events.register(
        "before-call.rds.FailoverGlobalCluster", lambda params, **_: requests.append(params["body"])
    )
    call()
    [request] = requests
    assert request["TargetDbClusterIdentifier"] == database.standby_arn
    assert request["AllowDataLoss"] == "true"


def test_each_move_has_the_next_epoch(call, database, small_lag):
    assert call()["epoch"] == 1
    boto3.client("rds", region_name=PRIMARY).switchover_global_cluster(
        GlobalClusterIdentifier=database.identifier, TargetDbClusterIdentifier=database.home_arn
    )
    assert call()["epoch"] == 2


def refused(answer, reason):
    assert (answer["result"], answer["reason"]) == ("refused", reason)
    return True


def test_a_repeated_refusal_is_told_once_in_a_quarter_of_an_hour(call, clock, notices):
    assert refused(call(), "lag-unknown")
    assert refused(call(), "lag-unknown")
    assert len(notices()) == 1
    clock.sleep(901)
    assert refused(call(), "lag-unknown")
    assert len(notices()) == 1


def test_a_failover_in_progress_is_refused(call, database, small_lag, change_answer):
    def fail_over(answer):
        answer["GlobalClusters"][0]["FailoverState"] = {"Status": "failing-over"}

    change_answer("DescribeGlobalClusters", fail_over)
    assert refused(call(), "in-progress")
    assert database.writer == database.home_arn


def test_a_target_outside_the_global_cluster_is_refused(call, database, small_lag):
    stranger = database.rds.create_db_cluster(
        DBClusterIdentifier="stranger",
        Engine="aurora-postgresql",
        MasterUsername="dbadmin",
        MasterUserPassword="only-for-this-test",
    )["DBCluster"]["DBClusterArn"]
    assert refused(call(TARGET_CLUSTER_ARN=stranger), "not-a-member")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [("Status", "modifying", "not-available"), ("EngineVersion", "14.3", "version-differs")],
)
def test_a_target_that_cannot_take_over_is_refused(
    call, database, small_lag, change_answer, field, value, reason
):
    def put_value(answer):
        answer["DBClusters"][0][field] = value

    change_answer("DescribeDBClusters", put_value)
    assert refused(call(), reason)
    assert database.writer == database.home_arn


def test_a_target_that_is_being_backed_up_takes_over(call, database, small_lag, change_answer):
    def back_up(answer):
        answer["DBClusters"][0]["Status"] = "backing-up"

    change_answer("DescribeDBClusters", back_up)
    assert call()["result"] == "succeeded"


def test_a_target_too_far_behind_is_refused(call, database, small_lag, clock):
    database.put_lag(7000, at=clock.started - 200)
    assert refused(call(), "lag-too-high")
    assert database.writer == database.home_arn
    assert call(MAX_LAG_MS="7000")["lagMs"] == 7000


def test_lag_that_rose_in_the_outage_does_not_count(call, database, small_lag, clock):
    database.put_lag(90_000, at=clock.started)
    event = {
        "mode": "failover",
        "evidence": {"failures": 3, "firstFailureAt": clock.started - 60},
    }
    assert call(event)["lagMs"] == 120


def test_the_lag_of_the_minute_in_which_the_outage_began_does_not_count(call, database, clock):
    minute = clock.started - clock.started % 60
    database.put_lag(40_000, at=minute - 15)
    database.put_lag(110, at=minute - 75)
    event = {"mode": "failover", "evidence": {"failures": 3, "firstFailureAt": minute - 55}}
    assert call(event)["lagMs"] == 110


def test_unknown_lag_is_refused_unless_the_policy_allows_it(call, database):
    assert refused(call(), "lag-unknown")
    assert database.writer == database.home_arn
    answer = call(MAX_LAG_UNKNOWN="allow")
    assert (answer["result"], answer["lagMs"]) == ("succeeded", None)


def test_evidence_that_waited_in_a_queue_moves_nothing(call, database, small_lag, clock, notices):
    event = {"mode": "failover", "evidence": {"firstFailureAt": clock.started, "lastFailureAt": clock.started}}
    raised = alarm("ALARM", datetime.fromtimestamp(clock.started, timezone.utc))
    clock.sleep(301)
    assert refused(call(event), "evidence-too-old")
    assert refused(call(raised), "evidence-too-old")
    assert database.writer == database.home_arn
    assert [notice["reason"] for notice in notices()] == ["evidence-too-old"]
    assert call(raised, EVIDENCE_SECONDS="400")["result"] == "succeeded"


def as_cloudwatch(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def alarm(value, at, **state):
    return {
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "detail": {
            "alarmName": "db-connectivity-remote",
            "state": {"value": value, "timestamp": as_cloudwatch(at), **state},
        },
    }


def test_a_composite_alarm_counts_the_lag_from_minutes_before_it(call, database, small_lag, clock):
    database.put_lag(90_000, at=clock.started - 110)
    database.put_lag(200, at=clock.started - 240)
    now = datetime.fromtimestamp(clock.started, timezone.utc)
    child = {"arn": "of the API", "state": {"value": "ALARM", "timestamp": as_cloudwatch(now)}}
    answer = call(alarm("ALARM", now, reasonData=json.dumps({"triggeringAlarms": [child]})))
    assert (answer["result"], answer["lagMs"]) == ("succeeded", 200)
    assert database.writer == database.standby_arn


def test_a_composite_alarm_counts_the_lag_from_before_the_first_of_its_alarms(
    call, database, small_lag, clock
):
    database.put_lag(90_000, at=clock.started - 350)
    database.put_lag(200, at=clock.started - 480)
    now = datetime.fromtimestamp(clock.started, timezone.utc)
    children = [
        {"arn": "of the API", "state": {"value": "ALARM", "timestamp": as_cloudwatch(now)}},
        {
            "arn": "of the database",
            "state": {"value": "ALARM", "timestamp": as_cloudwatch(now - timedelta(seconds=240))},
        },
        {
            "arn": "of something that is well",
            "state": {"value": "OK", "timestamp": as_cloudwatch(now - timedelta(days=9))},
        },
    ]
    assert call(alarm("ALARM", now, reasonData=json.dumps({"triggeringAlarms": children})))["lagMs"] == 200


def test_an_alarm_counts_the_lag_from_its_first_bad_datapoint(call, database, small_lag, clock):
    now = datetime.fromtimestamp(clock.started, timezone.utc)
    began = now.replace(second=0, microsecond=0)
    database.put_lag(90_000, at=began.timestamp())
    # In the minute before, the outage may have begun: a few good samples hide it from the alarm.
    database.put_lag(40_000, at=began.timestamp() - 10)
    database.put_lag(130, at=began.timestamp() - 70)
    reason = {"startDate": as_cloudwatch(began), "period": 60}
    answer = call(alarm("ALARM", now, reasonData=json.dumps(reason)))
    assert (answer["source"], answer["lagMs"]) == ("alarm", 130)
    assert database.writer == database.standby_arn


def test_an_alarm_without_reason_data_counts_the_lag_from_its_change(call, small_lag, clock):
    now = datetime.fromtimestamp(clock.started, timezone.utc)
    assert call(alarm("ALARM", now))["lagMs"] == 120


def test_an_alarm_that_calms_down_moves_nothing(call, database, small_lag, clock):
    now = datetime.fromtimestamp(clock.started, timezone.utc)
    assert refused(call(alarm("OK", now)), "alarm-not-raised")
    assert database.writer == database.home_arn


@pytest.mark.parametrize(
    "event", [{"key1": "value1"}, {"mode": "failover"}, {"mode": "failover", "evidence": {}}]
)
def test_an_event_without_evidence_moves_nothing(call, database, small_lag, event):
    assert refused(call(event), "event-not-understood")
    assert database.writer == database.home_arn


def put_connectivity(value, at):
    dimensions = {"Role": "secondary", "Target": "remote", "Suffix": SUFFIX}
    point = {
        "MetricName": "DatabaseConnectivity",
        "Value": value,
        "Timestamp": datetime.fromtimestamp(at, timezone.utc),
        "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
    }
    boto3.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=[point])


def test_a_planned_switchover_needs_a_primary_that_is_seen_healthy(
    call, database, small_lag, clock, session, failover_role
):
    asked = []
    session.events.register(
        "before-call.rds",
        lambda model, request_signer, **_: asked.append((model.name, request_signer.region_name)),
    )
    roles = []
    session.events.register(
        "before-call.sts", lambda params, **_: roles.append(params["body"]["RoleArn"])
    )
    planned = {"mode": "switchover"}
    assert refused(call(planned), "primary-unknown")
    put_connectivity(0.0, clock.started - 190)
    put_connectivity(1.0, clock.started - 70)
    assert refused(call(planned), "primary-unhealthy")
    clock.sleep(300)
    put_connectivity(1.0, clock.time() - 70)
    database.put_lag(80, at=clock.time() - 70)
    roles.clear()
    answer = call(planned, SWITCHOVER_ROLE_ARN=failover_role.replace("secondary", "primary"))
    assert (answer["mode"], answer["result"]) == ("switchover", "succeeded")
    assert database.writer == database.standby_arn
    # AWS asks for it in the region of the writer, where another role may do it.
    assert ("SwitchoverGlobalCluster", PRIMARY) in asked
    assert [role.rpartition("-")[2] for role in roles] == ["secondary", "primary"]
    assert "FailoverGlobalCluster" not in [name for name, _ in asked]
    assert {region for name, region in asked if name.startswith("Describe")} == {STANDBY}


def test_the_database_is_only_touched_as_the_failover_role(call, account, small_lag, session):
    signatures = []
    session.events.register(
        "before-send.rds",
        lambda request, **_: signatures.append(str(request.headers["Authorization"])),
    )
    call()
    assert signatures
    assert all("Credential=ASIA" in signature for signature in signatures)


def test_a_role_that_may_not_be_assumed_is_a_told_failure(call, database, small_lag, notices):
    missing = "arn:aws:iam::000000000000:user/not-a-role"
    with pytest.raises(ClientError):
        call(FAILOVER_ROLE_ARN=missing)
    assert [notice["result"] for notice in notices()] == ["failed"]
    assert database.writer == database.home_arn
    assert no_record()
    # The lock is free again, so that Lambda's second attempt can act.
    assert call()["result"] == "succeeded"


def test_a_move_that_aws_refuses_is_recorded_as_failed(call, database, small_lag, session, notices):
    def send_elsewhere(params, **_):
        params["body"]["GlobalClusterIdentifier"] = "no-such-global-cluster"

    session.events.register("before-call.rds.FailoverGlobalCluster", send_elsewhere)
    with pytest.raises(ClientError, match="GlobalClusterNotFound"):
        call()
    assert (record()["epoch"], record()["result"]) == (1, "failed")
    assert [notice["result"] for notice in notices()] == ["failed"]


def test_a_move_that_outlasts_the_time_is_pending(call, database, small_lag, clock, change_answer):
    answers = []

    def keep_failing_over(answer):
        answers.append(answer)
        if len(answers) > 1:
            answer["GlobalClusters"][0]["FailoverState"] = {"Status": "failing-over"}

    change_answer("DescribeGlobalClusters", keep_failing_over)
    assert call(remaining=60)["result"] == "pending"
    assert record()["result"] == "pending"
    assert 30 < clock.elapsed <= 45


def test_waiting_ends_when_the_operation_ends(call, small_lag, clock, change_answer):
    answers = []

    def fail_over_for_a_while(answer):
        answers.append(answer)
        if 1 < len(answers) < 5:
            answer["GlobalClusters"][0]["FailoverState"] = {"Status": "failing-over"}

    change_answer("DescribeGlobalClusters", fail_over_for_a_while)
    assert call()["result"] == "succeeded"
    assert clock.elapsed == 15


def test_a_lost_notice_hides_no_success(call, database, small_lag):
    missing = "arn:aws:sns:eu-west-1:100000000000:missing"
    assert call(TOPIC_ARN=missing)["result"] == "succeeded"
    assert database.writer == database.standby_arn


def test_a_lost_record_hides_no_success(call, database, small_lag, session, notices):
    def lose_the_record(params, **_):
        if json.loads(params["body"])["Name"] == RECORD:
            raise EndpointConnectionError(endpoint_url="https://ssm.eu-west-1.amazonaws.com")

    session.events.register("before-call.ssm.PutParameter", lose_the_record)
    answer = call()
    assert answer["result"] == "succeeded"
    assert notices() == [answer]
    assert no_record()


def test_triggers_at_the_same_time_move_the_writer_once(
    orchestrator, orchestrator_env, database, small_lag, session
):
    moves = []
    session.events.register("before-call.rds.FailoverGlobalCluster", lambda **_: moves.append(1))
    settings = orchestrator.Settings.from_environment(orchestrator_env)
    # Clients are made once, before threads share them.
    for service in ("ssm", "sts", "sns", "cloudwatch"):
        orchestrator.client(service)

    def trigger(_):
        clock = Clock()
        event = {"mode": "failover", "evidence": {"firstFailureAt": clock.time()}}
        return orchestrator.run(settings, event, request_id(), clock.remaining(300), clock)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(trigger, range(4)))
    results = sorted(answer["result"] for answer in answers)
    assert results == ["refused", "refused", "refused", "succeeded"]
    reasons = {answer["reason"] for answer in answers if answer["result"] == "refused"}
    assert reasons <= {"locked", "already-writer"}
    assert len(moves) == 1


def lock(orchestrator, orchestrator_env, clock, owner=None):
    settings = orchestrator.Settings.from_environment(orchestrator_env)
    return orchestrator.Lock(settings, owner or request_id(), clock)


def test_a_lock_keeps_others_out_until_it_is_released(orchestrator, orchestrator_env, clock):
    first, second = (lock(orchestrator, orchestrator_env, clock) for _ in range(2))
    first.acquire()
    with pytest.raises(orchestrator.Refused, match="another run"):
        second.acquire()
    first.release()
    second.acquire()


def test_the_lock_of_a_run_that_died_expires(orchestrator, orchestrator_env, clock):
    dead, heir = (lock(orchestrator, orchestrator_env, clock) for _ in range(2))
    dead.acquire()
    clock.sleep(901)
    heir.acquire()


def test_of_two_heirs_of_an_expired_lock_one_wins(orchestrator, orchestrator_env, clock):
    dead, first, second = (lock(orchestrator, orchestrator_env, clock) for _ in range(3))
    dead.acquire()
    clock.sleep(901)
    reads = []

    def let_the_other_in(**_):
        reads.append(1)
        if len(reads) == 1:
            first.acquire()

    orchestrator.client("ssm").meta.events.register("after-call.ssm.GetParameter", let_the_other_in)
    with pytest.raises(orchestrator.Refused, match="at the same time"):
        second.acquire()
    with pytest.raises(orchestrator.Refused):
        lock(orchestrator, orchestrator_env, clock).acquire()


def test_the_handler_reads_its_environment(
    orchestrator, orchestrator_env, database, small_lag, context, monkeypatch, clock
):
    for name, value in orchestrator_env.items():
        monkeypatch.setenv(name, value)
    event = {"mode": "failover", "evidence": {"firstFailureAt": clock.time()}}
    assert orchestrator.handler(event, context)["result"] == "succeeded"
    assert database.writer == database.standby_arn


@pytest.fixture
def group(account):
    """An Auto Scaling group that waits with one instance and may have three."""
    autoscaling, ec2 = boto3.client("autoscaling"), boto3.client("ec2")
    template = ec2.create_launch_template(
        LaunchTemplateName="app", LaunchTemplateData={"ImageId": "ami-1", "InstanceType": "t3.medium"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="app",
        LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
        MinSize=1,
        DesiredCapacity=1,
        MaxSize=3,
        AvailabilityZones=["eu-west-1a"],
    )

    def size():
        found = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["app"])
        return found["AutoScalingGroups"][0]["DesiredCapacity"]

    return size


@pytest.mark.parametrize(
    ("wanted", "size"), [(2, 2), (9, 3), (0, 1)], ids=["as asked", "as far as it may", "never down"]
)
def test_a_failover_raises_the_instances_of_its_region(
    call, database, small_lag, group, notices, wanted, size
):
    answer = call(GROUP_NAME="app", GROUP_CAPACITY=str(wanted))
    assert (answer["result"], answer["instances"]) == ("succeeded", size)
    assert group() == size
    assert record() == answer
    assert notices() == [answer]


def test_a_refused_failover_leaves_the_instances_alone(call, database, group):
    assert refused(call(GROUP_NAME="app", GROUP_CAPACITY="3"), "lag-unknown")
    assert group() == 1


def test_a_group_that_cannot_be_raised_does_not_stop_the_failover(
    call, database, small_lag, session, capsys
):
    assert call(GROUP_NAME="missing", GROUP_CAPACITY="3")["instances"] is None
    assert "there is no such group" in capsys.readouterr().out

    def be_away(**_):
        raise EndpointConnectionError(endpoint_url="https://autoscaling.eu-west-1.amazonaws.com")

    boto3.client("rds", region_name=PRIMARY).switchover_global_cluster(
        GlobalClusterIdentifier=database.identifier, TargetDbClusterIdentifier=database.home_arn
    )
    session.events.register("before-call.autoscaling", be_away)
    answer = call(GROUP_NAME="app", GROUP_CAPACITY="3")
    assert (answer["result"], answer["instances"]) == ("succeeded", None)
    assert database.writer == database.standby_arn


RAISES = {"GROUP_NAME": "app", "GROUP_CAPACITY": "3"}


def move_by_hand(database):
    database.rds.failover_global_cluster(
        GlobalClusterIdentifier=database.identifier,
        TargetDbClusterIdentifier=database.standby_arn,
        AllowDataLoss=True,
    )


def put_record(**fields):
    boto3.client("ssm").put_parameter(
        Name=RECORD, Value=json.dumps(fields), Type="String", Overwrite=True
    )


class Died(BaseException):
    """The end of a function's process, which nothing in it can catch."""


def die(**_):
    raise Died


@pytest.fixture
def mortal(orchestrator, monkeypatch):
    """Lets a run that died keep its lock, as the end of its process would."""
    monkeypatch.setattr(orchestrator.Lock, "release", lambda lock: None)


def test_a_move_whose_answer_is_lost_is_asked_for_once_and_goes_on(
    call, database, small_lag, session, group, notices, metrics
):
    attempts = []

    def lose_the_answer(**_):
        attempts.append(1)
        if len(attempts) == 1:
            move_by_hand(database)
        raise ReadTimeoutError(endpoint_url="https://rds.eu-west-1.amazonaws.com")

    session.events.register("before-send.rds.FailoverGlobalCluster", lose_the_answer)
    answer = call(**RAISES)
    assert len(attempts) == 1
    assert (answer["result"], answer["epoch"], answer["lagMs"]) == ("succeeded", 1, 120)
    assert record() == answer
    assert notices() == [answer]
    assert group() == 3
    assert metrics("FailoverEvent", "Sum", Suffix=SUFFIX) == [1]


def test_a_move_that_nobody_can_see_is_failed_until_the_next_run_finds_it(
    call, database, small_lag, session, group, notices, metrics
):
    moved = []

    def lose_the_answer(**_):
        moved.append(1)
        move_by_hand(database)
        raise ReadTimeoutError(endpoint_url="https://rds.eu-west-1.amazonaws.com")

    def be_away_once(**_):
        if len(moved) == 1:
            moved.append(2)
            raise EndpointConnectionError(endpoint_url="https://rds.eu-west-1.amazonaws.com")

    session.events.register("before-send.rds.FailoverGlobalCluster", lose_the_answer)
    session.events.register("before-call.rds.DescribeGlobalClusters", be_away_once)
    with pytest.raises(ReadTimeoutError):
        call(**RAISES)
    assert (record()["result"], group()) == ("failed", 1)

    answer = call(**RAISES)
    assert (answer["result"], answer["epoch"], answer["lagMs"]) == ("succeeded", 1, 120)
    assert "error" not in answer
    assert record() == answer
    assert [notice["result"] for notice in notices()] == ["failed", "succeeded"]
    assert group() == 3
    assert metrics("FailoverEvent", "Sum", Suffix=SUFFIX) == [1]


def test_what_follows_a_move_is_done_by_the_next_run_when_one_died_after_it(
    call, database, small_lag, session, clock, mortal, group, notices, metrics
):
    session.events.register("after-call.rds.FailoverGlobalCluster", die)
    with pytest.raises(Died):
        call(**RAISES)
    assert database.writer == database.standby_arn
    assert (record()["result"], group()) == ("started", 1)
    assert refused(call(**RAISES), "locked")
    clock.sleep(901)

    answer = call(**RAISES)
    assert (answer["result"], answer["epoch"], answer["lagMs"]) == ("succeeded", 1, 120)
    assert answer["seconds"] == 901
    assert record() == answer
    assert notices() == [answer]
    assert group() == 3
    assert metrics("FailoverEvent", "Sum", Suffix=SUFFIX) == [1]


def test_lambda_s_repetition_of_a_run_that_died_waits_for_no_lock(
    call, database, small_lag, session, clock, mortal, notices
):
    session.events.register("after-call.rds.FailoverGlobalCluster", die)
    with pytest.raises(Died):
        call(owner="one request")
    clock.sleep(60)
    assert refused(call(owner="another request"), "locked")
    answer = call(owner="one request")
    assert (answer["result"], answer["epoch"]) == ("succeeded", 1)
    assert notices() == [answer]


def test_a_run_that_died_while_it_waited_leaves_only_the_end_to_the_next_one(
    call, database, small_lag, clock, mortal, group, notices, metrics, change_answer, monkeypatch
):
    answers = []

    def fail_over_for_a_while(answer):
        answers.append(answer)
        if len(answers) == 2:
            answer["GlobalClusters"][0]["FailoverState"] = {"Status": "failing-over"}

    change_answer("DescribeGlobalClusters", fail_over_for_a_while)
    with monkeypatch.context() as dying:
        dying.setattr(clock, "sleep", lambda seconds: die())
        with pytest.raises(Died):
            call(**RAISES)
    assert (record()["result"], group()) == ("moving", 3)
    boto3.client("autoscaling").set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=2)
    clock.sleep(901)

    answer = call(**RAISES)
    assert (answer["result"], answer["epoch"]) == ("succeeded", 1)
    assert record() == answer
    assert notices() == [answer]
    assert group() == 2
    assert metrics("FailoverEvent", "Sum", Suffix=SUFFIX) == [1]


@pytest.mark.parametrize("present", [None, {"epoch": 4}], ids=["no record", "a new record"])
def test_a_writer_that_was_moved_by_hand_is_followed_up(
    call, database, group, notices, metrics, present
):
    if present:
        put_record(**present)
    move_by_hand(database)
    answer = call(**RAISES)
    assert (answer["result"], answer["source"], answer["from"]) == ("succeeded", "unknown", None)
    assert answer["epoch"] == (5 if present else 1)
    assert record() == answer
    assert notices() == [answer]
    assert group() == 3
    assert metrics("FailoverEvent", "Sum", Suffix=SUFFIX) == [1]


def test_a_writer_whose_record_has_its_end_is_left_alone(
    call, database, small_lag, group, notices, metrics
):
    moved = call(**RAISES)
    assert notices() == [moved]
    boto3.client("autoscaling").set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=1)
    answer = call(**RAISES)
    assert refused(answer, "already-writer")
    # Who was told of the move is not told each minute that it was not made twice.
    assert notices() == []
    assert record() == moved
    assert group() == 1
    assert metrics("FailoverRefused", "Sum", Suffix=SUFFIX) == [1]
    assert metrics("FailoverEvent", "Sum", Suffix=SUFFIX) == [1]


def test_a_move_to_the_target_found_in_progress_is_waited_for_and_told_once(
    call, database, group, clock, notices, metrics, change_answer
):
    """Whatever an earlier record told: a move in progress is a later one."""
    put_record(epoch=4, to=database.standby_arn, result="succeeded")
    move_by_hand(database)
    over = []

    def fail_over(answer):
        if not over:
            answer["GlobalClusters"][0]["FailoverState"] = {
                "Status": "failing-over",
                "FromDbClusterArn": database.home_arn,
                "ToDbClusterArn": database.standby_arn,
            }

    change_answer("DescribeGlobalClusters", fail_over)
    first = call(remaining=60, **RAISES)
    assert (first["result"], first["epoch"], first["from"]) == ("pending", 5, database.home_arn)
    assert call(remaining=120, **RAISES)["result"] == "pending"
    assert notices() == [first]

    over.append(True)
    last = call(**RAISES)
    assert (last["result"], last["epoch"]) == ("succeeded", 5)
    assert record() == last
    assert notices() == [last]
    assert group() == 3
    assert metrics("FailoverEvent", "Sum", Suffix=SUFFIX) == [1]


@pytest.mark.parametrize(("status", "to"), [("cancelling", "standby_arn"), ("pending", "home_arn")])
def test_a_move_that_does_not_end_at_the_target_is_refused(
    call, database, small_lag, group, change_answer, status, to
):
    def fail_over(answer):
        answer["GlobalClusters"][0]["FailoverState"] = {
            "Status": status,
            "ToDbClusterArn": getattr(database, to),
        }

    change_answer("DescribeGlobalClusters", fail_over)
    assert refused(call(**RAISES), "in-progress")
    assert group() == 1
    assert no_record()
