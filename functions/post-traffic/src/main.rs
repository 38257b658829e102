//! Watches a new version once all callers meet it.

use post_traffic::PostTraffic;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_events(env!("CARGO_CRATE_NAME"), PostTraffic::start, PostTraffic::watch)
}
