"""What bootstrap.yaml lets a pipeline do, exactly: each check names changes that it alone must notice.

The operator's policy and the functions' roles are read beside it, so that changes of them are tried too.
"""

import json
import sys

from bootstrap_rights import BOUNDARY, DEPLOY, SERVICE, policy, read_statement
from stack import RESOURCES, ROOT, TEMPLATE, append, as_it_is, check, put, read_template, remove, run_checks, without_value
from tables import compare_conditions, compare_outputs, compare_parameters, expression

GITHUB = "token.actions.githubusercontent.com"
# Default, or None, and pattern: none takes a wildcard.
PARAMETERS = {
    "StackName": (None, "^[A-Za-z][A-Za-z0-9-]{0,30}$"),
    "GitHubSubject": (None, "^repo:[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$"),
    "GitHubEnvironment": (None, "^[A-Za-z0-9._-]+$"),
    "ExistingOidcProviderArn": ("", r"^(arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\.actions\.githubusercontent\.com)?$"),
    "PermissionsBoundaryArn": ("", r"^(arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/[^*?]+)?$"),
}
CONDITIONS = {
    "MakesOidcProvider": ("ExistingOidcProviderArn", ""),
    "HasPermissionsBoundary": ("not", "PermissionsBoundaryArn", ""),
}
PROVIDER = {"Fn::If": ["MakesOidcProvider", {"Ref": "OidcProvider"}, {"Ref": "ExistingOidcProviderArn"}]}
OUTPUTS = {
    "DeployRoleArn": ({"Fn::GetAtt": ["DeployRole", "Arn"]}, None),
    "ServiceRoleArn": ({"Fn::GetAtt": ["ServiceRole", "Arn"]}, None),
    "ArtifactBucketName": ({"Ref": "ArtifactBucket"}, None),
    "FunctionBoundaryArn": ({"Ref": "FunctionBoundary"}, None),
    "OidcProviderArn": (PROVIDER, None),
}
KINDS = {
    "OidcProvider": "AWS::IAM::OIDCProvider",
    "DeployRole": "AWS::IAM::Role",
    "DeployPolicy": "AWS::IAM::RolePolicy",
    "ServiceRole": "AWS::IAM::Role",
    "ServicePolicy": "AWS::IAM::RolePolicy",
    "FunctionBoundary": "AWS::IAM::ManagedPolicy",
    "ArtifactBucket": "AWS::S3::Bucket",
    "ArtifactBucketPolicy": "AWS::S3::BucketPolicy",
}
OUTLIVES = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
BUCKET = "Resources.ArtifactBucket.Properties"
BUCKET_POLICY = "Resources.ArtifactBucketPolicy.Properties.PolicyDocument.Statement"
ROLE = "Resources.{}Role.Properties"
TRUST = ROLE + ".AssumeRolePolicyDocument.Statement"
AUDIENCE = {f"{GITHUB}:aud": "sts.amazonaws.com"}
SUBJECT = {f"{GITHUB}:sub": {"Fn::Sub": "${GitHubSubject}:environment:${GitHubEnvironment}"}}
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def statements(resource):
    """The statements of a policy by name; a name that comes twice is none."""
    document = RESOURCES[resource]["Properties"]["PolicyDocument"]
    listed = {statement["Sid"]: read_statement(statement) for statement in document["Statement"]}
    assert len(listed) == len(document["Statement"]) and document["Version"] == "2012-10-17", document
    return listed


def compare_statements(resource, expected):
    found = statements(resource)
    assert set(found) == set(expected), set(found) ^ set(expected)
    for name, statement in expected.items():
        assert found[name] == statement, (name, found[name], statement)


def place_of(resource, sid):
    """The path of a statement, found by its name when the check is declared."""
    listed = read_template("bootstrap.yaml")["Resources"][resource]["Properties"]["PolicyDocument"]["Statement"]
    number = [statement["Sid"] for statement in listed].index(sid)
    return f"Resources.{resource}.Properties.PolicyDocument.Statement.{number}"


def find_actions(document):
    """Every action in a policy, whatever conditions of a template stand around it."""
    if isinstance(document, list):
        return {action for part in document for action in find_actions(part)}
    if not isinstance(document, dict):
        return set()
    own = document.get("Action", [])
    return {own} if isinstance(own, str) else set(own) | {a for part in document.values() for a in find_actions(part)}


@check(
    put("Parameters.GitHubSubject.AllowedPattern", "^repo:[^:]+$"),
    put("Parameters.GitHubEnvironment.AllowedPattern", ".*"),
    put("Parameters.GitHubEnvironment.Default", "production"),
    put("Parameters.ExistingOidcProviderArn.AllowedPattern", "^(arn:aws:iam::[0-9]{12}:oidc-provider/.+)?$"),
    remove("Parameters.StackName.AllowedPattern"),
)
def parameters_take_no_wildcard():
    compare_parameters(PARAMETERS)


@check(
    put("Conditions.MakesOidcProvider", expression(("not", "ExistingOidcProviderArn", ""))),
    put("Conditions.HasPermissionsBoundary", expression(("PermissionsBoundaryArn", ""))),
)
def conditions_are_these():
    compare_conditions(CONDITIONS)


@check(
    put("Outputs.FunctionBoundaryArn.Value", {"Ref": "PermissionsBoundaryArn"}),
    put("Outputs.DeployRoleArn.Value", {"Fn::GetAtt": ["ServiceRole", "Arn"]}),
)
def outputs_are_these():
    compare_outputs(OUTPUTS)


@check(
    put("Resources.Somebody", {"Type": "AWS::IAM::User", "Properties": {}}),
    put("Resources.More", {"Type": "AWS::IAM::RolePolicy", "Properties": {"PolicyDocument": policy(ALL)}}),
    put("Resources.DeployRole.DeletionPolicy", "Retain"),
    put("Resources.ServicePolicy.Condition", "HasPermissionsBoundary"),
)
def resources_are_these_and_no_other():
    assert {name: resource["Type"] for name, resource in RESOURCES.items()} == KINDS, RESOURCES.keys()
    kept = {"OidcProvider", "ArtifactBucket"}  # their own checks say how
    assert all(set(RESOURCES[name]) == {"Type", "Properties"} for name in set(KINDS) - kept)


# Another address would be another identity provider, which could give anybody a token.
@check(
    put("Resources.OidcProvider.Properties.Url", "https://token.example.com"),
    append("Resources.OidcProvider.Properties.ClientIdList", "another"),
    remove("Resources.OidcProvider.Condition"),
    remove("Resources.OidcProvider.DeletionPolicy"),
)
def the_identity_provider_is_githubs_for_sts():
    assert RESOURCES["OidcProvider"] == {
        "Type": "AWS::IAM::OIDCProvider",
        "Condition": "MakesOidcProvider",
        **OUTLIVES,
        "Properties": {"Url": f"https://{GITHUB}", "ClientIdList": ["sts.amazonaws.com"]},
    }, RESOURCES["OidcProvider"]


def make_role(trust, **more):
    """A role with one statement of trust: no managed policy, none of its own, and an organization's boundary."""
    boundary = without_value("HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"})
    return {"AssumeRolePolicyDocument": policy({"Effect": "Allow", **trust}), "PermissionsBoundary": boundary, **more}


@check(
    put(TRUST.format("Deploy") + ".0.Condition", {"StringLike": {**AUDIENCE, **SUBJECT}}),
    put(TRUST.format("Deploy") + ".0.Condition", {"StringEquals": SUBJECT}),
    put(TRUST.format("Deploy") + ".0.Condition", {"StringEquals": {**AUDIENCE, f"{GITHUB}:sub": "repo:owner/name:ref:main"}}),
    put(TRUST.format("Deploy") + ".0.Principal", {"Federated": "*"}),
    put(TRUST.format("Deploy") + ".0.Action", "*"),
    append(TRUST.format("Deploy"), {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}),
    put(ROLE.format("Deploy") + ".ManagedPolicyArns", [ADMINISTRATOR]),
    put(ROLE.format("Deploy") + ".Policies", [{"PolicyName": "more", "PolicyDocument": policy(ALL)}]),
    remove(ROLE.format("Deploy") + ".PermissionsBoundary"),
)
def only_jobs_of_one_environment_become_the_deploy_role():
    claims = {"StringEquals": {**AUDIENCE, **SUBJECT}}
    trust = {"Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated": PROVIDER}, "Condition": claims}
    found = {key: value for key, value in RESOURCES["DeployRole"]["Properties"].items() if key != "Description"}
    assert found == make_role(trust, MaxSessionDuration=7200), found


@check(
    put(TRUST.format("Service") + ".0.Principal", {"AWS": "*"}),
    put(TRUST.format("Service") + ".0.Principal", {"Service": ["cloudformation.amazonaws.com", "ec2.amazonaws.com"]}),
    put(ROLE.format("Service") + ".ManagedPolicyArns", [ADMINISTRATOR]),
    put(ROLE.format("Service") + ".Policies", [{"PolicyName": "more", "PolicyDocument": policy(ALL)}]),
    remove(ROLE.format("Service") + ".PermissionsBoundary"),
)
def only_cloudformation_becomes_the_service_role():
    trust = {"Action": "sts:AssumeRole", "Principal": {"Service": "cloudformation.amazonaws.com"}}
    found = {key: value for key, value in RESOURCES["ServiceRole"]["Properties"].items() if key != "Description"}
    assert found == make_role(trust), found


@check(
    put(f"{place_of('DeployPolicy', 'HandOverToCloudFormation')}.Resource", {"Fn::GetAtt": ["DeployRole", "Arn"]}),
    remove(f"{place_of('DeployPolicy', 'HandOverToCloudFormation')}.Condition"),
    append(f"{place_of('DeployPolicy', 'ReadTemplatesAndQuotas')}.Action", "iam:CreateUser"),
    put(f"{place_of('DeployPolicy', 'ChangeTheStack')}.Resource", "*"),
    put(f"{place_of('DeployPolicy', 'UploadThePackage')}.Action", "s3:*"),
    remove(f"{place_of('DeployPolicy', 'UseTheSecretsKey')}.Condition"),
    put("Resources.DeployPolicy.Properties.RoleName", {"Ref": "ServiceRole"}),
    append("Resources.DeployPolicy.Properties.PolicyDocument.Statement", {"Sid": "Everything", **ALL}),
)
def the_deploy_role_may_this_alone():
    compare_statements("DeployPolicy", DEPLOY)
    assert RESOURCES["DeployPolicy"]["Properties"]["RoleName"] == {"Ref": "DeployRole"}


@check(
    remove(f"{place_of('ServicePolicy', 'MakeBoundedRoles')}.Condition"),
    put(f"{place_of('ServicePolicy', 'MakeBoundedRoles')}.Condition.StringEquals", {"iam:PermissionsBoundary": "*"}),
    append(f"{place_of('ServicePolicy', 'KeepRoles')}.Action", "iam:PutRolePolicy"),
    append(f"{place_of('ServicePolicy', 'KeepRoles')}.Action", "iam:CreateUser"),
    put(f"{place_of('ServicePolicy', 'KeepRoles')}.Resource", "*"),
    remove(f"{place_of('ServicePolicy', 'HandRolesOver')}.Condition"),
    remove(f"{place_of('ServicePolicy', 'MakeTheFirstDomainName')}.Condition"),
    put(f"{place_of('ServicePolicy', 'MakeTheFirstDomainName')}.Resource", "*"),
    append(f"{place_of('ServicePolicy', 'Secrets')}.Action", "secretsmanager:GetSecretValue"),
    put(f"{place_of('ServicePolicy', 'SecretsKey')}.Condition.StringEquals", {"kms:ViaService": "*"}),
    remove(f"{place_of('ServicePolicy', 'KeepTheTopicsKey')}.Condition"),
    append(f"{place_of('ServicePolicy', 'MakeTheTopicsKey')}.Action", "kms:PutKeyPolicy"),
    put(f"{place_of('ServicePolicy', 'Topics')}.Resource", "*"),
    remove(place_of("ServicePolicy", "LeaveTheseRoles")),
    put(f"{place_of('ServicePolicy', 'LeaveTheseRoles')}.Effect", "Allow"),
    put("Resources.ServicePolicy.Properties.RoleName", {"Ref": "DeployRole"}),
    put("Resources.ServicePolicy.Properties.PolicyDocument.Version", "2008-10-17"),
)
def the_service_role_makes_bounded_roles_and_this_stack_alone():
    compare_statements("ServicePolicy", SERVICE)
    assert RESOURCES["ServicePolicy"]["Properties"]["RoleName"] == {"Ref": "ServiceRole"}


@check(
    put(f"{place_of('FunctionBoundary', 'ReadAndRotateSecrets')}.Resource", "*"),
    put(f"{place_of('FunctionBoundary', 'Log')}.Resource", "*"),
    remove(f"{place_of('FunctionBoundary', 'UseTheSecretsKey')}.Condition"),
    put("Resources.FunctionBoundary.Properties.Roles", [{"Ref": "DeployRole"}]),
)
def the_boundary_allows_this_alone():
    compare_statements("FunctionBoundary", BOUNDARY)
    assert set(RESOURCES["FunctionBoundary"]["Properties"]) == {"Description", "PolicyDocument"}


# A boundary that lacks an action takes it away, and the function fails only once it is deployed.
@check(
    put("Functions.ChatRole.Properties.Policies.0.PolicyDocument.Statement.1.Action", "secretsmanager:ListSecrets"),
    put("Functions.RotateKeyRole.Properties.Policies.0.PolicyDocument.Statement.1.Action", "secretsmanager:GetSecretValue"),
)
def the_boundary_allows_what_functions_may_and_no_more():
    may = find_actions([role["Properties"]["Policies"] for role in TEMPLATE["Functions"].values()])
    allowed = find_actions(RESOURCES["FunctionBoundary"]["Properties"]["PolicyDocument"])
    assert allowed == may, allowed ^ may


# Rotating the key and taking a deleted secret back are a person's, whoever asks who he is needs no right to, and no pipeline takes a boundary away.
PERSONS = {
    "secretsmanager:RestoreSecret", "secretsmanager:RotateSecret", "sts:GetCallerIdentity", "iam:DeleteRolePermissionsBoundary",
} | {
    # `ops checklist`, by which a person looks at what is deployed.
    "cloudwatch:DescribeAlarms", "codedeploy:GetDeploymentGroup", "events:DescribeRule", "lambda:InvokeFunction",
    "logs:DescribeLogGroups", "logs:FilterLogEvents", "logs:GetQueryResults", "logs:StartQuery",
    "sns:ListSubscriptionsByTopic",
} | {
    # `ops releases`, `rollout` and `rollback`: a pipeline goes back by deploying.
    "codedeploy:BatchGetDeploymentTargets", "codedeploy:BatchGetDeployments", "codedeploy:ListDeploymentTargets",
    "codedeploy:ListDeployments", "codedeploy:StopDeployment", "lambda:UpdateAlias", "ssm:GetParameterHistory",
}
NEEDED = {"Ops": "DeployPolicy", "CloudFormation": "ServicePolicy"}


@check(*(
    append("Operator", {"Sid": f"{prefix}More", "Effect": "Allow", "Action": "ssm:DeleteParameter", "Resource": "*"})
    for prefix in NEEDED
))
def the_pipeline_may_what_an_operators_deployment_needs():
    for prefix, resource in NEEDED.items():
        needed = find_actions([s for s in TEMPLATE["Operator"] if s["Sid"].startswith(prefix)]) - PERSONS
        allowed = find_actions(RESOURCES[resource]["Properties"]["PolicyDocument"])
        assert needed <= allowed, needed - allowed


@check(
    put(f"{BUCKET}.LifecycleConfiguration.Rules.0.ExpirationInDays", 30),
    put(f"{BUCKET}.PublicAccessBlockConfiguration.BlockPublicPolicy", False),
    put(f"{BUCKET}.BucketName", "packages"),
    put(f"{BUCKET}.VersioningConfiguration.Status", "Suspended"),
    remove(f"{BUCKET}.BucketEncryption"),
    remove("Resources.ArtifactBucket.DeletionPolicy"),
)
def packages_stay_and_are_encrypted_and_nobody_elses():
    uploads = {"Id": "uploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    blocked = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    encryption = [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    assert RESOURCES["ArtifactBucket"] == {"Type": "AWS::S3::Bucket", **OUTLIVES, "Properties": {
        "BucketEncryption": {"ServerSideEncryptionConfiguration": encryption},
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": dict.fromkeys(blocked, True),
        "VersioningConfiguration": {"Status": "Enabled"},
        "LifecycleConfiguration": {"Rules": [uploads]},  # taking back a deployment reads an old package again
    }}, RESOURCES["ArtifactBucket"]


@check(
    append(BUCKET_POLICY, {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}),
    put(f"{BUCKET_POLICY}.0.Effect", "Allow"),
    put(f"{BUCKET_POLICY}.0.Condition.Bool", {"aws:SecureTransport": "true"}),
)
def the_buckets_policy_denies_and_allows_nothing():
    bucket = {"Fn::GetAtt": ["ArtifactBucket", "Arn"]}
    assert RESOURCES["ArtifactBucketPolicy"]["Properties"] == {
        "Bucket": {"Ref": "ArtifactBucket"},
        "PolicyDocument": policy({
            "Sid": "OverTlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [bucket, {"Fn::Sub": "${ArtifactBucket.Arn}/*"}],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }),
    }, RESOURCES["ArtifactBucketPolicy"]


def read_all():
    roles = {n: r for n, r in read_template("template.yaml")["Resources"].items() if r["Type"] == "AWS::IAM::Role"}
    operator = json.loads((ROOT / "docs/operator-policy.json").read_text())
    return {**read_template("bootstrap.yaml"), "Functions": roles, "Operator": operator["Statement"]}


if __name__ == "__main__":
    passed, failed = run_checks(read_all(), as_it_is)
    print(f"bootstrap: {passed} passed, {failed} failed")
    sys.exit(failed > 0)
