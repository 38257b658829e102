"""Runs the lines of `docs/runbooks/first-deployment.md` that package the stack, with a bucket of moto.

Arguments: the address of moto, and the commands `sam` and `ops`.
"""

import io
import os
import shlex
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import boto3
import yaml

ROOT = Path(__file__).resolve().parents[2]
RUNBOOK = ROOT / "docs/runbooks/first-deployment.md"
BUCKET = "packages"
FOLDERS = sorted(p.name for p in (ROOT / "functions").iterdir() if p.is_dir())


class AnyTag(yaml.SafeLoader):
    """Reads a template without resolving its tags."""


AnyTag.add_multi_constructor("!", lambda loader, tag, node: getattr(loader, f"construct_{node.id}")(node))


def prepare_folder(root):
    """A source with functions that were never built."""
    for name in ("template.yaml", "samconfig.toml"):
        (root / name).write_text((ROOT / name).read_text())
    for folder in FOLDERS:
        binary = root / "target/functions" / folder / "bootstrap"
        binary.parent.mkdir(parents=True)
        binary.write_text(folder)
        binary.chmod(0o755)


def read_lines(sam, ops):
    """Returns the documented commands: `sam validate`, `ops deploy --template-only`, `sam package`."""
    lines = [line for line in RUNBOOK.read_text().splitlines() if line.startswith("sam ") or "--template-only" in line]
    for name, value in (("$ENVIRONMENT", "dev"), ("BUCKET", BUCKET)):
        lines = [line.replace(name, value) for line in lines]
    validate, generate, package = (shlex.split(line) for line in lines)
    return [sam, *validate[1:]], [ops, *generate[1:]], [sam, *package[1:]]


def package(run, command, root):
    """Returns where each function's code is, as the packaged template says."""
    run(command)
    resources = yaml.load((root / "target/deploy/packaged.yaml").read_text(), AnyTag)["Resources"]
    return {name: r["Properties"]["CodeUri"] for name, r in resources.items() if r["Type"] == "AWS::Serverless::Function"}


def read_zip(s3, uri):
    """Returns the names in it, the code, and whether its owner may execute it."""
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    with zipfile.ZipFile(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())) as archive:
        mode = archive.getinfo("bootstrap").external_attr >> 16
        return archive.namelist(), archive.read("bootstrap").decode(), bool(mode & stat.S_IXUSR)


def check_package(root, address, sam, ops):
    """Yields what holds."""
    account = {"AWS_ACCESS_KEY_ID": "fake", "AWS_SECRET_ACCESS_KEY": "fake", "AWS_DEFAULT_REGION": "us-east-1"}
    variables = {"PATH": os.environ["PATH"], "HOME": str(root), "SAM_CLI_TELEMETRY": "0", "AWS_ENDPOINT_URL": address, **account}

    def run(command):
        subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=variables)

    prepare_folder(root)
    validate, generate, command = read_lines(sam, ops)
    run(validate)
    run(generate)
    yield "the template is valid, and the one with the revisions is written"
    s3 = boto3.client("s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="fake", aws_secret_access_key="fake")
    s3.create_bucket(Bucket=BUCKET)
    packaged = package(run, command, root)
    for folder in FOLDERS:
        name = "".join(part.title() for part in folder.split("-")) + "Function"
        found = read_zip(s3, packaged[name])
        assert found == (["bootstrap"], folder, True), (name, found)
        yield f"{name}'s package is its folder's bootstrap, and may be executed"
    assert package(run, command, root) == packaged, "another package of the same"
    changed = root / "target/functions" / FOLDERS[0] / "bootstrap"
    changed.write_text("changed")
    again = package(run, command, root)
    assert [name for name in packaged if again[name] != packaged[name]] == [f"{FOLDERS[0].title()}Function"], again
    yield "the same is packaged as the same, and a changed function as another"


def main(address, sam, ops):
    passed = 0
    with tempfile.TemporaryDirectory() as root:
        try:
            for told in check_package(Path(root), address, sam, ops):
                passed += 1
                print(f"package: {told}")
        except (AssertionError, subprocess.CalledProcessError) as problem:
            print(f"FAILED after {passed}: {problem} {getattr(problem, 'stderr', '')}", file=sys.stderr)
            return passed, 1
    return passed, 0


if __name__ == "__main__":
    passed, failed = main(*sys.argv[1:])
    print(f"package: {passed} passed, {failed} failed")
    sys.exit(failed)
