"""What the stack consists of, exactly: imported by check.py, which runs these checks.

A new parameter, condition, output, function or resource is one line in the table of its kind. Whatever else
changes in one of these parts of the template is noticed, since each table is compared whole.
"""

import json

from alarms import COMPOSITES, METRIC_ALARMS
from stack import FUNCTIONS, GATED, HOOKS, RESOURCES, TEMPLATE, check, own_or_existing, put, remove, topic
from tables import compare_conditions, compare_outputs, compare_parameters, expression, strip_hash

CONSOLE = "Metadata.AWS::CloudFormation::Interface"
SECRET_ARN = r"^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^*?]+-[A-Za-z0-9]{6})?$"
RESERVE = "^(none|0|[1-9][0-9]{0,5})$"
SWITCH = ["off", "on"]
UNIT_PRICE = r"[a-z_]+:[0-9]{1,9}(\.[0-9]{1,6})?"
PRICES_OF_A_MODEL = rf"[^=,+:\s]+={UNIT_PRICE}(\+{UNIT_PRICE})*"
EMAIL = r"^([^@\s]+@[^@\s]+)?$"
TOPIC_ARN = r"^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+)?$"
DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]

ORIGIN = r"https?://[a-z0-9.-]+(:[0-9]{1,5})?"

# Default, and bound: a pattern, a list of values, the least number, or the least and the greatest.
PARAMETERS = {
    "UpstreamUrl": ("https://api.cohere.com", r"^https://[^\s/?#]+[^\s?#]*$"),
    "AllowTrialKey": ("off", SWITCH),
    "Prices": ("none", r"^(none|{0}(,{0})*)$".replace("{0}", PRICES_OF_A_MODEL)),
    "ClientRequestsPerSecond": (50, 1),
    "ClientBurst": (100, 1),
    "ClientRequestsPerDay": (500_000, 1),
    "RouteRequestsPerSecond": (1000, 1),
    "RouteBurst": (2000, 1),
    "StreamFailedEnding": ("loud", ["loud", "quiet"]),
    "CompatibilityEmbeddings": ("allow", ["allow", "refuse"]),
    "CorsOrigins": ("none", r"^(none|{0}(,{0})*)$".replace("{0}", ORIGIN)),
    "ChatReservedConcurrency": ("none", RESERVE),
    "EmbedReservedConcurrency": ("none", RESERVE),
    "RerankReservedConcurrency": ("none", RESERVE),
    "PassThroughReservedConcurrency": ("none", RESERVE),
    "HealthReservedConcurrency": ("none", RESERVE),
    "AuthorizerReservedConcurrency": ("none", RESERVE),
    "ExistingCohereApiKeySecretArn": ("", SECRET_ARN),
    "ExistingClientsSecretArn": ("", SECRET_ARN),
    "ExistingSyntheticClientSecretArn": ("", SECRET_ARN),
    "SecretsKmsKeyArn": ("", r"^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?$"),
    "DomainName": ("", r"^(([a-z0-9-]+\.)+[a-z]{2,})?$"),
    "CertificateArn": ("", r"^(arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]+)?$"),
    "P1Email": ("", EMAIL),
    "P2Email": ("", EMAIL),
    "ExistingP1TopicArn": ("", TOPIC_ARN),
    "ExistingP2TopicArn": ("", TOPIC_ARN),
    "AlarmWarmUp": ("on", SWITCH),
    "UnreachableLooks": (3, (1, 20)),
    "SilentLooks": (5, (1, 20)),
    "FailedDoorLooks": (3, (1, 20)),
    "KeyMissingMinutes": ("15", ["15", "30", "60"]),
    "MinRateRequests": (20, 1),
    "MaxErrorPercent": (5, (0, 99)),
    "MinFailedRequests": (5, 1),
    "AvailabilityPercent": ("99.5", ["99", "99.5", "99.9", "99.95"]),
    "FastBurnRate": (6, 1),
    "FastBurnFailures": (10, 1),
    "SlowBurnRate": (1, 1),
    "SlowBurnFailures": (20, 1),
    "MinApiGatewayFailures": (5, 1),
    "MinAuthorizerFailures": (3, 1),
    "MinThrottles": (5, 1),
    "MaxRateLimitedPerMinute": (10, 0),
    "MaxFirstEventMs": (10_000, 1),
    "MaxOutputTokenMs": (100, 1),
    "MaxFallbackPercent": (10, (0, 99)),
    "MinEmptyRetryBudgets": (5, 1),
    "DailyBudgetUsd": (100, 0),
    "MaxKeyAgeDays": (90, 1),
    "RolloutType": ("Canary10Percent10Minutes", ["Canary10Percent10Minutes", "Linear10PercentEvery1Minute"]),
    "GradualDeployment": ("true", ["true", "false"]),
    **{f"Live{name}Version": ("", "^([1-9][0-9]*)?$") for name in GATED},
    "GateErrors": (3, 0),
    "GateDeviations": (3, 0),
    "GateChatLatencyMs": (5000, 1),
    "GateEmbedLatencyMs": (500, 1),
    "GateRerankLatencyMs": (500, 1),
    "GatePassThroughLatencyMs": (5000, 1),
    "GateGatewayTimeMs": (50, 1),
    "GateRateLimitedPerMinute": (10, 0),
    "GateRatio": (1.5, 1),
    "GateSpread": (5, 0),
    "GateCrashes": (2, 0),
    "GateMismatches": (3, 1),
    "GateMinRequests": (20, 1),
    "ProbeSchedule": ("5", ["1", "5", "15", "off"]),
    "LogRetentionDays": (30, DAYS),
    "AccessLogs": ("off", SWITCH),
    "PermissionsBoundaryArn": ("", r"^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[^*?]+)?$"),
}

# True where the parameter has this value; with "not", where it has another one.
CONDITIONS = {
    "ChatHasReserve": ("not", "ChatReservedConcurrency", "none"),
    "EmbedHasReserve": ("not", "EmbedReservedConcurrency", "none"),
    "RerankHasReserve": ("not", "RerankReservedConcurrency", "none"),
    "PassThroughHasReserve": ("not", "PassThroughReservedConcurrency", "none"),
    "HealthHasReserve": ("not", "HealthReservedConcurrency", "none"),
    "AuthorizerHasReserve": ("not", "AuthorizerReservedConcurrency", "none"),
    "MakesCohereApiKeySecret": ("ExistingCohereApiKeySecretArn", ""),
    "MakesClientsSecret": ("ExistingClientsSecretArn", ""),
    "MakesSyntheticClientSecret": ("ExistingSyntheticClientSecretArn", ""),
    "HasSecretsKey": ("not", "SecretsKmsKeyArn", ""),
    "HasPermissionsBoundary": ("not", "PermissionsBoundaryArn", ""),
    "HasDomainName": ("not", "DomainName", ""),
    "AllowsPages": ("not", "CorsOrigins", "none"),
    "HasAccessLogs": ("AccessLogs", "on"),
    **{f"{name}HasLive": ("not", f"Live{name}Version", "") for name in GATED},
    "HasProbeSchedule": ("not", "ProbeSchedule", "off"),
    "ProbesEveryMinute": ("ProbeSchedule", "1"),
    "MakesP1Topic": ("ExistingP1TopicArn", ""),
    "MakesP2Topic": ("ExistingP2TopicArn", ""),
    "MakesTopics": ("either", "MakesP1Topic", "MakesP2Topic"),
    "HasAlarmWarmUp": ("AlarmWarmUp", "on"),
    "HasBudget": ("not", "DailyBudgetUsd", "0"),
    "ForbidsTrialKey": ("AllowTrialKey", "off"),
    "HasP1Email": ("not", "P1Email", ""),
    "HasP2Email": ("not", "P2Email", ""),
}


RULES = {
    "DomainNameHasCertificate": {
        "RuleCondition": expression(("not", "DomainName", "")),
        "Assertions": [{
            "Assert": expression(("not", "CertificateArn", "")),
            "AssertDescription": "DomainName needs its certificate, CertificateArn",
        }],
    },
}

# Value, and the condition if there is one.
OUTPUTS = {
    "ApiUrl": ({"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Api.Stage}"}, None),
    "ApiId": ({"Ref": "Api"}, None),
    "DomainUrl": ({"Fn::Sub": "https://${DomainName}"}, "HasDomainName"),
    "DomainTarget": ({"Fn::GetAtt": ["CustomDomain", "RegionalDomainName"]}, "HasDomainName"),
    "DomainHostedZoneId": ({"Fn::GetAtt": ["CustomDomain", "RegionalHostedZoneId"]}, "HasDomainName"),
    "CohereApiKeySecretArn": (own_or_existing("CohereApiKey"), None),
    "ClientsSecretArn": (own_or_existing("Clients"), None),
    "SyntheticClientSecretArn": (own_or_existing("SyntheticClient"), None),
    "DefaultUsagePlanId": ({"Ref": "DefaultUsagePlan"}, None),
    "SyntheticUsagePlanId": ({"Ref": "SyntheticUsagePlan"}, None),
    "GradualDeployment": ({"Ref": "GradualDeployment"}, None),
    "RequestLogGroups": ({"Fn::Join": [" ", [{"Ref": f"{name}Logs"} for name in ("Chat", "Embed", "Rerank", "PassThrough", "Health")]]}, None),
    "AuthorizerLogGroup": ({"Ref": "AuthorizerLogs"}, None),
    "RotateKeyLogGroup": ({"Ref": "RotateKeyLogs"}, None),
    "ProbeLogGroup": ({"Ref": "ProbeLogs"}, None),
    "DashboardName": ({"Ref": "Dashboard"}, None),
    "RolloutLogGroups": ({"Fn::Join": [" ", [{"Ref": f"{name}Logs"} for name in ("Driver", "PreTraffic", "PostTraffic")]]}, None),
    "P1TopicArn": (topic("P1"), None),
    "P2TopicArn": (topic("P2"), None),
}

# Resources that belong to no function. Permissions to invoke are compared in check_functions.py.
OTHERS = {
    "Api": "AWS::ApiGateway::RestApi",
    "ApiliveStage": "AWS::ApiGateway::Stage",
    "ApiDeployment": "AWS::ApiGateway::Deployment",
    "AccessLog": "AWS::Logs::LogGroup",
    "CustomDomain": "AWS::ApiGateway::DomainName",
    "CustomDomainMapping": "AWS::ApiGateway::BasePathMapping",
    "DefaultUsagePlan": "AWS::ApiGateway::UsagePlan",
    "SharedUsagePlan": "AWS::ApiGateway::UsagePlan",
    "SharedUsagePlanKey": "AWS::ApiGateway::ApiKey",
    "SharedUsagePlanMember": "AWS::ApiGateway::UsagePlanKey",
    "SyntheticUsagePlan": "AWS::ApiGateway::UsagePlan",
    "CohereApiKeySecret": "AWS::SecretsManager::Secret",
    "ClientsSecret": "AWS::SecretsManager::Secret",
    "SyntheticClientSecret": "AWS::SecretsManager::Secret",
    "CohereApiKeyRotation": "AWS::SecretsManager::RotationSchedule",
    "ProbeRule": "AWS::Events::Rule",
    "CodeDeployRole": "AWS::IAM::Role",
    "ServerlessDeploymentApplication": "AWS::CodeDeploy::Application",
    **{f"{name}FunctionDeploymentGroup": "AWS::CodeDeploy::DeploymentGroup" for name in GATED},
    **{f"{name}Gate{gate}": "AWS::CloudWatch::Alarm" for name, gates in GATED.items() for gate in gates},
    **{f"{name}RolloutUnproven": "AWS::CloudWatch::Alarm" for name in GATED},
    "Dashboard": "AWS::CloudWatch::Dashboard",
    "AlertsKey": "AWS::KMS::Key",
    "P1Topic": "AWS::SNS::Topic",
    "P1TopicPolicy": "AWS::SNS::TopicPolicy",
    "P1Subscription": "AWS::SNS::Subscription",
    "P2Topic": "AWS::SNS::Topic",
    "P2TopicPolicy": "AWS::SNS::TopicPolicy",
    "P2Subscription": "AWS::SNS::Subscription",
    "ProbeFunctionEventInvokeConfig": "AWS::Lambda::EventInvokeConfig",
    "DriverFunctionEventInvokeConfig": "AWS::Lambda::EventInvokeConfig",
}
# What each function has.
OF_A_FUNCTION = {
    "Function": "AWS::Lambda::Function",
    "FunctionVersion": "AWS::Lambda::Version",
    "FunctionAliaslive": "AWS::Lambda::Alias",
    "Role": "AWS::IAM::Role",
    "Logs": "AWS::Logs::LogGroup",
}
ANOTHER = (
    {"Type": "AWS::Lambda::Url", "Properties": {"AuthType": "NONE", "TargetFunctionArn": "arn"}},
    {"Type": "AWS::IAM::RolePolicy", "Properties": {"RoleName": {"Ref": "ChatRole"}, "PolicyName": "more", "PolicyDocument": {}}},
    {"Type": "AWS::SecretsManager::ResourcePolicy", "Properties": {"SecretId": {"Ref": "ClientsSecret"}, "ResourcePolicy": {}}},
)


# There is no function URL, which would have neither authorizer nor usage plan, and no right beside a role's own.
# SAM names a stage's resource after the stage: `v1` would be cut from its base URL by the TypeScript SDK.
@check(*(put("Resources.Another", resource) for resource in ANOTHER), put("Resources.Api.Properties.StageName", "v1"))
def the_stack_has_these_resources_and_no_other():
    expected = OTHERS | {name: "AWS::CloudWatch::Alarm" for name in METRIC_ALARMS}
    expected |= {name: "AWS::CloudWatch::CompositeAlarm" for name in COMPOSITES}
    for function in FUNCTIONS:
        parts = OF_A_FUNCTION.items()
        if function in HOOKS:
            parts = [(part, kind) for part, kind in parts if part not in {"FunctionVersion", "FunctionAliaslive"}]
        expected |= {f"{function}{part}": kind for part, kind in parts}
    permission = "AWS::Lambda::Permission"
    found = {strip_hash(name, r["Type"]): r["Type"] for name, r in RESOURCES.items() if r["Type"] != permission}
    assert found == expected, set(found.items()) ^ set(expected.items())


# Only these have a condition or a policy of deletion, or wait for another; each kind's own check says which.
MARKED = {
    "AWS::ApiGateway::BasePathMapping", "AWS::ApiGateway::DomainName", "AWS::CloudWatch::Alarm", "AWS::Events::Rule",
    "AWS::KMS::Key", "AWS::Lambda::Alias", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission",
    "AWS::Lambda::Version", "AWS::Logs::LogGroup",
    "AWS::SNS::Subscription", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy",
    "AWS::SecretsManager::RotationSchedule", "AWS::SecretsManager::Secret",
}


@check(put("Resources.ChatRole.DeletionPolicy", "Retain"), put("Resources.DefaultUsagePlan.Condition", "HasDomainName"))
def other_resources_come_and_go_with_the_stack():
    for name, resource in RESOURCES.items():
        assert resource["Type"] in MARKED or set(resource) == {"Type", "Properties"}, (name, set(resource))


@check(
    put("Parameters.UpstreamUrl.AllowedPattern", r"^https?://[^\s/?#]+[^\s?#]*$"),
    put("Parameters.AllowTrialKey.Default", "on"),
    put("Parameters.AccessLogs.Default", "on"),
    put("Parameters.HealthReservedConcurrency.Default", "1"),
    put("Parameters.SecretsKmsKeyArn.AllowedPattern", ".*"),
    put("Parameters.PermissionsBoundaryArn.NoEcho", True),
    remove("Parameters.ClientBurst.MinValue"),
    remove("Parameters.UpstreamUrl.Description"),
)
def parameters_have_these_defaults_and_bounds():
    compare_parameters(PARAMETERS)


@check(remove(f"{CONSOLE}.ParameterLabels.ClientBurst"), remove(f"{CONSOLE}.ParameterGroups.1.Parameters.0"))
def the_console_groups_and_labels_every_parameter():
    console = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in console["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(PARAMETERS), set(grouped) ^ set(PARAMETERS)
    assert set(console["ParameterLabels"]) == set(PARAMETERS), set(console["ParameterLabels"]) ^ set(PARAMETERS)


# What only a rule or an output reads configures nothing.
@check(put("Resources.CustomDomain.Properties.RegionalCertificateArn", "arn:aws:acm:us-east-1:123456789012:certificate/0"))
def every_parameter_is_read():
    rest = json.dumps({part: TEMPLATE.get(part) for part in ("Globals", "Resources", "Conditions")})
    for name in TEMPLATE["Parameters"]:
        assert f'"Ref": "{name}"' in rest or f"${{{name}}}" in rest, name


@check(
    put("Conditions.HasSecretsKey", expression(("SecretsKmsKeyArn", ""))),
    put("Conditions.MakesClientsSecret", expression(("ExistingCohereApiKeySecretArn", ""))),
    put("Conditions.HasAccessLogs", expression(("not", "AccessLogs", "on"))),
)
def conditions_are_these():
    compare_conditions(CONDITIONS)


@check(
    put("Rules.DomainNameHasCertificate.Assertions.0.Assert", expression(("not", "DomainName", ""))),
    put("Rules.DomainNameHasCertificate.RuleCondition", expression(("DomainName", "-"))),
    remove("Rules.DomainNameHasCertificate"),
)
def rules_are_these():
    assert TEMPLATE["Rules"] == RULES, TEMPLATE["Rules"]


@check(
    put("Outputs.SyntheticClientSecretArn.Value", {"Ref": "SyntheticClientSecret"}),
    put("Outputs.Key", {"Description": "The key", "Value": "{{resolve:secretsmanager:key:SecretString}}"}),
    put("Outputs.ApiId.Export", {"Name": "id"}),
    remove("Outputs.DomainTarget.Condition"),
    remove("Outputs.ApiUrl.Description"),
)
def outputs_are_these():
    compare_outputs(OUTPUTS)
