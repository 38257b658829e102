"""The API's own answers, rates, address and log: imported by check.py, which runs these checks."""

import json
import re

from stack import RESOURCES, ROUTES, TEMPLATE, check, of_type, put, remove

RESPONSES = "Resources.Api.Properties.GatewayResponses"
SAME = (
    ("UNAUTHORIZED", "ACCESS_DENIED"),
    ("AUTHORIZER_FAILURE", "AUTHORIZER_CONFIGURATION_ERROR"),
    ("MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE", "EXPIRED_TOKEN", "RESOURCE_NOT_FOUND"),
)
STATUSES = {
    "UNAUTHORIZED": 401, "ACCESS_DENIED": 401, "MISSING_AUTHENTICATION_TOKEN": 404, "INVALID_API_KEY": 500,
    "THROTTLED": 429, "QUOTA_EXCEEDED": 429, "REQUEST_TOO_LARGE": 413, "INTEGRATION_TIMEOUT": 504,
    "INTEGRATION_FAILURE": 503, "DEFAULT_4XX": None, "DEFAULT_5XX": None,
}
# Of the caller's own words none: a path or a query may hold anything.
LOGGED = {
    "requestTimeEpoch", "requestId", "httpMethod", "resourcePath", "status", "error.responseType",
    "authorizer.principalId", "responseLatency", "integration.status", "integration.timeToFirstContent", "tlsVersion",
}
OLD_404 = {"application/json": '{"id":"$context.requestId","message":"not found","code":"not_found"}'}
ALL_ROUTES = "Resources.Api.Properties.MethodSettings.0"
LOG_SETTING = "Resources.Api.Properties.AccessLogSetting"


def responses():
    return RESOURCES["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]


def stage():
    (only,) = of_type("AWS::ApiGateway::Stage").values()
    return only["Properties"]


def without_value(condition, value):
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


@check(
    put(f"{RESPONSES}.INVALID_SIGNATURE.ResponseTemplates", OLD_404),
    remove(f"{RESPONSES}.ACCESS_DENIED.ResponseParameters"),
)
def types_that_mean_the_same_are_answered_alike():
    for first, *others in SAME:
        for other in others:
            assert responses()[other] == responses()[first], (first, other)


@check(
    (put(f"{RESPONSES}.INTEGRATION_FAILURE.StatusCode", 502), remove(f"{RESPONSES}.INTEGRATION_FAILURE.ResponseParameters")),
    put(f"{RESPONSES}.INVALID_API_KEY.StatusCode", 403),
    put(f"{RESPONSES}.DEFAULT_4XX.StatusCode", 400),
)
def each_type_has_its_status():
    for kind, status in STATUSES.items():
        given = responses()[kind].get("statusCode")
        assert given == (None if status is None else str(status)), (kind, given)
    again = responses()["INTEGRATION_FAILURE"]["responseParameters"]["gatewayresponse.header.Retry-After"]
    assert again == "'1'", "clients repeat at once what bears no Retry-After"


@check(tuple(put(f"{RESPONSES}.{kind}.ResponseTemplates", OLD_404) for kind in SAME[2]))
def an_unknown_path_is_told_every_route():
    text = responses()["MISSING_AUTHENTICATION_TOKEN"]["responseTemplates"]["application/json"]
    message = json.loads(text)["message"]
    for path, method in ROUTES:
        assert re.search(rf"\b{method.upper()} {path}(,| )", message), (method, path, message)


@check(
    (put(f"{ALL_ROUTES}.ThrottlingRateLimit", {"Ref": "RouteBurst"}), put(f"{ALL_ROUTES}.ThrottlingBurstLimit", {"Ref": "RouteRequestsPerSecond"})),
    put(f"{ALL_ROUTES}.HttpMethod", "POST"),
)
def every_route_has_a_rate_for_all_clients():
    (all_methods,) = [s for s in stage()["MethodSettings"] if (s["HttpMethod"], s["ResourcePath"]) == ("*", "/*")]
    assert all_methods.get("ThrottlingRateLimit") == {"Ref": "RouteRequestsPerSecond"}, all_methods
    assert all_methods.get("ThrottlingBurstLimit") == {"Ref": "RouteBurst"}, all_methods


@check(
    put("Resources.SyntheticUsagePlan.Properties.Throttle.RateLimit", 1000),
    remove("Resources.SyntheticUsagePlan.Properties.Quota"),
)
def the_synthetic_client_can_spend_little():
    plan = RESOURCES["SyntheticUsagePlan"]["Properties"]
    assert plan["Throttle"]["RateLimit"] <= 5 and plan["Throttle"]["BurstLimit"] <= 20, plan
    assert plan.get("Quota", {}).get("Period") == "DAY" and plan["Quota"]["Limit"] <= 50_000, plan


@check(
    remove("Resources.Api.Properties.SecurityPolicy"),
    put("Resources.Api.Properties.SecurityPolicy", "TLS_1_0"),
    remove("Resources.Api.Properties.EndpointAccessMode"),
    put("Resources.CustomDomain.Properties.SecurityPolicy", "TLS_1_0"),
)
def tls_is_at_least_1_2():
    api = RESOURCES["Api"]["Properties"]
    assert re.match(r"SecurityPolicy_TLS13_1_[23]_", api.get("SecurityPolicy", "")), api.get("SecurityPolicy")
    assert api.get("EndpointAccessMode") in ("BASIC", "STRICT"), "API Gateway refuses such a policy without it"
    assert RESOURCES["CustomDomain"]["Properties"]["SecurityPolicy"] == "TLS_1_2"


@check(
    remove("Resources.CustomDomain.Condition"),
    remove("Resources.CustomDomainMapping.Condition"),
    put("Resources.CustomDomainMapping.Properties.Stage", "v1"),
    remove("Rules.DomainNameHasCertificate"),
    remove("Outputs.DomainTarget.Condition"),
)
def a_domain_name_is_optional_and_has_its_certificate():
    for name in ("CustomDomain", "CustomDomainMapping"):
        assert RESOURCES[name].get("Condition") == "HasDomainName", name
    mapping = RESOURCES["CustomDomainMapping"]["Properties"]
    assert mapping["Stage"]["Ref"] in of_type("AWS::ApiGateway::Stage"), mapping
    (assertion,) = TEMPLATE["Rules"]["DomainNameHasCertificate"]["Assertions"]
    assert "CertificateArn" in json.dumps(assertion["Assert"]), assertion
    for output in ("DomainUrl", "DomainTarget", "DomainHostedZoneId"):
        assert TEMPLATE["Outputs"][output].get("Condition") == "HasDomainName", output


@check(
    put(f"{LOG_SETTING}.Fn::If.0", "HasDomainName"),
    put(f"{LOG_SETTING}.Fn::If.1.Format", '{"path":"$context.path"}'),
    remove("Resources.AccessLog.Condition"),
    put("Parameters.AccessLogs.Default", "on"),
)
def an_access_log_is_asked_for_and_holds_no_words_of_a_caller():
    condition, setting, nothing = stage()["AccessLogSetting"]["Fn::If"]
    assert (condition, nothing) == ("HasAccessLogs", {"Ref": "AWS::NoValue"}), "it needs a role of the whole account"
    assert RESOURCES["AccessLog"].get("Condition") == "HasAccessLogs"
    assert TEMPLATE["Parameters"]["AccessLogs"]["Default"] == "off"
    assert all(isinstance(value, str) for value in json.loads(setting["Format"]).values())
    logged = set(re.findall(r"\$context\.([A-Za-z.]+)", setting["Format"]))
    assert logged == LOGGED, logged ^ LOGGED


@check(
    put("Resources.ChatFunction.Properties.ReservedConcurrentExecutions", 5),
    put("Parameters.HealthReservedConcurrency.Default", "1"),
    put("Resources.RotateKeyFunction.Properties.ReservedConcurrentExecutions", 1),
)
def nothing_is_reserved_unless_asked_for():
    for name, function in of_type("AWS::Lambda::Function").items():
        short = name.removesuffix("Function")
        found = function["Properties"].get("ReservedConcurrentExecutions")
        if short == "RotateKey":
            assert found is None, "its schedule needs one environment at times"
            continue
        assert found == without_value(f"{short}HasReserve", {"Ref": f"{short}ReservedConcurrency"}), (name, found)
        assert TEMPLATE["Parameters"][f"{short}ReservedConcurrency"]["Default"] == "none", name
