"""The template under test: what stands in it, what SAM makes of it, and changes that a check must notice.

Every check names at least one such change. `run_checks` proves that the check holds for the template, and that
after each of its changes it fails and no other check does: a check that cannot fail, or an old change that no
longer fits the template, is a failure too.
"""

import json
import logging
import os
import sys
import traceback
from pathlib import Path

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

logging.disable(logging.WARNING)
os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the transformation asks for some region

ROOT = Path(__file__).resolve().parents[2]
ROUTES = {
    ("/v2/chat", "post"): ("Chat", 900_000),
    ("/v2/embed", "post"): ("Embed", 130_000),
    ("/v2/rerank", "post"): ("Rerank", 70_000),
    ("/api/health", "get"): ("Health", 15_000),
    ("/api/health/check", "get"): ("Health", 15_000),
}
TEMPLATE = {}  # as it is written, without YAML's anchors and tags
STACK = {}  # as SAM makes it
RESOURCES = {}  # the stack's
CHECKS = []


class NoManagedPolicies(ManagedPolicyLoader):
    """The template names no managed policy, so nothing needs to be looked up."""

    def __init__(self):
        super().__init__(None)

    def load(self):
        return {}


def check(*changes):
    """Makes a function a check; a change is what `put` or `remove` returns, or several of them."""

    def add(function):
        CHECKS.append((function, changes))
        return function

    return add


def put(path, value):
    """Sets what is at a path such as `Resources.Api.Properties.Name`; what leads there must exist."""

    def change(template):
        place, last = find_place(template, path)
        place[last] = value

    return describe(change, f"{path} = {json.dumps(value)}")


def remove(path):
    def change(template):
        place, last = find_place(template, path)
        del place[last]

    return describe(change, f"{path} removed")


def describe(change, text):
    change.text = text
    return change


def find_place(template, path):
    *way, last = path.split(".")
    place = template
    for key in way:
        place = place[int(key) if isinstance(place, list) else key]
    return place, int(last) if isinstance(place, list) else last


def load(source, changes=()):
    """Fills TEMPLATE, STACK and RESOURCES, after the changes."""
    template = json.loads(json.dumps(source))
    for change in changes:
        change(template)
    for known, now in ((TEMPLATE, template), (STACK, transform_template(template))):
        known.clear()
        known.update(now)
    RESOURCES.clear()
    RESOURCES.update(STACK["Resources"])


def transform_template(template, parameters=None):
    template = json.loads(json.dumps(template))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/package"  # as `sam package` leaves it
    return json.loads(json.dumps(transform(template, parameters or {}, NoManagedPolicies())))


def find_failures():
    """Returns the failed checks' names with what each has found."""
    failures = {}
    for function, _ in CHECKS:
        try:
            function()
        except Exception:
            failures[function.__name__] = traceback.format_exc(limit=-1)
    return failures


def find_missed(source, function, change):
    """Returns what is wrong with a change that this check alone must notice, or None."""
    edits = change if isinstance(change, tuple) else (change,)
    text = ", ".join(edit.text for edit in edits)
    try:
        load(source, edits)
    except Exception as problem:
        return f"{text}: cannot be made: {problem!r}"
    failed = set(find_failures())
    if failed == {function.__name__}:
        return None
    return f"{text}: noticed by {sorted(failed) or 'no check'}, and must be by {function.__name__} alone"


def run_checks(source):
    """Returns how many checks and changes are as they must be, and how many are not."""
    load(source)
    failures = find_failures()
    for name, found in failures.items():
        print(f"FAILED {name}\n{found}", file=sys.stderr)
    passed, failed = len(CHECKS) - len(failures), len(failures)
    if failures:
        return passed, failed  # a change would only repeat them
    for function, changes in CHECKS:
        missed = [find_missed(source, function, change) for change in changes]
        missed = [text for text in missed if text] if changes else [f"{function.__name__} names no change"]
        for text in missed:
            print(f"FAILED {text}", file=sys.stderr)
        failed += len(missed)
        passed += len(changes) - len(missed) if changes else 0
    load(source)
    return passed, failed


def show_that_a_miss_is_found(source):
    """A change that nothing notices, and one whose path is gone, must both be called wrong."""

    def nothing():
        pass

    unnoticed = find_missed(source, nothing, put("Description", "another one"))
    gone = find_missed(source, nothing, remove("Resources.NoSuchThing"))
    return bool(unnoticed and "no check" in unnoticed and gone and "cannot be made" in gone)


def read_template(name):
    return json.loads(json.dumps(yaml_parse((ROOT / name).read_text())))


def of_type(kind):
    return {name: r for name, r in RESOURCES.items() if r["Type"] == kind}


def own_or_existing(secret):
    """The stack's own secret, or the one that a parameter names."""
    return {"Fn::If": [f"Makes{secret}Secret", {"Ref": f"{secret}Secret"}, {"Ref": f"Existing{secret}SecretArn"}]}


def operations():
    body = RESOURCES["Api"]["Properties"]["Body"]
    return {(path, method): op for path, methods in body["paths"].items() for method, op in methods.items()}
