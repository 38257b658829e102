//! What a fault comes to, and within which time.

use std::time::Duration;

/// How long one attempt may take.
pub const ATTEMPT: Duration = Duration::from_millis(400);
/// The same where it may hold a TLS handshake of two debug builds.
pub const ATTEMPT_OVER_TLS: Duration = Duration::from_millis(800);
/// The time of a whole request whose stream has opened.
pub const OPENED_TOTAL: Duration = Duration::from_millis(1_500);

/// What the environment does with the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Called,
    BreakerOpen,
    ModelInCooldown,
    KeyRefused,
}

impl Then {
    pub fn name(self) -> &'static str {
        match self {
            Then::Called => "calls Cohere",
            Then::BreakerOpen => "breaker open",
            Then::ModelInCooldown => "model in cooldown",
            Then::KeyRefused => "key known bad",
        }
    }
}

/// What a fault comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Status and code without a fallback.
    pub answer: String,
    /// Calls of the requested model.
    pub calls: usize,
    pub retry_after: Option<u64>,
    /// What the fallback does where there is one and it may be used; it is in good health.
    pub fallback: String,
    pub then: Then,
}

/// How long an answer may take, in the settings' terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    AtOnce,
    /// One wait between attempts.
    Wait,
    /// Both waits between attempts.
    Waits,
    /// A cooldown of one second.
    Cooldown,
    /// Three attempts that time out, and the waits.
    Attempts,
    Idle,
    Total,
}

impl Within {
    pub fn time(self, attempt: Duration) -> Duration {
        match self {
            Within::AtOnce => Duration::ZERO,
            Within::Wait => Duration::from_millis(250),
            Within::Waits => Duration::from_millis(750),
            Within::Cooldown => Duration::from_secs(1),
            Within::Attempts => attempt * 3 + Duration::from_millis(750),
            Within::Idle => attempt,
            Within::Total => OPENED_TOTAL,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Within::AtOnce => "at once",
            Within::Wait => "0.25 s",
            Within::Waits => "0.75 s",
            Within::Cooldown => "1 s",
            Within::Attempts => "3 attempts + 0.75 s",
            Within::Idle => "idle limit",
            Within::Total => "total time",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    pub outcome: Outcome,
    pub within: Within,
}
