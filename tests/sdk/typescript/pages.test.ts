/**
 * The TypeScript blocks of the documents run as they stand, as plain JavaScript in the folder that `npm init -y` and
 * `npm install cohere-ai` make, and are type-checked there. The README's block comes first: the other pages go on
 * with its client. Only address and token are those of the gateway under test.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { before, test } from "node:test";
import { TOKEN, URL } from "./gateway";

const SUITE = resolve(__dirname, "..");
const ROOT = resolve(SUITE, "../../..");
const FOLDER = join(SUITE, "newcomer");
const START = "README.md";
const SDK = JSON.parse(readFileSync(join(SUITE, "package.json"), "utf8")).dependencies["cohere-ai"];

function readBlocks(page: string): string[] {
    const parts = readFileSync(join(ROOT, page), "utf8").split("\n```ts\n").slice(1);
    return parts.map((part) => part.split("\n```")[0]);
}

function writeProgram(page: string): string {
    const blocks = [...readBlocks(START), ...(page === START ? [] : readBlocks(page))];
    // What is said twice on two pages is declared once in a program.
    const [first, ...others] = blocks;
    const program = [first, ...others.map((block) => (/^const \{ data,/m.test(block) ? `{\n${block}\n}` : block))].join("\n");
    return program.replace("http://127.0.0.1:8080", URL).replace("cgw_local_token_of_this_machine_only", TOKEN);
}

const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: FOLDER, encoding: "utf8", timeout: 120_000 });

before(() => {
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER);
    run("npm", "init", "-y");
    run("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefer-offline", `cohere-ai@${SDK}`);
});

const PAGES: [string, RegExp][] = [
    [START, /command-a-03-2025/],
    ["docs/using.md", /404/],
    ["docs/headers.md", /bypass 1\n/],
];

for (const [page, seen] of PAGES) {
    test(`pages: blocks of ${page} run as they stand`, { timeout: 120_000 }, () => {
        assert.notEqual(readBlocks(page).length, 0);
        writeFileSync(join(FOLDER, "try.mjs"), writeProgram(page));
        assert.match(run("node", "try.mjs"), seen);
    });

    test(`pages: blocks of ${page} have types`, { timeout: 120_000 }, () => {
        writeFileSync(join(FOLDER, "try.mts"), writeProgram(page));
        const options = ["--ignoreConfig", "--strict", "--noEmit", "--skipLibCheck", "--target", "es2023", "--module", "nodenext"];
        const types = ["--types", "node", "--typeRoots", join(SUITE, "node_modules/@types")];
        run(join(SUITE, "node_modules/.bin/tsc"), ...options, ...types, "try.mts");
    });
}
