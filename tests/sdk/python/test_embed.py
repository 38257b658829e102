"""Embed: shapes, numbers, and that they mean something."""

import base64
import math
import struct
import uuid

import pytest
from conftest import FRESH

# One red dot.
IMAGE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIA"
    "X8jx0gAAAABJRU5ErkJggg=="
)
DOCUMENT = {"input_type": "search_document"}


def cosine(one, other):
    return sum(a * b for a, b in zip(one, other)) / (math.hypot(*one) * math.hypot(*other))


@pytest.mark.parametrize("count", [1, 96])
def test_each_text_gets_a_vector(caller, count):
    texts = [f"text number {number}" for number in range(count)]
    answer = caller(headers=FRESH).embed(texts=texts, embedding_types=["float"], **DOCUMENT)
    assert answer.id
    assert answer.response_type == "embeddings_by_type"
    assert [len(vector) for vector in answer.embeddings.float_] == [1536] * count
    assert answer.texts == texts
    assert answer.meta.billed_units.input_tokens > 0


def test_floats_are_the_default(gateway):
    answer = gateway.embed(texts=["sea"], **DOCUMENT)
    assert len(answer.embeddings.float_[0]) == 1536
    assert answer.embeddings.int8 is None


def test_200_texts_in_one_call_get_the_vectors_that_each_gets_alone(caller):
    fresh = caller(headers=FRESH)
    texts = [f"text number {number}" for number in range(200)]
    answer = fresh.embed(texts=texts, **DOCUMENT)
    vectors = answer.embeddings.float_
    assert answer.texts == texts
    assert len(vectors) == len({tuple(vector) for vector in vectors}) == 200
    assert answer.meta.billed_units.input_tokens > 200
    # The ends of the three calls that Cohere got.
    for number in [0, 95, 96, 191, 192, 199]:
        alone = fresh.embed(texts=[texts[number]], **DOCUMENT)
        assert vectors[number] == alone.embeddings.float_[0], number


def test_equal_texts_of_one_call_get_equal_vectors(caller):
    texts = [f"text number {number * 7 % 120}" for number in range(200)]
    answer = caller(headers=FRESH).embed(texts=texts, **DOCUMENT)
    different = caller(headers=FRESH).embed(texts=texts[:120], **DOCUMENT)
    expected = dict(zip(texts, different.embeddings.float_))
    assert len(expected) == 120
    assert answer.texts == texts
    assert answer.embeddings.float_ == [expected[text] for text in texts]
    assert answer.meta.billed_units.input_tokens == different.meta.billed_units.input_tokens


def test_second_call_is_answered_from_the_cache(gateway):
    texts = [f"cached {uuid.uuid4()}"]
    first = gateway.embed(texts=texts, **DOCUMENT)
    # Each environment has a cache of its own; one that misses has the text from then on.
    outcomes = (gateway.headers("embed", texts=texts, **DOCUMENT)["x-gateway-cache"] for _ in range(50))
    assert "hit" in outcomes
    again = gateway.embed(texts=texts, **DOCUMENT)
    assert again.embeddings.float_ == first.embeddings.float_


def test_several_types_describe_the_same_vector(gateway):
    types = ["float", "int8", "uint8", "binary", "ubinary", "base64"]
    embeddings = gateway.embed(texts=["the sea"], embedding_types=types, **DOCUMENT).embeddings
    floats = embeddings.float_[0]
    assert len(embeddings.int8[0]) == len(embeddings.uint8[0]) == 1536
    assert len(embeddings.binary[0]) == len(embeddings.ubinary[0]) == 1536 // 8
    assert all(-128 <= number <= 127 for number in embeddings.int8[0] + embeddings.binary[0])
    assert all(0 <= number <= 255 for number in embeddings.uint8[0] + embeddings.ubinary[0])
    decoded = struct.unpack("<1536f", base64.b64decode(embeddings.base64[0]))
    assert decoded == pytest.approx(floats, abs=1e-6)


@pytest.mark.parametrize("dimension", [256, 512, 1024, 1536])
def test_the_dimension_can_be_chosen(gateway, dimension):
    answer = gateway.embed(texts=["sea"], output_dimension=dimension, **DOCUMENT)
    assert len(answer.embeddings.float_[0]) == dimension


def test_an_image_gets_a_vector(gateway):
    answer = gateway.embed(images=[IMAGE], input_type="image", embedding_types=["float"])
    assert len(answer.embeddings.float_[0]) == 1536
    assert len(answer.images) == 1


def test_inputs_of_text_and_image_get_one_vector_each(gateway):
    inputs = [
        {"content": [{"type": "text", "text": "a red dot"}, {"type": "image_url", "image_url": {"url": IMAGE}}]},
        {"content": [{"type": "text", "text": "only text"}]},
    ]
    answer = gateway.embed(inputs=inputs, **DOCUMENT)
    assert [len(vector) for vector in answer.embeddings.float_] == [1536, 1536]


def test_explicit_nulls_count_as_absent(gateway):
    answer = gateway.embed(texts=["sea"], images=None, output_dimension=None, max_tokens=None, truncate=None, **DOCUMENT)
    assert len(answer.embeddings.float_[0]) == 1536


def test_similar_texts_are_nearer(gateway):
    texts = ["How do I reset my password?", "Reset a forgotten password", "A recipe for apple pie"]
    question, similar, other = gateway.embed(texts=texts, **DOCUMENT).embeddings.float_
    assert cosine(question, similar) > cosine(question, other) + 0.1


def test_twenty_calls_at_once_each_get_their_own_vectors(caller):
    gateway = caller(headers=FRESH)
    requests = [{"texts": [f"marker{number}"], "output_dimension": 256, **DOCUMENT} for number in range(20)]
    alone = [gateway.embed(**request).embeddings.float_ for request in requests]
    together = [answer.embeddings.float_ for answer in gateway.at_once("embed", requests)]
    assert together == alone
