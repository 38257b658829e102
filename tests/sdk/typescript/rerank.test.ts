/** Rerank: order, cut and meaning. */

import assert from "node:assert/strict";
import { FRESH, RERANK, withEachClient } from "./gateway";

const DOCUMENTS = [
    "Bread rises because yeast makes gas.",
    "To reset a forgotten password, open the login page and choose reset.",
    "The moon pulls the sea and makes the tides.",
    "日本の首都は東京です。",
];
const ranked = (query: string) => ({ model: RERANK, query, documents: DOCUMENTS });

withEachClient("the right document is first and the scores fall", async (connect) => {
    const { results, meta } = await connect().rerank(ranked("How do I reset my password?"), FRESH);
    assert.equal(results[0].index, 1);
    const scores = results.map((result) => result.relevanceScore);
    assert.deepEqual(
        scores,
        scores.toSorted((a, b) => b - a),
    );
    assert.deepEqual(results.map((result) => result.index).sort(), [0, 1, 2, 3]);
    assert.equal(meta!.billedUnits!.searchUnits, 1);
});

withEachClient("1200 documents in one call are ranked as one with their own indices", async (connect) => {
    const client = connect();
    const documents = Array.from({ length: 1200 }, (_, number) => `Page ${number} is about ${number % 9} ships.`);
    documents[1100] = "The tides of the sea follow the moon.";
    documents[3] = "The sea.";
    const request = { model: RERANK, query: "the tides of the sea" };
    const { results, meta } = await client.rerank({ ...request, documents }, FRESH);
    const scores = results.map((result) => result.relevanceScore);
    assert.deepEqual(
        results.slice(0, 2).map((result) => result.index),
        [1100, 3],
    );
    assert.deepEqual(
        scores,
        scores.toSorted((a, b) => b - a),
    );
    assert.equal(new Set(results.map((result) => result.index)).size, 1200);
    assert.equal(meta!.billedUnits!.searchUnits, 12);
    // A score judges a document against the query alone, so a few of them get the same ones.
    const few = await client.rerank({ ...request, documents: [documents[3], documents[1100]] }, FRESH);
    assert.deepEqual(
        few.results.map((result) => result.relevanceScore),
        scores.slice(0, 2),
    );
    const best = await client.rerank({ ...request, documents, topN: 5 }, FRESH);
    assert.deepEqual(best.results, results.slice(0, 5));
});

withEachClient("top_n cuts after the best", async (connect) => {
    const every = await connect().rerank(ranked("the tides of the sea"));
    const best = await connect().rerank({ ...ranked("the tides of the sea"), topN: 2 });
    assert.deepEqual(best.results, every.results.slice(0, 2));
});

withEachClient("top_n above the number of documents gives all", async (connect) => {
    const { results } = await connect().rerank({ ...ranked("sea"), topN: 50 });
    assert.equal(results.length, DOCUMENTS.length);
});

withEachClient("explicit nulls count as absent", async (connect) => {
    const nulls = { topN: null, maxTokensPerDoc: null };
    const { results } = await connect().rerank({ ...ranked("sea"), ...(nulls as object) });
    assert.equal(results.length, DOCUMENTS.length);
});

withEachClient("twenty calls at once each get their own order", async (connect) => {
    const client = connect();
    const queries = Array.from({ length: 5 }, () => DOCUMENTS).flat();
    const answers = await Promise.all(queries.map((query) => client.rerank(ranked(query), FRESH)));
    assert.deepEqual(
        answers.map((answer) => answer.results[0].index),
        Array.from({ length: 5 }, () => [0, 1, 2, 3]).flat(),
    );
});
