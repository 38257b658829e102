//! `ops rollout` on a stand-in of the account: what it tells of a rollout, how it ends, and how it is stopped.

use gateway_tests::deployment::Deployment;
use gateway_tests::ops::Done;
use serde_json::Value;

const STACK: &str = "cohere-gateway-dev";
const FIRED: &str = "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and \
                     the affected deployments have been stopped. Activated alarms: <it-ChatGateErrors>";

async fn prepare(name: &str) -> Deployment {
    let deployment = Deployment::prepare(name).await;
    deployment.deploy(&[]).await.data();
    deployment
}

async fn follow(deployment: &Deployment, options: &[&str]) -> Done {
    let always = ["rollout", "--stack", STACK, "--every-secs", "0"];
    deployment.run_ops_with(&[&always, options].concat(), &[]).await
}

/// Leaves a second version behind the alias of chat, or takes it away.
fn leave_weight(deployment: &Deployment, part: Option<f64>) {
    let mut state = deployment.account.state();
    let chat = state.functions.get_mut("ChatFunction").unwrap();
    chat.weights = part.map(|part| ("2".to_string(), part)).into_iter().collect();
}

/// Checks that standard error has these parts in this order.
fn assert_order(done: &Done, parts: &[&str]) {
    let mut words = done.stderr.as_str();
    for part in parts {
        let (_, after) = words.split_once(part).unwrap_or_else(|| panic!("{part}: {done:?}"));
        words = after;
    }
}

#[tokio::test]
async fn rollout_is_followed_until_all_callers_meet_it() {
    let deployment = prepare("rollout-good").await;
    deployment.account.state().begin_rollout(&["ChatFunction", "HealthFunction"]);
    deployment.account.plan(|_| {});
    deployment.account.plan(|state| state.succeed("HealthFunction"));
    deployment.account.plan(|state| {
        state.succeed("ChatFunction");
        state.end_update();
    });
    let done = follow(&deployment, &[]).await;
    assert!(done.data().ends_with("Succeeded: all callers meet the new versions."), "{done:?}");
    let told = [
        "stack UPDATE_IN_PROGRESS",
        "chat 1 -> 2: 10 % of the callers, InProgress; steps: before ok, shift runs; gates: 8 OK",
        "health 1 -> 2: 100 % of the callers, Succeeded",
        "stack UPDATE_COMPLETE",
        "chat 1 -> 2: 100 % of the callers, Succeeded",
    ];
    assert_order(&done, &told);
    assert_eq!(done.stderr.matches("health 1 -> 2").count(), 2, "a line for each change: {done:?}");
    assert!(done.stdout.lines().all(|line| line.chars().count() <= 80), "{done:?}");
}

#[tokio::test]
async fn rollout_that_is_taken_back_names_its_gate_and_runbook() {
    let deployment = prepare("rollout-bad").await;
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    deployment.account.plan(|_| {});
    deployment.account.plan(|state| {
        state.operations.raised.insert("ChatGateErrors".into());
    });
    deployment.account.plan(|state| {
        // CloudFormation deletes the new version's gates.
        state.operations.gone.insert("ChatGateErrors".into());
        state.take_back("ChatFunction", "stopped");
    });
    let done = follow(&deployment, &[]).await;
    assert_eq!(done.code, 1, "{done:?}");
    let told =
        ["gates: 7 OK, ALARM Errors", "Stopped, back: Succeeded", "UPDATE_ROLLBACK_COMPLETE"];
    assert_order(&done, &told);
    let text = done.stdout.replace('\n', " ");
    assert!(text.contains("Taken back: chat: the gate it-ChatGateErrors fired."), "{done:?}");
    assert!(text.contains("docs/runbooks/rollout-taken-back.md"), "{done:?}");

    // Later nobody has seen the gate, and CodeDeploy names it.
    deployment.account.state().rollouts[0].problem = FIRED.into();
    let later = follow(&deployment, &["--json"]).await;
    let object: Value = serde_json::from_str(later.data()).unwrap();
    let data = &object["data"];
    assert_eq!((&data["verdict"], &object["outcome"]), (&"taken_back".into(), &"done".into()));
    assert_eq!(data["functions"][0]["fired_gates"], serde_json::json!(["it-ChatGateErrors"]));
    assert_eq!(data["runbook"], "docs/runbooks/rollout-taken-back.md");
}

#[tokio::test]
async fn failed_hook_is_told_where_no_gate_fired() {
    let deployment = prepare("rollout-hook").await;
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    deployment.account.plan(|_| {});
    deployment.account.plan(|state| {
        state.take_back("ChatFunction", "The hook failed");
        state.rollouts[0].steps =
            vec![("BeforeAllowTraffic", "Failed"), ("AllowTraffic", "Skipped")];
    });
    let done = follow(&deployment, &[]).await;
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stdout.contains("chat: the hook of BeforeAllowTraffic failed"), "{done:?}");
}

#[tokio::test]
async fn stack_without_a_rollout_says_how_the_last_one_ended() {
    let deployment = Deployment::prepare("rollout-none").await;
    let absent = follow(&deployment, &[]).await;
    assert!(absent.problem().contains("there is no stack"), "{absent:?}");
    deployment.deploy(&[]).await.data();
    let first = follow(&deployment, &[]).await;
    assert!(first.data().contains("No alias was moved gradually."), "{first:?}");
    let nobody = follow(&deployment, &["--abort", "--yes"]).await;
    assert!(nobody.data().starts_with("Nothing is rolling out."), "{nobody:?}");
    {
        let mut state = deployment.account.state();
        state.begin_rollout(&["ChatFunction"]);
        state.take_back("ChatFunction", FIRED);
        state.status = Some("UPDATE_ROLLBACK_COMPLETE".into());
    }
    let last = follow(&deployment, &[]).await;
    let text = last.data().replace('\n', " ");
    assert!(text.contains("The last deployment began at 2026-11-26T12:00:02.000Z"), "{last:?}");
    assert!(text.contains("chat: the gate it-ChatGateErrors fired"), "{last:?}");
    // Weights that a stop without a way back has left.
    leave_weight(&deployment, Some(0.1));
    let left = follow(&deployment, &[]).await;
    assert!(left.data().ends_with("  ops rollback --stack cohere-gateway-dev"), "{left:?}");
    leave_weight(&deployment, None);
    // An update after it that moved nothing gradually.
    deployment.account.state().begin_rollout(&[]);
    deployment.account.state().end_update();
    let other = follow(&deployment, &[]).await;
    assert!(other.data().contains("No alias was moved gradually."), "{other:?}");
}

#[tokio::test]
async fn one_look_ends_at_once() {
    let deployment = prepare("rollout-once").await;
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    let done = follow(&deployment, &["--once"]).await;
    assert!(done.data().ends_with("Under way; the stack is in UPDATE_IN_PROGRESS."), "{done:?}");
    let chat = done.stdout.lines().find(|line| line.starts_with("chat")).unwrap();
    assert!(chat.contains("1 -> 2") && chat.contains("10 %"), "{done:?}");
}

#[tokio::test]
async fn abort_asks_stops_and_waits_until_nobody_meets_it() {
    let deployment = prepare("rollout-abort").await;
    deployment.account.state().begin_rollout(&["ChatFunction", "EmbedFunction"]);
    let unasked = follow(&deployment, &["--abort"]).await;
    assert_eq!((unasked.code, unasked.stdout.as_str()), (2, ""), "{unasked:?}");
    assert!(unasked.stderr.contains("stops d-1, which rolls out ChatFunction"), "{unasked:?}");
    assert!(deployment.account.state().rollouts[0].is_running());
    let done = follow(&deployment, &["--abort", "--yes"]).await;
    assert!(done.data().ends_with("Nobody meets the new versions any more."), "{done:?}");
    let state = deployment.account.state();
    for resource in ["ChatFunction", "EmbedFunction"] {
        let function = &state.functions[resource];
        assert!(function.live == 1 && function.weights.is_empty(), "{resource}");
    }
    assert_eq!(state.status.as_deref(), Some("UPDATE_ROLLBACK_COMPLETE"));
}

#[tokio::test]
async fn abort_that_comes_too_late_names_the_way_back() {
    let deployment = prepare("rollout-late").await;
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    deployment.account.state().operations.over_when_stopped.insert("ChatFunction".into());
    let done = follow(&deployment, &["--abort", "--yes"]).await;
    assert_eq!(done.code, 1, "{done:?}");
    let told = "Callers still meet the new version of chat; go back by:\n  ops rollback --stack";
    assert!(done.stdout.contains(told), "{done:?}");
}

#[tokio::test]
async fn follower_bears_throttling_and_tells_what_it_may_not() {
    let deployment = prepare("rollout-throttled").await;
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    let refused = |count, code| ("codedeploy:BatchGetDeployments".to_string(), (count, code));
    deployment.account.plan(|_| {});
    deployment.account.plan(move |state| {
        state.operations.refused_at_first.extend([refused(3, "ThrottlingException")]);
    });
    deployment.account.plan(move |state| {
        state.succeed("ChatFunction");
        state.end_update();
    });
    let borne = follow(&deployment, &[]).await;
    assert!(borne.data().contains("Succeeded"), "{borne:?}");
    assert!(borne.stderr.contains("cannot look, and try again"), "{borne:?}");

    deployment.account.state().begin_rollout(&["EmbedFunction"]);
    let action = "codedeploy:ListDeploymentTargets".to_string();
    deployment.account.state().operations.refused.insert(action, "AccessDeniedException");
    let denied = follow(&deployment, &["--once"]).await;
    assert!(denied.problem().contains("ask for the rights of"), "{denied:?}");
    // While it follows, the rollout goes on whatever it may see.
    deployment.account.state().operations.refused.clear();
    deployment.account.plan(|_| {});
    deployment.account.plan(|state| {
        let action = "cloudwatch:DescribeAlarms".to_string();
        state.operations.refused.insert(action, "AccessDenied");
    });
    let blind = follow(&deployment, &[]).await;
    let told = blind.problem();
    assert!(
        told.contains("the rollout goes on by itself; follow it again by: ops rollout"),
        "{told}"
    );
}

#[tokio::test]
async fn rollout_that_was_gone_back_from_is_not_told_as_live() {
    let deployment = prepare("rollout-moved").await;
    {
        let mut state = deployment.account.state();
        state.begin_rollout(&["ChatFunction"]);
        state.succeed("ChatFunction");
        state.status = Some("UPDATE_COMPLETE".into());
        state.functions.get_mut("ChatFunction").unwrap().live = 1;
    }
    let done = follow(&deployment, &["--once"]).await;
    let told = done.data().replace('\n', " ");
    assert!(told.contains("Succeeded, and aliases were moved since"), "{done:?}");
}
