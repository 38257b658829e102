//! CloudWatch Logs Insights: a question to log groups, and what it has read.

use crate::aws::Session;
use crate::signed_call::{LOGS, call_operation};
use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use shared::clock::since_epoch;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Between two looks at a query.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest wait for one.
const LIMIT: Duration = Duration::from_secs(60);
/// Most rows of an answer.
const MOST_ROWS: u64 = 10_000;
/// US dollars for a GB that is read.
const USD_PER_GB: f64 = 0.005;
const GB: f64 = 1_073_741_824.0;

/// What a query has found.
pub struct Found {
    /// Each row's fields by name.
    pub rows: Vec<BTreeMap<String, String>>,
    pub scanned_bytes: f64,
}

impl Found {
    /// Says what the query has read, and what that costs.
    pub fn tell_cost(&self) -> String {
        let gb = self.scanned_bytes / GB;
        format!("the query has read {gb:.2} GB of logs, which costs ${:.4}", gb * USD_PER_GB)
    }

    /// The same for programs.
    pub fn describe_cost(&self) -> Value {
        let usd = self.scanned_bytes / GB * USD_PER_GB;
        json!({ "scanned_bytes": self.scanned_bytes, "usd": usd })
    }
}

/// Asks these log groups about the last days, and waits for the answer.
pub async fn query_logs(
    session: &Session,
    groups: &[&str],
    days: u64,
    text: &str,
) -> anyhow::Result<Found> {
    ensure!(!groups.is_empty(), "the stack has no log groups of requests");
    let now = since_epoch().as_secs();
    let query = json!({
        "logGroupNames": groups,
        "startTime": now.saturating_sub(days * 86_400),
        "endTime": now,
        "queryString": text,
        "limit": MOST_ROWS,
    });
    let started = call_operation(session, &LOGS, "Logs_20140328.StartQuery", &query).await;
    let started = started.context("the logs cannot be searched")?;
    let id = started["queryId"].as_str().context("the search of the logs has no id")?;
    let since = Instant::now();
    loop {
        let body = json!({ "queryId": id });
        let answer = call_operation(session, &LOGS, "Logs_20140328.GetQueryResults", &body).await?;
        match answer["status"].as_str().unwrap_or_default() {
            "Complete" => return Ok(read_found(&answer)),
            "Scheduled" | "Running" => {}
            other => bail!("the search of the logs has ended as {other}"),
        }
        ensure!(
            since.elapsed() < LIMIT,
            "the search of the logs has not ended within {} s: fewer --days",
            LIMIT.as_secs()
        );
        tokio::time::sleep(PAUSE).await;
    }
}

fn read_found(answer: &Value) -> Found {
    let mut rows = Vec::new();
    for row in answer["results"].as_array().into_iter().flatten() {
        let mut fields = BTreeMap::new();
        for field in row.as_array().into_iter().flatten() {
            let text = |name: &str| field[name].as_str().unwrap_or_default().to_string();
            fields.insert(text("field"), text("value"));
        }
        rows.push(fields);
    }
    let scanned_bytes = answer["statistics"]["bytesScanned"].as_f64().unwrap_or_default();
    Found { rows, scanned_bytes }
}
