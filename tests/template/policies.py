"""Compares the findings of checkov with skips.yaml: each skip has a reason, and each is needed.

Reads checkov's JSON report from standard input.
"""

import json
import sys
from pathlib import Path

import yaml

SKIPS = Path(__file__).with_name("skips.yaml")


def main(report):
    reports = report if isinstance(report, list) else [report]
    findings = [finding for one in reports for finding in one["results"]["failed_checks"]]
    passed = sum(one["summary"]["passed"] for one in reports)
    unread = sum(one["summary"]["parsing_errors"] for one in reports)
    skips = yaml.safe_load(SKIPS.read_text())
    wrong = [f"{f['check_id']} {f['resource']}: {f['check_name']}" for f in findings if f["check_id"] not in skips]
    needed = {finding["check_id"] for finding in findings}
    wrong += [f"{check}: skipped without need" for check in skips if check not in needed]
    wrong += [f"{check}: skipped without a reason" for check, reason in skips.items() if not reason]
    wrong += [f"{unread} files could not be read"] * bool(unread) + ["nothing was checked"] * (passed == 0)
    print("\n".join(wrong) or f"checkov: {passed} checks hold, {len(findings)} are skipped with {len(skips)} reasons")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(json.load(sys.stdin)))
