"""What template.yaml becomes: checks on the CloudFormation that SAM makes of it.

Linters accept several mistakes that only show here, such as a route that is written like a streaming
one and silently is not. Each check names changes of the template that it must notice. Prints
`N passed, N failed`; a failed check says what it found.
"""

import json
import sys

import check_alarms  # noqa: F401 - the checks of these run with those below
import check_api  # noqa: F401
import check_dashboard  # noqa: F401
import check_functions  # noqa: F401
import check_probe  # noqa: F401
import check_roles  # noqa: F401
import check_rollout  # noqa: F401
import check_secrets  # noqa: F401
import check_topics  # noqa: F401
import check_whole  # noqa: F401
from stack import RESOURCES, ROOT, STACK, check, put, read_template, remove, run_checks, the_stage, transform_template

SHARED_KEY = {"Fn::Sub": "usage-plan-of-${AWS::StackName}-shared"}
# Rate, burst and quota of a day. The shared plan has none: it would be one limit for all who share the key. Whoever
# takes the token of the synthetic client spends little.
PLANS = {
    "Default": ({"Ref": "ClientRequestsPerSecond"}, {"Ref": "ClientBurst"}, {"Ref": "ClientRequestsPerDay"}),
    "Shared": None,
    "Synthetic": (2, 30, 20_000),
}


@check(
    put("Resources.SharedUsagePlanKey.Properties.Value", {"Fn::Sub": "${AWS::StackName}-another"}),
    put("Resources.SharedUsagePlanKey.Properties.Enabled", False),
    put("Resources.SharedUsagePlanMember.Properties.UsagePlanId", {"Ref": "DefaultUsagePlan"}),
    put("Resources.SharedUsagePlan.Properties.Throttle", {"RateLimit": 1, "BurstLimit": 1}),
    put("Resources.DefaultUsagePlan.Properties.UsagePlanName", "default"),
    put("Resources.DefaultUsagePlan.Properties.Quota.Period", "WEEK"),
    put("Resources.SyntheticUsagePlan.Properties.Throttle.RateLimit", -1),
    remove("Resources.SyntheticUsagePlan.Properties.Quota"),
)
def usage_plans_limit_each_client_and_know_the_shared_key():
    for name, limits in PLANS.items():
        expected = {
            "UsagePlanName": {"Fn::Sub": f"${{AWS::StackName}}-{name.lower()}"},
            "ApiStages": [{"ApiId": {"Ref": "Api"}, "Stage": {"Ref": the_stage()[0]}}],
        }
        if limits:
            expected["Throttle"] = {"RateLimit": limits[0], "BurstLimit": limits[1]}
            expected["Quota"] = {"Limit": limits[2], "Period": "DAY"}
        found = RESOURCES[f"{name}UsagePlan"]["Properties"]
        assert found == expected, (name, found)
    key = RESOURCES["SharedUsagePlanKey"]["Properties"]
    assert (key["Value"], key["Enabled"]) == (SHARED_KEY, True), key  # which the authorizer names
    member = {"KeyId": {"Ref": "SharedUsagePlanKey"}, "KeyType": "API_KEY", "UsagePlanId": {"Ref": "SharedUsagePlan"}}
    assert RESOURCES["SharedUsagePlanMember"]["Properties"] == member


def find_versions(source, parameters):
    resources = transform_template(source, parameters)["Resources"]
    return {name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Version"}


def show_that_a_reserve_publishes_nothing(source):
    """Lambda refuses a version that would equal the last one, so a changed reserve must not ask for one."""
    return find_versions(source, {"ChatReservedConcurrency": "5"}) == find_versions(source, {})


def show_that_false_deploys_at_once(source):
    """`GradualDeployment` is literally false: no group, no alarm that is heeded, and each alias moves by itself."""
    resources = transform_template(source, {"GradualDeployment": "false"})["Resources"].values()
    aliases = [resource for resource in resources if resource["Type"] == "AWS::Lambda::Alias"]
    groups = [resource for resource in resources if resource["Type"].startswith("AWS::CodeDeploy::")]
    return aliases and not groups and not any("UpdatePolicy" in alias for alias in aliases)


def main():
    source = read_template("template.yaml")
    passed, failed = run_checks(source, transform_template)
    if not show_that_a_reserve_publishes_nothing(source):
        failed += 1
        print("FAILED a changed reserve asks for a new version of a function", file=sys.stderr)
    if not show_that_false_deploys_at_once(source):
        failed += 1
        print("FAILED GradualDeployment=false leaves gates", file=sys.stderr)
    transformed = ROOT / "target/template/transformed.json"
    transformed.parent.mkdir(parents=True, exist_ok=True)
    transformed.write_text(json.dumps(STACK, indent=1))
    print(f"template: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
