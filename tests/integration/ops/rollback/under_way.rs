//! Back from a rollout: CodeDeploy first, then CloudFormation, and only then the aliases.

use super::{CHANGED, list_releases, prepare, read_live, roll_back};
use gateway_tests::aws_account::Rollout;

#[tokio::test]
async fn rollback_of_a_rollout_stops_it_and_waits() {
    let deployment = prepare("back-under-way").await;
    deployment.account.state().begin_rollout(&CHANGED);
    let done = roll_back(&deployment, &[]).await;
    assert!(done.data().starts_with("Release 2 is live again"), "{done:?}");
    let steps = [
        "back to release 2 of",
        "chat: 2 and 3 -> 2",
        "stops d-1, which rolls out ChatFunction",
        "now in UPDATE_IN_PROGRESS",
        "stopped d-1 of chat",
        "stopped d-2 of embed",
        "waiting until that is done",
        "the aliases lead to release 2 again",
    ];
    let mut words = done.stderr.as_str();
    for step in steps {
        let (_, after) = words.split_once(step).unwrap_or_else(|| panic!("{step}: {done:?}"));
        words = after;
    }
    assert_eq!(read_live(&deployment, CHANGED), [2, 2]);
    {
        let state = deployment.account.state();
        assert_eq!((state.moved.len(), state.releases.len()), (0, 2), "all went back by itself");
        assert_eq!(state.status.as_deref(), Some("UPDATE_ROLLBACK_COMPLETE"));
    }
    // The stack knows of it, so that the next deployment is as ever.
    assert!(done.data().ends_with("  ops deploy --environment dev"), "{done:?}");
    let again = roll_back(&deployment, &[]).await;
    let told = again.data().replace('\n', " ");
    assert!(told.contains("was taken back already, and release 2 is live"), "{again:?}");
}

#[tokio::test]
async fn older_release_is_gone_back_to_from_a_rollout() {
    let deployment = prepare("back-further").await;
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    let done = roll_back(&deployment, &["--to", "1"]).await;
    assert!(done.data().starts_with("Release 1 is live again"), "{done:?}");
    assert_eq!(read_live(&deployment, CHANGED), [1, 1]);
    assert!(list_releases(&deployment).await.data().contains("ok, back to 1"));
}

#[tokio::test]
async fn deployment_that_is_over_meanwhile_is_taken_back_by_its_alias() {
    let deployment = prepare("back-too-late").await;
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    // Between the plan and the stop all callers came to the new version.
    deployment.account.plan(|_| {});
    deployment.account.plan(|_| {});
    deployment.account.state().operations.over_when_stopped.insert("ChatFunction".into());
    let done = roll_back(&deployment, &[]).await;
    done.data();
    assert!(done.stderr.contains("d-1 of chat was over before it could be stopped"), "{done:?}");
    assert_eq!(read_live(&deployment, CHANGED), [2, 2]);
    {
        let state = deployment.account.state();
        assert_eq!(state.moved, [("ChatFunction".to_string(), 2)]);
    }
    // Else whoever looks would move the alias forward again, to where CloudFormation has it.
    assert!(list_releases(&deployment).await.data().contains("ok, back to 2"));
    let again = roll_back(&deployment, &[]).await;
    assert!(again.data().contains("release 3 is live, which is 2 again"), "{again:?}");
}

#[tokio::test]
async fn deployment_that_begins_meanwhile_is_stopped_too() {
    let deployment = prepare("back-second").await;
    // CloudFormation still makes the versions.
    deployment.account.state().begin_rollout(&[]);
    deployment.account.plan(|_| {});
    deployment.account.plan(|_| {});
    deployment.account.plan(|state| state.add_rollout("ChatFunction"));
    let done = roll_back(&deployment, &[]).await;
    done.data();
    assert!(done.stderr.contains("stopped d-1 of chat"), "{done:?}");
    assert_eq!(read_live(&deployment, CHANGED), [2, 2]);
}

#[tokio::test]
async fn rollback_of_cloud_formation_is_waited_for_and_not_stopped() {
    let deployment = prepare("back-by-itself").await;
    {
        let mut state = deployment.account.state();
        state.begin_rollout(&CHANGED);
        state.succeed("EmbedFunction");
        state.take_back("ChatFunction", "a gate fired");
    }
    deployment.account.plan(|_| {});
    deployment.account.plan(|_| {});
    let done = roll_back(&deployment, &[]).await;
    done.data();
    assert!(!done.stderr.contains("stopped d-"), "{done:?}");
    assert_eq!(read_live(&deployment, CHANGED), [2, 2]);
    let state = deployment.account.state();
    let is_stopped = |rollout: &&Rollout| rollout.status == "Stopped";
    assert_eq!(state.rollouts.iter().filter(is_stopped).count(), 1);
}

#[tokio::test]
async fn weights_that_were_left_behind_go_away() {
    let deployment = prepare("back-weights").await;
    {
        let mut state = deployment.account.state();
        let function = state.functions.get_mut("ChatFunction").unwrap();
        function.weights = [("1".to_string(), 0.1)].into();
    }
    let done = roll_back(&deployment, &[]).await;
    assert!(done.data().starts_with("Release 2 is live again"), "{done:?}");
    assert!(done.stderr.contains("chat: 2 and 1 -> 2"), "{done:?}");
    assert_eq!(read_live(&deployment, CHANGED), [2, 2]);
}
