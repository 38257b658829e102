//! Cohere's quota, in the two forms it may have.

/// How a quota is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Minutes that follow each other.
    Window,
    /// A bucket that holds a minute's units and is filled evenly.
    Bucket,
}

/// What of its first minute had passed when somebody first came.
const BEGUN: f64 = 0.4;

/// A quota that is kept; times are minutes since its start, whatever a minute is.
pub struct Limiter {
    kind: Kind,
    per_minute: f64,
    /// Units left, as of `at`.
    left: f64,
    at: f64,
}

impl Limiter {
    /// A quota of so many units a minute, none of them spent.
    pub fn new(kind: Kind, per_minute: u32) -> Self {
        let per_minute = f64::from(per_minute);
        Self { kind, per_minute, left: per_minute, at: 0.0 }
    }

    /// Counts a call; `false` where it is refused, and not counted.
    pub fn admit(&mut self, units: u32, at: f64) -> bool {
        self.left = match self.kind {
            Kind::Window if (at + BEGUN).floor() > (self.at + BEGUN).floor() => self.per_minute,
            Kind::Window => self.left,
            Kind::Bucket => (self.left + (at - self.at) * self.per_minute).min(self.per_minute),
        };
        self.at = at;
        let is_served = self.left >= f64::from(units);
        if is_served {
            self.left -= f64::from(units);
        }
        is_served
    }
}
