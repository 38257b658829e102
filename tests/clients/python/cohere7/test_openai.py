import pytest
from asks import CHAT, EMBED, QUESTION, TEXTS
from openai import OpenAI, RateLimitError
from pydantic import BaseModel

CLIENT = "openai"
MESSAGES = [{"role": "user", "content": QUESTION}]
WEATHER = {
    "name": "get_weather",
    "description": "Tells the weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture
def client(url, token):
    # openai is pointed with:
    return OpenAI(base_url=f"{url}/compatibility/v1", api_key=token, max_retries=0)


def test_chat(client):
    answer = client.chat.completions.create(model=CHAT, messages=MESSAGES)
    assert "red fox" in answer.choices[0].message.content and answer.usage.total_tokens > 0


def test_stream(client):
    chunks = list(client.chat.completions.create(model=CHAT, messages=MESSAGES, stream=True))
    assert "red fox" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_tools(client):
    ask = [{"role": "user", "content": "weather in Paris?"}]
    tools = [{"type": "function", "function": WEATHER}]
    message = client.chat.completions.create(model=CHAT, messages=ask, tools=tools).choices[0].message
    assert message.tool_calls[0].function.name == "get_weather"


def test_structured(client):
    class City(BaseModel):
        name: str

    ask = [{"role": "user", "content": "Name a city."}]
    answer = client.chat.completions.parse(model=CHAT, messages=ask, response_format=City)
    assert answer.choices[0].message.parsed.name is not None


def test_embed(client):
    answer = client.embeddings.create(model=EMBED, input=TEXTS)
    assert [len(one.embedding) for one in answer.data] == [1536, 1536]


@pytest.mark.own_defect("it reads OpenAI's `data`, and Cohere's list says `models`", AssertionError)
def test_models(client):
    assert client.models.list().data


def test_lost(client, broken_stream):
    with broken_stream:
        list(client.chat.completions.create(model=CHAT, messages=MESSAGES, stream=True))
