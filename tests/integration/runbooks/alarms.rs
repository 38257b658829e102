//! `docs/runbooks/alarms.md`: its blocks run, and its queries name what stands in a line.

use crate::queries::assert_names_exist;
use gateway_tests::gateway;
use gateway_tests::runbook::{FOLDER, Runbook};
use local::Upstream;

#[tokio::test]
async fn alarms_runbook_shows_the_keys_versions() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let mut runbook = Runbook::open(&running, "alarms", &[]);
    runbook.next().await;
    let status = runbook.next().await;
    assert!(status.contains("AWSCURRENT"), "{status}");
    runbook.end().await;
}

#[test]
fn alarms_runbook_asks_for_fields_that_exist() {
    let page = std::fs::read_to_string(format!("{FOLDER}/alarms.md")).unwrap();
    assert_names_exist(&page, 10);
}
