//! Calls Cohere: our key, the caller's allow-listed headers, one attempt in its time.

use crate::clock::{Instant, now};
use crate::cohere::classify;
use crate::cohere::events::EventReader;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Code, GatewayError, Result};
use crate::lock::lock_anyway;
use crate::record::CallStats;
use crate::resilience::rate::RateCost;
use crate::secrets::cached::{CachedSecret, Versioned};
use crate::secrets::key::ApiKey;
use crate::transport::{JsonRequest, Target, Transport, TransportError, TransportResponse};
use crate::wire::ExpectedResults;
use crate::wire::framing::Framing;
use crate::wire::refusal::Refusal;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The Cohere API. Scope: environment.
pub struct Cohere {
    transport: Transport,
    base_url: String,
    targets: Targets,
    key: CachedSecret<ApiKey>,
    /// When an answer last came; connections kept since then may have died with a frozen environment.
    last_answer: Mutex<Option<Instant>>,
}

/// The URLs of the endpoints with a function each, by their index.
struct Targets(Vec<Target>);

impl Targets {
    fn parse(base_url: &str) -> std::result::Result<Self, String> {
        let mut targets = Vec::with_capacity(Endpoint::ALL.len());
        for endpoint in Endpoint::ALL {
            targets.push(Target::parse(&format!("{base_url}{}", endpoint.path()))?);
        }
        Ok(Self(targets))
    }

    fn of_endpoint(&self, endpoint: Endpoint) -> Option<&Target> {
        self.0.get(endpoint.index())
    }
}

/// Idle time after which a broken connection is taken for one that died unseen.
const MAX_IDLE: Duration = Duration::from_secs(1);

/// One call of Cohere, and what it may take.
#[derive(Clone, Debug)]
pub struct Call {
    pub endpoint: Endpoint,
    /// What follows the endpoint's path: a further segment, a query; mostly nothing.
    pub path_rest: String,
    /// Cohere may get it twice; what keeps a conversation there must not.
    pub is_repeatable: bool,
    pub model: String,
    pub body: Bytes,
    /// What a whole answer has, where that is known.
    pub expected_results: Option<ExpectedResults>,
    /// Headers of the caller that may go upstream.
    pub headers: HeaderMap,
    /// Time of one attempt.
    pub attempt_timeout: Duration,
    pub deadline: Deadline,
    /// What it takes of the model's rate.
    pub cost: RateCost,
}

impl Cohere {
    /// Prepares to call the API at `base_url`; connects to nothing.
    ///
    /// # Errors
    /// The URL cannot be read.
    pub fn new(
        transport: Transport,
        base_url: &str,
        key: CachedSecret<ApiKey>,
    ) -> std::result::Result<Self, String> {
        let targets = Targets::parse(base_url)?;
        let base_url = base_url.to_string();
        Ok(Self { transport, base_url, targets, key, last_answer: Mutex::new(None) })
    }

    /// Reads the key ahead of the first request; a failure is only logged, the request will try again.
    pub async fn read_key_ahead(&self) {
        let _ = self.key.get().await;
    }

    /// Returns the version of the key in memory.
    pub async fn read_key_version(&self) -> Option<String> {
        self.key.get().await.ok().map(|key| key.version.clone())
    }

    /// Returns the key, for a question that is no request of a caller's.
    ///
    /// # Errors
    /// `key_missing`.
    pub async fn read_key(&self) -> Result<Arc<Versioned<ApiKey>>> {
        self.key.get().await
    }

    /// Looks for another key than the refused one.
    pub async fn read_newer_key(&self, refused_version: &str) -> bool {
        matches!(self.key.read_newer_than(refused_version).await, Ok(Some(_)))
    }

    /// Calls Cohere and reads the whole answer.
    ///
    /// # Errors
    /// Everything that `classify` knows, `key_missing`, `upstream_timeout`, `deadline`.
    pub async fn call(&self, call: &Call, stats: &mut CallStats) -> Result<Bytes> {
        let (request, key) = self.prepare_request(call, stats).await?;
        let started = now();
        let limit = call.deadline.or_after(started, call.attempt_timeout);
        // Boxed: what waits for it would hold it several times over, and move it about.
        let exchange = Box::pin(async {
            let response = self.send_with_key(request, call, &key.value, limit, stats).await?;
            response.collect().await.map_err(|error| classify::from_broken_body(&error))
        });
        let answer = within(limit, self.key.run_while_refreshing(exchange), call).await;
        self.leave_slow_connection(&answer, started, limit);
        stats.add_wait(started);
        answer
    }

    /// Calls Cohere and waits for the head of its stream.
    ///
    /// # Errors
    /// As `call`; an answer that is neither events nor lines is `upstream_malformed`.
    pub async fn open_stream(&self, call: &Call, stats: &mut CallStats) -> Result<EventReader> {
        let (request, key) = self.prepare_request(call, stats).await?;
        let started = now();
        let limit = call.deadline.or_after(started, call.attempt_timeout);
        let exchange = Box::pin(async {
            let response = self.send_with_key(request, call, &key.value, limit, stats).await?;
            let Some(framing) = find_framing(&stats.response_headers) else {
                let error = read_unexpected_body(response, &key.value, limit).await;
                stats.record_failed_call(&error);
                return Err(error);
            };
            Ok(EventReader::new(response, framing, key))
        });
        let stream = within(limit, self.key.run_while_refreshing(exchange), call).await;
        self.leave_slow_connection(&stream, started, limit);
        stats.add_wait(started);
        stream
    }

    /// Sees to it that a retry after an attempt that took too long goes over another connection.
    fn leave_slow_connection<T>(&self, outcome: &Result<T>, started: Instant, limit: Instant) {
        if let Err(error) = outcome
            && error.code == Code::UpstreamTimeout
            && now() >= limit
        {
            self.transport.forget_connections(started);
            self.record_last_answer(false);
        }
    }

    async fn prepare_request(
        &self,
        call: &Call,
        stats: &mut CallStats,
    ) -> Result<(JsonRequest, Arc<Versioned<ApiKey>>)> {
        let key = within(call.deadline.at, self.key.get(), call).await?;
        stats.key_version = Some(key.version.clone());
        stats.upstream_id = None;
        stats.attempts += 1;
        let mut headers = call.headers.clone();
        headers.insert(header::AUTHORIZATION, key.value.authorization.clone());
        let (method, target) = (call.endpoint.method(), self.find_target(call)?);
        Ok((JsonRequest { method, target, headers, body: call.body.clone() }, key))
    }

    fn find_target(&self, call: &Call) -> Result<Target> {
        if let Some(target) = self.targets.of_endpoint(call.endpoint) {
            return Ok(target.clone());
        }
        let url = format!("{}{}{}", self.base_url, call.endpoint.path(), call.path_rest);
        Target::parse(&url).map_err(|_| GatewayError::internal("a path that is none"))
    }

    async fn send_with_key(
        &self,
        request: JsonRequest,
        call: &Call,
        key: &ApiKey,
        limit: Instant,
        stats: &mut CallStats,
    ) -> Result<TransportResponse> {
        let (is_stale, sent) = (self.was_idle(), now());
        let spare = request.clone();
        let mut outcome = self.transport.send_json(request).await;
        match &outcome {
            // Nobody has looked at it, so it goes out again at once; a second time the host is at fault.
            Err(TransportError::NotProcessed(_)) => {
                stats.attempts += 1;
                outcome = self.transport.send_json(spare).await;
            }
            Err(TransportError::WantsHttp1(_)) => {
                stats.attempts += 1;
                outcome = self.transport.send_over_http1(spare).await;
            }
            // Lambda freezes an environment between requests and its connections die unseen. A request that
            // broke on such a one before any head came says nothing about Cohere and goes out once more.
            Err(TransportError::Broken(_))
                if is_stale && call.is_repeatable && !stats.has_resent =>
            {
                stats.has_resent = true;
                stats.attempts += 1;
                self.transport.forget_connections(sent);
                outcome = self.transport.send_json(spare).await;
            }
            _ => {}
        }
        self.record_last_answer(outcome.is_ok());
        let mut response = outcome.map_err(|error| classify::from_transport(&error))?;
        stats.protocol = Some(response.protocol);
        stats.response_headers = std::mem::take(&mut response.headers);
        key.mask_key_in_headers(&mut stats.response_headers);
        if (200..300).contains(&response.status) {
            return Ok(response);
        }
        let status = response.status;
        let body = key.mask_key(read_refusal(response, limit).await);
        let error = classify::from_response(status, &stats.response_headers, &body);
        stats.record_failed_call(&error);
        Err(error)
    }

    /// Records that an answer came. Without one the next request has no connection to find dead.
    fn record_last_answer(&self, is_answered: bool) {
        let mut last = lock_anyway(&self.last_answer);
        *last = if is_answered { Some(now()) } else { None };
    }

    /// Tells whether connections may have died since the last answer. The first request has none kept.
    fn was_idle(&self) -> bool {
        match *lock_anyway(&self.last_answer) {
            Some(last) => now() - last > MAX_IDLE,
            None => false,
        }
    }
}

/// Longest wait for the body of a refusal, of which the status says most.
const REFUSAL_WAIT: Duration = Duration::from_secs(1);
/// Most of such a body that is read.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// Reads the body of a refusal as far as it comes: one that stalls or breaks off is still a refusal.
///
/// At most half of the time until `limit` is waited, so that the refusal is told and not the lack of time.
async fn read_refusal(mut response: TransportResponse, limit: Instant) -> Bytes {
    let started = now();
    let until = started + REFUSAL_WAIT.min(limit.saturating_duration_since(started) / 2);
    let mut body = BytesMut::new();
    while body.len() < MAX_REFUSAL_BYTES
        && let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(until, response.chunk()).await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(MAX_REFUSAL_BYTES);
    body.freeze()
}

/// Classifies what came in a stream's place: Cohere's error where it is one.
async fn read_unexpected_body(
    response: TransportResponse,
    key: &ApiKey,
    limit: Instant,
) -> GatewayError {
    let refusal = Refusal::read(&key.mask_key(read_refusal(response, limit).await));
    match refusal.is_error_object {
        true => classify::from_stream_end(&refusal),
        false => classify::malformed_answer("a stream was asked for, another content type came"),
    }
}

/// Returns the form of a stream; `None` where the answer is none.
fn find_framing(headers: &HeaderMap) -> Option<Framing> {
    let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is = |name: &[u8]| media_type.eq_ignore_ascii_case(name);
    if is(b"text/event-stream") {
        return Some(Framing::Events);
    }
    let is_lines = is(b"application/stream+json") || is(b"application/x-ndjson");
    if is_lines { Some(Framing::Lines) } else { None }
}

/// Ends `work` at `limit`, with the error of whoever set that limit.
async fn within<T>(
    limit: Instant,
    work: impl Future<Output = Result<T>>,
    call: &Call,
) -> Result<T> {
    let outcome = tokio::time::timeout_at(limit, work).await;
    outcome.unwrap_or_else(|_| Err(limit_error(limit, call)))
}

/// Creates the error of a call that ran against a limit: its deadline, or its attempt's time.
pub fn limit_error(limit: Instant, call: &Call) -> GatewayError {
    if limit == call.deadline.at {
        call.deadline.error()
    } else {
        timeout_error(call.attempt_timeout)
    }
}

/// Creates the error of an attempt that took too long.
pub fn timeout_error(limit: Duration) -> GatewayError {
    let message = format!("Cohere did not answer within {} ms", limit.as_millis());
    GatewayError::new(Code::UpstreamTimeout, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_is_known_in_any_case() {
        let find = |value| {
            let value = HeaderValue::from_static(value);
            find_framing(&HeaderMap::from_iter([(header::CONTENT_TYPE, value)]))
        };
        for events in
            ["text/event-stream", "Text/Event-Stream; Charset=UTF-8", "text/event-stream ;a=b"]
        {
            assert_eq!(find(events), Some(Framing::Events), "{events}");
        }
        for lines in ["application/stream+json", "application/x-ndjson; charset=utf-8"] {
            assert_eq!(find(lines), Some(Framing::Lines), "{lines}");
        }
        for other in ["application/json", "text/event-streams", ""] {
            assert_eq!(find(other), None, "{other}");
        }
    }
}
