import litellm
import pytest
from asks import CHAT, EMBED, QUERY, QUESTION, RERANK, TEXTS

CLIENT = "litellm"
WEATHER = {
    "name": "get_weather",
    "description": "Tells the weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
TOOLS = [{"type": "function", "function": WEATHER}]


def complete(url, token, messages, **options):
    # litellm is pointed with:
    return litellm.completion(f"cohere_chat/{CHAT}", messages, api_base=f"{url}/v2/chat", api_key=token, **options)


def user(text):
    return [{"role": "user", "content": text}]


def test_chat(url, token):
    assert "red fox" in complete(url, token, user(QUESTION)).choices[0].message.content


def test_stream(url, token):
    chunks = list(complete(url, token, user(QUESTION), stream=True))
    assert "red fox" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop" and len(chunks) > 2


async def test_stream_async(url, token):
    api_base = f"{url}/v2/chat"
    stream = await litellm.acompletion(
        f"cohere_chat/{CHAT}", user(QUESTION), api_base=api_base, api_key=token, stream=True
    )
    assert "red fox" in "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


def test_tools(url, token):
    answer = complete(url, token, user("weather in Paris?"), tools=TOOLS)
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"


def test_tools_streamed(url, token):
    stream = complete(url, token, user("weather in Paris?"), tools=TOOLS, stream=True)
    answer = litellm.stream_chunk_builder(list(stream))
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"


@pytest.mark.own_defect("it supports no response_format for Cohere's chat", litellm.UnsupportedParamsError)
def test_structured(url, token):
    complete(url, token, user("Name a city."), response_format={"type": "json_object"})


def test_embed(url, token):
    answer = litellm.embedding(f"cohere/{EMBED}", TEXTS, api_base=f"{url}/v2/embed", api_key=token)
    assert [len(one["embedding"]) for one in answer.data] == [1536, 1536]


def test_rerank(url, token):
    answer = litellm.rerank(f"cohere/{RERANK}", QUERY, TEXTS, api_base=url, api_key=token)
    assert answer.results[0]["index"] == 1


def test_lost(url, token, broken_stream):
    with broken_stream:
        chunks = list(complete(url, token, user(QUESTION), stream=True))
        broken_stream.note_reason(chunks[-1].choices[0].finish_reason)
