from asks import EMBED, TEXTS
from llama_index.embeddings.cohere import CohereEmbedding

CLIENT = "llama-index-embeddings-cohere"


def connect(url, token):
    # llama-index-embeddings-cohere is pointed with:
    return CohereEmbedding(base_url=url, api_key=token, model_name=EMBED)


def test_embed(url, token):
    vectors = connect(url, token).get_text_embedding_batch(TEXTS)
    assert [len(vector) for vector in vectors] == [1536, 1536]


async def test_embed_query(url, token):
    assert len(await connect(url, token).aget_query_embedding(TEXTS[0])) == 1536
