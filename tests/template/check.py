"""What template.yaml becomes: checks on the CloudFormation that SAM makes of it.

Linters accept several mistakes that only show here, such as a route that is written like a streaming
one and silently is not. Each check names changes of the template that it must notice. Prints
`N passed, N failed`; a failed check says what it found.
"""

import json
import sys

import check_rules  # noqa: F401 - its checks run with those below
from stack import (
    RESOURCES, ROOT, STACK, TEMPLATE, check, of_type, put, read_template, remove, run_checks, show_that_a_miss_is_found,
)

ROUTES = {
    ("/v2/chat", "post"): ("Chat", 900_000),
    ("/v2/embed", "post"): ("Embed", 130_000),
    ("/v2/rerank", "post"): ("Rerank", 70_000),
    ("/api/health", "get"): ("Health", 15_000),
    ("/api/health/check", "get"): ("Health", 15_000),
}
SECRETS = ("CohereApiKey", "Clients", "SyntheticClient")
OPEN = {"Authorizer": "NONE", "ApiKeyRequired": False}
REPEATS_THE_CALLER = {"application/json": '{"id":"","message":$context.error.messageString,"code":""}'}


def old_route(path):
    properties = {"RestApiId": {"Ref": "Api"}, "Path": path, "Method": "POST"}
    return {"Type": "Api", "Properties": properties}


def own_or_existing(secret):
    """The stack's own secret, or the one that a parameter names."""
    return {"Fn::If": [f"Makes{secret}Secret", {"Ref": f"{secret}Secret"}, {"Ref": f"Existing{secret}SecretArn"}]}


def operations():
    body = RESOURCES["Api"]["Properties"]["Body"]
    return {(path, method): op for path, methods in body["paths"].items() for method, op in methods.items()}


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
    put("Resources.Api.Properties.GatewayResponses.AUTHORIZER_FAILURE.ResponseParameters.Headers.Retry-After", "'5'"),
    put("Resources.Api.Properties.GatewayResponses.AUTHORIZER_CONFIGURATION_ERROR.StatusCode", 429),
)
def an_authorizer_that_fails_denies_nobody():
    responses = RESOURCES["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]
    for kind in ("AUTHORIZER_FAILURE", "AUTHORIZER_CONFIGURATION_ERROR"):
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
    put("Resources.ChatFunction.Properties.Policies.0", {"AWSSecretsManagerGetSecretValuePolicy": {"SecretArn": "*"}}),
    put("Resources.AuthorizerFunction.Properties.Policies.0.AWSSecretsManagerGetSecretValuePolicy.SecretArn", {"Ref": "CohereApiKeySecret"}),
)
def a_function_reads_only_its_secret():
    for name, role in of_type("AWS::IAM::Role").items():
        statements = [s for p in role["Properties"].get("Policies", []) for s in p["PolicyDocument"]["Statement"]]
        secret = "Clients" if name.startswith("Authorizer") else "CohereApiKey"
        allowed = ["GetSecretValue"]
        if name.startswith("RotateKey"):
            allowed = ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]
        actions = [f"secretsmanager:{action}" for action in allowed]
        of_secrets = [s for s in statements if "secretsmanager:" in json.dumps(s.get("Action"))]
        assert len(of_secrets) == 1, (name, statements)
        assert of_secrets[0]["Action"] == (actions if len(actions) > 1 else actions[0]), (name, of_secrets)
        assert of_secrets[0]["Resource"] == own_or_existing(secret), (name, statements)


@check(
    put("Resources.RotateKeyPermission.Properties.FunctionName", {"Ref": "RotateKeyFunction"}),
    remove("Resources.RotateKeyPermission.Properties.SourceAccount"),
    put("Resources.CohereApiKeyRotation.Properties.RotateImmediatelyOnUpdate", True),
)
def secrets_manager_may_rotate_the_key_through_the_alias():
    ((name, schedule),) = of_type("AWS::SecretsManager::RotationSchedule").items()
    properties = schedule["Properties"]
    alias = properties["RotationLambdaARN"]["Ref"]
    assert alias == "RotateKeyFunctionAliaslive" and alias in of_type("AWS::Lambda::Alias"), alias
    assert properties["SecretId"] == own_or_existing("CohereApiKey"), properties
    assert properties["RotateImmediatelyOnUpdate"] is False, "a deployment would rotate"
    permission = RESOURCES[schedule["DependsOn"]]["Properties"]
    assert permission["FunctionName"] == {"Ref": alias}, (name, permission)
    assert permission["Principal"] == "secretsmanager.amazonaws.com", permission
    assert permission["SourceArn"] == properties["SecretId"], permission
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}, permission


@check(
    put("Resources.ClientsSecret.Properties.SecretString", "value"),
    remove("Resources.CohereApiKeySecret.DeletionPolicy"),
    remove("Resources.ClientsSecret.Condition"),
)
def secrets_have_no_value_and_stay():
    secrets = of_type("AWS::SecretsManager::Secret")
    assert set(secrets) == {f"{secret}Secret" for secret in SECRETS}, secrets.keys()
    for name, secret in secrets.items():
        assert secret["Condition"] == f"Makes{name}", name
        assert not {"SecretString", "GenerateSecretString"} & set(secret["Properties"]), name
        assert (secret["DeletionPolicy"], secret["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain"), name


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


def main():
    source = read_template("template.yaml")
    passed, failed = run_checks(source)
    if failed == 0 and not show_that_a_miss_is_found(source):
        failed += 1
        print("FAILED a change that no check notices is taken for a noticed one", file=sys.stderr)
    transformed = ROOT / "target/template/transformed.json"
    transformed.parent.mkdir(parents=True, exist_ok=True)
    transformed.write_text(json.dumps(STACK, indent=1))
    print(f"template: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
