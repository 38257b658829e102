"""The alarms, exactly: imported by check.py, which runs these checks."""

import re

from alarms import COMPOSITES, CONDITIONAL, METRIC_ALARMS, SUPPRESSED
from stack import RESOURCES, ROOT, TEMPLATE, check, put, remove, topic

SYMBOLS = {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">=", "LessThanThreshold": "<"}
LOOKS = {"Fn::FindInMap": ["Probe", {"Ref": "ProbeSchedule"}, "Seconds"]}
LOOKS_IN_MINUTES = {"Fn::FindInMap": ["LooksInMinutes", {"Ref": "ProbeSchedule"}, {"Ref": "KeyMissingMinutes"}]}
WARM_UP = {"WarmUpPeriodDurationInMinutes": {"Fn::FindInMap": ["Probe", {"Ref": "ProbeSchedule"}, "WarmUpMinutes"]}}
NO_VALUE = {"Ref": "AWS::NoValue"}
KIND = re.compile("(.+?)(Chat|Embed|Rerank|PassThrough|Authorizer|Twice|Unreadable|Invalid)?$")
PLACE = "Resources.{}.Properties."


def properties(name):
    return RESOURCES[name]["Properties"]


def write_word(value):
    """A number, or the word for what stands in its place."""
    if value == LOOKS:
        return "looks"
    if value == LOOKS_IN_MINUTES:
        return "LooksInMinutes"
    if isinstance(value, dict) and "Fn::If" in value:
        assert value == {"Fn::If": ["HasAlarmWarmUp", "breaching", "missing"]}, value
        return "breaching after a warm-up"
    return value.get("Ref", value) if isinstance(value, dict) else value


def watched_and_period(alarm):
    if "Metrics" not in alarm:
        return f"{alarm['Statistic']} {alarm['MetricName']}", write_word(alarm["Period"])
    watched, *metrics = alarm["Metrics"]
    (period,) = {metric["MetricStat"]["Period"] for metric in metrics}
    assert all(metric["ReturnData"] is False for metric in metrics), metrics
    expression = watched["Expression"]
    return expression["Fn::Sub"] if isinstance(expression, dict) else expression, period


def row(name):
    """An alarm as the table writes it, without whom it tells."""
    alarm = properties(name)
    periods = write_word(alarm["EvaluationPeriods"])
    if "DatapointsToAlarm" in alarm:
        periods = f"{alarm['DatapointsToAlarm']} of {periods}"
    limit = f"{SYMBOLS[alarm['ComparisonOperator']]} {write_word(alarm['Threshold'])}"
    missing = write_word(alarm["TreatMissingData"])
    return (*watched_and_period(alarm), limit, periods, *([] if missing == "notBreaching" else [missing]))


@check(
    put(PLACE.format("HighErrorRate") + "Threshold", 6),
    put(PLACE.format("HighErrorRate") + "Metrics.1.MetricStat.Period", 60),
    put(PLACE.format("HighErrorRate") + "Metrics.2.ReturnData", True),
    put(PLACE.format("EveryRequestFails") + "Metrics.0.Expression", "IF(errors > 0, 1, 0)"),
    put(PLACE.format("CohereUnreachable") + "DatapointsToAlarm", 1),
    put(PLACE.format("CohereUnreachable") + "Statistic", "Maximum"),
    put(PLACE.format("CohereUnreachable") + "Period", 300),
    put(PLACE.format("KeyMissing") + "Threshold", 0),
    put(PLACE.format("SlowAnswers") + "DatapointsToAlarm", 1),
    put(PLACE.format("RateLimitedOften") + "ComparisonOperator", "GreaterThanOrEqualToThreshold"),
    put(PLACE.format("ProbeSilent") + "TreatMissingData", "notBreaching"),
    put(PLACE.format("BudgetExceededTwice") + "Metrics.0.Expression", "FILL(cost, 0) / 1000000"),
)
def alarms_are_breached_by_this():
    for name, (_, *expected) in METRIC_ALARMS.items():
        assert row(name) == tuple(expected), (name, row(name))
        # SAM leaves alarms as they are; runs on this machine read them in the source.
        assert RESOURCES[name] == TEMPLATE["Resources"][name], name


# An alarm that tells nobody and belongs to no other is none. What is not in the tables is a gate of a rollout.
@check(
    put(PLACE.format("FrontDoorFailing") + "AlarmActions", [topic("P2")]),
    put(PLACE.format("HighErrorRate") + "AlarmActions", [topic("P1")]),
    put(PLACE.format("UnpricedModel") + "OKActions", [topic("P2")]),
    put(PLACE.format("UnpricedModel") + "ActionsEnabled", False),
    put(PLACE.format("CohereOutage") + "AlarmActions", [topic("P2")]),
    put(PLACE.format("KeyTooOld") + "AlarmName", "key-too-old"),
    put(PLACE.format("ProbeSilent") + "InsufficientDataActions", [topic("P1")]),
    remove(PLACE.format("CohereOutage") + "OKActions"),
    remove(PLACE.format("KeyMissing") + "AlarmActions"),
)
def alarms_tell_a_topic_or_belong_to_a_composite():
    for name, (tells, *_) in {**METRIC_ALARMS, **COMPOSITES}.items():
        expected = {"AlarmActions": [topic(tells)]} if tells in ("P1", "P2") else {}
        if name == "CohereOutage":
            expected["OKActions"] = [topic("P1")]
        if name == "ProbeSilent":
            expected["InsufficientDataActions"] = {"Fn::If": ["HasAlarmWarmUp", NO_VALUE, [topic("P1")]]}
        about = re.compile("Actions$|ActionsEnabled|AlarmName")
        found = {key: value for key, value in properties(name).items() if about.search(key)}
        assert found == expected, (name, found)
        if tells not in ("P1", "P2"):
            assert name in COMPOSITES[tells][1], name


def any_of(members):
    return " OR ".join(f'ALARM("${{{name}}}")' for name in members)


def write_rule(name, members):
    if name != "CohereOutage":
        return any_of(members)
    *others, long, short = members
    return f'{any_of(others)} OR (ALARM("${{{long}}}") AND ALARM("${{{short}}}"))'


@check(
    put(PLACE.format("RateLimited") + "AlarmRule", {"Fn::Sub": 'ALARM("${RateLimitedOften}") OR OK("${SlowAnswers}")'}),
    put(PLACE.format("AuthFailure") + "AlarmRule", {"Fn::Sub": 'ALARM("${KeyRefusedToRequests}")'}),
    put(PLACE.format("CohereOutage") + "AlarmRule.Fn::If.0", "HasBudget"),
)
def composites_are_one_of_their_members():
    for name, (_, members) in COMPOSITES.items():
        always = [member for member in members if member not in CONDITIONAL]
        expected = {"Fn::Sub": write_rule(name, members)}
        if always != members:
            expected = {"Fn::If": ["HasProbeSchedule", expected, {"Fn::Sub": write_rule(name, always)}]}
            assert {CONDITIONAL[member] for member in members if member not in always} == {"HasProbeSchedule"}
        assert properties(name)["AlarmRule"] == expected, (name, properties(name))


@check(
    put(PLACE.format("RateLimited") + "ActionsSuppressorWaitPeriod", 60),
    put(PLACE.format("AuthFailure") + "ActionsSuppressor", {"Ref": "CohereOutage"}),
    put(PLACE.format("HighLatency") + "ActionsSuppressor", {"Ref": "AuthFailure"}),
)
def an_outage_suppresses_what_it_brings_along():
    suppressed = {
        "ActionsSuppressor": {"Ref": "CohereOutage"},
        "ActionsSuppressorWaitPeriod": 300,
        "ActionsSuppressorExtensionPeriod": 1200,
    }
    for name in COMPOSITES:
        found = {key: value for key, value in properties(name).items() if key.startswith("ActionsSuppressor")}
        assert found == (suppressed if name in SUPPRESSED else {}), (name, found)


@check(
    remove("Resources.KeyMissing.Condition"),
    put("Resources.TrialKeyInUse.Condition", "HasBudget"),
    put("Resources.UnpricedModel.Condition", "HasBudget"),
)
def alarms_exist_under_these_conditions():
    for name in {**METRIC_ALARMS, **COMPOSITES}:
        assert RESOURCES[name].get("Condition") == CONDITIONAL.get(name), (name, RESOURCES[name])


@check(
    put(PLACE.format("UnpricedModel") + "AlarmDescription", "Something is wrong."),
    put(PLACE.format("HighErrorRate") + "AlarmDescription", "Too many fail. docs/runbooks/alarms.md#nowhere"),
)
def descriptions_name_the_section_of_the_runbook():
    page = (ROOT / "docs/runbooks/alarms.md").read_text()
    anchors = {line[3:].strip().lower() for line in page.splitlines() if line.startswith("## ")}
    for name, (tells, *_) in {**METRIC_ALARMS, **COMPOSITES}.items():
        # Alarms of a kind have one section.
        section = KIND.match(name if tells in ("P1", "P2") else tells)[1].lower()
        told = properties(name)["AlarmDescription"]
        assert re.fullmatch(rf"[A-Z][^.]+\. docs/runbooks/alarms\.md#{section}", told), (name, told)
        assert section in anchors, section


# Only one of them can be breached by what is missing, and may wait for its first data.
@check(
    put(PLACE.format("ProbeSilent") + "WarmUpConfiguration", WARM_UP),
    put(PLACE.format("KeyMissing") + "WarmUpConfiguration", {"WarmUpPeriodDurationInMinutes": 5}),
    put(PLACE.format("BudgetExceeded") + "EvaluationWindow", {"WallClockWindow": {"Timezone": "UTC"}}),
)
def what_regions_may_not_know_stands_behind_a_parameter():
    for name in METRIC_ALARMS:
        expected = {"Fn::If": ["HasAlarmWarmUp", WARM_UP, NO_VALUE]} if name == "ProbeSilent" else None
        assert properties(name).get("WarmUpConfiguration") == expected, name
        assert "EvaluationWindow" not in properties(name), name


# Marked calls, which a rollout makes, wake nobody.
@check(put(PLACE.format("HighErrorRate") + "Metrics.2.MetricStat.Metric.MetricName", "GateRequests"))
def what_tells_somebody_reads_no_gate():
    for name in METRIC_ALARMS:
        assert '"MetricName": "Gate' not in str(properties(name)).replace("'", '"'), name


@check(
    put("Mappings.Probe.5.Seconds", 60),
    put("Mappings.LooksInMinutes.15.15", 1),
    remove("Mappings.Probe.off"),
)
def looks_fit_the_schedule():
    for schedule in TEMPLATE["Parameters"]["ProbeSchedule"]["AllowedValues"]:
        minutes = 5 if schedule == "off" else int(schedule)
        row = TEMPLATE["Mappings"]["Probe"][schedule]
        assert row["Seconds"] == minutes * 60 and row["WarmUpMinutes"] > 3 * minutes, row
        looks = {str(time): time // minutes + 1 for time in (15, 30, 60)}
        assert TEMPLATE["Mappings"]["LooksInMinutes"][schedule] == looks, schedule
