//! `docs/runbooks/rate-limited.md`: it shows which key is in use.

use crate::queries::assert_names_exist;
use gateway_tests::gateway;
use gateway_tests::runbook::{FOLDER, Runbook};
use local::Upstream;

#[tokio::test]
async fn throttling_runbook_shows_the_key_in_use() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let mut runbook = Runbook::open(&running, "rate-limited", &[]);
    runbook.next().await;
    let status = runbook.next().await;
    assert!(status.contains("AWSCURRENT"), "{status}");
    runbook.end().await;
    let page = std::fs::read_to_string(format!("{FOLDER}/rate-limited.md")).unwrap();
    assert_names_exist(&page, 1);
}
