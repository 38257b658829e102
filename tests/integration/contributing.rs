//! The table "Where to change what" in CONTRIBUTING.md leads to files and tests that exist.

use gateway_tests::source_files::{ROOT, find_rust_files};
use std::path::Path;

const HEADING: &str = "## Where to change what";
const LEAST_ROWS: usize = 12;
/// Folders with tests written in Rust.
const TESTED: [&str; 4] = ["shared/src", "functions", "tools", "tests"];

/// A row of the table: what to change, in which files, and what tests it.
struct Row<'a> {
    change: &'a str,
    files: &'a str,
    tests: &'a str,
}

#[test]
fn change_table_names_existing_files() {
    let page = std::fs::read_to_string(Path::new(ROOT).join("CONTRIBUTING.md")).unwrap();
    let rows = read_rows(&page);
    assert!(rows.len() >= LEAST_ROWS, "{} rows, {LEAST_ROWS} at least are expected", rows.len());
    let code = read_code();
    let problems: Vec<_> = rows.iter().flat_map(|row| find_problems(row, &code)).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn change_table_check_finds_what_is_missing() {
    let page = format!(
        "| `no/such.rs` | before | the heading |\n{HEADING}\n\n| change | file | test |\n|---|---|---|\n\
         | one | `Cargo.toml` | `change_table_names_existing_files`, `tests/Cargo.toml` |\n\
         | two | `no/such.rs` | `no_such_test` |\n\
         | three | here | `Nothing` |\n\
         | four | `Cargo.toml` | none |\n\
         ## Next\n| `no/such.rs` | after | the section |\n"
    );
    let rows = read_rows(&page);
    assert_eq!(
        rows.iter().map(|row| row.change).collect::<Vec<_>>(),
        ["one", "two", "three", "four"]
    );
    let code = read_code();
    let problems: Vec<_> = rows.iter().flat_map(|row| find_problems(row, &code)).collect();
    let expected = [
        "two: there is no no/such.rs",
        "two: there is no test no_such_test",
        "three: no file is named",
        "three: Nothing is no path and no test",
        "four: no test is named",
    ];
    assert_eq!(problems, expected);
}

/// Reads the table's rows, without its head.
fn read_rows(page: &str) -> Vec<Row<'_>> {
    let (_, section) = page.split_once(HEADING).expect("the heading of the table");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut rows = Vec::new();
    for line in section.lines().filter(|line| line.starts_with('|')).skip(2) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [change, files, tests] = cells[..] else { panic!("three cells are expected: {line}") };
        rows.push(Row { change, files, tests });
    }
    rows
}

/// Returns everything written in Rust, in which a test's name is looked for.
fn read_code() -> String {
    let mut code = String::new();
    for folder in TESTED {
        for path in find_rust_files(&Path::new(ROOT).join(folder)) {
            code += &std::fs::read_to_string(path).unwrap();
        }
    }
    code
}

/// Says what is wrong with a row.
fn find_problems(row: &Row, code: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if quoted_names(row.files).is_empty() {
        problems.push(format!("{}: no file is named", row.change));
    }
    if quoted_names(row.tests).is_empty() {
        problems.push(format!("{}: no test is named", row.change));
    }
    for name in [quoted_names(row.files), quoted_names(row.tests)].concat() {
        if name.contains(['/', '.']) {
            if !Path::new(ROOT).join(name).exists() {
                problems.push(format!("{}: there is no {name}", row.change));
            }
        } else if !is_test_name(name) {
            problems.push(format!("{}: {name} is no path and no test", row.change));
        } else if !code.contains(&format!("fn {name}(")) {
            problems.push(format!("{}: there is no test {name}", row.change));
        }
    }
    problems
}

/// Returns what stands in back-ticks.
fn quoted_names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn is_test_name(name: &str) -> bool {
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_plain && name.contains('_')
}
