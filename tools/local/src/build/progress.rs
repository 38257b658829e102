//! What a person sees of a build beside Cargo's own progress: which programs are built, one by one.

use serde_json::Value;
use std::io::{IsTerminal, Write};

/// Leaves the line that Cargo draws its progress on.
const CLEAR_LINE: &str = "\r\x1b[K";

/// The programs of one run of Cargo, as its messages tell of them.
pub(super) struct Progress<'a> {
    names: &'a [&'a str],
    /// How many programs are there, built now or earlier.
    done: usize,
    has_begun: bool,
}

impl<'a> Progress<'a> {
    pub(super) fn new(names: &'a [&'a str]) -> Self {
        Progress { names, done: 0, has_begun: false }
    }

    /// Reads one of Cargo's messages in JSON; where nothing is to be built, nothing is said.
    pub(super) fn read_message(&mut self, message: &str) {
        let Ok(message) = serde_json::from_str::<Value>(message) else { return };
        for line in self.describe(&message) {
            let clear = if std::io::stderr().is_terminal() { CLEAR_LINE } else { "" };
            let _ = writeln!(std::io::stderr(), "{clear}{line}");
        }
    }

    fn describe(&mut self, message: &Value) -> Vec<String> {
        let mut lines = Vec::new();
        if message["reason"] != "compiler-artifact" {
            return lines;
        }
        let is_new = message["fresh"] == false;
        if is_new && !self.has_begun {
            self.has_begun = true;
            lines.push(format!("  building {}", self.names.join(", ")));
        }
        let name = message["target"]["name"].as_str().unwrap_or_default();
        if message["executable"].is_string() && self.names.contains(&name) {
            self.done += 1;
            if is_new {
                lines.push(format!("  built {name} ({} of {})", self.done, self.names.len()));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn describe_artifact(name: &str, fresh: bool, executable: Option<&str>) -> Value {
        json!({ "reason": "compiler-artifact", "target": { "name": name }, "fresh": fresh,
            "executable": executable })
    }

    #[test]
    fn programs_are_named_as_they_are_built() {
        let mut progress = Progress::new(&["chat", "embed"]);
        let mut said = Vec::new();
        for message in [
            describe_artifact("serde", true, None),
            describe_artifact("chat", true, Some("/chat")),
            describe_artifact("shared", false, None),
            describe_artifact("embed", false, Some("/embed")),
            describe_artifact("build-script", false, Some("/other")),
            json!({ "reason": "build-finished" }),
        ] {
            said.extend(progress.describe(&message));
        }
        assert_eq!(said, ["  building chat, embed", "  built embed (2 of 2)"]);
    }

    #[test]
    fn build_without_work_says_nothing() {
        let mut progress = Progress::new(&["chat"]);
        let said = progress.describe(&describe_artifact("chat", true, Some("/chat")));
        assert!(said.is_empty(), "{said:?}");
    }
}
