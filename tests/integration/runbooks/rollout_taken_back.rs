//! `docs/runbooks/rollout-taken-back.md`: its block runs, its queries name what stands in a line, and it knows every gate.

use crate::queries::assert_names_exist;
use gateway_tests::gateway;
use gateway_tests::runbook::{FOLDER, Runbook};
use gateway_tests::source_files::ROOT;
use local::Upstream;

#[tokio::test]
async fn rollout_runbook_shows_that_callers_are_served() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let url = running.gateway.url.clone();
    let mut runbook = Runbook::open(&running, "rollout-taken-back", &[("GATEWAY_URL", &url)]);
    let health = runbook.next().await;
    assert!(health.contains(r#""status":"healthy""#), "{health}");
    runbook.end().await;
    let page = std::fs::read_to_string(format!("{FOLDER}/rollout-taken-back.md")).unwrap();
    assert_names_exist(&page, 2);
}

#[test]
fn rollout_runbook_knows_every_gate() {
    let page = std::fs::read_to_string(format!("{FOLDER}/rollout-taken-back.md")).unwrap();
    let template = std::fs::read_to_string(format!("{ROOT}/template.yaml")).unwrap();
    let resources = template.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'));
    let gates: Vec<_> = resources.filter_map(find_gate).collect();
    assert!(gates.len() > 30, "{gates:?}");
    for gate in gates {
        assert!(page.contains(&format!("`{gate}`")), "{gate}");
    }
}

/// Returns which gate of a function a resource is.
fn find_gate(resource: &str) -> Option<&str> {
    let functions = ["Chat", "Embed", "Rerank", "PassThrough", "Health", "Authorizer"];
    functions.iter().find_map(|name| resource.strip_prefix(name)?.strip_prefix("Gate"))
}
