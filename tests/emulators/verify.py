"""Checks what a stack made, from outside: asks AWS's API with boto3 and compares the answers.

Usage: verify.py SERVER ENDPOINT ACCOUNT SUFFIX TABLE < OUTPUTS
SERVER is the name of the emulator, SUFFIX the environment, OUTPUTS what `drctl outputs --json` writes.
Prints a line for each check that does not hold and ends with 1 if there is any; otherwise prints how
many calls were made for how many checks.

A table is YAML, written from the text of a specification:

    requirements: {R1: the words of the specification, ...}
    sides: {primary: {region: us-east-1, vpc: "primary-vpc-${suffix}"}, dr: {...}}
    names: {table: "session-table-${suffix}"}
    checks:
      - id: R1
        name: NET-private-azs
        each: side
        calls:
          - ec2.describe_vpcs: {Filters: [{Name: "tag:Name", Values: ["${side.vpc}"]}]}
            keep: {side.vpc_id: "Vpcs[0].VpcId"}
          - ec2.describe_subnets: {Filters: [{Name: vpc-id, Values: ["${side.vpc_id}"]}]}
            expect: {"length(Subnets)": 6}
        gaps: {ministack: why this server cannot answer right}

- `id` is a requirement of the table, or a list of them; every requirement has a check.
- Without `each` a check runs once, in the region of the first side; with it once for each side. A call
  may name another `region`, as a side or as a region.
- `${side.x}` is a name of the side at hand, `${peer.x}` of the other one, `${dr.x}` of that one,
  `${x}` one of `names`, `${out.x}` an output of the stack, `${account}` the account.
- `keep` gives a name to a part of an answer, for all that follows: `side.x` one name a side.
- What is looked for is an expression of JMESPath (https://jmespath.org). Beyond its own functions there
  are `json(text)`, which reads JSON, and `sorted(list)`, which also sorts objects.
- What is expected is a value that the found one must equal, or one of
  `{matches: regular expression}`, `{at_least: number}`, `{at_most: number}`, `{holds: [items]}`.
  Under the expression `error` it is a code, with which AWS must refuse the call.
- A check with a gap for the server must *not* hold there: a gap that is no longer one is reported.
"""

import json
import re
import sys

import boto3
import jmespath
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

REFERENCE = re.compile(r"\$\{([\w.]+)\}")


class Functions(jmespath.functions.Functions):
    @jmespath.functions.signature({"types": ["string", "null"]})
    def _func_json(self, text):
        return json.loads(text) if text else None

    @jmespath.functions.signature({"types": ["array", "null"]})
    def _func_sorted(self, items):
        return sorted(items or [], key=canonical)


OPTIONS = jmespath.Options(custom_functions=Functions())
COMPARISONS = {
    "matches": lambda found, wanted: isinstance(found, str) and bool(re.search(wanted, found)),
    "at_least": lambda found, wanted: found is not None and found >= wanted,
    "at_most": lambda found, wanted: found is not None and found <= wanted,
    "holds": lambda found, wanted: all(item in (found or []) for item in wanted),
}


class Mismatch(Exception):
    """An answer is not what the specification asks for."""


class Table:
    def __init__(self, table, server, endpoint, account, suffix, outputs):
        self.server, self.endpoint, self.account = server, endpoint, account
        self.requirements, self.checks = table["requirements"], table["checks"]
        self.names = {"account": account, "suffix": suffix, "out": outputs}
        self.names.update(self.filled(table.get("names", {})))
        self.sides = list(table["sides"])
        for side, names in table["sides"].items():
            self.names[side] = self.filled(names)
        self.clients = {}
        self.calls = 0

    def filled(self, value):
        """The value with every `${name}` in it replaced; a text that is one name keeps its type."""
        if isinstance(value, dict):
            return {self.filled(key): self.filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item) for item in value]
        if not isinstance(value, str):
            return value
        whole = REFERENCE.fullmatch(value)
        if whole:
            return self.name(whole[1])
        return REFERENCE.sub(lambda found: str(self.name(found[1])), value)

    def name(self, path):
        value = self.names
        for part in path.split("."):
            if not isinstance(value, dict) or part not in value:
                raise Mismatch(f"there is no `{path}`")
            value = value[part]
        return value

    def keep(self, path, value):
        *parents, last = path.split(".")
        place = self.names
        for part in parents:
            place = place[part]
        place[last] = value

    def client(self, service, region):
        if (service, region) not in self.clients:
            self.clients[service, region] = boto3.client(
                service,
                region,
                endpoint_url=self.endpoint,
                aws_access_key_id=self.account,
                aws_secret_access_key="secret",
                config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
            )
        return self.clients[service, region]

    def run(self):
        """Yields a line for every check that does not hold and every requirement without one."""
        checked = {one for check in self.checks for one in ids(check)}
        yield from (f"{one}: no check" for one in self.requirements if one not in checked)
        yield from (f"{one}: no such requirement" for one in sorted(checked - set(self.requirements)))
        for check in self.checks:
            sides = self.sides if check.get("each") == "side" else [None]
            for side in sides:
                where = f"{', '.join(ids(check))} {check['name']}" + (f" [{side}]" if side else "")
                gap = check.get("gaps", {}).get(self.server)
                wrong = self.mismatch(check, side)
                if wrong and not gap:
                    yield f"{where}: {wrong}"
                if gap and not wrong:
                    yield f"{where}: holds, so `gaps` need not say: {gap}"

    def mismatch(self, check, side):
        """Says what does not hold, or None."""
        if side:
            other = next((name for name in self.sides if name != side), side)
            self.names.update(side=self.names[side], peer=self.names[other])
        try:
            for call in check["calls"]:
                self.call(dict(call), side or self.sides[0])
        except (Mismatch, BotoCoreError, ClientError) as error:
            return str(error)
        return None

    def call(self, call, side):
        expect, keep = call.pop("expect", {}), call.pop("keep", {})
        region = self.filled(call.pop("region", side))
        [(operation, arguments)] = call.items()
        region = self.names[region]["region"] if region in self.sides else region
        answer = self.ask(operation, self.filled(arguments or {}), region)
        if "error" in answer and "error" not in expect:
            raise Mismatch(f"{operation}: {answer['error']}: {answer['message']}")
        for expression, wanted in expect.items():
            expression, wanted = self.filled(expression), self.filled(wanted)
            found = plain(jmespath.search(expression, answer, OPTIONS))
            if not holds(found, wanted):
                raise Mismatch(f"{operation}: {expression} is {show(found)}, not {show(wanted)}")
        for path, expression in keep.items():
            found = plain(jmespath.search(self.filled(expression), answer, OPTIONS))
            if found is None:
                raise Mismatch(f"{operation}: {expression} is not there")
            self.keep(path, found)

    def ask(self, operation, arguments, region):
        """The whole answer, all pages of it; of a refusal, its code as `error`."""
        service, _, method = operation.partition(".")
        client = self.client(service, region)
        self.calls += 1
        try:
            if client.can_paginate(method):
                answer = client.get_paginator(method).paginate(**arguments).build_full_result()
            else:
                answer = getattr(client, method)(**arguments)
        except ClientError as error:
            told = error.response["Error"]
            return {"error": told.get("Code", ""), "message": told.get("Message", "")}
        answer.pop("ResponseMetadata", None)
        return {name: value.read().decode() if hasattr(value, "read") else value for name, value in answer.items()}


def ids(check):
    return check["id"] if isinstance(check["id"], list) else [check["id"]]


def holds(found, wanted):
    if isinstance(wanted, dict) and len(wanted) == 1:
        [(word, operand)] = wanted.items()
        if word in COMPARISONS:
            return COMPARISONS[word](found, operand)
    return found == wanted


def plain(value):
    """What JSON can say: times become texts."""
    return json.loads(json.dumps(value, default=lambda other: getattr(other, "isoformat", other.__str__)()))


def canonical(value):
    return json.dumps(value, sort_keys=True, default=str)


def show(value):
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= 400 else text[:400] + "…"


def main():
    server, endpoint, account, suffix, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        table = Table(yaml.safe_load(file), server, endpoint, account, suffix, json.load(sys.stdin))
    wrong = list(table.run())
    print("\n".join(wrong) or f"{table.calls} calls for {len(table.checks)} checks")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
