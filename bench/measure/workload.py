"""The requests that are sent, as files: events for functions, bodies for servers."""

import sys

import places

sys.path.insert(0, str(places.BENCH / "counts"))
from stand_in import MODELS, compact, write_event  # noqa: E402

WORDS = "a quick brown fox jumps over the lazy dog near the river bank while rain falls on old stone roofs".split()
NEW_EVENTS = 100  # requests of one process that the cache cannot answer


def write_text(number):
    return " ".join(WORDS[(number + place) % len(WORDS)] for place in range(30)) + f" {number}"


def chat(_):
    return {"model": MODELS["chat"], "messages": [
        {"role": "system", "content": "You are brief."}, {"role": "user", "content": f"What is a model? {write_text(0)}"}]}


def stream(_):
    return {**chat(0), "stream": True}


def embed(first, count):
    return {"model": MODELS["embed"], "input_type": "search_document", "embedding_types": ["float"],
            "texts": [write_text(number) for number in range(first, first + count)]}


def rerank(number):
    return {"model": MODELS["rerank"], "query": f"stone {number}", "documents": [write_text(place) for place in range(1000)]}


KINDS = {
    "chat": ("chat", [chat(0)]),
    "stream": ("chat", [stream(0)]),
    "embed 96": ("embed", [embed(96 * number, 96) for number in range(NEW_EVENTS)]),
    "cached embed 96": ("embed", [embed(0, 96)]),
    "embed 960": ("embed", [embed(960 * number, 960) for number in range(12)]),
    "rerank 1000": ("rerank", [rerank(number) for number in range(NEW_EVENTS)]),
}


def write_files():
    """Writes the files of each kind, and ten parts for the direct calls of a request of 960 texts."""
    for kind, (endpoint, bodies) in KINDS.items():
        for number, body in enumerate(bodies):
            find_event(kind, number).write_bytes(write_event(endpoint, body))
        find_body(kind).write_text(compact(bodies[0]))
    for part in range(10):
        find_body(f"part {part}").write_text(compact(embed(96 * part, 96)))
    find_body("openai embed 96").write_text(compact(
        {"model": MODELS["embed"], "input": embed(0, 96)["texts"], "encoding_format": "float", "input_type": "search_document"}))


def find_event(kind, number):
    return places.WORK / f"{kind} {number}.event.json"


def find_body(kind):
    return places.WORK / f"{kind}.body.json"


def list_events(kind):
    return [str(find_event(kind, number)) for number in range(len(KINDS[kind][1]))]
