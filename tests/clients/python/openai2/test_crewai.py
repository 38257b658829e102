from asks import CHAT, QUESTION
from crewai import LLM, Agent

CLIENT = "crewai"


def connect(url, token, **options):
    # crewai is pointed with:
    return LLM(f"cohere_chat/{CHAT}", base_url=f"{url}/v2/chat", api_key=token, **options)


def test_chat(url, token):
    assert "red fox" in connect(url, token).call(QUESTION)


def test_stream(url, token):
    assert "red fox" in connect(url, token, stream=True).call(QUESTION)


def test_chat_agent(url, token):
    agent = Agent(role="zoologist", goal="tell", backstory="none", llm=connect(url, token))
    assert agent.kickoff(QUESTION).raw


def test_lost(url, token, broken_stream):
    with broken_stream:
        connect(url, token, stream=True).call(QUESTION)
