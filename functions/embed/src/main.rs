//! `POST /v2/embed`.

use shared::endpoint::Endpoint;
use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_http(|app, request| shared::pipeline::handle(app, Endpoint::Embed, request))
}
