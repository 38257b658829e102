//! The checklist as a person reads it, in 80 columns.

use super::check::{Check, Outcome};
use crate::output::{Colour, Stream, WIDTH, paint, wrap};
use serde_json::{Value, json};
use std::fmt::Write;

/// In front of what goes on in the next line.
const INDENT: &str = "        ";

/// Prints all lines under their sections, and what they come to.
pub fn print_page(head: &str, checks: &[Check]) -> String {
    let mut page = format!("{}\n", paint(head, Colour::Bold, Stream::Out));
    let mut last = "";
    for check in checks {
        let section = check.id.split('.').next().unwrap_or_default();
        if section != last {
            let _ = write!(page, "\n{}\n", paint(title_of(section), Colour::Bold, Stream::Out));
            last = section;
        }
        page += &print_check(check);
    }
    page.push('\n');
    page += &paint(&sum_up(checks), colour_of_all(checks), Stream::Out);
    page.push('\n');
    page
}

fn title_of(section: &str) -> &'static str {
    match section {
        "key" => "Key",
        "models" => "Models",
        "api" => "API",
        "alerts" => "Alerts",
        "delivery" => "Delivery",
        "gateway" => "Running gateway",
        "capacity" => "Capacity",
        _ => "Built in",
    }
}

fn print_check(check: &Check) -> String {
    let (mark, colour) = match check.verdict.outcome {
        Outcome::Pass => ("✓", Colour::Green),
        Outcome::Fail => ("✗", Colour::Red),
        Outcome::Warning => ("!", Colour::Yellow),
        Outcome::CannotTell => ("?", Colour::Yellow),
        Outcome::BuiltIn | Outcome::NotLocal => ("·", Colour::Grey),
    };
    let severity = match check.verdict.outcome {
        Outcome::BuiltIn => "  ",
        _ => check.severity.as_str(),
    };
    let words = format!("{}: {}", check.title, describe(check));
    let mut lines = wrap(&words, WIDTH - INDENT.len()).into_iter();
    let first = lines.next().unwrap_or_default();
    let mut text = format!("  {} {severity}  {first}\n", paint(mark, colour, Stream::Out));
    for line in lines {
        let _ = writeln!(text, "{INDENT}{line}");
    }
    if let Some(command) = &check.verdict.command {
        // Never cut: it is pasted.
        let _ = writeln!(text, "{INDENT}→ {command}");
    }
    text
}

fn describe(check: &Check) -> String {
    match check.verdict.outcome {
        Outcome::CannotTell => format!("cannot tell: {}", check.verdict.reason),
        _ => check.verdict.reason.clone(),
    }
}

/// Counts the outcomes.
pub fn count(checks: &[Check]) -> Value {
    let mut counts = json!({});
    for outcome in Outcome::ALL {
        let number = checks.iter().filter(|check| check.verdict.outcome == outcome).count();
        counts[outcome.as_str()] = number.into();
    }
    counts
}

fn sum_up(checks: &[Check]) -> String {
    let number = |outcome| checks.iter().filter(|c| c.verdict.outcome == outcome).count();
    let failed = checks.iter().filter(|check| check.is_failed()).count();
    let verdict = match failed {
        0 => "Ready to go live.".to_string(),
        1 => "Not ready: 1 line stands against it.".to_string(),
        many => format!("Not ready: {many} lines stand against it."),
    };
    format!(
        "{} pass, {} fail, {} warn, {} cannot be told; {} are built in.\n{verdict}",
        number(Outcome::Pass),
        number(Outcome::Fail),
        number(Outcome::Warning),
        number(Outcome::CannotTell),
        number(Outcome::BuiltIn),
    )
}

fn colour_of_all(checks: &[Check]) -> Colour {
    match checks.iter().any(Check::is_failed) {
        true => Colour::Red,
        false => Colour::Green,
    }
}
