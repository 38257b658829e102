//! `docs/runbooks/rollout-taken-back.md`: its queries name what stands in a line, and it knows every gate.

use crate::queries::assert_names_exist;
use gateway_tests::runbook::FOLDER;
use gateway_tests::source_files::ROOT;

#[test]
fn rollout_runbook_asks_for_fields_that_exist() {
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
    let functions = ["Chat", "Embed", "Rerank", "Health", "Authorizer"];
    functions.iter().find_map(|name| resource.strip_prefix(name)?.strip_prefix("Gate"))
}
