#!/usr/bin/env python3
"""Measures cold starts and the added time of a deployed stack in a real account.

`measure.py STACK chat 200` changes a variable of the function's $LATEST before each of 200 invocations, so that each
meets a new environment, invokes it 5 times more while it is warm, and reads the lines that Lambda and the gateway have
written. Callers are not touched: they use the alias `live`. The variable is removed at the end, however it ends. Each
invocation is a real call of the smallest model for one token, about 1 200 of them for 200 cold starts.

Wants boto3 and credentials that may do `lambda:GetFunctionConfiguration`, `lambda:UpdateFunctionConfiguration`,
`lambda:InvokeFunction`, `logs:FilterLogEvents` and `cloudformation:DescribeStackResource`.
"""

import argparse
import pathlib
import sys
import time

import boto3

from report_lines import find_percentile, price_million, read_gateway_time, read_report

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "counts"))
from stand_in import MODELS, write_event  # noqa: E402

VARIABLE = "MEASURED_START"
WARM = 5  # invocations of an environment after its first
LOG_DELAY_SECS = 15
RESOURCES = {"chat": "ChatFunction", "embed": "EmbedFunction", "rerank": "RerankFunction"}
BODIES = {
    "chat": {"model": "command-r7b-12-2024", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1},
    "embed": {"model": MODELS["embed"], "input_type": "search_query", "embedding_types": ["float"], "texts": ["hi"]},
    "rerank": {"model": MODELS["rerank"], "query": "hi", "documents": ["one"]},
}


class Account:
    """What is asked of AWS about one function."""

    def __init__(self, stack, endpoint):
        found = boto3.client("cloudformation").describe_stack_resource(
            StackName=stack, LogicalResourceId=RESOURCES[endpoint])
        self.name = found["StackResourceDetail"]["PhysicalResourceId"]
        self.functions, self.logs = boto3.client("lambda"), boto3.client("logs")
        configuration = self.functions.get_function_configuration(FunctionName=self.name)
        self.variables = configuration["Environment"]["Variables"]
        self.group = configuration.get("LoggingConfig", {}).get("LogGroup", f"/aws/lambda/{self.name}")

    def change_variable(self, value):
        self.functions.update_function_configuration(
            FunctionName=self.name, Environment={"Variables": {**self.variables, VARIABLE: value}})
        self.wait()

    def restore_variables(self):
        self.variables.pop(VARIABLE, None)
        self.functions.update_function_configuration(FunctionName=self.name, Environment={"Variables": self.variables})
        self.wait()

    def wait(self):
        self.functions.get_waiter("function_updated_v2").wait(
            FunctionName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    def invoke(self, event):
        answer = self.functions.invoke(FunctionName=self.name, Payload=event)
        if "FunctionError" in answer:
            sys.exit(f"{self.name}: {answer['Payload'].read()[:300]}")

    def read_lines(self, since_ms):
        pages = self.logs.get_paginator("filter_log_events").paginate(logGroupName=self.group, startTime=since_ms)
        return [event["message"].rstrip("\n") for page in pages for event in page["events"]]


def force_starts(account, event, times):
    try:
        for number in range(times):
            account.change_variable(f"{number}")
            for _ in range(1 + WARM):
                account.invoke(event)
    finally:
        account.restore_variables()


def summarise(lines):
    """Returns the figures of all invocations as text."""
    reports = [report for report in map(read_report, lines) if report]
    added = dict(filter(None, map(read_gateway_time, lines)))
    starts = [report["init_ms"] for report in reports if "init_ms" in report]
    warm = [report for report in reports if "init_ms" not in report]
    if not starts or not warm or not added:
        raise SystemExit(f"{len(lines)} lines have {len(starts)} cold starts, {len(warm)} warm reports and {len(added)} requests")
    first = [added[report["id"]] for report in reports if "init_ms" in report and report["id"] in added]
    later = [added[report["id"]] for report in warm if report["id"] in added]
    rows = [("Init Duration", starts), ("added, first request", first), ("added, warm", later),
            ("billed, warm", [report["billed_ms"] for report in warm])]
    table = [f"| {name} | {len(values)} | {find_percentile(values, 0.5):.2f} | {find_percentile(values, 0.99):.2f} |"
             for name, values in rows if values]
    memory = max(report["used_mb"] for report in reports)
    return "\n".join(["| | n | p50, ms | p99, ms |", "|---|---|---|---|", *table,
                      f"\nmost memory: {memory:.0f} MB; a million warm invocations: ${price_million(warm):.2f} of Lambda"])


def main():
    parser = argparse.ArgumentParser(description="Measures cold starts of a deployed function")
    parser.add_argument("stack")
    parser.add_argument("endpoint", choices=RESOURCES)
    parser.add_argument("times", type=int, nargs="?", default=200)
    asked = parser.parse_args()
    account, began_ms = Account(asked.stack, asked.endpoint), int(time.time() * 1e3)
    force_starts(account, write_event(asked.endpoint, BODIES[asked.endpoint]), asked.times)
    time.sleep(LOG_DELAY_SECS)
    print(summarise(account.read_lines(began_ms)))


if __name__ == "__main__":
    main()
