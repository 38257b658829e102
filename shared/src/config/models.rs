//! Settings of the models the gateway chooses by itself, and of their limits.

use super::reader::Reader;
use super::setting::{one_of, optional_number, settings, text};

settings! {
    /// Model of a chat request that names none.
    GATEWAY_CHAT_MODEL = text("command-a-03-2025");
    /// Model of a rerank request that names none.
    GATEWAY_RERANK_MODEL = text("rerank-v3.5");
    /// `max_tokens` of a chat request that names none, where lower than the model's own default.
    GATEWAY_CHAT_MAX_TOKENS_DEFAULT = optional_number(1, 1_000_000);
    /// Highest `max_tokens` a caller may ask for; above it the request is refused.
    GATEWAY_CHAT_MAX_TOKENS_CEILING = optional_number(1, 1_000_000);
    /// Whether a model that Cohere has removed is refused here, with its replacement named.
    GATEWAY_RETIRED_MODELS = one_of(&["reject", "pass"], "reject");
}

/// Models the gateway chooses by itself.
#[derive(Clone, Debug)]
pub struct ModelsConfig {
    /// `GATEWAY_CHAT_MODEL`
    pub chat: String,
    /// `GATEWAY_RERANK_MODEL`
    pub rerank: String,
    /// `GATEWAY_CHAT_MAX_TOKENS_DEFAULT`
    pub max_tokens_default: Option<u64>,
    /// `GATEWAY_CHAT_MAX_TOKENS_CEILING`
    pub max_tokens_ceiling: Option<u64>,
    /// Models that Cohere has removed are refused here: `GATEWAY_RETIRED_MODELS`.
    pub rejects_retired: bool,
}

impl ModelsConfig {
    pub(super) fn read_from(reader: &mut Reader) -> Self {
        Self {
            chat: reader.read_text(&GATEWAY_CHAT_MODEL),
            rerank: reader.read_text(&GATEWAY_RERANK_MODEL),
            max_tokens_default: reader.read_number(&GATEWAY_CHAT_MAX_TOKENS_DEFAULT),
            max_tokens_ceiling: reader.read_number(&GATEWAY_CHAT_MAX_TOKENS_CEILING),
            rejects_retired: reader.is_word(&GATEWAY_RETIRED_MODELS, "reject"),
        }
    }
}
