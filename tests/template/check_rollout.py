"""How new versions come to the callers, and what stops them, exactly: imported by check.py, which runs these checks."""

import json

from stack import GATED, RESOURCES, TEMPLATE, append, check, folder, put, remove, topic, without_value

STACK_NAME = {"Ref": "AWS::StackName"}
PREFERENCE = "Resources.ChatFunction.Properties.DeploymentPreference"
GATE = "Resources.{}.Properties"
# CodeDeploy takes no more alarms for a group, and SAM does not count them.
MOST_ALARMS = 10
SHARE = "IF((liveRequests > 0) AND (excess > 0) AND (excess * excess > spread), 1, 0)"
ROLE_STATEMENTS = "Resources.CodeDeployRole.Properties.Policies.0.PolicyDocument.Statement"


@check(
    put(f"{PREFERENCE}.Enabled", True),
    # Both are "on" to SAM, whatever the parameter is.
    put(f"{PREFERENCE}.Enabled", {"Fn::If": ["ChatHasLive", True, False]}),
    put(f"{PREFERENCE}.Type", "AllAtOnce"),
    put(f"{PREFERENCE}.Alarms", []),
    append(f"{PREFERENCE}.Alarms", {"Ref": "EmbedGateErrors"}),
    remove(f"{PREFERENCE}.Alarms.3"),
    put(f"{PREFERENCE}.Role", {"Fn::GetAtt": ["ChatRole", "Arn"]}),
    remove(f"{PREFERENCE}.Hooks"),
    put(f"{PREFERENCE}.Hooks.PostTraffic", {"Ref": "PreTrafficFunction"}),
    remove(f"{PREFERENCE}.TriggerConfigurations"),
    put(f"{PREFERENCE}.TriggerConfigurations.0.TriggerTargetArn", topic("P1")),
)
def a_new_version_passes_its_own_gates():
    rollout = TEMPLATE["Parameters"]["RolloutType"]["Default"]
    for name, gates in GATED.items():
        preference = TEMPLATE["Resources"][f"{name}Function"]["Properties"]["DeploymentPreference"]
        assert preference["Enabled"] == {"Ref": "GradualDeployment"}, (name, preference["Enabled"])
        assert preference["Type"] == {"Ref": "RolloutType"}, (name, preference["Type"])
        assert len(gates) <= MOST_ALARMS, (name, gates)
        expected = {
            "AlarmConfiguration": {"Enabled": True, "Alarms": [{"Name": {"Ref": f"{name}Gate{gate}"}} for gate in gates]},
            "ApplicationName": {"Ref": "ServerlessDeploymentApplication"},
            "AutoRollbackConfiguration": {
                "Enabled": True, "Events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
            },
            "DeploymentConfigName": {"Fn::Sub": ["CodeDeployDefault.Lambda${ConfigName}", {"ConfigName": rollout}]},
            "DeploymentStyle": {"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"},
            "ServiceRoleArn": {"Fn::GetAtt": ["CodeDeployRole", "Arn"]},
            "TriggerConfigurations": [{
                "TriggerName": "failed",
                "TriggerEvents": ["DeploymentFailure", "DeploymentRollback", "DeploymentStop"],
                "TriggerTargetArn": topic("P2"),
            }],
        }
        found = RESOURCES[f"{name}FunctionDeploymentGroup"]["Properties"]
        assert found == expected, (name, found)
        policy = RESOURCES[f"{name}FunctionAliaslive"].get("UpdatePolicy")
        assert policy == {"CodeDeployLambdaAliasUpdate": {
            "ApplicationName": {"Ref": "ServerlessDeploymentApplication"},
            "DeploymentGroupName": {"Ref": f"{name}FunctionDeploymentGroup"},
            "BeforeAllowTrafficHook": {"Ref": "PreTrafficFunction"},
            "AfterAllowTrafficHook": {"Ref": "PostTrafficFunction"},
        }}, (name, policy)


def version_of(name):
    """SAM's name for the number of a function's new version."""
    return RESOURCES[f"{name}FunctionAliaslive"]["Properties"]["FunctionVersion"]


def dimensions(**values):
    return [{"Name": name, "Value": value} for name, value in values.items()]


def of_service(version, **more):
    return dimensions(Service=STACK_NAME, **more, FunctionVersion=version)


def of_alias(name, version):
    function = f"{name}Function"
    return dimensions(FunctionName={"Ref": function}, Resource={"Fn::Sub": f"${{{function}}}:live"}, ExecutedVersion=version)


def of_version(name):
    function = f"{name}Function"
    version = version_of(name)["Fn::GetAtt"][0]
    resource = {"Fn::Sub": f"${{{function}}}:${{{version}.Version}}"}
    return dimensions(FunctionName={"Ref": function}, Resource=resource)


def metric(identity, name, stat, where, period=300, namespace="CohereGateway"):
    found = {"Namespace": namespace, "MetricName": name, "Dimensions": where}
    return {"Id": identity, "ReturnData": False, "MetricStat": {"Period": period, "Stat": stat, "Metric": found}}


def result(expression):
    return {"Id": "gate", "Expression": expression}


def only_live(name, entry):
    return without_value(f"{name}HasLive", entry)


def with_live(name, one, other):
    return {"Fn::If": [f"{name}HasLive", one, other]}


def plain(name, statistic, where, threshold, operator="GreaterThanThreshold", namespace="CohereGateway"):
    return {
        "Namespace": namespace, "MetricName": name, "Dimensions": where, "Statistic": statistic, "Period": 300,
        "ComparisonOperator": operator, "Threshold": threshold,
    }


def above_zero(metrics):
    return {"Metrics": metrics, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0}


def share(name, bad, count, stat, new, live):
    """Failures over what chance makes of the live version's share of them."""
    return above_zero([
        result(with_live(name, SHARE, "IF(excess > 0, 1, 0)")),
        {"Id": "spread", "ReturnData": False, "Expression": {"Fn::Sub": "2 * expected * ${GateDeviations} * ${GateDeviations}"}},
        {"Id": "excess", "ReturnData": False, "Expression": {"Fn::Sub": "bad - ${GateErrors} - expected"}},
        {"Id": "expected", "ReturnData": False, "Expression": with_live(name, "requests * liveBad / liveRequests", "bad * 0")},
        metric("requests", count, stat, new),
        metric("bad", bad, "Sum", new),
        only_live(name, metric("liveRequests", count, stat, live)),
        only_live(name, metric("liveBad", bad, "Sum", live)),
    ])


def slower(name, of, limit, new, live):
    alone = {"Fn::Sub": f"IF(new > ${{{limit}}}, 1, 0)"}
    beyond_chance = "(live > 0) AND (excess > 0) AND (excess * excess * requests > spread * spread)"
    both = {"Fn::Sub": f"IF((new > ${{{limit}}}) AND {beyond_chance}, 1, 0)"}
    return above_zero([
        result(with_live(name, both, alone)),
        metric("new", of, "p95", new),
        only_live(name, {"Id": "excess", "ReturnData": False, "Expression": {"Fn::Sub": "new - ${GateRatio} * live"}}),
        only_live(name, {"Id": "spread", "ReturnData": False, "Expression": {"Fn::Sub": "${GateSpread} * live"}}),
        only_live(name, metric("requests", of, "SampleCount", new)),
        only_live(name, metric("live", of, "p95", live)),
    ])


def throttled(name, new, live):
    limit = "limited > 5 * ${GateRateLimitedPerMinute}"
    both = f"IF(({limit}) AND (liveRequests > 0) AND (limited / requests > ${{GateRatio}} * liveLimited / liveRequests), 1, 0)"
    return above_zero([
        result(with_live(name, {"Fn::Sub": both}, {"Fn::Sub": f"IF({limit}, 1, 0)"})),
        metric("limited", "GateRateLimited", "Sum", new),
        only_live(name, metric("requests", "GateRequests", "Sum", new)),
        only_live(name, metric("liveRequests", "GateRequests", "Sum", live)),
        only_live(name, metric("liveLimited", "GateRateLimited", "Sum", live)),
    ])


def silent(name, new):
    version = version_of(name)["Fn::GetAtt"][0]
    changed = f"(${{{version}.Version}} != ${{Live{name}Version}})"
    expression = {"Fn::Sub": f"IF({changed} AND (live > 0) AND (shared > 0) AND (FILL(pairs, 0) < 1), 1, 0)"}
    return above_zero([
        result(with_live(name, expression, "shared * 0")),
        invocations("shared", name, version_of(name)),
        metric("pairs", "GateMismatch", "SampleCount", new),
        only_live(name, invocations("live", name, {"Ref": f"Live{name}Version"})),
    ])


def invocations(identity, name, version):
    return metric(identity, "Invocations", "Sum", of_alias(name, version), namespace="AWS/Lambda")


def crashes(where):
    return plain("Errors", "Sum", where, {"Ref": "GateCrashes"}, namespace="AWS/Lambda")


def expected_gates(name):
    """What each gate of a function is, beside its name and what all have in common."""
    endpoint, live = folder(name), {"Ref": f"Live{name}Version"}
    new, old = of_service(version_of(name), Endpoint=endpoint), of_service(live, Endpoint=endpoint)
    verdict, old_verdict = of_service(version_of(name)), of_service(live)
    return {
        "Errors": share(name, "GateServerError", "GateRequests", "Sum", new, old),
        "Latency": slower(name, "GateLatency", f"Gate{name}LatencyMs", new, old),
        "GatewayTime": slower(name, "GateGatewayTime", "GateGatewayTimeMs", new, old),
        "RateLimited": throttled(name, new, old),
        "Denials": share(name, "GateDenied", "GateDenied", "SampleCount", verdict, old_verdict),
        "Failures": share(name, "GateFailed", "GateFailed", "SampleCount", verdict, old_verdict),
        "Crashes": crashes(of_alias(name, version_of(name))),
        "DrivenCrashes": crashes(of_version(name)),
        "Mismatch": plain("GateMismatch", "Sum", new, {"Ref": "GateMismatches"}, "GreaterThanOrEqualToThreshold"),
        "Silent": silent(name, new),
    }


# An alarm keeps its state when it changes: with a name of its own for each version, a rollout begins with new ones.
@check(
    remove(GATE.format("ChatGateErrors") + ".AlarmName"),
    put(GATE.format("EmbedGateLatency") + ".AlarmName", {"Fn::Sub": "${AWS::StackName}-EmbedGateLatency"}),
    put(GATE.format("RerankGateLatency") + ".TreatMissingData", "breaching"),
    put(GATE.format("ChatGateErrors") + ".Metrics.0.Expression", "IF(bad > 3, 1, 0)"),
    put(GATE.format("ChatGateErrors") + ".Metrics.3.Expression.Fn::If.1", "bad * 0"),
    put(GATE.format("ChatGateLatency") + ".Metrics.1.MetricStat.Stat", "p50"),
    put(GATE.format("ChatGateCrashes") + ".Threshold", 2),
    put(GATE.format("HealthGateSilent") + ".Metrics.0.Expression.Fn::If.1", "IF(FILL(pairs, 0) < 1, 1, 0)"),
    put(GATE.format("AuthorizerGateDenials") + ".Metrics.5.MetricStat.Metric.MetricName", "GateFailed"),
    put(GATE.format("ChatGateErrors") + ".AlarmDescription", "It fails."),
    put(GATE.format("RerankGateMismatch") + ".AlarmActions", [topic("P1")]),
)
def a_gate_compares_a_version_with_the_live_one():
    for name, gates in GATED.items():
        expected = expected_gates(name)
        for gate in gates:
            found = dict(RESOURCES[f"{name}Gate{gate}"]["Properties"])
            assert found.pop("AlarmDescription").endswith(". docs/runbooks/rollout-taken-back.md"), (name, gate)
            version = version_of(name)["Fn::GetAtt"][0]
            whole = {
                **expected[gate], "AlarmName": {"Fn::Sub": f"${{AWS::StackName}}-{name}Gate{gate}-${{{version}.Version}}"},
                "EvaluationPeriods": 1, "TreatMissingData": "notBreaching",
            }
            assert found == whole, (name, gate, found)


@check(
    remove(GATE.format("ChatRolloutUnproven") + ".AlarmActions"),
    put(GATE.format("EmbedRolloutUnproven") + ".AlarmDescription", "It has ended."),
    put(GATE.format("AuthorizerRolloutUnproven") + ".Metrics.1.MetricStat.Period", 300),
    put(GATE.format("HealthRolloutUnproven") + ".Metrics.4.MetricStat.Metric.MetricName", "Errors"),
)
def a_rollout_that_proves_nothing_is_a_p2():
    for name in GATED:
        new = of_service(version_of(name), Endpoint=folder(name))
        few, counted = "FILL(requests, 0)", [metric("requests", "GateRequests", "Sum", new, 1800)]
        if name == "Authorizer":
            counted = [metric("requests", "GateDenied", "SampleCount", of_service(version_of(name)), 1800)]
        if name == "Health":
            few = "FILL(shared, 0) + FILL(driven, 0)"
            places = {"shared": of_alias(name, version_of(name)), "driven": of_version(name)}
            counted = [metric(k, "Invocations", "Sum", where, 1800, "AWS/Lambda") for k, where in places.items()]
        expression = f"IF((started > 0) AND (ended > 0) AND ({few} < ${{GateMinRequests}}), 1, 0)"
        found = dict(RESOURCES[f"{name}RolloutUnproven"]["Properties"])
        assert found.pop("AlarmDescription").endswith(". docs/rollout.md#rollouts-that-prove-nothing"), name
        assert found == {
            "AlarmActions": [topic("P2")],
            **above_zero([
                {"Id": "alarm", "Expression": {"Fn::Sub": expression}},
                metric("started", "RolloutStarted", "Sum", new, 1800), metric("ended", "RolloutEnded", "Sum", new, 1800), *counted,
            ]),
            "EvaluationPeriods": 1, "TreatMissingData": "notBreaching",
        }, (name, json.dumps(found))


def allow(action, resource):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


# AWS's own policy for CodeDeploy would move every alias and run every hook of the account.
@check(
    put("Resources.CodeDeployRole.Properties.ManagedPolicyArns", ["arn:aws:iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"]),
    put("Resources.CodeDeployRole.Properties.AssumeRolePolicyDocument.Statement.0.Principal.Service", "lambda.amazonaws.com"),
    remove("Resources.CodeDeployRole.Properties.PermissionsBoundary"),
    put(f"{ROLE_STATEMENTS}.0.Resource", "*"),
    put(f"{ROLE_STATEMENTS}.1.Resource", "*"),
    put(f"{ROLE_STATEMENTS}.2.Action", "cloudwatch:*"),
    put(f"{ROLE_STATEMENTS}.3.Resource", "*"),
)
def codedeploy_moves_these_aliases_alone():
    hooks = [{"Fn::GetAtt": [f"{name}Function", "Arn"]} for name in ("PreTraffic", "PostTraffic")]
    arns = []
    for name in GATED:
        arns += [{"Fn::GetAtt": [f"{name}Function", "Arn"]}, {"Fn::Sub": f"${{{name}Function.Arn}}:*"}]
    assert RESOURCES["CodeDeployRole"]["Properties"] == {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "codedeploy.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ]},
        "PermissionsBoundary": without_value("HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}),
        "Policies": [{"PolicyName": "rollout", "PolicyDocument": {"Version": "2012-10-17", "Statement": [
            allow(["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"], arns),
            allow("lambda:InvokeFunction", hooks),
            allow("cloudwatch:DescribeAlarms", "*"),
            allow("sns:Publish", topic("P2")),
            without_value("MakesP2Topic", allow(["kms:Decrypt", "kms:GenerateDataKey"], {"Fn::GetAtt": ["AlertsKey", "Arn"]})),
        ]}}],
    }, RESOURCES["CodeDeployRole"]
