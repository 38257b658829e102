/**
 * Clients of the gateway under test. `fault` asks the Cohere sandbox to fail this client's requests:
 * the gateway passes the client's name on, and the sandbox reads its orders there.
 */

import { basename } from "node:path";
import { test } from "node:test";
import { CohereClient, CohereClientV2, type Cohere } from "cohere-ai";

export const URL = required("GATEWAY_URL");
export const TOKEN = required("GATEWAY_TOKEN");

export type V2 = Pick<CohereClient["v2"], "chat" | "chatStream" | "embed" | "rerank">;
type Options = NonNullable<ConstructorParameters<typeof CohereClient>[0]>;
export type ClientOptions = Options & { token?: string; fault?: string };
export type Connect = (options?: ClientOptions) => V2;

const connectors: Record<string, Connect> = {
    CohereClientV2: (options) => new CohereClientV2({ baseUrl: URL, ...settings(options) }),
    "CohereClient.v2": (options) => new CohereClient({ environment: URL, ...settings(options) }).v2,
};

// A failed or aborted call of the SDK keeps its timer, and with it this process, so the limit is short.
export const LIMITS = { maxRetries: 0, timeoutInSeconds: 10 };

function settings({ fault, ...options }: ClientOptions = {}): Options {
    return { token: TOKEN, ...LIMITS, ...options, ...(fault && { clientName: `fault ${fault}` }) };
}

const FILE = basename(process.argv[1], ".test.js");

/** Runs a test once with each way to make a v2 client. */
export function withEachClient(name: string, body: (connect: Connect) => Promise<void>): void {
    for (const [kind, connect] of Object.entries(connectors)) {
        test(`${FILE}: ${name} [${kind}]`, { timeout: 60_000 }, () => body(connect));
    }
}

export const CHAT = "command-a-03-2025";
export const REASONING = "command-a-reasoning-08-2025";
export const EMBED = "embed-v4.0";
export const RERANK = "rerank-v3.5";

export const user = (content: string): Cohere.ChatMessages => [{ role: "user", content }];
export const ask = (content: string) => ({ model: CHAT, messages: user(content) });

/** For a call that the cache of the gateway must not answer. */
export const FRESH = { headers: { "x-gateway-cache": "no-store" } };

/** All events of a stream, or the first ones, after which the stream is given up. */
export async function collect<T>(stream: AsyncIterable<T>, take = Infinity): Promise<T[]> {
    const events: T[] = [];
    for await (const event of stream) {
        events.push(event);
        if (events.length === take) break;
    }
    return events;
}

export const seconds = (since: number) => (performance.now() - since) / 1000;

function required(name: string): string {
    const value = process.env[name];
    if (!value) throw new Error(`${name} is not set: start the suite with ./run`);
    return value;
}
