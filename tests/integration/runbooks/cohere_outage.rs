//! `docs/runbooks/cohere-outage.md` while Cohere is out: the health check says whose fault it is.

use crate::queries::assert_names_exist;
use gateway_tests::gateway;
use gateway_tests::runbook::{FOLDER, Runbook};

#[tokio::test]
async fn outage_runbook_says_that_cohere_is_down() {
    let running = gateway::start_at("http://127.0.0.1:9", &[]).await;
    let url = running.gateway.url.clone();
    let mut runbook = Runbook::open(&running, "cohere-outage", &[("GATEWAY_URL", &url)]);
    runbook.next().await;
    let health = runbook.next().await;
    assert!(health.contains(r#""status":"down""#), "{health}");
    runbook.end().await;
    let page = std::fs::read_to_string(format!("{FOLDER}/cohere-outage.md")).unwrap();
    assert_names_exist(&page, 2);
}
