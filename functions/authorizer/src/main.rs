//! Token in; allow or deny, with the caller's identity, out; a failure where nobody can say.

use authorizer::Authorizer;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_events(
        env!("CARGO_CRATE_NAME"),
        Authorizer::start,
        |authorizer, question| authorizer.decide(question),
    )
}
