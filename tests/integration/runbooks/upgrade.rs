//! `docs/runbooks/upgrade.md` on stand-ins: what changed goes to staging and then, unbuilt, to production.

use gateway_tests::deployment::Deployment;
use gateway_tests::runbook::Runbook;

#[tokio::test]
async fn upgrade_runbook_publishes_the_same_functions_twice() {
    let deployment = Deployment::prepare("runbook-upgrade").await;
    let mut runbook = Runbook::open_for(&deployment, "upgrade", &[]);
    runbook.next().await;
    let staging = runbook.next().await;
    deployment.account.end_stack();
    let builds = runbook.words().matches("the build says something").count();
    let prod = runbook.next().await;
    for (told, stack) in [(&staging, "cohere-gateway-staging"), (&prod, "cohere-gateway-prod")] {
        assert!(told.contains(&format!("of {stack} is live, smoke test ok.")), "{told}");
    }
    assert_eq!(builds, runbook.words().matches("the build says something").count());
    let stacks: Vec<_> =
        deployment.account.state().deployments.iter().map(|told| told.join(" ")).collect();
    assert!(
        stacks[0].contains("--config-env staging --stack-name cohere-gateway-staging"),
        "{stacks:?}"
    );
    assert!(stacks[1].contains("--config-env prod --stack-name cohere-gateway-prod"), "{stacks:?}");
    runbook.end().await;
}
