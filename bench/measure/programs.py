"""Starts and ends the programs around a measurement, and asks the driver for one."""

import contextlib
import json
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.request

import places
import subjects

START_SECS = 180
DRIVER_SECS = 200


class Upstream:
    """The stand-in for Cohere and Secrets Manager; its addresses by name, such as `tls 20`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.child = subprocess.Popen([places.PROGRAMS / "upstream", folder])
        file = self.folder / "upstream.json"
        wait_until(file.exists, self.child)
        self.addresses = json.loads(file.read_text())


@contextlib.contextmanager
def open_upstream():
    with tempfile.TemporaryDirectory() as folder:
        upstream = Upstream(folder)
        try:
            yield upstream
        finally:
            end(upstream.child)


class Server:
    """LiteLLM's proxy before one address of the stand-in."""

    def __init__(self, upstream, address):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        began = time.monotonic()
        command = [places.LITELLM, "--config", places.BENCH / "peers/litellm/config.yaml", "--host", "127.0.0.1",
                   "--port", str(self.port), "--telemetry", "False", "--num_workers", "1"]
        self.log = open(places.WORK / "litellm.log", "ab")
        self.child = subprocess.Popen(command, env=subjects.write_litellm_environment(upstream, address),
                                      stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, cwd=places.WORK)
        wait_until(self.is_live, self.child)
        self.start_ms = (time.monotonic() - began) * 1e3

    def is_live(self):
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/liveliness", timeout=2).status == 200
        return False

    def read_peak_kb(self):
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])

    def close(self):
        end(self.child)
        self.log.close()


def wait_until(is_ready, child):
    limit = time.monotonic() + START_SECS
    while not is_ready():
        if child.poll() is not None or time.monotonic() > limit:
            raise SystemExit(f"{child.args[0]} has not started")
        time.sleep(0.02)


def end(child):
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def drive(plan):
    """Runs the driver with a plan and returns its report."""
    done = subprocess.run([places.PROGRAMS / "driver"], input=json.dumps(plan), capture_output=True, text=True,
                          timeout=DRIVER_SECS, cwd=places.WORK)
    if done.returncode:
        command = (plan.get("function") or {}).get("command") or plan["direct"]["url"]
        raise SystemExit(f"{command}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)
