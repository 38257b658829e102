import assert from "node:assert/strict";
import { CohereRerank } from "@llamaindex/cohere";
import { TextNode } from "@llamaindex/core/schema";
import { client, QUERY, RERANK, TEXTS, TOKEN } from "./clients";

client("@llamaindex/cohere", {
    rerank: async (url) => {
        // @llamaindex/cohere is pointed with:
        const reranker = new CohereRerank({ baseUrl: url, apiKey: TOKEN, model: RERANK, topN: 1 });
        const nodes = TEXTS.map((text) => ({ node: new TextNode({ text }), score: 1 }));
        const [best] = await reranker.postprocessNodes(nodes, QUERY);
        assert.equal((best.node as TextNode).text, TEXTS[1]);
    },
});
