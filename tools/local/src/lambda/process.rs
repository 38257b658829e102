//! The process of one environment, from spawn to end.
//!
//! When this tool is killed, the children lose their Runtime API and end by themselves.

use super::environment::{Environment, Phase};
use super::launch::Launch;
use super::runtime_api;
use crate::loopback;
use crate::output::ProcessLines;
use anyhow::Context;
use serde_json::Value;
use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::watch;

pub use super::runtime_api::Session;

/// How long a process that has ended may still write: a grandchild could hold the pipe open.
const LAST_LINES_WAIT: Duration = Duration::from_secs(1);

/// Runs an environment until its process ends, is killed, is overdue, or everything stops.
pub async fn run_environment(session: Session, mut stop: watch::Receiver<bool>) {
    let Session { launch, environments, environment } = &session;
    let lines = Arc::new(ProcessLines::new(launch.name(), launch.output.clone()));
    // Dropping `end` stops the Runtime API.
    let (end, ended) = watch::channel(false);
    let why = match spawn_child(&session, ended).await {
        Err(problem) => format!("{problem:#}"),
        Ok(child) => watch_child(child, &session, &lines, &mut stop).await,
    };
    let busy = environment.is_busy();
    let stopping = *stop.borrow() || stop.has_changed().is_err();
    let number = environment.number;
    let held_lines = lines.take_held();
    if environment.phase() == Phase::Starting && environment.is_awaited {
        // Its caller reports the lines, once.
        let said = held_lines.iter().map(|line| format!("\n  {}", extract_message(line)));
        environments.remove(environment, &format!("it {why}{}", said.collect::<String>()));
    } else {
        held_lines.iter().for_each(|line| launch.write_line(line));
        let starting = environments.remove(environment, &why) == Phase::Starting;
        if !stopping && (busy || starting) {
            let when = if starting { "at its start" } else { "during a request" };
            launch.write_note(&format!("environment {number} {why} {when}"));
        }
    }
    drop(end);
}

/// Waits for the end of a process and returns how it ended; its last lines are read by then.
async fn watch_child(
    mut child: Child,
    session: &Session,
    lines: &Arc<ProcessLines>,
    stop: &mut watch::Receiver<bool>,
) -> String {
    let environment = &session.environment;
    environment.set_process_id(child.id());
    tokio::spawn(write_when_ready(environment.clone(), lines.clone()));
    let mut readers = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        readers.push(tokio::spawn(forward_lines(stdout, lines.clone(), environment.clone())));
    }
    if let Some(stderr) = child.stderr.take() {
        readers.push(tokio::spawn(forward_lines(stderr, lines.clone(), environment.clone())));
    }
    let why = tokio::select! {
        status = child.wait() => describe_exit(status),
        () = environment.wait_until_overdue() => {
            format!("timed out {}", describe_stage(environment, &session.launch))
        }
        () = environment.wait_for_kill() => "was killed".to_owned(),
        _ = stop.changed() => "was stopped".to_owned(),
    };
    let _ = child.kill().await;
    environment.set_process_id(None);
    for reader in readers {
        let _ = tokio::time::timeout(LAST_LINES_WAIT, reader).await;
    }
    why
}

fn describe_exit(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("ended ({status})"),
        Err(problem) => format!("cannot be watched: {problem}"),
    }
}

/// The message and the error of a JSON log line; any other line as it is.
fn extract_message(line: &str) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str(line) else { return line.to_owned() };
    let texts: Vec<_> =
        ["message", "error"].iter().filter_map(|name| fields.get(*name)?.as_str()).collect();
    if texts.is_empty() { line.to_owned() } else { texts.join(": ") }
}

/// What a process was doing when it timed out, for a sentence.
fn describe_stage(environment: &Environment, launch: &Launch) -> String {
    match environment.phase() {
        Phase::Starting => "before it asked for work".to_owned(),
        _ => format!("after {} seconds", launch.timeout().as_secs()),
    }
}

async fn spawn_child(session: &Session, ended: watch::Receiver<bool>) -> anyhow::Result<Child> {
    let (listener, address) = loopback::bind_port(0).await?;
    tokio::spawn(loopback::serve_until_stopped(
        listener,
        runtime_api::build_router(session.clone()),
        ended,
    ));
    let launch = &session.launch;
    let mut command = launch.build_command(&address.to_string());
    command.spawn().with_context(|| format!("cannot start {}", launch.binary.display()))
}

/// Writes the held lines once the start has succeeded.
async fn write_when_ready(environment: Arc<Environment>, lines: Arc<ProcessLines>) {
    if environment.wait_until_ready().await.is_ok() {
        lines.write_held();
    }
}

async fn forward_lines(
    pipe: impl AsyncRead + Unpin,
    lines: Arc<ProcessLines>,
    environment: Arc<Environment>,
) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    // Ends with the pipe, which ends with the process.
    while let Ok(1..) = pipe.read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line);
        lines.add_line(text.trim_end_matches(['\r', '\n']), environment.phase() == Phase::Starting);
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_line_is_reduced_to_its_message() {
        let line =
            r#"{"level":"ERROR","message":"cannot start","error":"no such setting","target":"x"}"#;
        assert_eq!(extract_message(line), "cannot start: no such setting");
        for other in ["thread panicked", "[1]", "{}", r#"{"message":1}"#, ""] {
            assert_eq!(extract_message(other), other);
        }
    }
}
