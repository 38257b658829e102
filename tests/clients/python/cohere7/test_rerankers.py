from asks import QUERY, RERANK, TEXTS
from rerankers import Reranker

CLIENT = "rerankers"


def test_rerank(url, token):
    # rerankers is pointed with:
    ranker = Reranker(RERANK, model_type="cohere", api_key=token, url=f"{url}/v1/rerank")
    assert ranker.rank(QUERY, TEXTS).top_k(1)[0].doc_id == 1


def test_rerank_v2(url, token):
    ranker = Reranker(RERANK, model_type="cohere", api_key=token, url=f"{url}/v2/rerank")
    assert ranker.rank(QUERY, TEXTS).top_k(1)[0].doc_id == 1
