"""Starts the built authorizer on an emulated Graviton2 and asks it about a client and about a stranger.

The Lambda Runtime API and Secrets Manager are stubs on loopback. Needs qemu-user and Debian's arm64 libraries
(qemu-user-static, libc6-arm64-cross, libgcc-s1-arm64-cross), or an arm64 machine.
"""

import hashlib
import json
import platform
import queue
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LIBRARIES = Path("/usr/aarch64-linux-gnu")
ANSWER_SECS = 60
SKIPPED = 3
TOKEN = "cgw_fake_token_of_the_arm64_test"
CLIENTS = {"clients": [{"name": "arm64", "token_sha256": [hashlib.sha256(TOKEN.encode()).hexdigest()]}]}
ARN = "arn:aws:execute-api:us-east-1:123456789012:api/live/POST/v2/chat"

questions = queue.Queue()
answers = queue.Queue()


class Stub(BaseHTTPRequestHandler):
    """Both services: a path tells which one is meant."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):  # the runtime asks for its next invocation
        question = questions.get()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": question["id"],
            "Lambda-Runtime-Deadline-Ms": "4102444800000",
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:authorizer:live",
        }
        self.answer(200, json.dumps(question["event"]), headers)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("X-Amz-Target") == "secretsmanager.GetSecretValue":
            secret = {"SecretString": json.dumps(CLIENTS), "VersionId": "1", "VersionStages": ["AWSCURRENT"]}
            return self.answer(200, json.dumps(secret), {"Content-Type": "application/x-amz-json-1.1"})
        answers.put((self.path, body.decode()))
        return self.answer(202, "{}", {})

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def find_emulator():
    """Returns what stands before the binary, or None where arm64 cannot run."""
    if platform.system() == "Linux" and platform.machine() in ("aarch64", "arm64"):
        return []
    qemu = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if not qemu or not (LIBRARIES / "lib/ld-linux-aarch64.so.1").exists():
        return None
    return [qemu, "-cpu", "neoverse-n1", "-L", str(LIBRARIES)]


def start(emulator, binary, url):
    settings = {
        "AWS_LAMBDA_RUNTIME_API": url.removeprefix("http://"),
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": url,
        "AWS_LAMBDA_FUNCTION_NAME": "authorizer",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_LOG_GROUP_NAME": "authorizer",
        "AWS_LAMBDA_LOG_STREAM_NAME": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "fake",
        "AWS_SECRET_ACCESS_KEY": "fake",
        "GATEWAY_SERVICE": "arm64",
        "GATEWAY_CLIENTS_SECRET_ID": "clients",
        "GATEWAY_SHARED_USAGE_PLAN_KEY": "shared",
    }
    return subprocess.Popen([*emulator, str(binary)], env=settings)


def ask(number, token):
    event = {"type": "TOKEN", "methodArn": ARN, "authorizationToken": f"Bearer {token}"}
    questions.put({"id": f"request-{number}", "event": event})
    path, body = answers.get(timeout=ANSWER_SECS)
    assert path.endswith(f"/invocation/request-{number}/response"), (path, body)
    answer = json.loads(body)
    return answer["policyDocument"]["Statement"][0]["Effect"], answer["principalId"]


def main(binary):
    emulator = find_emulator()
    if emulator is None:
        print("SKIPPED: build::arm64: there is no qemu-aarch64 with arm64 libraries on this machine")
        return SKIPPED
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    server.handle_error = lambda *_: None  # a connection breaks when the function is ended
    threading.Thread(target=server.serve_forever, daemon=True).start()
    process = start(emulator, binary, f"http://127.0.0.1:{server.server_port}")
    try:
        client, stranger = ask(1, TOKEN), ask(2, "cgw_fake_token_of_nobody_at_all")
        assert client == ("Allow", "arm64"), client
        assert stranger == ("Deny", "unknown"), stranger
        assert process.poll() is None, "the function has ended"
    finally:
        process.kill()
        process.wait()
    print(f"an arm64 function has answered: {client}, {stranger}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
