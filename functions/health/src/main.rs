//! `GET /api/health`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_http(env!("CARGO_CRATE_NAME"), health::answer_request)
}
