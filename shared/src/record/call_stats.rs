//! What the calls of one request, or of one of its sub-requests, have come to.

use super::{Bill, BilledUnits};
use crate::clock::{Instant, now};
use crate::error::{Cause, GatewayError};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

/// Counts of Cohere that are added up over the sub-requests of a request.
const SUMMED_HEADERS: [&str; 2] = ["num_tokens", "num_chars"];
/// What Cohere warns of in any of a request's sub-requests.
const WARNING_HEADER: &str = "x-api-warning";

/// From when until when.
type Span = (Instant, Instant);

/// Scope: invocation.
#[derive(Clone, Debug, Default)]
pub struct CallStats {
    /// Calls of Cohere.
    pub attempts: u32,
    /// Time spent waiting for Cohere; calls that are under way together count once.
    pub upstream_time: Duration,
    /// Time spent waiting on purpose: for a cooldown, or between attempts. Calls of the same request that were
    /// under way meanwhile are not in it.
    pub waiting_time: Duration,
    /// Time of the slowest call.
    pub slowest_call: Duration,
    /// What Cohere bills for its answers.
    pub bill: Bill,
    /// Cohere has answered a call with 429 for its rate.
    pub was_throttled: bool,
    /// Cohere has answered a call with 429 for the month.
    pub met_quota: bool,
    /// A call was not made because the retry budget was empty.
    pub found_budget_empty: bool,
    pub key_version: Option<String>,
    /// Cohere's own id of its last answer; of a split request the first one's, or the failed one's.
    pub upstream_id: Option<String>,
    /// The protocol of the last answer.
    pub protocol: Option<&'static str>,
    /// Headers of Cohere's last answer, whatever its status.
    pub response_headers: HeaderMap,
    /// The one free resend of a request has been used.
    pub has_resent: bool,
    /// When the calls of a sub-request were under way; `None` where there is nothing to overlap with.
    spans: Option<Vec<Span>>,
    /// When such a sub-request waited on purpose.
    waits: Vec<Span>,
}

impl CallStats {
    /// Creates the statistics of one sub-request of many, whose calls overlap with the others'.
    pub fn for_sub_request() -> Self {
        Self { spans: Some(Vec::new()), ..Self::default() }
    }

    /// Records what an answer of `model` was billed.
    pub fn record_billed(&mut self, model: &str, units: &BilledUnits) {
        self.bill.add(model, units);
    }

    /// Records that Cohere has met a call with one of its limits.
    pub fn record_limit(&mut self, cause: Cause) {
        match cause {
            Cause::Throttled => self.was_throttled = true,
            Cause::Quota => self.met_quota = true,
            _ => {}
        }
    }

    /// Records the id under which Cohere knows a call that failed.
    pub fn record_failed_call(&mut self, error: &GatewayError) {
        if let Some(id) = error.upstream_id() {
            self.upstream_id = Some(id.to_string());
        }
    }

    /// Adds the time since `started`, in which Cohere was waited for.
    pub fn add_wait(&mut self, started: Instant) {
        let now = now();
        self.upstream_time += now - started;
        self.slowest_call = self.slowest_call.max(now - started);
        if let Some(spans) = &mut self.spans {
            spans.push((started, now));
        }
    }

    /// Adds the time since `started`, in which nothing was done on purpose.
    pub fn add_waiting(&mut self, started: Instant) {
        let now = now();
        self.waiting_time += now - started;
        if self.spans.is_some() {
            self.waits.push((started, now));
        }
    }

    /// Adds the calls of a request's sub-requests, many of which were under way together.
    pub fn add_sub_requests(&mut self, sub_requests: Vec<CallStats>) {
        let mut spans = Vec::new();
        for stats in &sub_requests {
            spans.extend(stats.spans.iter().flatten().copied());
        }
        let under_way = union_length(&mut spans);
        for stats in &sub_requests {
            spans.extend(stats.waits.iter().copied());
        }
        self.upstream_time += under_way;
        self.waiting_time += union_length(&mut spans) - under_way;
        for stats in sub_requests {
            self.attempts += stats.attempts;
            self.slowest_call = self.slowest_call.max(stats.slowest_call);
            self.bill.add_all(&stats.bill);
            self.was_throttled |= stats.was_throttled;
            self.met_quota |= stats.met_quota;
            self.found_budget_empty |= stats.found_budget_empty;
            self.key_version = stats.key_version.or(self.key_version.take());
            self.protocol = stats.protocol.or(self.protocol);
            self.upstream_id = self.upstream_id.take().or(stats.upstream_id);
            self.add_headers(&stats.response_headers);
        }
    }

    fn add_headers(&mut self, headers: &HeaderMap) {
        for name in headers.keys() {
            if name == WARNING_HEADER {
                add_new_values(&mut self.response_headers, headers, name);
                continue;
            }
            let earlier = self.response_headers.remove(name);
            for value in headers.get_all(name) {
                self.response_headers.append(name, value.clone());
            }
            if SUMMED_HEADERS.contains(&name.as_str())
                && let Some(total) = add_counts(earlier.as_ref(), headers.get(name))
            {
                self.response_headers.insert(name, total);
            }
        }
    }
}

/// Adds the values of one header that are not there yet.
fn add_new_values(headers: &mut HeaderMap, added: &HeaderMap, name: &HeaderName) {
    for value in added.get_all(name) {
        if !headers.get_all(name).iter().any(|known| known == value) {
            headers.append(name, value.clone());
        }
    }
}

/// Returns the time that spans cover together, and puts them in the order of their beginnings.
fn union_length(spans: &mut [Span]) -> Duration {
    spans.sort_unstable();
    let mut length = Duration::ZERO;
    let mut covered_until: Option<Instant> = None;
    for (begin, end) in spans.iter() {
        let begin = covered_until.unwrap_or(*begin).max(*begin);
        length += end.saturating_duration_since(begin);
        covered_until = covered_until.max(Some(*end));
    }
    length
}

fn add_counts(one: Option<&HeaderValue>, other: Option<&HeaderValue>) -> Option<HeaderValue> {
    let one: u64 = one?.to_str().ok()?.parse().ok()?;
    let other: u64 = other?.to_str().ok()?.parse().ok()?;
    Some(HeaderValue::from(one.checked_add(other)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_waits_count_once() {
        let start = now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut spans = [(at(30), at(31)), (at(0), at(10)), (at(5), at(8)), (at(8), at(20))];
        assert_eq!(union_length(&mut spans), Duration::from_millis(21));
    }

    #[test]
    fn waiting_beside_another_call_is_no_waiting() {
        let start = now();
        let at = |millis| start + Duration::from_millis(millis);
        let sub = |spans, waits| CallStats { spans: Some(spans), waits, ..CallStats::default() };
        let mut total = CallStats::default();
        total.add_sub_requests(vec![
            sub(vec![(at(0), at(10)), (at(30), at(40))], vec![(at(10), at(30))]),
            sub(vec![(at(5), at(25))], vec![(at(38), at(45))]),
        ]);
        assert_eq!(total.upstream_time, Duration::from_millis(35));
        assert_eq!(total.waiting_time, Duration::from_millis(10));
    }

    #[test]
    fn counts_are_summed_warnings_gathered_and_others_replaced() {
        let stats = |headers: &[(&'static str, &'static str)]| {
            let mut stats = CallStats::for_sub_request();
            for (name, value) in headers {
                stats.response_headers.append(*name, HeaderValue::from_static(value));
            }
            stats
        };
        let mut total = CallStats::default();
        total.add_sub_requests(vec![
            stats(&[
                ("num_tokens", "3"),
                ("x-api-warning", "one"),
                ("x-api-warning", "two"),
                ("x-debug-trace-id", "first"),
            ]),
            stats(&[
                ("num_tokens", "4"),
                ("x-api-warning", "three"),
                ("x-api-warning", "one"),
                ("x-debug-trace-id", "second"),
                ("x-debug-trace-id", "third"),
            ]),
        ]);
        let values = |name| total.response_headers.get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(values("num_tokens"), ["7"]);
        assert_eq!(values("x-api-warning"), ["one", "two", "three"]);
        assert_eq!(values("x-debug-trace-id"), ["second", "third"]);
    }
}
