//! Tries a new version before callers meet it.

use pre_traffic::PreTraffic;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_events(env!("CARGO_CRATE_NAME"), PreTraffic::start, PreTraffic::check)
}
