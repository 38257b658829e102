"""What bootstrap.yaml lets a pipeline do: each check names changes that it alone must notice."""

import json
import sys

from stack import RESOURCES, ROOT, TEMPLATE, append, as_it_is, check, of_type, put, read_template, remove, run_checks

TRUST = "Resources.DeployRole.Properties.AssumeRolePolicyDocument.Statement.0"
SUBJECT = "token.actions.githubusercontent.com:sub"
AUDIENCE = "token.actions.githubusercontent.com:aud"
BOUND = {"StringEquals": {"iam:PermissionsBoundary": {"Ref": "FunctionBoundary"}}}
READ_ONLY = ["cloudformation:GetTemplateSummary", "lambda:GetAccountSettings"]
# With one of these on an unbounded role, the service role could make itself an administrator.
GIVING = {"iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"}
# AWS defines what this role may do, so that making it gives nobody a right.
SERVICE_LINKED = "role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway"


def statements(resource):
    return {s["Sid"]: s for s in RESOURCES[resource]["Properties"]["PolicyDocument"]["Statement"]}


def place_of(resource, sid):
    """The path of a statement, found by its name when the check is declared."""
    listed = read_template("bootstrap.yaml")["Resources"][resource]["Properties"]["PolicyDocument"]["Statement"]
    number = [statement["Sid"] for statement in listed].index(sid)
    return f"Resources.{resource}.Properties.PolicyDocument.Statement.{number}"


def actions(statement):
    listed = statement["Action"]
    return [listed] if isinstance(listed, str) else listed


def find_actions(policy):
    """Every action in a policy, whatever conditions of the template stand around it."""
    if isinstance(policy, list):
        return {action for part in policy for action in find_actions(part)}
    if not isinstance(policy, dict):
        return set()
    own = actions(policy) if "Action" in policy else []
    return set(own) | {action for part in policy.values() for action in find_actions(part)}


@check(
    put(f"{TRUST}.Condition", {"StringLike": {AUDIENCE: "sts.amazonaws.com", SUBJECT: "repo:owner/*"}}),
    put(f"{TRUST}.Condition.StringEquals", {SUBJECT: {"Fn::Sub": "${GitHubSubject}:environment:${GitHubEnvironment}"}}),
    put(f"{TRUST}.Condition.StringEquals", {AUDIENCE: "sts.amazonaws.com", SUBJECT: {"Fn::Sub": "${GitHubSubject}:ref:main"}}),
    put(f"{TRUST}.Principal", {"Federated": "*"}),
)
def only_jobs_of_one_environment_become_the_deploy_role():
    (statement,) = RESOURCES["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    subject = {"Fn::Sub": "${GitHubSubject}:environment:${GitHubEnvironment}"}
    assert statement["Condition"] == {"StringEquals": {AUDIENCE: "sts.amazonaws.com", SUBJECT: subject}}, statement
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity", statement
    assert "OidcProvider" in json.dumps(statement["Principal"]["Federated"]), statement


@check(
    put("Parameters.GitHubSubject.AllowedPattern", "^repo:.+$"),
    put("Parameters.GitHubEnvironment.AllowedPattern", ".*"),
    remove("Parameters.StackName.AllowedPattern"),
)
def no_parameter_takes_a_wildcard():
    for name in ("GitHubSubject", "GitHubEnvironment", "StackName"):
        pattern = TEMPLATE["Parameters"][name]["AllowedPattern"]
        assert ".*" not in pattern and ".+" not in pattern and "*" not in pattern.replace("]*", ""), (name, pattern)


@check(
    put(f"{place_of('DeployPolicy', 'HandOverToCloudFormation')}.Resource", {"Fn::GetAtt": ["DeployRole", "Arn"]}),
    remove(f"{place_of('DeployPolicy', 'HandOverToCloudFormation')}.Condition"),
    put(f"{place_of('DeployPolicy', 'HandOverToCloudFormation')}.Action", ["iam:PassRole", "iam:PutRolePolicy"]),
)
def the_deploy_role_hands_one_role_to_cloudformation_alone():
    listed = [s for s in statements("DeployPolicy").values() if any(a.startswith("iam:") for a in actions(s))]
    (statement,) = listed
    assert actions(statement) == ["iam:PassRole"], statement
    assert statement["Resource"] == {"Fn::GetAtt": ["ServiceRole", "Arn"]}, statement
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}, statement


@check(
    put(f"{place_of('DeployPolicy', 'ChangeTheStack')}.Resource", "*"),
    put(f"{place_of('DeployPolicy', 'UploadThePackage')}.Action", "s3:*"),
    append(f"{place_of('DeployPolicy', 'ReadTemplatesAndQuotas')}.Action", "lambda:UpdateFunctionCode"),
)
def the_deploy_role_reaches_this_stack_alone():
    for sid, statement in statements("DeployPolicy").items():
        assert not [action for action in actions(statement) if "*" in action], sid
        if statement["Resource"] == "*":
            assert set(actions(statement)) == set(READ_ONLY), sid


def actions_of_operator(prefix):
    """What the operator's policy allows under statements of this name; tests compare it with what is done."""
    policy = json.loads((ROOT / "docs/operator-policy.json").read_text())
    return find_actions([s for s in policy["Statement"] if s["Sid"].startswith(prefix)])


@check(
    put(f"{place_of('DeployPolicy', 'RecordTheRelease')}.Action", "ssm:GetParameter"),
    remove(place_of("DeployPolicy", "CountTheSyntheticClient")),
)
def the_deploy_role_may_what_ops_does():
    allowed = find_actions(list(statements("DeployPolicy").values()))
    # Rotating the key is a person's, and whoever asks who he is needs no right to.
    needed = actions_of_operator("Ops") - {"secretsmanager:RotateSecret", "sts:GetCallerIdentity"}
    assert needed <= allowed, needed - allowed


@check(remove(place_of("ServicePolicy", "FindLogs")), remove(place_of("ServicePolicy", "MakeTheFirstDomainName")))
def the_service_role_may_what_the_stack_needs():
    allowed = find_actions(list(statements("ServicePolicy").values()))
    # Taking a boundary away is what the pipeline must not do.
    needed = actions_of_operator("CloudFormation") - {"iam:DeleteRolePermissionsBoundary"}
    assert needed <= allowed, needed - allowed


@check(
    remove(f"{place_of('ServicePolicy', 'MakeBoundedRoles')}.Condition"),
    append(f"{place_of('ServicePolicy', 'KeepRoles')}.Action", "iam:PutRolePolicy"),
    put(f"{place_of('ServicePolicy', 'MakeBoundedRoles')}.Condition.StringEquals", {"iam:PermissionsBoundary": "*"}),
)
def the_service_role_makes_bounded_roles_only():
    for sid, statement in statements("ServicePolicy").items():
        if statement["Effect"] == "Allow" and GIVING & set(actions(statement)):
            assert statement.get("Condition") == BOUND, sid


@check(
    append(f"{place_of('ServicePolicy', 'KeepRoles')}.Action", "iam:DeleteRolePermissionsBoundary"),
    put(f"{place_of('ServicePolicy', 'KeepRoles')}.Resource", "*"),
    put(f"{place_of('ServicePolicy', 'HandRolesToLambda')}.Condition", BOUND),
    remove(place_of("ServicePolicy", "LeaveTheseRoles")),
    put(f"{place_of('ServicePolicy', 'MakeTheFirstDomainName')}.Resource", "*"),
)
def the_service_role_cannot_raise_itself():
    listed = statements("ServicePolicy")
    assert listed["LeaveTheseRoles"]["Effect"] == "Deny" and listed["LeaveTheseRoles"]["Action"] == "iam:*"
    assert [r["Fn::GetAtt"][0] for r in listed["LeaveTheseRoles"]["Resource"]] == ["DeployRole", "ServiceRole"]
    for sid, statement in listed.items():
        allowed = {a for a in actions(statement) if a.startswith("iam:") and statement["Effect"] == "Allow"}
        assert not allowed & {"iam:*", "iam:DeleteRolePermissionsBoundary", "iam:CreatePolicyVersion"}, sid
        named = SERVICE_LINKED if allowed == {"iam:CreateServiceLinkedRole"} else "role/${StackName}-*"
        assert not allowed or named in json.dumps(statement["Resource"]), sid
        if "iam:PassRole" in allowed:
            assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}, sid


@check(append(f"{place_of('ServicePolicy', 'Secrets')}.Action", "secretsmanager:GetSecretValue"))
def cloudformation_reads_no_secret():
    for sid, statement in statements("ServicePolicy").items():
        secret = [a for a in actions(statement) if a in ("secretsmanager:GetSecretValue", "secretsmanager:*")]
        assert not secret, (sid, secret)


@check(
    remove("Resources.DeployRole.Properties.PermissionsBoundary"),
    remove("Resources.ServiceRole.Properties.PermissionsBoundary"),
)
def both_roles_take_an_organizations_boundary():
    for name, role in of_type("AWS::IAM::Role").items():
        expected = {"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
        assert role["Properties"].get("PermissionsBoundary") == expected, name


@check(
    put("Resources.ServiceRole.Properties.AssumeRolePolicyDocument.Statement.0.Principal", {"AWS": "*"}),
)
def only_cloudformation_becomes_the_service_role():
    (statement,) = RESOURCES["ServiceRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudformation.amazonaws.com"}, statement


def actions_of_functions():
    roles = [r for r in read_template("template.yaml")["Resources"].values() if r["Type"] == "AWS::IAM::Role"]
    return {action for role in roles for action in find_actions(role["Properties"]["Policies"])}


# A boundary that lacks an action takes it away, and the function fails only once it is deployed.
@check(
    put(f"{place_of('FunctionBoundary', 'ReadAndRotateSecrets')}.Action", ["secretsmanager:GetSecretValue"]),
    put(f"{place_of('FunctionBoundary', 'Log')}.Action", "logs:*"),
)
def the_boundary_allows_what_functions_may_and_no_more():
    allowed = {action for statement in statements("FunctionBoundary").values() for action in actions(statement)}
    assert allowed == actions_of_functions(), allowed ^ actions_of_functions()


@check(
    remove("Resources.ArtifactBucket.DeletionPolicy"),
    put("Resources.ArtifactBucket.Properties.LifecycleConfiguration.Rules.0.ExpirationInDays", 30),
    put("Resources.ArtifactBucket.Properties.PublicAccessBlockConfiguration.BlockPublicPolicy", False),
)
def packages_stay_and_are_nobody_elses():
    bucket = RESOURCES["ArtifactBucket"]
    properties = bucket["Properties"]
    assert bucket.get("DeletionPolicy") == "RetainExceptOnCreate", bucket
    assert "ExpirationInDays" not in json.dumps(properties), "taking back a deployment reads an old package again"
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}, properties


if __name__ == "__main__":
    passed, failed = run_checks(read_template("bootstrap.yaml"), as_it_is)
    print(f"bootstrap: {passed} passed, {failed} failed")
    sys.exit(failed > 0)
