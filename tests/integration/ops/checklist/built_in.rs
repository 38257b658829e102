//! What is built in is never a pass, and each test that is named for it exists.

use super::{deploy_well, run_checklist};
use gateway_tests::source_files::{ROOT, find_rust_files};
use std::path::Path;

#[tokio::test]
async fn built_in_lines_name_tests_that_exist() {
    let deployment = deploy_well("checklist-built-in").await;
    let checklist = run_checklist(&deployment).await;
    let built_in: Vec<_> =
        checklist.lines.iter().filter(|(id, _)| id.starts_with("built_in.")).collect();
    assert!(built_in.len() >= 8, "{}", built_in.len());
    let mut code = String::new();
    for folder in ["shared/src", "tests/integration"] {
        for path in find_rust_files(&Path::new(ROOT).join(folder)) {
            code += &std::fs::read_to_string(path).unwrap();
        }
    }
    for (id, line) in built_in {
        assert_eq!(line.outcome, "built_in", "{id}");
        let test = line.reason.strip_prefix("built in; test ").unwrap();
        assert!(code.contains(&format!("fn {test}()")), "{id}: there is no test {test}");
    }
    let absent = ["fn no_such_test", "_as_this()"].concat();
    assert!(!code.contains(&absent), "the search finds anything");
}
