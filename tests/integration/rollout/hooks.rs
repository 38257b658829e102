//! The hooks of a deployment: a verdict in any case, and only a version that is worse fails.

use super::{publish_like, start, with_failing_calls, without_request_id};
use faulty::Fault;
use gateway_tests::event::{parse_line, read_events, wait_for_event};
use gateway_tests::faulty_version::publish_faulty;
use gateway_tests::gateway::Running;
use local::NewVersion;
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// What a hook has said, in its line and to CodeDeploy.
struct Said {
    verdict: String,
    line: Value,
}

/// Tells a hook of a release, as a deployment of its configuration does.
fn configure(running: &Running, hook: &str, release: &str, more: &[(&str, &str)]) {
    let mut variables = vec![("GATEWAY_ROLLOUT_RELEASE".to_string(), release.to_string())];
    variables.extend(more.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    let new = NewVersion { variables, ..NewVersion::default() };
    let version = running.gateway.publish_version(hook, new).unwrap();
    running.gateway.route_alias(hook, local::Routing::to(version)).unwrap();
}

/// Begins a deployment of a function and runs one of its hooks.
async fn run_hook(running: &Running, hook: &str, resource: &str) -> Said {
    let known =
        ["hook_passed", "hook_failed"].map(|event| (event, read_events(running, event).len()));
    let execution = running.gateway.code_deploy.begin_hook(resource);
    running.gateway.invoke(hook, execution.event()).await.unwrap();
    let verdict = running.gateway.code_deploy.wait_for_verdict(&execution, LIMIT).await;
    let verdict = verdict.expect("a verdict");
    let [passed, failed] = known;
    let (event, known) = if verdict == "Succeeded" { passed } else { failed };
    let line = wait_for_event(running, event, known).await;
    Said { verdict, line }
}

#[tokio::test]
async fn good_version_passes_and_its_driver_is_started() {
    let running = start().await;
    let new = publish_like(&running, "chat");
    let release = format!("chat=chat:{new}:,embed=embed:1:1");
    configure(&running, "pre-traffic", &release, &[]);
    let said = run_hook(&running, "pre-traffic", "ChatFunction").await;
    assert_eq!(said.verdict, "Succeeded");
    assert_eq!((&said.line["function"], &said.line["status_page"]), (&json!("chat"), &json!("ok")));
    let begun = parse_line(&running.wait_for_line("\"RolloutStarted\":1").await).unwrap();
    assert_eq!((&begun["Endpoint"], &begun["FunctionVersion"]), (&json!("chat"), &json!("2")));
    let compared = running.wait_for_line("\"event\":\"versions_compared\"").await;
    let compared = parse_line(&compared).unwrap();
    assert_eq!(
        (&compared["FunctionVersion"], &compared["live_version"]),
        (&json!("2"), &json!("1"))
    );
}

#[tokio::test]
async fn worse_version_fails_before_callers_meet_it() {
    let running = start().await;
    let crash = Fault { crash_at_start: true, ..Fault::default() };
    let token = Some(format!("cgw_{}", "x".repeat(43)));
    let deny = Fault { token, ..Fault::default() };
    for (function, fault, problem) in [
        ("chat", without_request_id(), "the header x-request-id is missing"),
        ("rerank", crash, "it crashes"),
        ("authorizer", deny, "status 401, not status 200"),
        ("embed", with_failing_calls("status=503"), ": 503 "),
    ] {
        let new = publish_faulty(&running, function, &fault).await;
        let release = format!("{function}={function}:{new}:1");
        configure(&running, "pre-traffic", &release, &[]);
        let resource = function[..1].to_uppercase() + &function[1..] + "Function";
        let said = run_hook(&running, "pre-traffic", &resource).await;
        assert_eq!(said.verdict, "Failed", "{function}");
        let told = said.line["problem"].as_str().unwrap();
        assert!(
            told.contains(problem) && told.starts_with(&format!("{function} {new}, ")),
            "{told}"
        );
        assert_eq!(said.line["level"], "ERROR");
    }
    assert_eq!(running.gateway.invoked_count("driver"), 0, "a failed release needs no driver");
}

#[tokio::test]
async fn version_ships_while_cohere_is_down() {
    let running = start().await;
    let sandbox = running.gateway.sandbox.as_ref().unwrap();
    sandbox.plan_faults(vec!["status=503".parse().unwrap(); 500]);
    sandbox.set_status("major");
    for function in ["chat", "health"] {
        let new = publish_like(&running, function);
        configure(&running, "pre-traffic", &format!("{function}={function}:{new}:1"), &[]);
        let said = run_hook(&running, "pre-traffic", "ChatFunction").await;
        let found = (said.verdict.as_str(), &said.line["status_page"]);
        assert_eq!(found, ("Succeeded", &json!("impaired")), "{}", said.line);
    }
}

#[tokio::test]
async fn first_version_has_nothing_to_be_compared_with() {
    let running = start().await;
    configure(&running, "pre-traffic", "chat=chat:1:", &[]);
    configure(&running, "post-traffic", "chat=chat:1:", &[]);
    for hook in ["pre-traffic", "post-traffic"] {
        assert_eq!(run_hook(&running, hook, "ChatFunction").await.verdict, "Succeeded", "{hook}");
    }
    assert_eq!(running.gateway.invoked_count("chat"), 0);
}

#[tokio::test]
async fn hook_that_cannot_look_fails_the_release() {
    let running = start().await;
    configure(&running, "pre-traffic", "chat=absent:2:", &[]);
    let said = run_hook(&running, "pre-traffic", "ChatFunction").await;
    assert_eq!(said.verdict, "Failed");
    assert!(said.line["problem"].as_str().unwrap().contains("Lambda answers 404"), "{}", said.line);
    let new = publish_like(&running, "chat");
    let driver = [("GATEWAY_ROLLOUT_DRIVER", "absent")];
    configure(&running, "pre-traffic", &format!("chat=chat:{new}:"), &driver);
    let said = run_hook(&running, "pre-traffic", "ChatFunction").await;
    assert_eq!(said.verdict, "Failed");
    assert!(
        said.line["problem"].as_str().unwrap().starts_with("chat: no driver: "),
        "{}",
        said.line
    );
}

#[tokio::test]
async fn first_minutes_at_all_requests_are_watched() {
    let running = start().await;
    let watch = [("GATEWAY_ROLLOUT_WATCH_SECS", "1")];
    let good = publish_like(&running, "chat");
    configure(&running, "post-traffic", &format!("chat=chat:{good}:1"), &watch);
    assert_eq!(run_hook(&running, "post-traffic", "ChatFunction").await.verdict, "Succeeded");
    running.wait_for_line("\"RolloutEnded\":1").await;
    let compared = read_events(&running, "versions_compared").len();
    assert!(compared > 3, "only {compared} pairs");
    let bad = publish_faulty(&running, "chat", &without_request_id()).await;
    configure(&running, "post-traffic", &format!("chat=chat:{bad}:1"), &watch);
    let said = run_hook(&running, "post-traffic", "ChatFunction").await;
    assert_eq!(said.verdict, "Failed");
    let told = said.line["problem"].as_str().unwrap();
    assert!(told.ends_with("the header x-request-id is missing"), "{told}");
    assert_eq!(read_events(&running, "versions_compared").len(), compared + 3, "no more is needed");
}
