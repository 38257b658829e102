//! Calls the new and the live version of functions while a rollout goes on.

use driver::Driver;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_events(env!("CARGO_CRATE_NAME"), Driver::start, Driver::drive)
}
