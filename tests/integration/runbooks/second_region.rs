//! `docs/runbooks/second-region.md` on stand-ins: every call goes to the other region.

use gateway_tests::deployment::Deployment;
use gateway_tests::runbook::Runbook;
use local::cohere_sandbox::Key;

const KEY: &str = "fake-key-of-the-second-region";

#[tokio::test]
async fn second_region_runbook_stays_in_its_region() {
    let deployment = Deployment::prepare("runbook-region").await;
    deployment.account.state().region = "eu-central-1";
    let gateway = &deployment.running.gateway;
    gateway.sandbox.as_ref().unwrap().accept_key(Key { value: KEY.into(), trial: false });
    let more = [("SECOND_REGION", "eu-central-1"), ("COHERE_KEY", KEY)];
    let mut runbook = Runbook::open_for(&deployment, "second-region", &more);
    runbook.next().await;
    runbook.next().await;
    runbook.next().await;
    let token = runbook.next().await;
    assert!(token.starts_with("cgw_"), "{token}");
    let signed = deployment.account.stub.seen();
    let scopes = signed.iter().filter_map(|seen| seen.headers.get("authorization"));
    let scopes: Vec<_> =
        scopes.map(|value| value.to_str().unwrap().split('/').nth(2).unwrap()).collect();
    assert!(
        scopes.len() > 10 && scopes.iter().all(|region| *region == "eu-central-1"),
        "{scopes:?}"
    );
    let told = deployment.account.state().deployments[0].join(" ");
    assert!(told.contains("--config-env prod-eu"), "{told}");
    assert!(told.contains("--region eu-central-1"), "{told}");
    runbook.end().await;
}
