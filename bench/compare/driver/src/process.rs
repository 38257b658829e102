//! The process of a function, and what the system knows of it.

use crate::{AnyError, Function};
use std::fs;
use std::process::Stdio;
use tokio::process::{Child, Command};

/// Starts a function with nothing of this process's environment but its path.
pub(crate) fn start(function: &Function, api: &str) -> Result<Child, AnyError> {
    let (program, arguments) =
        function.command.split_first().ok_or("a function without a command")?;
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .envs(&function.environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    Ok(child)
}

/// Returns the time that all threads have run on a processor.
pub(crate) fn read_cpu_us(pid: u32) -> Option<f64> {
    let mut total = 0.0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        total += text.split(' ').next()?.parse::<f64>().ok()? / 1e3;
    }
    Some(total)
}

/// Returns the most memory that the process has had.
pub(crate) fn read_peak_kb(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
