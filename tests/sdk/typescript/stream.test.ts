/** Streamed chat: the order of the events, and that together they are the answer given at once. */

import assert from "node:assert/strict";
import { Cohere } from "cohere-ai";
import { ask, collect, REASONING, user, withEachClient } from "./gateway";
import { DOCUMENTS, TOOLS } from "./requests";

const TEXT_BLOCK = "content-start (content-delta )+content-end ";
const KINDS: { name: string; order: string; request: Cohere.V2ChatStreamRequest }[] = [
    {
        name: "text",
        order: `message-start ${TEXT_BLOCK}message-end `,
        request: ask("Name one planet."),
    },
    {
        name: "thinking",
        order: `message-start ${TEXT_BLOCK}${TEXT_BLOCK}message-end `,
        request: { model: REASONING, messages: user("What is 2 and 2?"), thinking: { type: "enabled" } },
    },
    {
        name: "tools",
        order: "message-start (tool-plan-delta )*(tool-call-start (tool-call-delta )*tool-call-end )+message-end ",
        request: { ...ask("How is the weather in Oslo?"), tools: TOOLS, toolChoice: "REQUIRED" },
    },
    {
        name: "citations",
        order: "message-start content-start (content-delta |citation-start citation-end )+content-end message-end ",
        request: { ...ask("What makes the tides of the sea?"), documents: DOCUMENTS },
    },
];

for (const { name, order, request } of KINDS) {
    withEachClient(`${name}: the events come in order and together are the answer given at once`, async (connect) => {
        const events = await collect(await connect().chatStream(request));
        assert.match(events.map((event) => `${event.type} `).join(""), new RegExp(`^${order}$`));
        assert.deepEqual(assemble(events), told(await connect().chat(request)));
    });
}

const UGLY_TEXTS = [
    "grüße 👩‍👩‍👧 family 🇳🇴 flag",
    "潮汐由月亮引起 です 조수",
    "the mark [DONE] stands in the text and data: [DONE] too",
    'quotes " and \\ backslash \u2028 separator',
];
for (const text of UGLY_TEXTS) {
    withEachClient(`any text survives streaming: ${JSON.stringify(text)}`, async (connect) => {
        const [block] = assemble(await collect(await connect().chatStream(ask(text)))).blocks;
        assert.ok(block[1].includes(text), block[1]);
    });
}

for (const fault of ["split_utf8", "trickle_ms=2"]) {
    withEachClient(`text survives however Cohere cuts its bytes: ${fault}`, async (connect) => {
        const text = "潮汐 👩‍👩‍👧 grüße";
        const [block] = assemble(await collect(await connect({ fault }).chatStream(ask(text)))).blocks;
        assert.ok(block[1].includes(text), block[1]);
    });
}

withEachClient("silence is kept alive unseen", async (connect) => {
    // Comments go out meanwhile; not one of them may look like an event.
    const { request } = KINDS[0];
    const events = await collect(await connect({ fault: "delay_ms=2500" }).chatStream(request));
    assert.deepEqual(assemble(events), told(await connect().chat(request)));
});

withEachClient("Cohere's own error event is passed on", async (connect) => {
    const client = connect({ fault: "stream_error=INVALID_TOOL_GENERATION after_events=4" });
    const events = await collect(await client.chatStream(ask("Write about the sea, the wind and the sky.")));
    const end = events.at(-1)!;
    assert.ok(end.type === "message-end");
    assert.equal(end.delta!.finishReason, "ERROR");
    assert.match(end.delta!.error!, /invalid tool generation/);
});

for (const fault of ["cut_after_events=4", "stall_after_events=4"]) {
    withEachClient(`a stream that breaks ends in an error event: ${fault}`, async (connect) => {
        const client = connect({ fault, headers: { "x-gateway-timeout-ms": "2000" } });
        const events = await collect(await client.chatStream(ask("Write about the sea, the wind and the sky.")));
        const end = events.at(-1)!;
        assert.equal(events[0].type, "message-start");
        assert.ok(end.type === "message-end");
        assert.equal(end.delta!.finishReason, "ERROR");
        assert.ok(end.delta!.error);
        assert.equal(end.delta!.usage!.tokens!.inputTokens, 0);
        assert.equal(end.delta!.usage!.tokens!.outputTokens, 0);
    });
}

const CANNOT_START = {
    "status=500": Cohere.InternalServerError,
    "stream_error=INVALID_TOOL_GENERATION": Cohere.UnprocessableEntityError,
};
for (const [fault, kind] of Object.entries(CANNOT_START)) {
    withEachClient(`a stream that cannot start is an error, not an event: ${fault}`, async (connect) => {
        await assert.rejects(async () => collect(await connect({ fault }).chatStream(ask("Hello"))), kind);
    });
}

interface Assembled {
    blocks: [string, string][];
    plan: string;
    calls: [string, unknown][];
    citations: string[];
    end: unknown[];
}

/** The answer that the events describe, in the shape of `told`. */
function assemble(events: Cohere.V2ChatStreamResponse[]): Assembled {
    const blocks: [string, string][] = [];
    const calls: [string, string][] = [];
    const citations: string[] = [];
    let plan = "";
    let end: unknown[] = [];
    for (const event of events) {
        switch (event.type) {
            case "content-start":
                blocks[event.index!] = [event.delta!.message!.content!.type!, ""];
                break;
            case "content-delta": {
                const { text, thinking } = event.delta!.message!.content!;
                blocks[event.index!][1] += text ?? thinking ?? "";
                break;
            }
            case "tool-plan-delta":
                plan += event.delta!.message!.toolPlan;
                break;
            case "tool-call-start": {
                const { name, arguments: start } = event.delta!.message!.toolCalls!.function!;
                calls[event.index!] = [name!, start ?? ""];
                break;
            }
            case "tool-call-delta":
                calls[event.index!][1] += event.delta!.message!.toolCalls!.function!.arguments;
                break;
            case "citation-start":
                citations.push(place(event.delta!.message!.citations!));
                break;
            case "message-end":
                end = [event.delta!.finishReason, event.delta!.usage!.tokens];
        }
    }
    return { blocks, plan, calls: calls.map(parsed), citations: citations.sort(), end };
}

function told({ message, finishReason, usage }: Cohere.V2ChatResponse): Assembled {
    const blocks = (message!.content ?? []).map((block): [string, string] =>
        block.type === "text" ? [block.type, block.text] : [block.type, block.thinking],
    );
    const calls = (message!.toolCalls ?? []).map((call): [string, string] => [
        call.function!.name!,
        call.function!.arguments!,
    ]);
    return {
        blocks,
        plan: message!.toolPlan ?? "",
        calls: calls.map(parsed),
        citations: (message!.citations ?? []).map(place).sort(),
        end: [finishReason, usage!.tokens],
    };
}

// Streamed arguments are indented, those of a whole answer are not.
const parsed = ([name, args]: [string, string]): [string, unknown] => [name, JSON.parse(args)];
const place = ({ start, end, text }: Cohere.Citation) => JSON.stringify([start, end, text]);
