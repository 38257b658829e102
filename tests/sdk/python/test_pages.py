"""The Python blocks of the documents run as they stand, one program a page: first the README's block, whose client
the other pages go on with. Only address and token are those of the gateway under test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
START = "README.md"
PLACES = {
    "http://127.0.0.1:8080": os.environ["GATEWAY_URL"],
    "cgw_local_token_of_this_machine_only": os.environ["GATEWAY_TOKEN"],
}


def read_blocks(page):
    parts = (ROOT / page).read_text().split("\n```python\n")[1:]
    return [part.split("\n```")[0] for part in parts]


def make_program(page):
    blocks = read_blocks(START) + (read_blocks(page) if page != START else [])
    program = "\n".join(blocks)
    for documented, own in PLACES.items():
        assert documented in program
        program = program.replace(documented, own)
    return program


@pytest.mark.parametrize(
    ("page", "seen"),
    [
        (START, ["command-a-03-2025 1"]),
        ("docs/using.md", ["2 vectors, from the cache: ", "404 invalid_request "]),
        ("docs/headers.md", ["bypass 1"]),
    ],
)
def test_blocks_run_as_they_stand(page, seen):
    assert read_blocks(page), f"{page} has no block"
    done = subprocess.run([sys.executable, "-c", make_program(page)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for text in seen:
        assert text in done.stdout, done.stdout
