/** Chat, answered at once. */

import assert from "node:assert/strict";
import type { Cohere } from "cohere-ai";
import { ask, CHAT, REASONING, user, withEachClient } from "./gateway";
import { DOCUMENTS, TOOLS } from "./requests";

withEachClient("an answer has text, reason and usage", async (connect) => {
    const answer = await connect().chat(ask("Name one planet."));
    assert.ok(answer.id);
    assert.equal(answer.message?.role, "assistant");
    assert.ok(text(answer));
    assert.equal(answer.finishReason, "COMPLETE");
    assert.ok(answer.usage!.tokens!.inputTokens! > 0);
    assert.ok(answer.usage!.billedUnits!.outputTokens! > 0);
});

withEachClient("headers say which model answered in how many attempts", async (connect) => {
    const { rawResponse } = await connect().chat(ask("Hello")).withRawResponse();
    assert.equal(rawResponse.headers.get("x-gateway-model"), CHAT);
    assert.equal(rawResponse.headers.get("x-gateway-attempts"), "1");
    assert.ok(rawResponse.headers.get("x-request-id"));
});

withEachClient("explicit nulls count as absent", async (connect) => {
    const nulls = { maxTokens: null, tools: null, documents: null, seed: null, thinking: null };
    const answer = await connect().chat({ ...ask("Hello"), ...(nulls as object) });
    assert.ok(text(answer));
});

withEachClient("max_tokens reaches Cohere", async (connect) => {
    const answer = await connect().chat({ ...ask("Write about the sea, the wind and the sky."), maxTokens: 2 });
    assert.equal(answer.finishReason, "MAX_TOKENS");
    assert.equal(answer.usage!.billedUnits!.outputTokens, 2);
});

withEachClient("a tool call has JSON arguments, and its result is answered in text", async (connect) => {
    const question: Cohere.ChatMessages = user("How is the weather in Oslo?");
    const first = await connect().chat({ model: CHAT, messages: question, tools: TOOLS, toolChoice: "REQUIRED" });
    assert.equal(first.finishReason, "TOOL_CALL");
    const call = first.message!.toolCalls![0];
    assert.ok(call.id!.startsWith("get_weather_"));
    assert.equal(call.function!.name, "get_weather");
    assert.equal(typeof JSON.parse(call.function!.arguments!), "object");

    const messages: Cohere.ChatMessages = [
        ...question,
        { role: "assistant", toolPlan: first.message!.toolPlan, toolCalls: first.message!.toolCalls },
        { role: "tool", toolCallId: call.id!, content: '{"sky": "clear"}' },
    ];
    assert.ok(text(await connect().chat({ model: CHAT, messages, tools: TOOLS })));
});

withEachClient("thinking comes before the text", async (connect) => {
    const answer = await connect().chat({
        model: REASONING,
        messages: user("What is 2 and 2?"),
        thinking: { type: "enabled" },
    });
    assert.deepEqual(
        answer.message!.content!.map((block) => block.type),
        ["thinking", "text"],
    );
});

withEachClient("citations quote the answer and name their document", async (connect) => {
    const answer = await connect().chat({ ...ask("What makes the tides of the sea?"), documents: DOCUMENTS });
    assert.ok(answer.message!.citations!.length > 0);
    for (const citation of answer.message!.citations!) {
        const block = answer.message!.content![citation.contentIndex ?? 0] as { text: string };
        assert.equal(block.text.slice(citation.start, citation.end), citation.text);
        assert.ok(["tides", "bread"].includes((citation.sources![0] as { id: string }).id));
    }
});

withEachClient("twenty calls at once each get their own answer", async (connect) => {
    const client = connect();
    const questions = Array.from({ length: 20 }, (_, number) => ask(`Repeat the word marker${number}`));
    const alone: string[] = [];
    for (const question of questions) alone.push(text(await client.chat(question)));
    const together = await Promise.all(questions.map((question) => client.chat(question)));
    assert.deepEqual(together.map(text), alone);
    assert.equal(new Set(alone).size, 20);
});

function text(answer: Cohere.V2ChatResponse): string {
    const block = answer.message?.content?.find((one) => one.type === "text");
    return block?.type === "text" ? block.text : "";
}
