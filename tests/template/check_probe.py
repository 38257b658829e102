"""The probe's schedule, exactly: imported by check.py, which runs these checks."""

import json

from stack import RESOURCES, check, of_type, put, remove

RULE = "Resources.ProbeRule"
INVOKE = "Resources.ProbeFunction.Properties.EventInvokeConfig"
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


@check(put(f"{INVOKE}.MaximumRetryAttempts", 2), remove(f"{INVOKE}.MaximumEventAgeInSeconds"))
def a_look_is_not_repeated():
    ((_, config),) = of_type("AWS::Lambda::EventInvokeConfig").items()
    assert config["Properties"] == {
        "DestinationConfig": {},
        "FunctionName": {"Ref": "ProbeFunction"},
        "Qualifier": "live",
        "MaximumEventAgeInSeconds": 60,
        "MaximumRetryAttempts": 0,
    }, config
