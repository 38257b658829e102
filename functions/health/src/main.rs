//! `GET /api/health`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_http(|app, _request| health::answer(app))
}
