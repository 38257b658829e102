//! Tests that were skipped: each says so at once, and is named and counted again at the end of the run.
//!
//! The test harness has no hook for its end, so a skip adds a line to a file of the run, and
//! `tests/skipped`, which Cargo runs after the others, prints it. A run is one `cargo test`: the
//! parent process of all its test programs. Only the standard library is used, so that any package
//! can include this file by its path.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// Begins every line that tells of a skip; `.ci/run` looks for it.
pub const MARK: &str = "SKIPPED: ";

/// Says that the test that calls it is skipped, and why; `what` names it where the thread does not.
pub fn report_skip(what: &str, reason: &str) {
    let thread = std::thread::current();
    // A single thread runs all tests as `main`.
    let test = thread.name().filter(|name| *name != "main").unwrap_or(what);
    let line = format!("{MARK}{test}: {reason}");
    print_line(&line);
    let record = record_path();
    let _ = record.parent().map(std::fs::create_dir_all);
    let file = OpenOptions::new().create(true).append(true).open(record);
    let written = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
    written.expect("the record of skips is written");
}

/// Returns the lines of this run's skips and forgets them.
pub fn take_skips() -> Vec<String> {
    let record = record_path();
    let text = std::fs::read_to_string(&record).unwrap_or_default();
    let _ = std::fs::remove_file(record);
    text.lines().map(str::to_string).collect()
}

/// Writes a line that is seen whether the test passes or not: the harness keeps back what macros print.
pub fn print_line(line: &str) {
    // The harness has no line feed after `test name ...` yet when a single thread runs the tests.
    let _ = std::io::stderr().write_all(format!("\n{line}\n").as_bytes());
}

/// The file of this run, beside the folder that the test programs lie in.
fn record_path() -> PathBuf {
    let program = std::env::current_exe().expect("a path of this program");
    let folder = program.ancestors().nth(2).expect("a program in target/debug/deps");
    folder.join("skipped-tests").join(std::os::unix::process::parent_id().to_string())
}
