//! `GET /api/health`.

use std::process::ExitCode;

fn main() -> ExitCode {
    shared::lambda::serve_http(health::answer)
}
