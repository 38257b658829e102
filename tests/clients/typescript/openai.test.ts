import assert from "node:assert/strict";
import OpenAI from "openai";
import { CHAT, client, collect, EMBED, includesFox, lost, ownDefect, QUESTION, TEXTS, TOKEN } from "./clients";

function connect(url: string) {
    // openai is pointed with:
    return new OpenAI({ baseURL: `${url}/compatibility/v1`, apiKey: TOKEN, maxRetries: 0 });
}

const ask = (content: string) => ({ model: CHAT, messages: [{ role: "user" as const, content }] });

client("openai", {
    chat: async (url) => {
        const answer = await connect(url).chat.completions.create(ask(QUESTION));
        includesFox(answer.choices[0].message.content!);
    },
    stream: async (url) => {
        const chunks = await collect(await connect(url).chat.completions.create({ ...ask(QUESTION), stream: true }));
        includesFox(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""));
    },
    tools: async (url) => {
        const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
        const weather = { type: "function" as const, function: { name: "get_weather", parameters } };
        const request = { ...ask("weather in Paris?"), tools: [weather] };
        const [call] = (await connect(url).chat.completions.create(request)).choices[0].message.tool_calls!;
        assert.equal(call.type === "function" && call.function.name, "get_weather");
    },
    embed: async (url) => {
        const { data } = await connect(url).embeddings.create({ model: EMBED, input: TEXTS });
        assert.deepEqual([data.length, data[0].embedding.length], [2, 1536]);
    },
});

const reason = "it reads OpenAI's `data`, and Cohere's list says `models`";
ownDefect("openai", "models", reason, /no models/, async (url) => {
    const list = await connect(url).models.list();
    assert.ok(list.data?.length, "no models");
});
lost("openai", "raises `APIError`", async (url) => {
    const chunks = await collect(await connect(url).chat.completions.create({ ...ask(QUESTION), stream: true }));
    return chunks.at(-1)!.choices[0]?.finish_reason ?? undefined;
});
