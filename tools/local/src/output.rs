//! Where the lines of the functions appear: in the terminal with the function's name, or in a test.

mod readable;

use readable::make_readable;
use serde_json::json;
use shared::clock::{format_iso8601, since_epoch};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Called with a function's name and one line it wrote.
pub type LineHandler = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// Where lines go.
#[derive(Clone, Default)]
pub enum Output {
    /// Standard output for a person: a short line after the function's name, without metrics; in colours where
    /// that is a terminal and `NO_COLOR` is not set.
    #[default]
    Terminal,
    /// Standard output for a program: each line exactly as the function wrote it, metrics too.
    Json,
    /// To a function, such as a test's.
    To(LineHandler),
    /// Where it went before, and to a function that looks on.
    Watched(Box<Output>, LineHandler),
}

impl Output {
    /// Writes a line as a function wrote it.
    pub fn write_line(&self, function: &str, line: &str) {
        match self {
            Output::To(taker) => taker(function, line),
            Output::Watched(output, watch) => {
                watch(function, line);
                output.write_line(function, line);
            }
            Output::Json => write_to_stdout(line),
            Output::Terminal => {
                let Some(line) = make_readable(function, line) else { return };
                // A closed pipe is no reason to stop the gateway, here and below.
                let _ = writeln!(anstream::stdout().lock(), "{line}");
            }
        }
    }

    /// Writes a sentence of this tool about a function, as JSON among lines of JSON.
    pub fn write_note(&self, function: &str, text: &str) {
        match self {
            Output::To(_) | Output::Terminal => self.write_line(function, text),
            Output::Watched(output, _) => output.write_note(function, text),
            Output::Json => write_to_stdout(&describe_note(function, text)),
        }
    }
}

fn describe_note(function: &str, text: &str) -> String {
    let timestamp = format_iso8601(since_epoch());
    json!({ "timestamp": timestamp, "level": "INFO", "message": text, "function": function })
        .to_string()
}

fn write_to_stdout(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Lines of one process, held back until it is clear whether its start succeeds.
///
/// The caller that waits for a failed start reports all lines at once; they must not appear before.
pub struct ProcessLines {
    function: String,
    output: Output,
    held: Mutex<Vec<String>>,
}

impl ProcessLines {
    pub fn new(function: &str, output: Output) -> Self {
        ProcessLines { function: function.to_owned(), output, held: Mutex::default() }
    }

    /// Holds the line while the process is starting; afterwards writes the held lines and this one.
    pub fn add_line(&self, line: &str, starting: bool) {
        self.lock_held().push(line.to_owned());
        if !starting {
            self.write_held();
        }
    }

    /// Writes the held lines.
    pub fn write_held(&self) {
        for line in self.lock_held().drain(..) {
            self.output.write_line(&self.function, &line);
        }
    }

    /// Takes the held lines out without writing them.
    pub fn take_held(&self) -> Vec<String> {
        std::mem::take(&mut self.lock_held())
    }

    fn lock_held(&self) -> MutexGuard<'_, Vec<String>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn note_is_a_line_of_json() {
        let note: Value = serde_json::from_str(&describe_note("chat", "was \"killed\"")).unwrap();
        assert_eq!(
            (&note["function"], &note["message"]),
            (&json!("chat"), &json!("was \"killed\""))
        );
    }
}
