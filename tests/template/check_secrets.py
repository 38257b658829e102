"""Secrets, and what outlives the stack: imported by check.py, which runs these checks."""

from stack import RESOURCES, TEMPLATE, check, of_type, own_or_existing, put, remove

SECRETS = ("CohereApiKey", "Clients", "SyntheticClient")
KEY = {"Fn::If": ["HasSecretsKey", {"Ref": "SecretsKmsKeyArn"}, {"Ref": "AWS::NoValue"}]}
VARIABLES = "Resources.{}Function.Properties.Environment.Variables"


@check(
    put("Resources.ClientsSecret.Properties.SecretString", "value"),
    put("Resources.SyntheticClientSecret.Properties.GenerateSecretString", {}),
    remove("Resources.CohereApiKeySecret.Properties.KmsKeyId"),
    remove("Resources.ClientsSecret.Condition"),
    put("Conditions.MakesClientsSecret", {"Fn::Equals": [{"Ref": "ExistingCohereApiKeySecretArn"}, ""]}),
)
def a_secret_is_empty_and_made_where_none_is_named():
    secrets = of_type("AWS::SecretsManager::Secret")
    assert set(secrets) == {f"{secret}Secret" for secret in SECRETS}, secrets.keys()
    for name, secret in secrets.items():
        assert secret["Condition"] == f"Makes{name}", name
        assert TEMPLATE["Conditions"][f"Makes{name}"] == {"Fn::Equals": [{"Ref": f"Existing{name}Arn"}, ""]}, name
        assert not {"SecretString", "GenerateSecretString"} & set(secret["Properties"]), name
        assert secret["Properties"]["KmsKeyId"] == KEY, name


# Retain would leave three secrets and six log groups behind at each creation that fails.
@check(
    remove("Resources.CohereApiKeySecret.DeletionPolicy"),
    put("Resources.ChatLogs.DeletionPolicy", "Retain"),
    remove("Resources.AccessLog.UpdateReplacePolicy"),
)
def secrets_and_logs_outlive_the_stack_and_no_failed_creation():
    for kind in ("AWS::SecretsManager::Secret", "AWS::Logs::LogGroup"):
        for name, resource in of_type(kind).items():
            policies = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
            assert policies == ("RetainExceptOnCreate", "Retain"), (name, policies)


@check(
    put(VARIABLES.format("Chat") + ".GATEWAY_SECRET_ID", {"Ref": "CohereApiKeySecret"}),
    put(VARIABLES.format("Authorizer") + ".GATEWAY_SECRET_ID", own_or_existing("CohereApiKey")),
    remove(VARIABLES.format("Authorizer") + ".GATEWAY_CLIENTS_SECRET_ID"),
    put("Outputs.SyntheticClientSecretArn.Value", {"Ref": "SyntheticClientSecret"}),
)
def a_function_is_told_its_secret_alone():
    for name, function in of_type("AWS::Lambda::Function").items():
        variables = function["Properties"]["Environment"]["Variables"]
        told = {key: value for key, value in variables.items() if key.endswith("SECRET_ID")}
        expected = {"GATEWAY_SECRET_ID": own_or_existing("CohereApiKey")}
        if name == "AuthorizerFunction":
            expected = {"GATEWAY_CLIENTS_SECRET_ID": own_or_existing("Clients")}
        assert told == expected, (name, told)
    for secret in SECRETS:
        assert TEMPLATE["Outputs"][f"{secret}SecretArn"]["Value"] == own_or_existing(secret), secret


@check(
    put("Resources.RotateKeyPermission.Properties.FunctionName", {"Ref": "RotateKeyFunction"}),
    remove("Resources.RotateKeyPermission.Properties.SourceAccount"),
    put("Resources.CohereApiKeyRotation.Properties.RotateImmediatelyOnUpdate", True),
    put("Resources.CohereApiKeyRotation.Properties.RotationRules.AutomaticallyAfterDays", 30),
    put("Resources.CohereApiKeyRotation.Properties.SecretId", {"Ref": "CohereApiKeySecret"}),
)
def secrets_manager_may_rotate_the_key_through_the_alias():
    ((name, schedule),) = of_type("AWS::SecretsManager::RotationSchedule").items()
    properties = schedule["Properties"]
    alias = properties["RotationLambdaARN"]["Ref"]
    assert alias == "RotateKeyFunctionAliaslive" and alias in of_type("AWS::Lambda::Alias"), alias
    assert properties["SecretId"] == own_or_existing("CohereApiKey"), properties
    assert properties["RotateImmediatelyOnUpdate"] is False, "a deployment would rotate"
    assert properties["RotationRules"] == {"AutomaticallyAfterDays": 1000}, "without a staged key it only fails"
    permission = RESOURCES[schedule["DependsOn"]]["Properties"]
    assert permission["FunctionName"] == {"Ref": alias}, (name, permission)
    assert permission["Principal"] == "secretsmanager.amazonaws.com", permission
    assert permission["SourceArn"] == properties["SecretId"], permission
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}, permission
