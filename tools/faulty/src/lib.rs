//! A bad version of a function: the real binary, with a fault between it and Lambda.
//!
//! ```text
//! Lambda's Runtime API ─ proxy ─ Runtime API of the proxy ─ the real binary
//! ```
//! Faults of the question are honest: the real binary fails by itself, and its lines say so. Faults of the answer
//! are those that no line tells: only who calls both versions can see them.

mod fault;
mod prelude;
mod proxy;

use anyhow::{Context, ensure};
pub use fault::Fault;
use proxy::Proxy;
use std::process::ExitCode;
use tokio::net::TcpListener;

/// Variable with the path of the real binary.
const BINARY: &str = "FAULTY_BINARY";
/// Variable with the fault, as JSON.
const FAULT: &str = "FAULTY_FAULT";
/// Lambda's own.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Runs the real binary until it ends, and ends with its code.
pub fn run_function() -> anyhow::Result<ExitCode> {
    let read = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
    let fault: Fault = serde_json::from_str(&read(FAULT)?).context(FAULT)?;
    ensure!(!fault.crash_at_start, "crashes at its start, as asked");
    let (binary, upstream) = (read(BINARY)?, read(RUNTIME_API)?);
    // The client asks for a provider of TLS, which loopback never uses.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let router = Proxy::new(&upstream, fault)?.into_router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut command = tokio::process::Command::new(&binary);
        command.env_remove(BINARY).env_remove(FAULT).env(RUNTIME_API, address);
        let status = command.kill_on_drop(true).status().await;
        let code = status.with_context(|| format!("cannot run {binary}"))?.code();
        Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
    })
}
