"""What is measured: the gateway, the floors, and what somebody would write or install instead."""

import dataclasses
import os
import pathlib

import places

SYSTEM_ROOTS = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


@dataclasses.dataclass(frozen=True)
class Subject:
    name: str
    label: str
    command: tuple  # with {endpoint} where each endpoint has a program of its own
    streams: bool
    package: tuple  # files and folders that would be deployed
    environment: dict = dataclasses.field(default_factory=dict)
    is_gateway: bool = False
    rows: tuple = ()  # the only rows it is measured in, where there are some
    is_slow: bool = False  # a round makes a quarter of the requests

    def write_command(self, endpoint):
        return [str(part).format(endpoint=endpoint) for part in self.command]


def floor(name, label, streams=False):
    # The streamed one waits 40 ms at each short answer.
    return Subject(name, label, (places.PROGRAMS / name,), streams, (places.PROGRAMS / name,), is_slow=streams)


UNCACHED = "gateway-uncached"
PEER_ROWS = ("cold start", "cold start, TLS", "chat", "chat, TLS", "embed 96", "rerank 1000")
LITELLM = "litellm"
FUNCTIONS = [
    floor("floor-bare", "floor: forwards, key given"),
    floor("floor-keyed", "floor: forwards, key read by the SDK of AWS"),
    floor("floor-streamed", "floor: forwards a stream, key given", streams=True),
    Subject("gateway", "**the gateway**", (places.GATEWAY / "{endpoint}",), True, (places.GATEWAY / "chat",), is_gateway=True),
    Subject(UNCACHED, "the gateway without its cache", (places.GATEWAY / "{endpoint}",), True, (),
            {"GATEWAY_CACHE_BYTES": "0"}, is_gateway=True, rows=("embed 96",)),
    Subject("python", "Python with Cohere's SDK", (places.PYTHON, "-m", "awslambdaric", "handler.handler"), False,
            (places.TARGET / "python" / "lib", places.BENCH / "peers" / "python" / "handler.py"),
            {"PYTHONPATH": str(places.BENCH / "peers" / "python")}, rows=PEER_ROWS, is_slow=True),
    Subject("node", "Node with Cohere's SDK", ("node", places.NODE / "runtime.js"), False, (places.NODE,),
            rows=PEER_ROWS, is_slow=True),
]
LABELS = {subject.name: subject.label for subject in FUNCTIONS} | {LITELLM: "LiteLLM's proxy (a server)"}


def list_functions(row):
    """Returns the functions that are measured in a row."""
    return [subject for subject in FUNCTIONS if (not subject.rows or row in subject.rows) and (subject.streams or "stream" not in row)]


def write_environment(subject, upstream, address):
    """Returns the whole environment of a function which asks this address of the stand-in."""
    return {
        "AWS_LAMBDA_FUNCTION_NAME": "measured", "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_LOG_GROUP_NAME": "g", "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        "AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH": "true", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "not-a-key", "AWS_SECRET_ACCESS_KEY": "not-a-key", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": upstream.addresses["plain 0"], "COHERE_API_KEY": "not-a-key-of-anyone",
        "GATEWAY_UPSTREAM_URL": upstream.addresses[address], "GATEWAY_SECRET_ID": "key",
        **trust(upstream, subject.name, subject.is_gateway), **subject.environment,
        **({"GATEWAY_RATES": "embed=100000000,rerank=100000000,chat=100000000"} if subject.is_gateway else {})}


def trust(upstream, name, is_gateway=False):
    """Returns the variables by which a program trusts the stand-in's authority, beside those of the system."""
    if is_gateway:
        return {"GATEWAY_TEST_CA": (upstream.folder / "ca.hex").read_text()}
    bundle = upstream.folder / "roots.pem"
    if not bundle.exists():
        system = SYSTEM_ROOTS.read_text() if SYSTEM_ROOTS.exists() else ""
        bundle.write_text(system + (upstream.folder / "ca.pem").read_text())
    if name == "node":
        return {"NODE_EXTRA_CA_CERTS": str(upstream.folder / "ca.pem")}
    return {"SSL_CERT_FILE": str(bundle)}


def write_litellm_environment(upstream, address):
    url = upstream.addresses[address]
    return {**os.environ, **trust(upstream, LITELLM), "COHERE_API_KEY": "not-a-key-of-anyone",
            "COHERE_CHAT_URL": f"{url}/v2/chat", "COHERE_EMBED_URL": f"{url}/v2/embed", "COHERE_RERANK_URL": f"{url}/v2/rerank",
            "COHERE_API_BASE": url, "LITELLM_MASTER_KEY": "sk-not-a-key-of-anyone", "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_DOCS": "True"}
