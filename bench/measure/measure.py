#!/usr/bin/env python3
"""Measures the gateway, the floors and the alternatives in turns, and writes bench/results/DATE.

`measure.py --short` makes few rounds, to see that it works; its results go to target/compare/short.
"""

import datetime
import json
import os
import pathlib
import sys
import time
import zipfile

import counts
import emulator
import page
import places
import plots
import programs
import report
import subjects
import workload

SHORT = "--short" in sys.argv
TOKEN = {"authorization": "Bearer not-a-key-of-anyone"}
LITELLM_TOKEN = {"authorization": "Bearer sk-not-a-key-of-anyone"}

# name: kind of request, address of the stand-in, requests and warm-up of a round, rounds
WARM = {
    "chat": ("chat", "plain 0", 200, 40, 7),
    "chat, TLS": ("chat", "tls 0", 200, 40, 5),
    "chat, TLS, 20 ms": ("chat", "tls 20", 40, 5, 3),
    "embed 96": ("embed 96", "plain 0", 20, 4, 5),
    "embed 96, TLS": ("embed 96", "tls 0", 12, 3, 3),
    "embed 96, the same again": ("cached embed 96", "plain 0", 12, 3, 3),
    "rerank 1000": ("rerank 1000", "plain 0", 30, 5, 3),
    "stream": ("stream", "plain 0", 12, 4, 5),
    "stream, TLS": ("stream", "tls 0", 12, 4, 3),
}
COLD = {"cold start": ("plain 0", 10), "cold start, TLS": ("tls 0", 6)}
# What LiteLLM's proxy serves for a kind: its path and the file of the body. A stream of Cohere's goes through its
# pass-through route.
LITELLM_PATHS = {"chat": ("/cohere/v2/chat", "chat"), "stream": ("/cohere/v2/chat", "stream"),
                 "embed 96": ("/v1/embeddings", "openai embed 96"), "rerank 1000": ("/v2/rerank", "rerank 1000")}
EMULATED_ROUNDS = 6
BATCH_ROUNDS = 5
SLOW_SHARE = 4  # what takes long makes a quarter of the requests


def plan_function(subject, upstream, kind, address, requests, warm_up, direct=None):
    endpoint = workload.KINDS[kind][0]
    return {"requests": requests, "warm_up": warm_up, "direct": direct, "function": {
        "command": subject.write_command(endpoint), "events": workload.list_events(kind),
        "environment": subjects.write_environment(subject, upstream, address)}}


def plan_direct(upstream, kind, address, bodies=None):
    endpoint = workload.KINDS[kind][0]
    return {"url": f"{upstream.addresses[address]}/v2/{endpoint}", "headers": TOKEN,
            "bodies": [str(workload.find_body(name)) for name in bodies or [kind]],
            "authority": str(upstream.folder / "ca.pem") if "tls" in address else None}


def plan_litellm(server, kind):
    path, body = LITELLM_PATHS[kind]
    return {"url": f"http://127.0.0.1:{server.port}{path}", "headers": LITELLM_TOKEN,
            "bodies": [str(workload.find_body(body))], "authority": None}


def measure_cold(upstream, results):
    for row, (address, rounds) in COLD.items():
        for number in range(shorten(rounds) + 1):
            for subject in subjects.list_functions(row):
                told = programs.drive(plan_function(subject, upstream, "chat", address, 1, 0))
                if number:  # the first round only fills the page cache
                    results.setdefault(row, {}).setdefault(subject.name, []).append(told)


def measure_emulated(upstream, results):
    event = workload.find_event("chat", 0).read_bytes()
    for number in range(shorten(EMULATED_ROUNDS) + 1):
        for subject in subjects.list_functions("cold start"):
            environment = {"PATH": os.environ["PATH"], **subjects.write_environment(subject, upstream, "plain 0")}
            took = emulator.time_first_answer(subject.write_command("chat"), environment, event)
            if number:
                results.setdefault(subject.name, []).append(took)


def measure_warm(upstream, results, servers):
    for row, (kind, address, requests, warm_up, rounds) in WARM.items():
        direct = plan_direct(upstream, kind, address)
        for _ in range(shorten(rounds)):
            for subject in subjects.list_functions(row):
                share = SLOW_SHARE if subject.is_slow and kind != "stream" else 1
                plan = plan_function(subject, upstream, kind, address, requests // share, warm_up // share, direct)
                results.setdefault(row, {}).setdefault(subject.name, []).append(programs.drive(plan))
            if address in servers and kind in LITELLM_PATHS:
                results.setdefault(row, {}).setdefault(subjects.LITELLM, []).append(
                    measure_litellm(servers[address], kind, direct, requests // SLOW_SHARE, warm_up // SLOW_SHARE))
        print(f"{time.monotonic() - BEGAN:4.0f} s {row}", flush=True)


def measure_litellm(server, kind, direct, requests, warm_up):
    """Asks the proxy and then the stand-in; one after the other, as it is a process of its own."""
    asked = {"requests": requests, "warm_up": warm_up, "function": None}
    through = programs.drive({**asked, "direct": plan_litellm(server, kind)})
    beside = programs.drive({**asked, "direct": direct})
    return {**through, "function": through["direct"], "direct": beside["direct"], "peak_kb": server.read_peak_kb()}


def measure_batches(upstream, results):
    """Times 960 texts: the first such request of a process, later ones, and ten calls at once by a plain client."""
    gateway = next(subject for subject in subjects.FUNCTIONS if subject.name == "gateway")
    parts = [f"part {part}" for part in range(10)]
    for _ in range(shorten(BATCH_ROUNDS)):
        told = programs.drive(plan_function(gateway, upstream, "embed 960", "tls 20", 6, 0))
        results.setdefault("gateway", []).append(told["function"]["whole_us"])
        direct = plan_direct(upstream, "embed 96", "tls 20", parts)
        told = programs.drive({"requests": 6, "warm_up": 0, "function": None, "direct": direct})
        results.setdefault("direct", []).append(told["direct"]["whole_us"])


def shorten(rounds):
    return 1 if SHORT else rounds


def measure_package(subject):
    """Returns the bytes of a package as a zip, without what is in none: caches and pip."""
    target = places.WORK / "package.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        for item in map(pathlib.Path, subject.package):
            for file in [item] if item.is_file() else item.rglob("*"):
                parts = file.relative_to(item.parent).parts
                if file.is_file() and not {"__pycache__", "pip", "setuptools", ".npm"} & set(parts):
                    package.write(file, "/".join(parts))
    return target.stat().st_size


def main():
    places.WORK.mkdir(parents=True, exist_ok=True)
    workload.write_files()
    results = {"load": os.getloadavg()[0], "machine": places.describe_machine(), "warm": {}, "cold": {}, "emulated": {},
               "batches": {}}
    with programs.open_upstream() as upstream:
        measure_cold(upstream, results["cold"])
        measure_emulated(upstream, results["emulated"])
        print(f"{time.monotonic() - BEGAN:4.0f} s cold starts", flush=True)
        server = programs.Server(upstream, "plain 0")
        try:
            measure_warm(upstream, results["warm"], {"plain 0": server})
            results["litellm_start_ms"] = server.start_ms
        finally:
            server.close()
        measure_batches(upstream, results["batches"])
    results["counts"] = counts.count_all()
    print(f"{time.monotonic() - BEGAN:4.0f} s counts", flush=True)
    results["zip"] = {subject.name: measure_package(subject) for subject in subjects.FUNCTIONS if subject.package}
    results["load_after"], results["secs"] = os.getloadavg()[0], time.monotonic() - BEGAN
    date = datetime.date.today().isoformat()
    folder = places.TARGET / "short" if SHORT else places.RESULTS / date
    folder.mkdir(parents=True, exist_ok=True)
    (places.TARGET / "raw.json").write_text(json.dumps(results))
    write_results(results, folder, date)
    print(f"{time.monotonic() - BEGAN:4.0f} s {folder.relative_to(places.ROOT)}")


def write_results(results, folder, date):
    summary = report.summarise(results)
    (folder / "results.md").write_text(report.write_page(results, summary, date))
    plots.draw_all(summary, folder)
    if not SHORT:
        page.write_page(results, summary, date)


BEGAN = time.monotonic()
if __name__ == "__main__":
    main()
