//! Runbooks are executed: each in `docs/runbooks` has a file here that runs its blocks and looks at the
//! gateway between them.

mod add_or_revoke_client;
mod key_leaked;
mod rotate_key;

use gateway_tests::runbook::FOLDER;

#[test]
fn runbooks_are_each_run_by_a_test() {
    let mut runbooks: Vec<_> = std::fs::read_dir(FOLDER)
        .expect("the runbooks")
        .filter_map(|entry| {
            Some(entry.ok()?.file_name().into_string().ok()?.strip_suffix(".md")?.to_owned())
        })
        .collect();
    runbooks.sort();
    assert!(!runbooks.is_empty());
    for name in runbooks {
        let test = format!(
            "{}/integration/runbooks/{}.rs",
            env!("CARGO_MANIFEST_DIR"),
            name.replace('-', "_")
        );
        let text = std::fs::read_to_string(&test).unwrap_or_else(|error| panic!("{test}: {error}"));
        assert!(text.contains(&format!("\"{name}\"")), "{test} does not run {name}");
        assert!(text.contains(".end().await"), "{test} does not run {name} to its end");
    }
}
