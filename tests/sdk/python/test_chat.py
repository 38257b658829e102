"""Chat, answered at once."""

import json

from conftest import user

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a place",
            "parameters": {
                "type": "object",
                "properties": {"place": {"type": "string"}},
                "required": ["place"],
            },
        },
    }
]
DOCUMENTS = [
    {"id": "tides", "data": {"title": "Tides", "text": "The moon pulls the sea and makes the tides."}},
    {"id": "bread", "data": {"title": "Bread", "text": "Bread rises because yeast makes gas."}},
]
REASONING_MODEL = "command-a-reasoning-08-2025"


def test_an_answer_has_text_reason_and_usage(gateway):
    answer = gateway.chat(messages=user("Name one planet."))
    assert answer.id
    assert answer.message.role == "assistant"
    assert answer.message.content[0].type == "text"
    assert answer.message.content[0].text
    assert answer.finish_reason == "COMPLETE"
    assert answer.usage.tokens.input_tokens > 0
    assert answer.usage.tokens.output_tokens > 0
    assert answer.usage.billed_units.output_tokens > 0


def test_a_call_without_model_gets_the_configured_one(gateway):
    # The SDK demands a model; an explicit null counts as absent at the gateway.
    headers = gateway.headers("chat", model=None, messages=user("Hello"))
    assert headers["x-gateway-model"].startswith("command-")


def test_headers_say_which_model_answered_in_how_many_attempts(gateway):
    headers = gateway.headers("chat", messages=user("Hello"))
    assert headers["x-gateway-model"] == "command-a-03-2025"
    assert headers["x-gateway-attempts"] == "1"
    assert headers["x-request-id"]


def test_explicit_nulls_count_as_absent(gateway):
    answer = gateway.chat(
        messages=user("Hello"), max_tokens=None, tools=None, documents=None, seed=None, k=None, p=None, thinking=None
    )
    assert answer.message.content[0].text


def test_max_tokens_reaches_cohere(gateway):
    answer = gateway.chat(messages=user("Write about the sea, the wind and the sky."), max_tokens=2)
    assert answer.finish_reason == "MAX_TOKENS"
    assert answer.usage.billed_units.output_tokens == 2


def test_tools_give_a_tool_call_with_json_arguments(gateway):
    answer = gateway.chat(messages=user("How is the weather in Oslo?"), tools=TOOLS, tool_choice="REQUIRED")
    assert answer.finish_reason == "TOOL_CALL"
    call = answer.message.tool_calls[0]
    assert call.id.startswith("get_weather_")
    assert call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments), dict)


def test_a_tool_result_is_answered_in_text(gateway):
    question = user("How is the weather in Oslo?")
    call = gateway.chat(messages=question, tools=TOOLS, tool_choice="REQUIRED").message
    messages = [
        *question,
        {"role": "assistant", "tool_plan": call.tool_plan, "tool_calls": call.tool_calls},
        {
            "role": "tool",
            "tool_call_id": call.tool_calls[0].id,
            "content": [{"type": "document", "document": {"data": '{"sky": "clear"}'}}],
        },
    ]
    answer = gateway.chat(messages=messages, tools=TOOLS)
    assert answer.message.content[0].text


def test_thinking_comes_before_the_text(gateway):
    answer = gateway.chat(model=REASONING_MODEL, messages=user("What is 2 and 2?"), thinking={"type": "enabled"})
    assert [block.type for block in answer.message.content] == ["thinking", "text"]
    assert answer.message.content[0].thinking
    assert answer.message.content[1].text


def test_citations_quote_the_answer_and_name_their_document(gateway):
    answer = gateway.chat(messages=user("What makes the tides of the sea?"), documents=DOCUMENTS)
    assert answer.message.citations
    for citation in answer.message.citations:
        text = answer.message.content[getattr(citation, "content_index", None) or 0].text
        assert text[citation.start : citation.end] == citation.text
        assert citation.sources[0].id in {"tides", "bread"}


def test_twenty_calls_at_once_each_get_their_own_answer(gateway):
    questions = [user(f"Repeat the word marker{number}") for number in range(20)]
    alone = [gateway.chat(messages=question).message.content[0].text for question in questions]
    together = gateway.at_once("chat", [{"messages": question} for question in questions])
    assert [answer.message.content[0].text for answer in together] == alone
    assert len(set(alone)) == 20
