//! `docs/runbooks/release.md` on stand-ins: tried before, deployed, followed, and looked at afterwards.

use gateway_tests::deployment::Deployment;
use gateway_tests::runbook::Runbook;

#[tokio::test]
async fn release_runbook_follows_its_rollout() {
    let deployment = Deployment::prepare("runbook-release").await;
    let deploy = ["deploy", "--environment", "prod", "--yes", "--wait-secs", "0"];
    deployment.run_ops_with(&deploy, &[]).await.data();
    deployment.write_code("chat", "changed");
    let mut runbook = Runbook::open_for(&deployment, "release", &[]);
    runbook.next().await;
    let before = runbook.next().await;
    assert!(before.contains("are served") && before.contains("* "), "{before}");
    let deployed = runbook.next().await;
    assert!(deployed.starts_with("Release 2 of cohere-gateway-prod is live"), "{deployed}");
    deployment.account.state().begin_rollout(&["ChatFunction"]);
    deployment.account.plan(|_| {});
    deployment.account.plan(|state| {
        state.succeed("ChatFunction");
        state.end_update();
    });
    let followed = runbook.next().await;
    assert!(followed.ends_with("Succeeded: all callers meet the new versions.\n"), "{followed}");
    let after = runbook.next().await;
    assert!(after.contains("Nothing is rolling out.") && after.contains("Go-live"), "{after}");
    runbook.end().await;
}
