"""The API as it is deployed, exactly: imported by check.py, which runs these checks."""

import json
import re

from stack import FUNCTIONS, PASSED_THROUGH, RESOURCES, ROUTES, check, of_type, operations, put, remove, the_stage

API = "Resources.Api.Properties"
RESPONSES = f"{API}.GatewayResponses"
SETTINGS = f"{API}.MethodSettings"
AUTHORIZER = f"{API}.Auth.Authorizers.ClientToken"
LOG_SETTING = f"{API}.AccessLogSetting"
OPEN = {"Authorizer": "NONE", "ApiKeyRequired": False}
OLD_404 = {"application/json": '{"id":"$context.requestId","message":"not found","code":"not_found"}'}
REPEATS_THE_CALLER = {"application/json": '{"id":"","message":$context.error.messageString,"code":""}'}

UNKNOWN_PATH = ("MISSING_AUTHENTICATION_TOKEN", "INVALID_SIGNATURE", "EXPIRED_TOKEN", "RESOURCE_NOT_FOUND")
SAME = (("UNAUTHORIZED", "ACCESS_DENIED"), ("AUTHORIZER_FAILURE", "AUTHORIZER_CONFIGURATION_ERROR"), UNKNOWN_PATH)
# Status and headers of each type. Clients repeat at once what bears no Retry-After. The two defaults keep the
# status of the type that they stand for.
AGAIN, TOKEN = {"Retry-After": "'1'"}, {"WWW-Authenticate": "'Bearer'"}
# Where web pages are served they may read every answer.
FOR_PAGES = {
    "Access-Control-Allow-Origin": "method.request.header.Origin",
    "Access-Control-Expose-Headers": "'retry-after, www-authenticate'",
    "Vary": "'Origin'",
}
ANSWERS = {
    "DEFAULT_4XX": (None, {}),
    "DEFAULT_5XX": (None, {}),
    "UNAUTHORIZED": (401, TOKEN),
    "ACCESS_DENIED": (401, TOKEN),
    **{kind: (404, {}) for kind in UNKNOWN_PATH},
    "REQUEST_TOO_LARGE": (413, {}),
    "THROTTLED": (429, AGAIN),
    "QUOTA_EXCEEDED": (429, {"Retry-After": "'5'"}),
    "INVALID_API_KEY": (500, {}),
    "AUTHORIZER_FAILURE": (503, AGAIN),
    "AUTHORIZER_CONFIGURATION_ERROR": (503, AGAIN),
    "INTEGRATION_FAILURE": (503, AGAIN),
    "INTEGRATION_TIMEOUT": (504, {}),
}
# Of the caller's own words none: a path or a query may hold anything.
LOGGED = {
    "requestTimeEpoch", "requestId", "httpMethod", "resourcePath", "status", "error.responseType",
    "authorizer.principalId", "responseLatency", "integration.status", "integration.timeToFirstContent", "tlsVersion",
}


def body():
    return RESOURCES["Api"]["Properties"]["Body"]


def responses():
    return body()["x-amazon-apigateway-gateway-responses"]


def lambda_uri(text, **names):
    return {"Fn::Sub": [f"arn:aws:apigateway:${{AWS::Region}}:lambda:path/{text}", names] if names else
            f"arn:aws:apigateway:${{AWS::Region}}:lambda:path/{text}"}


def rate(per_second, burst, is_measured=True):
    return {"MetricsEnabled": is_measured, "ThrottlingRateLimit": per_second, "ThrottlingBurstLimit": burst}


# On edge a stream may be silent for 30 seconds only; the default of TLS takes 1.0.
@check(
    put(f"{API}.EndpointConfiguration", {"Type": "EDGE"}),
    put(f"{API}.DisableExecuteApiEndpoint", True),
    put(f"{API}.SecurityPolicy", "TLS_1_0"),
    put(f"{API}.ApiKeySourceType", "HEADER"),
    put(f"{API}.Name", "gateway"),
    put(f"{API}.BinaryMediaTypes", []),
    put(f"{API}.MinimumCompressionSize", 0),
    put(f"{API}.Auth.ResourcePolicy", {"CustomStatements": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}),
    remove(f"{API}.SecurityPolicy"),
    remove(f"{API}.EndpointAccessMode"),
)
def the_api_is_regional_with_new_tls_and_binary_bodies():
    found = {name: value for name, value in RESOURCES["Api"]["Properties"].items() if name != "Body"}
    assert found == {
        "Name": {"Fn::Sub": "${AWS::StackName}-api"},
        "Parameters": {"endpointConfigurationTypes": "REGIONAL"},
        "EndpointConfiguration": {"Types": ["REGIONAL"]},
        "BinaryMediaTypes": ["*~1*"],
        "ApiKeySourceType": "AUTHORIZER",
        "SecurityPolicy": "SecurityPolicy_TLS13_1_2_2021_06",
        "EndpointAccessMode": "BASIC",
    }, found
    prefix = "x-amazon-apigateway-"
    extensions = {f"{prefix}gateway-responses", f"{prefix}binary-media-types"}
    assert set(body()) == {"openapi", "info", "paths", "components", *extensions}, body().keys()
    assert body()[f"{prefix}binary-media-types"] == ["*/*"], "bodies would come as text"


# Each streams from the alias, and only health is open.
@check(
    put("Resources.ChatFunction.Properties.Events.Chat.Properties.Path", "/v1/chat"),
    put("Resources.EmbedFunction.Properties.Events.Embed.Properties.ResponseTransferMode", "STREAM"),
    put("Resources.ChatFunction.Properties.Events.Chat.Properties.TimeoutInMillis", 29000),
    put("Resources.ChatFunction.Properties.Events.Chat.Properties.Auth", OPEN),
    put("Resources.ChatFunction.Properties.Events.Chat.Properties.Auth", {"ApiKeyRequired": False}),
    remove("Resources.HealthFunction.Properties.Events.Health.Properties.Auth"),
)
def routes_stream_from_the_alias_and_ask_a_token():
    expected = {}
    for route, function in ROUTES.items():
        uri = lambda_uri(f"2021-11-15/functions/${{{function}FunctionAliaslive}}/response-streaming-invocations")
        integration = {
            "httpMethod": "POST", "type": "aws_proxy", "uri": uri,
            "responseTransferMode": "STREAM", "timeoutInMillis": FUNCTIONS[function] * 1000,
        }
        security = [] if route[0] == "/api/health" or route[1] == "options" else [{"ClientToken": []}, {"api_key": []}]
        expected[route] = {"x-amazon-apigateway-integration": integration, "security": security, "responses": {}}
    assert operations() == expected, operations()


# What cannot be a token is refused before any function runs: exactly one space, and the whole alphabet.
@check(
    put(f"{AUTHORIZER}.FunctionArn", {"Fn::GetAtt": ["AuthorizerFunction", "Arn"]}),
    put(f"{AUTHORIZER}.Identity.ValidationExpression", "^[Bb][Ee][Aa][Rr][Ee][Rr] cgw_.+$"),
    put(f"{AUTHORIZER}.Identity.ReauthorizeEvery", 3600),
    put(f"{AUTHORIZER}.Identity.Header", "X-Token"),
    remove(f"{AUTHORIZER}.Identity.ValidationExpression"),
)
def the_authorizer_is_asked_through_its_alias():
    alias = {"Ref": "AuthorizerFunctionAliaslive"}
    assert body()["components"]["securitySchemes"] == {
        "api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
        "ClientToken": {
            "type": "apiKey", "name": "Authorization", "in": "header",
            "x-amazon-apigateway-authtype": "custom",
            "x-amazon-apigateway-authorizer": {
                "type": "token",
                "authorizerResultTtlInSeconds": 60,
                "authorizerUri": lambda_uri("2015-03-31/functions/${__FunctionArn__}/invocations", __FunctionArn__=alias),
                "identityValidationExpression": "^[Bb][Ee][Aa][Rr][Ee][Rr] cgw_[A-Za-z0-9_-]{20,120}$",
            },
        },
    }, body()["components"]


# One stage whose cache, traces of bodies and canary are off, because it does not name them.
@check(
    put(f"{API}.CacheClusterEnabled", True),
    put(f"{API}.CanarySetting", {"PercentTraffic": 10}),
    put(f"{API}.TracingEnabled", False),
    remove("Globals.Api.TracingEnabled"),
    put(f"{API}.Variables", {"stage": "live"}),
    put(f"{SETTINGS}.0.DataTraceEnabled", True),
    put(f"{SETTINGS}.0.CachingEnabled", True),
    put(f"{SETTINGS}.0.LoggingLevel", "INFO"),
    (
        put(f"{SETTINGS}.0.ThrottlingRateLimit", {"Ref": "RouteBurst"}),
        put(f"{SETTINGS}.0.ThrottlingBurstLimit", {"Ref": "RouteRequestsPerSecond"}),
    ),
    put(f"{SETTINGS}.1.ThrottlingBurstLimit", -1),
    put(f"{SETTINGS}.0.HttpMethod", "POST"),
    put(f"{SETTINGS}.1.ThrottlingRateLimit", 100),
    put(f"{SETTINGS}.2.MetricsEnabled", True),
    remove(f"{SETTINGS}.2.ThrottlingRateLimit"),
)
def the_one_stage_throttles_and_does_no_more():
    _, stage = the_stage()
    ((deployment, made),) = of_type("AWS::ApiGateway::Deployment").items()
    found = {name: value for name, value in stage.items() if name not in ("StageName", "AccessLogSetting")}
    every_route = rate({"Ref": "RouteRequestsPerSecond"}, {"Ref": "RouteBurst"})
    assert found == {
        "RestApiId": {"Ref": "Api"},
        "DeploymentId": {"Ref": deployment},
        "TracingEnabled": True,
        "MethodSettings": [
            {"HttpMethod": "*", "ResourcePath": "/*", **every_route},
            {"HttpMethod": "GET", "ResourcePath": "/~1api~1health", **rate(2, 5, is_measured=False)},
            {"HttpMethod": "GET", "ResourcePath": "/~1api~1health~1check", **every_route, "MetricsEnabled": False},
        ],
    }, found
    assert set(made["Properties"]) == {"Description", "RestApiId"}, made


@check(
    put(f"{LOG_SETTING}.Fn::If.0", "HasDomainName"),
    put(f"{LOG_SETTING}.Fn::If.1.Format", '{"path":"$context.path"}'),
    put(f"{LOG_SETTING}.Fn::If.1.DestinationArn", {"Fn::GetAtt": ["ChatLogs", "Arn"]}),
)
def an_access_log_is_asked_for_and_holds_no_words_of_a_caller():
    _, stage = the_stage()
    condition, setting, nothing = stage["AccessLogSetting"]["Fn::If"]
    assert (condition, nothing) == ("HasAccessLogs", {"Ref": "AWS::NoValue"}), "it needs a role of the whole account"
    assert setting["DestinationArn"] == {"Fn::GetAtt": ["AccessLog", "Arn"]}, setting
    assert all(isinstance(value, str) for value in json.loads(setting["Format"]).values())
    logged = set(re.findall(r"\$context\.([A-Za-z.]+)", setting["Format"]))
    assert logged == LOGGED, logged ^ LOGGED


@check(
    put(f"{RESPONSES}.INTEGRATION_FAILURE.StatusCode", 502),
    put(f"{RESPONSES}.INVALID_API_KEY.StatusCode", 403),
    put(f"{RESPONSES}.DEFAULT_4XX.StatusCode", 400),
    put(f"{RESPONSES}.QUOTA_EXCEEDED.ResponseParameters.Headers.Retry-After", "'3600'"),
    put(f"{RESPONSES}.WAF_FILTERED", {"StatusCode": 403, "ResponseTemplates": OLD_404}),
    remove(f"{RESPONSES}.UNAUTHORIZED.ResponseParameters"),
    remove(f"{RESPONSES}.ACCESS_DENIED.ResponseParameters.Headers.WWW-Authenticate"),
    remove(f"{RESPONSES}.THROTTLED.ResponseParameters"),
    remove(f"{RESPONSES}.AUTHORIZER_FAILURE.ResponseParameters"),
    remove(f"{RESPONSES}.INTEGRATION_TIMEOUT"),
    put(f"{RESPONSES}.THROTTLED.ResponseParameters.Headers.Access-Control-Allow-Origin", "'*'"),
)
def each_response_type_has_its_status_and_headers():
    assert set(responses()) == set(ANSWERS), set(responses()) ^ set(ANSWERS)
    for kind, (status, headers) in ANSWERS.items():
        found = {name: value for name, value in responses()[kind].items() if name != "responseTemplates"}
        for_pages = {name: {"Fn::If": ["AllowsPages", value, {"Ref": "AWS::NoValue"}]} for name, value in FOR_PAGES.items()}
        named = {f"gatewayresponse.header.{name}": value for name, value in {**headers, **for_pages}.items()}
        expected = {"responseParameters": named, **({"statusCode": str(status)} if status else {})}
        assert found == expected, (kind, found)


@check(
    put(f"{RESPONSES}.INVALID_SIGNATURE.ResponseTemplates", OLD_404),
    put(f"{RESPONSES}.ACCESS_DENIED.ResponseTemplates", OLD_404),
)
def types_that_mean_the_same_are_answered_alike():
    for first, *others in SAME:
        for other in others:
            assert responses()[other]["responseTemplates"] == responses()[first]["responseTemplates"], (first, other)


@check(tuple(put(f"{RESPONSES}.{kind}.ResponseTemplates", OLD_404) for kind in UNKNOWN_PATH))
def an_unknown_path_is_told_every_route():
    text = responses()[UNKNOWN_PATH[0]]["responseTemplates"]["application/json"]
    message = json.loads(text)["message"]
    told, method = set(), None
    for route in re.split(", | and ", message.split("served are ")[1].split(", without a slash")[0]):
        *named, path = route.split()
        method = named[0].lower() if named else method
        told.add((path, method))
    # Preflights are asked by browsers alone.
    own = {route for route in ROUTES if route[1] != "options" and not route[0].endswith("{proxy+}")}
    assert told == own | PASSED_THROUGH, told ^ (own | PASSED_THROUGH)


@check(
    put(f"{RESPONSES}.THROTTLED.ResponseTemplates", {"application/json": '{"message":"wait"}'}),
    put(f"{RESPONSES}.DEFAULT_4XX.ResponseTemplates", REPEATS_THE_CALLER),
    put(f"{RESPONSES}.DEFAULT_5XX.ResponseTemplates", {**OLD_404, "text/html": "no"}),
)
def gateway_responses_have_our_shape():
    for kind, response in responses().items():
        ((media, text),) = response["responseTemplates"].items()
        assert media == "application/json" and list(json.loads(text)) == ["id", "message", "code"], (kind, text)
        assert "$context.error" not in text, f"{kind} may repeat a caller's token"


@check(
    remove("Resources.CustomDomain.Condition"),
    remove("Resources.CustomDomainMapping.Condition"),
    put("Resources.CustomDomain.Properties.SecurityPolicy", "TLS_1_0"),
    put("Resources.CustomDomain.Properties.EndpointConfiguration.Types", ["EDGE"]),
    put("Resources.CustomDomainMapping.Properties.Stage", "v1"),
)
def a_domain_name_is_optional_and_the_same_stages():
    domain, mapping = RESOURCES["CustomDomain"], RESOURCES["CustomDomainMapping"]
    assert domain.get("Condition") == mapping.get("Condition") == "HasDomainName"
    found = {name: value for name, value in domain["Properties"].items() if name != "RegionalCertificateArn"}
    regional = {"EndpointConfiguration": {"Types": ["REGIONAL"]}, "SecurityPolicy": "TLS_1_2"}
    assert found == {"DomainName": {"Ref": "DomainName"}, **regional}, found
    same = {"RestApiId": {"Ref": "Api"}, "Stage": {"Ref": the_stage()[0]}}
    assert mapping["Properties"] == {"DomainName": {"Ref": "CustomDomain"}, **same}, mapping
