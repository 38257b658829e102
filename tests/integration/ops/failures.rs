//! Each command meets each failure of AWS: it ends in time, with 1 or 2, and says in one sentence what failed, why, and
//! what to do; programs are told the same.

mod services;
mod sign_on;

use futures_util::StreamExt;
use futures_util::stream;
use gateway_tests::deployment::Deployment;
use gateway_tests::ops::{self, Done};
use serde_json::Value;
use std::fs::File;
use std::time::{Duration, Instant};

const STACK: &str = "cohere-gateway-dev";
/// What no words may repeat: of the key on standard input, and of the credentials.
const MARK: &str = "MARK";
/// Commands that run at once: most of them wait.
const AT_ONCE: usize = 24;
/// Longer than any command may take whose questions may take a second.
const MOST: Duration = Duration::from_secs(20);

/// A command, and what it asks.
struct Command {
    arguments: &'static [&'static str],
    services: &'static [&'static str],
}

const CLOUDFORMATION: &str = "CLOUDFORMATION";
const SECRETS_MANAGER: &str = "SECRETS_MANAGER";
const API_GATEWAY: &str = "API_GATEWAY";
const LAMBDA: &str = "LAMBDA";
const CODEDEPLOY: &str = "CODEDEPLOY";
const SSM: &str = "SSM";
const LOGS: &str = "CLOUDWATCH_LOGS";
const ITS_SECRET: &[&str] = &[CLOUDFORMATION, SECRETS_MANAGER];

const fn command(arguments: &'static [&'static str], services: &'static [&'static str]) -> Command {
    Command { arguments, services }
}

/// Every command that asks AWS, but for deployments and the checklist, which goes on after a question that fails.
const COMMANDS: [Command; 16] = [
    command(&["clients", "list"], ITS_SECRET),
    command(&["clients", "list", "--last-use"], &[CLOUDFORMATION, SECRETS_MANAGER, LOGS]),
    command(&["clients", "add", "new"], &[CLOUDFORMATION, SECRETS_MANAGER, API_GATEWAY]),
    command(&["clients", "set", "search", "--all-models"], ITS_SECRET),
    command(&["clients", "rotate", "search"], ITS_SECRET),
    command(&["clients", "revoke", "search"], ITS_SECRET),
    command(&["clients", "reattach"], &[CLOUDFORMATION, SECRETS_MANAGER, API_GATEWAY]),
    command(&["key", "stage"], ITS_SECRET),
    command(&["key", "rotate"], ITS_SECRET),
    command(&["key", "status"], ITS_SECRET),
    command(&["models"], &[CLOUDFORMATION, LAMBDA]),
    command(&["cost"], &[CLOUDFORMATION, LOGS]),
    command(&["preflight"], ITS_SECRET),
    command(&["releases"], &[CLOUDFORMATION, LAMBDA, SSM]),
    command(&["rollback"], &[CLOUDFORMATION, CODEDEPLOY, LAMBDA, SSM]),
    command(&["rollout"], &[CLOUDFORMATION, CODEDEPLOY]),
];

/// Deploys a gateway with a client, and leaves a key in a file.
async fn prepare(name: &str) -> Deployment {
    let deployment = Deployment::prepare(name).await;
    deployment.deploy(&["--parameter", "ProbeSchedule=5"]).await.data();
    deployment.run_ops_with(&["clients", "add", "search"], &[]).await.data();
    std::fs::write(deployment.folder.join("key.txt"), "fake-MARK-of-a-key").unwrap();
    deployment
}

/// Runs a command as a program does, with a key as its standard input; nothing shows the mark, and no trace is left.
async fn run(deployment: &Deployment, arguments: &[&str], variables: &[(&str, &str)]) -> Done {
    let mut command = deployment.command(ops::build_binary());
    command.args(arguments).arg("--json").envs(variables.iter().copied());
    command.stdin(File::open(deployment.folder.join("key.txt")).unwrap());
    let since = Instant::now();
    let output = tokio::time::timeout(MOST, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("{arguments:?} {variables:?} hangs")).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    let done = Done { code, stdout: text(output.stdout), stderr: text(output.stderr) };
    let said = format!("{arguments:?} {variables:?} in {:?}: {done:?}", since.elapsed());
    for trace in [MARK, "panicked", "stack backtrace", "RUST_BACKTRACE", "Error {", "Some("] {
        assert!(!done.stdout.contains(trace) && !done.stderr.contains(trace), "{said}");
    }
    done
}

/// Returns the sentence of a command that has failed so, which both outputs have.
fn read_problem(done: &Done, code: i32) -> String {
    let told: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    let outcome = if code == 2 { "usage" } else { "failed" };
    assert_eq!((done.code, told["outcome"].as_str()), (code, Some(outcome)), "{done:?}");
    assert!(told["data"].is_null(), "{done:?}");
    let problem = told["error"].as_str().unwrap_or_default().to_string();
    assert!(done.stderr.ends_with(&format!("error: {problem}\n")), "{done:?}");
    problem
}

/// One run of a command.
struct Run<T> {
    arguments: Vec<&'static str>,
    variables: Vec<(String, String)>,
    /// What the test wants to know of it afterwards.
    about: T,
}

/// Runs all of these, several at once.
async fn run_each<T>(deployment: &Deployment, runs: Vec<Run<T>>) -> Vec<(Done, Run<T>)> {
    let running = runs.into_iter().map(|it| async move {
        let variables: Vec<_> =
            it.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        (run(deployment, &it.arguments, &variables).await, it)
    });
    stream::iter(running).buffered(AT_ONCE).collect().await
}
