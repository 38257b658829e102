"""What the workflows may do: each check names changes of them that it alone must notice."""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/template"))
from changes import TEMPLATE as WORKFLOWS, as_it_is, check, put, remove, run_checks  # noqa: E402

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
DEPLOY = "deploy-stack.jobs.deploy"
PINNED = re.compile(r"^[a-z-]+/[a-z-]+@[0-9a-f]{40}$")
CONDITIONS = {"deploy.check": "github.ref == 'refs/heads/main' && !github.event.repository.fork"}
PACK = """\
tar --create --file package.tar target/functions target/release/ops
echo "sha256=$(sha256sum package.tar | cut -d ' ' -f 1)" >> "$GITHUB_OUTPUT"
"""
BUILD_STEPS = [
    {"run": "tools/build/run"},
    {"run": "cargo build --locked --release -p ops"},
    {"run": PACK},
    {
        "uses": "actions/upload-artifact",
        "with": {"name": "package", "path": "package.tar", "if-no-files-found": "error", "retention-days": "30"},
    },
]
UNPACK = """\
echo "$PACKAGE_SHA256  package.tar" | sha256sum --check
tar --extract --file package.tar
"""
SAM = """\
python3 -m venv target/venv-template
target/venv-template/bin/pip install --quiet --requirement tests/template/requirements.txt
"""
RELEASE = """\
target/release/ops deploy --environment "$STACK_ENVIRONMENT" --yes --no-build \\
  --parameter "PermissionsBoundaryArn=$FUNCTION_BOUNDARY_ARN" --sam target/venv-template/bin/sam \\
  -- --role-arn "$SERVICE_ROLE_ARN" --s3-bucket "$ARTIFACT_BUCKET" --no-resolve-s3
"""
RELEASE_VARIABLES = ("STACK_ENVIRONMENT", "SERVICE_ROLE_ARN", "ARTIFACT_BUCKET", "FUNCTION_BOUNDARY_ARN")
DEPLOY_STEPS = [
    {"uses": "actions/download-artifact", "with": {"name": "package"}},
    {"env": {"PACKAGE_SHA256": "${{ inputs.package_sha256 }}"}, "run": UNPACK},
    {"run": SAM},
    {
        "uses": "aws-actions/configure-aws-credentials",
        "with": {
            "role-to-assume": "${{ vars.DEPLOY_ROLE_ARN }}",
            "aws-region": "${{ vars.AWS_REGION }}",
            "role-session-name": "deploy-${{ github.run_id }}",
        },
    },
    {"env": {name: f"${{{{ vars.{name} }}}}" for name in RELEASE_VARIABLES} | {"SAM_CLI_TELEMETRY": "0"}, "run": RELEASE},
]
STRANGERS = {"pull_request_target", "workflow_run", "issue_comment", "issues"}


def read_workflows():
    """Every file by its name; all values as text, so that `on` stays a word."""
    return {file.stem: yaml.load(file.read_text(), Loader=yaml.BaseLoader) for file in FILES}


def jobs():
    for name, workflow in WORKFLOWS.items():
        for job_name, job in workflow["jobs"].items():
            yield f"{name}.{job_name}", job


def steps(job):
    return job.get("steps", [])


def summarize(step):
    """What a step does: its action, which another check pins, and all that it is given."""
    action = {"uses": step["uses"].split("@")[0]} if "uses" in step else {}
    return {key: value for key, value in step.items() if key in ("env", "with", "run")} | action


@check(
    put("check.jobs.macos.steps.0.uses", "actions/checkout@v7"),
    put("deploy.jobs.build.steps.0.uses", "actions/checkout@main"),
    put(f"{DEPLOY}.steps.0.uses", "actions/checkout@3d3c42e"),
)
def actions_are_pinned_by_commit():
    for name, job in jobs():
        for used in [job.get("uses")] + [step.get("uses") for step in steps(job)]:
            assert used is None or used.startswith("./") or PINNED.match(used), (name, used)


@check(
    put("check.permissions", "write-all"),
    remove("deploy.permissions"),
    put("check.permissions", {"contents": "read", "id-token": "write"}),
    put("deploy.jobs.build.permissions", {"contents": "read", "id-token": "write"}),
    put("deploy.jobs.staging.permissions", {"contents": "write", "id-token": "write"}),
)
def only_a_deployment_gets_a_token():
    for name, workflow in WORKFLOWS.items():
        expected = {"contents": "read"} if name == "check" else {}
        assert workflow.get("permissions") == expected, (name, workflow.get("permissions"))
    deploying = {"deploy.staging", "deploy.production", "deploy-stack.deploy"}
    for name, job in jobs():
        expected = {"contents": "read"} | ({"id-token": "write"} if name in deploying else {})
        assert job.get("permissions", expected if name.startswith("check.") else None) == expected, name


@check(
    put("deploy.on.pull_request", ""),
    put("check.on.pull_request_target", ""),
    put("deploy-stack.on.workflow_dispatch", ""),
    remove("deploy.jobs.build.needs"),
)
def no_fork_and_no_pull_request_deploys():
    for name, workflow in WORKFLOWS.items():
        assert not STRANGERS & set(workflow["on"]), name
    assert set(WORKFLOWS["deploy"]["on"]) == {"push", "workflow_dispatch"}, WORKFLOWS["deploy"]["on"]
    assert set(WORKFLOWS["deploy-stack"]["on"]) == {"workflow_call"}
    deploy = WORKFLOWS["deploy"]["jobs"]
    assert deploy["build"].get("needs") == "check", "what is not needed runs beside it"


@check(
    put("deploy.jobs.production.needs", ["build"]),
    put("deploy.jobs.staging.needs", ["check"]),
    put("deploy.jobs.production.with.environment", "staging"),
    put("deploy.jobs.production.with.package_sha256", ""),
    put("deploy.jobs.production.uses", "./.github/workflows/check.yml"),
)
def production_gets_what_staging_got():
    deploy = WORKFLOWS["deploy"]["jobs"]
    assert deploy["staging"]["needs"] == "build", deploy["staging"]
    assert deploy["production"]["needs"] == ["build", "staging"], deploy["production"]
    for name in ("staging", "production"):
        given = {"environment": name, "package_sha256": "${{ needs.build.outputs.sha256 }}"}
        assert deploy[name]["with"] == given, deploy[name]
        assert deploy[name]["uses"] == "./.github/workflows/deploy-stack.yml", deploy[name]


# A condition of its own would let a job run although one before it failed, or pass without having run.
@check(
    put("deploy.jobs.check.if", "github.ref == 'refs/heads/main'"),
    *(put(f"deploy.jobs.{job}.if", "always()") for job in ("build", "staging", "production")),
    put(f"{DEPLOY}.if", "false"),
    put("check.jobs.linux.if", "false"),
    put("check.jobs.linux.steps.2.if", "false"),
    put("check.jobs.linux.strategy", {"fail-fast": "false"}),
    put("check.jobs.macos.continue-on-error", "true"),
    put(f"{DEPLOY}.steps.5.continue-on-error", "true"),
    put(f"{DEPLOY}.steps.6.continue-on-error", "true"),
    put(f"{DEPLOY}.steps.6.if", "success()"),
    remove("deploy.defaults"),
    put("deploy-stack.defaults.run.shell", "bash {0}"),
)
def what_fails_stops_the_rest():
    for name, job in jobs():
        assert job.get("if") == CONDITIONS.get(name), (name, job.get("if"))
        assert "strategy" not in job, name
        for part in [job, *steps(job)]:
            assert "continue-on-error" not in part, (name, part)
        conditions = [step["if"] for step in steps(job) if "if" in step]
        assert conditions == (["failure()"] if name == "check.linux" else []), (name, conditions)
    for name in ("deploy", "deploy-stack"):
        assert WORKFLOWS[name].get("defaults") == {"run": {"shell": "bash"}}, "it alone has pipefail"


# What is deployed is what this run built of this commit: nothing is built, fetched or chosen anew on the way.
@check(
    put("deploy.jobs.build.outputs.sha256", "0" * 64),
    put("deploy.jobs.build.steps.1.run", "tools/build/run || true"),
    put("deploy.jobs.build.steps.3.run", PACK.replace("$(sha256sum package.tar | cut -d ' ' -f 1)", "0" * 64)),
    put("deploy.jobs.build.steps.4.with.if-no-files-found", "ignore"),
    put(f"{DEPLOY}.steps.1.with.run-id", "1"),
    put(f"{DEPLOY}.steps.2.env.PACKAGE_SHA256", "0" * 64),
    put(f"{DEPLOY}.steps.2.run", UNPACK.replace("--check", "--check || true")),
    put(f"{DEPLOY}.steps.2.run", "tar --extract --file package.tar\n"),
    put(f"{DEPLOY}.steps.4.with.aws-access-key-id", "AKIAFAKE"),
    put(f"{DEPLOY}.steps.5.run", RELEASE.replace(" --no-build", "")),
    put(f"{DEPLOY}.steps.5.run", RELEASE.replace('--role-arn "$SERVICE_ROLE_ARN" ', "")),
    put(f"{DEPLOY}.steps.5.run", RELEASE.replace('--parameter "PermissionsBoundaryArn=$FUNCTION_BOUNDARY_ARN" ', "")),
    put(f"{DEPLOY}.steps.5.run", f"{RELEASE.strip()} || true\n"),
    put(f"{DEPLOY}.steps.5.env.AWS_SECRET_ACCESS_KEY", "fake"),
    put(f"{DEPLOY}.env", {"AWS_SECRET_ACCESS_KEY": "fake"}),
    put(f"{DEPLOY}.steps.5", {"run": "true"}),
    remove(f"{DEPLOY}.steps.6"),
)
def the_package_is_built_and_deployed_by_these_steps_alone():
    build, deploy = WORKFLOWS["deploy"]["jobs"]["build"], WORKFLOWS["deploy-stack"]["jobs"]["deploy"]
    assert build["outputs"] == {"sha256": "${{ steps.pack.outputs.sha256 }}"}, build["outputs"]
    for job, expected in ((build, BUILD_STEPS), (deploy, DEPLOY_STEPS)):
        assert not {"env", "container", "defaults"} & set(job), job.keys()
        found = [summarize(step) for step in steps(job)[1:]]
        assert found[: len(expected)] == expected, found
    # What preflight's script does, preflight.py tries.
    names = [step.get("name") for step in steps(deploy)[len(DEPLOY_STEPS) + 1 :]]
    assert names == ["preflight"], names


# Roles are taken with GitHub's own token: no secret is stored, so none is handed on.
@check(
    put("deploy.jobs.staging.secrets", "inherit"),
    put("check.jobs.macos.steps.1.env", {"KEY": "${{ secrets.KEY }}"}),
    put("deploy-stack.env", {"AWS_ACCESS_KEY_ID": "fake"}),
)
def no_workflow_knows_a_secret():
    for name, workflow in WORKFLOWS.items():
        assert "env" not in workflow, name
        assert not re.search(r"\bsecrets\b", str(workflow)), name


@check(
    remove(f"{DEPLOY}.concurrency"),
    put(f"{DEPLOY}.concurrency.cancel-in-progress", "true"),
    put(f"{DEPLOY}.concurrency.group", "deploy-${{ github.ref }}"),
    remove(f"{DEPLOY}.environment"),
    put("deploy.concurrency.cancel-in-progress", "true"),
)
def one_deployment_of_a_stack_at_a_time():
    job = WORKFLOWS["deploy-stack"]["jobs"]["deploy"]
    expected = {"group": "deploy-${{ inputs.environment }}", "cancel-in-progress": "false"}
    assert job.get("concurrency") == expected, job.get("concurrency")
    assert WORKFLOWS["deploy"]["concurrency"] == {"group": "deploy", "cancel-in-progress": "false"}
    assert job.get("environment") == "${{ inputs.environment }}", "GitHub asks the environment's reviewers by it"


# An expression in a script is text that whoever names a branch can write.
@check(
    put("check.jobs.linux.steps.1.run", "echo ${{ github.head_ref }}"),
    put("check.jobs.linux.steps.1.run", "ops deploy --environment ${{ vars.STACK_ENVIRONMENT }}"),
)
def scripts_read_variables_and_no_expressions():
    for name, job in jobs():
        for step in steps(job):
            assert "${{" not in step.get("run", ""), (name, step)


@check(
    put("check.jobs.linux.steps.0", {"uses": "actions/checkout@" + "0" * 40}),
    put("check.jobs.linux.steps.0.with.ref", "main"),
    put(f"{DEPLOY}.steps.0.with.ref", "another"),
    put("deploy.jobs.build.steps.0.with.repository", "owner/another"),
    put("check.jobs.macos.steps.0", {"run": "true"}),
)
def every_job_checks_out_its_commit_and_leaves_no_token_behind():
    for name, job in jobs():
        checkouts = [step.get("with") for step in steps(job) if step.get("uses", "").startswith("actions/checkout@")]
        assert checkouts == ([] if "uses" in job else [{"persist-credentials": "false"}]), (name, checkouts)


@check(remove("check.jobs.macos"), put("check.jobs.linux.steps.2.run", "bash .ci/run || true"))
def changes_are_checked_on_linux_and_macos():
    check_jobs = WORKFLOWS["check"]["jobs"]
    assert any("bash .ci/run" == step.get("run") for step in steps(check_jobs["linux"]))
    assert any("cargo test" in step.get("run", "") for step in steps(check_jobs["macos"]))
    assert check_jobs["macos"]["runs-on"].startswith("macos-"), check_jobs["macos"]


@check(remove(f"{DEPLOY}.timeout-minutes"))
def every_job_has_an_end():
    for name, job in jobs():
        assert "uses" in job or int(job["timeout-minutes"]) <= 90, name


@check(put("check.jobs.linux.steps.1.run", "target/release/ops deploy --enviroment staging --yes -- --role-arn x"))
def ops_knows_the_options_it_is_given():
    source = (ROOT / "tools/ops/src/commands/deploy.rs").read_text()
    for name, job in jobs():
        for step in steps(job):
            if "ops deploy" in step.get("run", ""):
                own = step["run"].split(" -- ")[0]
                unknown = [o for o in re.findall(r"--([a-z-]+)", own) if f"{o.replace('-', '_')}:" not in source]
                assert not unknown, (name, unknown)


@check(put("check.jobs.linux.steps.1.env", {"OTHER": "${{ vars.OTHER }}"}))
def every_variable_is_on_the_page():
    page = (ROOT / "docs/pipeline.md").read_text()
    for name in set(re.findall(r"vars\.([A-Z_]+)", str(WORKFLOWS))):
        assert f"`{name}`" in page, name


def find_unexplained_pins():
    """A commit says nothing to a reader: its version stands behind it."""
    lines = [(file.name, line) for file in FILES for line in file.read_text().splitlines()]
    return [f"{name}: {line.strip()}" for name, line in lines if re.search(r"@[0-9a-f]{40}(?! # v\d+\.\d+\.\d+$)", line)]


if __name__ == "__main__":
    passed, failed = run_checks(read_workflows(), as_it_is)
    unexplained = find_unexplained_pins()
    print("\n".join(unexplained), file=sys.stderr)
    print(f"workflows: {passed} passed, {failed + len(unexplained)} failed")
    sys.exit(failed + len(unexplained) > 0)
