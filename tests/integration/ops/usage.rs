//! Wrong settings of `ops`: told by name with exit code 2, and nothing of a key in any words.

use gateway_tests::gateway::{self, Running};
use gateway_tests::ops::{self, Done};
use local::Upstream;
use local::secrets_manager::{API_KEY, Behaviour, CLIENTS};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;

/// Its signs would end whatever a careless text quotes it in.
const KEY: &str = "fake`}MARK\"})MARK";

async fn start_gateway() -> Running {
    gateway::start(Upstream::Sandbox, &[]).await
}

/// Runs a command with the marked key as standard input and one more variable; nothing shows the mark.
async fn run_ops(running: &Running, arguments: &[&str], (name, value): (&str, &str)) -> Done {
    let mut command = ops::prepare_command(running, ops::build_binary());
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
    assert!(
        !done.stdout.contains("MARK") && !done.stderr.contains("MARK"),
        "{arguments:?} {done:?}"
    );
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
async fn invalid_endpoint_url_is_named() {
    let running = start_gateway().await;
    for endpoint in [
        "localhost:39003",
        "nonsense-MARK",
        "",
        "http://",
        "http://a b",
        "ftp://localhost",
        "http://[bad",
        "http://%zz",
        "http://127.0.0.1:99999",
        "http://MARK.example.com",
        "https://MARK@localhost",
    ] {
        for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER"] {
            for command in COMMANDS {
                let done = run_ops(&running, command, (variable, endpoint)).await;
                let told = format!(
                    "error: {variable}: https://… is required, or http://… on loopback, without a user\n"
                );
                assert_eq!(
                    (done.code, done.stdout.as_str(), done.stderr),
                    (2, "", told),
                    "{command:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn failing_endpoint_shows_no_key() {
    let running = start_gateway().await;
    let odd = ["http://127.0.0.1:1", "https://127.0.0.1:1"];
    for endpoint in odd {
        for variable in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SECRETS_MANAGER"] {
            let done = run_ops(&running, &["key", "stage"], (variable, endpoint)).await;
            assert_ne!(done.problem(), "", "{done:?}");
        }
    }
    let dead = ("AWS_ENDPOINT_URL", odd[0]);
    for command in COMMANDS {
        let done = run_ops(&running, command, dead).await;
        assert!(
            done.problem().contains("check the region, AWS_ENDPOINT_URL and the network"),
            "{done:?}"
        );
    }
}

#[tokio::test]
async fn failing_store_shows_no_key() {
    let running = start_gateway().await;
    for behaviour in
        [Behaviour::Denying, Behaviour::Failing, Behaviour::Throttling, Behaviour::Garbled]
    {
        running.gateway.secrets.behave(behaviour);
        let done = run_ops(&running, &["key", "stage"], ("UNUSED", "")).await;
        assert_ne!(done.problem(), "", "{done:?}");
    }
    running.gateway.secrets.behave(Behaviour::Normal);
    // A list that is a key by mistake.
    running.gateway.secrets.put(CLIENTS, KEY);
    assert!(
        run_ops(&running, &["clients", "list"], ("UNUSED", ""))
            .await
            .problem()
            .contains("it is no JSON")
    );
    running.gateway.secrets.put(API_KEY, KEY);
    assert_eq!(run_ops(&running, &["key", "stage"], ("UNUSED", "")).await.code, 1);
}

#[tokio::test]
async fn mistyped_command_line_is_not_repeated() {
    let running = start_gateway().await;
    let mark = "cgw_MARK_of_somebody_who_pasted_it";
    for arguments in [
        &["key", "stage", mark][..],
        &["key", "stage", "--MARK-of-somebody"],
        &["key", mark],
        &[mark],
        &["clients", "add", mark],
        &["clients", "add", "MARK of two words"],
        &["clients", "add", "x", "--not-after", mark],
        &["clients", "add", "x", "--usage-plan-key", "MARK"],
        &["clients", "add", "x", "--models", "MARK of two words"],
        &["clients", "add", "x", mark],
        &["clients", "revoke", "x", "--token", mark],
        &["key", "rotate", "--wait-secs", mark],
    ] {
        let done = run_ops(&running, arguments, ("UNUSED", "")).await;
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{arguments:?} {done:?}");
        assert!(done.stderr.starts_with("error: "), "{done:?}");
    }
    for command in ["revoke", "rotate"] {
        let done = run_ops(&running, &["clients", command, mark], ("UNUSED", "")).await;
        assert!(done.problem().starts_with("there is no client of that name"), "{done:?}");
    }
    let secret = run_ops(&running, &["key", "status", "--secret", mark], ("UNUSED", "")).await;
    assert!(secret.problem().contains("ResourceNotFoundException"), "{secret:?}");
}

#[tokio::test]
async fn unnamed_secret_is_told_by_its_setting() {
    let running = start_gateway().await;
    for (command, variable) in COMMANDS.map(|command| match command[0] {
        "key" => (command, "GATEWAY_SECRET_ID"),
        _ => (command, "GATEWAY_CLIENTS_SECRET_ID"),
    }) {
        for (value, told) in
            [("", "is empty; did the command that sets it fail?"), ("None", "is None, which")]
        {
            let done = run_ops(&running, command, (variable, value)).await;
            assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done:?}");
            assert!(done.stderr.contains(&format!("{variable} {told}")), "{done:?}");
            let done =
                run_ops(&running, &[command, &["--secret", value]].concat(), ("UNUSED", "")).await;
            assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{done:?}");
            assert!(done.stderr.contains(&format!("--secret {told}")), "{done:?}");
        }
    }
}
