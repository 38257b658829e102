//! Lines that tell a location in the code, and nothing of what was worked on there.
//!
//! Panics, and the events of other crates: nobody here has chosen their words, and they may quote a body,
//! a header or a key. With the location and `Cargo.lock` the words can be read in the source.

use crate::clock::{format_iso8601, since_epoch};
use std::io::Write;
use std::panic::PanicHookInfo;
use tracing::Metadata;

/// Writes the location of a panic.
///
/// It goes to stderr by itself: a panic may come before logging is set up, or out of it.
pub fn write_panic(panic: &PanicHookInfo) {
    let location = panic.location().map(|at| (at.file(), at.line()));
    let line = format_line("panic", "ERROR", "panic", "panic", location);
    // A closed stderr is no reason to panic again.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Returns the line of another crate's event.
pub fn describe_event(event: &Metadata) -> String {
    let location = event.file().zip(event.line());
    format_line(
        "foreign_event",
        event.level().as_str(),
        event.target(),
        "another crate's event",
        location,
    )
}

fn format_line(
    event: &str,
    level: &str,
    target: &str,
    message: &str,
    location: Option<(&str, u32)>,
) -> String {
    let location = location.map(|(file, line)| format!("{file}:{line}"));
    let timestamp = format_iso8601(since_epoch());
    serde_json::json!({
        "timestamp": timestamp,
        "level": level,
        "message": message,
        "event": event,
        "location": location,
        "target": target,
    })
    .to_string()
}
