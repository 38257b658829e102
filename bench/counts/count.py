#!/usr/bin/env python3
"""Counts instructions and system calls of a warm request, by the difference of two runs of different length.

`count.py` compares with bench/counts/counts.txt and fails on more than the tolerance; `count.py --write` rewrites it.
`count.py chat stream` counts these alone; `count.py --self-test` shows that growth is noticed. Wants release builds of
chat, embed and rerank, valgrind and strace.

Instructions repeat within 2 %, so 5 % more is a change, whatever else the machine does. System calls depend on the pieces
in which answers come: by up to 13 % from run to run, and by half for an answer of 1.7 MB.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

from stand_in import MODELS, StandIn

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = pathlib.Path(__file__).with_name("counts.txt")
FEW, MORE = 10, 30
TOLERANCE = {"instructions": 0.05, "calls": 0.15}
WIDE_TOLERANCE = {("embed 96", "calls"): 0.5}
LIMIT_SECS = 120


def texts(number, count):
    return [f"text {number} {index} with some words that differ" for index in range(count)]


def embed(number):
    return "embed", {"model": MODELS["embed"], "input_type": "search_document", "embedding_types": ["float"],
                     "texts": texts(number, 96)}


def chat(_):
    return "chat", {"model": MODELS["chat"], "messages": [{"role": "user", "content": "Say a word."}]}


def stream(number):
    return "chat", {**chat(number)[1], "stream": True}


def rerank(number):
    return "rerank", {"model": MODELS["rerank"], "query": "words", "documents": texts(number, 1000)}


CASES = {"chat": chat, "stream": stream, "embed 96": embed, "cached embed 96": lambda _: embed(0), "rerank 1000": rerank}


def run(command, write_body, count):
    """Runs a function under a tool for `count` requests and ends it by the signal of a shutdown."""
    server = StandIn(write_body, count)
    address = f"127.0.0.1:{server.server_address[1]}"
    environment = {
        "AWS_LAMBDA_RUNTIME_API": address, "AWS_LAMBDA_FUNCTION_NAME": "counted", "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_LAMBDA_LOG_GROUP_NAME": "g", "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "not-a-key", "AWS_SECRET_ACCESS_KEY": "not-a-key",
        "AWS_ENDPOINT_URL": f"http://{address}", "GATEWAY_UPSTREAM_URL": f"http://{address}",
        "GATEWAY_SECRET_ID": "key", "COHERE_API_KEY": "not-a-key-of-anyone",
        "GATEWAY_RATES": "embed=100000000,rerank=100000000,chat=100000000",
        "PATH": os.environ["PATH"]}
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        finished = server.done.wait(LIMIT_SECS)
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
        server.shutdown()
        log.seek(0)
        if not finished or server.failures or child.returncode == 127:
            sys.exit(f"{command[-1]}: {server.sent} sent, failed {server.failures[:1]}\n{log.read()[-1500:].decode()}")


def count_instructions(binary, write_body, count):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "out")
        run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}", binary], write_body, count)
        return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M).group(1))


def count_calls(binary, write_body, count):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "out")
        run(["strace", "-f", "-c", "-o", str(out), binary], write_body, count)
        return int(re.search(r"^100\.00\s+\S+\s+\S+\s+(\d+).* total$", out.read_text(), re.M).group(1))


def count_per_request(counter, binary, write_body):
    few, more = (counter(binary, write_body, count) for count in (FEW, MORE))
    return (more - few) / (MORE - FEW)


def measure(names):
    rows = {}
    for name in names:
        binary = str(ROOT / "target/release" / CASES[name](1)[0])
        for what, counter in (("instructions", count_instructions), ("calls", count_calls)):
            rows[name, what] = count_per_request(counter, binary, CASES[name])
            print(f"{name}: {rows[name, what]:.1f} {what}", flush=True)
    return rows


def read_file():
    lines = (line.rsplit(maxsplit=2) for line in FILE.read_text().splitlines() if line and line[0] != "#")
    return {(name, what): float(value) for name, what, value in lines}


def find_tolerance(name, what):
    return WIDE_TOLERANCE.get((name, what), TOLERANCE[what])


def compare(rows, known):
    """Prints what has grown by more than its tolerance, or has no line in the file, and returns how many these are."""
    failed = 0
    for (name, what), value in rows.items():
        before, tolerance = known.get((name, what), 0), find_tolerance(name, what)
        if value > before * (1 + tolerance):
            failed += 1
            print(f"{name}: {value:.1f} {what}, before {before:.1f}: more than the tolerance of {tolerance:.0%}")
    return failed


def check_itself():
    """Shows that each figure of the file passes as it is, and fails once it has grown past its tolerance."""
    known = read_file()
    missed = compare(known, known)
    for row, value in known.items():
        grown = {row: value * (1 + find_tolerance(*row)) + 1}
        missed += compare(grown, known) != 1
    sys.exit(f"{missed} figures are not compared as they should be" if missed or not known else 0)


def main():
    if "--self-test" in sys.argv:
        check_itself()
    absent = [name for name in ("chat", "embed", "rerank") if not (ROOT / "target/release" / name).exists()]
    if absent:
        sys.exit(f"target/release lacks {', '.join(absent)}: cargo build --release -p {' -p '.join(absent)}")
    rows = measure([name for name in CASES if name in sys.argv] or CASES)
    if "--write" in sys.argv:
        lines = [f"{name} {what} {value:.1f}" for (name, what), value in rows.items()]
        FILE.write_text("# A warm request, x86_64; `bench/counts/count.py --write` writes it.\n" + "\n".join(lines) + "\n")
        return
    failed = compare(rows, read_file())
    print(f"{len(rows) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
