//! The process of one environment, from spawn to end.
//!
//! It starts from an empty environment plus what Lambda sets, so that nothing of the developer's
//! shell (a real key, AWS credentials, a proxy) can reach it. It is a process group of its own: a
//! Ctrl-C in the terminal reaches this tool alone, which then ends every child. When this tool is
//! killed instead, the children lose their Runtime API and end by themselves.

use super::environment::{Environment, Phase};
use super::function::Function;
use super::{REGION, runtime_api};
use crate::loopback;
use crate::output::{Lines, Output};
use crate::template;
use anyhow::Context;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Everything needed to start a process of a function.
pub struct Launch {
    pub function: template::Function,
    pub binary: PathBuf,
    /// Name of the stack this run stands for.
    pub stack: String,
    /// Variables beside the template's: credentials of this run, endpoints, settings by hand.
    pub variables: Vec<(String, String)>,
}

impl Launch {
    fn command(&self, runtime_api: &str) -> Command {
        let function = &self.function;
        let deployed_name = self.deployed_name();
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
            .env("AWS_LAMBDA_FUNCTION_NAME", &deployed_name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string())
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{deployed_name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .env("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023")
            .env("AWS_REGION", REGION)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("_HANDLER", &function.handler)
            .env("LAMBDA_TASK_ROOT", self.binary.parent().unwrap_or(&self.binary))
            .env("LANG", "en_US.UTF-8")
            .env("TZ", ":UTC")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(&function.variables)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        command
    }
}

/// Runs an environment until its process ends, is killed, is overdue, or everything stops.
pub async fn run(
    function: Arc<Function>,
    environment: Arc<Environment>,
    output: Output,
    mut stop: watch::Receiver<bool>,
) {
    let lines = Arc::new(Lines::held(function.name(), output));
    let (end, ended) = watch::channel(false);
    let why = match start(&function, &environment, ended).await {
        Err(problem) => format!("{problem:#}"),
        Ok(mut child) => {
            environment.set_process(child.id());
            tokio::spawn(release(environment.clone(), lines.clone()));
            let readers = [
                child
                    .stdout
                    .take()
                    .map(|out| tokio::spawn(read(out, lines.clone(), environment.clone()))),
                child
                    .stderr
                    .take()
                    .map(|err| tokio::spawn(read(err, lines.clone(), environment.clone()))),
            ];
            let why = tokio::select! {
                status = child.wait() => match status {
                    Ok(status) => format!("ended ({status})"),
                    Err(problem) => format!("cannot be watched: {problem}"),
                },
                () = environment.overdue() => format!("timed out {}", stage(&environment, &function)),
                () = environment.killed() => "was killed".to_owned(),
                _ = stop.changed() => "was stopped".to_owned(),
            };
            let _ = child.kill().await;
            environment.set_process(None);
            for reader in readers.into_iter().flatten() {
                // Its last lines; bounded, because a grandchild could hold the pipe open.
                let _ = tokio::time::timeout(Duration::from_secs(1), reader).await;
            }
            why
        }
    };
    let busy = environment.busy();
    let stopping = *stop.borrow() || stop.has_changed().is_err();
    let number = environment.number;
    let last_words = lines.take();
    if environment.phase() == Phase::Starting && number == 1 {
        // Whoever waits for the first one gets the whole story, and tells it once.
        let said = last_words.iter().map(|line| format!("\n  {}", readable(line)));
        function.forget(&environment, &format!("it {why}{}", said.collect::<String>()));
    } else {
        last_words.iter().for_each(|line| function.say(line));
        let starting = function.forget(&environment, &why) == Phase::Starting;
        if !stopping && (busy || starting) {
            let when = if starting { "at its start" } else { "during a request" };
            function.say(&format!("environment {number} {why} {when}"));
        }
    }
    drop(end);
}

/// The text of a log line: a person reads it, and sees only this one.
fn readable(line: &str) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str(line) else { return line.to_owned() };
    let texts: Vec<_> =
        ["message", "error"].iter().filter_map(|name| fields.get(*name)?.as_str()).collect();
    if texts.is_empty() { line.to_owned() } else { texts.join(": ") }
}

/// What a process was doing, for the sentence that it took too long.
fn stage(environment: &Environment, function: &Function) -> String {
    match environment.phase() {
        Phase::Starting => "before it asked for work".to_owned(),
        _ => format!("after {} seconds", function.timeout().as_secs()),
    }
}

async fn start(
    function: &Arc<Function>,
    environment: &Arc<Environment>,
    ended: watch::Receiver<bool>,
) -> anyhow::Result<Child> {
    let (listener, address) = loopback::bind(0).await?;
    let router = runtime_api::router(function.clone(), environment.clone());
    tokio::spawn(loopback::serve(listener, router, ended));
    let mut command = function.launch.command(&address.to_string());
    command.spawn().with_context(|| format!("cannot start {}", function.launch.binary.display()))
}

/// Shows what was held back once the start has succeeded.
async fn release(environment: Arc<Environment>, lines: Arc<Lines>) {
    if environment.ready().await.is_ok() {
        lines.release();
    }
}

async fn read(pipe: impl AsyncRead + Unpin, lines: Arc<Lines>, environment: Arc<Environment>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    // Ends with the pipe, which ends with the process.
    while pipe.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line);
        lines.line(text.trim_end_matches(['\r', '\n']), environment.phase() == Phase::Starting);
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_is_read_to_a_person_as_its_text() {
        let line =
            r#"{"level":"ERROR","message":"cannot start","error":"no such setting","target":"x"}"#;
        assert_eq!(readable(line), "cannot start: no such setting");
        for other in ["thread panicked", "[1]", "{}", r#"{"message":1}"#, ""] {
            assert_eq!(readable(other), other);
        }
    }
}
