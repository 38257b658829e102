import dspy
import litellm
from asks import CHAT, EMBED, QUESTION, TEXTS

CLIENT = "dspy"


def connect(url, token):
    # dspy is pointed with:
    return dspy.LM(f"cohere_chat/{CHAT}", api_base=f"{url}/v2/chat", api_key=token, cache=False)


def test_chat(url, token):
    assert "red fox" in connect(url, token)(QUESTION)[0]


async def test_stream(url, token):
    """DSPy streams by LiteLLM, with the model's own options."""
    lm = connect(url, token)
    messages = [{"role": "user", "content": QUESTION}]
    options = {name: lm.kwargs[name] for name in ("api_base", "api_key")}
    stream = await litellm.acompletion(lm.model, messages, stream=True, **options)
    assert "red fox" in "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


def test_embed(url, token):
    embed = dspy.Embedder(f"cohere/{EMBED}", api_base=f"{url}/v2/embed", api_key=token, caching=False)
    assert embed(TEXTS).shape == (2, 1536)


async def test_lost(url, token, broken_stream):
    with broken_stream:
        await test_stream(url, token)
