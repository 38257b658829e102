//! The fault matrix: every fault × every way of asking, each on a real socket through the real binaries.
//!
//! A cell has a fresh environment and two requests: one that may not fall back, followed by one that shows
//! what the environment has learnt, and one that may. What is observed must be what the table says; the
//! table prints itself into `docs/errors.md`.

mod cell;
mod fault;
mod outcome;
mod page;
mod table;

use cell::Lane;
use fault::Fault;
use gateway_tests::ways::Way;
use std::time::Duration;
use table::{Cell, Row};
use tokio::join;

/// What a test machine under load may need besides.
const SLACK: Duration = Duration::from_millis(2_000);

/// Runs all rows of one way of asking; returns what differs, and the longest time to an answer.
async fn run_column(rows: &[Row], lane: &Lane, way: Way) -> (Vec<String>, Duration) {
    let (mut wrong, mut worst) = (Vec::new(), Duration::ZERO);
    for row in rows.iter().filter(|row| row.fault.needs() == lane.needs) {
        let Cell::Expect(expected) = row.cell(way) else { continue };
        let observed = lane.run(way, &row.fault).await;
        let shown = format!("{}, {}", row.name, way.name());
        if observed.outcome != expected.outcome {
            wrong.push(format!(
                "{shown}\n  expected {:?}\n  observed {:?}",
                expected.outcome, observed.outcome
            ));
        }
        if observed.took > expected.within.time() + SLACK {
            wrong.push(format!(
                "{shown}\n  took {:?}, not {}",
                observed.took,
                expected.within.name()
            ));
        }
        worst = worst.max(observed.took);
    }
    (wrong, worst)
}

/// Runs the columns of an upstream that cannot be reached at all, one after another.
async fn run_unreachable(rows: &[Row], lane: Lane) -> (Vec<String>, Duration) {
    let (mut wrong, mut worst) = (Vec::new(), Duration::ZERO);
    for way in Way::ALL {
        let (more, took) = run_column(rows, &lane, way).await;
        wrong.extend(more);
        worst = worst.max(took);
    }
    (wrong, worst)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_end_as_the_table_says() {
    let rows = &table::rows();
    let lane = |way| async move { run_column(rows, &Lane::stub(way).await, way).await };
    let (chat, stream, opened, embed, rerank, refused, no_name) = join!(
        lane(Way::Chat),
        lane(Way::Stream),
        lane(Way::Opened),
        lane(Way::Embed),
        lane(Way::Rerank),
        async {
            run_unreachable(rows, Lane::at("http://127.0.0.1:9", Fault::Refused.needs()).await)
                .await
        },
        async {
            run_unreachable(rows, Lane::at("https://cohere.invalid", Fault::NoName.needs()).await)
                .await
        },
    );
    let columns = [chat, stream, opened, embed, rerank, refused, no_name];
    let worst = columns.iter().map(|(_, worst)| *worst).max().unwrap_or_default();
    gateway_tests::skips::print_line(&format!(
        "{}\nlongest time to an answer: {worst:?}",
        page::markdown(rows)
    ));
    let wrong: Vec<String> = columns.into_iter().flat_map(|(wrong, _)| wrong).collect();
    assert!(wrong.is_empty(), "{} cells differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn errors_page_holds_the_fault_table() {
    page::check(&table::rows());
}
