//! Token in; allow or deny, with the caller's identity, out.

use authorizer::Authorizer;
use futures_util::FutureExt;
use std::convert::Infallible;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_events(
        env!("CARGO_CRATE_NAME"),
        Authorizer::start,
        |authorizer, question| authorizer.decide(question).map(Ok::<_, Infallible>),
    )
}
