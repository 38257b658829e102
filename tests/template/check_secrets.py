"""Secrets, and what outlives the stack: imported by check.py, which runs these checks."""

from stack import FUNCTIONS, RESOURCES, check, own_or_existing, put, remove, without_value

SECRETS = ("CohereApiKey", "Clients", "SyntheticClient")
# Retain would leave three secrets and a log group for each function behind at each creation that fails.
OUTLIVES = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
ROTATION = "Resources.CohereApiKeyRotation.Properties"


@check(
    put("Resources.ClientsSecret.Properties.SecretString", "value"),
    put("Resources.ClientsSecret.Properties.Name", "clients"),
    put("Resources.SyntheticClientSecret.Properties.GenerateSecretString", {}),
    remove("Resources.CohereApiKeySecret.Properties.KmsKeyId"),
    remove("Resources.CohereApiKeySecret.DeletionPolicy"),
    remove("Resources.ClientsSecret.Condition"),
)
def a_secret_is_empty_and_made_where_none_is_named():
    for name in SECRETS:
        key = without_value("HasSecretsKey", {"Ref": "SecretsKmsKeyArn"})
        expected = {"Type": "AWS::SecretsManager::Secret", "Condition": f"Makes{name}Secret", **OUTLIVES}
        found = dict(RESOURCES[f"{name}Secret"])
        properties = dict(found.pop("Properties"))
        assert properties.pop("Description"), name
        assert (found, properties) == (expected, {"KmsKeyId": key}), (name, found, properties)


@check(
    put("Resources.ChatLogs.DeletionPolicy", "Retain"),
    put("Resources.ChatLogs.Properties.LogGroupName", "/aws/lambda/chat"),
    remove("Resources.ChatLogs.Properties.RetentionInDays"),
    remove("Resources.AccessLog.UpdateReplacePolicy"),
    remove("Resources.AccessLog.Condition"),
)
def logs_outlive_the_stack_and_are_kept_for_a_time():
    expected = {"Type": "AWS::Logs::LogGroup", **OUTLIVES, "Properties": {"RetentionInDays": {"Ref": "LogRetentionDays"}}}
    for name in FUNCTIONS:
        assert RESOURCES[f"{name}Logs"] == expected, name
    assert RESOURCES["AccessLog"] == {**expected, "Condition": "HasAccessLogs"}, "it needs a role of the whole account"


@check(
    put(f"{ROTATION}.RotateImmediatelyOnUpdate", True),
    put(f"{ROTATION}.RotationRules.AutomaticallyAfterDays", 30),
    put(f"{ROTATION}.SecretId", {"Ref": "CohereApiKeySecret"}),
    put(f"{ROTATION}.RotationLambdaARN", {"Fn::GetAtt": ["RotateKeyFunction", "Arn"]}),
    remove("Resources.CohereApiKeyRotation.DependsOn"),
)
def the_key_rotates_through_the_alias_and_only_when_asked():
    schedule = RESOURCES["CohereApiKeyRotation"]
    assert schedule["DependsOn"] == "RotateKeyPermission", schedule
    assert schedule["Properties"] == {
        "SecretId": own_or_existing("CohereApiKey"),
        "RotationLambdaARN": {"Ref": "RotateKeyFunctionAliaslive"},
        "RotateImmediatelyOnUpdate": False,  # a deployment would rotate
        "RotationRules": {"AutomaticallyAfterDays": 1000},  # without a staged key it only fails
    }, schedule
