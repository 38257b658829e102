//! Whether a failed call is worth another one, on the same model or on its fallback.

use crate::error::Kind;

/// Most calls of the asked model; the fallback then gets one.
pub const MAX_ATTEMPTS: u32 = 3;

/// What a kind of failure calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disposition {
    /// Most calls of the asked model that end in this kind.
    pub attempts: u32,
    pub trips_breaker: bool,
    pub falls_back: bool,
}

/// Returns what a failure calls for.
pub fn disposition(kind: Kind) -> Disposition {
    let (attempts, trips_breaker, falls_back) = match kind {
        Kind::Connect | Kind::Timeout | Kind::Server => (MAX_ATTEMPTS, true, true),
        Kind::Throttled => (MAX_ATTEMPTS, false, true),
        Kind::Quota | Kind::Refused => (1, false, true),
        Kind::Transient | Kind::Auth => (2, false, false),
        Kind::Billing | Kind::Rejected | Kind::Own => (1, false, false),
    };
    Disposition { attempts, trips_breaker, falls_back }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_speaks_of_coheres_health_trips_the_breaker() {
        let tripping = [Kind::Connect, Kind::Timeout, Kind::Server];
        let others =
            [Kind::Throttled, Kind::Quota, Kind::Transient, Kind::Auth, Kind::Billing, Kind::Rejected];
        assert!(tripping.iter().all(|kind| disposition(*kind).trips_breaker));
        assert!(others.iter().all(|kind| !disposition(*kind).trips_breaker));
    }

    #[test]
    fn what_another_model_cannot_mend_does_not_fall_back() {
        for kind in [Kind::Transient, Kind::Auth, Kind::Billing, Kind::Rejected, Kind::Own] {
            assert!(!disposition(kind).falls_back, "{kind:?}");
        }
    }
}
