/** The AI SDK in both versions, with its own Cohere provider and with the one for OpenAI's dialect. */

import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import * as ai6 from "ai-6";
import * as ai7 from "ai-7";
import { createCohere as createCohere3 } from "ai-sdk-cohere-3";
import { createCohere as createCohere4 } from "ai-sdk-cohere-4";
import { z } from "zod";
import { CHAT, client, collect, EMBED, includesFox, lost, ownDefect, type Feature } from "./clients";
import { QUERY, QUESTION, RERANK, TEXTS, TOKEN } from "./clients";

const weather = {
    description: "Tells the weather of a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }: { city: string }) => ({ weather: `It rains in ${city}.` }),
};

function connect3(url: string) {
    // @ai-sdk/cohere 3 is pointed with:
    return createCohere3({ baseURL: `${url}/v2`, apiKey: TOKEN });
}

function connect4(url: string) {
    // @ai-sdk/cohere 4 is pointed with:
    return createCohere4({ baseURL: `${url}/v2`, apiKey: TOKEN });
}

function connectCompatible(url: string) {
    // @ai-sdk/openai-compatible is pointed with:
    const options = { name: "cohere", baseURL: `${url}/compatibility/v1`, apiKey: TOKEN };
    return createOpenAICompatible({ ...options, supportsStructuredOutputs: true });
}

function features(ai: any, connect: (url: string) => any): Record<string, Feature> {
    return {
        chat: async (url) => includesFox((await ai.generateText({ model: connect(url)(CHAT), prompt: QUESTION })).text),
        stream: async (url) => {
            const stream = ai.streamText({ model: connect(url)(CHAT), prompt: QUESTION });
            includesFox((await collect<string>(stream.textStream)).join(""));
            assert.equal(await stream.finishReason, "stop");
        },
        tools: async (url) => {
            const tools = { weather: ai.tool(weather) };
            const answer = await ai.generateText({ model: connect(url)(CHAT), prompt: "weather in Paris?", tools });
            assert.equal(answer.toolCalls[0].toolName, "weather");
        },
        structured: async (url) => {
            const output = ai.Output.object({ schema: z.object({ name: z.string() }) });
            const answer = await ai.generateText({ model: connect(url)(CHAT), prompt: "Name a city.", output });
            assert.equal(typeof answer.output.name, "string");
        },
        embed: async (url) => {
            const { embeddings } = await ai.embedMany({ model: connect(url).embeddingModel(EMBED), values: TEXTS });
            assert.deepEqual([embeddings.length, embeddings[0].length], [2, 1536]);
        },
    };
}

function rerank(ai: any, connect: (url: string) => any): Feature {
    return async (url) => {
        const { ranking } = await ai.rerank({ model: connect(url).reranking(RERANK), documents: TEXTS, query: QUERY });
        assert.equal(ranking[0].originalIndex, 1);
    };
}

function secondStep(ai: any, connect: (url: string) => any): Feature {
    return async (url) => {
        const tools = { weather: ai.tool(weather) };
        const stopWhen = ai.stepCountIs(3);
        await ai.generateText({ model: connect(url)(CHAT), prompt: "weather in Paris?", tools, stopWhen });
    };
}

/** The SDK hands an error of a stream to `onError` and reads on. */
function readBroken(ai: any, connect: (url: string) => any): (url: string) => Promise<string> {
    return async (url) => {
        let error: unknown;
        const onError = (event: { error: unknown }) => {
            error = event.error;
        };
        const stream = ai.streamText({ model: connect(url)(CHAT), prompt: QUESTION, onError });
        await collect<string>(stream.textStream);
        if (error) throw error;
        return stream.finishReason;
    };
}

const reason = "its schema refuses a citation whose source is a tool";
for (const [name, ai, connect] of [
    ["ai-sdk-cohere-3", ai6, connect3],
    ["ai-sdk-cohere-4", ai7, connect4],
] as const) {
    client(name, { ...features(ai, connect), rerank: rerank(ai, connect) });
    lost(name, "finish reason `error`", readBroken(ai, connect));
    ownDefect(name, "tools_second_step", reason, /Invalid JSON response|validation/i, secondStep(ai, connect));
}
client("@ai-sdk/openai-compatible", features(ai7, connectCompatible));
lost("@ai-sdk/openai-compatible", "raises `StreamProviderError`", readBroken(ai7, connectCompatible));
