"""Rerank: order, cut and meaning."""

from conftest import FRESH

DOCUMENTS = [
    "Bread rises because yeast makes gas.",
    "To reset a forgotten password, open the login page and choose reset.",
    "The moon pulls the sea and makes the tides.",
    "日本の首都は東京です。",
]


def test_the_right_document_is_first_and_the_scores_fall(caller):
    answer = caller(headers=FRESH).rerank(query="How do I reset my password?", documents=DOCUMENTS)
    assert answer.id
    assert answer.results[0].index == 1
    scores = [result.relevance_score for result in answer.results]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert sorted(result.index for result in answer.results) == [0, 1, 2, 3]
    assert answer.meta.billed_units.search_units == 1


def test_1200_documents_in_one_call_are_ranked_as_one_with_their_own_indices(caller):
    fresh = caller(headers=FRESH)
    documents = [f"Page {number} is about {number % 9} ships." for number in range(1200)]
    documents[1100] = "The tides of the sea follow the moon."
    documents[3] = "The sea."
    answer = fresh.rerank(query="the tides of the sea", documents=documents)
    scores = [result.relevance_score for result in answer.results]
    assert [result.index for result in answer.results[:2]] == [1100, 3]
    assert scores == sorted(scores, reverse=True)
    assert sorted(result.index for result in answer.results) == list(range(1200))
    assert answer.meta.billed_units.search_units == 12
    # A score judges a document against the query alone, so a few of them get the same ones.
    few = fresh.rerank(query="the tides of the sea", documents=[documents[3], documents[1100]])
    assert [result.relevance_score for result in few.results] == scores[:2]
    best = fresh.rerank(query="the tides of the sea", documents=documents, top_n=5)
    assert [result.index for result in best.results] == [result.index for result in answer.results[:5]]


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


def test_twenty_calls_at_once_each_get_their_own_order(caller):
    gateway = caller(headers=FRESH)
    requests = [{"query": text, "documents": DOCUMENTS} for text in DOCUMENTS * 5]
    firsts = [answer.results[0].index for answer in gateway.at_once("rerank", requests)]
    assert firsts == [0, 1, 2, 3] * 5
