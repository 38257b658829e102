"""Requests of clients that no package registry has, or that cannot be run here, as their sources make them.

The first line of a test is its row in docs/clients.md.
"""

import json

import httpx
from asks import CHAT, CHAT_V1, EMBED, QUERY, QUESTION, RERANK, TEXTS


def send(url, token, path, body=None, **headers):
    headers = {"authorization": f"Bearer {token}", **headers}
    method = "GET" if body is None else "POST"
    return httpx.request(method, url + path, headers=headers, json=body, timeout=30)


def answer(*request, **headers):
    response = send(*request, **headers)
    assert response.status_code == 200, f"{response.status_code} {response.text}"
    return response.json()


def test_weaviate_reranker(url, token):
    """Weaviate reranker: POST /v2/rerank with return_documents"""
    body = {"model": RERANK, "query": QUERY, "documents": TEXTS, "return_documents": False}
    assert answer(url, token, "/v2/rerank", body)["results"][0]["index"] == 1


def test_weaviate_text2vec(url, token):
    """Weaviate text2vec: POST /v2/embed with embedding_types and truncate"""
    body = {"model": EMBED, "texts": TEXTS, "input_type": "search_document"}
    body |= {"embedding_types": ["float"], "truncate": "END"}
    headers = {"request-source": "unspecified:weaviate"}
    assert len(answer(url, token, "/v2/embed", body, **headers)["embeddings"]["float"]) == 2


def test_weaviate_older_text2vec(url, token):
    """Weaviate's older text2vec: POST /v1/embed, the token after BEARER"""
    body = {"model": EMBED, "texts": TEXTS, "input_type": "search_document", "truncate": "END"}
    bearer = {"authorization": f"BEARER {token}"}
    assert len(answer(url, token, "/v1/embed", body, **bearer)["embeddings"]) == 2


def test_elasticsearch(url, token):
    """Elasticsearch inference: POST /v2/embed, /v2/rerank, /v2/chat streamed"""
    source = {"request-source": "unspecified:elasticsearch"}
    body = {"model": EMBED, "texts": TEXTS, "input_type": "search_query", "embedding_types": ["float"]}
    assert len(answer(url, token, "/v2/embed", body, **source)["embeddings"]["float"]) == 2
    body = {"model": RERANK, "query": QUERY, "documents": TEXTS, "return_documents": True, "top_n": 1}
    assert answer(url, token, "/v2/rerank", body, **source)["results"][0]["index"] == 1
    body = {"model": CHAT, "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    events = send(url, token, "/v2/chat", body, **source).text
    assert "event: message-end" in events and "fox" in events


def test_elasticsearch_older(url, token):
    """Elasticsearch's older endpoints: POST /v1/embed, /v1/rerank, /v1/chat"""
    body = {"model": EMBED, "texts": TEXTS, "input_type": "search_document", "embedding_types": ["int8"]}
    assert answer(url, token, "/v1/embed", body)["response_type"] == "embeddings_by_type"
    body = {"model": RERANK, "query": QUERY, "documents": TEXTS, "return_documents": True, "top_n": 1}
    (best,) = answer(url, token, "/v1/rerank", body)["results"]
    assert best["index"] == 1 and best["document"]["text"] == TEXTS[1]
    body = {"model": CHAT_V1, "message": QUESTION}
    assert "red fox" in answer(url, token, "/v1/chat", body)["text"]


def test_opensearch_blueprint(url, token):
    """OpenSearch's connector: POST /v1/embed; `model` and `input_type` must be added to the blueprint"""
    body = {"texts": TEXTS, "truncate": "END"}
    refusal = send(url, token, "/v1/embed", body)
    assert refusal.status_code == 400 and "model" in refusal.json()["message"]
    refusal = send(url, token, "/v1/embed", body | {"model": EMBED})
    assert refusal.status_code == 400 and "input_type" in refusal.json()["message"]
    body |= {"model": EMBED, "input_type": "search_document"}
    assert len(answer(url, token, "/v1/embed", body)["embeddings"]) == 2


def test_langchain4j(url, token):
    """LangChain4j: POST /v1/embed, /v1/rerank below a base URL that ends with /v1/; /v2/embed with inputs"""
    body = {"model": EMBED, "texts": TEXTS, "input_type": "search_document"}
    assert len(answer(url, token, "/v1/embed", body)["embeddings"]) == 2
    body = {"model": RERANK, "query": QUERY, "documents": TEXTS}
    assert answer(url, token, "/v1/rerank", body)["results"][0]["index"] == 1
    inputs = [{"content": [{"type": "text", "text": text}]} for text in TEXTS]
    body = {"model": EMBED, "inputs": inputs, "input_type": "search_document", "embedding_types": ["float"]}
    assert len(answer(url, token, "/v2/embed", body)["embeddings"]["float"]) == 2


def test_dify(url, token):
    """Dify: POST /v1/chat streamed as lines, /v1/tokenize once a text, /v1/embed"""
    body = {"model": CHAT_V1, "message": QUESTION, "stream": True, "chat_history": []}
    lines = [json.loads(line) for line in send(url, token, "/v1/chat", body).text.splitlines()]
    assert lines[0]["event_type"] == "stream-start" and lines[-1]["event_type"] == "stream-end"
    assert "red fox" in "".join(line.get("text", "") for line in lines)
    for text in TEXTS:
        assert answer(url, token, "/v1/tokenize", {"model": EMBED, "text": text})["tokens"]
    body = {"model": EMBED, "texts": TEXTS, "input_type": "search_document"}
    assert len(answer(url, token, "/v1/embed", body)["embeddings"]) == 2


def test_open_webui(url, token):
    """Open WebUI: POST /v2/rerank by its full URL; GET /compatibility/v1/models and a streamed completion"""
    body = {"model": RERANK, "query": QUERY, "documents": TEXTS, "top_n": 2}
    assert answer(url, token, "/v2/rerank", body)["results"][0]["index"] == 1
    assert answer(url, token, "/compatibility/v1/models")
    body = {"model": CHAT, "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    stream = send(url, token, "/compatibility/v1/chat/completions", body).text
    assert stream.rstrip().endswith("data: [DONE]")


def test_spring_ai(url, token):
    """Spring AI's OpenAI starter: POST /compatibility/v1/chat/completions and embeddings"""
    body = {"model": CHAT, "messages": [{"role": "user", "content": QUESTION}], "stream": False, "temperature": 0.7}
    completion = answer(url, token, "/compatibility/v1/chat/completions", body)
    assert "red fox" in completion["choices"][0]["message"]["content"]
    body = {"model": EMBED, "input": TEXTS, "encoding_format": "float"}
    assert len(answer(url, token, "/compatibility/v1/embeddings", body)["data"]) == 2


def test_n8n(url, token):
    """n8n's test of a credential and its list of models: GET /v1/models?page_size=1 and &endpoint=chat"""
    assert answer(url, token, "/v1/models?page_size=1")["models"]
    assert answer(url, token, "/v1/models?page_size=500&endpoint=chat")["models"]


def test_cohere_s_own_curl(url, token):
    """Cohere's own curl examples: POST /v2/chat streamed with Accept: application/json, as lines"""
    body = {"model": CHAT, "messages": [{"role": "user", "content": QUESTION}], "stream": True}
    stream = send(url, token, "/v2/chat", body, accept="application/json").text
    lines = [json.loads(line) for line in stream.splitlines() if line.strip()]
    assert lines[0]["type"] == "message-start" and lines[-1]["type"] == "message-end"


def test_key_check_of_a_settings_page(url, token):
    """A settings page that tests its key: POST /v1/check-api-key"""
    assert answer(url, token, "/v1/check-api-key", {})["valid"] is True
