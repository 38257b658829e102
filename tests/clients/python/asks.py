"""What the tests ask, so that each of them says only how its client asks it."""

CHAT = "command-a-03-2025"
CHAT_V1 = "command-r-08-2024"  # v1's chat refuses newer models
EMBED = "embed-v4.0"
RERANK = "rerank-v3.5"

QUESTION = "Tell me about the red fox."
TEXTS = ["Bread rises because yeast makes gas.", "The moon pulls the sea and makes the tides."]
QUERY = "the tides of the sea"  # the second text answers it


def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"It rains in {city}."
