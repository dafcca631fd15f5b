"""Writes aws-types.json, what pulumi-aws says of the inputs of our types.

    python3 tests/it/data/extract.py SCHEMA [TOKEN ...]

SCHEMA is the large description of all types. Without tokens the types of the present extract are
written again; with tokens those types are added.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent / "aws-types.json"
WORDS = {"required": "required", "forceNew": "replace", "secret": "secret"}


def extract(resource):
    return {
        name: " ".join(word for key, word in WORDS.items() if facts.get(key))
        for name, facts in sorted(resource["inputs"].items())
    }


def main(schema, *tokens):
    resources = json.loads(pathlib.Path(schema).read_text())["resources"]
    wanted = sorted({*json.loads(HERE.read_text()), *tokens})
    HERE.write_text(json.dumps({token: extract(resources[token]) for token in wanted}, indent=1) + "\n")


main(*sys.argv[1:])
