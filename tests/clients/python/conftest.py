"""A test is one feature of one client: `test_stream` in a module whose `CLIENT` is a package's name.

It gets the `url` to point the client at. `test_lost` reads a stream that breaks off, and what it sees of that
goes into the table too. A test marked `own_defect` runs a second time straight at the
sandbox and must fail at both: then the fault is the client's, not the gateway's. The suite prints
one line a test, from which tests/clients/table.py makes the table of docs/clients.md.
"""

import json
import os
import sys
import urllib.request
from importlib.metadata import version

import pytest

URL = os.environ["GATEWAY_URL"]
SANDBOX_URL = os.environ["SANDBOX_URL"]
TOKEN = os.environ["GATEWAY_TOKEN"]

counts = {"ok": 0, "FAIL": 0}


@pytest.fixture
def token():
    return TOKEN


@pytest.fixture
def environ(monkeypatch):
    """Variables of the process, put back after the test."""
    for name in list(os.environ):
        monkeypatch.setenv(name, os.environ[name])
    before = set(os.environ)
    yield os.environ
    for name in set(os.environ) - before:
        del os.environ[name]


class BrokenStream:
    """Notes what a client tells of a stream that breaks off while it is read: an exception, or a finish reason."""

    seen = "nothing"

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None and not isinstance(error, AssertionError):
            self.seen = f"raises `{kind.__name__}`"
            return True

    def note_reason(self, reason):
        assert reason, "no reason"
        self.seen = f"finish reason `{reason}`"


def set_faults(*faults):
    request = urllib.request.Request(
        f"{SANDBOX_URL}/_sandbox/faults",
        json.dumps(faults).encode(),
        {"content-type": "application/json"},
        method="PUT",
    )
    urllib.request.urlopen(request).read()


@pytest.fixture
def broken_stream(request):
    """Breaks the next stream off after its fourth event."""
    set_faults("cut_after_events=4")
    broken = BrokenStream()
    request.node.user_properties.append(("broken", broken))
    yield broken
    set_faults()


def pytest_generate_tests(metafunc):
    own_defect = metafunc.definition.get_closest_marker("own_defect")
    urls = {"gateway": URL, "sandbox": SANDBOX_URL} if own_defect else {"gateway": URL}
    metafunc.parametrize("url", urls.values(), ids=urls.keys())


def pytest_collection_modifyitems(items):
    for item in items:
        if mark := item.get_closest_marker("own_defect"):
            reason, error = mark.args
            item.add_marker(pytest.mark.xfail(strict=True, reason=reason, raises=error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    module, function = item.module, item.originalname
    if client := getattr(module, "CLIENT", None):
        report.row = f"{client} {version(client)}: {function.removeprefix('test_')}"
    else:
        report.row = " ".join(item.function.__doc__.split())
    for _, broken in item.user_properties:
        report.row += f" = {broken.seen}"
    if report.outcome == "skipped":
        assert hasattr(report, "wasxfail"), f"{item.nodeid} was skipped"
        report.row += f" (own: {report.wasxfail})"
    return report


def pytest_runtest_logreport(report):
    if report.when == "call" or report.failed:
        outcome = "FAIL" if report.failed else "ok"
        counts[outcome] += 1
        # In one piece: some clients write from threads of their own.
        sys.stdout.write(f"\n{outcome:4} {report.row}\n")
        sys.stdout.flush()
        if report.failed:
            print("\n".join(report.longreprtext.splitlines()[-12:]))


def pytest_report_teststatus(report):
    return report.outcome, "", ""


def pytest_sessionfinish(session):
    failed = counts["FAIL"] + (session.testscollected == 0)
    print(f"\n{counts['ok']} passed, {failed} failed")
