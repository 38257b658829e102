//! What runs came to: a line as each has ended, and a row for each scenario.

use super::outcome::{Outcome, Share};
use super::table::{print_line, print_wrapped};

/// What all runs of one scenario came to, in words.
pub(super) struct Row {
    pub(super) is_as_expected: bool,
    /// How many ended as they must.
    pub(super) expected: String,
    pub(super) met: String,
    pub(super) unserved: String,
    /// The longest way back.
    pub(super) back: String,
}

impl Row {
    pub(super) fn of(runs: &[Outcome]) -> Row {
        let as_expected = runs.iter().filter(|outcome| outcome.problems.is_empty()).count();
        let met: Share = runs.iter().map(|outcome| outcome.met).sum();
        let unserved: Share = runs.iter().map(|outcome| outcome.unserved).sum();
        let back = runs.iter().filter_map(|outcome| outcome.minutes_until_back).reduce(f64::max);
        Row {
            is_as_expected: as_expected == runs.len(),
            expected: format!("{as_expected} of {}", runs.len()),
            met: met.to_string(),
            unserved: format!("{} ({:.1} %)", unserved.part, unserved.percent()),
            back: back.map_or("-".to_owned(), |minutes| format!("{minutes:.1}")),
        }
    }
}

/// Groups the runs of each scenario, which stand together.
pub(super) fn group_runs(outcomes: &[Outcome]) -> impl Iterator<Item = &[Outcome]> {
    outcomes.chunk_by(|one, next| one.name == next.name)
}

/// Prints how one run of a scenario has ended.
pub fn print_end(outcome: &Outcome) {
    let verdict = match outcome.problems.as_slice() {
        [] => "as expected".to_owned(),
        problems => format!("NOT AS EXPECTED: {}", problems.join("; ")),
    };
    print_wrapped(&format!("{} ended {}: {verdict}", outcome.name, outcome.describe_end()));
}

/// Prints what all runs came to.
pub fn print_summary(outcomes: &[Outcome]) {
    print_line(&format!(
        "\n{:<18} {:>8}  {:<21}  {:<13} {:>13}",
        "scenario", "expected", "met the new version", "not served", "back in (min)"
    ));
    for runs in group_runs(outcomes) {
        let Row { expected, met, unserved, back, .. } = Row::of(runs);
        let name = runs[0].name;
        print_line(&format!("{name:<18} {expected:>8}  {met:<21}  {unserved:<13} {back:>13}"));
        for outcome in runs.iter().filter(|outcome| !outcome.problems.is_empty()) {
            print_wrapped(&format!("NO: {}", outcome.problems.join("; ")));
        }
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).count();
    print_line(&format!("\n{} passed, {failed} failed", outcomes.len() - failed));
}
