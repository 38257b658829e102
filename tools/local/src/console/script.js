// What the page does by itself: shows events, sends the three requests, keeps the examples up to date.
// Answers come in as text nodes only; parts of the page come from the server, which escapes them.
"use strict";
const find = (id) => document.getElementById(id);
const stopped = { traffic: 0 };

// Parts that change.
const shown = {};
const events = new EventSource("/_console/events");
events.onopen = () => { find("live").textContent = "Live."; };
events.onerror = () => { find("live").textContent = "Not connected: is cargo run still there?"; };
events.onmessage = ({ data }) => {
  const { switch: active, parts } = JSON.parse(data);
  for (const [id, part] of Object.entries(parts)) {
    if (shown[id] === part) continue;
    shown[id] = part;
    const parsed = new DOMParser().parseFromString(part, "text/html");
    find(id).replaceChildren(...parsed.body.childNodes);
  }
  let watch = "Another fault than one of these was set elsewhere.";
  for (const button of document.querySelectorAll("[data-switch]")) {
    const isActive = button.dataset.switch === active;
    button.setAttribute("aria-pressed", String(isActive));
    if (isActive) watch = button.dataset.watch;
  }
  if (find("watch").textContent !== watch) find("watch").textContent = watch;
};

// Switches.
for (const button of document.querySelectorAll("[data-switch]")) {
  button.addEventListener("click", () => fetch("/_console/fault", {
    method: "POST", headers: { "x-gateway-console": "1" }, body: button.dataset.switch,
  }));
}

// Requests, as any other caller sends them.
function post(endpoint, body) {
  const headers = { authorization: `Bearer ${find("token").value}`, "content-type": "application/json" };
  return fetch(`/v2/${endpoint}`, { method: "POST", headers, body: JSON.stringify(body) });
}

function showText(output, text, isBad = false) {
  output.textContent = text;
  output.classList.toggle("bad", isBad);
}

async function showFailure(output, response) {
  showText(output, `${response.status}\n${await response.text()}`, true);
}

// Gives the JSON of each event of a stream as it comes.
async function* readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const lines = (rest + piece.value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data: {")) yield JSON.parse(line.slice(6));
    }
  }
}

async function chat({ prompt }, output) {
  const messages = [{ role: "user", content: prompt }];
  const response = await post("chat", { model: "command-a-03-2025", stream: true, messages });
  if (!response.ok) return showFailure(output, response);
  showText(output, "");
  for await (const event of readEvents(response)) {
    if (event.type === "content-delta") output.append(event.delta?.message?.content?.text ?? "");
    if (event.type === "message-end" && event.delta?.error) output.append(`\n[ended: ${event.delta.error}]`);
  }
  const standIn = response.headers.get("x-gateway-fallback-from");
  if (standIn) output.append(`\n[answered by ${response.headers.get("x-gateway-model")} for ${standIn}]`);
}

async function embed({ one, other }, output) {
  const body = { model: "embed-v4.0", input_type: "search_document", embedding_types: ["float"], texts: [one, other] };
  const response = await post("embed", body);
  if (!response.ok) return showFailure(output, response);
  const [a, b] = (await response.json()).embeddings.float;
  const multiply = (x, y) => x.reduce((sum, value, place) => sum + value * y[place], 0);
  const similarity = multiply(a, b) / Math.sqrt(multiply(a, a) * multiply(b, b));
  showText(output, `similarity ${similarity.toFixed(3)}, cache ${response.headers.get("x-gateway-cache")}`);
}

async function rerank({ query, documents }, output) {
  const lines = splitLines(documents);
  const response = await post("rerank", { model: "rerank-v4.0-pro", query, documents: lines });
  if (!response.ok) return showFailure(output, response);
  const { results } = await response.json();
  showText(output, results.map((result) => `${result.relevance_score.toFixed(3)}  ${lines[result.index]}`).join("\n"));
}

const splitLines = (text) => text.split("\n").filter((line) => line.trim() !== "");

for (const [id, send] of Object.entries({ chat, embed, rerank })) {
  const form = find(id);
  const output = find(`${id}-output`);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    showText(output, "…");
    try {
      await send(Object.fromEntries(new FormData(form)), output);
    } catch (error) {
      showText(output, String(error), true);
    }
  });
  form.addEventListener("input", () => writeExamples(id));
  writeExamples(id);
}

// Puts what was typed into the examples.
function writeExamples(id) {
  const fields = Object.fromEntries(new FormData(find(id)));
  for (const example of document.querySelectorAll(`pre[data-form=${id}]`)) {
    example.textContent = example.dataset.template.replace(/⟦(\[?)(\w+)\]?⟧/g, (_, list, name) => {
      const literal = JSON.stringify(list ? splitLines(fields[name]) : fields[name]);
      return example.dataset.language === "curl" ? literal.replaceAll("'", "'\\''") : literal;
    });
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent);
    button.textContent = "Copied";
  });
}

// Traffic: answers are read and dropped.
find("traffic").addEventListener("click", ({ target }) => {
  const isOn = target.getAttribute("aria-pressed") !== "true";
  target.setAttribute("aria-pressed", String(isOn));
  clearInterval(stopped.traffic);
  const messages = [{ role: "user", content: "ping" }];
  const send = () => post("chat", { model: "command-a-03-2025", messages }).then((response) => response.text()).catch(() => {});
  if (isOn) stopped.traffic = setInterval(send, 250);
});
