//! `POST /v2/rerank`.

use shared::endpoint::Endpoint;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_http(env!("CARGO_CRATE_NAME"), |app, request| {
        shared::pipeline::handle(app, Endpoint::Rerank, request)
    })
}
