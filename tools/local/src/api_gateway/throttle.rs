//! A token bucket: a burst at once, then a steady rate.

use crate::template::Throttle;
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

pub struct TokenBucket {
    limit: Throttle,
    level: Mutex<Option<(f64, Instant)>>,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(limit: Throttle) -> Self {
        TokenBucket { limit, level: Mutex::new(None) }
    }

    /// Takes one token if there is one.
    pub fn try_take(&self, now: Instant) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, since) = level.unwrap_or((self.limit.burst, now));
        let refilled =
            tokens + now.saturating_duration_since(since).as_secs_f64() * self.limit.rate;
        let tokens = refilled.min(self.limit.burst);
        let granted = tokens >= 1.0;
        *level = Some((if granted { tokens - 1.0 } else { tokens }, now));
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn bucket_passes_burst_then_rate() {
        let bucket = TokenBucket::new(Throttle { rate: 2.0, burst: 5.0 });
        let start = Instant::now();
        let granted = (0..8).filter(|_| bucket.try_take(start)).count();
        assert_eq!(granted, 5);
        assert!(!bucket.try_take(start + Duration::from_millis(499)));
        assert!(bucket.try_take(start + Duration::from_millis(500)));
        assert!(!bucket.try_take(start + Duration::from_millis(501)));
    }

    #[test]
    fn full_bucket_holds_one_burst() {
        let bucket = TokenBucket::new(Throttle { rate: 2.0, burst: 3.0 });
        let later = Instant::now() + Duration::from_secs(3600);
        assert!(bucket.try_take(Instant::now()));
        assert_eq!((0..10).filter(|_| bucket.try_take(later)).count(), 3);
    }

    #[test]
    fn refused_requests_take_no_token() {
        let bucket = TokenBucket::new(Throttle { rate: 1.0, burst: 1.0 });
        let start = Instant::now();
        assert!(bucket.try_take(start));
        for tenth in 1..10 {
            assert!(!bucket.try_take(start + Duration::from_millis(100 * tenth)));
        }
        assert!(bucket.try_take(start + Duration::from_millis(1001)));
    }
}
