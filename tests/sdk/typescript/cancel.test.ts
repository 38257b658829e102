/** A caller who leaves in the middle neither waits nor leaves the gateway worse. */

import assert from "node:assert/strict";
import { ask, collect, seconds, withEachClient } from "./gateway";

const SLOW = { fault: "trickle_ms=200" };
const LONG = ask("Write about the sea, the wind and the sky, and then about the moon and the tides.");

withEachClient("a stream can be left in the middle", async (connect) => {
    const began = performance.now();
    const events = await collect(await connect(SLOW).chatStream(LONG), 3);
    assert.deepEqual(
        events.map((event) => event.type),
        ["message-start", "content-start", "content-delta"],
    );
    assert.ok(seconds(began) < 3);
    assert.ok((await connect().chat(ask("Hello"))).message);
});

withEachClient("many left streams do not use the gateway up", async (connect) => {
    for (let round = 0; round < 12; round += 1) await collect(await connect(SLOW).chatStream(LONG), 2);
    const answers = await Promise.all(
        Array.from({ length: 12 }, (_, number) => connect().chat(ask(`Hello ${number}`))),
    );
    assert.ok(answers.every((answer) => answer.message));
});

withEachClient("an abort signal ends a stream that is under way", async (connect) => {
    const abort = new AbortController();
    const stream = await connect(SLOW).chatStream(LONG, { abortSignal: abort.signal });
    const began = performance.now();
    setTimeout(() => abort.abort(), 300);
    const events: string[] = [];
    try {
        for await (const event of stream) events.push(event.type);
    } catch (error) {
        assert.match(String(error), /abort/i);
    }
    assert.ok(!events.includes("message-end"), events.join(" "));
    assert.ok(seconds(began) < 2);
    assert.ok((await connect().chat(ask("Hello"))).message);
});

withEachClient("an abort signal ends a call that waits for its answer", async (connect) => {
    const abort = new AbortController();
    const began = performance.now();
    setTimeout(() => abort.abort(), 300);
    const call = connect({ fault: "delay_ms=3000" }).chat(ask("Hello"), { abortSignal: abort.signal });
    await assert.rejects(call, /abort/i);
    assert.ok(seconds(began) < 2);
    assert.ok((await connect().chat(ask("Hello"))).message);
});
