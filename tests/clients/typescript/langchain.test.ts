import assert from "node:assert/strict";
import { ChatCohere, CohereEmbeddings, CohereRerank } from "@langchain/cohere";
import { tool } from "@langchain/core/tools";
import { CohereClient } from "cohere-ai";
import { z } from "zod";
import { CHAT_V1, client, collect, EMBED, includesFox, lost, QUERY, QUESTION, RERANK, TEXTS, TOKEN } from "./clients";

function connect(url: string) {
    // @langchain/cohere is pointed with:
    return { client: new CohereClient({ environment: url, token: TOKEN }) };
}

const chat = (url: string) => new ChatCohere({ ...connect(url), model: CHAT_V1 });

client("@langchain/cohere", {
    chat: async (url) => includesFox((await chat(url).invoke(QUESTION)).content as string),
    stream: async (url) => {
        const chunks = await collect(await chat(url).stream(QUESTION));
        assert.ok(chunks.length > 2);
        includesFox(chunks.map((chunk) => chunk.content).join(""));
    },
    tools: async (url) => {
        const schema = z.object({ city: z.string() });
        const options = { name: "get_weather", description: "Tells the weather.", schema };
        const weather = tool(async ({ city }: { city: string }) => `It rains in ${city}.`, options);
        const answer = await chat(url).bindTools([weather]).invoke("weather in Paris?");
        assert.equal(answer.tool_calls![0].name, "get_weather");
    },
    embed: async (url) => {
        const embeddings = new CohereEmbeddings({ ...connect(url), model: EMBED });
        const vectors = await embeddings.embedDocuments(TEXTS);
        assert.deepEqual([vectors.length, vectors[0].length], [2, 1536]);
    },
    rerank: async (url) => {
        const reranker = new CohereRerank({ ...connect(url), model: RERANK, topN: 1 });
        assert.equal((await reranker.rerank(TEXTS, QUERY))[0].index, 1);
    },
});
lost("@langchain/cohere", "nothing", async (url) => {
    const chunks = await collect(await chat(url).stream(QUESTION));
    return chunks.at(-1)!.response_metadata["finish_reason"] as string | undefined;
});
