"""Rerank: order, cut and meaning."""

DOCUMENTS = [
    "Bread rises because yeast makes gas.",
    "To reset a forgotten password, open the login page and choose reset.",
    "The moon pulls the sea and makes the tides.",
    "日本の首都は東京です。",
]


def test_the_right_document_is_first_and_the_scores_fall(gateway):
    answer = gateway.rerank(query="How do I reset my password?", documents=DOCUMENTS)
    assert answer.id
    assert answer.results[0].index == 1
    scores = [result.relevance_score for result in answer.results]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert sorted(result.index for result in answer.results) == [0, 1, 2, 3]
    assert answer.meta.billed_units.search_units == 1


def test_a_query_in_another_script_finds_its_document(gateway):
    assert gateway.rerank(query="東京は首都", documents=DOCUMENTS).results[0].index == 3


def test_top_n_cuts_after_the_best(gateway):
    every = gateway.rerank(query="the tides of the sea", documents=DOCUMENTS).results
    best = gateway.rerank(query="the tides of the sea", documents=DOCUMENTS, top_n=2).results
    assert [result.index for result in best] == [result.index for result in every[:2]]


def test_top_n_above_the_number_of_documents_gives_all(gateway):
    assert len(gateway.rerank(query="sea", documents=DOCUMENTS, top_n=50).results) == len(DOCUMENTS)


def test_explicit_nulls_count_as_absent(gateway):
    answer = gateway.rerank(query="sea", documents=DOCUMENTS, top_n=None, max_tokens_per_doc=None)
    assert len(answer.results) == len(DOCUMENTS)


def test_twenty_calls_at_once_each_get_their_own_order(gateway):
    requests = [{"query": text, "documents": DOCUMENTS} for text in DOCUMENTS * 5]
    firsts = [answer.results[0].index for answer in gateway.at_once("rerank", requests)]
    assert firsts == [0, 1, 2, 3] * 5
