//! `docs/upgrade.md`, a page beside the runbooks: one client tries a newer model, by its list of models.

use gateway_tests::deployment::Deployment;
use gateway_tests::runbook::Runbook;
use local::secrets_manager::CLIENTS;
use serde_json::Value;

const STACK: &str = "cohere-gateway-dev";

#[tokio::test]
async fn upgrade_page_tries_another_model_on_one_client() {
    let deployment = Deployment::prepare("page-upgrade").await;
    deployment.deploy(&["--parameter", "ProbeSchedule=5"]).await.data();
    let gateway = &deployment.running.gateway;
    let found = [("day", "2026-11-26"), ("client", "trial"), ("model", "command-a-plus-05-2026")];
    let found = found.map(|(name, value)| (name, value.to_string())).to_vec();
    deployment.account.state().operations.found = vec![found];
    let more = [("STACK", STACK), ("GATEWAY_URL", gateway.url.as_str())];
    let mut page = Runbook::open_for(&deployment, "../upgrade", &more);
    page.next().await;
    let models = page.next().await;
    assert!(models.contains("command-a-plus-05-2026"), "{models}");

    page.next().await;
    let models = || {
        let list: Value = serde_json::from_str(&gateway.secrets.current(CLIENTS).unwrap()).unwrap();
        let clients = list["clients"].as_array().unwrap().clone();
        clients
            .into_iter()
            .find(|client| client["name"] == "trial")
            .map(|client| client["models"].clone())
    };
    assert_eq!(models().unwrap()[1], "command-a-plus-05-2026");
    // An environment that has read no list yet need not be waited for.
    gateway.kill("authorizer").await;
    let answer: Value = serde_json::from_str(&page.next().await).unwrap();
    assert_eq!(answer["message"]["role"], "assistant", "{answer}");

    let used = page.next().await;
    assert!(used.contains("command-a-plus-05-2026") && used.contains("2026-11-26"), "{used}");
    page.next().await;
    assert_eq!(models(), Some(Value::Null), "every model");
    let checklist = page.next().await;
    assert_eq!(models(), None);
    assert!(checklist.trim_end().ends_with("Ready to go live."), "{checklist}");
    page.end().await;
}
