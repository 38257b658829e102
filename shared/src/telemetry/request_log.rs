//! The one line of a request: its event, and the metrics that CloudWatch makes of it.
//!
//! It holds ids, names, numbers and codes. Bodies, prompts, keys and tokens have no field here, so
//! they cannot be logged by mistake.

use super::event_line::{EventLine, Level};
use super::invocation::InvocationIds;
use super::request_metrics::RequestMetrics;
use crate::clock::now;
use crate::cost::Prices;
use crate::endpoint::Endpoint;
use crate::record::{KNOWN_NAMES, RequestRecord};
use crate::telemetry::model_names::name_model;
use crate::telemetry::redact;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this environment has ended no request yet.
static IS_FIRST: AtomicBool = AtomicBool::new(true);

/// The record of a request and its line, written once, at the request's end. Scope: invocation.
#[derive(Debug)]
pub struct RequestLog {
    pub record: RequestRecord,
    prices: &'static Prices,
    ids: Option<InvocationIds>,
    is_written: bool,
}

impl RequestLog {
    /// Starts the log of a request that has just come in.
    pub fn new(endpoint: Endpoint, prices: &'static Prices) -> Self {
        let ids = InvocationIds::current();
        Self { record: RequestRecord::new(endpoint), prices, ids, is_written: false }
    }

    /// Returns the ids that the line has.
    pub fn ids(&self) -> Option<InvocationIds> {
        self.ids.clone()
    }

    /// Takes the log from a handler that has nothing left to say.
    pub fn take(&mut self) -> Self {
        let emptied = Self::new(self.record.endpoint, self.prices);
        std::mem::replace(self, emptied)
    }

    /// Tells whether the line is written.
    pub fn is_written(&self) -> bool {
        self.is_written
    }

    /// Writes the line; a second call writes nothing.
    pub fn write_line(&mut self) {
        if self.is_written {
            return;
        }
        self.is_written = true;
        let is_first = IS_FIRST.swap(false, Ordering::Relaxed);
        self.build_line(is_first).write();
    }

    fn build_line(&self, is_first: bool) -> EventLine {
        let cost = self.prices.price(&self.record.calls.bill);
        let mut line = EventLine::new(Level::Info, "request_ended", "request");
        line.add_invocation(self.ids.as_ref());
        add_request(&mut line, &self.record);
        add_calls(&mut line, &self.record);
        RequestMetrics { record: &self.record, cost, is_first }.add_to(&mut line);
        line
    }
}

/// Returns a value where a condition holds, for fields that a line has only then.
fn only_if<T>(condition: bool, value: T) -> Option<T> {
    if condition { Some(value) } else { None }
}

/// Names a model for a line; one that Cohere knows may still be no id.
fn name_in_log(id: &str) -> String {
    redact::redact_id(&name_model(id)).to_string()
}

/// Adds who asked for what, and what became of it.
fn add_request(line: &mut EventLine, record: &RequestRecord) {
    let failure = record.failure.as_ref();
    line.add("endpoint", record.endpoint.name());
    line.add("path", only_if(record.endpoint.is_passed_through(), record.endpoint.path()));
    line.add("dialect", only_if(record.is_v1, "v1"));
    line.add("client", record.client.as_deref().map(redact::redact_id));
    line.add("marked", only_if(record.is_marked, true));
    line.add("model", record.model.as_deref().map(name_in_log).as_deref());
    line.add("stream", record.stream);
    line.add("status", record.status);
    line.add("code", failure.map(|failure| failure.code_name()));
    line.add("detail", failure.and_then(|failure| failure.detail.as_deref()));
    line.add("upstream_status", failure.and_then(|failure| failure.upstream_status));
    line.add("duration_ms", now() - record.started);
    line.add("first_event_ms", record.first_event);
    let fell_back_from = record.fallback_from.as_deref().map(name_in_log);
    line.add("fell_back_from", fell_back_from.as_deref());
    line.add("deprecated", only_if(record.model_warning.is_some(), true));
}

/// Adds what the calls of Cohere came to, and what they are billed.
fn add_calls(line: &mut EventLine, record: &RequestRecord) {
    let RequestRecord { calls, batch, .. } = record;
    let is_batch = batch.inputs > 0;
    line.add("upstream_id", calls.upstream_id.as_deref().map(redact::redact_id));
    line.add("upstream_ms", calls.upstream_time);
    line.add("waiting_ms", only_if(!calls.waiting_time.is_zero(), calls.waiting_time));
    line.add("attempts", calls.attempts);
    line.add("protocol", calls.protocol);
    for unit in KNOWN_NAMES {
        line.add(unit, calls.bill.amount(unit));
    }
    line.add("other_units", calls.bill.describe_unknown().as_deref());
    line.add("inputs", only_if(is_batch, batch.inputs));
    line.add("parts", only_if(is_batch, batch.sub_requests));
    line.add("cache", only_if(is_batch, batch.cache.as_str()));
    line.add("cache_hits", only_if(is_batch, batch.hits));
    line.add("cache_misses", only_if(is_batch, batch.misses));
    line.add("inputs_saved", only_if(is_batch, batch.inputs.saturating_sub(batch.misses)));
    line.add("key_version", calls.key_version.as_deref());
    line.add("trial_key", only_if(record.has_trial_key(), true));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, GatewayError};
    use crate::record::{BatchStats, BilledUnits, CacheOutcome};
    use crate::telemetry::event_line::tests::{check_embedded_format, read};
    use http::HeaderValue;
    use std::time::Duration;

    /// Returns the log of a request to which everything has happened that can.
    fn full_log(endpoint: Endpoint) -> RequestLog {
        let mut log = RequestLog::new(endpoint, Box::leak(Box::default()));
        let record = &mut log.record;
        record.model = Some("a".into());
        record.client = Some("c".into());
        record.stream = true;
        record.status = 503;
        record.record_failure(&GatewayError::new(Code::QuotaExhausted, "m").with_detail("d"));
        record.record_fallback("b", Some(1));
        record.model_warning = Some("w".into());
        record.record_first_event();
        record.batch = BatchStats {
            cache: CacheOutcome::Partial,
            inputs: 3,
            hits: 1,
            misses: 2,
            sub_requests: 1,
        };
        let calls = &mut record.calls;
        let units = KNOWN_NAMES.map(|name| format!("\"{name}\":60")).join(",");
        let units = format!("{{{units},\"of_tomorrow\":1}}");
        calls.record_billed("a", &BilledUnits::parse(units.as_bytes()));
        calls.upstream_id = Some("u".into());
        calls.key_version = Some("k".into());
        calls.protocol = Some("h2");
        calls.waiting_time = Duration::from_millis(5);
        calls.slowest_call = Duration::from_millis(7);
        calls.was_throttled = true;
        calls.found_budget_empty = true;
        let trial = HeaderValue::from_static("20");
        calls.response_headers.insert("x-trial-endpoint-call-limit", trial);
        log
    }

    #[test]
    fn line_in_which_everything_happened_is_one_cloudwatch_takes() {
        for endpoint in Endpoint::ALL {
            let line = read(full_log(endpoint).build_line(false));
            check_embedded_format(&line);
            for name in ["UnpricedModel", "QuotaExhausted", "TrialKey", "WaitingTime", "CacheHits"]
            {
                assert!(line[name].as_f64().is_some_and(|value| value > 0.0), "{name} in {line}");
            }
            assert_eq!(
                (&line["code"], &line["cache"]),
                (&"quota_exhausted".into(), &"partial".into())
            );
        }
    }

    #[test]
    fn first_request_of_an_environment_gates_no_gateway_time() {
        let log = full_log(Endpoint::Rerank);
        assert!(read(log.build_line(true)).get("GateGatewayTime").is_none());
        assert!(read(log.build_line(false))["GateGatewayTime"].is_number());
        assert_eq!(read(log.build_line(true))["GateLatency"], 7.0);
    }
}
