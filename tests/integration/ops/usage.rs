//! Wrong settings of `ops`: told by name with exit code 2, and nothing of a key in any words.

use gateway_tests::gateway::{self, Running};
use gateway_tests::ops::{self, Done};
use local::Upstream;
use local::secrets_manager::{API_KEY, Behaviour, CLIENTS};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;

/// Its signs would end whatever a careless text quotes it in.
const KEY: &str = "fake`}MARK\"})MARK";

async fn running() -> Running {
    gateway::start(Upstream::Sandbox, &[]).await
}

/// Runs a command with the marked key as standard input and one more variable; nothing shows the mark.
async fn ops(running: &Running, arguments: &[&str], (name, value): (&str, &str)) -> Done {
    let mut command = ops::command(running, ops::binary());
    let command = command.args(arguments).env(name, value).stdin(Stdio::piped());
    let mut child = command.spawn().expect("ops starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // It may end without having read anything.
    let _ = stdin.write_all(KEY.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.expect("ops ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let code = output.status.code().unwrap_or(-1);
    let done = Done { code, stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!done.stdout.contains("MARK") && !done.stderr.contains("MARK"), "{arguments:?} {done:?}");
    done
}

const COMMANDS: [&[&str]; 7] = [
    &["key", "stage"],
    &["key", "rotate"],
    &["key", "status"],
    &["clients", "add", "x"],
    &["clients", "list"],
    &["clients", "rotate", "local"],
    &["clients", "revoke", "local"],
];

#[tokio::test]
async fn an_endpoint_that_is_no_url_is_told_by_name() {
    let running = running().await;
    for endpoint in ["localhost:39003", "nonsense", "", "http://", "http://a b", "ftp://localhost"] {
        for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER"] {
            for command in COMMANDS {
                let done = ops(&running, command, (variable, endpoint)).await;
                let told = format!("error: {variable} is {endpoint:?}: http://… or https://… is expected\n");
                assert_eq!((done.code, done.stdout.as_str(), done.stderr), (2, "", told), "{command:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_does_not_work_shows_nothing_of_a_key() {
    let running = running().await;
    let odd =
        ["http://127.0.0.1:1", "https://127.0.0.1:1", "http://127.0.0.1:99999", "http://[bad", "http://%zz"];
    for endpoint in odd {
        for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER"] {
            let done = ops(&running, &["key", "stage"], (variable, endpoint)).await;
            assert_ne!(done.problem(), "", "{done:?}");
        }
    }
    let dead = ("AWS_ENDPOINT_URL", odd[0]);
    for command in COMMANDS {
        let done = ops(&running, command, dead).await;
        assert!(done.problem().contains("check the region, AWS_ENDPOINT_URL and the network"), "{done:?}");
    }
}

#[tokio::test]
async fn a_store_that_does_not_work_shows_nothing_of_a_key() {
    let running = running().await;
    for behaviour in [Behaviour::Denying, Behaviour::Failing, Behaviour::Throttling, Behaviour::Garbled] {
        running.gateway.secrets.behave(behaviour);
        let done = ops(&running, &["key", "stage"], ("UNUSED", "")).await;
        assert_ne!(done.problem(), "", "{done:?}");
    }
    running.gateway.secrets.behave(Behaviour::Normal);
    // A list that is a key by mistake.
    running.gateway.secrets.put(CLIENTS, KEY);
    assert!(ops(&running, &["clients", "list"], ("UNUSED", "")).await.problem().contains("it is no JSON"));
    running.gateway.secrets.put(API_KEY, KEY);
    assert_eq!(ops(&running, &["key", "stage"], ("UNUSED", "")).await.code, 1);
}

#[tokio::test]
async fn a_secret_without_a_name_is_told_by_where_it_is_set() {
    let running = running().await;
    for (command, variable) in COMMANDS.map(|command| match command[0] {
        "key" => (command, "GATEWAY_SECRET_ID"),
        _ => (command, "GATEWAY_CLIENTS_SECRET_ID"),
    }) {
        for (value, told) in
            [("", "is empty; did the command that sets it fail?"), ("None", "is None, which")]
        {
            let done = ops(&running, command, (variable, value)).await;
            assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done:?}");
            assert!(done.stderr.contains(&format!("{variable} {told}")), "{done:?}");
            let done = ops(&running, &[command, &["--secret", value]].concat(), ("UNUSED", "")).await;
            assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done:?}");
            assert!(done.stderr.contains(&format!("--secret {told}")), "{done:?}");
        }
    }
}
