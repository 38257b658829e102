"""The alarms of the stack: whom each tells, what it watches, and when it is breached.

A new alarm is a line here; check_alarms.py compares the tables with the template.
"""

# Percent of what there is, where it is enough; and whether all of it fails.
SHARE = "IF(FILL({of}, 0) >= ${{MinRateRequests}}, 100 * {part} / {of}, 0)"
ALL_FAIL = "IF(FILL({of}, 0) >= ${{MinFailedRequests}} AND errors == {of}, 1, 0)"
BURN_RATE = "errors / requests * 100 / (100 - ${AvailabilityPercent})"
ENOUGH = "IF(FILL({of}, 0) >= ${{MinRateRequests}}, slowest, 0)"
EXPLAINED = " - FILL(answered, 0) - FILL(errors, 0) - FILL(throttles, 0) - FILL(unchecked, 0) - FILL(untaken, 0)"
COUNT = "FILL(count, 0)"
ANSWERED_ALONE = "IF(FILL(invocations, 0) - FILL(errors, 0) >= ${MinRateRequests} AND FILL(requests, 0) < 1, 1, 0)"
MANY_OR_ALL_FAIL = (
    "IF(FILL(invocations, 0) >= ${MinRateRequests}"
    " OR (FILL(invocations, 0) >= ${MinFailedRequests} AND errors == invocations), 100 * errors / invocations, 0)"
)
GROUPS = ("chat", "embed", "rerank", "passThrough", "health", "authorizer", "rotateKey", "probe")
OF_ALL_GROUPS = " + ".join(f"FILL({group}, 0)" for group in GROUPS)
ANY_THROTTLED = " OR ".join(f"FILL({name}, 0) >= ${{MinThrottles}}" for name in ("chat", "embed", "rerank", "passThrough", "authorizer"))

# Whom it tells: a topic, or the composite alarm that it is a member of. Then the statistic of a metric or the expression;
# the seconds of a period, or the time between two looks of the probe; the limit; how many periods in a row, or M of N;
# and what a missing value is taken for, where it is not taken for a good one.
METRIC_ALARMS = {
    "CohereUnreachable": ("CohereOutage", "Minimum ProbeUnreachable", "looks", ">= 1", "UnreachableLooks"),
    "HighErrorRate": ("CohereOutage", SHARE.format(part="errors", of="requests"), 300, "> MaxErrorPercent", 1),
    "EveryRequestFails": ("CohereOutage", ALL_FAIL.format(of="requests"), 900, ">= 1", 1),
    "FastBurnLong": ("CohereOutage", f"IF(FILL(errors, 0) >= ${{FastBurnFailures}}, {BURN_RATE}, 0)", 21_600, "> FastBurnRate", 1),
    "FastBurnShort": ("CohereOutage", f"IF(FILL(requests, 0) > 0, {BURN_RATE}, 0)", 1800, "> FastBurnRate", 1),
    "SlowBurn": ("P2", f"IF(FILL(errors, 0) >= ${{SlowBurnFailures}}, {BURN_RATE}, 0)", 259_200, "> SlowBurnRate", 1),
    "ProbeSilent": ("P1", "SampleCount ProbeOk", "looks", "< 1", "SilentLooks", "breaching after a warm-up"),
    "FrontDoorFailing": ("P1", "Minimum FrontDoorFailed", "looks", ">= 1", "FailedDoorLooks"),
    "KeyMissing": ("P1", "Minimum ProbeKeyMissing", "looks", ">= 1", "LooksInMinutes"),
    "KeyRefusedToRequests": ("AuthFailure", "Sum KeyRefused", 900, ">= 1", 1),
    "KeyRefusedToProbe": ("AuthFailure", "Minimum ProbeKeyRefused", "looks", ">= 1", 1),
    "PaymentAskedOfRequests": ("BillingFailure", "Sum BillingRefused", 900, ">= 1", 1),
    "MonthUsedUp": ("BillingFailure", "Sum QuotaExhausted", 900, ">= 1", 1),
    "PaymentAskedOfProbe": ("BillingFailure", "Minimum ProbeBilling", "looks", ">= 1", 1),
    "TrialKeyInUse": ("P2", "Sum TrialKey", 3600, ">= 1", 1),
    "KeyTooOld": ("P2", "Maximum KeyAgeDays", 3600, "> MaxKeyAgeDays", 1, "ignore"),
    "RotationFailed": ("P2", "Sum RotationFailed", 900, ">= 1", 1),
    "FunctionsThrottled": ("P1", f"IF({ANY_THROTTLED}, 1, 0)", 300, ">= 1", 1),
    "AuthorizerFailures": ("P1", COUNT, 300, ">= MinAuthorizerFailures", 1),
    "MetricLinesUnreadable": ("P2", OF_ALL_GROUPS, 900, ">= 1", 1),
    "MetricLinesInvalid": ("P2", OF_ALL_GROUPS, 900, ">= 1", 1),
    "RateLimitedOften": ("RateLimited", "Sum RateLimited", 60, "> MaxRateLimitedPerMinute", "1 of 10"),
    "SlowFirstEvents": ("HighLatency", ENOUGH.format(of="streams"), 300, "> MaxFirstEventMs", "2 of 3"),
    "SlowAnswers": ("HighLatency", ENOUGH.format(of="answers"), 300, "> MaxOutputTokenMs", "2 of 3"),
    "ManyFallbacks": ("FallbackRate", SHARE.format(part="fallbacks", of="requests"), 900, "> MaxFallbackPercent", 1),
    "RetryBudgetOftenEmpty": ("RetryBudgetEmpty", COUNT, 900, ">= MinEmptyRetryBudgets", 1),
    "BudgetExceeded": ("P2", "FILL(cost, 0) / 1000000", 86_400, "> DailyBudgetUsd", 1),
    "BudgetExceededTwice": ("P1", "FILL(cost, 0) / 2000000", 86_400, "> DailyBudgetUsd", 1),
    "UnpricedModel": ("P2", "Sum UnpricedModel", 3600, ">= 1", 1),
}
# Whom it tells, and its members; those of the probe stand in the rule only where it looks.
COMPOSITES = {
    "CohereOutage": ("P1", ["CohereUnreachable", "HighErrorRate", "EveryRequestFails", "FastBurnLong", "FastBurnShort"]),
    "AuthFailure": ("P1", ["KeyRefusedToRequests", "KeyRefusedToProbe"]),
    "BillingFailure": ("P1", ["PaymentAskedOfRequests", "MonthUsedUp", "PaymentAskedOfProbe"]),
    "RateLimited": ("P2", ["RateLimitedOften"]),
    "HighLatency": ("P2", ["SlowFirstEvents", "SlowAnswers"]),
    "FallbackRate": ("P2", ["ManyFallbacks"]),
    "RetryBudgetEmpty": ("P2", ["RetryBudgetOftenEmpty"]),
}
# What an outage of Cohere brings along.
SUPPRESSED = {"FallbackRate", "HighLatency", "RateLimited", "RetryBudgetEmpty"}

# What API Gateway counts of the routes of each endpoint's function, which no function, throttle or authorizer explains.
FAILURES = {
    "Chat": ("failures",),
    "Embed": ("failures", "failuresV1"),
    "Rerank": ("failures", "failuresV1"),
    "PassThrough": ("v1Get", "v1Post", "compatibilityGet", "compatibilityPost"),
}


def not_of_functions(counts):
    failed = " + ".join(f"FILL({count}, 0)" for count in counts)
    return f"IF(50 * ({failed}{EXPLAINED}) >= {failed}, {failed}{EXPLAINED}, 0)"


for name in (*FAILURES, "Authorizer"):
    METRIC_ALARMS[f"FunctionsFail{name}"] = ("P1", MANY_OR_ALL_FAIL, 900, "> MaxErrorPercent", 1)
for name, counts in FAILURES.items():
    METRIC_ALARMS[f"ApiGatewayFails{name}"] = ("P1", not_of_functions(counts), 300, ">= MinApiGatewayFailures", 1)
    METRIC_ALARMS[f"MetricsSilent{name}"] = ("P1", ANSWERED_ALONE, 900, ">= 1", 1)
# Which exist only where a condition holds.
CONDITIONAL = {
    **dict.fromkeys(("BudgetExceeded", "BudgetExceededTwice"), "HasBudget"),
    **{name: "HasProbeSchedule" for name, alarm in METRIC_ALARMS.items() if alarm[2] == "looks"},
    "TrialKeyInUse": "ForbidsTrialKey",
}
