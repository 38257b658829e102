//! `docs/runbooks/rollback.md` on stand-ins: the release before is live again, and the runbook names it.

use gateway_tests::deployment::Deployment;
use gateway_tests::runbook::Runbook;

#[tokio::test]
async fn rollback_runbook_leads_back_to_the_release_before() {
    let deployment = Deployment::prepare("runbook-rollback").await;
    let deploy = ["deploy", "--environment", "prod", "--yes", "--wait-secs", "0"];
    for code in ["chat", "changed"] {
        deployment.write_code("chat", code);
        deployment.run_ops_with(&deploy, &[]).await.data();
    }
    let mut runbook = Runbook::open_for(&deployment, "rollback", &[]);
    runbook.next().await;
    let releases = runbook.next().await;
    let live = releases.lines().find(|line| line.starts_with('*')).unwrap();
    assert!(live.contains(" 2 "), "{releases}");
    let printed = runbook.next().await;
    assert!(printed.starts_with("Release 1 is live again, smoke test ok."), "{printed}");
    assert!(printed.contains("ops deploy --environment prod --at-once"), "{printed}");
    assert_eq!(deployment.account.state().functions["ChatFunction"].live, 1);
    runbook.end().await;
}
