//! `cargo run`: the whole gateway on this machine.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    local::cli::run_command_line().await
}
