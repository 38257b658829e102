//! `docs/runbooks/first-deployment.md` on stand-ins of the account, of `sam` and of the build: from no stack and no key
//! to a client's answer. What only AWS can show stands in its first-day check.

use gateway_tests::deployment::Deployment;
use gateway_tests::runbook::Runbook;
use serde_json::Value;

const KEY: &str = "fake-first-key-of-the-runbook";

#[tokio::test]
async fn first_deployment_runbook_ends_with_a_client_s_answer() {
    let deployment = Deployment::prepare_without_key("runbook-first", KEY).await;
    let gateway = &deployment.running.gateway;
    let more = [
        ("COHERE_KEY", KEY),
        ("GATEWAY_URL", &gateway.url),
        ("P1_EMAIL", "first@example.com"),
        ("P2_EMAIL", "second@example.com"),
    ];
    let mut runbook = Runbook::open_for(&deployment, "first-deployment", &more);
    runbook.next().await;
    runbook.next().await;

    let printed = runbook.next().await;
    assert!(printed.contains("smoke test key_missing."), "{printed}");
    assert!(runbook.words().contains("has no Cohere key yet"), "{}", runbook.words());

    runbook.next().await;
    let printed = runbook.next().await;
    let (release, answer) = printed.split_at(printed.find('{').unwrap());
    assert!(release.contains("smoke test ok."), "{release}{}", runbook.words());
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert_eq!(answer["message"]["role"], "assistant", "{answer}");
    assert!(!runbook.words().contains(KEY) && !runbook.words().contains("cgw_"));

    runbook.next().await;
    let told = deployment.account.state().deployments.last().unwrap().join(" ");
    assert!(told.contains("P1Email") && told.contains("ProbeSchedule"), "{told}");
    let checklist = runbook.next().await;
    assert!(checklist.trim_end().ends_with("Ready to go live."), "{checklist}");
    assert_eq!(deployment.account.state().releases.len(), 3);
    runbook.end().await;
}
