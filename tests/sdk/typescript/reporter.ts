/** One line per test, each failure with its reason, and the counts in the last line. */

interface TestEvent {
    type: string;
    data: {
        name: string;
        details?: { type?: string; duration_ms: number; error?: Error & { cause?: unknown } };
    };
}

async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
    let passed = 0;
    let failed = 0;
    for await (const { type, data } of events) {
        const isTest = data.details && data.details.type !== "suite";
        if (type === "test:pass" && isTest) {
            passed += 1;
            yield `ok   ${data.name} (${Math.round(data.details!.duration_ms)} ms)\n`;
        } else if (type === "test:fail" && isTest) {
            failed += 1;
            const error = data.details!.error;
            const cause = error?.cause;
            yield `FAIL ${data.name}\n${cause instanceof Error ? cause.stack : String(cause ?? error)}\n`;
        }
    }
    yield `${passed} passed, ${failed} failed\n`;
}

export = report;
