"""What template.yaml becomes: checks on the CloudFormation that SAM makes of it.

Linters accept several mistakes that only show here, such as a route that is written like a streaming
one and silently is not. Each check names changes of the template that it must notice. Prints
`N passed, N failed`; a failed check says what it found.
"""

import json
import sys

import check_api  # noqa: F401 - the checks of these four run with those below
import check_roles  # noqa: F401
import check_rules  # noqa: F401
import check_secrets  # noqa: F401
from stack import (
    RESOURCES, ROOT, ROUTES, STACK, TEMPLATE, check, of_type, operations, put, read_template, remove, run_checks,
    transform_template,
)

OPEN = {"Authorizer": "NONE", "ApiKeyRequired": False}
RESPONSES = "Resources.Api.Properties.GatewayResponses"
AUTHORIZER_FAILS = ("AUTHORIZER_FAILURE", "AUTHORIZER_CONFIGURATION_ERROR")
REPEATS_THE_CALLER = {"application/json": '{"id":"","message":$context.error.messageString,"code":""}'}


def old_route(path):
    properties = {"RestApiId": {"Ref": "Api"}, "Path": path, "Method": "POST"}
    return {"Type": "Api", "Properties": properties}


@check(put("Resources.ChatFunction.Properties.CodeUri", "target/functions/embed"))
def functions_are_the_folders():
    folders = {p.name for p in (ROOT / "functions").iterdir() if p.is_dir()}
    names = {"".join(part.title() for part in folder.split("-")) + "Function" for folder in folders}
    assert set(of_type("AWS::Lambda::Function")) == names, (names, of_type("AWS::Lambda::Function").keys())
    for name, function in TEMPLATE["Resources"].items():
        if function["Type"] == "AWS::Serverless::Function":
            folder = function["Properties"]["CodeUri"].removeprefix("target/functions/")
            assert folder in folders, f"{name}: {folder}"
            assert name == "".join(part.title() for part in folder.split("-")) + "Function", f"{name}: {folder}"


@check(put("Resources.ChatFunction.Properties.Events.Old", old_route("/v1/chat")))
def routes_are_the_served_ones():
    assert set(operations()) == set(ROUTES), operations().keys()


@check(
    put("Resources.EmbedFunction.Properties.Events.Embed.Properties.ResponseTransferMode", "STREAM"),
    put("Resources.ChatFunction.Properties.Events.Chat.Properties.TimeoutInMillis", 29000),
    remove("Resources.HealthFunction.Properties.AutoPublishAlias"),
)
def every_route_streams_from_the_alias():
    for route, (function, timeout) in ROUTES.items():
        integration = operations()[route]["x-amazon-apigateway-integration"]
        uri = json.dumps(integration["uri"])
        assert integration["responseTransferMode"] == "STREAM", route
        assert "2021-11-15" in uri and "response-streaming-invocations" in uri, uri
        assert f"{function}FunctionAliaslive" in uri, uri
        assert integration["timeoutInMillis"] == timeout, integration


@check(put("Resources.Api.Properties.BinaryMediaTypes", []))
def bodies_reach_the_functions_in_base64():
    (api,) = of_type("AWS::ApiGateway::RestApi").values()
    types = api["Properties"]["Body"]["x-amazon-apigateway-binary-media-types"]
    assert types == ["*/*"], types


@check(put("Resources.RerankFunction.Properties.Timeout", 60))
def function_and_route_have_the_same_time():
    for (_, _), (function, timeout) in ROUTES.items():
        limit = RESOURCES[f"{function}Function"]["Properties"]["Timeout"]
        assert limit * 1000 == timeout, (function, limit)


@check(
    put("Resources.ChatFunction.Properties.Events.Chat.Properties.Auth", OPEN),
    remove("Resources.HealthFunction.Properties.Events.Health.Properties.Auth"),
)
def only_health_is_open():
    for route, operation in operations().items():
        expected = [] if route[0] == "/api/health" else [{"ClientToken": []}, {"api_key": []}]
        assert operation.get("security") == expected, (route, operation.get("security"))


@check(
    put("Resources.Api.Properties.Auth.Authorizers.ClientToken.FunctionArn", {"Fn::GetAtt": ["AuthorizerFunction", "Arn"]}),
    put("Resources.Api.Properties.Auth.Authorizers.ClientToken.Identity.ValidationExpression", "^[Bb]earer .+$"),
    put("Resources.Api.Properties.Auth.Authorizers.ClientToken.Identity.ReauthorizeEvery", 3600),
)
def the_authorizer_is_asked_through_its_alias():
    schemes = RESOURCES["Api"]["Properties"]["Body"]["components"]["securitySchemes"]
    authorizer = schemes["ClientToken"]["x-amazon-apigateway-authorizer"]
    assert "AuthorizerFunctionAliaslive" in json.dumps(authorizer["authorizerUri"]), authorizer
    assert authorizer["identityValidationExpression"].startswith("^[Bb]"), authorizer
    assert " cgw_" in authorizer["identityValidationExpression"], "exactly one space"
    assert authorizer["authorizerResultTtlInSeconds"] == 60


@check(
    tuple(put(f"{RESPONSES}.{kind}.ResponseParameters.Headers.Retry-After", "'5'") for kind in AUTHORIZER_FAILS),
    tuple(put(f"{RESPONSES}.{kind}.StatusCode", 429) for kind in AUTHORIZER_FAILS),
)
def an_authorizer_that_fails_denies_nobody():
    responses = RESOURCES["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    for kind in AUTHORIZER_FAILS:
        response = responses[kind]
        assert str(response["statusCode"]) == "503", kind
        assert response["responseParameters"]["gatewayresponse.header.Retry-After"] == "'1'", kind


@check(put("Resources.Api.Properties.StageName", "v1"))
def there_is_one_stage_and_it_is_live():
    stages = of_type("AWS::ApiGateway::Stage")
    assert [s["Properties"]["StageName"] for s in stages.values()] == ["live"], stages
    assert all("StageName" not in d["Properties"] for d in of_type("AWS::ApiGateway::Deployment").values())


@check(put("Resources.Api.Properties.MethodSettings.1.ThrottlingRateLimit", 100))
def health_is_throttled():
    (stage,) = of_type("AWS::ApiGateway::Stage").values()
    settings = {(s["HttpMethod"], s["ResourcePath"]): s for s in stage["Properties"]["MethodSettings"]}
    health = settings[("GET", "/~1api~1health")]
    assert (health["ThrottlingRateLimit"], health["ThrottlingBurstLimit"]) == (2, 5), health


@check(
    put("Resources.Api.Properties.GatewayResponses.THROTTLED.ResponseTemplates", {"application/json": '{"message":"wait"}'}),
    remove("Resources.Api.Properties.GatewayResponses.THROTTLED.ResponseParameters"),
    put("Resources.Api.Properties.GatewayResponses.DEFAULT_4XX.ResponseTemplates", REPEATS_THE_CALLER),
    put("Resources.Api.Properties.GatewayResponses.QUOTA_EXCEEDED.ResponseParameters.Headers.Retry-After", "'3600'"),
)
def gateway_responses_have_our_shape():
    for kind, response in RESOURCES["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"].items():
        text = response["responseTemplates"]["application/json"]
        assert list(json.loads(text)) == ["id", "message", "code"], (kind, text)
        assert "$context.error" not in text, f"{kind} may repeat a caller's token"
        retry_after = response.get("responseParameters", {}).get("gatewayresponse.header.Retry-After")
        assert (retry_after is not None) == (str(response.get("statusCode")) in ("429", "503")), kind
        assert retry_after is None or 1 <= int(retry_after.strip("'")) <= 5, kind


@check(
    put("Globals.Function.Architectures", ["x86_64"]),
    put("Resources.ChatFunction.Properties.MemorySize", 1024),
    remove("Resources.ChatLogs.Properties.RetentionInDays"),
)
def every_function_is_small_arm_and_logs_for_a_time():
    groups = of_type("AWS::Logs::LogGroup")
    for name, function in of_type("AWS::Lambda::Function").items():
        properties = function["Properties"]
        assert (properties["Runtime"], properties["Architectures"]) == ("provided.al2023", ["arm64"]), name
        assert properties["MemorySize"] == 256, name
        group = groups[properties["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["Properties"]["RetentionInDays"], name


@check(
    put("Resources.SharedUsagePlanKey.Properties.Value", {"Fn::Sub": "${AWS::StackName}-another"}),
    put("Resources.SharedUsagePlan.Properties.Throttle", {"RateLimit": 1, "BurstLimit": 1}),
    put("Resources.DefaultUsagePlan.Properties.Quota.Period", "WEEK"),
    put("Resources.Api.Properties.ApiKeySourceType", "HEADER"),
)
def the_usage_plan_knows_the_key_the_authorizer_names():
    plans = of_type("AWS::ApiGateway::UsagePlan")
    for name, plan in plans.items():
        (stage,) = plan["Properties"]["ApiStages"]
        assert stage["Stage"]["Ref"] in of_type("AWS::ApiGateway::Stage"), (name, stage)
    ((key_name, key),) = of_type("AWS::ApiGateway::ApiKey").items()
    variables = RESOURCES["AuthorizerFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["GATEWAY_SHARED_USAGE_PLAN_KEY"] == key["Properties"]["Value"]
    (member,) = of_type("AWS::ApiGateway::UsagePlanKey").values()
    assert member["Properties"]["KeyId"] == {"Ref": key_name}, member
    shared = plans[member["Properties"]["UsagePlanId"]["Ref"]]["Properties"]
    assert not {"Throttle", "Quota"} & set(shared), "one limit for all who share the key"
    own = plans["DefaultUsagePlan"]["Properties"]
    assert own["Throttle"]["RateLimit"] == {"Ref": "ClientRequestsPerSecond"}, own
    assert own["Quota"] == {"Limit": {"Ref": "ClientRequestsPerDay"}, "Period": "DAY"}, own
    assert RESOURCES["Api"]["Properties"]["ApiKeySourceType"] == "AUTHORIZER"


def find_versions(source, parameters):
    resources = transform_template(source, parameters)["Resources"]
    return {name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version"}


def show_that_a_reserve_publishes_nothing(source):
    """Lambda refuses a version that would equal the last one, so a changed reserve must not ask for one."""
    return find_versions(source, {"ChatReservedConcurrency": "5"}) == find_versions(source, {})


def main():
    source = read_template("template.yaml")
    passed, failed = run_checks(source, transform_template)
    if not show_that_a_reserve_publishes_nothing(source):
        failed += 1
        print("FAILED a changed reserve asks for a new version of a function", file=sys.stderr)
    transformed = ROOT / "target/template/transformed.json"
    transformed.parent.mkdir(parents=True, exist_ok=True)
    transformed.write_text(json.dumps(STACK, indent=1))
    print(f"template: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
