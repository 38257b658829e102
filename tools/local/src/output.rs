//! Where the lines of the functions appear: in the terminal with the function's name, or in a test.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Called with a function's name and one line it wrote.
pub type LineHandler = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// Where lines go.
#[derive(Clone, Default)]
pub enum Output {
    /// Standard output, each line after the function's name; grey where that is a terminal.
    #[default]
    Terminal,
    /// To a function, such as a test's.
    To(LineHandler),
}

impl Output {
    pub fn write_line(&self, function: &str, line: &str) {
        match self {
            Output::To(taker) => taker(function, line),
            // Metrics are for CloudWatch; the log lines beside them tell a person the same.
            Output::Terminal if is_metric(line) => {}
            Output::Terminal => {
                let mut out = std::io::stdout().lock();
                let coloured = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
                let (muted, plain) = if coloured { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
                // A closed pipe is no reason to stop the gateway.
                let _ = writeln!(out, "{muted}{function:>10} | {line}{plain}");
            }
        }
    }
}

/// Whether a line is in CloudWatch's embedded metric format.
fn is_metric(line: &str) -> bool {
    line.starts_with('{') && line.contains("\"_aws\":{")
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

    #[test]
    fn metric_line_differs_from_mention_of_one() {
        assert!(is_metric(r#"{"KeyAgeDays":0.1,"_aws":{"CloudWatchMetrics":[]}}"#));
        for line in [r#"{"level":"WARN","message":"breaker"}"#, r#"panic at "_aws":{"#, ""] {
            assert!(!is_metric(line), "{line}");
        }
    }
}
