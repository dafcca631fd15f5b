"""Enforces licences, bans and sources of deny.toml on the output of `cargo metadata` on standard input."""

import json
import re
import sys
import tomllib


def licences(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be satisfied with what is allowed."""
    tokens = re.findall(r"\(|\)|/|[^\s()/]+", expression)

    def either() -> bool:
        found = both()
        while tokens and tokens[0] in ("OR", "/"):
            tokens.pop(0)
            found = both() or found
        return found

    def both() -> bool:
        found = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            found = one() and found
        return found

    def one() -> bool:
        token = tokens.pop(0)
        if token == "(":
            found = either()
            tokens.pop(0)
            return found
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in allowed

    found = either()
    if tokens:
        raise ValueError(f"`{expression}` is no expression of licences")
    return found


def spec(entry) -> tuple[str, str]:
    """Name and beginning of the version of `name@version`."""
    name, _, version = (entry if isinstance(entry, str) else entry["crate"]).partition("@")
    return name, version


def matches(package: dict, name: str, version: str) -> bool:
    return package["name"] == name and (package["version"] + ".").startswith(version + "." if version else "")


def check(metadata: dict, rules: dict) -> list[str]:
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    packages = sorted((p for p in metadata["packages"] if p["id"] in used), key=lambda p: (p["name"], p["version"]))
    problems = []

    allowed = set(rules["licenses"]["allow"])
    exceptions = {spec(e)[0]: set(e["allow"]) for e in rules["licenses"]["exceptions"]}
    for p in packages:
        if not p["license"] or not licences(p["license"], allowed | exceptions.get(p["name"], set())):
            problems.append(f"licence `{p['license']}` of {p['name']} {p['version']} is not allowed")
    names = {p["name"] for p in packages}
    problems += [f"the exception for {name} is of no use" for name in sorted(exceptions.keys() - names)]

    bans = rules["bans"]
    for p in packages:
        if any(matches(p, *spec(e)) for e in bans["deny"]):
            problems.append(f"{p['name']} is banned")
    skips = [spec(e) for e in bans["skip"]]
    for e in bans["skip"] + bans["deny"]:
        if isinstance(e, str) or not e.get("reason"):
            problems.append(f"{spec(e)[0]} has no reason")
    for name in sorted(names):
        versions = [p for p in packages if p["name"] == name]
        left = [p for p in versions if not any(matches(p, *skip) for skip in skips)]
        if len(left) > 1:
            problems.append(f"{name} is there as {' and '.join(p['version'] for p in left)}")
    for skip in skips:
        if sum(p["name"] == skip[0] for p in packages) < 2 or not any(matches(p, *skip) for p in packages):
            problems.append(f"the exception for {'@'.join(skip)} is of no use")
    own = next(p for p in packages if p["source"] is None)
    problems += [f"{d['name']} may have any version" for d in own["dependencies"] if d["req"] == "*"]

    registries = {f"registry+{url}" for url in rules["sources"]["allow-registry"]}
    for p in packages:
        if p["source"] is not None and p["source"] not in registries:
            problems.append(f"{p['name']} comes from {p['source']}")
    return problems


def main() -> None:
    with open(sys.argv[1], "rb") as file:
        rules = tomllib.load(file)
    problems = check(json.load(sys.stdin), rules)
    print("\n".join(problems))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
