//! `docs/runbooks/costly-client.md`: the client is revoked, and nobody else is.

use crate::queries::assert_names_exist;
use gateway_tests::gateway;
use gateway_tests::ops::run_ops;
use gateway_tests::runbook::{FOLDER, Runbook};
use local::Upstream;
use local::secrets_manager::CLIENTS;

const BODY: &str = r#"{"query":"red fox","documents":["a blue whale","a fox that is red"]}"#;

#[tokio::test]
async fn costly_client_runbook_stops_one_client() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    run_ops(&running, &["clients", "add", "search-service"], "").await.data();
    let mut runbook = Runbook::open(&running, "costly-client", &[("CLIENT", "search-service")]);
    runbook.next().await;
    let listed = runbook.next().await;
    assert!(listed.contains("search-service"), "{listed}");
    runbook.next().await;
    runbook.end().await;
    let left = running.gateway.secrets.current(CLIENTS).unwrap();
    assert!(!left.contains("search-service") && left.contains("local"), "{left}");
    assert_eq!(running.send("/v2/rerank", BODY).await.status, 200);
    let page = std::fs::read_to_string(format!("{FOLDER}/costly-client.md")).unwrap();
    assert_names_exist(&page, 1);
}
