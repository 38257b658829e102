"""Requests generated from Cohere's OpenAPI document: none meets a server error, and every answer is as the document says.

Half of them follow the document and half break it. Most name a model that the sandbox has, so that they get past the
first check. Usage: check.py DOCUMENT COUNT, with GATEWAY_URL and GATEWAY_TOKEN set.
"""

import json
import os
import sys
from collections import Counter

import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

STATUS_CHECKS = [not_a_server_error, status_code_conformance]
CHECKS = STATUS_CHECKS + [content_type_conformance, response_headers_conformance, response_schema_conformance]
MODELS = {
    "/v2/chat": ["command-a-03-2025", "command-r7b-12-2024", "command-a-reasoning-08-2025", "command-r-03-2024"],
    "/v2/embed": ["embed-v4.0", "embed-english-v3.0", "embed-v5.0-pro"],
    "/v2/rerank": ["rerank-v3.5", "rerank-v5.0-fast"],
}
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
SHOWN_FAILURES = 10
LEAST_ANSWERED = 0.03


def read_document(path):
    """Reads the document, changed where recordings of the real API disagree, as tests/integration/schema does."""
    with open(path, encoding="utf-8") as file:
        document = yaml.safe_load(file)
    schemas = document["components"]["schemas"]
    # `api_version` stands in `meta`, and nowhere else.
    schemas["EmbedByTypeResponse"]["required"].remove("api_version")
    # Names fields that its own properties do not have.
    logprobs = schemas["LogprobItem"]
    assert not set(logprobs["required"]) <= set(logprobs["properties"])
    del logprobs["required"]
    assert restore_off(document) > 0
    assert follow_discriminators(document) > 0
    return document


def restore_off(node):
    """Turns `false` among the values of an `enum` back into the `OFF` that an older YAML made it of."""
    if isinstance(node, list):
        return sum(restore_off(child) for child in node)
    if not isinstance(node, dict):
        return 0
    restored = sum(restore_off(child) for child in node.values())
    values = node.get("enum")
    if isinstance(values, list) and False in values:
        node["enum"] = ["OFF" if value is False else value for value in values]
        restored += 1
    return restored


def follow_discriminators(node):
    """Ties each alternative to its name: validators do not read discriminators, and without them several fit."""
    if isinstance(node, list):
        return sum(follow_discriminators(child) for child in node)
    if not isinstance(node, dict):
        return 0
    followed = sum(follow_discriminators(child) for child in node.values())
    discriminator = node.get("discriminator")
    if "oneOf" in node and isinstance(discriminator, dict) and "mapping" in discriminator:
        field = discriminator["propertyName"]
        node["oneOf"] = [
            {"allOf": [{"$ref": reference}, {"properties": {field: {"const": name}}, "required": [field]}]}
            for name, reference in discriminator["mapping"].items()
        ]
        del node["discriminator"]
        followed += 1
    return followed


class Tally:
    """What has been sent and answered."""

    def __init__(self):
        self.passed, self.failures, self.statuses = 0, [], Counter()

    def add(self, case, response, problem):
        self.statuses[(case.operation.path, response.status_code)] += 1
        if problem is None:
            self.passed += 1
            return
        self.failures.append(problem)
        if len(self.failures) <= SHOWN_FAILURES:
            print(f"\nFAILED {case.operation.path}: {problem}")
            print(f"  sent:     {case.body!r:.2000}")
            print(f"  answered: {response.status_code} {shorten(response.text)}", flush=True)


def settle(body, path, choice):
    """Takes out of a request what the document lets stand together, or be empty, and Cohere does not."""
    if path == "/v2/chat":
        if not any(isinstance(message.get("content"), str) for message in body["messages"]):
            body["messages"] = [{"role": "user", "content": "What is the tide?"}]
        body["messages"] = [message for message in body["messages"] if message["role"] != "tool"] or body["messages"]
        if body.get("max_tokens", 1) < 1:
            del body["max_tokens"]
    elif path == "/v2/embed":
        kept = choice.draw(st.sampled_from(["texts", "texts", "images", "inputs"]))
        for source in {"texts", "images", "inputs"} - {kept}:
            body.pop(source, None)
        if kept == "texts":
            body["texts"] = [text or "tide" for text in body.get("texts", ["moon"])]
        if choice.draw(st.booleans()):
            body.pop("output_dimension", None)
    else:
        body["query"] = body["query"].strip() or "tide"
        body["documents"] = body["documents"] or ["moon"]


def shorten(text):
    return text if len(text) < 1000 else f"{text[:500]} … {text[-500:]}"


def find_problem(case, response):
    """Returns what is wrong with an answer, or None."""
    is_stream = response.headers.get("content-type", "").startswith("text/event-stream")
    # The document lists the events of a stream under JSON; `tests/integration/schema.rs` checks them one by one.
    checks = STATUS_CHECKS if is_stream else CHECKS
    try:
        case.validate_response(response, checks=checks)
    except FailureGroup as group:
        return "; ".join(f"{failure.title}: {failure.message}"[:500] for failure in group.exceptions)
    if is_stream:
        return None if response.content.endswith(b"data: [DONE]\n\n") else "the stream has no end"
    try:
        body = response.json()
    except ValueError:
        return "the answer is not JSON"
    if response.status_code != 200 and not {"id", "message", "code"} <= set(body):
        return "the error has not the form of all errors"
    return None


def send_generated(operation, mode, count, tally, session):
    """Sends `count` requests of one operation that follow the document, or break it."""

    @seed(int(os.environ.get("SEED", "1")))
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), choice=st.data())
    def send(case, choice):
        if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
            if choice.draw(st.sampled_from([True, True, True, False])):
                case.body["model"] = choice.draw(st.sampled_from(MODELS[operation.path]))
                if mode is GenerationMode.POSITIVE:
                    settle(case.body, operation.path, choice)
        token = {"Authorization": f"Bearer {os.environ['GATEWAY_TOKEN']}"}
        request = case.as_transport_kwargs(base_url=os.environ["GATEWAY_URL"], headers=token)
        # Sent from here: schemathesis itself does not read a stream to its end.
        response = session.request(**request, timeout=30)
        tally.add(case, response, find_problem(case, response))

    send()


def main(document, count):
    schema = schemathesis.openapi.from_dict(read_document(document))
    tally, session = Tally(), requests.Session()
    session.trust_env = False
    share = -(-count // (len(MODELS) * len(MODES)))
    for path in MODELS:
        for mode in MODES:
            send_generated(schema[path]["POST"], mode, share, tally, session)
    for (path, status), number in sorted(tally.statuses.items()):
        print(f"{path} {status}: {number}")
    for path in MODELS:
        if tally.statuses[(path, 200)] < LEAST_ANSWERED * count / len(MODELS):
            tally.failures.append(f"{path}: too few requests were answered to tell anything")
            print(f"FAILED {tally.failures[-1]}")
    print(f"{tally.passed} passed, {len(tally.failures)} failed")
    return 0 if tally.passed >= count and not tally.failures else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
