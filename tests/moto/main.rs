//! Rotations and clients' keys against moto, an AWS that others wrote: `tests/moto/run`.
//!
//! A program and not a test, because it needs a server that `cargo test` cannot count on. The functions
//! of its gateway know no other store than the one whose URL it is given.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this is a test; its output is for people"
)]

use gateway_tests::deployment::Deployment;
use gateway_tests::rotation::{ALL, Bench, CURRENT, NEXT, PREVIOUS, STEPS};
use serde_json::{Value, json};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;

type Playing<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(url) = std::env::args().nth(1) else {
        println!("the URL of a moto server is expected: see tests/moto/run");
        return ExitCode::FAILURE;
    };
    let (mut passed, mut failed) = (0, 0);
    let mut count = |sentence: &str, done: bool| {
        println!("{} {sentence}", if done { "ok    " } else { "FAILED" });
        if done { passed += 1 } else { failed += 1 }
    };
    let bench = Bench::on_moto(&url, &[]).await;
    for (sentence, play) in ALL {
        count(sentence, play_scenario(play(&bench)).await);
    }
    count("the key is read by its label", play_scenario(Box::pin(check_label(&url))).await);
    count(
        "a trial key becomes current where it is allowed",
        play_scenario(Box::pin(check_trial_key(&url))).await,
    );
    count(
        "a client's API key is made in its plan and deleted with it",
        play_scenario(Box::pin(check_api_key(&url))).await,
    );
    count(
        "a deployment asks who it is and records each release",
        play_scenario(Box::pin(check_release(&url))).await,
    );
    count(
        "eight operators at once lose no edit",
        play_scenario(Box::pin(check_operators(&url))).await,
    );
    count(
        "a client's models and the key's versions are read and changed",
        play_scenario(Box::pin(check_secrets(&url))).await,
    );
    count(
        "the checklist reads topics, the probe's rule, alarms, logs and the release",
        play_scenario(Box::pin(check_checklist(&url))).await,
    );
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays a scenario; a panic, which says what is wrong, is a failure.
async fn play_scenario(playing: Playing<'_>) -> bool {
    futures_util::FutureExt::catch_unwind(AssertUnwindSafe(playing)).await.is_ok()
}

/// Every request is sent with the key under `AWSCURRENT`, also after the label has moved: moto answers
/// an older version to whoever names no label.
async fn check_label(url: &str) {
    let store = Bench::on_moto(url, &[]).await;
    let secret = store.with_current().await;
    let tokens = json!({ "clients": [{ "name": "local", "token_sha256": [TOKEN_SHA256] }] });
    let clients = store.empty().await;
    clients.put(&tokens.to_string(), CURRENT).await;
    let settings = [
        ("GATEWAY_SECRET_ID", secret.id()),
        ("GATEWAY_CLIENTS_SECRET_ID", clients.id()),
        ("GATEWAY_SECRET_TTL_SECS", "1"),
    ];
    let bench = Bench::on_moto(url, &settings).await;
    let first = secret.value(CURRENT).await.unwrap();
    for key in [first.as_str(), "fake-next"] {
        bench.sandbox().accept_key(local::cohere_sandbox::Key { value: key.into(), trial: false });
        store.sandbox().accept_key(local::cohere_sandbox::Key { value: key.into(), trial: false });
    }
    assert_eq!(send_and_read_key(&bench).await, first);
    secret.put("fake-next", NEXT).await;
    assert_eq!(send_and_read_key(&bench).await, first);
    let token = secret.begin().await;
    secret.steps(&STEPS, &token).await;
    assert_eq!(secret.value(PREVIOUS).await, Some(first));
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(send_and_read_key(&bench).await, "fake-next");
}

/// Of the local client's token.
const TOKEN_SHA256: &str = "bc3a823510a03aa702655a96521614d7cf53c7ac0a22d10a434e328b6982d7e9";

/// Sends a request through the gateway; returns the key that Cohere saw.
async fn send_and_read_key(bench: &Bench) -> String {
    let body = r#"{"query":"red fox","documents":["a fox that is red"]}"#;
    let answer = bench.running.send_past_cache("/v2/rerank", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = bench.sandbox().requests();
    let key = seen.last().and_then(|request| request.header("authorization"));
    key.unwrap_or_default().trim_start_matches("Bearer ").to_string()
}

async fn check_trial_key(url: &str) {
    let bench = Bench::on_moto(url, &[("GATEWAY_ALLOW_TRIAL_KEY", "on")]).await;
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.unwrap();
    let key = secret.key("trial", Some(true));
    secret.put(&key, NEXT).await;
    let token = secret.begin().await;
    secret.steps(&STEPS, &token).await;
    secret.assert_rotated(&token, &key, &before).await;
}

/// API Gateway knows the key that `ops` has made, in the plan, with the value that stands in the list.
async fn check_api_key(url: &str) {
    let store = Bench::on_moto(url, &[]).await;
    let clients = store.empty().await;
    let plan =
        ask_api_gateway(&store, url, "POST", "/usageplans", json!({ "name": "clients" })).await;
    let plan = plan["id"].as_str().unwrap();
    let ops = async |arguments: &[&str]| {
        let mut command =
            gateway_tests::ops::prepare_command(&store.running, gateway_tests::ops::build_binary());
        command.env("AWS_ENDPOINT_URL", url).args(arguments).args(["--secret", clients.id()]);
        let output = command.spawn().unwrap().wait_with_output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    ops(&["clients", "add", "search", "--usage-plan", plan]).await;
    let list: Value = serde_json::from_str(&clients.value(CURRENT).await.unwrap()).unwrap();
    let members = format!("/usageplans/{plan}/keys");
    let keys = ask_api_gateway(&store, url, "GET", &members, Value::Null).await;
    let [key] = &keys["item"].as_array().unwrap()[..] else { panic!("{keys}") };
    assert_eq!(key["name"], "cohere-gateway-client-search");
    assert_eq!(key["value"], list["clients"][0]["usage_plan_key"]);
    let said = ops(&["clients", "reattach", "--usage-plan", plan]).await;
    assert!(said.contains("0 clients have a new API key"), "{said}");
    let said = ops(&["clients", "revoke", "search", "--yes"]).await;
    assert!(!said.contains("warning"), "{said}");
    let path = format!("/apikeys/{}", key["id"].as_str().unwrap());
    let gone = ask_api_gateway(&store, url, "GET", &path, Value::Null).await;
    assert_eq!(gone.get("value"), None, "{gone}");
}

/// Asks moto's API Gateway, which looks at no signature; null is no body.
async fn ask_api_gateway(store: &Bench, url: &str, method: &str, path: &str, body: Value) -> Value {
    let (_, access_key) =
        store.running.gateway.aws.iter().find(|(name, _)| name == "AWS_ACCESS_KEY_ID").unwrap();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={access_key}/20260101/us-east-1/apigateway/aws4_request, \
         SignedHeaders=host, Signature=0"
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.request(method.parse().unwrap(), format!("{url}{path}"));
    let request = request.header("authorization", authorization);
    let request = if body.is_null() { request } else { request.body(body.to_string()) };
    let answer = request.send().await.unwrap().bytes().await.unwrap();
    serde_json::from_slice(&answer).unwrap_or_default()
}

/// The forms of STS and Systems Manager are those that others know; CloudFormation and Lambda are the stand-in's,
/// because moto makes no stack of a template that is transformed.
async fn check_release(url: &str) {
    let deployment = Deployment::prepare("moto").await;
    let variables = [("AWS_ENDPOINT_URL_SSM", url), ("AWS_ENDPOINT_URL_STS", url)];
    let arguments = ["deploy", "--json", "--environment", "dev", "--yes", "--wait-secs", "0"];
    for _ in 0..2 {
        let done = deployment.run_ops_with(&arguments, &variables).await;
        assert!(done.data().contains("smoke_test"));
        assert!(done.stderr.contains("account 123456789012 as arn:aws:"), "{done:?}");
    }
    let again = deployment.run_ops_with(&arguments, &variables).await;
    assert!(again.stderr.contains("no function gets a new version"), "{again:?}");
    assert!(again.stderr.contains("recorded as release 3 in /cohere-gateway/"), "{again:?}");
}

/// Each edit replaces the version that was read, or is made again.
async fn check_operators(url: &str) {
    let store = Bench::on_moto(url, &[]).await;
    let clients = store.empty().await;
    let ops = |arguments: &[&str]| {
        let mut command =
            gateway_tests::ops::prepare_command(&store.running, gateway_tests::ops::build_binary());
        command.env("AWS_ENDPOINT_URL", url).args(arguments).args(["--secret", clients.id()]);
        command.spawn().unwrap().wait_with_output()
    };
    let names: Vec<_> = (0..8).map(|number| format!("client-{number}")).collect();
    let adding: Vec<_> =
        names.iter().map(|name| ops(&["clients", "add", name, "--shared-key"])).collect();
    for added in adding {
        let added = added.await.unwrap();
        assert!(added.status.success(), "{added:?}");
    }
    let listed = ops(&["clients", "list"]).await.unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(names.iter().all(|name| listed.contains(name)), "{listed}");
}

/// A client gets models, and a key is staged and looked at; no value is shown.
async fn check_secrets(url: &str) {
    let store = Bench::on_moto(url, &[]).await;
    let (clients, secret) = (store.empty().await, store.with_current().await);
    let ops = async |arguments: &[&str], secret: &str, stdin: &str| {
        let mut command =
            gateway_tests::ops::prepare_command(&store.running, gateway_tests::ops::build_binary());
        command.env("AWS_ENDPOINT_URL", url).args(arguments).args(["--secret", secret, "--json"]);
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut input, stdin.as_bytes()).await.unwrap();
        drop(input);
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        said["data"].clone()
    };
    ops(&["clients", "add", "search", "--shared-key"], clients.id(), "").await;
    ops(&["clients", "set", "search", "--models", "embed-v4.0"], clients.id(), "").await;
    ops(&["clients", "rotate", "search"], clients.id(), "").await;
    let listed = ops(&["clients", "list"], clients.id(), "").await;
    assert_eq!(listed["clients"][0]["models"], json!(["embed-v4.0"]));
    assert_eq!(listed["clients"][0]["tokens"].as_array().map(Vec::len), Some(2));

    ops(&["key", "stage"], secret.id(), "fake-MARK-next").await;
    let status = ops(&["key", "status"], secret.id(), "").await;
    let labels = status["versions"].to_string();
    assert!(labels.contains(NEXT) && labels.contains(CURRENT), "{status}");
    assert!(!labels.contains("MARK"), "{status}");
}

/// Services that moto serves; the stack, its functions and its rollouts are the stand-in's.
const OF_MOTO: [&str; 6] = ["SSM", "STS", "SNS", "EVENTBRIDGE", "CLOUDWATCH", "CLOUDWATCH_LOGS"];

async fn check_checklist(url: &str) {
    let deployment = Deployment::prepare("moto-checklist").await;
    let names = OF_MOTO.map(|service| format!("AWS_ENDPOINT_URL_{service}"));
    let variables: Vec<_> = names.iter().map(|name| (name.as_str(), url)).collect();
    let parameters = ["--parameter", "ProbeSchedule=5", "--parameter", "ExistingP2TopicArn="];
    let deploy = ["deploy", "--environment", "dev", "--yes", "--wait-secs", "0"];
    deployment.run_ops_with(&[&deploy[..], &parameters].concat(), &variables).await.data();
    for severity in ["P1", "P2"] {
        let topic = format!("it-{severity}Topic");
        ask_moto(url, "sns", "", &format!("Action=CreateTopic&Name={topic}")).await;
        let arn = format!("arn:aws:sns:us-east-1:123456789012:{topic}");
        let subscribe = "Action=Subscribe&Protocol=email&Endpoint=team%40example.com";
        ask_moto(url, "sns", "", &format!("{subscribe}&TopicArn={arn}")).await;
    }
    let rule = json!({ "Name": "it-ProbeRule", "ScheduleExpression": "rate(5 minutes)" });
    ask_moto(url, "events", "AWSEvents.PutRule", &rule.to_string()).await;
    let find = async |id: &str| {
        let arguments = ["checklist", "--stack", "cohere-gateway-dev", "--json"];
        let done = deployment.run_ops_with(&arguments, &variables).await;
        let said: Value = serde_json::from_str(&done.stdout).unwrap();
        let checks = said["data"]["checks"].as_array().unwrap();
        let line = checks.iter().find(|check| check["id"] == id).unwrap();
        format!("{}: {}", line["outcome"].as_str().unwrap(), line["reason"].as_str().unwrap())
    };
    assert_eq!(find("alerts.p1").await, "pass: 1 confirmed");
    assert_eq!(find("alerts.p2").await, "pass: 1 confirmed");
    assert_eq!(find("alerts.probe").await, "pass: rate(5 minutes)");
    assert!(find("delivery.release").await.starts_with("pass: ok of "));
    // There are none, which is an answer.
    assert!(find("alerts.alarms").await.contains(" is gone"));
    assert!(find("api.logs").await.contains("somebody has deleted"));
    ask_moto(url, "events", "AWSEvents.DisableRule", r#"{"Name":"it-ProbeRule"}"#).await;
    assert_eq!(find("alerts.probe").await, "fail: its rule is disabled");
}

/// Makes a call of a service that is asked by a form, or by an operation in a header; moto looks at no signature.
async fn ask_moto(url: &str, service: &str, operation: &str, body: &str) {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=FAKE/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let kind = match operation {
        "" => "application/x-www-form-urlencoded",
        _ => "application/x-amz-json-1.1",
    };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(url).header("authorization", authorization);
    let request = request.header("content-type", kind).header("x-amz-target", operation);
    let answer = request.body(body.to_string()).send().await.unwrap();
    assert!(answer.status().is_success(), "{service} {operation}: {}", answer.status());
}
