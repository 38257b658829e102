//! A request as its line tells it, and the sums of all.

use super::watcher::text_of;
use serde_json::Value;

/// One line of the list; a body never comes into a line.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct EndedRequest {
    pub time: String,
    pub client: String,
    pub endpoint: String,
    pub model: String,
    pub fell_back_from: String,
    pub status: u64,
    pub code: String,
    pub duration_ms: Option<u64>,
    pub attempts: Option<u64>,
    pub cache: String,
}

impl EndedRequest {
    pub fn read(fields: &Value) -> Self {
        let timestamp = text_of(fields, "timestamp");
        let mut endpoint = text_of(fields, "endpoint");
        let mut code = text_of(fields, "code");
        // No function has seen it.
        if fields["response_type"].is_string() {
            endpoint = text_of(fields, "path");
            code = text_of(fields, "response_type").to_lowercase();
        }
        EndedRequest {
            // Hours to seconds of 2026-01-31T12:34:56.789Z.
            time: timestamp.get(11..19).unwrap_or_default().to_owned(),
            client: text_of(fields, "client"),
            endpoint,
            model: text_of(fields, "model"),
            fell_back_from: text_of(fields, "fell_back_from"),
            status: fields["status"].as_u64().unwrap_or_default(),
            code,
            duration_ms: fields["duration_ms"].as_f64().map(|duration| duration as u64),
            attempts: fields["attempts"].as_u64(),
            cache: text_of(fields, "cache"),
        }
    }

    /// Tells whether it was not served, a stream that broke included.
    pub fn has_failed(&self) -> bool {
        self.status >= 400 || !self.code.is_empty()
    }
}

/// What all requests of this run came to.
#[derive(Clone, Default)]
pub struct Sums {
    pub requests: u64,
    pub failed: u64,
    pub fell_back: u64,
    pub attempts: u64,
    pub cache_hits: u64,
    pub cache_misses: u64,
    pub cost_micro_usd: f64,
}

impl Sums {
    /// Adds a request and what else its line tells.
    pub fn add(&mut self, request: &EndedRequest, fields: &Value) {
        let number_of = |name: &str| fields[name].as_u64().unwrap_or_default();
        self.requests += 1;
        self.failed += u64::from(request.has_failed());
        self.fell_back += u64::from(!request.fell_back_from.is_empty());
        self.attempts += number_of("attempts");
        self.cache_hits += number_of("cache_hits");
        self.cache_misses += number_of("cache_misses");
        self.cost_micro_usd += fields["CostMicroUsd"].as_f64().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn refused_request_is_told_by_path_and_type() {
        let line = json!({ "timestamp": "2026-01-31T12:34:56.789Z", "path": "/v2/chat", "status": 401, "response_type": "UNAUTHORIZED" });
        let request = EndedRequest::read(&line);
        assert_eq!((request.time.as_str(), request.endpoint.as_str()), ("12:34:56", "/v2/chat"));
        assert!(request.has_failed() && request.code == "unauthorized");
    }

    #[test]
    fn sums_count_fallbacks_and_broken_streams() {
        let mut sums = Sums::default();
        for line in [
            json!({ "status": 200, "fell_back_from": "a", "attempts": 4, "CostMicroUsd": 2.5 }),
            json!({ "status": 200, "code": "stream_broken", "cache_hits": 2 }),
        ] {
            sums.add(&EndedRequest::read(&line), &line);
        }
        assert_eq!((sums.requests, sums.failed, sums.fell_back, sums.attempts), (2, 1, 1, 4));
        assert_eq!((sums.cache_hits, sums.cost_micro_usd), (2, 2.5));
    }
}
