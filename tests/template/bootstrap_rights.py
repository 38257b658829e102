"""What bootstrap.yaml allows, statement by statement: check_bootstrap.py compares it whole.

A new right is a word in the line of its statement, a new statement a line of its policy.
"""


def arn(service, rest, region="${AWS::Region}", account="${AWS::AccountId}"):
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:{region}:{account}:{rest}"}


def allow(actions, resource, condition=None, effect="Allow"):
    """Actions of one service as words, and the condition that must be equal."""
    service, *names = actions.split()
    resources = resource if isinstance(resource, list) else [resource]
    found = {"Effect": effect, "Action": {f"{service}:{name}" for name in names}, "Resource": resources}
    return {**found, "Condition": {"StringEquals": condition}} if condition else found


def read_statement(statement):
    """A statement as `allow` writes it, whose order of actions and brackets mean nothing."""
    found = {key: value for key, value in statement.items() if key != "Sid"}
    for key in ("Action", "Resource"):
        found[key] = found[key] if isinstance(found[key], list) else [found[key]]
    return {**found, "Action": set(found["Action"])}


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def of(resource):
    return {"Fn::GetAtt": [resource, "Arn"]}


def secrets(*names):
    return [arn("secretsmanager", f"secret:{name}Secret-*") for name in names]


FUNCTIONS = arn("lambda", "function:${StackName}-*")
LOGS = arn("logs", "log-group:${StackName}-*")
ROLES = arn("iam", "role/${StackName}-*", region="")
PACKAGES = {"Fn::Sub": "${ArtifactBucket.Arn}/*"}
TRANSFORM = arn("cloudformation", "transform/Serverless-2016-10-31", account="aws")
KEYS = arn("kms", "key/*")
THROUGH_SECRETS_MANAGER = {"kms:ViaService": {"Fn::Sub": "secretsmanager.${AWS::Region}.${AWS::URLSuffix}"}}
THROUGH_TOPICS = {"kms:ViaService": {"Fn::Sub": "sns.${AWS::Region}.${AWS::URLSuffix}"}}
# Stacks in one account have secrets of the same names; CloudFormation tags what it makes.
OF_THIS_STACK = {"secretsmanager:ResourceTag/aws:cloudformation:stack-name": {"Ref": "StackName"}}
BOUNDED = {"iam:PermissionsBoundary": {"Ref": "FunctionBoundary"}}
# AWS defines what this role may do, so that making it gives nobody a right.
API_GATEWAYS_ROLE = "role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway"

DEPLOY = {
    "ChangeTheStack": allow(
        "cloudformation CreateChangeSet DeleteChangeSet DescribeChangeSet DescribeStackEvents DescribeStackResource"
        " DescribeStacks ExecuteChangeSet GetTemplate ListChangeSets ListStackResources",
        arn("cloudformation", "stack/${StackName}/*"),
    ),
    "TransformIt": allow("cloudformation CreateChangeSet", TRANSFORM),
    "ReadTemplatesAndQuotas": {
        "Effect": "Allow", "Action": {"cloudformation:GetTemplateSummary", "lambda:GetAccountSettings"}, "Resource": ["*"],
    },
    "HandOverToCloudFormation": allow("iam PassRole", of("ServiceRole"), {"iam:PassedToService": "cloudformation.amazonaws.com"}),
    "UploadThePackage": allow("s3 GetObject PutObject", PACKAGES),
    "FindThePackage": allow("s3 GetBucketLocation ListBucket", of("ArtifactBucket")),
    "CompareWhatRuns": allow("lambda GetAlias GetFunctionConcurrency GetFunctionConfiguration", FUNCTIONS),
    "RecordTheRelease": allow("ssm GetParameter PutParameter", arn("ssm", "parameter/cohere-gateway/${StackName}/release")),
    "MakeTheSyntheticClient": allow(
        "secretsmanager DescribeSecret GetSecretValue ListSecretVersionIds PutSecretValue UpdateSecretVersionStage",
        secrets("SyntheticClient", "Clients"),
        OF_THIS_STACK,
    ),
    "UseTheSecretsKey": allow("kms Decrypt GenerateDataKey", KEYS, THROUGH_SECRETS_MANAGER),
    "CountTheSyntheticClient": allow(
        "apigateway DELETE GET POST",
        [arn("apigateway", path, account="") for path in ("/apikeys", "/apikeys/*", "/usageplans/*/keys")],
    ),
}

SERVICE = {
    "Transform": allow("cloudformation CreateChangeSet", TRANSFORM),
    "Package": allow("s3 GetObject", PACKAGES),
    "Functions": allow("lambda *", FUNCTIONS),
    "Api": allow("apigateway DELETE GET PATCH POST PUT", arn("apigateway", "/*", account="")),
    "Logs": allow("logs *", LOGS),
    "Schedule": allow("events *", arn("events", "rule/${StackName}-*")),
    "FindLogs": allow("logs DescribeLogGroups", "*"),
    "Alarms": allow("cloudwatch *", arn("cloudwatch", "alarm:${StackName}-*")),
    "CompositeAlarms": allow("cloudwatch DescribeAlarms PutCompositeAlarm", "*"),
    # A dashboard belongs to no region.
    "Dashboard": allow("cloudwatch DeleteDashboards GetDashboard PutDashboard", arn("cloudwatch", "dashboard/${StackName}-*", region="")),
    "Topics": allow("sns *", arn("sns", "${StackName}-*")),
    "MakeTheTopicsKey": allow("kms CreateKey TagResource", "*"),
    # Whoever may change the policy of a key may use it.
    "KeepTheTopicsKey": allow(
        "kms DescribeKey DisableKeyRotation EnableKeyRotation GetKeyPolicy GetKeyRotationStatus ListResourceTags"
        " PutKeyPolicy ScheduleKeyDeletion UntagResource UpdateKeyDescription",
        KEYS,
        {"aws:ResourceTag/aws:cloudformation:stack-name": {"Ref": "StackName"}},
    ),
    # No value of a secret is read.
    "Secrets": allow(
        "secretsmanager CancelRotateSecret CreateSecret DeleteSecret DescribeSecret RotateSecret TagResource UntagResource"
        " UpdateSecret",
        secrets("Clients", "CohereApiKey", "SyntheticClient"),
    ),
    "SecretsKey": allow("kms CreateGrant Decrypt DescribeKey GenerateDataKey", KEYS, THROUGH_SECRETS_MANAGER),
    # With one of these on an unbounded role, the service role could make itself an administrator.
    "MakeBoundedRoles": allow(
        "iam AttachRolePolicy CreateRole DeleteRolePolicy DetachRolePolicy PutRolePermissionsBoundary PutRolePolicy",
        ROLES, BOUNDED,
    ),
    "KeepRoles": allow(
        "iam DeleteRole GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies ListRoleTags TagRole UntagRole"
        " UpdateAssumeRolePolicy UpdateRole",
        ROLES,
    ),
    "HandRolesOver": allow("iam PassRole", ROLES, {"iam:PassedToService": ["lambda.amazonaws.com", "codedeploy.amazonaws.com"]}),
    "Rollouts": allow("codedeploy *", arn("codedeploy", "*:${StackName}-*")),
    "KindsOfRollouts": allow("codedeploy GetDeploymentConfig", arn("codedeploy", "deploymentconfig:*")),
    "MakeTheFirstDomainName": allow(
        "iam CreateServiceLinkedRole", arn("iam", API_GATEWAYS_ROLE, region=""),
        {"iam:AWSServiceName": "ops.apigateway.amazonaws.com"},
    ),
    "LeaveTheseRoles": allow("iam *", [of("DeployRole"), of("ServiceRole")], effect="Deny"),
}

BOUNDARY = {
    "Log": allow("logs CreateLogStream PutLogEvents", LOGS),
    "ReadAndRotateSecrets": allow(
        "secretsmanager DescribeSecret GetSecretValue PutSecretValue UpdateSecretVersionStage",
        secrets("Clients", "CohereApiKey"),
        OF_THIS_STACK,
    ),
    "ReadTheSyntheticToken": allow("secretsmanager GetSecretValue", secrets("SyntheticClient"), OF_THIS_STACK),
    "UseTheSecretsKey": allow("kms Decrypt GenerateDataKey", KEYS, THROUGH_SECRETS_MANAGER),
    "MoveAliases": allow("lambda GetAlias GetProvisionedConcurrencyConfig UpdateAlias", FUNCTIONS),
    "CallVersions": allow("lambda InvokeFunction", FUNCTIONS),
    "TellVerdicts": allow(
        "codedeploy GetDeployment PutLifecycleEventHookExecutionStatus", arn("codedeploy", "deploymentgroup:${StackName}-*/*"),
    ),
    "ReadGates": allow("cloudwatch DescribeAlarms", "*"),
    "TellOfFailures": allow("sns Publish", arn("sns", "*")),
    "UseTheTopicsKey": allow("kms Decrypt GenerateDataKey", KEYS, THROUGH_TOPICS),
    "Trace": allow("xray PutTelemetryRecords PutTraceSegments", "*"),
}
