//! Test material that is not part of this repository: recorded exchanges with the real API.
//!
//! It lies in a folder `shared` beside the repository. Where that is absent the tests that need it say
//! so and pass; self-written twins in `tests/fixtures` cover the same classes.

use std::io::Write;
use std::path::PathBuf;

/// Returns a path inside the folder beside the repository, where it exists.
pub fn beside(path: &str) -> Option<PathBuf> {
    let found = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(path);
    found.exists().then_some(found)
}

/// Says that a proof was left out, and why.
pub fn skipped(what: &str) {
    say(&format!("SKIPPED: {what}: there is no folder `shared` beside the repository"));
}

/// Writes a line that is seen whether the test passes or not: the test harness keeps back what macros print.
pub fn say(line: &str) {
    // The harness has no line feed after `test name ...` yet when a single thread runs the tests.
    let _ = writeln!(std::io::stderr(), "\n{line}");
}
