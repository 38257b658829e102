//! `docs/runbooks/broken-client-list.md`: a list that cannot be read is replaced by the one before it.

use crate::queries::assert_names_exist;
use gateway_tests::gateway;
use gateway_tests::runbook::{FOLDER, Runbook};
use local::Upstream;
use local::secrets_manager::CLIENTS;

const BODY: &str = r#"{"query":"red fox","documents":["a blue whale","a fox that is red"]}"#;

#[tokio::test]
async fn broken_list_runbook_brings_the_clients_back() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let secrets = &running.gateway.secrets;
    let good = secrets.current(CLIENTS).unwrap();
    secrets.put(CLIENTS, "{\"clients\":");
    running.gateway.kill("authorizer").await;
    assert_eq!(running.send("/v2/rerank", BODY).await.status, 503);
    let mut runbook = Runbook::open(&running, "broken-client-list", &[]);
    runbook.next().await;
    // As the command of AWS does it.
    secrets.put(CLIENTS, &good);
    let clients = runbook.next().await;
    assert!(clients.contains("local"), "{clients}");
    runbook.end().await;
    assert_eq!(running.send("/v2/rerank", BODY).await.status, 200);
    let page = std::fs::read_to_string(format!("{FOLDER}/broken-client-list.md")).unwrap();
    assert_names_exist(&page, 1);
}
