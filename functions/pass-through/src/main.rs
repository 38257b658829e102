//! What is passed through: below `/v1` and `/compatibility/v1`.

use shared::pipeline::pass_through;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_http(env!("CARGO_CRATE_NAME"), pass_through::handle)
}
