"""Compares what the suites printed with the tables of docs/clients.md, or writes these with UPDATE_DOCS=1.

A suite prints `ok   CLIENT VERSION: FEATURE` or `FAIL …` a test; `(own: REASON)` after it means that the
client fails at the sandbox too. The code to set is the line below `CLIENT is pointed with:` in its tests.
"""

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs" / "clients.md"
COLUMNS = ["chat", "stream", "tools", "structured", "embed", "rerank", "tokens", "models"]

RESULT = re.compile(r"^(ok|FAIL) +(.+?)(?: \(own: (.+?)\))?(?: \(\d+ ms\))?$", re.MULTILINE)
FEATURE = re.compile(r"(\S+ \d\S*): (\w+)")
POINTED = re.compile(r"^\s*(?:#|//) (.+) is pointed with:\n\s*(?:# |// )?(?:return |let |const )?(.+)$", re.MULTILINE)


def read_results(log):
    """Returns (outcome, what, own defect or "") of each test, without what a second address repeats."""
    return list(dict.fromkeys(RESULT.findall(log)))


def find_settings(folder):
    """Returns the line of code that points each client, by the client's name."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in (".py", ".rs", ".ts"))
    return dict(match for file in files for match in POINTED.findall(file.read_text()))


def make_client_table(results, settings):
    clients, defects = {}, []
    for _, what, defect in results:
        client, feature = FEATURE.fullmatch(what).groups()
        outcomes = clients.setdefault(client, {}).setdefault(feature.split("_")[0], set())
        outcomes.add("own" if defect else "✓")
        if defect:
            defects.append(f"- `{client}`, {feature.replace('_', ' ')}: {defect}.")
    lines = ["| client | what to set | " + " | ".join(COLUMNS) + " |", "|---|---|" + "---|" * len(COLUMNS)]
    for client, features in sorted(clients.items()):
        unknown = set(features) - set(COLUMNS)
        assert not unknown, f"{client}: no column for {unknown}"
        setting = next(code for name, code in settings.items() if f"{client}.".startswith((f"{name} ", f"{name}.")))
        cells = [" ".join(sorted(features.get(column, "–"), reverse=True)) for column in COLUMNS]
        lines.append(f"| `{client}` | `{setting}` | " + " | ".join(cells) + " |")
    return lines + ([""] + defects if defects else [])


def make_request_table(results):
    lines = ["| client | requests |", "|---|---|"]
    for _, what, _ in results:
        client, requests = what.split(": ", 1)
        lines.append(f"| {client} | {requests} |")
    return lines


def settle(suite, table):
    """Writes a suite's table into the page, or tells whether it is there."""
    begin, end = f"<!-- table of {suite} -->\n", "<!-- end of table -->"
    page = DOCS.read_text()
    before, rest = page.split(begin)
    after = rest[rest.index(end) :]
    settled = f"{before}{begin}\n{chr(10).join(table)}\n\n{after}"
    if os.environ.get("UPDATE_DOCS"):
        DOCS.write_text(settled)
    elif settled != page:
        print(f"FAIL docs/clients.md is not what {suite} did: UPDATE_DOCS=1 tests/clients/run {suite}")
        return False
    return True


def main(logs, suites):
    passed = failed = 0
    for suite in suites:
        results = read_results(Path(logs, f"{suite}.log").read_text())
        failures = sum(outcome == "FAIL" for outcome, _, _ in results)
        passed += len(results) - failures
        failed += failures or not results
        if failures or not results:
            print(f"FAIL {suite}: {failures} of {len(results)} tests failed, so its table is left as it is")
            continue
        table = make_request_table(results) if suite == "requests" else make_client_table(results, find_settings(HERE / suite))
        failed += not settle(suite, table)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
