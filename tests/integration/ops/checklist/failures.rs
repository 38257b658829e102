//! Questions that are not answered: nobody can tell then, with the reason, and a P1 line ends with 1.

use super::{STACK, deploy_well, run_checklist, run_with, run_within};
use gateway_tests::deployment::Deployment;
use std::time::{Duration, Instant};

/// An action, and the lines that nobody can tell without it.
const REFUSED: [(&str, &[&str]); 6] = [
    ("cloudformation:GetTemplate", &["delivery.hooks"]),
    ("cloudwatch:DescribeAlarms", &["alerts.raised"]),
    ("sns:ListSubscriptionsByTopic", &["alerts.p1", "alerts.p2"]),
    ("logs:DescribeLogGroups", &["api.logs"]),
    ("codedeploy:GetDeploymentGroup", &["delivery.gates"]),
    ("events:DescribeRule", &["alerts.probe"]),
];

#[tokio::test]
async fn refused_question_is_told_as_not_known() {
    let deployment = deploy_well("checklist-refused").await;
    for (action, ids) in REFUSED {
        let refused = [(action.to_string(), "AccessDeniedException")].into();
        deployment.account.state().operations.refused = refused;
        let found = run_checklist(&deployment).await;
        for id in ids {
            let line = &found.lines[*id];
            assert_eq!(line.outcome, "cannot_tell", "{action}: {line:?}");
            assert!(line.reason.contains("AccessDeniedException"), "{line:?}");
            assert!(line.command.contains("docs/operator-policy.json"), "{line:?}");
        }
        let is_p2 = action == "logs:DescribeLogGroups";
        assert_eq!(found.code, i32::from(!is_p2), "{action}");
    }
}

#[tokio::test]
async fn late_answer_is_told_as_not_known_in_time() {
    let deployment = deploy_well("checklist-late").await;
    let late = REFUSED.map(|(action, _)| (action.to_string(), Duration::from_secs(600)));
    deployment.account.state().operations.slow = late.into();
    let since = Instant::now();
    let found = run_within(&deployment, &[], "2").await;
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    for id in REFUSED.iter().flat_map(|(_, ids)| *ids) {
        let line = &found.lines[*id];
        assert_eq!(line.outcome, "cannot_tell", "{id}: {line:?}");
        assert!(line.reason.contains("no answer within 2 s"), "{id}: {line:?}");
    }
    let others = ["key.present", "api.streaming", "delivery.live", "gateway.front_door"];
    assert!(others.iter().all(|id| found.lines[*id].outcome == "pass"), "the rest is told");
    assert_eq!((found.code, found.is_ready), (1, false));

    // What is a little late is awaited.
    let late = REFUSED.map(|(action, _)| (action.to_string(), Duration::from_millis(500)));
    deployment.account.state().operations.slow = late.into();
    assert!(run_checklist(&deployment).await.is_ready);
}

#[tokio::test]
async fn throttled_question_is_asked_again() {
    let deployment = deploy_well("checklist-throttled").await;
    let action = "codedeploy:GetDeploymentGroup".to_string();
    deployment.account.state().operations.refused = [(action, "ThrottlingException")].into();
    let count = |deployment: &Deployment| {
        let seen = deployment.account.stub.seen();
        let is_group = |seen: &&gateway_tests::stub::Seen| {
            let target = seen.headers.get("x-amz-target").map(|value| value.as_bytes());
            target == Some(b"CodeDeploy_20141006.GetDeploymentGroup")
        };
        seen.iter().filter(is_group).count()
    };
    let before = count(&deployment);
    let found = run_checklist(&deployment).await;
    let line = &found.lines["delivery.gates"];
    assert_eq!(line.outcome, "cannot_tell", "{line:?}");
    assert!(line.reason.contains("try again in a minute"), "{line:?}");
    assert_eq!(count(&deployment) - before, 18, "each of six is asked three times");
}

#[tokio::test]
async fn unknown_stack_region_or_credentials_end_at_once() {
    let deployment = deploy_well("checklist-nowhere").await;
    let stack = ["checklist", "--stack", STACK];
    deployment.account.end_stack();
    let gone = deployment.run_ops_with(&stack, &[]).await;
    let told = format!("there is no stack {STACK} in us-east-1 of this account");
    assert!(gone.problem().contains(&told), "{gone:?}");
    assert!(gone.problem().contains("check --stack, --region and --profile"), "{gone:?}");

    let none = deployment.run_ops_with(&["checklist"], &[]).await;
    assert_eq!((none.code, none.stdout.as_str()), (2, ""), "{none:?}");
    assert!(none.stderr.contains("which stack? --stack NAME"), "{none:?}");
    let region = [&stack[..], &["--region", "nowhere"]].concat();
    let region = deployment.run_ops_with(&region, &[]).await;
    assert_eq!(region.code, 2, "{region:?}");
    assert!(region.stderr.contains("--region is no region of AWS"), "{region:?}");
    let profile = [&stack[..], &["--profile", "nobody"]].concat();
    let profile = deployment.run_ops_with(&profile, &[]).await;
    assert_eq!(profile.code, 2, "{profile:?}");
    assert!(profile.stderr.contains("--profile names a profile that is in no file"), "{profile:?}");
    let missing = [("AWS_ACCESS_KEY_ID", ""), ("AWS_EC2_METADATA_DISABLED", "true")];
    let missing = deployment.run_ops_with(&stack, &missing).await;
    assert_eq!(missing.code, 2, "{missing:?}");
    assert!(missing.stderr.contains("there are no AWS credentials"), "{missing:?}");
}

#[tokio::test]
async fn silent_status_page_is_unknown_and_no_failure() {
    let deployment = deploy_well("checklist-status").await;
    let before = run_checklist(&deployment).await;
    deployment.account.state().operations.indicator = "";
    let found = run_checklist(&deployment).await;
    let line = &found.lines["gateway.status_page"];
    assert_eq!(line.outcome, "cannot_tell", "never a pass: {line:?}");
    assert_eq!(found.code, before.code, "a P2 line that nobody can tell fails nothing");
    let nowhere = [("GATEWAY_STATUS_URL", "http://127.0.0.1:1/")];
    let found = run_with(&deployment, &nowhere).await;
    assert_eq!(found.lines["gateway.status_page"].outcome, "cannot_tell");
}
