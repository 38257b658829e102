import pytest
from agno.agent import Agent
from agno.knowledge.embedder.cohere import CohereEmbedder
from agno.models.cohere import Cohere
from asks import CHAT, EMBED, QUERY, QUESTION, get_weather

CLIENT = "agno"


@pytest.fixture
def model(url, token):
    # agno is pointed with:
    # export CO_API_URL=url
    return Cohere(id=CHAT, api_key=token)


def test_chat(model):
    assert "red fox" in Agent(model=model).run(QUESTION).content


def test_stream(model):
    events = list(Agent(model=model).run(QUESTION, stream=True))
    assert "red fox" in "".join(getattr(event, "content", None) or "" for event in events)


def test_tools(model):
    assert "rains in" in Agent(model=model, tools=[get_weather]).run("weather in Paris?").content


def test_embed(model, token):
    assert len(CohereEmbedder(id=EMBED, api_key=token).get_embedding(QUERY)) == 1536


def test_lost(model, broken_stream):
    with broken_stream:
        list(Agent(model=model).run(QUESTION, stream=True))
