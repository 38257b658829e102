//! The table on the terminal: a line for each minute as it is over.

use super::clock::MINUTE;
use super::delivery::Delivery;
use super::minutes::{VersionMinute, read_minute};
use std::io::Write;
use std::time::Duration;

/// Of a usual terminal, in characters.
const WIDTH: usize = 80;
/// Before words that belong to the line above.
const MARGIN: usize = 7;

/// Prints minutes as they pass. Its times are the clock's.
pub(super) struct Table {
    /// The end of the minute that is told next.
    next: Duration,
    first: Duration,
    is_quiet: bool,
}

impl Table {
    /// Begins with the columns' names, of what happens to this function.
    pub(super) fn begin(first: Duration, function: &str, is_quiet: bool) -> Table {
        if !is_quiet {
            // An authorizer that says no has not failed; the driver asks it about an unknown token in each minute.
            let failed = if function == "authorizer" { "denied" } else { "failed" };
            let columns = format!("{failed:>7} {:>8}", "p95");
            print_line(&format!("{function}:"));
            print_line(&format!(
                "{:>6} {:>7} | {:>12} {columns} | {:>12} {columns}",
                "minute", "share", "live: calls", "new: calls"
            ));
        }
        Table { next: first + MINUTE, first, is_quiet }
    }

    /// Takes the next minute that is over, by its end.
    pub(super) fn next_minute(&mut self, now: Duration) -> Option<Duration> {
        if now < self.next {
            return None;
        }
        self.next += MINUTE;
        Some(self.next - MINUTE)
    }

    /// Prints a minute by its beginning.
    pub(super) fn print_minute(
        &self,
        delivery: &Delivery,
        begin: Duration,
        weight: f64,
        alarms: &[String],
    ) {
        if self.is_quiet {
            return;
        }
        let minute = read_minute(&delivery.gates.cloudwatch, &delivery.pairs[0], begin);
        let number = (begin - self.first).as_secs() / MINUTE.as_secs();
        let (live, new) = (describe_version(minute.live), describe_version(minute.new));
        print_line(&format!("{number:>6} {:>5.0} % | {live} | {new}", weight * 100.0));
        if !alarms.is_empty() {
            print_wrapped(&format!("in alarm: {}", alarms.join(" ")));
        }
    }
}

fn describe_version(minute: VersionMinute) -> String {
    let VersionMinute { calls, failed, p95 } = minute;
    let p95 = p95.map_or("-".to_owned(), |p95| format!("{p95:.0} ms"));
    format!("{calls:>12.0} {failed:>7.0} {p95:>8}")
}

/// Prints words behind a margin, in lines that a terminal of the usual width takes.
pub(super) fn print_wrapped(text: &str) {
    for line in wrap_words(text) {
        print_line(&format!("{:MARGIN$}{line}", ""));
    }
}

/// Breaks a text at its blanks; a word that is longer than a line stays whole.
fn wrap_words(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("one at least");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= WIDTH - MARGIN {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Prints a line.
pub fn print_line(line: &str) {
    // A closed pipe is no reason to stop.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_broken_at_its_blanks() {
        let text = ["ChatGateDrivenCrashes"; 5].join(" ");
        let lines = wrap_words(&text);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.len() <= WIDTH - MARGIN), "{lines:?}");
        assert_eq!(lines.join(" "), text);
        assert_eq!(wrap_words(&"x".repeat(WIDTH)), ["x".repeat(WIDTH)]);
    }
}
