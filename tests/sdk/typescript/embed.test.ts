/** Embed: shapes, numbers, and that they mean something. */

import assert from "node:assert/strict";
import { Cohere } from "cohere-ai";
import { EMBED, withEachClient } from "./gateway";

// One red dot.
const IMAGE =
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIA" +
    "X8jx0gAAAABJRU5ErkJggg==";
const documents = (texts: string[]) => ({ model: EMBED, inputType: "search_document" as const, texts });

for (const count of [1, 96]) {
    withEachClient(`each of ${count} texts gets a vector`, async (connect) => {
        const texts = Array.from({ length: count }, (_, number) => `text number ${number}`);
        const answer = await connect().embed({ ...documents(texts), embeddingTypes: ["float"] });
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

withEachClient("97 texts are refused in Cohere's words", async (connect) => {
    await assert.rejects(connect().embed(documents(Array(97).fill("a"))), (error: Cohere.BadRequestError) => {
        assert.ok(error instanceof Cohere.BadRequestError);
        const expected = "invalid request: total number of texts must be at most 96 - received 97";
        assert.equal((error.body as { message: string }).message, expected);
        return true;
    });
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
        (await client.embed({ ...documents([`marker${number}`]), outputDimension: 256 })).embeddings.float;
    const numbers = Array.from({ length: 20 }, (_, number) => number);
    const alone = [];
    for (const number of numbers) alone.push(await vectors(number));
    assert.deepEqual(await Promise.all(numbers.map(vectors)), alone);
});

function cosine(one: number[], other: number[]): number {
    const dot = one.reduce((sum, number, index) => sum + number * other[index], 0);
    return dot / (Math.hypot(...one) * Math.hypot(...other));
}
