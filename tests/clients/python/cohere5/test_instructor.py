import cohere
import instructor
from asks import CHAT, CHAT_V1
from instructor import Mode
from pydantic import BaseModel

CLIENT = "instructor"
ASK = [{"role": "user", "content": "Name a city."}]


class City(BaseModel):
    """A city."""

    name: str


def test_structured(url, token):
    # instructor is pointed with:
    client = instructor.from_cohere(cohere.ClientV2(base_url=url, api_key=token), mode=Mode.JSON_SCHEMA)
    assert client.chat.completions.create(model=CHAT, messages=ASK, response_model=City).name


def test_structured_v1(url, token):
    client = instructor.from_cohere(cohere.Client(base_url=url, api_key=token), mode=Mode.JSON_SCHEMA)
    assert client.chat.completions.create(model=CHAT_V1, messages=ASK, response_model=City).name
