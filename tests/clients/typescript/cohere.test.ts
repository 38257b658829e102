/** Cohere's own SDK, what it calls beside v2. */

import assert from "node:assert/strict";
import { CohereClient } from "cohere-ai-8";
import { CHAT, CHAT_V1, client, collect, EMBED, includesFox, lost, QUERY, QUESTION, RERANK, TEXTS, TOKEN } from "./clients";

function connect(url: string) {
    // cohere-ai is pointed with:
    return new CohereClient({ environment: url, token: TOKEN });
}

const messages = [{ role: "user" as const, content: QUESTION }];

client("cohere-ai-8", {
    chat: async (url) => {
        const answer = await connect(url).v2.chat({ model: CHAT, messages });
        assert.equal(answer.finishReason, "COMPLETE");
    },
    stream: async (url) => {
        const events = await collect(await connect(url).v2.chatStream({ model: CHAT, messages }));
        assert.equal(events.at(-1)!.type, "message-end");
    },
    chat_v1: async (url) => includesFox((await connect(url).chat({ model: CHAT_V1, message: QUESTION })).text),
    stream_v1: async (url) => {
        const events = await collect(await connect(url).chatStream({ model: CHAT_V1, message: QUESTION }));
        includesFox(events.map((event) => (event.eventType === "text-generation" ? event.text : "")).join(""));
        assert.equal(events.at(-1)!.eventType, "stream-end");
    },
    embed_v1: async (url) => {
        const answer = await connect(url).embed({ model: EMBED, texts: TEXTS, inputType: "search_document" });
        assert.equal(answer.responseType, "embeddings_floats");
        assert.equal((answer.embeddings as number[][]).length, 2);
    },
    rerank_v1: async (url) => {
        const request = { model: RERANK, query: QUERY, documents: TEXTS, returnDocuments: true };
        const [best] = (await connect(url).rerank(request)).results;
        assert.deepEqual([best.index, best.document!.text], [1, TEXTS[1]]);
    },
    tokens: async (url) => {
        const { tokens } = await connect(url).tokenize({ model: CHAT, text: QUESTION });
        assert.equal((await connect(url).detokenize({ model: CHAT, tokens })).text, QUESTION);
    },
    models: async (url) => {
        const { models } = await connect(url).models.list({ endpoint: "chat" });
        assert.ok(models.some((model) => model.name === CHAT));
    },
    models_key: async (url) => assert.equal((await connect(url).checkApiKey()).valid, true),
});
lost("cohere-ai-8", "finish reason `ERROR`", async (url) => {
    const end = (await collect(await connect(url).v2.chatStream({ model: CHAT, messages }))).at(-1)!;
    return end.type === "message-end" ? end.delta?.finishReason : undefined;
});
