//! Settings of the functions, read once at the start; every problem is reported, all together.
//!
//! One struct per concern; a module receives its own and never the whole. A bad value never becomes
//! a default silently, and an unknown `GATEWAY_*` name is an error: a misspelt limit is no limit.

pub mod reference;
pub mod rotation;
pub mod vars;

use reference::{self as setting, Kind, Setting};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use vars::Vars;

/// Settings of a function that calls Cohere.
#[derive(Clone, Debug)]
pub struct Config {
    pub service: String,
    pub version: String,
    pub http: HttpConfig,
    pub key: SecretConfig,
    pub models: ModelsConfig,
    pub fallback: FallbackConfig,
    pub guards: GuardsConfig,
    pub limits: LimitsConfig,
    pub cache: CacheConfig,
    pub times: TimesConfig,
    pub health: HealthConfig,
}

/// Settings of the authorizer.
#[derive(Clone, Debug)]
pub struct AuthorizerConfig {
    pub http: HttpConfig,
    pub clients: SecretConfig,
    pub default_usage_plan_key: String,
}

/// Settings of the HTTP client.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Base URL of the Cohere API, without a slash at its end.
    pub upstream_url: String,
    pub connect_timeout: Duration,
    pub pool_idle: Duration,
    pub max_answer_bytes: usize,
}

/// Settings of one secret.
#[derive(Clone, Debug)]
pub struct SecretConfig {
    pub id: String,
    pub timeout: Duration,
    pub ttl: Duration,
    /// Shortest time between two forced reads.
    pub forced_read: Duration,
}

/// Models the gateway chooses by itself.
#[derive(Clone, Debug)]
pub struct ModelsConfig {
    pub chat: String,
    pub rerank: String,
    pub max_tokens_default: Option<u64>,
    pub max_tokens_ceiling: Option<u64>,
    /// Models that Cohere has removed are refused here.
    pub rejects_retired: bool,
}

/// Which model answers when another cannot.
#[derive(Clone, Debug)]
pub struct FallbackConfig {
    pairs: Vec<(String, String)>,
    /// Embed falls back unasked.
    pub embed: bool,
    /// Rerank falls back unasked.
    pub rerank: bool,
}

impl FallbackConfig {
    /// Returns the model that stands in for `model`.
    pub fn of(&self, model: &str) -> Option<&str> {
        self.pairs.iter().find(|(from, _)| from == model).map(|(_, to)| to.as_str())
    }
}

/// When a circuit breaker opens, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct BreakerConfig {
    /// Consecutive failures that open it.
    pub failures: u32,
    pub open_for: Duration,
}

/// Settings of what protects Cohere, and the requests, from a failing Cohere.
#[derive(Clone, Copy, Debug)]
pub struct GuardsConfig {
    pub breaker: BreakerConfig,
    /// How long requests are answered without a call after the key was refused.
    pub bad_key: Duration,
}

/// Limits of requests and answers.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    pub max_body_bytes: usize,
    pub retry_after_max: Duration,
    /// Texts, images or inputs of one embed request.
    pub embed_max_inputs: usize,
    /// Expected size of an embed answer.
    pub embed_max_answer_bytes: usize,
}

/// Settings of what is kept in memory.
#[derive(Clone, Copy, Debug)]
pub struct CacheConfig {
    /// 0 keeps nothing.
    pub max_bytes: usize,
    pub ttl: Duration,
    /// Clients are answered from each other's requests.
    pub shared: bool,
}

/// Times of one endpoint's requests.
#[derive(Clone, Copy, Debug)]
pub struct EndpointTimes {
    /// One call to Cohere, from its start to the end of its answer.
    pub attempt: Duration,
    /// The whole request.
    pub total: Duration,
}

/// Times of streams.
#[derive(Clone, Copy, Debug)]
pub struct StreamTimes {
    /// One call to Cohere, until the first event after `message-start`.
    pub first_event: Duration,
    /// Longest silence of Cohere afterwards.
    pub idle: Duration,
    /// The whole stream.
    pub total: Duration,
    /// Silence towards the caller after which a comment is sent.
    pub keep_alive: Duration,
}

/// All times of the request path.
#[derive(Clone, Debug)]
pub struct TimesConfig {
    pub chat: EndpointTimes,
    pub embed: EndpointTimes,
    pub rerank: EndpointTimes,
    pub stream: StreamTimes,
    /// Kept free before Lambda's own deadline.
    pub margin: Duration,
}

impl StreamTimes {
    /// Returns the times of the calls that open a stream, and of the whole stream.
    pub fn endpoint_times(&self) -> EndpointTimes {
        EndpointTimes { attempt: self.first_event, total: self.total }
    }
}

/// Settings of the health check.
#[derive(Clone, Debug)]
pub struct HealthConfig {
    pub model: String,
    pub fallback_model: String,
    pub timeout: Duration,
    pub cache: Duration,
}

/// Every problem found in the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<String>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad configuration: {}", self.0.join("; "))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the settings of a function that calls Cohere.
    ///
    /// # Errors
    /// All problems at once, each with name, value and accepted range.
    pub fn from_vars(vars: &impl Vars) -> Result<Self, ConfigError> {
        let mut read = Reader::new(vars);
        let endpoint = |read: &Reader, attempt: &Setting, total: &Setting| EndpointTimes {
            attempt: read.millis(attempt),
            total: read.millis(total),
        };
        let config = Self {
            service: read.text(&setting::SERVICE),
            version: read.text(&setting::VERSION),
            http: read.http(),
            key: read.secret(&setting::SECRET_ID, &setting::SECRET_TTL_SECS),
            models: ModelsConfig {
                chat: read.text(&setting::CHAT_MODEL),
                rerank: read.text(&setting::RERANK_MODEL),
                max_tokens_default: read.number(&setting::CHAT_MAX_TOKENS_DEFAULT),
                max_tokens_ceiling: read.number(&setting::CHAT_MAX_TOKENS_CEILING),
                rejects_retired: read.text(&setting::RETIRED_MODELS) == "reject",
            },
            fallback: FallbackConfig {
                pairs: pairs(&read.text(&setting::FALLBACKS)).unwrap_or_default(),
                embed: read.text(&setting::EMBED_FALLBACK) == "on",
                rerank: read.text(&setting::RERANK_FALLBACK) == "on",
            },
            guards: GuardsConfig {
                breaker: BreakerConfig {
                    failures: read.count(&setting::BREAKER_FAILURES) as u32,
                    open_for: read.millis(&setting::BREAKER_OPEN_MS),
                },
                bad_key: read.millis(&setting::BAD_KEY_MS),
            },
            limits: LimitsConfig {
                max_body_bytes: read.count(&setting::MAX_BODY_BYTES),
                retry_after_max: read.secs(&setting::RETRY_AFTER_MAX_SECS),
                embed_max_inputs: read.count(&setting::EMBED_MAX_INPUTS),
                embed_max_answer_bytes: read.count(&setting::EMBED_MAX_ANSWER_BYTES),
            },
            cache: CacheConfig {
                max_bytes: read.count(&setting::CACHE_BYTES),
                ttl: read.secs(&setting::CACHE_TTL_SECS),
                shared: read.text(&setting::CACHE_SHARED) == "true",
            },
            times: TimesConfig {
                chat: endpoint(&read, &setting::CHAT_ATTEMPT_TIMEOUT_MS, &setting::CHAT_TOTAL_TIMEOUT_MS),
                embed: endpoint(&read, &setting::EMBED_ATTEMPT_TIMEOUT_MS, &setting::EMBED_TOTAL_TIMEOUT_MS),
                rerank: endpoint(
                    &read,
                    &setting::RERANK_ATTEMPT_TIMEOUT_MS,
                    &setting::RERANK_TOTAL_TIMEOUT_MS,
                ),
                stream: StreamTimes {
                    first_event: read.millis(&setting::STREAM_FIRST_EVENT_TIMEOUT_MS),
                    idle: read.millis(&setting::STREAM_IDLE_TIMEOUT_MS),
                    total: read.millis(&setting::STREAM_TOTAL_TIMEOUT_MS),
                    keep_alive: read.millis(&setting::STREAM_KEEP_ALIVE_MS),
                },
                margin: read.millis(&setting::DEADLINE_MARGIN_MS),
            },
            health: read.health(),
        };
        read.finish(config)
    }
}

impl AuthorizerConfig {
    /// Reads the settings of the authorizer.
    ///
    /// # Errors
    /// All problems at once, each with name, value and accepted range.
    pub fn from_vars(vars: &impl Vars) -> Result<Self, ConfigError> {
        let mut read = Reader::new(vars);
        let config = Self {
            http: read.http(),
            clients: read.secret(&setting::CLIENTS_SECRET_ID, &setting::CLIENTS_TTL_SECS),
            default_usage_plan_key: read.text(&setting::DEFAULT_USAGE_PLAN_KEY),
        };
        read.finish(config)
    }
}

/// Checks every setting that is there, whoever reads it, and then hands out values or defaults.
struct Reader {
    values: BTreeMap<String, String>,
    problems: Vec<String>,
}

impl Reader {
    fn new(vars: &impl Vars) -> Self {
        let mut values: BTreeMap<_, _> = vars.all().into_iter().collect();
        values.retain(|name, _| name.starts_with("GATEWAY_"));
        let problems = values.iter().filter_map(|(name, value)| problem(name, value)).collect();
        Self { values, problems }
    }

    fn finish<T>(self, config: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() { Ok(config) } else { Err(ConfigError(self.problems)) }
    }

    fn raw(&self, setting: &Setting) -> Option<&str> {
        self.values.get(setting.name).map(String::as_str).or(setting.default)
    }

    /// Reads a text; one without a default is required.
    fn text(&mut self, setting: &Setting) -> String {
        let value = self.raw(setting).map(str::to_string);
        value.unwrap_or_else(|| {
            self.problems.push(format!("{} is not set: {}", setting.name, setting.about));
            String::new()
        })
    }

    fn number(&self, setting: &Setting) -> Option<u64> {
        self.raw(setting)?.parse().ok()
    }

    fn count(&self, setting: &Setting) -> usize {
        self.number(setting).unwrap_or_default() as usize
    }

    fn millis(&self, setting: &Setting) -> Duration {
        Duration::from_millis(self.number(setting).unwrap_or_default())
    }

    fn secs(&self, setting: &Setting) -> Duration {
        Duration::from_secs(self.number(setting).unwrap_or_default())
    }

    fn http(&mut self) -> HttpConfig {
        HttpConfig {
            upstream_url: self.text(&setting::UPSTREAM_URL).trim_end_matches('/').to_string(),
            connect_timeout: self.millis(&setting::CONNECT_TIMEOUT_MS),
            pool_idle: self.secs(&setting::POOL_IDLE_SECS),
            max_answer_bytes: self.count(&setting::MAX_ANSWER_BYTES),
        }
    }

    fn health(&mut self) -> HealthConfig {
        HealthConfig {
            model: self.text(&setting::HEALTH_MODEL),
            fallback_model: self.text(&setting::HEALTH_FALLBACK_MODEL),
            timeout: self.millis(&setting::HEALTH_TIMEOUT_MS),
            cache: self.secs(&setting::HEALTH_CACHE_SECS),
        }
    }

    fn secret(&mut self, id: &Setting, ttl: &Setting) -> SecretConfig {
        SecretConfig {
            id: self.text(id),
            timeout: self.millis(&setting::SECRET_TIMEOUT_MS),
            ttl: self.secs(ttl),
            forced_read: self.millis(&setting::KEY_REFRESH_MS),
        }
    }
}

/// Most characters of a bad value that are shown.
const MAX_SHOWN_CHARS: usize = 100;

/// Says what is wrong with a variable: an unknown name, or a value its setting does not take.
fn problem(name: &str, value: &str) -> Option<String> {
    let Some(setting) = setting::ALL.iter().find(|setting| setting.name == name) else {
        return Some(format!("{name} is not a setting of the gateway"));
    };
    let accepted = match setting.kind {
        Kind::Text if value.trim().is_empty() => "a text is required".to_string(),
        Kind::Url if !is_accepted_url(value) => {
            "https://… is required, or http://… on loopback, without a user".to_string()
        }
        Kind::Number { min, max }
            if !value.parse().is_ok_and(|number: u64| (min..=max).contains(&number)) =>
        {
            format!("a whole number from {min} to {max} is required")
        }
        Kind::OneOf(words) if !words.contains(&value) => format!("{} is required", words.join(" or ")),
        Kind::Pairs if pairs(value).is_none() => {
            "model=fallback is required, several with commas, or none".to_string()
        }
        Kind::Text | Kind::Url | Kind::OneOf(_) | Kind::Pairs | Kind::Number { .. } => return None,
    };
    // A URL may name a user and a password.
    let shown = value.rsplit_once('@').map_or_else(|| value.to_string(), |(_, host)| format!("…@{host}"));
    let shown: String = shown.chars().take(MAX_SHOWN_CHARS).collect();
    Some(format!("{name} is {shown:?}: {accepted}"))
}

/// Reads `a=b,c=d`; `none` is no pair.
fn pairs(value: &str) -> Option<Vec<(String, String)>> {
    if value == "none" {
        return Some(Vec::new());
    }
    let pairs = value.split(',').map(|pair| {
        let (from, to) = pair.split_once('=')?;
        let (from, to) = (from.trim(), to.trim());
        (!from.is_empty() && !to.is_empty() && from != to).then(|| (from.to_string(), to.to_string()))
    });
    pairs.collect()
}

/// Tells whether a key may be sent there: encrypted, or never leaving this machine.
fn is_accepted_url(value: &str) -> bool {
    let Ok(uri) = value.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return false;
    }
    let on_loopback = host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => on_loopback,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
