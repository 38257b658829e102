import any_llm
from asks import CHAT, QUESTION

CLIENT = "any-llm-sdk"
MESSAGES = [{"role": "user", "content": QUESTION}]


def complete(url, token, **options):
    # any-llm-sdk is pointed with:
    options.update(provider="cohere", api_key=token, client_args={"base_url": url})
    return any_llm.completion(CHAT, MESSAGES, **options)


def test_chat(url, token):
    assert "red fox" in complete(url, token).choices[0].message.content


def test_stream(url, token):
    chunks = list(complete(url, token, stream=True))
    assert "red fox" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_models(url, token):
    models = any_llm.list_models("cohere", api_key=token, client_args={"base_url": url})
    assert CHAT in [model.id for model in models]


def test_lost(url, token, broken_stream):
    with broken_stream:
        chunks = list(complete(url, token, stream=True))
        broken_stream.note_reason(chunks[-1].choices[0].finish_reason)
