from asks import CHAT_V1, QUESTION
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from asks import get_weather
from llama_index.llms.cohere import Cohere

CLIENT = "llama-index-llms-cohere"
MESSAGES = [ChatMessage(role="user", content=QUESTION)]


def connect(url, token):
    # llama-index-llms-cohere is pointed with:
    return Cohere(base_url=url, api_key=token, model=CHAT_V1)


def test_chat(url, token):
    assert "red fox" in connect(url, token).chat(MESSAGES).message.content


def test_stream(url, token):
    chunks = list(connect(url, token).stream_chat(MESSAGES))
    assert "red fox" in chunks[-1].message.content and len(chunks) > 2


async def test_chat_async(url, token):
    assert "red fox" in (await connect(url, token).achat(MESSAGES)).message.content


def test_tools(url, token):
    tools = [FunctionTool.from_defaults(get_weather)]
    llm = connect(url, token)
    answer = llm.chat_with_tools(tools, user_msg="weather in Paris?")
    assert llm.get_tool_calls_from_response(answer)[0].tool_name == "get_weather"


def test_lost(url, token, broken_stream):
    with broken_stream:
        list(connect(url, token).stream_chat(MESSAGES))
