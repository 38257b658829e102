"""Reads what Lambda and the gateway write of an invocation."""

import json
import re

FIELDS = {"duration_ms": r"\tDuration: ([\d.]+) ms", "billed_ms": r"\tBilled Duration: ([\d.]+) ms",
          "memory_mb": r"\tMemory Size: (\d+) MB", "used_mb": r"\tMax Memory Used: (\d+) MB",
          "init_ms": r"\tInit Duration: ([\d.]+) ms"}


def read_report(line):
    """Returns the figures of a REPORT line, those of a warm start without `init_ms`; None for another line."""
    found = re.match(r"REPORT RequestId: (\S+)", line)
    if not found:
        return None
    figures = {name: re.search(pattern, line) for name, pattern in FIELDS.items()}
    return {"id": found[1], **{name: float(figure[1]) for name, figure in figures.items() if figure}}


def read_gateway_time(line):
    """Returns the invocation's id and what the gateway itself has added in milliseconds; None for another line."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("event") != "request_ended":
        return None
    return event["request_id"], event["GatewayTime"]


def find_percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def price_million(reports):
    """Returns what a million invocations like these cost of Lambda, arm64 in us-east-1 as of 2026-11, in dollars."""
    gb_seconds = [report["billed_ms"] / 1e3 * report["memory_mb"] / 1024 for report in reports]
    return 0.20 + 1e6 * 0.0000133334 * sum(gb_seconds) / len(gb_seconds)
