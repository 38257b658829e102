from asks import EMBED, TEXTS
from chromadb.utils.embedding_functions import CohereEmbeddingFunction

CLIENT = "chromadb"


def test_embed(url, token):
    # chromadb is pointed with:
    # export CO_API_URL=url
    embed = CohereEmbeddingFunction(api_key=token, model_name=EMBED)
    assert [len(vector) for vector in embed(TEXTS)] == [1536, 1536]
