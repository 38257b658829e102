"""Streamed chat: the order of the events, and that together they are the answer given at once."""

import json
import re

import cohere
import cohere.errors
import pytest
from conftest import user
from test_chat import DOCUMENTS, REASONING_MODEL, TOOLS

TEXT_BLOCK = "content-start (content-delta )+content-end "
CITED_BLOCK = "content-start (content-delta |citation-start citation-end )+content-end "
ORDERS = {
    "text": f"message-start {TEXT_BLOCK}message-end ",
    "thinking": f"message-start {TEXT_BLOCK}{TEXT_BLOCK}message-end ",
    "tools": "message-start (tool-plan-delta )*(tool-call-start (tool-call-delta )*tool-call-end )+message-end ",
    "citations": f"message-start {CITED_BLOCK}message-end ",
}
REQUESTS = {
    "text": {"messages": user("Name one planet.")},
    "thinking": {
        "model": REASONING_MODEL,
        "messages": user("What is 2 and 2?"),
        "thinking": {"type": "enabled"},
    },
    "tools": {"messages": user("How is the weather in Oslo?"), "tools": TOOLS, "tool_choice": "REQUIRED"},
    "citations": {"messages": user("What makes the tides of the sea?"), "documents": DOCUMENTS},
}
UGLY_TEXTS = [
    "grüße 👩‍👩‍👧 family 🇳🇴 flag",
    "潮汐由月亮引起 です 조수",
    "the mark [DONE] stands in the text and data: [DONE] too",
    'quotes " and \\ backslash',
    "line \u2028 separator",
]


def order(events):
    return "".join(f"{event.type} " for event in events)


def assemble(events):
    """The answer that the events describe, in the shape of `told`: arguments differ in their spaces."""
    blocks, calls, citations, plan = {}, {}, [], ""
    for event in events:
        message = event.delta.message if event.type not in _WITHOUT_MESSAGE else None
        match event.type:
            case "content-start":
                blocks[event.index] = [message.content.type, ""]
            case "content-delta":
                blocks[event.index][1] += message.content.text or message.content.thinking or ""
            case "tool-plan-delta":
                plan += message.tool_plan
            case "tool-call-start":
                function = message.tool_calls.function
                calls[event.index] = [function.name, function.arguments or ""]
            case "tool-call-delta":
                calls[event.index][1] += message.tool_calls.function.arguments
            case "citation-start":
                citations.append((message.citations.start, message.citations.end, message.citations.text))
    end = events[-1].delta
    return [
        [tuple(block) for _, block in sorted(blocks.items())],
        plan,
        [(name, json.loads(arguments)) for _, (name, arguments) in sorted(calls.items())],
        sorted(citations),
        end.finish_reason,
        (end.usage.tokens.input_tokens, end.usage.tokens.output_tokens),
    ]


_WITHOUT_MESSAGE = {"content-end", "tool-call-end", "citation-end", "message-end"}


def told(answer):
    message = answer.message
    return [
        [(block.type, block.text if block.type == "text" else block.thinking) for block in message.content or []],
        message.tool_plan or "",
        [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []],
        sorted((citation.start, citation.end, citation.text) for citation in message.citations or []),
        answer.finish_reason,
        (answer.usage.tokens.input_tokens, answer.usage.tokens.output_tokens),
    ]


@pytest.mark.parametrize("kind", REQUESTS)
def test_events_come_in_order(gateway, kind):
    assert re.fullmatch(ORDERS[kind], order(gateway.stream(**REQUESTS[kind])))


@pytest.mark.parametrize("kind", REQUESTS)
def test_the_events_together_are_the_answer_given_at_once(gateway, kind):
    assert assemble(gateway.stream(**REQUESTS[kind])) == told(gateway.chat(**REQUESTS[kind]))


def test_the_id_is_in_the_first_event(gateway):
    events = gateway.stream(messages=user("Hello"))
    assert events[0].type == "message-start"
    assert events[0].id


def test_explicit_nulls_count_as_absent(gateway):
    events = gateway.stream(messages=user("Hello"), max_tokens=None, tools=None, seed=None, p=None)
    assert events[-1].delta.finish_reason == "COMPLETE"


@pytest.mark.parametrize("text", UGLY_TEXTS)
def test_any_text_survives_streaming(gateway, text):
    blocks = assemble(gateway.stream(messages=user(text)))[0]
    assert text in blocks[0][1]
    assert blocks == told(gateway.chat(messages=user(text)))[0]


@pytest.mark.parametrize("fault", ["split_utf8", "trickle_ms=2"])
def test_text_survives_however_cohere_cuts_its_bytes(caller, fault):
    # Version 5 of the SDK decodes each network chunk alone, so only whole events may be written.
    text = "潮汐 👩‍👩‍👧 grüße"
    blocks = assemble(caller(fault=fault).stream(messages=user(text)))[0]
    assert text in blocks[0][1]


def test_silence_is_kept_alive_unseen(caller):
    # Comments go out meanwhile; not one of them may look like an event.
    events = caller(fault="delay_ms=2500").stream(**REQUESTS["text"])
    assert assemble(events) == told(caller().chat(**REQUESTS["text"]))


def test_coheres_own_error_event_is_passed_on(caller):
    fault = "stream_error=INVALID_TOOL_GENERATION after_events=4"
    end = caller(fault=fault).stream(messages=user("Write about the sea, the wind and the sky."))[-1]
    assert end.type == "message-end"
    assert end.delta.finish_reason == "ERROR"
    assert "invalid tool generation" in end.delta.error


@pytest.mark.parametrize("fault", ["cut_after_events=4", "stall_after_events=4"])
def test_a_stream_that_breaks_ends_in_an_error_event(caller, fault):
    broken = caller(fault=fault, headers={"x-gateway-timeout-ms": "2000"})
    events = broken.stream(messages=user("Write about the sea, the wind and the sky."))
    end = events[-1]
    assert events[0].type == "message-start"
    assert end.type == "message-end"
    assert end.delta.finish_reason == "ERROR"
    assert end.delta.error
    assert (end.delta.usage.tokens.input_tokens, end.delta.usage.tokens.output_tokens) == (0, 0)


CANNOT_START = {
    "status=500": cohere.errors.InternalServerError,
    "stream_error=INVALID_TOOL_GENERATION": cohere.errors.UnprocessableEntityError,
}


@pytest.mark.parametrize("fault", CANNOT_START)
def test_a_stream_that_cannot_start_is_an_error_not_an_event(caller, fault):
    with pytest.raises(CANNOT_START[fault]):
        caller(fault=fault).stream(messages=user("Hello"))
