// The console in a browser: what a newcomer does, and what a hostile text must not do.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const url = process.env.GATEWAY_URL;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const NASTY = `<img src=x onerror="window.broken=1"><script>window.broken=1</script>'"&⟦prompt⟧`;

// A page that notes what it must not do.
async function openPage(options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => request.url().startsWith(url) || problems.push(request.url()));
  await page.goto(url);
  await page.getByText("Live.").waitFor();
  return { page, problems, close: () => context.close() };
}

const waitFor = (page, text, timeout = 30_000) => page.getByText(text).first().waitFor({ timeout });
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const takePicture = async (page, name) => {
  const folder = process.env.CONSOLE_PICTURES;
  if (!folder) return;
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${folder}/${name}.png` });
};

const tests = {
  async page_loads_without_outside_request_or_error() {
    const { page, problems, close } = await openPage();
    await page.getByRole("heading", { name: "Last requests" }).waitFor();
    await waitFor(page, "No alarm of");
    assert.deepEqual(problems, []);
    await close();
  },

  async api_callers_keep_their_json() {
    for (const accept of ["*/*", "application/json"]) {
      const answer = await fetch(url, { headers: { accept } });
      assert.equal(answer.headers.get("content-type"), "application/json");
      assert.ok(answer.status >= 400 && (await answer.json()).message);
    }
  },

  async stream_arrives_piece_by_piece() {
    const { page, problems, close } = await openPage();
    await page.evaluate(() => {
      window.lengths = new Set();
      const output = document.getElementById("chat-output");
      new MutationObserver(() => window.lengths.add(output.textContent.length)).observe(output, { childList: true });
    });
    await press(page, "Stream it");
    await page.waitForFunction(() => window.lengths.size > 5);
    assert.deepEqual(problems, []);
    await close();
  },

  async two_texts_have_a_similarity_and_documents_an_order() {
    const { page, problems, close } = await openPage();
    await press(page, "Compare");
    await page.locator("#embed-output", { hasText: /similarity 0\.\d{3}/ }).waitFor();
    await press(page, "Rank");
    await page.locator("#rerank-output", { hasText: /^0\.\d{3} {2}a fox that is red\n/ }).waitFor();
    assert.deepEqual(problems, []);
    await close();
  },

  async nasty_texts_stay_text() {
    const { page, problems, close } = await openPage();
    await page.getByLabel("Prompt").fill(NASTY);
    await press(page, "Stream it");
    await page.locator("#chat-output", { hasText: "<img src=x" }).waitFor();
    await page.evaluate((model) => fetch("/v2/chat", {
      method: "POST", headers: { authorization: `Bearer ${document.getElementById("token").value}` },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "x" }] }),
    }), NASTY);
    await page.locator("#requests", { hasText: "404" }).waitFor();
    for (const pre of await page.locator("pre[data-form=chat]").all()) {
      assert.ok((await pre.textContent()).includes("window.broken=1"));
    }
    assert.equal(await page.evaluate(() => window.broken), undefined);
    assert.deepEqual(problems.filter((problem) => !problem.includes("404")), []);
    await close();
  },

  async policy_blocks_inline_script_and_style() {
    const { page, problems, close } = await openPage();
    await page.evaluate(() => {
      const script = document.createElement("script");
      script.textContent = "window.broken = 1";
      const style = document.createElement("style");
      style.textContent = "body { display: none }";
      document.body.append(script, style);
    });
    assert.equal(await page.evaluate(() => window.broken), undefined);
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).display), "none");
    assert.ok(problems.some((problem) => problem.includes("Content Security Policy")), String(problems));
    await close();
  },

  async switch_needs_the_pages_origin_and_header() {
    const send = (headers) => fetch(`${url}/_console/fault`, { method: "POST", headers, body: "model-down" });
    assert.equal((await send({})).status, 403);
    assert.equal((await send({ origin: url })).status, 403);
    assert.equal((await send({ "x-gateway-console": "1" })).status, 403);
    assert.equal((await send({ origin: "http://localhost:1", "x-gateway-console": "1" })).status, 403);
    assert.equal((await fetch(`${url}/_console/fault`, { method: "POST", headers: { origin: url, "x-gateway-console": "1" }, body: "no such" })).status, 404);
  },

  async outage_is_seen_from_fault_to_recovery() {
    const { page, problems, close } = await openPage({ viewport: { width: 1280, height: 1060 } });
    const began = Date.now();
    await press(page, "Send four requests a second");
    await page.locator("#requests", { hasText: "200" }).waitFor();
    await press(page, "503s of one model");
    await page.locator("#requests", { hasText: "for command-a-03-2025" }).waitFor();
    await page.locator("#breakers [data-state=open]").first().waitFor();
    await page.locator("#alarms li", { hasText: "FallbackRate" }).locator("[data-state=ALARM]").waitFor({ timeout: 30_000 });
    await takePicture(page, "console-light");
    await page.emulateMedia({ colorScheme: "dark" });
    await takePicture(page, "console-dark");
    await press(page, "All is well");
    await page.locator("#breakers [data-state=closed]").first().waitFor({ timeout: 30_000 });
    await page.locator("#alarms", { hasText: "No alarm of" }).waitFor({ timeout: 50_000 });
    await press(page, "Send four requests a second");
    console.log(`an outage took ${Math.round((Date.now() - began) / 1000)} s on the page`);
    assert.deepEqual(problems, []);
    await close();
  },

  async narrow_page_scrolls_in_no_direction_but_down() {
    const { page, close } = await openPage({ viewport: { width: 360, height: 740 } });
    const [width, shown] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(width <= shown, `${width} > ${shown}`);
    await takePicture(page, "console-narrow");
    await close();
  },

  async keyboard_reaches_every_control() {
    const { page, close } = await openPage();
    const seen = new Set();
    for (let presses = 0; presses < 80; presses += 1) {
      await page.keyboard.press("Tab");
      seen.add(await page.evaluate(() => document.activeElement.textContent || document.activeElement.name || document.activeElement.id));
    }
    for (const name of ["503s of one model", "Send four requests a second", "Stream it", "Compare", "Rank"]) {
      assert.ok(seen.has(name), `${name} is not among ${[...seen].map((text) => text.slice(0, 30))}`);
    }
    await close();
  },
};

let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  const began = Date.now();
  try {
    await test();
    console.log(`ok ${name} (${Date.now() - began} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name}\n${error.stack}`);
  }
}
await browser.close();
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
