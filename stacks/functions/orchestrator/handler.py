"""Moves the writer of an Aurora global database into this function's region, after checks.

Runs in the surviving region, outside any VPC. The probe calls it with its evidence; an alarm calls
it through EventBridge; an operator calls it for a planned switchover. It acts only when every
check holds, and otherwise says why not:

- no other run holds the lock, and no failover is in progress;
- the target is a secondary of the global cluster that serves, with the writer's engine version;
- what tells of the outage is new: an event may wait for hours in a queue;
- before the outage the target was no further behind than the limit.

With the move it raises the Auto Scaling group of its region, where there is one: the instances that
waited are too few for all of the load.

A move to the target that is found under way or done, while the record knows nothing of its end, is
not asked for again, only followed up: its answer was lost, its run died, or somebody made it by hand.

A refusal is an answer, a failure is an exception: Lambda tries an asynchronous call again, and an
alarm on its errors tells somebody.
"""

import functools
import json
import os
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

AWS_ERRORS = (BotoCoreError, ClientError)
# Kept back before the function's timeout for the record, the metric and the notice.
RESERVE_SECONDS = 15
HEALTH_WINDOW = timedelta(minutes=5)
REPEAT_REFUSAL_SECONDS = 900
# Another run tells of the move, or has told: nobody needs to hear that it was not made twice.
TOLD_ELSEWHERE = {"already-writer", "locked"}
# States of a cluster in which its database serves.
SERVING = {"available", "backing-up"}
# From the beginning of an outage until an alarm is raised that a composite alarm looks at, at the most.
NOTICE_DELAY = timedelta(minutes=3)


@dataclass(frozen=True)
class Settings:
    global_cluster: str
    target_arn: str
    failover_role_arn: str
    switchover_role_arn: str
    topic_arn: str
    suffix: str
    role: str
    namespace: str
    max_lag_ms: float
    unknown_lag_allowed: bool
    lag_window: timedelta
    evidence_seconds: float
    wait_seconds: float
    poll_seconds: float
    lock_seconds: float
    group_name: str
    group_capacity: int

    @classmethod
    def from_environment(cls, env=os.environ):
        return cls(
            global_cluster=env["GLOBAL_CLUSTER_IDENTIFIER"],
            target_arn=env["TARGET_CLUSTER_ARN"],
            failover_role_arn=env["FAILOVER_ROLE_ARN"],
            switchover_role_arn=env.get("SWITCHOVER_ROLE_ARN") or env["FAILOVER_ROLE_ARN"],
            topic_arn=env["TOPIC_ARN"],
            suffix=env["SUFFIX"],
            role=env.get("ROLE", "secondary"),
            namespace=env["METRIC_NAMESPACE"],
            max_lag_ms=float(env.get("MAX_LAG_MS", "5000")),
            unknown_lag_allowed=env.get("MAX_LAG_UNKNOWN", "refuse") == "allow",
            lag_window=timedelta(minutes=float(env.get("LAG_WINDOW_MINUTES", "5"))),
            evidence_seconds=float(env.get("EVIDENCE_SECONDS", "300")),
            wait_seconds=float(env.get("WAIT_SECONDS", "600")),
            poll_seconds=float(env.get("POLL_SECONDS", "5")),
            lock_seconds=float(env.get("LOCK_SECONDS", "900")),
            group_name=env.get("GROUP_NAME", ""),
            group_capacity=int(env.get("GROUP_CAPACITY", "0")),
        )

    @property
    def target_identifier(self):
        return self.target_arn.rpartition(":")[2]

    @property
    def record_name(self):
        return f"/drctl/failover-{self.suffix}"

    @property
    def lock_name(self):
        return f"/drctl/failover-lock-{self.suffix}"


@dataclass(frozen=True)
class Trigger:
    """What asked for the move.

    `outage_at` is when the trouble began, as far as it is known, `seen_at` when it was last seen.
    """

    mode: str
    source: str
    outage_at: datetime
    seen_at: datetime
    evidence: dict

    @property
    def planned(self):
        return self.mode == "switchover"


class Refused(Exception):
    """A check did not hold; `reason` is a fixed word, the text explains it."""

    def __init__(self, reason, explanation):
        super().__init__(explanation)
        self.reason = reason


def handler(event, context):
    owner, remaining_millis = context.aws_request_id, context.get_remaining_time_in_millis
    return run(Settings.from_environment(), event, owner, remaining_millis)


def run(settings, event, owner, remaining_millis, clock=time):
    """Checks, moves the writer, waits for it and reports. Returns the structured result."""
    try:
        trigger = read_trigger(event, clock)
        lock = Lock(settings, owner, clock)
        lock.acquire()
        try:
            return move_writer(settings, trigger, remaining_millis, clock)
        finally:
            lock.release()
    except Refused as refusal:
        return refuse(settings, refusal, clock)
    except Exception as error:
        log("failed", error=str(error))
        notify(settings, "failed", {"result": "failed", "error": str(error)})
        raise


# The trigger


def read_trigger(event, clock):
    if event.get("detail-type") == "CloudWatch Alarm State Change":
        return read_alarm(event["detail"])
    mode, evidence, source = event.get("mode"), event.get("evidence") or {}, event.get("source", "operator")
    now = utc(clock.time())
    if mode == "switchover":
        return Trigger(mode, source, now, now, evidence)
    # Evidence is asked for so that a console's sample event can never move a database.
    if mode == "failover" and evidence:
        since, last = evidence.get("firstFailureAt"), evidence.get("lastFailureAt")
        outage_at, seen_at = start_of_outage(since) if since else now, utc(last) if last else now
        return Trigger(mode, source, outage_at, seen_at, evidence)
    raise Refused("event-not-understood", "the event asks for no failover with evidence")


def read_alarm(detail):
    state = detail["state"]
    if state["value"] != "ALARM":
        raise Refused("alarm-not-raised", f"the alarm went to {state['value']}")
    seen_at = outage_at = datetime.fromisoformat(state["timestamp"])
    # The alarm is raised minutes after the first bad data point, whose time is in its reason data. The
    # point before may have been half bad: an alarm on the best of a minute does not see it.
    reason = json.loads(state.get("reasonData") or "{}")
    if "startDate" in reason:
        outage_at = datetime.fromisoformat(reason["startDate"]) - timedelta(seconds=reason.get("period", 60))
    if "triggeringAlarms" in reason:
        # A composite alarm tells when its alarms were raised, and nothing of data points.
        raised = [alarm["state"] for alarm in reason["triggeringAlarms"] if alarm["state"]["value"] == "ALARM"]
        times = [datetime.fromisoformat(state["timestamp"]) for state in raised]
        outage_at = min([outage_at, *times]) - NOTICE_DELAY
    evidence = {"alarm": detail["alarmName"], "reason": state.get("reason", "")}
    return Trigger("failover", "alarm", outage_at, seen_at, evidence)


def start_of_outage(seconds):
    """Returns the start of the minute: its point of the lag may be of any time in it."""
    return utc(seconds - seconds % 60)


def utc(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc)


# The move


def move_writer(settings, trigger, remaining_millis, clock):
    started = clock.monotonic()
    rds_client = rds_as(settings, settings.failover_role_arn)
    rds = rds_client(config=LIMITS)
    database, last = describe(rds, settings), last_record(settings)
    if heads_for_target(database, settings) and not is_told(last, database, settings):
        record = record_of_found_move(settings, trigger, database, last, clock)
        log("move_found", **record)
    else:
        source_arn = check_roles(rds, settings, database)
        check_age(settings, trigger, clock)
        lag_ms = check_lag(settings, trigger)
        if trigger.planned:
            check_primary_health(settings, clock)
        record = new_record(settings, trigger, last, source_arn, lag_ms, clock)
        write_record(settings, record)
        try:
            request_move(rds_client, settings, trigger, source_arn)
        except AWS_ERRORS as error:
            if not is_accepted_after_all(rds, settings):
                write_record(settings, {**record, "result": "failed", "error": str(error)})
                raise
            log("answer_lost", error=str(error))

    budget = min(settings.wait_seconds, remaining_millis() / 1000 - RESERVE_SECONDS)
    return follow_up(rds, settings, record, started + budget, clock)


def request_move(rds_client, settings, trigger, source_arn):
    move = {
        "GlobalClusterIdentifier": settings.global_cluster,
        "TargetDbClusterIdentifier": settings.target_arn,
    }
    if not trigger.planned:
        rds_client(config=ONE_ATTEMPT).failover_global_cluster(**move, AllowDataLoss=True)
        return
    # AWS wants a switchover asked of the region that gives the writer away: that one is well.
    rds_client = rds_as(settings, settings.switchover_role_arn)
    region = source_arn.split(":")[3]
    rds_client(region_name=region, config=ONE_ATTEMPT).switchover_global_cluster(**move)


def is_accepted_after_all(rds, settings):
    """Returns whether the move is under way or done although asking for it ended in an error."""
    try:
        return heads_for_target(describe(rds, settings), settings)
    except AWS_ERRORS as error:
        # Not known: the next run looks again.
        log("describe_failed", error=str(error))
        return False


def follow_up(rds, settings, record, deadline, clock):
    """Does what the record does not know as done after a move that was accepted; returns the record."""
    before = record["result"]
    if before not in ("moving", "pending"):
        put_event_metric(settings, "FailoverEvent")
    if settings.group_name and record.get("instances") is None:
        record["instances"] = raise_group(settings)
    if before != "pending":
        write_record(settings, {**record, "result": "moving"})

    moved = wait_for_writer(rds, settings, deadline, clock)
    record["result"] = "succeeded" if moved else "pending"
    asked = datetime.fromisoformat(record["time"]).timestamp()
    record["seconds"] = max(0.0, round(clock.time() - asked, 1))
    write_record(settings, record)
    log("moved", **record)
    if record["result"] != before:
        notify(settings, record["result"], record)
    return record


def wait_for_writer(rds, settings, deadline, clock):
    """Returns whether the target took over before the deadline."""
    while True:
        try:
            database = describe(rds, settings)
            if writer_of(database) == settings.target_arn and not state_of(database):
                return True
        except AWS_ERRORS as error:
            # The move is on its way; one bad answer must not be taken for its failure.
            log("describe_failed", error=str(error))
        if clock.monotonic() + settings.poll_seconds > deadline:
            return False
        clock.sleep(settings.poll_seconds)


def raise_group(settings):
    """Returns how many instances the group is to have, or None where it could not be raised.

    A group is never made smaller, and never larger than it may be.
    """
    autoscaling, name = client("autoscaling"), settings.group_name
    try:
        found = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
        for group in found["AutoScalingGroups"]:
            present = group["DesiredCapacity"]
            wanted = max(present, min(settings.group_capacity, group["MaxSize"]))
            if wanted > present:
                autoscaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=wanted)
            return wanted
        log("group_not_raised", group=name, error="there is no such group")
    except AWS_ERRORS as error:
        # The database is on its way: too few instances are better than none that can write.
        log("group_not_raised", group=name, error=str(error))
    return None


# The checks


def check_roles(rds, settings, database):
    """Checks the state and the membership and returns the ARN of the present writer."""
    state, target = state_of(database), settings.target_arn
    if state:
        raise Refused("in-progress", f"a failover of the global cluster is in progress: {state}")
    writer = writer_of(database)
    if writer == target:
        raise Refused("already-writer", f"{target} is the writer already")
    if target not in [member["DBClusterArn"] for member in database["GlobalClusterMembers"]]:
        raise Refused("not-a-member", f"{target} is not in {settings.global_cluster}")

    found = rds.describe_db_clusters(DBClusterIdentifier=settings.target_identifier)
    cluster = found["DBClusters"][0]
    if cluster["Status"] not in SERVING:
        raise Refused("not-available", f"{target} is {cluster['Status']}")
    if cluster["EngineVersion"] != database["EngineVersion"]:
        versions = f"{cluster['EngineVersion']}, the global cluster {database['EngineVersion']}"
        raise Refused("version-differs", f"the target runs {versions}")
    return writer


def check_age(settings, trigger, clock):
    """Evidence that was late says nothing of now: the primary may be well again, and would lose data."""
    age = clock.time() - trigger.seen_at.timestamp()
    if age > settings.evidence_seconds:
        limit = f"{settings.evidence_seconds:.0f} seconds are allowed"
        raise Refused("evidence-too-old", f"the outage was last seen {age:.0f} seconds ago, {limit}")


def check_lag(settings, trigger):
    """Returns the largest lag before the outage in milliseconds, or None where policy allows it."""
    lags = measured(
        "AWS/RDS",
        "AuroraGlobalDBReplicationLag",
        {"DBClusterIdentifier": settings.target_identifier},
        "Maximum",
        trigger.outage_at - settings.lag_window,
        trigger.outage_at,
    )
    if not lags:
        if settings.unknown_lag_allowed:
            return None
        raise Refused("lag-unknown", "no replication lag was measured before the outage")
    lag_ms = max(lags)
    if lag_ms > settings.max_lag_ms:
        limit = f"{settings.max_lag_ms:.0f} ms are allowed"
        raise Refused("lag-too-high", f"the target was {lag_ms:.0f} ms behind, {limit}")
    return lag_ms


def check_primary_health(settings, clock):
    """A switchover loses nothing only when the primary takes part."""
    now = utc(clock.time())
    connectivity = measured(
        settings.namespace,
        "DatabaseConnectivity",
        {"Role": settings.role, "Target": "remote", "Suffix": settings.suffix},
        "Minimum",
        now - HEALTH_WINDOW,
        now,
    )
    if not connectivity:
        raise Refused("primary-unknown", "the probe measured no connection to the primary")
    if min(connectivity) < 1:
        raise Refused("primary-unhealthy", "the probe could not reach the primary")


def measured(namespace, metric, dimensions, statistic, start, end):
    """Returns the statistic of each minute from `start` to `end` that has one."""
    answer = client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=start,
        EndTime=end,
        Period=60,
        Statistics=[statistic],
    )
    return [point[statistic] for point in answer["Datapoints"]]


# The global database


def rds_as(settings, role_arn):
    """Returns what makes a client of RDS, which acts as the role."""
    session = client("sts").assume_role(
        RoleArn=role_arn,
        RoleSessionName=f"failover-{settings.suffix}"[:64],
        DurationSeconds=900,
    )
    keys = session["Credentials"]
    return functools.partial(
        boto3.client,
        "rds",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def describe(rds, settings):
    answer = rds.describe_global_clusters(GlobalClusterIdentifier=settings.global_cluster)
    return answer["GlobalClusters"][0]


def writer_of(database):
    members = database["GlobalClusterMembers"]
    return next((member["DBClusterArn"] for member in members if member["IsWriter"]), None)


def state_of(database):
    return database.get("FailoverState", {}).get("Status", "")


def heads_for_target(database, settings):
    """Returns whether the target is the writer for good, or a move that is under way makes it so."""
    state = state_of(database)
    if state:
        to = database["FailoverState"].get("ToDbClusterArn")
        return state != "cancelling" and to == settings.target_arn
    return writer_of(database) == settings.target_arn


# The lock and the record


class Lock:
    """Admits one run at a time, by a parameter that outlives a run that died until it expires.

    Lambda repeats a call whose run failed or died under the id of the same request: such a run takes
    over at once what its forerunner left locked.

    Parameter Store has no compare-and-swap, but every write is answered with a version that only
    one writer can get. Who takes over a free lock of version n and is answered n + 1 has it;
    anybody else came second.
    """

    def __init__(self, settings, owner, clock):
        self.name = settings.lock_name
        self.seconds = settings.lock_seconds
        self.owner = owner
        self.clock = clock

    def acquire(self):
        try:
            self._write(self.seconds, overwrite=False)
            return
        except client("ssm").exceptions.ParameterAlreadyExists:
            parameter = client("ssm").get_parameter(Name=self.name)["Parameter"]
        held = json.loads(parameter["Value"])
        if held["expires"] > self.clock.time() and held["owner"] != self.owner:
            raise Refused("locked", "another run is moving the writer")
        if self._write(self.seconds, overwrite=True) != parameter["Version"] + 1:
            raise Refused("locked", "another run took the lock at the same time")

    def release(self):
        try:
            self._write(0, overwrite=True)
        except AWS_ERRORS as error:
            log("lock_not_released", error=str(error))

    def _write(self, seconds, overwrite):
        expires = self.clock.time() + seconds if seconds else 0
        value = json.dumps({"owner": self.owner, "expires": expires})
        answer = client("ssm").put_parameter(
            Name=self.name, Value=value, Type="String", Overwrite=overwrite
        )
        return answer["Version"]


# The result of a record is `started` before the move is asked for, `moving` when it was accepted and
# the metric and the group are done, `pending` when it outlasted a run, and `succeeded` or `failed`.


def last_record(settings):
    try:
        text = client("ssm").get_parameter(Name=settings.record_name)["Parameter"]["Value"]
    except client("ssm").exceptions.ParameterNotFound:
        return {"epoch": 0}
    return json.loads(text)


def is_told(last, database, settings):
    """Returns whether the last record tells of the end of the move that the database shows."""
    # A record has an end only after the state was gone: a state is of another, later move.
    ended = last.get("result") == "succeeded" and last["to"] == settings.target_arn
    return ended and not state_of(database)


def new_record(settings, trigger, last, source_arn, lag_ms, clock):
    return {
        "epoch": last["epoch"] + 1,
        "time": utc(clock.time()).isoformat(),
        "mode": trigger.mode,
        "source": trigger.source,
        "from": source_arn,
        "to": settings.target_arn,
        "lagMs": lag_ms,
        "evidence": trigger.evidence,
        "result": "started",
    }


def record_of_found_move(settings, trigger, database, last, clock):
    """Returns the record that lacks its end, or a new one of a move that somebody else asked for."""
    if last.get("to") == settings.target_arn and last["result"] != "succeeded":
        return {name: value for name, value in last.items() if name != "error"}
    source_arn = database.get("FailoverState", {}).get("FromDbClusterArn")
    found = new_record(settings, trigger, last, source_arn, None, clock)
    return {**found, "source": "unknown"}


def write_record(settings, record):
    # 4096 characters is the limit of a standard parameter; the evidence is in the log in full.
    text = json.dumps(record)
    if len(text) > 4096:
        text = json.dumps({**record, "evidence": {}, "error": record.get("error", "")[:500]})
    try:
        client("ssm").put_parameter(
            Name=settings.record_name, Value=text, Type="String", Overwrite=True
        )
    except AWS_ERRORS as error:
        log("record_not_written", error=str(error))


# The reports: none of them may undo or hide what was done


last_refusal = {"reason": "", "time": 0.0}


def refuse(settings, refusal, clock):
    answer = {"result": "refused", "reason": refusal.reason, "explanation": str(refusal)}
    log("refused", **answer)
    put_event_metric(settings, "FailoverRefused")
    if refusal.reason in TOLD_ELSEWHERE:
        return answer
    # During an outage the probe asks every minute: one notice tells as much as a hundred.
    age = clock.time() - last_refusal["time"]
    if refusal.reason != last_refusal["reason"] or age >= REPEAT_REFUSAL_SECONDS:
        notify(settings, "refused", answer)
        last_refusal.update(reason=refusal.reason, time=clock.time())
    return answer


def notify(settings, result, body):
    subject = f"Failover {result}: {settings.global_cluster}"
    try:
        client("sns").publish(
            TopicArn=settings.topic_arn, Subject=subject, Message=json.dumps(body, indent=2)
        )
    except AWS_ERRORS as error:
        log("notice_not_sent", error=str(error))


def put_event_metric(settings, name):
    point = {
        "MetricName": name,
        "Value": 1.0,
        "Dimensions": [{"Name": "Suffix", "Value": settings.suffix}],
    }
    try:
        client("cloudwatch").put_metric_data(Namespace=settings.namespace, MetricData=[point])
    except AWS_ERRORS as error:
        log("metric_not_published", error=str(error))


# A region that is down may swallow packets: every call has a short limit.
LIMITS = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 3})
# A move whose answer was lost would be refused when it is asked for again.
ONE_ATTEMPT = LIMITS.merge(Config(retries={"total_max_attempts": 1}))

# The global STS endpoint is in the region that may be the lost one.
os.environ.setdefault("AWS_STS_REGIONAL_ENDPOINTS", "regional")


@functools.cache
def client(service):
    return boto3.client(service, config=LIMITS)


def log(message, **fields):
    print(json.dumps({"message": message, **fields}, default=str))
