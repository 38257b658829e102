"""What each function is given and who may invoke it, exactly: imported by check.py, which runs these checks."""

import json
import re

from stack import FUNCTIONS, GATED, HOOKS, RESOURCES, ROOT, TEMPLATE, check, folder, of_type, operations, own_or_existing, put, remove, the_stage, without_value

OF_ALL = {"GATEWAY_SERVICE": {"Ref": "AWS::StackName"}}
ASKS_COHERE = {"GATEWAY_UPSTREAM_URL": {"Ref": "UpstreamUrl"}, "GATEWAY_SECRET_ID": own_or_existing("CohereApiKey")}
CALLS_COHERE = {**ASKS_COHERE, "GATEWAY_PRICES": {"Ref": "Prices"}}
SERVES = {**CALLS_COHERE, "GATEWAY_CORS_ORIGINS": {"Ref": "CorsOrigins"}}
STREAMS = {**SERVES, "GATEWAY_STREAM_FAILED_ENDING": {"Ref": "StreamFailedEnding"}}
CALLS_VERSIONS = {"GATEWAY_SYNTHETIC_CLIENT_SECRET_ID": own_or_existing("SyntheticClient")}


def version_of(name):
    """The resource of a function's version, whose name SAM ends with a hash."""
    (version,) = (key for key in RESOURCES if re.fullmatch(f"{name}FunctionVersion[0-9a-f]{{10}}", key))
    return version


def release():
    """Each function of a rollout, with its new version and the one before."""
    pairs = [f"{folder(n)}=${{{n}Function}}:${{{version_of(n)}.Version}}:${{Live{n}Version}}" for n in GATED]
    return {"Fn::Join": [",", [{"Fn::Sub": pair} for pair in pairs]]}


# The variables of each function beside those of all: one line for a new variable.
VARIABLES = {
    "Chat": STREAMS,
    "Embed": SERVES,
    "Rerank": SERVES,
    "PassThrough": {**STREAMS, "GATEWAY_COMPATIBILITY_EMBEDDINGS": {"Ref": "CompatibilityEmbeddings"}},
    "Health": SERVES,
    "Authorizer": {
        "GATEWAY_CLIENTS_SECRET_ID": own_or_existing("Clients"),
        "GATEWAY_SHARED_USAGE_PLAN_KEY": {"Fn::Sub": "usage-plan-of-${AWS::StackName}-shared"},
    },
    "RotateKey": {**ASKS_COHERE, "GATEWAY_ALLOW_TRIAL_KEY": {"Ref": "AllowTrialKey"}},
    "Probe": {**CALLS_COHERE, "GATEWAY_SYNTHETIC_CLIENT_SECRET_ID": own_or_existing("SyntheticClient")},
    "Driver": CALLS_VERSIONS,
    "PreTraffic": {**CALLS_VERSIONS, "GATEWAY_ROLLOUT_DRIVER": {"Ref": "DriverFunctionAliaslive"}},
    "PostTraffic": CALLS_VERSIONS,
}
ADDRESS = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/"
# Their schedules and rollouts need one environment at times, so nobody can reserve any.
NOT_RESERVED = {"RotateKey", "Probe", "Driver", *HOOKS}
WHERE = "Resources.{}Function.Properties"
CHAT = WHERE.format("Chat")
AUTHORIZER_VARIABLES = WHERE.format("Authorizer") + ".Environment.Variables"
EVERYBODY = {"Action": "lambda:InvokeFunction", "FunctionName": {"Ref": "ChatFunction"}, "Principal": "*"}
ROTATE_PERMISSION = "Resources.RotateKeyPermission.Properties"


def title(name):
    return "".join(part.title() for part in name.split("-"))


@check(put(f"{CHAT}.CodeUri", "target/functions/embed"))
def functions_are_the_folders():
    folders = {title(p.name): f"target/functions/{p.name}" for p in (ROOT / "functions").iterdir() if p.is_dir()}
    assert set(folders) == set(FUNCTIONS), set(folders) ^ set(FUNCTIONS)
    for name, code in folders.items():
        found = TEMPLATE["Resources"][f"{name}Function"]["Properties"]["CodeUri"]
        assert found == code and code.endswith(f"/{folder(name)}"), (name, found)


# Roles and log groups are each function's own; a secret in a variable could be read by whoever lists functions.
@check(
    put("Globals.Function.Architectures", ["x86_64"]),
    put("Globals.Function.LoggingConfig", {"LogFormat": "JSON", "ApplicationLogLevel": "WARN"}),
    put("Globals.Function.Environment.Variables.GATEWAY_VERSION", "1"),
    put("Globals.Function.Tracing", "PassThrough"),
    remove("Globals.Function.Tracing"),
    put("Globals.Function.Layers", ["arn:aws:lambda:us-east-1:123456789012:layer:another:1"]),
    put(f"{CHAT}.MemorySize", 1024),
    put(f"{CHAT}.Timeout", 60),
    put(f"{CHAT}.FunctionName", {"Fn::Sub": "${AWS::StackName}-chat"}),
    put(f"{CHAT}.LoggingConfig.LogGroup", {"Ref": "EmbedLogs"}),
    put(f"{CHAT}.ReservedConcurrentExecutions", 5),
    put(f"{CHAT}.Environment.Variables.GATEWAY_UPSTREAM_URL", "https://api.cohere.com"),
    put(f"{CHAT}.Environment.Variables.GATEWAY_SECRET_ID", {"Ref": "CohereApiKeySecret"}),
    put(WHERE.format("Embed") + ".Role", {"Fn::GetAtt": ["ChatRole", "Arn"]}),
    put(WHERE.format("RotateKey") + ".ReservedConcurrentExecutions", 1),
    put(WHERE.format("Probe") + ".Environment.Variables.GATEWAY_PROBE_URL", "https://gateway.example.com"),
    put(WHERE.format("PreTraffic") + ".Environment.Variables.GATEWAY_ROLLOUT_DRIVER", {"Ref": "DriverFunction"}),
    put(WHERE.format("PostTraffic") + ".Environment.Variables.GATEWAY_ROLLOUT_RELEASE", "chat=chat:1:"),
    put(f"{AUTHORIZER_VARIABLES}.GATEWAY_SECRET_ID", own_or_existing("CohereApiKey")),
    put(f"{AUTHORIZER_VARIABLES}.GATEWAY_KEY", "{{resolve:secretsmanager:key:SecretString}}"),
    remove(f"{AUTHORIZER_VARIABLES}.GATEWAY_CLIENTS_SECRET_ID"),
)
def a_function_is_given_this_and_no_more():
    for name, seconds in FUNCTIONS.items():
        expected = {
            "Code": {"S3Bucket": "bucket", "S3Key": "package"},
            "Handler": "bootstrap",
            "Runtime": "provided.al2023",
            "Architectures": ["arm64"],
            "MemorySize": 256,
            "Timeout": seconds,
            "TracingConfig": {"Mode": "Active"},
            "Environment": {"Variables": OF_ALL | VARIABLES[name]},
            "Role": {"Fn::GetAtt": [f"{name}Role", "Arn"]},
            "LoggingConfig": {"LogGroup": {"Ref": f"{name}Logs"}},
            "Tags": [{"Key": "lambda:createdBy", "Value": "SAM"}],
        }
        if name not in NOT_RESERVED:
            expected["ReservedConcurrentExecutions"] = without_value(f"{name}HasReserve", {"Ref": f"{name}ReservedConcurrency"})
        if name == "Probe":
            address = {"Fn::Sub": f"{ADDRESS}${{{the_stage()[0]}}}"}
            expected["Environment"]["Variables"]["GATEWAY_PROBE_URL"] = address
        if name in HOOKS:
            expected["Environment"]["Variables"]["GATEWAY_ROLLOUT_RELEASE"] = release()
        found = dict(RESOURCES[f"{name}Function"]["Properties"])
        assert found.pop("Description"), name
        assert found == expected, (name, found)


# A deleted version could not be gone back to. Without all properties a changed time or role would never reach the
# alias, and with a revision that stays the same nothing would: only the deployment's template has one.
@check(
    put(f"{CHAT}.VersionDeletionPolicy", "Delete"),
    put(f"{CHAT}.AutoPublishCodeSha256", "0" * 64),
    put(f"{CHAT}.ProvisionedConcurrencyConfig", {"ProvisionedConcurrentExecutions": 1}),
    put(WHERE.format("RotateKey") + ".AutoPublishAliasAllProperties", False),
)
def a_function_publishes_by_sams_own_rule():
    for name in set(FUNCTIONS) - HOOKS:
        function = {"FunctionName": {"Ref": f"{name}Function"}}
        alias = dict(RESOURCES[f"{name}FunctionAliaslive"]["Properties"])
        version, attribute = alias.pop("FunctionVersion")["Fn::GetAtt"]
        assert (alias, attribute) == ({"Name": "live", **function}, "Version"), (name, alias)
        expected = {"Type": "AWS::Lambda::Version", "DeletionPolicy": "Retain", "Properties": function}
        assert RESOURCES[version] == expected, RESOURCES[version]
        source = TEMPLATE["Resources"][f"{name}Function"]["Properties"]
        assert source.get("AutoPublishAliasAllProperties") is True, name
        assert "AutoPublishCodeSha256" not in source, name


def invoked_by_api(alias, path):
    return {
        "Action": "lambda:InvokeFunction",
        "FunctionName": alias,
        "Principal": "apigateway.amazonaws.com",
        "SourceArn": {"Fn::Sub": [f"arn:aws:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:{path}", *api_names(path)]},
    }


def api_names(path):
    """What stands for the names that SAM puts into such a path."""
    stage = {"__Stage__": "*"} if "__Stage__" in path else {}
    return [{"__ApiId__": {"Ref": "Api"}, **stage}]


def alias_of(operation):
    (alias,) = re.findall(r"/functions/\$\{(\w+)\}/", json.dumps(operation["x-amazon-apigateway-integration"]["uri"]))
    return {"Ref": alias}


# Each through the alias, and for this stack alone: any account's API or secret could invoke otherwise.
@check(
    put("Resources.Another", {"Type": "AWS::Lambda::Permission", "Properties": EVERYBODY}),
    put(f"{ROTATE_PERMISSION}.FunctionName", {"Ref": "RotateKeyFunction"}),
    put(f"{ROTATE_PERMISSION}.Principal", "*"),
    put(f"{ROTATE_PERMISSION}.Action", "lambda:*"),
    remove(f"{ROTATE_PERMISSION}.SourceAccount"),
    remove(f"{ROTATE_PERMISSION}.SourceArn"),
    put("Resources.ProbePermission.Properties.SourceArn", "arn:aws:events:us-east-1:123456789012:rule/*"),
)
def services_invoke_for_this_stack_alone():
    expected = [
        # A path's variable is any text in a right.
        invoked_by_api(alias_of(operation), f"${{__ApiId__}}/${{__Stage__}}/{method.upper()}{re.sub('{.*}', '*', path)}")
        for (path, method), operation in operations().items()
    ]
    scheme = RESOURCES["Api"]["Properties"]["Body"]["components"]["securitySchemes"]["ClientToken"]
    _, names = scheme["x-amazon-apigateway-authorizer"]["authorizerUri"]["Fn::Sub"]
    expected.append(invoked_by_api(names["__FunctionArn__"], "${__ApiId__}/authorizers/*"))
    expected.append({
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "RotateKeyFunctionAliaslive"},
        "Principal": "secretsmanager.amazonaws.com",
        "SourceAccount": {"Ref": "AWS::AccountId"},
        "SourceArn": own_or_existing("CohereApiKey"),
    })
    expected.append({
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "ProbeFunctionAliaslive"},
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": ["ProbeRule", "Arn"]},
    })
    found = [permission["Properties"] for permission in of_type("AWS::Lambda::Permission").values()]
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, expected)), found
