#!/usr/bin/env python3
"""Checks the recipe as far as it goes without an account: lines as Lambda writes them, and its calls against moto."""

import time
import unittest

import boto3
from moto import mock_aws

import measure
from report_lines import find_percentile, price_million, read_gateway_time, read_report

COLD = ("REPORT RequestId: 79b4f56e-95b1-4643-9700-2807f4e68189\tDuration: 128.83 ms\tBilled Duration: 296 ms\t"
        "Memory Size: 128 MB\tMax Memory Used: 74 MB\tInit Duration: 166.62 ms\t")
TRACED = COLD + "XRAY TraceId: 1-5bef4de7-ad49b0e87f6ef6c87fc2e700\tSegmentId: 2a9d3f3e6b1c4d5e\tSampled: true\t"
WARM = ("REPORT RequestId: 8f507cfc-0000-4697-b07a-ac58fc914c95\tDuration: 1.50 ms\tBilled Duration: 2 ms\t"
        "Memory Size: 256 MB\tMax Memory Used: 30 MB\t")
ENDED = '{"event":"request_ended","request_id":"8f507cfc-0000-4697-b07a-ac58fc914c95","GatewayTime":0.25}'
FIRST = '{"event":"request_ended","request_id":"79b4f56e-95b1-4643-9700-2807f4e68189","GatewayTime":2.5}'
NAME = "gateway-chat"
TEMPLATE = """{"Resources": {"ChatFunction": {"Type": "AWS::Lambda::Function", "Properties": {
  "FunctionName": "gateway-chat", "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": "%s",
  "Code": {"ZipFile": "x"}, "Environment": {"Variables": {"GATEWAY_SECRET_ID": "key"}}}}}}"""


class Lines(unittest.TestCase):
    def test_cold_start_has_its_init_duration(self):
        self.assertEqual(read_report(COLD), {
            "id": "79b4f56e-95b1-4643-9700-2807f4e68189", "duration_ms": 128.83, "billed_ms": 296.0, "memory_mb": 128.0,
            "used_mb": 74.0, "init_ms": 166.62})

    def test_duration_is_not_taken_from_billed_or_init(self):
        self.assertEqual(read_report(WARM)["duration_ms"], 1.5)

    def test_traced_line_is_read_alike(self):
        self.assertEqual(read_report(TRACED), read_report(COLD))

    def test_warm_start_has_no_init_duration(self):
        self.assertNotIn("init_ms", read_report(WARM))

    def test_other_lines_are_none(self):
        for line in ("START RequestId: 1 Version: 2", "END RequestId: 1", "", "{", "[]", '{"event":"other"}'):
            self.assertIsNone(read_report(line))
            self.assertIsNone(read_gateway_time(line))

    def test_million_costs_what_its_billed_time_does(self):
        self.assertAlmostEqual(price_million([read_report(WARM)]), 0.20 + 1e6 * 0.002 * 0.25 * 0.0000133334)

    def test_percentile_is_one_of_the_values(self):
        self.assertEqual(find_percentile([3, 1, 2], 0.5), 2)
        self.assertEqual(find_percentile(range(100), 0.99), 99)
        self.assertEqual(find_percentile([7], 0.99), 7)

    def test_summary_tells_first_from_warm(self):
        text = measure.summarise([COLD, FIRST, WARM, ENDED])
        self.assertIn("| Init Duration | 1 | 166.62 | 166.62 |", text)
        self.assertIn("| added, first request | 1 | 2.50 | 2.50 |", text)
        self.assertIn("| added, warm | 1 | 0.25 | 0.25 |", text)

    def test_summary_without_cold_starts_is_an_error(self):
        with self.assertRaises(SystemExit):
            measure.summarise([WARM, ENDED])


@mock_aws
class Calls(unittest.TestCase):
    def setUp(self):
        role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}", Path="/")["Role"]["Arn"]
        boto3.client("cloudformation").create_stack(StackName="gateway", TemplateBody=TEMPLATE % role)
        self.account = measure.Account("gateway", "chat")

    def variables(self):
        found = boto3.client("lambda").get_function_configuration(FunctionName=NAME)
        return found["Environment"]["Variables"]

    def test_each_start_has_another_variable_and_all_are_invoked(self):
        seen = []
        self.account.invoke = lambda event: seen.append(self.variables()[measure.VARIABLE])
        measure.force_starts(self.account, b"{}", 3)
        self.assertEqual(seen, ["0"] * 6 + ["1"] * 6 + ["2"] * 6)

    def test_variables_are_restored_even_after_a_failure(self):
        def fail(_):
            raise RuntimeError("no")
        self.account.invoke = fail
        with self.assertRaises(RuntimeError):
            measure.force_starts(self.account, b"{}", 1)
        self.assertEqual(self.variables(), {"GATEWAY_SECRET_ID": "key"})

    def test_lines_are_read_from_the_functions_group(self):
        logs, now = boto3.client("logs"), int(time.time() * 1e3)
        logs.create_log_group(logGroupName=self.account.group)
        logs.create_log_stream(logGroupName=self.account.group, logStreamName="s")
        events = [{"timestamp": now - 60_000, "message": "before"}, {"timestamp": now, "message": WARM + "\n"}]
        logs.put_log_events(logGroupName=self.account.group, logStreamName="s", logEvents=events)
        self.assertEqual(self.account.read_lines(now - 1_000), [WARM])


def main():
    found = unittest.main(exit=False, verbosity=1).result
    failed = len(found.failures) + len(found.errors)
    print(f"{found.testsRun - failed} passed, {failed} failed")
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
