//! Nothing secret or personal in a log, and no secret in an answer: keys, tokens and every text that
//! callers or Cohere send are marked, everything that can go wrong does, and then every byte of the
//! functions' stdout and stderr, and of the errors they answered, is searched for a mark in any form.

mod callers;
mod cohere;
mod marked;
mod search;
mod sources;
mod stores;
mod suite;

use suite::Suite;

async fn play_all(rust_log: Option<&str>) {
    let mut suite = Suite::start(rust_log).await;
    callers::play(&mut suite).await;
    callers::send_raw_events(&mut suite).await;
    cohere::play(&mut suite).await;
    stores::play(&mut suite).await;
    suite.finish().await;
}

#[tokio::test]
async fn marks_reach_no_log_or_answer() {
    play_all(None).await;
}

#[tokio::test]
async fn marks_reach_no_log_or_answer_at_trace() {
    play_all(Some(
        "trace,lambda_runtime=trace,hyper=trace,h2=trace,reqwest=trace,aws_smithy_runtime=trace",
    ))
    .await;
}
