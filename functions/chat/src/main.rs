//! `POST /v2/chat`.

use shared::pipeline::chat;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_http(chat::handle)
}
