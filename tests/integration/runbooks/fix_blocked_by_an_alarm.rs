//! `docs/runbooks/fix-blocked-by-an-alarm.md` on stand-ins: what stopped the last rollout, and the fix at once.

use gateway_tests::deployment::Deployment;
use gateway_tests::runbook::Runbook;

#[tokio::test]
async fn fix_runbook_brings_the_fix_past_the_gates() {
    let deployment = Deployment::prepare("runbook-fix").await;
    let deploy = ["deploy", "--environment", "prod", "--yes", "--wait-secs", "0"];
    deployment.run_ops_with(&deploy, &[]).await.data();
    {
        let mut state = deployment.account.state();
        state.begin_rollout(&["ChatFunction"]);
        state.take_back("ChatFunction", "Activated alarms: <it-ChatGateMismatch>");
        state.status = Some("UPDATE_ROLLBACK_COMPLETE".into());
    }
    deployment.write_code("chat", "mended");
    let mut runbook = Runbook::open_for(&deployment, "fix-blocked-by-an-alarm", &[]);
    runbook.next().await;
    let stopped = runbook.next().await;
    assert!(stopped.contains("the gate it-ChatGateMismatch fired"), "{stopped}");
    let fixed = runbook.next().await;
    assert!(fixed.starts_with("Release 2 of cohere-gateway-prod is live"), "{fixed}");
    let told = deployment.account.state().deployments.last().unwrap().join(" ");
    assert!(told.contains("GradualDeployment=\"false\""), "{told}");
    let served = runbook.next().await;
    assert!(served.contains("health, chat, embed, rerank and pass-through are served"), "{served}");
    runbook.end().await;
}
