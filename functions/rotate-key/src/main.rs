//! One step of a rotation in; done or failed, with what to do about it, out.

use rotate_key::Rotator;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_events(env!("CARGO_CRATE_NAME"), Rotator::start, Rotator::rotate)
}
