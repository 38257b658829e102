from asks import QUERY, RERANK, TEXTS
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.postprocessor.cohere_rerank import CohereRerank

CLIENT = "llama-index-postprocessor-cohere-rerank"


def test_rerank(url, token):
    # llama-index-postprocessor-cohere-rerank is pointed with:
    reranker = CohereRerank(base_url=url, api_key=token, model=RERANK, top_n=1)
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in TEXTS]
    (best,) = reranker.postprocess_nodes(nodes, query_str=QUERY)
    assert best.text == TEXTS[1]
