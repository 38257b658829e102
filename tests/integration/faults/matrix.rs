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

use cell::{Lane, Observed};
use fault::Fault;
use fault::Needs;
use futures_util::FutureExt;
use futures_util::future::join_all;
use gateway_tests::stub::{Certificate, Protocol, Stub};
use gateway_tests::ways::Way;
use outcome::{ATTEMPT, Expected};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use table::{Cell, Row};
use tokio::join;

/// As far as a test is concerned.
const FOR_EVER: Duration = Duration::from_secs(60);
/// Names the variable with which every row is run over every protocol.
const WHOLE_MATRIX: &str = "WHOLE_MATRIX";
/// What a test machine under load may need besides; over TLS twice as much.
const SLACK: Duration = Duration::from_millis(2_000);

/// What differs from the table, and the longest time to an answer.
#[derive(Default)]
struct Finding {
    wrong: Vec<String>,
    worst: Duration,
}

impl Finding {
    fn merge(findings: Vec<Finding>) -> Self {
        let worst = findings.iter().map(|finding| finding.worst).max().unwrap_or_default();
        Self { worst, wrong: findings.into_iter().flat_map(|finding| finding.wrong).collect() }
    }

    fn report(&self) {
        let worst = self.worst;
        gateway_tests::skips::print_line(&format!("longest time to an answer: {worst:?}"));
        let wrong = &self.wrong;
        assert!(wrong.is_empty(), "{} cells differ:\n{}", wrong.len(), wrong.join("\n"));
    }
}

/// The rows of one way of asking in front of one upstream.
struct Column<'a> {
    lane: Lane,
    way: Way,
    rows: Vec<&'a Row>,
}

impl<'a> Column<'a> {
    fn new(lane: Lane, way: Way, rows: &'a [Row]) -> Self {
        let rows = rows.iter().filter(|row| lane.has(row.fault)).collect();
        Self { lane, way, rows }
    }

    /// Runs its rows and keeps those that differ, with how they do.
    async fn run(&mut self) -> Finding {
        let mut finding = Finding::default();
        let mut differ = Vec::new();
        for row in std::mem::take(&mut self.rows) {
            let Cell::Expect(expected) = row.cell(self.way) else { continue };
            // What a cell asserts besides its outcome is a difference like any other.
            let run = AssertUnwindSafe(self.lane.run(self.way, row.fault)).catch_unwind();
            let wrong = match run.await {
                Ok(observed) => {
                    finding.worst = finding.worst.max(observed.took);
                    self.compare(row.fault, expected, &observed)
                }
                Err(_) => vec!["it panicked, see above".to_string()],
            };
            if !wrong.is_empty() {
                let cell = format!("{}, {}\n  {}", row.name, self.way.name(), wrong.join("\n  "));
                finding.wrong.push(cell);
                differ.push(row);
            }
        }
        self.rows = differ;
        finding
    }

    fn compare(&self, fault: Fault, expected: &Expected, observed: &Observed) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut outcome = observed.outcome.clone();
        // A resend is not made where the attempt's time is over, and the stub does not see which were.
        if !fault.shows_calls() && outcome.calls + 1 == expected.outcome.calls {
            outcome.calls = expected.outcome.calls;
        }
        if outcome != expected.outcome {
            wrong.push(format!("expected {:?}", expected.outcome));
            wrong.push(format!("observed {:?}", observed.outcome));
        }
        let attempt = self.lane.attempt;
        let slack = if attempt == ATTEMPT { SLACK } else { SLACK * 2 };
        if observed.took > expected.within.time(attempt) + slack {
            wrong.push(format!("took {:?}, not {}", observed.took, expected.within.name()));
        }
        wrong
    }
}

/// How often a cell that differs is run again.
const REPEATS: usize = 2;

/// Runs columns beside each other, and what differs again, one cell after the other.
///
/// A machine that stands still for as long as an attempt may take makes a timeout of any fault. What
/// the gateway does wrong differs each time.
async fn run_columns(mut columns: Vec<Column<'_>>) -> Finding {
    let mut finding = Finding::merge(join_all(columns.iter_mut().map(Column::run)).await);
    for _ in 0..REPEATS {
        if finding.wrong.is_empty() {
            break;
        }
        let again = format!("run again, since they differ:\n{}", finding.wrong.join("\n"));
        gateway_tests::skips::print_line(&again);
        let mut repeated = Vec::new();
        for column in &mut columns {
            repeated.push(column.run().await);
        }
        finding = Finding::merge(repeated);
    }
    finding
}

/// Runs the columns of an upstream that cannot be reached at all, one after another.
async fn run_unreachable(url: &str, needs: Needs) -> Finding {
    let rows = &table::rows();
    let mut findings = Vec::new();
    for way in Way::ALL {
        let column = Column::new(Lane::at(url, needs).await, way, rows);
        findings.push(run_columns(vec![column]).await);
    }
    Finding::merge(findings)
}

/// Returns the rows that are run over a protocol: over TLS those that depend on the connection.
///
/// A refusal is the same over all of them, so that one stands for all, unless the whole is asked for.
fn select_rows(protocol: Protocol) -> Vec<Row> {
    let mut rows = table::rows();
    if protocol != Protocol::Plain && std::env::var_os(WHOLE_MATRIX).is_none() {
        rows.retain(|row| row.fault.status().is_none_or(|status| status == 500));
    }
    rows
}

/// Runs all columns in front of stubs that speak this protocol.
async fn run_protocol(protocol: Protocol) -> Finding {
    let rows = &select_rows(protocol);
    let columns =
        Way::ALL.map(|way| async move { Column::new(Lane::stub(way, protocol).await, way, rows) });
    run_columns(join_all(columns).await).await
}

async fn run_certificate(certificate: Certificate) -> Finding {
    let stub = Stub::start_with(Protocol::Http2, certificate).await;
    run_unreachable(&stub.url, Needs::Certificate(certificate)).await
}

async fn run_silent_handshake() -> Finding {
    let stub = Stub::start_with(Protocol::Http2, Certificate::Good).await;
    stub.delay_handshakes(FOR_EVER);
    run_unreachable(&stub.url, Needs::SilentHandshake).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_end_as_the_table_says() {
    let (reached, refused, no_name) = join!(
        run_protocol(Protocol::Plain),
        run_unreachable("http://127.0.0.1:9", Needs::ClosedPort),
        run_unreachable("https://cohere.invalid", Needs::UnknownName),
    );
    Finding::merge(vec![reached, refused, no_name]).report();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_over_tls_end_as_the_table_says() {
    let without_connection = async {
        Finding::merge(vec![
            run_certificate(Certificate::Expired).await,
            run_certificate(Certificate::OtherName).await,
            run_certificate(Certificate::Untrusted).await,
            run_silent_handshake().await,
        ])
    };
    let (http1, without_connection) = join!(run_protocol(Protocol::Http1), without_connection);
    Finding::merge(vec![http1, without_connection]).report();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_over_http2_end_as_the_table_says() {
    run_protocol(Protocol::Http2).await.report();
}

#[test]
fn errors_page_holds_the_fault_table() {
    page::check(&table::rows());
}
