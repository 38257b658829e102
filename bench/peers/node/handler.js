// The usual handler in Node: Cohere's SDK, a key from Secrets Manager, errors passed on.
"use strict";

const { GetSecretValueCommand, SecretsManagerClient } = require("@aws-sdk/client-secrets-manager");
const { CohereClientV2 } = require("cohere-ai");

const NAMES = { "/v2/chat": "chat", "/v2/embed": "embed", "/v2/rerank": "rerank" };

const opened = openClient();

async function openClient() {
  const command = new GetSecretValueCommand({ SecretId: process.env.GATEWAY_SECRET_ID });
  const secret = await new SecretsManagerClient({}).send(command);
  return new CohereClientV2({ token: secret.SecretString, environment: process.env.GATEWAY_UPSTREAM_URL });
}

// The SDK takes `inputType` where the API has `input_type`.
function toCamelCase(value) {
  if (Array.isArray(value)) return value.map(toCamelCase);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([name, entry]) => [
    name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()),
    toCamelCase(entry),
  ]);
  return Object.fromEntries(entries);
}

function respond(statusCode, value) {
  return { statusCode, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

exports.handler = async (event) => {
  const name = NAMES[event.path];
  if (!name) return respond(404, { message: "not found" });
  const body = event.isBase64Encoded ? Buffer.from(event.body, "base64").toString() : event.body;
  try {
    return respond(200, await (await opened)[name](toCamelCase(JSON.parse(body))));
  } catch (error) {
    return respond(error.statusCode ?? 502, { message: String(error.message) });
  }
};
