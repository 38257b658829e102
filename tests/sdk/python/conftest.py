"""Each test runs twice, with the synchronous and the asynchronous client, behind one small face.

A caller makes one call with a client of its own, so that nothing is left over from the call before.
`fault` asks the Cohere sandbox to fail this client's requests: the gateway passes the client's name
on, and the sandbox reads its orders there.
"""

import asyncio
import os
from collections import Counter

import cohere
import pytest

URL = os.environ["GATEWAY_URL"]
TOKEN = os.environ["GATEWAY_TOKEN"]
SDK_MAJOR = int(cohere.__version__.split(".")[0])


class Caller:
    """The calls of a v2 client, with the same answers from either kind of it."""

    def __init__(self, kind, *, token=TOKEN, fault=None, retries=0, headers=None, **options):
        self.kind = kind
        self.options = {"api_key": token, "base_url": URL, **options}
        if fault:
            self.options["client_name"] = f"fault {fault}"
        self.request_options = {"max_retries": retries, "additional_headers": headers or {}}

    def chat(self, **request):
        return self._call("chat", request)

    def embed(self, **request):
        return self._call("embed", request)

    def rerank(self, **request):
        return self._call("rerank", request)

    def stream(self, take=None, **request):
        """All events of a streamed chat, or the first ones, after which the stream is given up."""
        request = self._with_defaults("chat", request)
        if self.kind == "sync":
            with self.sync_client() as client:
                return _take(client.chat_stream(**request), take)

        async def run():
            async with self.async_client() as client:
                return await _take_async(client.chat_stream(**request), take)

        return asyncio.run(run())

    def headers(self, method, **request):
        """Response headers of one call."""
        request = self._with_defaults(method, request)
        if self.kind == "sync":
            with self.sync_client() as client:
                return getattr(client.with_raw_response, method)(**request).headers

        async def run():
            async with self.async_client() as client:
                return (await getattr(client.with_raw_response, method)(**request)).headers

        return asyncio.run(run())

    def at_once(self, method, requests):
        """Answers of requests that are all under way at the same time, in their order."""

        async def run():
            async with self.async_client() as client:
                call = getattr(client, method)
                return await asyncio.gather(*(call(**self._with_defaults(method, one)) for one in requests))

        return asyncio.run(run())

    def sync_client(self):
        return cohere.ClientV2(**self.options)

    def async_client(self):
        return cohere.AsyncClientV2(**self.options)

    def _call(self, method, request):
        request = self._with_defaults(method, request)
        if self.kind == "sync":
            with self.sync_client() as client:
                return getattr(client, method)(**request)

        async def run():
            async with self.async_client() as client:
                return await getattr(client, method)(**request)

        return asyncio.run(run())

    def _with_defaults(self, method, request):
        model = {"chat": "command-a-03-2025", "embed": "embed-v4.0", "rerank": "rerank-v3.5"}[method]
        return {"model": model, "request_options": self.request_options, **request}


def _take(stream, count):
    events = []
    for event in stream:
        events.append(event)
        if len(events) == count:
            stream.close()
            break
    return events


async def _take_async(stream, count):
    events = []
    async for event in stream:
        events.append(event)
        if len(events) == count:
            await stream.aclose()
            break
    return events


# What the gateway has cached must not stand in for an answer.
FRESH = {"x-gateway-cache": "no-store"}


def user(text):
    return [{"role": "user", "content": text}]


@pytest.fixture(params=["sync", "async"])
def caller(request):
    """Makes callers of both kinds: `caller()` for a plain one, `caller(fault="status=503")` …"""
    return lambda **options: Caller(request.param, **options)


@pytest.fixture
def gateway(caller):
    return caller()


def pytest_addoption(parser):
    parser.addoption("--counts", help="file that gets the numbers of passed and failed tests")


outcomes = Counter()


def pytest_runtest_logreport(report):
    if report.failed:
        outcomes["failed"] += 1
    elif report.when == "call" and report.passed:
        outcomes["passed"] += 1


def pytest_collectreport(report):
    outcomes["failed"] += report.failed


def pytest_sessionfinish(session):
    if counts := session.config.getoption("--counts"):
        with open(counts, "w") as file:
            print(outcomes["passed"], outcomes["failed"], file=file)
