"""What each function may do, exactly: imported by check.py, which runs these checks."""

from stack import FUNCTIONS, GATED, HOOKS, RESOURCES, append, check, own_or_existing, put, remove, without_value

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
TRACES = {"Effect": "Allow", "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "Resource": "*"}
ROTATES = ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]
ROLE = "Resources.{}Role.Properties"
STATEMENTS = ROLE + ".Policies.0.PolicyDocument.Statement"
TRUST = ROLE.format("Chat") + ".AssumeRolePolicyDocument.Statement"


def logs(function):
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    return {"Effect": "Allow", "Action": actions, "Resource": {"Fn::GetAtt": [f"{function}Logs", "Arn"]}}


def secret(function):
    if function == "Probe":
        both = [own_or_existing("CohereApiKey"), own_or_existing("SyntheticClient")]
        return {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": both}
    if function in {"Driver", *HOOKS}:
        return {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": own_or_existing("SyntheticClient")}
    name = "Clients" if function == "Authorizer" else "CohereApiKey"
    actions = [f"secretsmanager:{action}" for action in ROTATES]
    allowed = actions if function == "RotateKey" else "secretsmanager:GetSecretValue"
    return {"Effect": "Allow", "Action": allowed, "Resource": own_or_existing(name)}


def with_customer_key(action):
    """A statement that is there only where a customer key is, for calls of Secrets Manager alone."""
    via = {"kms:ViaService": {"Fn::Sub": "secretsmanager.${AWS::Region}.${AWS::URLSuffix}"}}
    statement = {
        "Effect": "Allow", "Action": action, "Resource": {"Ref": "SecretsKmsKeyArn"}, "Condition": {"StringEquals": via},
    }
    return without_value("HasSecretsKey", statement)


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def calls_versions():
    """Any version of the functions that callers meet, and where their aliases lead."""
    versions = [{"Fn::Sub": f"${{{name}Function.Arn}}:*"} for name in GATED]
    yield {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": versions}
    functions = [{"Fn::GetAtt": [f"{name}Function", "Arn"]} for name in GATED]
    yield {"Effect": "Allow", "Action": "lambda:GetAlias", "Resource": functions}


def tells_code_deploy():
    groups = "arn:${AWS::Partition}:codedeploy:${AWS::Region}:${AWS::AccountId}:deploymentgroup:${AWS::StackName}-*/*"
    actions = ["codedeploy:GetDeployment", "codedeploy:PutLifecycleEventHookExecutionStatus"]
    return {"Effect": "Allow", "Action": actions, "Resource": {"Fn::Sub": groups}}


def allowed(function):
    yield from (logs(function), secret(function), TRACES, with_customer_key("kms:Decrypt"))
    if function in {"Driver", *HOOKS}:
        yield from calls_versions()
    if function in HOOKS:
        yield tells_code_deploy()
    if function == "PreTraffic":
        yield {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": {"Ref": "DriverFunctionAliaslive"}}
    if function == "RotateKey":
        yield with_customer_key("kms:GenerateDataKey")


# Lambda alone takes a role, which allows its logs, its secret and traces; managed policies are wider than a function needs.
@check(
    put(ROLE.format("Chat") + ".ManagedPolicyArns", [BASIC]),
    put(ROLE.format("Chat") + ".RoleName", {"Fn::Sub": "${AWS::StackName}-chat"}),
    append(ROLE.format("Chat") + ".Policies", {"PolicyName": "more", "PolicyDocument": policy(TRACES)}),
    remove(ROLE.format("RotateKey") + ".PermissionsBoundary"),
    put(f"{TRUST}.0.Principal.Service", "ec2.amazonaws.com"),
    put(f"{TRUST}.0.Action", "*"),
    put(f"{TRUST}.0.Effect", "Deny"),
    append(TRUST, {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}),
    put(STATEMENTS.format("Chat") + ".0.Resource", "*"),
    put(STATEMENTS.format("Embed") + ".0.Resource", {"Fn::GetAtt": ["ChatLogs", "Arn"]}),
    put(STATEMENTS.format("Rerank") + ".0.Action", ["logs:*"]),
    put(STATEMENTS.format("Health") + ".1.Resource", "*"),
    put(STATEMENTS.format("Authorizer") + ".1.Resource", own_or_existing("CohereApiKey")),
    put(STATEMENTS.format("Chat") + ".1.Action", "secretsmanager:*"),
    put(STATEMENTS.format("Embed") + ".2.Action", ["xray:*"]),
    put(STATEMENTS.format("Rerank") + ".3", {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}),
    remove(STATEMENTS.format("RotateKey") + ".4"),
    put(STATEMENTS.format("Probe") + ".1.Resource.1", own_or_existing("Clients")),
    put(STATEMENTS.format("Driver") + ".4.Resource", "*"),
    put(STATEMENTS.format("Driver") + ".4.Action", "lambda:*"),
    put(STATEMENTS.format("Driver") + ".5.Action", ["lambda:GetAlias", "lambda:UpdateAlias"]),
    put(STATEMENTS.format("PreTraffic") + ".6.Resource", "*"),
    put(STATEMENTS.format("PostTraffic") + ".6.Action", "codedeploy:*"),
    put(STATEMENTS.format("PreTraffic") + ".7.Resource", {"Fn::GetAtt": ["ChatFunction", "Arn"]}),
)
def a_role_is_lambdas_and_allows_this_alone():
    trust = policy({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
    for name in FUNCTIONS:
        found = dict(RESOURCES[f"{name}Role"]["Properties"])
        (own,) = found.pop("Policies")
        assert own["PolicyDocument"] == policy(*allowed(name)), (name, own)
        expected = {
            "AssumeRolePolicyDocument": trust,
            "PermissionsBoundary": without_value("HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}),
        }
        assert found == expected, (name, found)
