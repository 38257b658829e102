//! Every setting of the functions, in one table: what the parser accepts and what the
//! documentation prints (`docs/configuration.md` is generated from here and tested against it).

/// What a value must look like; units are in the setting's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// `https://…`, or `http://…` on loopback.
    Url,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `model=fallback`, several with commas between them.
    Pairs,
    /// A whole number in this range.
    Number {
        min: u64,
        max: u64,
    },
}

/// One environment variable.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub name: &'static str,
    pub kind: Kind,
    /// Used when the variable is absent; `None` means there is no value then.
    pub default: Option<&'static str>,
    pub about: &'static str,
}

const fn text(name: &'static str, default: Option<&'static str>, about: &'static str) -> Setting {
    Setting { name, kind: Kind::Text, default, about }
}

const fn number(
    name: &'static str,
    min: u64,
    max: u64,
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting { name, kind: Kind::Number { min, max }, default: Some(default), about }
}

const fn one_of(
    name: &'static str,
    words: &'static [&'static str],
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting { name, kind: Kind::OneOf(words), default: Some(default), about }
}

const fn optional_number(name: &'static str, min: u64, max: u64, about: &'static str) -> Setting {
    Setting { name, kind: Kind::Number { min, max }, default: None, about }
}

/// Longest time a setting may name: an invocation lasts at most 15 minutes.
const MAX_MS: u64 = 900_000;

pub const SERVICE: Setting =
    text("GATEWAY_SERVICE", Some("cohere-gateway"), "Name of this installation in logs: the stack's name.");
pub const VERSION: Setting =
    text("GATEWAY_VERSION", Some(env!("CARGO_PKG_VERSION")), "Version that health reports.");
pub const SECRET_ID: Setting = text(
    "GATEWAY_SECRET_ID",
    None,
    "Name or ARN of the secret with the Cohere key. Required but for the authorizer.",
);
pub const ALLOW_TRIAL_KEY: Setting = one_of(
    "GATEWAY_ALLOW_TRIAL_KEY",
    &["off", "on"],
    "off",
    "Whether rotation accepts a trial key, whose limits a service in production meets at once.",
);
pub const CLIENTS_SECRET_ID: Setting = text(
    "GATEWAY_CLIENTS_SECRET_ID",
    None,
    "Name or ARN of the secret with the clients. Required by the authorizer.",
);
pub const DEFAULT_USAGE_PLAN_KEY: Setting = text(
    "GATEWAY_DEFAULT_USAGE_PLAN_KEY",
    Some("cohere-gateway-default-usage-plan-key"),
    "Value of the API key that counts clients without a usage plan of their own. No credential.",
);
pub const UPSTREAM_URL: Setting = Setting {
    name: "GATEWAY_UPSTREAM_URL",
    kind: Kind::Url,
    default: Some("https://api.cohere.com"),
    about: "The Cohere API.",
};
pub const CHAT_MODEL: Setting =
    text("GATEWAY_CHAT_MODEL", Some("command-a-03-2025"), "Model of a chat request that names none.");
pub const RERANK_MODEL: Setting =
    text("GATEWAY_RERANK_MODEL", Some("rerank-v3.5"), "Model of a rerank request that names none.");
pub const HEALTH_MODEL: Setting =
    text("GATEWAY_HEALTH_MODEL", Some("command-r7b-12-2024"), "Model of the health check.");
pub const HEALTH_FALLBACK_MODEL: Setting = text(
    "GATEWAY_HEALTH_FALLBACK_MODEL",
    Some("command-r-08-2024"),
    "Model the health check tries when Cohere refuses the first.",
);
pub const FALLBACKS: Setting = Setting {
    name: "GATEWAY_FALLBACKS",
    kind: Kind::Pairs,
    default: Some(
        "command-a-03-2025=command-r-plus-08-2024,command-r7b-12-2024=command-r-08-2024,\
         embed-v4.0=embed-english-v3.0,rerank-v3.5=rerank-english-v3.0",
    ),
    about: "Which model answers when another cannot.",
};
pub const EMBED_FALLBACK: Setting = one_of(
    "GATEWAY_EMBED_FALLBACK",
    &["off", "on"],
    "off",
    "Whether embed falls back unasked: another model is another vector space.",
);
pub const RERANK_FALLBACK: Setting = one_of(
    "GATEWAY_RERANK_FALLBACK",
    &["off", "on"],
    "off",
    "Whether rerank falls back unasked: another model has another scale of scores.",
);
pub const RETIRED_MODELS: Setting = one_of(
    "GATEWAY_RETIRED_MODELS",
    &["reject", "pass"],
    "reject",
    "Whether a model that Cohere has removed is refused here, with its replacement named.",
);
pub const BREAKER_FAILURES: Setting = number(
    "GATEWAY_BREAKER_FAILURES",
    1,
    1_000_000,
    "5",
    "Consecutive failures of one model that open its circuit breaker in an instance.",
);
pub const BREAKER_OPEN_MS: Setting = number(
    "GATEWAY_BREAKER_OPEN_MS",
    1,
    MAX_MS,
    "60000",
    "How long an open circuit breaker refuses calls before it admits a probe.",
);
pub const BAD_KEY_MS: Setting = number(
    "GATEWAY_BAD_KEY_MS",
    0,
    MAX_MS,
    "30000",
    "How long requests are answered without a call after Cohere has refused the key or the account.",
);
pub const KEY_REFRESH_MS: Setting = number(
    "GATEWAY_KEY_REFRESH_MS",
    0,
    MAX_MS,
    "30000",
    "Shortest time between two reads of the secret that a refused key forces.",
);
pub const CHAT_MAX_TOKENS_DEFAULT: Setting = optional_number(
    "GATEWAY_CHAT_MAX_TOKENS_DEFAULT",
    1,
    1_000_000,
    "`max_tokens` of a chat request that names none, where lower than the model's own default.",
);
pub const CHAT_MAX_TOKENS_CEILING: Setting = optional_number(
    "GATEWAY_CHAT_MAX_TOKENS_CEILING",
    1,
    1_000_000,
    "Highest `max_tokens` a caller may ask for; above it the request is refused.",
);
pub const RETRY_AFTER_MAX_SECS: Setting = number(
    "GATEWAY_RETRY_AFTER_MAX_SECS",
    1,
    60,
    "5",
    "Longest `Retry-After` of an answer: the SDKs sleep it twice before their user hears anything.",
);
pub const MAX_BODY_BYTES: Setting = number(
    "GATEWAY_MAX_BODY_BYTES",
    1_000,
    6_000_000,
    "4500000",
    "Largest request body. Lambda takes 6 MB of event, in which the body is escaped.",
);
pub const MAX_ANSWER_BYTES: Setting = number(
    "GATEWAY_MAX_ANSWER_BYTES",
    1_000,
    200_000_000,
    "48000000",
    "Largest answer of Cohere that is read into memory (streams are not).",
);
pub const EMBED_MAX_INPUTS: Setting = number(
    "GATEWAY_EMBED_MAX_TEXTS",
    1,
    100_000,
    "1920",
    "Most texts, images or inputs of one embed request. Cohere takes 2 000 inputs a minute.",
);
pub const EMBED_MAX_ANSWER_BYTES: Setting = number(
    "GATEWAY_EMBED_MAX_ANSWER_BYTES",
    1_000,
    200_000_000,
    "48000000",
    "Largest answer an embed request may be expected to have. It is held in memory until it is complete.",
);
pub const CACHE_BYTES: Setting = number(
    "GATEWAY_CACHE_BYTES",
    0,
    4_000_000_000,
    "64000000",
    "Memory for kept embeddings and rankings in one instance; 0 keeps nothing.",
);
pub const CACHE_TTL_SECS: Setting = number(
    "GATEWAY_CACHE_TTL_SECS",
    1,
    86_400,
    "3600",
    "How long a kept embedding or ranking is answered again.",
);
pub const CACHE_SHARED: Setting = one_of(
    "GATEWAY_CACHE_SHARED",
    &["false", "true"],
    "false",
    "Whether all clients share what is kept; else a client is answered only from its own requests.",
);
pub const CONNECT_TIMEOUT_MS: Setting =
    number("GATEWAY_CONNECT_TIMEOUT_MS", 1, MAX_MS, "2000", "Time to connect to Cohere.");
pub const POOL_IDLE_SECS: Setting = number(
    "GATEWAY_POOL_IDLE_SECS",
    0,
    900,
    "30",
    "How long an unused connection is kept: it may have died while Lambda froze the instance.",
);
pub const CHAT_ATTEMPT_TIMEOUT_MS: Setting =
    number("GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS", 1, MAX_MS, "270000", "Time of one call to Cohere, chat.");
pub const CHAT_TOTAL_TIMEOUT_MS: Setting =
    number("GATEWAY_CHAT_TOTAL_TIMEOUT_MS", 100, MAX_MS, "290000", "Time of a whole chat request.");
pub const EMBED_ATTEMPT_TIMEOUT_MS: Setting =
    number("GATEWAY_EMBED_ATTEMPT_TIMEOUT_MS", 1, MAX_MS, "60000", "Time of one call to Cohere, embed.");
pub const EMBED_TOTAL_TIMEOUT_MS: Setting =
    number("GATEWAY_EMBED_TOTAL_TIMEOUT_MS", 100, MAX_MS, "120000", "Time of a whole embed request.");
pub const RERANK_ATTEMPT_TIMEOUT_MS: Setting =
    number("GATEWAY_RERANK_ATTEMPT_TIMEOUT_MS", 1, MAX_MS, "30000", "Time of one call to Cohere, rerank.");
pub const RERANK_TOTAL_TIMEOUT_MS: Setting =
    number("GATEWAY_RERANK_TOTAL_TIMEOUT_MS", 100, MAX_MS, "60000", "Time of a whole rerank request.");
pub const STREAM_FIRST_EVENT_TIMEOUT_MS: Setting = number(
    "GATEWAY_STREAM_FIRST_EVENT_TIMEOUT_MS",
    1,
    MAX_MS,
    "60000",
    "Time of one call to Cohere until the stream's first event after `message-start`.",
);
pub const STREAM_IDLE_TIMEOUT_MS: Setting = number(
    "GATEWAY_STREAM_IDLE_TIMEOUT_MS",
    1,
    MAX_MS,
    "60000",
    "Longest silence of Cohere inside a stream.",
);
pub const STREAM_TOTAL_TIMEOUT_MS: Setting =
    number("GATEWAY_STREAM_TOTAL_TIMEOUT_MS", 100, MAX_MS, "870000", "Time of a whole stream.");
pub const STREAM_KEEP_ALIVE_MS: Setting = number(
    "GATEWAY_STREAM_KEEP_ALIVE_MS",
    10,
    MAX_MS,
    "15000",
    "Silence after which a keep-alive comment goes to the caller of a stream.",
);
pub const SECRET_TIMEOUT_MS: Setting =
    number("GATEWAY_SECRET_TIMEOUT_MS", 1, MAX_MS, "2000", "Time to read a secret.");
pub const SECRET_TTL_SECS: Setting =
    number("GATEWAY_SECRET_TTL_SECS", 1, 86_400, "300", "How long the Cohere key in memory is fresh.");
pub const CLIENTS_TTL_SECS: Setting =
    number("GATEWAY_CLIENTS_TTL_SECS", 1, 3_600, "60", "How long the authorizer's list of clients is fresh.");
pub const DEADLINE_MARGIN_MS: Setting = number(
    "GATEWAY_DEADLINE_MARGIN_MS",
    0,
    MAX_MS,
    "1000",
    "Time kept free before Lambda's own deadline, in which the answer is written.",
);
pub const HEALTH_TIMEOUT_MS: Setting =
    number("GATEWAY_HEALTH_TIMEOUT_MS", 1, MAX_MS, "5000", "Time of one call of the health check.");
pub const HEALTH_CACHE_SECS: Setting = number(
    "GATEWAY_HEALTH_CACHE_SECS",
    0,
    3_600,
    "30",
    "How long a health check's result is answered again.",
);

/// Every setting, in the order of the documentation.
pub const ALL: &[Setting] = &[
    SERVICE,
    VERSION,
    SECRET_ID,
    ALLOW_TRIAL_KEY,
    CLIENTS_SECRET_ID,
    DEFAULT_USAGE_PLAN_KEY,
    UPSTREAM_URL,
    CHAT_MODEL,
    RERANK_MODEL,
    HEALTH_MODEL,
    HEALTH_FALLBACK_MODEL,
    FALLBACKS,
    EMBED_FALLBACK,
    RERANK_FALLBACK,
    RETIRED_MODELS,
    BREAKER_FAILURES,
    BREAKER_OPEN_MS,
    BAD_KEY_MS,
    KEY_REFRESH_MS,
    CHAT_MAX_TOKENS_DEFAULT,
    CHAT_MAX_TOKENS_CEILING,
    RETRY_AFTER_MAX_SECS,
    MAX_BODY_BYTES,
    MAX_ANSWER_BYTES,
    EMBED_MAX_INPUTS,
    EMBED_MAX_ANSWER_BYTES,
    CACHE_BYTES,
    CACHE_TTL_SECS,
    CACHE_SHARED,
    CONNECT_TIMEOUT_MS,
    POOL_IDLE_SECS,
    CHAT_ATTEMPT_TIMEOUT_MS,
    CHAT_TOTAL_TIMEOUT_MS,
    EMBED_ATTEMPT_TIMEOUT_MS,
    EMBED_TOTAL_TIMEOUT_MS,
    RERANK_ATTEMPT_TIMEOUT_MS,
    RERANK_TOTAL_TIMEOUT_MS,
    STREAM_FIRST_EVENT_TIMEOUT_MS,
    STREAM_IDLE_TIMEOUT_MS,
    STREAM_TOTAL_TIMEOUT_MS,
    STREAM_KEEP_ALIVE_MS,
    SECRET_TIMEOUT_MS,
    SECRET_TTL_SECS,
    CLIENTS_TTL_SECS,
    DEADLINE_MARGIN_MS,
    HEALTH_TIMEOUT_MS,
    HEALTH_CACHE_SECS,
];

/// Prints the table as the Markdown of `docs/configuration.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         Every function reads these environment variables once, at its start. A value that is out of range, or a\n\
         `GATEWAY_*` name that is not in this table, stops the start with all problems listed. AWS endpoints,\n\
         region and credentials are the AWS SDK's own variables; `RUST_LOG` sets the log level.\n\n\
         | variable | accepts | default | what |\n|---|---|---|---|\n",
    );
    for setting in ALL {
        let accepts = match setting.kind {
            Kind::Text => "text".to_string(),
            Kind::Url => "`https://…`, or `http://…` on loopback".to_string(),
            Kind::OneOf(words) => words.join(" or "),
            Kind::Pairs => "`model=fallback,…`, or `none`".to_string(),
            Kind::Number { min, max } => format!("{min} to {max}"),
        };
        let default = match setting.default {
            // The default follows the release; naming it here would make every release edit this page.
            Some(_) if setting.name == VERSION.name => "the release".to_string(),
            Some(default) => format!("`{default}`"),
            None => "–".to_string(),
        };
        out += &format!("| `{}` | {accepts} | {default} | {} |\n", setting.name, setting.about);
    }
    out
}
