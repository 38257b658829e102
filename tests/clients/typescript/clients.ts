/** A test is one feature of one client. The suite prints one line a test, of which docs/clients.md is made. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

export const URL = required("GATEWAY_URL");
export const SANDBOX_URL = required("SANDBOX_URL");
export const TOKEN = required("GATEWAY_TOKEN");

export const CHAT = "command-a-03-2025";
export const CHAT_V1 = "command-r-08-2024"; // v1's chat refuses newer models
export const EMBED = "embed-v4.0";
export const RERANK = "rerank-v3.5";

export const QUESTION = "Tell me about the red fox.";
export const TEXTS = ["Bread rises because yeast makes gas.", "The moon pulls the sea and makes the tides."];
export const QUERY = "the tides of the sea"; // the second text answers it

export type Feature = (url: string) => Promise<void>;

/** Runs each feature of a client, a package by the name of its folder. */
export function client(folder: string, features: Record<string, Feature>): void {
    for (const [feature, body] of Object.entries(features)) {
        test(`${describe(folder)}: ${feature}`, { timeout: 60_000 }, () => body(URL));
    }
}

/** A feature that fails straight at the sandbox too, for the same reason: then the fault is the client's own. */
export function ownDefect(folder: string, feature: string, reason: string, error: RegExp, body: Feature): void {
    test(`${describe(folder)}: ${feature} (own: ${reason})`, { timeout: 60_000 }, async () => {
        await assert.rejects(body(URL), error);
        await assert.rejects(body(SANDBOX_URL), error);
    });
}

/** What a client tells of a stream that breaks off while it is read: an exception, a finish reason, or nothing. */
export function lost(folder: string, seen: string, read: (url: string) => Promise<string | undefined>): void {
    test(`${describe(folder)}: lost = ${seen}`, { timeout: 60_000 }, async () => {
        await setFaults(["cut_after_events=4"]);
        let told = "nothing";
        try {
            const reason = await read(URL);
            if (reason) told = `finish reason \`${reason}\``;
        } catch (error) {
            told = `raises \`${(error as Error).constructor.name}\``;
        }
        await setFaults([]);
        assert.equal(told, seen);
    });
}

async function setFaults(faults: string[]): Promise<void> {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${SANDBOX_URL}/_sandbox/faults`, { method: "PUT", headers, body: JSON.stringify(faults) });
    assert.ok(answer.ok);
}

function describe(folder: string): string {
    const { name, version } = JSON.parse(readFileSync(`node_modules/${folder}/package.json`, "utf8"));
    return `${name} ${version}`;
}

export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
    const items: T[] = [];
    for await (const item of stream) items.push(item);
    return items;
}

export function includesFox(text: string): void {
    assert.match(text, /red fox/);
}

function required(name: string): string {
    const value = process.env[name];
    if (!value) throw new Error(`${name} is not set: start the suite with tests/clients/run`);
    return value;
}
