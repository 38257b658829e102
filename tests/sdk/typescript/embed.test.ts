/** Embed: shapes, numbers, and that they mean something. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Cohere } from "cohere-ai";
import { EMBED, FRESH, withEachClient } from "./gateway";

// One red dot.
const IMAGE =
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIA" +
    "X8jx0gAAAABJRU5ErkJggg==";
const documents = (texts: string[]) => ({ model: EMBED, inputType: "search_document" as const, texts });

for (const count of [1, 96]) {
    withEachClient(`each of ${count} texts gets a vector`, async (connect) => {
        const texts = Array.from({ length: count }, (_, number) => `text number ${number}`);
        const answer = await connect().embed({ ...documents(texts), embeddingTypes: ["float"] }, FRESH);
        assert.ok(answer.id);
        assert.equal(answer.embeddings.float!.length, count);
        assert.ok(answer.embeddings.float!.every((vector) => vector.length === 1536));
        assert.deepEqual(answer.texts, texts);
        assert.ok(answer.meta!.billedUnits!.inputTokens! > 0);
    });
}

withEachClient("floats are the default", async (connect) => {
    const { embeddings } = await connect().embed(documents(["sea"]));
    assert.equal(embeddings.float![0].length, 1536);
    assert.equal(embeddings.int8, undefined);
});

withEachClient("200 texts in one call get the vectors that each gets alone", async (connect) => {
    const client = connect();
    const texts = Array.from({ length: 200 }, (_, number) => `text number ${number}`);
    const answer = await client.embed(documents(texts), FRESH);
    const vectors = answer.embeddings.float!;
    assert.deepEqual(answer.texts, texts);
    assert.equal(vectors.length, 200);
    assert.equal(new Set(vectors.map(String)).size, 200);
    assert.ok(answer.meta!.billedUnits!.inputTokens! > 200);
    // The ends of the three calls that Cohere got.
    for (const number of [0, 95, 96, 191, 192, 199]) {
        const alone = await client.embed(documents([texts[number]]), FRESH);
        assert.deepEqual(vectors[number], alone.embeddings.float![0], texts[number]);
    }
});

withEachClient("equal texts of one call get equal vectors", async (connect) => {
    const client = connect();
    const texts = Array.from({ length: 200 }, (_, number) => `text number ${(number * 7) % 120}`);
    const answer = await client.embed(documents(texts), FRESH);
    const different = await client.embed(documents(texts.slice(0, 120)), FRESH);
    const expected = new Map(different.texts!.map((text, row) => [text, different.embeddings.float![row]]));
    assert.equal(expected.size, 120);
    assert.deepEqual(answer.texts, texts);
    assert.deepEqual(
        answer.embeddings.float,
        texts.map((text) => expected.get(text)),
    );
    assert.equal(answer.meta!.billedUnits!.inputTokens, different.meta!.billedUnits!.inputTokens);
});

withEachClient("second call is answered from the cache", async (connect) => {
    const client = connect();
    const request = documents([`cached ${randomUUID()}`]);
    const first = await client.embed(request);
    // Each environment has a cache of its own; one that misses has the text from then on.
    let outcome: string | null = "";
    for (let call = 0; call < 50 && outcome !== "hit"; call++) {
        const { rawResponse } = await client.embed(request).withRawResponse();
        outcome = rawResponse.headers.get("x-gateway-cache");
    }
    assert.equal(outcome, "hit");
    assert.deepEqual((await client.embed(request)).embeddings.float, first.embeddings.float);
});

withEachClient("several types describe the same vector", async (connect) => {
    const { embeddings } = await connect().embed({
        ...documents(["the sea"]),
        embeddingTypes: ["float", "int8", "uint8", "binary", "ubinary", "base64"],
    });
    const floats = embeddings.float![0];
    const within = (numbers: number[], low: number, high: number) => numbers.every((n) => low <= n && n <= high);
    assert.equal(embeddings.int8![0].length, 1536);
    assert.equal(embeddings.uint8![0].length, 1536);
    assert.equal(embeddings.binary![0].length, 1536 / 8);
    assert.equal(embeddings.ubinary![0].length, 1536 / 8);
    assert.ok(within([...embeddings.int8![0], ...embeddings.binary![0]], -128, 127));
    assert.ok(within([...embeddings.uint8![0], ...embeddings.ubinary![0]], 0, 255));
    const bytes = Buffer.from(embeddings.base64![0], "base64");
    assert.equal(bytes.length, 4 * 1536);
    floats.forEach((float, index) => assert.ok(Math.abs(bytes.readFloatLE(4 * index) - float) < 1e-6));
});

withEachClient("the dimension can be chosen", async (connect) => {
    for (const outputDimension of [256, 512, 1024, 1536]) {
        const { embeddings } = await connect().embed({ ...documents(["sea"]), outputDimension });
        assert.equal(embeddings.float![0].length, outputDimension);
    }
});

withEachClient("an image gets a vector", async (connect) => {
    const answer = await connect().embed({ model: EMBED, inputType: "image", images: [IMAGE] });
    assert.equal(answer.embeddings.float![0].length, 1536);
    assert.equal(answer.images!.length, 1);
});

withEachClient("inputs of text and image get one vector each", async (connect) => {
    const inputs: Cohere.EmbedInput[] = [
        {
            content: [
                { type: "text", text: "a red dot" },
                { type: "image_url", imageUrl: { url: IMAGE } },
            ],
        },
        { content: [{ type: "text", text: "only text" }] },
    ];
    const answer = await connect().embed({ model: EMBED, inputType: "search_document", inputs });
    assert.deepEqual(
        answer.embeddings.float!.map((vector) => vector.length),
        [1536, 1536],
    );
});

withEachClient("similar texts are nearer", async (connect) => {
    const texts = ["How do I reset my password?", "Reset a forgotten password", "A recipe for apple pie"];
    const [question, similar, other] = (await connect().embed(documents(texts))).embeddings.float!;
    assert.ok(cosine(question, similar) > cosine(question, other) + 0.1);
});

withEachClient("twenty calls at once each get their own vectors", async (connect) => {
    const client = connect();
    const vectors = async (number: number) =>
        (await client.embed({ ...documents([`marker${number}`]), outputDimension: 256 }, FRESH)).embeddings.float;
    const numbers = Array.from({ length: 20 }, (_, number) => number);
    const alone = [];
    for (const number of numbers) alone.push(await vectors(number));
    assert.deepEqual(await Promise.all(numbers.map(vectors)), alone);
});

function cosine(one: number[], other: number[]): number {
    const dot = one.reduce((sum, number, index) => sum + number * other[index], 0);
    return dot / (Math.hypot(...one) * Math.hypot(...other));
}
