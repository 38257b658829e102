// Asks the Runtime API for events and posts the answers, as AWS's client for Node does, which wants a C++ compiler.
"use strict";

const http = require("node:http");
const { handler } = require("./handler.js");

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const BASE = "/2018-06-01/runtime/invocation";

function call(method, path, body = "") {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const request = http.request({ host, port, method, path, agent, headers }, (response) => {
      const pieces = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("end", () => resolve({ headers: response.headers, text: Buffer.concat(pieces).toString() }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function serve() {
  for (;;) {
    const { headers, text } = await call("GET", `${BASE}/next`);
    const id = headers["lambda-runtime-aws-request-id"];
    await call("POST", `${BASE}/${id}/response`, JSON.stringify(await handler(JSON.parse(text))));
  }
}

serve();
