//! Runs a real function behind a Runtime API of its own, and spoils what passes: see `fault.rs`.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match faulty::run_function() {
        Ok(code) => code,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "faulty: {problem:#}");
            ExitCode::FAILURE
        }
    }
}
