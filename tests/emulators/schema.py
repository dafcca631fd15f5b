"""Tells where stack files break the JSON Schema that editors use.

Usage: schema.py SCHEMA FILE…
One line a mistake; none if all is well.
"""

import json
import sys

import jsonschema
import yaml


def main():
    schema, *files = sys.argv[1:]
    with open(schema) as file:
        validator = jsonschema.Draft7Validator(json.load(file))
    for name in files:
        with open(name) as file:
            program = yaml.safe_load(file)
        for error in validator.iter_errors(program):
            deepest = jsonschema.exceptions.best_match([error])
            place = ".".join(str(part) for part in deepest.absolute_path)
            print(f"{name}: {place}: {deepest.message[:200]}")


main()
