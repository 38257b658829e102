//! What can fail on the way back: each failure says what is done, what is not, and how to go on.

use super::{CHANGED, STACK, prepare, read_live, roll_back};
use local::secrets_manager::{API_KEY, SYNTHETIC_CLIENT};
use serde_json::Value;

const AGAIN: &str = "ops rollback --to 1 --yes --stack cohere-gateway-dev";

#[tokio::test]
async fn alias_that_cannot_be_moved_is_told_and_moved_by_the_next_run() {
    let deployment = prepare("back-stuck").await;
    let refused = ("lambda:UpdateAlias EmbedFunction".to_string(), "AccessDeniedException");
    deployment.account.state().operations.refused.extend([refused]);
    let failed = roll_back(&deployment, &[]).await;
    let told = failed.problem();
    assert!(
        told.contains("moved: chat to 1. Not moved: embed, which stays at 2: Lambda: AWS says"),
        "{told}"
    );
    assert!(told.contains("ask for the rights of") && told.ends_with(AGAIN), "{told}");
    assert_eq!(read_live(&deployment, CHANGED), [1, 2]);
    assert_eq!(deployment.account.state().releases.len(), 2, "nothing was recorded");

    deployment.account.state().operations.refused.clear();
    let again = roll_back(&deployment, &[]).await;
    assert!(again.data().starts_with("Release 1 is live again"), "{again:?}");
    assert_eq!(read_live(&deployment, CHANGED), [1, 1]);
}

#[tokio::test]
async fn throttled_calls_are_made_again() {
    let deployment = prepare("back-throttled").await;
    let at_first = [
        ("lambda:UpdateAlias", "TooManyRequestsException"),
        ("codedeploy:StopDeployment", "ThrottlingException"),
        ("cloudformation:ListStackResources", "Throttling"),
    ];
    {
        let mut state = deployment.account.state();
        let refused = &mut state.operations.refused_at_first;
        refused.extend(at_first.map(|(action, code)| (action.to_string(), (2, code))));
        state.begin_rollout(&["ChatFunction"]);
    }
    roll_back(&deployment, &["--to", "1"]).await.data();
    assert_eq!(read_live(&deployment, CHANGED), [1, 1]);
}

#[tokio::test]
async fn version_that_is_gone_is_told_before_anything_moves() {
    let deployment = prepare("back-deleted").await;
    deployment.account.state().deleted_versions.insert(("EmbedFunction".into(), 1));
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    let deleted = roll_back(&deployment, &["--to", "1"]).await;
    let told = deleted.problem();
    assert!(told.contains("version 1 of embed was deleted; nothing was changed"), "{told}");
    assert!(told.contains("or deploy its commit"), "{told}");
    {
        let mut state = deployment.account.state();
        assert!(state.moved.is_empty() && state.rollouts[0].is_running(), "it was not stopped");
        state.deleted_versions.clear();
        // As of an earlier stack of this name.
        state.functions.get_mut("EmbedFunction").unwrap().versions[0].description = "other".into();
    }
    let other = roll_back(&deployment, &["--to", "1"]).await;
    let told = other.problem();
    assert!(told.contains("version 1 of embed is another one than was recorded"), "{told}");
    assert!(deployment.account.state().moved.is_empty());
}

#[tokio::test]
async fn refused_stop_moves_nothing() {
    let deployment = prepare("back-no-stop").await;
    let action = "codedeploy:StopDeployment".to_string();
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    deployment.account.state().operations.refused.insert(action.clone(), "AccessDeniedException");
    let failed = roll_back(&deployment, &["--to", "1"]).await;
    let told = failed.problem();
    assert!(
        told.contains("not stopped: d-1 of chat: CodeDeploy: AWS says AccessDeniedException"),
        "{told}"
    );
    assert!(told.contains("nothing else was moved") && told.ends_with(AGAIN), "{told}");
    assert!(deployment.account.state().moved.is_empty());
    deployment.account.state().operations.refused.remove(&action);
    roll_back(&deployment, &["--to", "1"]).await.data();
}

#[tokio::test]
async fn stack_that_does_not_end_is_told_with_the_way_on() {
    let deployment = prepare("back-slow").await;
    deployment.account.state().begin_rollout(&[]);
    let slow = roll_back(&deployment, &["--stack-wait-secs", "0"]).await;
    let told = slow.problem();
    assert!(told.contains("after 0 s the stack is still in UPDATE_IN_PROGRESS"), "{told}");
    assert!(told.contains("ops rollback --to 2 --yes --stack"), "{told}");
    // A look that fails is made again; three of them end it.
    let action = "cloudformation:DescribeStacks".to_string();
    let refused = ("AccessDenied", 3);
    deployment.account.plan(move |state| {
        let (code, count) = refused;
        state.operations.refused_at_first.insert(action, (count, code));
    });
    let blind = roll_back(&deployment, &[]).await;
    let told = blind.problem();
    assert!(told.contains("No deployment was stopped; nothing else was moved"), "{told}");
    assert_eq!(blind.stderr.matches("cannot look, and try again").count(), 2, "{blind:?}");
}

#[tokio::test]
async fn stack_without_a_release_before_is_told() {
    let deployment = prepare("back-nothing").await;
    for (status, told) in [
        ("CREATE_IN_PROGRESS", "its first deployment is not done"),
        ("ROLLBACK_COMPLETE", "its first deployment is not done"),
        ("DELETE_IN_PROGRESS", "nothing is there to go back to"),
    ] {
        deployment.account.state().status = Some(status.into());
        let refused = roll_back(&deployment, &[]).await;
        assert!(refused.problem().contains(told), "{refused:?}");
    }
    deployment.account.state().status = Some("UPDATE_COMPLETE".into());
    deployment.account.state().releases.clear();
    let none = roll_back(&deployment, &[]).await;
    assert!(none.problem().contains("no release is recorded of this stack"), "{none:?}");
}

#[tokio::test]
async fn stack_that_could_not_be_put_back_lets_aliases_move() {
    let deployment = prepare("back-failed-stack").await;
    deployment.account.state().status = Some("UPDATE_ROLLBACK_FAILED".into());
    let nothing = roll_back(&deployment, &[]).await;
    let told = nothing.data().replace('\n', " ");
    assert!(told.contains("was taken back already, and release 2 is live"), "{nothing:?}");
    assert_eq!(read_live(&deployment, CHANGED), [2, 2]);
    let done = roll_back(&deployment, &["--to", "1"]).await;
    let next = "aws cloudformation continue-update-rollback --stack-name cohere-gateway-dev\n";
    assert!(done.data().contains(next), "{done:?}");
    assert_eq!(read_live(&deployment, CHANGED), [1, 1]);
}

#[tokio::test]
async fn gateway_that_does_not_serve_is_told_after_all_is_back() {
    let deployment = prepare("back-unserved").await;
    let key = deployment.running.gateway.secrets.current(API_KEY).unwrap();
    let key: Value = serde_json::from_str(&key).unwrap();
    let sandbox = deployment.running.gateway.sandbox.as_ref().unwrap();
    sandbox.revoke_key(key["CO_API_KEY"].as_str().unwrap());
    deployment.running.gateway.kill("health").await;
    let failed = roll_back(&deployment, &["--wait-secs", "0"]).await;
    let told = failed.problem();
    assert!(told.contains("release 1 is live again, and does not serve as it should"), "{told}");
    assert!(told.contains("ops preflight --stack cohere-gateway-dev"), "{told}");
    assert!(failed.stderr.contains("--at-once"), "the next deployment is told all the same");
    assert_eq!(deployment.account.last_release()["smoke_test"], "failed");
    assert_eq!(read_live(&deployment, CHANGED), [1, 1]);
}

#[tokio::test]
async fn rollback_that_cannot_be_recorded_or_tried_is_told() {
    let deployment = prepare("back-unrecorded").await;
    let action = "ssm:PutParameter".to_string();
    deployment.account.state().operations.refused.insert(action.clone(), "AccessDeniedException");
    let failed = roll_back(&deployment, &[]).await;
    let told = failed.problem();
    assert!(told.contains("release 1 is live again and serves") && told.contains(AGAIN), "{told}");
    deployment.account.state().operations.refused.remove(&action);
    deployment.running.gateway.secrets.remove(SYNTHETIC_CLIENT);
    deployment.running.gateway.secrets.create(SYNTHETIC_CLIENT);
    let untried = roll_back(&deployment, &["--to", "1"]).await;
    assert!(untried.problem().contains("there is no synthetic client"), "{untried:?}");
    assert_eq!(deployment.account.last_release()["back_to"], 1);
}

#[tokio::test]
async fn absent_stack_is_told_with_its_region() {
    let deployment = prepare("back-absent").await;
    deployment.account.state().status = None;
    for command in ["releases", "rollback", "rollout"] {
        let absent = deployment.run_ops_with(&[command, "--stack", STACK], &[]).await;
        assert!(absent.problem().contains("there is no stack cohere-gateway-dev in"), "{absent:?}");
    }
}
