from asks import QUERY, RERANK, TEXTS
from mem0.configs.rerankers.cohere import CohereRerankerConfig
from mem0.reranker.cohere_reranker import CohereReranker

CLIENT = "mem0ai"


def test_rerank(url, token):
    # mem0ai is pointed with:
    # export CO_API_URL=url
    reranker = CohereReranker(CohereRerankerConfig(model=RERANK, api_key=token))
    best = reranker.rerank(QUERY, [{"text": text} for text in TEXTS])[0]
    assert best["text"] == TEXTS[1] and best["rerank_score"] > 0
