//! The only place that reads a clock.
//!
//! Durations are measured on tokio's monotonic clock, which tests can pause and which keeps
//! running while Lambda freezes an environment; the wall clock serves time stamps and Lambda's
//! deadline, which arrives in milliseconds since 1970.

use aws_smithy_types::date_time::{DateTime, Format};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
pub use tokio::time::Instant;

/// Returns the present on the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "the clock's one home")]
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the time since 1970 on the wall clock.
#[expect(clippy::disallowed_methods, reason = "the clock's one home")]
pub fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Formats a wall-clock time as ISO-8601 in UTC, to the millisecond.
pub fn format_iso8601(since_epoch: Duration) -> String {
    let millis = i64::try_from(since_epoch.as_millis()).unwrap_or_default();
    DateTime::from_millis(millis).fmt(Format::DateTime).unwrap_or_default()
}

/// Reads an ISO-8601 time of day, month and year, in UTC or with an offset; `None` before 1970.
pub fn parse_iso8601(text: &str) -> Option<Duration> {
    let time = DateTime::from_str(text, Format::DateTimeWithOffset).ok()?;
    Some(Duration::from_secs(u64::try_from(time.secs()).ok()?))
}

/// Reads a date of HTTP in any of its three forms (RFC 9110, 5.6.7); one before 1970 is 1970.
pub fn parse_http_date(text: &str) -> Option<Duration> {
    let time = httpdate::parse_http_date(text).ok()?;
    Some(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}
