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
    put("deploy.jobs.check.if", "github.ref == 'refs/heads/main'"),
    remove("deploy.jobs.build.needs"),
)
def no_fork_and_no_pull_request_deploys():
    for name, workflow in WORKFLOWS.items():
        assert not STRANGERS & set(workflow["on"]), name
    assert set(WORKFLOWS["deploy"]["on"]) == {"push", "workflow_dispatch"}, WORKFLOWS["deploy"]["on"]
    assert set(WORKFLOWS["deploy-stack"]["on"]) == {"workflow_call"}
    deploy = WORKFLOWS["deploy"]["jobs"]
    assert deploy["check"]["if"] == "github.ref == 'refs/heads/main' && !github.event.repository.fork", deploy["check"]
    assert deploy["build"].get("needs") == "check", "what is not needed runs beside it"


@check(
    put("deploy.jobs.production.needs", ["build"]),
    put("deploy.jobs.staging.needs", ["check"]),
    put("deploy.jobs.production.with.environment", "staging"),
    put("deploy.jobs.production.with.package_sha256", ""),
    put(f"{DEPLOY}.steps.2.run", "tar --extract --file package.tar"),
)
def production_gets_what_staging_got():
    deploy = WORKFLOWS["deploy"]["jobs"]
    assert deploy["staging"]["needs"] == "build", deploy["staging"]
    assert deploy["production"]["needs"] == ["build", "staging"], deploy["production"]
    for name in ("staging", "production"):
        given = {"environment": name, "package_sha256": "${{ needs.build.outputs.sha256 }}"}
        assert deploy[name]["with"] == given, deploy[name]
    unpack = WORKFLOWS["deploy-stack"]["jobs"]["deploy"]["steps"][2]["run"]
    assert "sha256sum --check" in unpack, unpack


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
    put(f"{DEPLOY}.steps.5.run", "ops deploy --environment ${{ vars.STACK_ENVIRONMENT }}"),
)
def scripts_read_variables_and_no_expressions():
    for name, job in jobs():
        for step in steps(job):
            assert "${{" not in step.get("run", ""), (name, step)


@check(put("check.jobs.linux.steps.0", {"uses": "actions/checkout@" + "0" * 40}))
def a_checkout_leaves_no_token_behind():
    for name, job in jobs():
        for step in steps(job):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step.get("with", {}).get("persist-credentials") == "false", name


@check(remove("check.jobs.macos"), put("check.jobs.linux.steps.2.run", "cargo test"))
def changes_are_checked_on_linux_and_macos():
    check_jobs = WORKFLOWS["check"]["jobs"]
    assert any("bash .ci/run" == step.get("run") for step in steps(check_jobs["linux"]))
    assert any("cargo test" in step.get("run", "") for step in steps(check_jobs["macos"]))
    assert check_jobs["macos"]["runs-on"].startswith("macos-"), check_jobs["macos"]


@check(remove(f"{DEPLOY}.timeout-minutes"))
def every_job_has_an_end():
    for name, job in jobs():
        assert "uses" in job or int(job["timeout-minutes"]) <= 90, name


@check(put(f"{DEPLOY}.steps.5.run", "target/release/ops deploy --enviroment staging --yes -- --role-arn x"))
def ops_knows_the_options_it_is_given():
    source = (ROOT / "tools/ops/src/commands/deploy.rs").read_text()
    for name, job in jobs():
        for step in steps(job):
            if "ops deploy" in step.get("run", ""):
                own = step["run"].split(" -- ")[0]
                unknown = [o for o in re.findall(r"--([a-z-]+)", own) if f"{o.replace('-', '_')}:" not in source]
                assert not unknown, (name, unknown)


@check(put(f"{DEPLOY}.steps.5.env.OTHER", "${{ vars.OTHER }}"))
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
