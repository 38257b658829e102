//! `POST /v2/chat`.

use shared::pipeline::chat;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_http(env!("CARGO_CRATE_NAME"), chat::handle)
}
