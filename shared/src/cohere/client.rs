//! Calls Cohere: our key, the caller's allow-listed headers, one attempt in its time.

use crate::clock::{Instant, now};
use crate::cohere::classify;
use crate::cohere::events::EventReader;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Code, GatewayError, Result};
use crate::lock::lock_anyway;
use crate::secrets::cached::{CachedSecret, Versioned};
use crate::secrets::key::ApiKey;
use crate::transport::{Transport, TransportError, TransportResponse};
use crate::wire::UpstreamRequest;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The Cohere API. Scope: environment.
pub struct Cohere {
    transport: Transport,
    base_url: String,
    key: CachedSecret<ApiKey>,
    /// When an answer last came; connections kept since then may have died with a frozen instance.
    last_answer: Mutex<Option<Instant>>,
}

/// Idle time after which a broken connection is taken for one that died unseen.
const IDLE: Duration = Duration::from_secs(1);

/// One request's wish of Cohere.
#[derive(Clone, Debug)]
pub struct Call {
    pub endpoint: Endpoint,
    pub request: UpstreamRequest,
    /// Headers of the caller that may go upstream.
    pub headers: HeaderMap,
    /// Time of one attempt.
    pub attempt: Duration,
    pub deadline: Deadline,
}

/// What a request has spent so far, for its headers and its log line.
#[derive(Clone, Debug, Default)]
pub struct Spent {
    /// Calls of Cohere.
    pub attempts: u32,
    /// Time spent waiting for Cohere; of calls at the same time it counts once.
    pub upstream: Duration,
    /// When the calls of a split request's part were under way.
    spans: Option<Vec<(Instant, Instant)>>,
    pub key_version: Option<String>,
    /// Headers of Cohere's last answer, whatever its status.
    pub headers: HeaderMap,
    /// The one free resend of a request has been used.
    pub resent: bool,
}

/// Counts of Cohere that are added up over the parts of a request.
const COUNTS: [&str; 2] = ["num_tokens", "num_chars"];

impl Spent {
    /// Begins to count for one part of many.
    pub fn of_part() -> Self {
        Self { spans: Some(Vec::new()), ..Self::default() }
    }

    /// Notes that Cohere was waited for since a moment.
    fn waited_since(&mut self, started: Instant) {
        let now = now();
        self.upstream += now - started;
        if let Some(spans) = &mut self.spans {
            spans.push((started, now));
        }
    }

    /// Adds the calls of a request's parts, many of which were under way at the same time.
    pub fn add_parts(&mut self, parts: Vec<Spent>) {
        let mut spans: Vec<_> = parts.iter().flat_map(|part| part.spans.iter().flatten().copied()).collect();
        spans.sort_unstable();
        self.upstream += covered(&spans);
        for part in parts {
            self.attempts += part.attempts;
            self.key_version = part.key_version.or(self.key_version.take());
            for (name, value) in &part.headers {
                let total = COUNTS.contains(&name.as_str()).then(|| sum(self.headers.get(name)?, value));
                self.headers.insert(name.clone(), total.flatten().unwrap_or_else(|| value.clone()));
            }
        }
    }
}

/// Returns the time that spans cover together; they are in the order of their beginnings.
fn covered(spans: &[(Instant, Instant)]) -> Duration {
    let (mut covered, mut until) = (Duration::ZERO, None);
    for (begin, end) in spans {
        let begin = until.map_or(*begin, |until: Instant| until.max(*begin));
        covered += end.saturating_duration_since(begin);
        until = Some(until.map_or(*end, |until| until.max(*end)));
    }
    covered
}

fn sum(one: &HeaderValue, other: &HeaderValue) -> Option<HeaderValue> {
    let number = |value: &HeaderValue| value.to_str().ok()?.parse::<u64>().ok();
    Some(HeaderValue::from(number(one)?.checked_add(number(other)?)?))
}

impl Cohere {
    pub fn new(transport: Transport, base_url: String, key: CachedSecret<ApiKey>) -> Self {
        Self { transport, base_url, key, last_answer: Mutex::new(None) }
    }

    /// Reads the key ahead of the first request; a failure is only logged, the request will try again.
    pub async fn warm_up(&self) {
        let _ = self.key.get().await;
    }

    /// Returns the version of the key in memory.
    pub async fn key_version(&self) -> Option<String> {
        self.key.get().await.ok().map(|key| key.version.clone())
    }

    /// Looks for another key than the refused one.
    pub async fn has_other_key(&self, refused_version: &str) -> bool {
        self.key.newer_than(refused_version).await.is_some()
    }

    /// Calls Cohere and reads the whole answer.
    ///
    /// # Errors
    /// Everything that `classify` knows, `key_missing`, `upstream_timeout`, `deadline`.
    pub async fn call(&self, call: &Call, spent: &mut Spent) -> Result<Bytes> {
        let (request, key) = self.prepare(call, spent).await?;
        let started = now();
        let limit = call.deadline.or_after(started, call.attempt);
        let exchange = async {
            let response = self.send(request, &key.value, spent).await?;
            response.collect().await.map_err(|error| classify::no_answer(&error))
        };
        let answer = within(limit, self.key.run_while_refreshing(exchange), call).await;
        spent.waited_since(started);
        answer
    }

    /// Calls Cohere and waits for the head of its stream.
    ///
    /// # Errors
    /// As `call`; an answer that is no stream of events is `upstream_malformed`.
    pub async fn open_stream(&self, call: &Call, spent: &mut Spent) -> Result<EventReader> {
        let (request, key) = self.prepare(call, spent).await?;
        let started = now();
        let limit = call.deadline.or_after(started, call.attempt);
        let exchange = async {
            let response = self.send(request, &key.value, spent).await?;
            let content_type =
                spent.headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
            if !content_type.starts_with(b"text/event-stream") {
                return Err(classify::malformed("a stream was asked for, another content type came"));
            }
            Ok(EventReader::new(response, key))
        };
        let stream = within(limit, self.key.run_while_refreshing(exchange), call).await;
        spent.waited_since(started);
        stream
    }

    async fn prepare(
        &self,
        call: &Call,
        spent: &mut Spent,
    ) -> Result<(Request<Bytes>, Arc<Versioned<ApiKey>>)> {
        let key = within(call.deadline.at, self.key.get(), call).await?;
        spent.key_version = Some(key.version.clone());
        spent.attempts += 1;
        let mut request = Request::new(call.request.body.clone());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = format!("{}{}", self.base_url, call.endpoint.path())
            .parse()
            .map_err(|error| GatewayError::new(Code::Internal, "internal error").with_detail(error))?;
        *request.headers_mut() = call.headers.clone();
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.headers_mut().insert(header::AUTHORIZATION, key.value.authorization.clone());
        Ok((request, key))
    }

    async fn send(
        &self,
        request: Request<Bytes>,
        key: &ApiKey,
        spent: &mut Spent,
    ) -> Result<TransportResponse> {
        let was_idle = self.was_idle();
        let again = was_idle.then(|| request.clone());
        let mut outcome = self.transport.send(request).await;
        // Lambda freezes an instance between requests and its connections die unseen. A request that
        // broke on such a one before any head came says nothing about Cohere and goes out once more.
        if let (Err(TransportError::Broken(_)), Some(request), false) = (&outcome, again, spent.resent) {
            spent.resent = true;
            spent.attempts += 1;
            outcome = self.transport.send_fresh(request).await;
        }
        // Only an answer leaves a connection behind: without one the next request has none to find dead.
        *lock_anyway(&self.last_answer) = outcome.is_ok().then(now);
        let mut response = outcome.map_err(|error| classify::no_answer(&error))?;
        spent.headers = std::mem::take(&mut response.headers);
        key.mask_key_in_headers(&mut spent.headers);
        if (200..300).contains(&response.status) {
            return Ok(response);
        }
        let status = response.status;
        // A refusal whose body breaks off is still a refusal.
        let body = key.mask_key(response.collect().await.unwrap_or_default());
        Err(classify::refusal(status, &spent.headers, &body))
    }
}

impl Cohere {
    /// Tells whether connections may have died since the last answer. The first request has none kept.
    fn was_idle(&self) -> bool {
        let last = *lock_anyway(&self.last_answer);
        last.is_some_and(|last| now() - last > IDLE)
    }
}

/// Ends `work` at `limit`, with the error of whoever set that limit.
async fn within<T>(limit: Instant, work: impl Future<Output = Result<T>>, call: &Call) -> Result<T> {
    match tokio::time::timeout_at(limit, work).await {
        Ok(result) => result,
        Err(_) if limit == call.deadline.at => Err(call.deadline.error()),
        Err(_) => Err(timed_out(call.attempt)),
    }
}

/// Creates the error of an attempt that took too long.
pub fn timed_out(limit: Duration) -> GatewayError {
    GatewayError::new(Code::UpstreamTimeout, format!("Cohere did not answer within {} ms", limit.as_millis()))
}
