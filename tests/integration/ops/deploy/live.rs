//! What is live is compared with what was deployed, and an alias that is elsewhere is told with its way back.

use gateway_tests::aws_account::{Failure, Function};
use gateway_tests::deployment::Deployment;

/// Returns the lines that move aliases back.
fn find_commands(told: &str) -> Vec<&str> {
    told.lines().map(str::trim).filter(|line| line.starts_with("aws ")).collect()
}

/// Changes a function past CloudFormation, as by hand.
fn change_function(deployment: &Deployment, resource: &str, change: impl FnOnce(&mut Function)) {
    let mut state = deployment.account.state();
    change(state.functions.get_mut(resource).expect("the function"));
}

const CHAT: &str = "aws lambda update-alias --region us-east-1 --function-name it-ChatFunction --name live \
                    --function-version 2 --routing-config AdditionalVersionWeights={}";

#[tokio::test]
async fn moved_alias_is_told_with_the_commands_that_mend_it() {
    let deployment = Deployment::prepare("moved").await;
    deployment.deploy(&[]).await.data();
    deployment.write_code("chat", "changed");
    deployment.deploy(&[]).await.data();
    // As somebody does who goes back in a hurry; deploying again changes nothing of it.
    change_function(&deployment, "ChatFunction", |function| function.live = 1);
    for _ in 0..2 {
        let moved = deployment.deploy(&[]).await;
        let told = moved.problem();
        assert!(told.contains("ChatFunction is at version 1 and not 2"), "{moved:?}");
        assert_eq!(find_commands(told), [CHAT]);
    }
    // As a deployment leaves it that was stopped half-way.
    change_function(&deployment, "ChatFunction", |function| {
        (function.live, function.weights) = (2, [("1".to_string(), 0.1)].into());
    });
    let shared = deployment.deploy(&[]).await;
    let told = shared.problem();
    assert!(told.contains("ChatFunction shares its requests with version 1"), "{shared:?}");
    assert_eq!(find_commands(told), [CHAT]);
    assert_eq!(deployment.account.state().releases.len(), 2, "nothing was recorded");

    // What the line does.
    change_function(&deployment, "ChatFunction", |function| function.weights.clear());
    deployment.deploy(&[]).await.data();
}

#[tokio::test]
async fn alias_that_did_not_follow_its_deployment_is_named() {
    let deployment = Deployment::prepare("stuck").await;
    deployment.deploy(&[]).await.data();
    deployment.account.state().failure = Some(Failure::StuckAlias);
    let stuck = deployment.deploy(&["--parameter", "AllowTrialKey=on"]).await;
    let told = stuck.problem();
    assert!(told.contains("rotate-key is at version 1 and not 2"), "{stuck:?}");
    assert_eq!(find_commands(told).len(), 1, "{stuck:?}");
    assert_eq!(deployment.account.state().releases.len(), 1, "nothing was recorded");
}

#[tokio::test]
async fn function_that_was_changed_by_hand_is_named_without_its_value() {
    let deployment = Deployment::prepare("by-hand").await;
    deployment.deploy(&[]).await.data();
    change_function(&deployment, "RotateKeyFunction", |function| {
        function.latest.variables.insert("GATEWAY_ALLOW_TRIAL_KEY".into(), "fake-value".into());
    });
    let differs = deployment.deploy(&[]).await;
    let told = differs.problem();
    assert!(
        told.contains(
            "rotate-key: GATEWAY_ALLOW_TRIAL_KEY in the environment of $LATEST and version 1 differ"
        ),
        "{differs:?}"
    );
    assert!(!told.contains("fake-value") && told.contains("changed back by hand"), "{differs:?}");
    assert_eq!(deployment.account.state().releases.len(), 1, "nothing was recorded");
}
