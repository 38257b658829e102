from asks import CHAT, EMBED, QUERY, QUESTION, TEXTS, get_weather
from pydantic_ai import Agent, Embedder
from pydantic_ai.embeddings.cohere import CohereEmbeddingModel
from pydantic_ai.models.cohere import CohereModel
from pydantic_ai.providers.cohere import CohereProvider
import pytest

CLIENT = "pydantic-ai-slim"


@pytest.fixture
def provider(url, token, environ):
    # pydantic-ai-slim is pointed with:
    environ["CO_BASE_URL"] = url
    return CohereProvider(api_key=token)


async def test_chat(provider):
    assert "red fox" in (await Agent(CohereModel(CHAT, provider=provider)).run(QUESTION)).output


async def test_tools(provider):
    agent = Agent(CohereModel(CHAT, provider=provider), tools=[get_weather])
    assert "rains in" in (await agent.run("weather in Paris?")).output


async def test_embed(provider):
    embedder = Embedder(CohereEmbeddingModel(EMBED, provider=provider))
    answer = await embedder.embed_documents(TEXTS)
    assert [len(vector) for vector in answer.embeddings] == [1536, 1536]


async def test_tokens(provider):
    assert await Embedder(CohereEmbeddingModel(EMBED, provider=provider)).count_tokens(QUERY) > 3
