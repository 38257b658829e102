"""Where things lie, which versions they have, and which machine this is."""

import os
import pathlib
import platform
import re
import subprocess

BENCH = pathlib.Path(__file__).resolve().parents[1]
ROOT = BENCH.parent
TARGET = ROOT / "target" / "compare"
PROGRAMS = TARGET / "release"
GATEWAY = ROOT / "target" / "test-ca" / "release"
PYTHON = TARGET / "python" / "bin" / "python"
LITELLM = TARGET / "litellm" / "bin" / "litellm"
NODE = TARGET / "node"
EMULATOR = TARGET / "emulator" / "aws-lambda-rie"
WORK = TARGET / "work"
RESULTS = BENCH / "results"


def read_line(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip().splitlines()[0]


def describe_machine():
    """Returns what a reader needs to compare two runs, as pairs of name and value."""
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return [
        ("processor", f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores"),
        ("memory", f"{int(memory[1]) / 2**20:.0f} GiB"),
        ("system", f"Linux {platform.release().split('-')[0]}, {platform.machine()}"),
        ("Rust", read_line("rustc", "--version").split()[1]),
        ("Python", f"{platform.python_version()}, cohere {find_pin('python', 'cohere')}, awslambdaric {find_pin('python', 'awslambdaric')}"),
        ("Node", f"{read_line('node', '--version')[1:]}, cohere-ai {find_node_pin('cohere-ai')}"),
        ("LiteLLM", find_pin("litellm", "litellm")),
        ("AWS's emulator", f"that of aws-sam-cli {find_pin('emulator', 'aws-sam-cli')}"),
        ("lambda_http, reqwest", ", ".join(find_crate(name) for name in ("lambda_http", "reqwest"))),
        ("gateway", read_line("git", "log", "-1", "--format=%h", "--abbrev=12", "--", "functions", "shared", "Cargo.lock")),
    ]


def find_pin(folder, package):
    text = (BENCH / "peers" / folder / "requirements.txt").read_text()
    return re.search(rf"^{package}==(\S+)", text, re.M)[1]


def find_node_pin(package):
    text = (BENCH / "peers" / "node" / "package.json").read_text()
    return re.search(rf'"{package}": "(\S+)"', text)[1]


def find_crate(name):
    text = (BENCH / "compare" / "Cargo.lock").read_text()
    return re.search(rf'name = "{name}"\nversion = "(\S+)"', text)[1]
