"""Instructions and system calls of a warm request, of the gateway and of the floors, counted alike."""

import concurrent.futures
import sys

import places

sys.path.insert(0, str(places.BENCH / "counts"))
import count  # noqa: E402

KINDS = ("chat", "stream", "embed 96")
FLOORS = ("floor-bare", "floor-streamed")


def count_all():
    """Returns pairs of instructions and system calls by subject and kind."""
    found = {}
    for kind, write_body in count.CASES.items():
        endpoint = write_body(1)[0]
        programs = {"gateway": places.GATEWAY / endpoint}
        if kind in KINDS:
            programs |= {name: places.PROGRAMS / name for name in FLOORS}
        for name, program in programs.items():
            found.setdefault(name, {})[kind] = count_one(str(program), write_body)
    return found


def count_one(program, write_body):
    """Counts with both tools at once: neither depends on how fast the machine is."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = [pool.submit(count.count_per_request, counter, program, write_body)
                 for counter in (count.count_instructions, count.count_calls)]
        return [each.result() for each in found]
