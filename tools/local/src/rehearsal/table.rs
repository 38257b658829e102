//! The table on the terminal: a line for each minute as it is over, and a summary at the end.

use super::clock::MINUTE;
use super::delivery::Delivery;
use super::minutes::{VersionMinute, read_minute};
use super::outcome::Outcome;
use std::io::Write;
use std::time::Duration;

/// Prints minutes as they pass. Its times are the clock's.
pub(super) struct Table {
    /// The end of the minute that is told next.
    next: Duration,
    first: Duration,
    is_quiet: bool,
}

impl Table {
    pub(super) fn begin(first: Duration, is_quiet: bool) -> Table {
        let table = Table { next: first + MINUTE, first, is_quiet };
        if !is_quiet {
            print_line(
                "  minute  share |      live: calls failed    p95 |       new: calls failed    p95 | gates in alarm",
            );
        }
        table
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
        let alarms = alarms.join(" ");
        print_line(&format!(
            "  {number:>6}  {:>4.0} % | {live} | {new} | {alarms}",
            weight * 100.0
        ));
    }
}

fn describe_version(minute: VersionMinute) -> String {
    let VersionMinute { calls, failed, p95 } = minute;
    let p95 = p95.map_or("-".to_owned(), |p95| format!("{p95:.0} ms"));
    format!("{calls:>16.0} {failed:>6.0} {p95:>7}")
}

/// Prints what all scenarios came to.
pub fn print_summary(outcomes: &[Outcome]) {
    print_line(
        "\nscenario             ended                         met the new one     minutes until back   as expected",
    );
    for outcome in outcomes {
        let problem = outcome.problems.join("; ");
        let verdict = if problem.is_empty() { "yes".to_owned() } else { format!("NO: {problem}") };
        print_line(&format!(
            "{:<20} {:<29} {:<19} {:<20} {verdict}",
            outcome.name,
            outcome.describe_end(),
            outcome.describe_share(),
            outcome.describe_back(),
        ));
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).count();
    print_line(&format!("\n{} passed, {failed} failed", outcomes.len() - failed));
}

/// Prints a line.
pub fn print_line(line: &str) {
    // A closed pipe is no reason to stop.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
