"""The probe's schedule, exactly: imported by check.py, which runs these checks."""

import json

from stack import RESOURCES, check, of_type, put, remove

RULE = "Resources.ProbeRule"
INVOKE = "Resources.{}Function.Properties.EventInvokeConfig"
# Seconds after which an event says nothing any more.
OUTDATED = {"Probe": 60, "Driver": 300}
# EventBridge knows no "1 minutes".
EVERY = ["ProbesEveryMinute", "rate(1 minute)", {"Fn::Sub": "rate(${ProbeSchedule} minutes)"}]


@check(
    put(f"{RULE}.Properties.ScheduleExpression", {"Fn::Sub": "rate(${ProbeSchedule} minutes)"}),
    put(f"{RULE}.Properties.Targets.0.Arn", {"Fn::GetAtt": ["ProbeFunction", "Arn"]}),
    put(f"{RULE}.Properties.State", "DISABLED"),
    remove(f"{RULE}.Condition"),
    remove("Resources.ProbePermission.Condition"),
)
def a_schedule_asks_the_probe_unless_it_is_off():
    rule = dict(RESOURCES["ProbeRule"])
    properties = dict(rule.pop("Properties"))
    assert properties.pop("Description")
    targets = [{"Id": "probe", "Arn": {"Ref": "ProbeFunctionAliaslive"}}]
    assert properties == {"ScheduleExpression": {"Fn::If": EVERY}, "Targets": targets}, properties
    assert rule == {"Type": "AWS::Events::Rule", "Condition": "HasProbeSchedule"}, rule
    conditions = {name: p.get("Condition") for name, p in of_type("AWS::Lambda::Permission").items() if p.get("Condition")}
    assert conditions == {"ProbePermission": "HasProbeSchedule"}, conditions
    # Both ways would be a circle.
    assert "Probe" not in json.dumps(RESOURCES["Api"]), "the API refers to the probe"


@check(
    put(INVOKE.format("Probe") + ".MaximumRetryAttempts", 2),
    remove(INVOKE.format("Probe") + ".MaximumEventAgeInSeconds"),
    put(INVOKE.format("Driver") + ".MaximumRetryAttempts", 1),
)
def a_look_and_a_drive_are_not_repeated():
    found = {name: config["Properties"] for name, config in of_type("AWS::Lambda::EventInvokeConfig").items()}
    expected = {
        f"{name}FunctionEventInvokeConfig": {
            "DestinationConfig": {},
            "FunctionName": {"Ref": f"{name}Function"},
            "Qualifier": "live",
            "MaximumEventAgeInSeconds": seconds,
            "MaximumRetryAttempts": 0,
        }
        for name, seconds in OUTDATED.items()
    }
    assert found == expected, found
