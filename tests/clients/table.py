"""Compares what the suites printed with the tables of docs/clients.md, or writes these with UPDATE_DOCS=1.

A suite prints `ok   CLIENT VERSION: FEATURE` or `FAIL …` a test; `(own: REASON)` after it means that the
client fails at the sandbox too; `lost = WORDS` is what it sees of a stream that breaks off. The code to set is the line below `CLIENT is pointed with:` in its tests.
"""

import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs" / "clients.md"
COLUMNS = ["chat", "stream", "tools", "structured", "embed", "rerank", "tokens", "models"]
LOST = "lost"

RESULT = re.compile(r"^(ok|FAIL) +(.+?)(?: = (.+?))?(?: \(own: (.+?)\))?(?: \(\d+ ms\))?$", re.MULTILINE)
FEATURE = re.compile(r"(\S+ \d\S*): (\w+)")
POINTED = re.compile(
    r"^\s*(?:#|//) (.+) is pointed with:\n\s*(?:# |// )?(?:return |let |const )?(?:\w+ = )?(.+?);?$", re.MULTILINE
)


def read_results(log):
    """Returns (outcome, own defect or "", what was seen or "") by test; one that ran at two addresses failed if it
    did at either."""
    results = {}
    for outcome, what, seen, defect in RESULT.findall(log):
        if outcome == "FAIL" or what not in results:
            results[what] = (outcome, defect, seen)
    return results


def find_settings(folder):
    """Returns the line of code that points each client, by the client's name."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in (".py", ".rs", ".ts"))
    return dict(match for file in files for match in POINTED.findall(file.read_text()))


def find_setting(client, settings):
    """A name may end in a part of the version: `@ai-sdk/cohere 3`."""
    for name, code in settings.items():
        if client.startswith((f"{name} ", f"{name}.")):
            return code
    raise ValueError(f"no line of code says how {client} is pointed")


def make_client_table(results, settings):
    clients, defects, lost = {}, [], {}
    for what, (_, defect, seen) in results.items():
        client, feature = FEATURE.fullmatch(what).groups()
        if feature == LOST:
            lost[client] = seen
            continue
        column = feature.split("_")[0]
        if column not in COLUMNS:
            raise ValueError(f"{what}: no column for it")
        mark = "own" if defect else "✓"
        clients.setdefault(client, {}).setdefault(column, set()).add(mark)
        if defect:
            defects.append(f"- `{client}`, {feature.replace('_', ' ')}: {defect}.")
    lines = [f"| client | what to set | {' | '.join(COLUMNS)} | a stream that breaks off |", "|---" * (len(COLUMNS) + 3) + "|"]
    for client, features in sorted(clients.items()):
        cells = [" ".join(sorted(features.get(column, "–"), reverse=True)) for column in COLUMNS]
        code = find_setting(client, settings)
        code = f"`` {code} ``" if "`" in code else f"`{code}`"
        lines.append(f"| `{client}` | {code} | {' | '.join(cells)} | {lost.get(client, '–')} |")
    return lines + ([""] + defects if defects else [])


def make_request_table(results):
    lines = ["| client | requests |", "|---|---|"]
    return lines + [f"| {client} | {requests} |" for client, requests in (what.split(": ", 1) for what in results)]


def settle(suite, table):
    """Writes a suite's table into the page, or tells whether it is there."""
    begin, end = f"<!-- table of {suite} -->\n", "<!-- end of table -->"
    page = DOCS.read_text()
    before, rest = page.split(begin)
    after = rest[rest.index(end) :]
    body = "\n".join(table)
    settled = f"{before}{begin}\n{body}\n\n{after}"
    if os.environ.get("UPDATE_DOCS"):
        DOCS.write_text(settled)
    elif settled != page:
        print(f"docs/clients.md is not what {suite} did: UPDATE_DOCS=1 tests/clients/run {suite}")
        return False
    return True


def main(logs, suites):
    passed = failed = 0
    for suite in suites:
        results = read_results(Path(logs, f"{suite}.log").read_text())
        failures = [what for what, (outcome, *_) in results.items() if outcome == "FAIL"]
        passed += sum(outcome == "ok" for outcome, *_ in results.values())
        failed += len(failures)
        for what in failures:
            print(f"FAIL {what}")
        if failures or not results:
            print(f"{suite}: {len(results)} tests, so its table is left as it is")
            failed += not results
            continue
        table = make_request_table(results)
        if suite != "requests":
            table = make_client_table(results, find_settings(HERE / suite))
        failed += not settle(suite, table)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
