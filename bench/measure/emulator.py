"""AWS's own runtime interface emulator, which starts a function's process with its first invocation."""

import contextlib
import socket
import subprocess
import time
import urllib.request

import places
import programs

INVOCATIONS = "/2015-03-31/functions/function/invocations"


def time_first_answer(command, environment, event):
    """Returns the milliseconds from a first invocation, which starts the process, to the end of its answer."""
    public, private = find_free_port(), find_free_port()
    with open(places.WORK / "emulator.log", "ab") as log:
        child = subprocess.Popen(
            [places.EMULATOR, "--log-level", "error", "--runtime-interface-emulator-address", f"127.0.0.1:{public}",
             "--runtime-api-address", f"127.0.0.1:{private}", *command],
            env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=places.WORK)
        try:
            programs.wait_until(lambda: is_open(public), child)
            began = time.monotonic()
            answer = urllib.request.urlopen(f"http://127.0.0.1:{public}{INVOCATIONS}", data=event, timeout=60).read()
            took = (time.monotonic() - began) * 1e3
        finally:
            programs.end(child)
    if b"200" not in answer[:40]:
        raise SystemExit(f"{command}: {answer[:200]!r}")
    return took


def find_free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def is_open(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
