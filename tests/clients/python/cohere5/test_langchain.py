from asks import CHAT, EMBED, QUERY, QUESTION, RERANK, TEXTS, get_weather
from langchain_cohere import ChatCohere, CohereEmbeddings, CohereRerank
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

CLIENT = "langchain-cohere"


def connect(url, token, **options):
    # langchain-cohere is pointed with:
    return ChatCohere(base_url=url, cohere_api_key=token, **options)


def test_chat(url, token):
    assert "red fox" in connect(url, token, model=CHAT).invoke(QUESTION).content


def test_models(url, token):
    """Without a model's name the client asks for Cohere's default one."""
    assert connect(url, token).invoke(QUESTION).content


def test_stream(url, token):
    chunks = list(connect(url, token, model=CHAT).stream(QUESTION))
    assert len(chunks) > 2
    assert "red fox" in "".join(chunk.content for chunk in chunks)


async def test_chat_async(url, token):
    assert "red fox" in (await connect(url, token, model=CHAT).ainvoke(QUESTION)).content


def test_tools(url, token):
    chat = connect(url, token, model=CHAT).bind_tools([tool(get_weather)])
    messages = [HumanMessage("weather in Paris?")]
    messages.append(chat.invoke(messages))
    (call,) = messages[-1].tool_calls
    assert call["name"] == "get_weather"
    messages.append(ToolMessage(get_weather("Paris"), tool_call_id=call["id"]))
    assert "rains in Paris" in chat.invoke(messages).content


def test_structured(url, token):
    class City(BaseModel):
        """A city."""

        name: str

    chat = connect(url, token, model=CHAT)
    assert isinstance(chat.with_structured_output(City, method="json_schema").invoke("Name a city."), City)


def test_embed(url, token):
    embeddings = CohereEmbeddings(model=EMBED, base_url=url, cohere_api_key=token)
    vectors = embeddings.embed_documents([f"{TEXTS[0]} {number}" for number in range(200)])
    assert len(vectors) == 200 and len(embeddings.embed_query(QUERY)) == len(vectors[0]) == 1536


def test_rerank(url, token):
    reranker = CohereRerank(model=RERANK, base_url=url, cohere_api_key=token, top_n=1)
    (best,) = reranker.compress_documents([Document(text) for text in TEXTS], QUERY)
    assert best.page_content == TEXTS[1]


def test_tokens(url, token):
    assert connect(url, token, model=CHAT).get_num_tokens(QUESTION) > 3


def test_lost(url, token, broken_stream):
    with broken_stream:
        chunks = list(connect(url, token, model=CHAT).stream(QUESTION))
        broken_stream.note_reason(chunks[-1].response_metadata["finish_reason"])
