//! Token in; allow or deny, with the caller's identity, out.

use authorizer::Authorizer;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_events(Authorizer::start, Authorizer::decide)
}
