"""Every failure arrives as the SDK's own exception, with a JSON body of id, message and code."""

import time

import cohere
import cohere.errors
import httpx
import pytest
from cohere.core.api_error import ApiError
from conftest import SDK_MAJOR, user

errors = cohere.errors

# What the sandbox is told to answer → what the caller must see. The models take turns, so that no
# model collects the five failures in a row that would open its circuit breaker.
FAULTS = {
    "status=400": (errors.BadRequestError, 400, "invalid_request"),
    "status=403": (errors.ForbiddenError, 403, "invalid_request"),
    "status=422": (errors.UnprocessableEntityError, 422, "invalid_request"),
    "status=500": (errors.InternalServerError, 500, "upstream_error"),
    "status=501": (errors.NotImplementedError, 501, "upstream_error"),
    "status=503": (errors.ServiceUnavailableError, 503, "upstream_error"),
    "status=504": (errors.GatewayTimeoutError, 504, "upstream_error"),
    "status=502": (ApiError, 502, "upstream_error"),
    "status=499": (errors.ServiceUnavailableError, 503, "upstream_error"),
    "status=401": (ApiError, 502, "upstream_auth"),
    "status=498": (errors.InvalidTokenError, 498, "invalid_request"),
    "status=402": (ApiError, 502, "upstream_billing"),
    "html": (ApiError, 502, "upstream_error"),
    "malformed": (ApiError, 502, "upstream_malformed"),
}
MODELS = ["command-a-03-2025", "command-r7b-12-2024", "command-r-08-2024", "command-r-plus-08-2024"]


def assert_contract(error, status, code):
    assert error.status_code == status
    assert isinstance(error.body, dict), error.body
    assert error.body["id"] and error.body["message"], error.body
    assert error.body["code"] == code


@pytest.mark.parametrize("fault", FAULTS)
def test_upstream_failures_have_their_class(caller, fault):
    kind, status, code = FAULTS[fault]
    model = MODELS[list(FAULTS).index(fault) % len(MODELS)]
    with pytest.raises(ApiError) as caught:
        caller(fault=fault).chat(model=model, messages=user("Hello"))
    assert type(caught.value) is kind
    assert_contract(caught.value, status, code)


@pytest.mark.parametrize("endpoint", ["embed", "rerank"])
def test_the_other_endpoints_fail_alike(caller, endpoint):
    request = {
        "embed": {"texts": ["not cached yet"], "input_type": "search_query"},
        "rerank": {"query": "not cached yet", "documents": ["sea"]},
    }[endpoint]
    with pytest.raises(errors.ServiceUnavailableError) as caught:
        getattr(caller(fault="status=503"), endpoint)(**request)
    assert_contract(caught.value, 503, "upstream_error")


def test_an_unknown_model_is_not_found_in_coheres_words(gateway):
    with pytest.raises(errors.NotFoundError) as caught:
        gateway.chat(model="command-nonsense", messages=user("Hello"))
    assert caught.value.body["message"].startswith("model 'command-nonsense' not found")
    assert caught.value.body["id"] and caught.value.body["code"]


def test_a_missing_input_type_is_refused_with_its_name(gateway):
    with pytest.raises(errors.BadRequestError) as caught:
        gateway.embed(texts=["sea"], input_type=None)
    assert_contract(caught.value, 400, "invalid_request")
    assert "input_type" in caught.value.body["message"]


WRONG_TOKENS = ["cgw_not_a_secret_wrong", "a Cohere key would go here"]
if SDK_MAJOR > 5:  # which cannot send a request without a token
    WRONG_TOKENS.append("")


@pytest.mark.parametrize("token", WRONG_TOKENS)
def test_a_wrong_or_missing_token_is_told_what_is_expected(caller, token):
    with pytest.raises(errors.UnauthorizedError) as caught:
        caller(token=token).chat(messages=user("Hello"))
    assert_contract(caught.value, 401, "unauthorized")
    assert "token of this gateway" in caught.value.body["message"]


def test_an_own_short_deadline_is_a_gateway_timeout(caller):
    hurried = caller(fault="delay_ms=5000", headers={"x-gateway-timeout-ms": "300"})
    began = time.monotonic()
    with pytest.raises(errors.GatewayTimeoutError) as caught:
        hurried.chat(model="command-r7b-12-2024", messages=user("Hello"))
    assert_contract(caught.value, 504, "deadline")
    assert time.monotonic() - began < 3


def test_a_rate_limit_says_how_long_to_rest_and_the_sdk_rests(caller):
    # Longer than the gateway itself would wait, so that it is the caller who hears of it.
    limited = {"fault": "status=429 header=retry-after:3"}
    request = {"model": "command-r-08-2024", "messages": user("Hello")}
    with pytest.raises(errors.TooManyRequestsError) as caught:
        caller(**limited).chat(**request)
    assert_contract(caught.value, 429, "rate_limited")
    rest = int(caught.value.headers["retry-after"])
    assert 1 <= rest <= 5
    began = time.monotonic()
    with pytest.raises(errors.TooManyRequestsError):
        caller(retries=1, **limited).chat(**request)
    assert time.monotonic() - began >= 0.9


def test_max_retries_counts_the_sdks_own_attempts(caller):
    def attempts(retries):
        calls = []

        async def count(response):
            calls.append(response.status_code)

        failing = caller(fault="status=503", retries=retries)
        if failing.kind == "async":
            failing.options["httpx_client"] = httpx.AsyncClient(event_hooks={"response": [count]})
        else:
            hook = lambda response: calls.append(response.status_code)  # noqa: E731
            failing.options["httpx_client"] = httpx.Client(event_hooks={"response": [hook]})
        with pytest.raises(errors.ServiceUnavailableError):
            failing.chat(model="command-r-plus-08-2024", messages=user("Hello"))
        return calls

    assert attempts(retries=0) == [503]
    assert attempts(retries=1) == [503, 503]


def test_the_sdks_own_timeout_is_its_read_timeout(caller):
    with pytest.raises(httpx.ReadTimeout):
        caller(fault="delay_ms=3000", timeout=0.5).chat(messages=user("Hello"))


def test_a_path_that_is_not_served_is_a_json_404(caller):
    with caller().sync_client() as client, pytest.raises(errors.NotFoundError) as caught:
        client.datasets.list()
    assert_contract(caught.value, 404, "not_found")
