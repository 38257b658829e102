from asks import CHAT, EMBED, QUERY, QUESTION, RERANK, TEXTS, get_weather
from haystack import Document
from haystack.dataclasses import ChatMessage
from haystack.tools import create_tool_from_function
from haystack.utils import Secret
from haystack_integrations.components.embedders.cohere import CohereDocumentEmbedder, CohereTextEmbedder
from haystack_integrations.components.generators.cohere import CohereChatGenerator
from haystack_integrations.components.rankers.cohere import CohereRanker

CLIENT = "cohere-haystack"


def connect(component, url, token, **options):
    # cohere-haystack is pointed with:
    return component(api_base_url=url, api_key=Secret.from_token(token), **options)


def test_chat(url, token):
    chat = connect(CohereChatGenerator, url, token, model=CHAT)
    assert "red fox" in chat.run([ChatMessage.from_user(QUESTION)])["replies"][0].text


def test_stream(url, token):
    chunks = []
    chat = connect(CohereChatGenerator, url, token, model=CHAT, streaming_callback=chunks.append)
    reply = chat.run([ChatMessage.from_user(QUESTION)])["replies"][0]
    assert reply.text == "".join(chunk.content for chunk in chunks) and len(chunks) > 2
    assert reply.meta["finish_reason"]


def test_tools(url, token):
    chat = connect(CohereChatGenerator, url, token, model=CHAT, tools=[create_tool_from_function(get_weather)])
    messages = [ChatMessage.from_user("weather in Paris?")]
    messages += chat.run(messages)["replies"]
    (call,) = messages[-1].tool_calls
    messages.append(ChatMessage.from_tool(get_weather("Paris"), origin=call))
    assert "rains in Paris" in chat.run(messages)["replies"][0].text


def test_embed(url, token):
    documents = [Document(content=f"{TEXTS[0]} {number}") for number in range(40)]
    documents = connect(CohereDocumentEmbedder, url, token, model=EMBED).run(documents)["documents"]
    assert all(len(document.embedding) == 1536 for document in documents)
    assert len(connect(CohereTextEmbedder, url, token, model=EMBED).run(QUERY)["embedding"]) == 1536


def test_rerank(url, token):
    ranker = connect(CohereRanker, url, token, model=RERANK, top_k=1)
    (best,) = ranker.run(QUERY, [Document(content=text) for text in TEXTS])["documents"]
    assert best.content == TEXTS[1]


def test_lost(url, token, broken_stream):
    with broken_stream:
        chat = connect(CohereChatGenerator, url, token, model=CHAT, streaming_callback=lambda chunk: None)
        reply = chat.run([ChatMessage.from_user(QUESTION)])["replies"][0]
        if reason := reply.meta.get("finish_reason"):
            broken_stream.note_reason(reason)
