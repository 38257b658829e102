//! Test material that is not part of this repository: recorded exchanges with the real API.
//!
//! It lies in `../shared`, a folder beside the repository and not the `shared` inside it. Where that is
//! absent the tests that need it say so and pass; self-written twins in `tests/fixtures` cover the
//! same classes.

use crate::skips::report_skip;
use std::path::PathBuf;

/// Returns a path inside `../shared`; where there is none, reports the calling test as skipped.
pub fn find_or_skip(path: &str, what: &str) -> Option<PathBuf> {
    let found = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(path);
    if found.exists() {
        return Some(found);
    }
    report_skip(what, &format!("there is no ../shared/{path} beside the repository"));
    None
}
