//! Why a step failed, and what an operator does about it. No text here holds a key.

use shared::telemetry::redact;
use std::fmt;

/// What keeps a new key from becoming current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing is under the label `NEXT`.
    NextMissing,
    /// The version is not one that a rotation is filling.
    NotPending(String),
    /// The staged or pending value is no key.
    Unusable(String),
    /// Cohere does not accept the key.
    Refused(String),
    /// It is a trial key, and those are not allowed.
    Trial,
    /// Cohere gave no verdict.
    NoVerdict(String),
    /// Secrets Manager did not do what it was asked for.
    Store(String),
    /// The step took too long.
    TooLate,
}

impl Failure {
    /// Returns the stable name for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::NextMissing => "next_missing",
            Failure::NotPending(_) => "not_pending",
            Failure::Unusable(_) => "unusable_key",
            Failure::Refused(_) => "refused_key",
            Failure::Trial => "trial_key",
            Failure::NoVerdict(_) => "no_verdict",
            Failure::Store(_) => "store",
            Failure::TooLate => "too_late",
        }
    }

    /// Tells whether the same step would fail again whenever it is repeated.
    pub fn is_final(&self) -> bool {
        match self {
            Failure::NextMissing | Failure::Unusable(_) | Failure::Refused(_) | Failure::Trial => true,
            Failure::NotPending(_) | Failure::NoVerdict(_) | Failure::Store(_) | Failure::TooLate => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const STAGE: &str = "stage a new key (`ops key stage`), then ask for rotation (`ops key rotate`)";
        match self {
            Failure::NextMissing => write!(f, "no key is under the label NEXT: {STAGE}"),
            Failure::NotPending(version) => write!(
                f,
                "the version {} is not in rotation, or its rotation was given up: ask for rotation again",
                redact::id(version)
            ),
            Failure::Unusable(problem) => write!(f, "the new key is unusable, {problem}: {STAGE}"),
            Failure::Refused(problem) => write!(f, "Cohere refuses the new key, {problem}: {STAGE}"),
            Failure::Trial => write!(
                f,
                "the new key is a trial key: stage a production key, or deploy with AllowTrialKey=on; \
                 then ask for rotation again"
            ),
            Failure::NoVerdict(problem) => {
                write!(
                    f,
                    "Cohere does not say whether it accepts the new key, {problem}: ask for rotation again"
                )
            }
            Failure::Store(problem) => write!(f, "Secrets Manager, {problem}: ask for rotation again"),
            Failure::TooLate => f.write_str("the step took too long: ask for rotation again"),
        }
    }
}

impl std::error::Error for Failure {}
