//! Why a step failed, and what an operator does about it. No text here holds a key.

use shared::secrets::secrets_manager::{NEXT, StoreError};
use shared::telemetry::redact;
use std::fmt;

/// What keeps a new key from becoming current.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotationFailure {
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

impl RotationFailure {
    /// Returns the stable name for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            RotationFailure::NextMissing => "next_missing",
            RotationFailure::NotPending(_) => "not_pending",
            RotationFailure::Unusable(_) => "unusable_key",
            RotationFailure::Refused(_) => "refused_key",
            RotationFailure::Trial => "trial_key",
            RotationFailure::NoVerdict(_) => "no_verdict",
            RotationFailure::Store(_) => "store",
            RotationFailure::TooLate => "too_late",
        }
    }

    /// Tells whether the same step would fail again whenever it is repeated.
    pub fn is_final(&self) -> bool {
        match self {
            RotationFailure::NextMissing
            | RotationFailure::Unusable(_)
            | RotationFailure::Refused(_)
            | RotationFailure::Trial => true,
            RotationFailure::NotPending(_)
            | RotationFailure::NoVerdict(_)
            | RotationFailure::Store(_)
            | RotationFailure::TooLate => false,
        }
    }
}

impl fmt::Display for RotationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const STAGE: &str =
            "stage a new key (`ops key stage`), then ask for rotation (`ops key rotate`)";
        match self {
            RotationFailure::NextMissing => write!(f, "no key is under the label {NEXT}: {STAGE}"),
            RotationFailure::NotPending(version) => write!(
                f,
                "the version {} is not in rotation, or its rotation was given up: ask for rotation again",
                redact::redact_id(version)
            ),
            RotationFailure::Unusable(problem) => {
                write!(f, "the new key is unusable, {problem}: {STAGE}")
            }
            RotationFailure::Refused(problem) => {
                write!(f, "Cohere refuses the new key, {problem}: {STAGE}")
            }
            RotationFailure::Trial => write!(
                f,
                "the new key is a trial key: stage a production key, or deploy with AllowTrialKey=on; \
                 then ask for rotation again"
            ),
            RotationFailure::NoVerdict(problem) => {
                write!(
                    f,
                    "Cohere does not say whether it accepts the new key, {problem}: ask for rotation again"
                )
            }
            RotationFailure::Store(problem) => {
                write!(f, "Secrets Manager, {problem}: ask for rotation again")
            }
            RotationFailure::TooLate => {
                f.write_str("the step took too long: ask for rotation again")
            }
        }
    }
}

impl std::error::Error for RotationFailure {}

impl From<StoreError> for RotationFailure {
    fn from(error: StoreError) -> Self {
        RotationFailure::Store(error.to_string())
    }
}
