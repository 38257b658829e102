"""Cohere's own SDK, what it calls beside v2: its older class `Client` and the methods that v2 has none of."""

import cohere
import pytest
from asks import CHAT, CHAT_V1, EMBED, QUERY, QUESTION, RERANK, TEXTS, get_weather

CLIENT = "cohere"


@pytest.fixture
def client(url, token):
    # cohere is pointed with:
    return cohere.Client(base_url=url, api_key=token)


@pytest.fixture
def v2(url, token):
    return cohere.ClientV2(base_url=url, api_key=token)


def test_chat(v2):
    answer = v2.chat(model=CHAT, messages=[{"role": "user", "content": QUESTION}])
    assert "red fox" in answer.message.content[0].text


def test_stream(v2):
    events = list(v2.chat_stream(model=CHAT, messages=[{"role": "user", "content": QUESTION}]))
    assert events[0].type == "message-start" and events[-1].type == "message-end"


def test_embed(v2):
    answer = v2.embed(model=EMBED, texts=TEXTS, input_type="search_document", embedding_types=["float"])
    assert len(answer.embeddings.float_) == 2


def test_rerank(v2):
    assert v2.rerank(model=RERANK, query=QUERY, documents=TEXTS).results[0].index == 1


def test_chat_v1(client):
    assert "red fox" in client.chat(model=CHAT_V1, message=QUESTION).text


def test_stream_v1(client):
    events = list(client.chat_stream(model=CHAT_V1, message=QUESTION))
    assert events[0].event_type == "stream-start" and events[-1].event_type == "stream-end"
    assert "red fox" in "".join(event.text for event in events if event.event_type == "text-generation")


def test_tools_v1(client):
    city = {"city": {"type": "str", "description": "a city", "required": True}}
    tool = {"name": "get_weather", "description": "Tells the weather.", "parameter_definitions": city}
    (call,) = client.chat(model=CHAT_V1, message="weather in Paris?", tools=[tool]).tool_calls
    results = [{"call": call, "outputs": [{"weather": get_weather("Paris")}]}]
    answer = client.chat(model=CHAT_V1, message="weather in Paris?", tools=[tool], tool_results=results)
    assert "rains in Paris" in answer.text


def test_embed_v1(client):
    """The SDK splits by itself, and sends its parts at once."""
    texts = [f"{TEXTS[0]} {number}" for number in range(200)]
    answer = client.embed(model=EMBED, texts=texts, input_type="search_document")
    assert [len(vector) for vector in answer.embeddings] == [1536] * 200


def test_embed_v1_types(client):
    types = ["float", "int8"]
    answer = client.embed(model=EMBED, texts=TEXTS, input_type="search_query", embedding_types=types)
    assert len(answer.embeddings.float_) == len(answer.embeddings.int8) == 2


def test_rerank_v1(client):
    answer = client.rerank(model=RERANK, query=QUERY, documents=TEXTS, return_documents=True, top_n=1)
    assert answer.results[0].index == 1 and answer.results[0].document.text == TEXTS[1]


def test_tokens(client):
    tokens = client.tokenize(text=QUESTION, model=CHAT, offline=False).tokens
    assert client.detokenize(tokens=tokens, model=CHAT, offline=False).text == QUESTION


def test_models(client):
    assert CHAT in [model.name for model in client.models.list(endpoint="chat").models]
    assert client.models.get(CHAT).name == CHAT


def test_lost(v2, broken_stream):
    with broken_stream:
        events = list(v2.chat_stream(model=CHAT, messages=[{"role": "user", "content": QUESTION}]))
        broken_stream.note_reason(events[-1].delta.finish_reason)
