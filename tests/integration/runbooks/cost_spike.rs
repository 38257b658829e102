//! `docs/runbooks/cost-spike.md`: it shows whose cost can be asked for.

use crate::queries::assert_names_exist;
use gateway_tests::gateway;
use gateway_tests::runbook::{FOLDER, Runbook};
use local::Upstream;

#[tokio::test]
async fn cost_runbook_shows_the_clients() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let mut runbook = Runbook::open(&running, "cost-spike", &[]);
    runbook.next().await;
    let clients = runbook.next().await;
    assert!(clients.contains("local"), "{clients}");
    runbook.end().await;
    let page = std::fs::read_to_string(format!("{FOLDER}/cost-spike.md")).unwrap();
    assert_names_exist(&page, 2);
}
