from asks import EMBED, QUERY, RERANK, TEXTS
from redisvl.utils.rerank import CohereReranker
from redisvl.utils.vectorize import CohereTextVectorizer

CLIENT = "redisvl"


def test_embed(url, token):
    vectorizer = CohereTextVectorizer(EMBED, api_config={"api_key": token}, base_url=url)
    assert [len(vector) for vector in vectorizer.embed_many(TEXTS, input_type="search_document")] == [1536] * 2


def test_rerank(url, token):
    # redisvl is pointed with:
    reranker = CohereReranker(RERANK, api_config={"api_key": token}, base_url=url, limit=1)
    (best,), _ = reranker.rank(QUERY, TEXTS)
    assert TEXTS[1] in str(best)
