"""Runs the preflight of the deployment with stand-ins for `aws` and `curl`: a healthy answer passes, another does not."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "cgw_fake_token_of_the_preflight_test"
AWS = f"""#!/bin/sh
case "$*" in
  *"--stack-name cohere-gateway-staging "*ApiUrl*) echo https://api.example/live ;;
  *"--stack-name cohere-gateway-staging "*SyntheticClientSecretArn*) echo arn:secret ;;
  *"--secret-id arn:secret "*) echo {TOKEN} ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac
"""
CURL = """#!/bin/sh
echo "$*" >>"$CALLS"
grep -q '^Authorization: Bearer cgw_fake' || exit 2
exit "$CURL_CODE"
"""


def find_script():
    workflow = yaml.safe_load((ROOT / ".github/workflows/deploy-stack.yml").read_text())
    (script,) = [step["run"] for step in workflow["jobs"]["deploy"]["steps"] if step.get("name") == "preflight"]
    return script


def run(folder, curl_code):
    """Runs it as GitHub does; returns its code, what it printed and how curl was called."""
    calls = folder / f"calls-{curl_code}"
    calls.touch()
    variables = {"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(calls), "CURL_CODE": str(curl_code)}
    variables["STACK_ENVIRONMENT"] = "staging"
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", find_script()]
    done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr, calls.read_text().splitlines()


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program, text in (("aws", AWS), ("curl", CURL), ("sleep", "#!/bin/sh\n")):
            (folder / program).write_text(text)
            (folder / program).chmod(0o755)
        code, printed, calls = run(folder, 0)
        assert code == 0 and len(calls) == 5, (code, printed, calls)
        assert all(call.endswith("https://api.example/live/api/health/check") for call in calls), calls
        assert not any(TOKEN in call for call in calls), "other users of a machine see a program's arguments"
        assert printed.replace(f"::add-mask::{TOKEN}", "").count(TOKEN) == 0, printed
        code, printed, calls = run(folder, 22)
        assert code != 0 and len(calls) == 1, (code, printed, calls)
    print("preflight: a healthy gateway passes it and a failing one does not")


if __name__ == "__main__":
    sys.exit(main())
