//! Whatever a contributor builds, each library is compiled once: `tools/one-build` has the union of its features.

use gateway_tests::source_files::ROOT;
use std::collections::BTreeSet;
use std::process::Command;

/// What contributors build, beside everything.
const SELECTIONS: [&[&str]; 5] = [
    &["-p", "local"],
    &["-p", "ops"],
    &["-p", "tests"],
    &["-p", "shared"],
    &["-p", "local", "-p", "ops", "-p", "chat", "-p", "probe", "-p", "authorizer"],
];

#[test]
fn every_selection_has_the_features_of_all() {
    let all = list_libraries(&["--workspace"]);
    assert!(all.iter().any(|library| library.starts_with("tokio v")), "{all:?}");
    for selection in SELECTIONS {
        let libraries = list_libraries(selection);
        let others: Vec<_> = libraries.difference(&all).collect();
        assert!(others.is_empty(), "{selection:?} compiles anew, see tools/one-build: {others:#?}");
    }
}

#[test]
fn function_for_lambda_has_fewer_features() {
    let alone = list_libraries(&["-p", "chat", "-e", "normal"]);
    let all = list_libraries(&["--workspace"]);
    assert!(alone.difference(&all).any(|library| library.starts_with("tokio v")), "{alone:?}");
}

/// Returns the libraries of a selection of packages with their features.
fn list_libraries(selection: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut tree = Command::new(cargo);
    tree.current_dir(ROOT).args(["tree", "--offline", "--prefix", "none", "-f", "{p} {f}"]);
    let done = tree.args(selection).output().expect("cargo tree runs");
    let printed = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    printed.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect()
}
