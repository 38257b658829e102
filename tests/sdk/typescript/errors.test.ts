/** Every failure arrives as the SDK's own error, with a JSON body of id, message and code. */

import assert from "node:assert/strict";
import { Cohere, CohereClient, CohereError, CohereTimeoutError } from "cohere-ai";
import { ask, EMBED, LIMITS, RERANK, seconds, TOKEN, URL, user, withEachClient } from "./gateway";

type ErrorClass = abstract new (...args: never[]) => CohereError;

// What the sandbox is told to answer, then what the caller must see. The models take turns, so that
// no model collects the five failures in a row that would open its circuit breaker.
const FAULTS: [string, ErrorClass, number, string][] = [
    ["status=400", Cohere.BadRequestError, 400, "invalid_request"],
    ["status=403", Cohere.ForbiddenError, 403, "invalid_request"],
    ["status=422", Cohere.UnprocessableEntityError, 422, "invalid_request"],
    ["status=500", Cohere.InternalServerError, 500, "upstream_error"],
    ["status=501", Cohere.NotImplementedError, 501, "upstream_error"],
    ["status=503", Cohere.ServiceUnavailableError, 503, "upstream_error"],
    ["status=504", Cohere.GatewayTimeoutError, 504, "upstream_error"],
    ["status=502", CohereError, 502, "upstream_error"],
    ["status=499", Cohere.ServiceUnavailableError, 503, "upstream_error"],
    ["status=401", CohereError, 502, "upstream_auth"],
    ["status=498", Cohere.InvalidTokenError, 498, "invalid_request"],
    ["status=402", CohereError, 502, "upstream_billing"],
    ["html", CohereError, 502, "upstream_error"],
    ["malformed", CohereError, 502, "upstream_malformed"],
];
const MODELS = ["command-a-03-2025", "command-r7b-12-2024", "command-r-08-2024", "command-r-plus-08-2024"];

FAULTS.forEach(([fault, kind, status, code], index) => {
    withEachClient(`upstream failures have their class: ${fault}`, async (connect) => {
        const model = MODELS[index % MODELS.length];
        const error = await failure(connect({ fault }).chat({ model, messages: user("Hello") }));
        assert.equal(error.constructor, kind);
        assertContract(error, status, code);
    });
});

withEachClient("the other endpoints fail alike", async (connect) => {
    const failing = connect({ fault: "status=503" });
    const embed = failing.embed({ model: EMBED, inputType: "search_query", texts: ["not cached yet"] });
    assertContract(await failure(embed), 503, "upstream_error");
    const rerank = failing.rerank({ model: RERANK, query: "not cached yet", documents: ["sea"] });
    assertContract(await failure(rerank), 503, "upstream_error");
});

withEachClient("an unknown model is not found, in Cohere's words", async (connect) => {
    const error = await failure(connect().chat({ model: "command-nonsense", messages: user("Hello") }));
    assert.ok(error instanceof Cohere.NotFoundError);
    assert.match(body(error).message, /^model 'command-nonsense' not found/);
});

for (const token of ["cgw_not_a_secret_wrong", "a Cohere key would go here", ""]) {
    withEachClient(`a wrong or missing token is told what is expected: "${token}"`, async (connect) => {
        const error = await failure(connect({ token }).chat(ask("Hello")));
        assert.ok(error instanceof Cohere.UnauthorizedError);
        assertContract(error, 401, "unauthorized");
        assert.match(body(error).message, /token of this gateway/);
    });
}

withEachClient("an own short deadline is a gateway timeout", async (connect) => {
    const hurried = connect({ fault: "delay_ms=5000", headers: { "x-gateway-timeout-ms": "300" } });
    const began = performance.now();
    const error = await failure(hurried.chat({ model: "command-r7b-12-2024", messages: user("Hello") }));
    assert.ok(error instanceof Cohere.GatewayTimeoutError);
    assertContract(error, 504, "deadline");
    assert.ok(seconds(began) < 3);
});

withEachClient("a rate limit says how long to rest, and the SDK rests", async (connect) => {
    // Longer than the gateway itself would wait, so that it is the caller who hears of it.
    const fault = "status=429 header=retry-after:3";
    const request = { model: "command-r-08-2024", messages: user("Hello") };
    const error = await failure(connect({ fault }).chat(request));
    assert.ok(error instanceof Cohere.TooManyRequestsError);
    assertContract(error, 429, "rate_limited");
    const rest = Number(error.rawResponse!.headers.get("retry-after"));
    assert.ok(1 <= rest && rest <= 5);
    const began = performance.now();
    await failure(connect({ fault, maxRetries: 1 }).chat(request));
    assert.ok(seconds(began) >= 0.9);
});

withEachClient("maxRetries counts the SDK's own attempts", async (connect) => {
    for (const maxRetries of [0, 1]) {
        const statuses: number[] = [];
        const counting: typeof fetch = async (...args) => {
            const response = await fetch(...args);
            statuses.push(response.status);
            return response;
        };
        const failing = connect({ fault: "status=503", maxRetries, fetch: counting });
        await failure(failing.chat({ model: "command-r-plus-08-2024", messages: user("Hello") }));
        assert.deepEqual(statuses, Array(1 + maxRetries).fill(503));
    }
});

withEachClient("the SDK's own timeout is reported as such", async (connect) => {
    const slow = connect({ fault: "delay_ms=3000", timeoutInSeconds: 0.5 });
    await assert.rejects(slow.chat(ask("Hello")), (error: unknown) => {
        assert.ok(error instanceof CohereTimeoutError || error instanceof CohereError);
        assert.match(String(error), /timeout/i);
        return true;
    });
});

withEachClient("a path that is not served is a JSON 404", async () => {
    const client = new CohereClient({ environment: URL, token: TOKEN, ...LIMITS });
    const error = await failure(client.datasets.list());
    assert.ok(error instanceof Cohere.NotFoundError);
    assertContract(error, 404, "not_found");
});

async function failure(call: Promise<unknown>): Promise<CohereError> {
    try {
        await call;
    } catch (error) {
        assert.ok(error instanceof CohereError, String(error));
        return error;
    }
    assert.fail("the call succeeded");
}

function assertContract(error: CohereError, status: number, code: string): void {
    assert.equal(error.statusCode, status);
    assert.equal(typeof error.body, "object", String(error.body));
    assert.ok(body(error).id);
    assert.ok(body(error).message);
    assert.equal(body(error).code, code);
}

const body = (error: CohereError) => error.body as { id: string; message: string; code: string };
