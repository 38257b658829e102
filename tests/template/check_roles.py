"""What each function may do: imported by check.py, which runs these checks."""

from stack import RESOURCES, check, of_type, own_or_existing, put, remove

BOUNDARY = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
TRACES = {"Effect": "Allow", "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "Resource": "*"}
ROTATES = ["DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]
STATEMENTS = "Resources.{}Role.Properties.Policies.0.PolicyDocument.Statement"


def logs(function):
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    return {"Effect": "Allow", "Action": actions, "Resource": {"Fn::GetAtt": [f"{function}Logs", "Arn"]}}


def secret(function):
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
    return {"Fn::If": ["HasSecretsKey", statement, {"Ref": "AWS::NoValue"}]}


@check(put("Resources.EmbedFunction.Properties.Role", {"Fn::GetAtt": ["ChatRole", "Arn"]}))
def each_function_has_a_role_of_its_own():
    functions = of_type("AWS::Lambda::Function")
    for name, function in functions.items():
        role = name.removesuffix("Function") + "Role"
        assert function["Properties"]["Role"] == {"Fn::GetAtt": [role, "Arn"]}, (name, function["Properties"]["Role"])
    assert len(of_type("AWS::IAM::Role")) == len(functions), "a role that nobody has"


@check(
    put("Resources.ChatRole.Properties.ManagedPolicyArns", [BASIC]),
    remove("Resources.RotateKeyRole.Properties.PermissionsBoundary"),
    put("Resources.ChatRole.Properties.AssumeRolePolicyDocument.Statement.0.Principal.Service", "ec2.amazonaws.com"),
    put("Resources.Another", {"Type": "AWS::IAM::Policy", "Properties": {"PolicyName": "a", "PolicyDocument": {}}}),
)
def every_role_is_bounded_and_lambdas_alone():
    for name, role in of_type("AWS::IAM::Role").items():
        properties = role["Properties"]
        (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}, (name, trust)
        assert not properties.get("ManagedPolicyArns"), f"{name}: the managed policies are wider than a function needs"
        assert properties.get("PermissionsBoundary") == BOUNDARY, name
        assert len(properties["Policies"]) == 1, name
    assert not {kind for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy") if of_type(kind)}


@check(
    put(STATEMENTS.format("Chat") + ".0.Resource", "*"),
    put(STATEMENTS.format("Embed") + ".0.Resource", {"Fn::GetAtt": ["ChatLogs", "Arn"]}),
    put(STATEMENTS.format("Rerank") + ".0.Action", ["logs:*"]),
    put(STATEMENTS.format("Health") + ".1.Resource", "*"),
    put(STATEMENTS.format("Authorizer") + ".1.Resource", own_or_existing("CohereApiKey")),
    put(STATEMENTS.format("Chat") + ".1.Action", "secretsmanager:*"),
    put(STATEMENTS.format("Embed") + ".2.Action", ["xray:*"]),
    put(STATEMENTS.format("Rerank") + ".3", {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}),
    remove(STATEMENTS.format("RotateKey") + ".4"),
)
def a_role_allows_its_logs_its_secret_and_traces():
    for name, role in of_type("AWS::IAM::Role").items():
        function = name.removesuffix("Role")
        expected = [logs(function), secret(function), TRACES, with_customer_key("kms:Decrypt")]
        if function == "RotateKey":
            expected.append(with_customer_key("kms:GenerateDataKey"))
        found = role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        assert found == expected, (name, found)
        assert f"{function}Logs" in RESOURCES, name
