//! What a million requests cost in AWS, by endpoint: fixed prices, the time of the answer, and the request's own line.

use gateway_tests::gateway;
use gateway_tests::source_files::ROOT;
use local::Upstream;
use shared::endpoint::Endpoint;
use std::path::Path;

/// AWS's list prices in us-east-1, in dollars, as of 2026-11. Sources: aws.amazon.com/api-gateway/pricing,
/// /lambda/pricing (arm64) and /cloudwatch/pricing.
const API_CALLS_USD: f64 = 3.50;
const INVOCATIONS_USD: f64 = 0.20;
const GB_SECOND_USD: f64 = 0.000_013_333_4;
const LOGGED_GB_USD: f64 = 0.50;
const GB: f64 = 1e9;

/// Bytes of the lines START, END and REPORT that Lambda writes of an invocation, about.
const LAMBDA_LINES_BYTES: usize = 300;
/// How far a real line may be from the table's length, in percent: ids, counts and times differ.
const MAX_DEVIATION_PERCENT: usize = 5;

/// An endpoint, the length of its request's line, and how long an answer takes, which is assumed.
struct Row {
    endpoint: Endpoint,
    line_bytes: usize,
    answer_secs: f64,
    /// A request of which the line is told.
    body: &'static str,
}

const ROWS: [Row; 3] = [
    Row {
        endpoint: Endpoint::Chat,
        line_bytes: 1_725,
        answer_secs: 5.0,
        body: r#"{"model":"command-a-03-2025","messages":[{"role":"user","content":"hi"}]}"#,
    },
    Row {
        endpoint: Endpoint::Embed,
        line_bytes: 1_900,
        answer_secs: 0.3,
        body: r#"{"model":"embed-v4.0","input_type":"search_query","embedding_types":["float"],"texts":["hi"]}"#,
    },
    Row {
        endpoint: Endpoint::Rerank,
        line_bytes: 1_835,
        answer_secs: 0.3,
        body: r#"{"model":"rerank-v3.5","query":"hi","documents":["one","two"]}"#,
    },
];

/// Returns the table of a million requests.
pub(super) fn print_requests() -> String {
    let memory_gb = read_memory_mb() / 1024.0;
    let second = 1e6 * memory_gb * GB_SECOND_USD;
    let mut table = format!(
        "API Gateway takes {API_CALLS_USD:.2} dollars for a million requests and Lambda {INVOCATIONS_USD:.2}, and for each second that \
         an answer takes {second:.2}\n(arm64, {memory_gb} GB).\n\n\
         | endpoint | an answer takes | its line | Lambda's time | logs | **a million requests, $** |\n|---|---|---|---|---|---|\n"
    );
    for Row { endpoint, line_bytes, answer_secs, .. } in ROWS {
        let (time, logs) = (second * answer_secs, price_logs(line_bytes));
        let total = API_CALLS_USD + INVOCATIONS_USD + time + logs;
        table += &format!(
            "| {} | {answer_secs} s | {line_bytes} bytes | {time:.2} | {logs:.2} | **{total:.2}** |\n",
            endpoint.name()
        );
    }
    table
}

fn price_logs(line_bytes: usize) -> f64 {
    1e6 * (line_bytes + LAMBDA_LINES_BYTES) as f64 / GB * LOGGED_GB_USD
}

/// Reads the memory of all functions from the template.
fn read_memory_mb() -> f64 {
    let text = std::fs::read_to_string(Path::new(ROOT).join("template.yaml")).unwrap();
    let template = cloudformation::read_template(&text).unwrap();
    template["Globals"]["Function"]["MemorySize"].as_f64().expect("the functions' memory")
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_as_long_as_the_cost_page_says() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let mut problems = Vec::new();
    for Row { endpoint, line_bytes, body, .. } in ROWS {
        let answer = running.send(endpoint.path(), body).await;
        assert_eq!(answer.status, 200, "{}", endpoint.name());
        let line = running.wait_for_request(answer.header("x-request-id")).await;
        let real = line[line.find('{').expect("an object")..].len();
        if real.abs_diff(line_bytes) * 100 > line_bytes * MAX_DEVIATION_PERCENT {
            problems.push(format!("{}: {real} bytes, {line_bytes} are assumed", endpoint.name()));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}
