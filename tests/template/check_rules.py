"""Rules that hold for the whole stack, whatever it consists of: imported by check.py, which runs them."""

import json

from stack import RESOURCES, TEMPLATE, check, of_type, put, remove

EVERYBODY = {
    "Type": "AWS::Lambda::Permission",
    "Properties": {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": "ChatFunction"},
        "Principal": "apigateway.amazonaws.com",
    },
}
CONSOLE = "Metadata.AWS::CloudFormation::Interface"
SECRET_IN_PLAIN = "{{resolve:secretsmanager:key:SecretString}}"


def serverless_functions():
    return {name: r["Properties"] for name, r in TEMPLATE["Resources"].items() if r["Type"] == "AWS::Serverless::Function"}


@check(
    (
        put("Parameters.Unused", {"Type": "String", "AllowedPattern": ".*", "Description": "Nothing reads it."}),
        put(f"{CONSOLE}.ParameterGroups.0.Parameters", ["UpstreamUrl", "AllowTrialKey", "Unused"]),
        put(f"{CONSOLE}.ParameterLabels.Unused", {"default": "Unused"}),
    )
)
def every_parameter_is_read():
    rest = json.dumps({part: TEMPLATE.get(part) for part in ("Globals", "Resources", "Conditions", "Rules", "Outputs")})
    for name in TEMPLATE["Parameters"]:
        assert f'"Ref": "{name}"' in rest or f"${{{name}}}" in rest, name


@check(
    remove("Parameters.UpstreamUrl.Description"),
    remove("Parameters.UpstreamUrl.AllowedPattern"),
    remove("Parameters.ClientBurst.MinValue"),
    remove(f"{CONSOLE}.ParameterLabels.ClientBurst"),
    remove(f"{CONSOLE}.ParameterGroups.1.Parameters.0"),
)
def every_parameter_is_described_and_bounded():
    console = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in console["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(TEMPLATE["Parameters"]), set(grouped) ^ set(TEMPLATE["Parameters"])
    assert set(console["ParameterLabels"]) == set(grouped), set(console["ParameterLabels"]) ^ set(grouped)
    for name, parameter in TEMPLATE["Parameters"].items():
        assert parameter.get("Description"), name
        assert {"AllowedPattern", "AllowedValues", "MinValue"} & set(parameter), f"{name} takes anything"


# Names that an account has once: with a fixed one, a second stack cannot be created.
NAMES = {
    "AWS::ApiGateway::ApiKey": "Value",
    "AWS::ApiGateway::RestApi": "Name",
    "AWS::ApiGateway::UsagePlan": "UsagePlanName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SecretsManager::Secret": "Name",
}


@check(
    put("Resources.DefaultUsagePlan.Properties.UsagePlanName", "default"),
    put("Resources.ClientsSecret.Properties.Name", "clients"),
    put("Resources.ChatLogs.Properties.LogGroupName", "/aws/lambda/chat"),
)
def names_are_those_of_one_stack():
    for kind, key in NAMES.items():
        for name, resource in of_type(kind).items():
            value = resource["Properties"].get(key)
            assert value is None or "AWS::StackName" in json.dumps(value), f"{name}: {key} is {value}"


# Both take 64 characters: CloudFormation shortens the names that it makes, and not those written here.
@check(put("Resources.ChatFunction.Properties.FunctionName", {"Fn::Sub": "${AWS::StackName}-chat"}))
def functions_and_roles_have_names_that_fit():
    for kind, key in (("AWS::Lambda::Function", "FunctionName"), ("AWS::IAM::Role", "RoleName")):
        for name, resource in of_type(kind).items():
            assert key not in resource["Properties"], name


# Without all properties a changed time or role would never reach the alias.
@check(
    put("Resources.RotateKeyFunction.Properties.AutoPublishAliasAllProperties", False),
    put("Resources.ChatFunction.Properties.AutoPublishCodeSha256", "0" * 64),
)
def a_function_publishes_by_sams_own_rule():
    for name, function in serverless_functions().items():
        assert function.get("AutoPublishAliasAllProperties") is True, name
        # An unchanged revision would publish nothing: only the deployment's template has one.
        assert "AutoPublishCodeSha256" not in function, name


@check(put("Resources.ChatFunction.Properties.LoggingConfig.LogGroup", {"Ref": "EmbedLogs"}))
def each_function_has_a_log_group_of_its_own():
    groups = [function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] for function in of_type("AWS::Lambda::Function").values()]
    assert len(set(groups)) == len(groups), groups


# A resolved secret would stand in the function's settings, where whoever lists functions can read it.
@check(put("Resources.AuthorizerFunction.Properties.Environment.Variables.GATEWAY_KEY", SECRET_IN_PLAIN))
def no_variable_holds_a_secret():
    for name, function in of_type("AWS::Lambda::Function").items():
        variables = function["Properties"]["Environment"]["Variables"]
        assert "{{resolve:" not in json.dumps(variables), (name, variables)


@check(put("Resources.Everybody", EVERYBODY))
def a_service_invokes_for_this_stack_alone():
    for name, permission in of_type("AWS::Lambda::Permission").items():
        properties = permission["Properties"]
        assert properties["Principal"] in ("apigateway.amazonaws.com", "secretsmanager.amazonaws.com"), name
        assert properties.get("SourceArn"), f"{name}: any account's {properties['Principal']} could invoke"


@check(put("Resources.Way", {"Type": "AWS::Lambda::Url", "Properties": {"AuthType": "NONE", "TargetFunctionArn": "arn"}}))
def there_is_no_way_around_the_api():
    assert not of_type("AWS::Lambda::Url"), "a function URL has neither authorizer nor usage plan"
