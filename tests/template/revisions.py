"""Which versions SAM publishes of the template that `ops deploy` generates: for each parameter and each folder in turn.

A version of Lambda is a resource whose name SAM derives from the function's revision. So the names change for exactly
the functions to which `ops` gives another revision; which those are, ops' own tests say. Prints `N passed, N failed`.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from stack import GATED, HOOKS, ROOT, NoManagedPolicies
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

OPS = ROOT / "target/debug/ops"
FOLDERS = sorted(p.name for p in (ROOT / "functions").iterdir() if p.is_dir())


def generate(root, parameters):
    """Lets `ops` write the template in a folder with functions that were never built."""
    options = [f"--parameter={name}={value}" for name, value in parameters.items()]
    command = [OPS, "deploy", "--template-only", *options]
    subprocess.run(command, cwd=root, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"})
    return (root / "target/deploy/template.yaml").read_text()


def package(root, text):
    """Returns the template as `sam package` leaves it: a file's name is the hash of what is in it."""
    template = yaml_parse(text)
    for function in functions_of(template).values():
        folder = root / "target/deploy" / function["CodeUri"]
        code = hashlib.sha256((folder / "bootstrap").read_bytes()).hexdigest()
        function["CodeUri"] = f"s3://bucket/{code}"
    return template


def functions_of(template):
    kind = "AWS::Serverless::Function"
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


def find_versions(template, parameters):
    """Returns the name of each function's version once SAM has transformed the template."""
    resources = json.loads(json.dumps(transform(template, dict(parameters), NoManagedPolicies())))["Resources"]
    versions = {}
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::Version":
            function = resource["Properties"]["FunctionName"]["Ref"]
            versions[function] = (name, resources[function]["Properties"]["Description"])
    return versions


def look(root, parameters):
    """Returns the revisions that `ops` writes, and the versions that SAM makes of them."""
    template = package(root, generate(root, parameters))
    # What has no alias has no versions.
    released = {name: f for name, f in functions_of(template).items() if "AutoPublishAlias" in f}
    revisions = {name: f["AutoPublishCodeSha256"] for name, f in released.items()}
    versions = find_versions(template, parameters)
    assert revisions.keys() == versions.keys(), versions.keys()
    for function, (name, description) in versions.items():
        # So that the function itself changes too: without that AWS refuses to publish a version.
        assert description.endswith(f" {revisions[function]}"), (name, description)
    return revisions, {function: name for function, (name, _) in versions.items()}


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


# Values that fit a pattern, where a sign more would not; and what a parameter needs beside it.
FITTING = {
    "Prices": "fake=input_tokens:1",
    "CorsOrigins": "https://app.example.com",
    "DomainName": "gateway.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/0-0",
    "SecretsKmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/0-0",
    "P1Email": "somebody@example.com",
    "P2Email": "somebody@example.com",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/x",
    "P1Email": "alerts@example.com",
    "P2Email": "alerts@example.com",
    "ExistingP1TopicArn": "arn:aws:sns:us-east-1:123456789012:x",
    "ExistingP2TopicArn": "arn:aws:sns:us-east-1:123456789012:x",
}
FITTING |= dict.fromkeys((f"Live{name}Version" for name in GATED), "7")
BESIDE = {"DomainName": {"CertificateArn": FITTING["CertificateArn"]}}


def another(name, parameter):
    if name in FITTING:
        return FITTING[name]
    if name.endswith("TopicArn"):
        return "arn:aws:sns:us-east-1:123456789012:x"
    if name.endswith("SecretArn"):
        return "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf"
    if name.endswith("ReservedConcurrency"):
        return "1"
    allowed = [value for value in parameter.get("AllowedValues", []) if value != parameter["Default"]]
    if allowed:
        return str(allowed[0])
    return str(parameter["Default"] + 1) if parameter["Type"] == "Number" else f"{parameter['Default']}x"


def check_all(root):
    source = (ROOT / "template.yaml").read_text()
    (root / "template.yaml").write_text(source)
    (root / "samconfig.toml").write_text((ROOT / "samconfig.toml").read_text())
    for folder in FOLDERS:
        (root / "target/functions" / folder).mkdir(parents=True)
        (root / "target/functions" / folder / "bootstrap").write_text(folder)
    plain = look(root, {})
    assert look(root, {}) == plain, "twice the same is not the same"
    assert "AutoPublishCodeSha256" not in source, "without ops, SAM's own rule would publish nothing"
    yield "the same is no new version"
    concerned = 0
    for name, parameter in yaml_parse(source)["Parameters"].items():
        beside = BESIDE.get(name, {})
        before, after = look(root, beside) if beside else plain, look(root, {name: another(name, parameter), **beside})
        of_ops, of_sam = changed(before[0], after[0]), changed(before[1], after[1])
        assert of_ops == of_sam, (name, of_ops, of_sam)
        concerned += bool(of_sam)
        yield f"{name}: {', '.join(sorted(of_sam)) or 'no new version'}"
    assert concerned >= 4, concerned
    for folder in FOLDERS:
        before = look(root, {})
        (root / "target/functions" / folder / "bootstrap").write_text("changed")
        after = look(root, {})
        if "".join(part.title() for part in folder.split("-")) in HOOKS:
            assert after == before, folder
            continue
        (function,) = changed(before[1], after[1])
        assert function == "".join(part.title() for part in folder.split("-")) + "Function", function
        yield f"{folder}: {function}"


def main():
    passed = 0
    with tempfile.TemporaryDirectory() as root:
        try:
            for told in check_all(Path(root)):
                passed += 1
                print(f"revisions: {told}")
        except AssertionError as problem:
            print(f"FAILED after {passed}: {problem}\n{passed} passed, 1 failed", file=sys.stderr)
            return 1
    print(f"revisions: {passed} passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
