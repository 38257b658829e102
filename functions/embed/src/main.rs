//! `POST /v2/embed`.

use shared::pipeline::embed;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_http(env!("CARGO_CRATE_NAME"), embed::handle)
}
