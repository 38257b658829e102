//! A line of the checklist: what it asks, how it is judged, and what mends it.

use super::facts::Facts;
use serde_json::{Value, json};

/// Who is told of it: a P1 keeps a gateway from going live.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Severity {
    P1,
    P2,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::P1 => "P1",
            Severity::P2 => "P2",
        }
    }
}

/// What a line came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    Pass,
    Fail,
    Warning,
    /// The question was not answered.
    CannotTell,
    /// A constant of the build, which a test proves.
    BuiltIn,
    /// Only a deployed gateway has it.
    NotLocal,
}

impl Outcome {
    pub const ALL: [Outcome; 6] = [
        Outcome::Pass,
        Outcome::Fail,
        Outcome::Warning,
        Outcome::CannotTell,
        Outcome::BuiltIn,
        Outcome::NotLocal,
    ];

    /// Returns the name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Warning => "warning",
            Outcome::CannotTell => "cannot_tell",
            Outcome::BuiltIn => "built_in",
            Outcome::NotLocal => "not_local",
        }
    }
}

/// How a line is judged.
#[derive(Debug, PartialEq)]
pub struct Verdict {
    pub outcome: Outcome,
    pub reason: String,
    /// The command that mends it.
    pub command: Option<String>,
}

impl Verdict {
    pub fn pass(reason: impl Into<String>) -> Self {
        Self { outcome: Outcome::Pass, reason: reason.into(), command: None }
    }

    pub fn fail(reason: impl Into<String>, command: impl Into<String>) -> Self {
        let (reason, command) = (reason.into(), Some(command.into()));
        Self { outcome: Outcome::Fail, reason, command }
    }

    pub fn warning(reason: impl Into<String>, command: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warning, ..Self::fail(reason, command) }
    }
}

/// A line; the error of its judgement is why nobody can tell.
pub struct Line {
    /// Stable: section and name.
    pub id: &'static str,
    pub title: &'static str,
    pub severity: Severity,
    /// Whether `cargo run` can answer it.
    pub is_local: bool,
    pub judge: fn(&Facts) -> Result<Verdict, String>,
}

/// A line that was judged.
#[derive(Debug)]
pub struct Check {
    pub id: &'static str,
    pub title: &'static str,
    pub severity: Severity,
    pub verdict: Verdict,
}

impl Check {
    /// Judges a line by what was found out.
    pub fn judge(line: &Line, facts: &Facts) -> Self {
        let Line { id, title, severity, is_local, judge } = *line;
        let verdict = match judge(facts) {
            _ if facts.is_local && !is_local => Verdict {
                outcome: Outcome::NotLocal,
                reason: "only a deployed gateway has it".to_string(),
                command: None,
            },
            Ok(verdict) => verdict,
            Err(reason) => Verdict {
                command: advise_on_unanswered(&reason),
                outcome: Outcome::CannotTell,
                reason,
            },
        };
        Self { id, title, severity, verdict }
    }

    /// Whether a gateway with this line must not go live.
    pub fn is_failed(&self) -> bool {
        match self.verdict.outcome {
            Outcome::Fail => true,
            Outcome::CannotTell => self.severity == Severity::P1,
            Outcome::Pass | Outcome::Warning | Outcome::BuiltIn | Outcome::NotLocal => false,
        }
    }

    /// The line for programs.
    pub fn describe(&self) -> Value {
        json!({
            "id": self.id,
            "title": self.title,
            "severity": self.severity.as_str(),
            "outcome": self.verdict.outcome.as_str(),
            "reason": self.verdict.reason,
            "command": self.verdict.command,
        })
    }
}

/// Names what makes a question answerable, where that is known.
fn advise_on_unanswered(reason: &str) -> Option<String> {
    let is_denied = reason.contains("AccessDenied") || reason.contains("not authorized");
    is_denied.then(|| {
        "aws iam create-policy --policy-name cohere-gateway-operator --policy-document \
         file://docs/operator-policy.json   # and attach it"
            .to_string()
    })
}
