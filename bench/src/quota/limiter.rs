//! Cohere's quota, in the two forms it may have.

use super::seconds;
use shared::clock::Instant;

/// How a quota is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Minutes that follow each other.
    Window,
    /// A bucket that holds a minute's units and is filled evenly.
    Bucket,
}

pub struct Limiter {
    kind: Kind,
    per_minute: f64,
    start: Instant,
    /// Units left, as of `at`.
    left: f64,
    at: Instant,
}

impl Limiter {
    pub fn new(kind: Kind, per_minute: u32, start: Instant) -> Self {
        let per_minute = f64::from(per_minute);
        Self { kind, per_minute, start, left: per_minute, at: start }
    }

    /// Counts a call; `false` where it is refused, and not counted.
    pub fn admit(&mut self, units: u32, at: Instant) -> bool {
        match self.kind {
            // The first minute of the quota has begun before anybody came.
            Kind::Window => {
                let minute = |at| ((seconds(self.start, at) + 23.0) / 60.0).floor();
                if minute(at) > minute(self.at) {
                    self.left = self.per_minute;
                }
            }
            Kind::Bucket => {
                let grown = seconds(self.at, at) / 60.0 * self.per_minute;
                self.left = (self.left + grown).min(self.per_minute);
            }
        }
        self.at = at;
        let is_served = self.left >= f64::from(units);
        if is_served {
            self.left -= f64::from(units);
        }
        is_served
    }
}
