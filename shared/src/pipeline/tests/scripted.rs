//! Calls that end as a script says, so that what is done about them needs no network and no real time.
//!
//! A script is a word for each call of the requested model, and after a bar one for the fallback's:
//! `server server ok | quota`. It is a call's whole body, the field `script` of a chat, or a text to embed.

use crate::app::App;
use crate::cache::Cache;
use crate::clock::now;
use crate::cohere::client::{Call, Cohere, limit_error};
use crate::cohere::models::{Model, published_rate};
use crate::config::{Config, EndpointTimes, FallbackConfig, TimesConfig};
use crate::cost::Prices;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{About, Code, GatewayError, Result, UpstreamAnswer};
use crate::health::HealthCheck;
use crate::pipeline::attempts::{CallAnswer, make_attempts};
use crate::pipeline::chat::Chat;
use crate::pipeline::endpoint_rules::{EndpointRules, IntoChunks};
use crate::pipeline::model_answer::{ModelAnswer, ModelRequest};
use crate::record::{CallStats, RequestRecord};
use crate::resilience::rate::RateCost;
use crate::resilience::state::{SharedRounds, UpstreamState};
use crate::secrets::cached::CachedSecret;
use crate::secrets::key::ApiKey;
use crate::secrets::source::{Fetching, Secret, SecretSource, StoredSecret};
use crate::transport::Transport;
use crate::wire::UpstreamRequest;
use crate::wire::dialect::Dialect;
use crate::wire::object::RequestObject;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::Value;
use std::cell::Cell;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::sleep_until;

thread_local! {
    /// Calls of this test under way, and the most there have been.
    static UNDER_WAY: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Returns the most calls of this test that were under way at a time.
pub(in crate::pipeline) fn most_under_way() -> usize {
    UNDER_WAY.get().1
}

/// A store whose secret gets the next version with each reading; the last one stays.
struct ScriptedKeys(Mutex<Vec<&'static str>>);

impl SecretSource for ScriptedKeys {
    fn fetch(&self) -> Fetching<'_> {
        let mut versions = self.0.lock().unwrap();
        let version = if versions.len() > 1 { versions.remove(0) } else { versions[0] };
        let stored = StoredSecret { text: Secret::new("fake-key"), version: version.to_string() };
        Box::pin(async { Ok(stored) })
    }
}

/// Starts an environment with one more setting, whose key has these versions one after the other.
pub(in crate::pipeline) fn start_app(
    setting: (&str, &str),
    versions: &[&'static str],
) -> &'static App {
    start_app_at("http://127.0.0.1:1", setting, versions)
}

/// Starts an environment that calls this address.
pub(in crate::pipeline) fn start_app_at(
    url: &str,
    setting: (&str, &str),
    versions: &[&'static str],
) -> &'static App {
    let vars = [("GATEWAY_SECRET_ID", "fake"), ("GATEWAY_UPSTREAM_URL", url), setting];
    let config = Config::from_vars(&vars).unwrap();
    let keys = Box::new(ScriptedKeys(Mutex::new(versions.to_vec())));
    let key = CachedSecret::new(keys, config.key.clone(), ApiKey::parse);
    let transport = Transport::new(&config.http).unwrap();
    let cohere = Cohere::new(transport, &config.http.upstream_url, key).unwrap();
    Box::leak(Box::new(App {
        cohere,
        health: HealthCheck::new(config.health.clone(), config.prices.clone()),
        upstream_state: UpstreamState::new(config.resilience, config.rates.clone(), published_rate),
        cache: Cache::new(config.cache),
        model_lists: Cache::new(config.cache),
        prices: Prices::new(config.prices.clone()),
        config,
    }))
}

/// Starts an environment as most are.
pub(in crate::pipeline) fn start_default_app() -> &'static App {
    start_app(("GATEWAY_BREAKER_FAILURES", "5"), &["v1"])
}

/// Makes a call of a model with so much time in all, ten seconds of them for an attempt.
pub(in crate::pipeline) fn new_call(model: &str, script: &str, secs: u64) -> Call {
    let total = Duration::from_secs(secs);
    Call {
        path_rest: String::new(),
        is_repeatable: true,
        endpoint: Endpoint::Chat,
        model: model.to_string(),
        body: Bytes::from(script.to_string()),
        expected_results: None,
        headers: HeaderMap::new(),
        attempt_timeout: Duration::from_secs(10),
        deadline: Deadline::new(now(), total, None, total),
        cost: RateCost::ONE,
    }
}

/// An answer that tells which model gave it.
#[derive(Debug, PartialEq)]
pub(in crate::pipeline) struct ScriptedAnswer(pub(in crate::pipeline) String);

impl CallAnswer for ScriptedAnswer {
    async fn fetch(app: &'static App, call: &Call, stats: &mut CallStats) -> Result<Self> {
        stats.attempts += 1;
        stats.key_version = app.cohere.read_key_version().await;
        stats.upstream_id = Some(call.model.clone());
        let trace = HeaderValue::from_str(&call.model).unwrap();
        stats.response_headers =
            HeaderMap::from_iter([("x-debug-trace-id".parse().unwrap(), trace)]);
        let (count, most) = UNDER_WAY.get();
        UNDER_WAY.set((count + 1, most.max(count + 1)));
        let outcome = play_word(&next_word(call, stats.attempts), call).await;
        UNDER_WAY.set((UNDER_WAY.get().0 - 1, UNDER_WAY.get().1));
        outcome.map(|()| Self(call.model.clone()))
    }
}

/// Returns what the script says of a request's n-th call, from 1.
fn next_word(call: &Call, number: u32) -> String {
    let body = String::from_utf8(call.body.to_vec()).unwrap();
    let script = match serde_json::from_str::<Value>(&body) {
        Ok(body) => {
            let text = body.get("script").or(body.pointer("/texts/0")).unwrap_or(&Value::Null);
            text.as_str().unwrap_or("ok").to_string()
        }
        Err(_) => body,
    };
    let (primary, fallback) = script.split_once('|').unwrap_or((&script, "ok"));
    let words = if call.model.contains("-r-") { fallback } else { primary };
    let words: Vec<_> = words.split_whitespace().collect();
    words.get(number as usize - 1).or(words.last()).unwrap_or(&"ok").to_string()
}

/// Ends a call as a word says: `ok`, `hang`, or the name of a failure, `throttled:500` with milliseconds.
async fn play_word(word: &str, call: &Call) -> Result<()> {
    let (name, millis) = word.split_once(':').unwrap_or((word, "0"));
    let wait = Duration::from_millis(millis.parse().unwrap());
    let error = match name {
        "ok" => {
            tokio::time::sleep(wait).await;
            return Ok(());
        }
        "hang" => {
            let limit = call.deadline.or_after(now(), call.attempt_timeout);
            sleep_until(limit).await;
            limit_error(limit, call)
        }
        "throttled" => GatewayError {
            retry_after: Some(wait),
            ..GatewayError::new(Code::RateLimited, "slow down")
        },
        "invalid" => refuse_request(400, "BAD"),
        "unknown-model" => refuse_request(404, "BAD"),
        "transient" => refuse_request(422, "NO_VALID_RESPONSE_GENERATED"),
        "connect" => GatewayError {
            about: About::Host,
            ..GatewayError::new(Code::UpstreamUnreachable, "no connection")
        },
        "broken" => GatewayError::new(Code::UpstreamUnreachable, "the connection broke"),
        "timeout" => GatewayError::new(Code::UpstreamTimeout, "too late"),
        "quota" => GatewayError::new(Code::QuotaExhausted, "no more this month"),
        "auth" => GatewayError::new(Code::UpstreamAuth, "bad key"),
        "billing" => GatewayError::new(Code::UpstreamBilling, "not paid"),
        "keyless" => GatewayError::new(Code::KeyMissing, "no key at index 0"),
        "late" => GatewayError::new(Code::Deadline, "out of time at index 0"),
        "server" => GatewayError::new(Code::UpstreamError, "down"),
        other => panic!("{other} is no word of a script"),
    };
    Err(error)
}

fn refuse_request(status: u16, error_type: &str) -> GatewayError {
    let upstream = UpstreamAnswer { status, id: None, error_type: Some(error_type.to_string()) };
    GatewayError {
        upstream: Some(Box::new(upstream)),
        ..GatewayError::new(Code::InvalidRequest, "text at index 0 is bad")
    }
}

impl<E> ModelAnswer<E> for ScriptedAnswer {
    async fn answer(request: &ModelRequest<'_>, record: &mut RequestRecord) -> Result<Self> {
        let (call, rounds) = (request.whole_call(), SharedRounds::default());
        make_attempts(request.app, &call, request.role, &rounds, &mut record.calls).await
    }
}

impl IntoChunks for ScriptedAnswer {
    fn into_chunks(self) -> Vec<Bytes> {
        vec![Bytes::from(self.0)]
    }
}

/// Chat, but for its calls.
pub(in crate::pipeline) struct ScriptedChat;

impl EndpointRules for ScriptedChat {
    const ENDPOINT: Endpoint = Endpoint::Chat;
    type Response = ScriptedAnswer;

    fn validate(body: Bytes, dialect: Dialect, config: &Config) -> Result<UpstreamRequest> {
        Chat::validate(body, dialect, config)
    }

    fn times(config: &TimesConfig, request: &UpstreamRequest) -> EndpointTimes {
        Chat::times(config, request)
    }

    fn falls_back_unasked(config: &FallbackConfig, model: &Model, object: &RequestObject) -> bool {
        Chat::falls_back_unasked(config, model, object)
    }

    fn can_answer(model: &Model, object: &RequestObject) -> bool {
        Chat::can_answer(model, object)
    }
}
