//! One look at Cohere and at the gateway's own front door, as often as a schedule asks for it.

use probe::Probe;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_events(env!("CARGO_CRATE_NAME"), Probe::start, Probe::answer)
}
