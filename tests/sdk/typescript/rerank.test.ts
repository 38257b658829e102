/** Rerank: order, cut and meaning. */

import assert from "node:assert/strict";
import { RERANK, withEachClient } from "./gateway";

const DOCUMENTS = [
    "Bread rises because yeast makes gas.",
    "To reset a forgotten password, open the login page and choose reset.",
    "The moon pulls the sea and makes the tides.",
    "日本の首都は東京です。",
];
const ranked = (query: string) => ({ model: RERANK, query, documents: DOCUMENTS });

withEachClient("the right document is first and the scores fall", async (connect) => {
    const { results, meta } = await connect().rerank(ranked("How do I reset my password?"));
    assert.equal(results[0].index, 1);
    const scores = results.map((result) => result.relevanceScore);
    assert.deepEqual(
        scores,
        scores.toSorted((a, b) => b - a),
    );
    assert.deepEqual(results.map((result) => result.index).sort(), [0, 1, 2, 3]);
    assert.equal(meta!.billedUnits!.searchUnits, 1);
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
    const answers = await Promise.all(queries.map((query) => client.rerank(ranked(query))));
    assert.deepEqual(
        answers.map((answer) => answer.results[0].index),
        Array.from({ length: 5 }, () => [0, 1, 2, 3]).flat(),
    );
});
