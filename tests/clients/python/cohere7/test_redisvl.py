from asks import EMBED, QUERY, RERANK, TEXTS
from redisvl.utils.rerank import CohereReranker
from redisvl.utils.vectorize import CohereTextVectorizer

CLIENT = "redisvl"


def connect(component, model, url, token, **options):
    # redisvl is pointed with:
    return component(model, api_config={"api_key": token}, base_url=url, **options)


def test_embed(url, token):
    vectorizer = connect(CohereTextVectorizer, EMBED, url, token)
    assert [len(vector) for vector in vectorizer.embed_many(TEXTS, input_type="search_document")] == [1536] * 2


def test_rerank(url, token):
    reranker = CohereReranker(RERANK, limit=1, api_config={"api_key": token}, base_url=url)
    (best,), _ = reranker.rank(QUERY, TEXTS)
    assert TEXTS[1] in str(best)
