//! `POST /v2/rerank`.

use shared::pipeline::rerank;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_http(rerank::handle)
}
