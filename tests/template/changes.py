"""Checks of a document, each with changes of it that this check alone must notice.

Every check names at least one such change. `run_checks` proves that the check holds for the document, and that
after each of its changes it fails and no other check does: a check that cannot fail, or an old change that no
longer fits the document, is a failure too.
"""

import json
import sys
import traceback

TEMPLATE = {}  # as it is written, without YAML's anchors and tags
STACK = {}  # what is deployed: as SAM makes it, if SAM does
RESOURCES = {}  # of what is deployed
CHECKS = []


def check(*changes):
    """Makes a function a check; a change is what `put`, `append` or `remove` returns, or several of them."""

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


def append(path, value):
    """Adds to the list at a path."""

    def change(template):
        place, last = find_place(template, path)
        place[last].append(value)

    return describe(change, f"{path} and {json.dumps(value)}")


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


def load(source, build, changes=()):
    """Fills TEMPLATE, STACK and RESOURCES, after the changes."""
    template = json.loads(json.dumps(source))
    for change in changes:
        change(template)
    stack = build(template)
    for known, now in ((TEMPLATE, template), (STACK, stack), (RESOURCES, stack.get("Resources", {}))):
        known.clear()
        known.update(now)


def as_it_is(document):
    """Stands in SAM's place for what SAM does not transform."""
    return document


def find_failures():
    """Returns the failed checks' names with what each has found."""
    failures = {}
    for function, _ in CHECKS:
        try:
            function()
        except Exception:
            failures[function.__name__] = traceback.format_exc(limit=-1)
    return failures


def find_missed(source, build, function, change):
    """Returns what is wrong with a change that this check alone must notice, or None."""
    edits = change if isinstance(change, tuple) else (change,)
    text = ", ".join(edit.text for edit in edits)
    try:
        load(source, build, edits)
    except Exception as problem:
        return f"{text}: cannot be made: {problem!r}"
    failed = set(find_failures())
    if failed == {function.__name__}:
        return None
    return f"{text}: noticed by {sorted(failed) or 'no check'}, and must be by {function.__name__} alone"


def run_checks(source, build):
    """Returns how many checks and changes are as they must be, and how many are not."""
    load(source, build)
    failures = find_failures()
    for name, found in failures.items():
        print(f"FAILED {name}\n{found}", file=sys.stderr)
    passed, failed = len(CHECKS) - len(failures), len(failures)
    if failures:
        return passed, failed  # a change would only repeat them
    for function, changes in CHECKS:
        missed = [find_missed(source, build, function, change) for change in changes]
        missed = [text for text in missed if text] if changes else [f"{function.__name__} names no change"]
        for text in missed:
            print(f"FAILED {text}", file=sys.stderr)
        failed += len(missed)
        passed += len(changes) - len(missed) if changes else 0
    load(source, build)
    if not show_that_a_miss_is_found(source, build):
        failed += 1
        print("FAILED a change that no check notices is taken for a noticed one", file=sys.stderr)
    return passed, failed


def show_that_a_miss_is_found(source, build):
    """A change that nothing notices, and one whose place is gone, must both be called wrong."""

    def nothing(*_):
        pass

    unnoticed = find_missed(source, build, nothing, describe(nothing, "nothing changed"))
    gone = find_missed(source, build, nothing, remove("Resources.NoSuchThing"))
    load(source, build)
    return bool(unnoticed and "no check" in unnoticed and gone and "cannot be made" in gone)
