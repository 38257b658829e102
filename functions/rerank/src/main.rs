//! `POST /v2/rerank`.

use shared::pipeline::rerank;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_http(env!("CARGO_CRATE_NAME"), rerank::handle)
}
