//! v1's chat, and OpenAI's form of one: a model that is named, tokens that are bounded, and nothing else changed.

use super::answer::PassedAnswer;
use crate::cohere::models::{choose_max_tokens, find_model};
use crate::config::{Config, EndpointTimes, TimesConfig};
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::pipeline::endpoint_rules::EndpointRules;
use crate::wire::UpstreamRequest;
use crate::wire::completions::CompletionRequest;
use crate::wire::dialect::Dialect;
use crate::wire::object::RequestObject;
use crate::wire::token_bound::TokenLimits;
use crate::wire::v1_chat::{V1ChatRequest, keeps_conversation};
use bytes::Bytes;

/// The rules of `POST /v1/chat`.
pub(super) struct V1Chat;

impl EndpointRules for V1Chat {
    const ENDPOINT: Endpoint = Endpoint::V1Chat;
    type Response = PassedAnswer;

    fn validate(body: Bytes, _: Dialect, config: &Config) -> Result<UpstreamRequest> {
        let request = V1ChatRequest::parse(body)?;
        let model = request.model().unwrap_or_else(|| config.models.chat.clone());
        let limits = choose_limits(config, &model);
        request.into_upstream(model, limits)
    }

    fn times(config: &TimesConfig, request: &UpstreamRequest) -> EndpointTimes {
        config.chat.of_tokens(request.max_tokens.unwrap_or(u64::MAX))
    }

    fn is_repeatable(object: &RequestObject) -> bool {
        !keeps_conversation(object)
    }
}

/// The rules of `POST /compatibility/v1/chat/completions`.
pub(super) struct Completions;

impl EndpointRules for Completions {
    const ENDPOINT: Endpoint = Endpoint::Completions;
    type Response = PassedAnswer;

    fn validate(body: Bytes, _: Dialect, config: &Config) -> Result<UpstreamRequest> {
        let request = CompletionRequest::parse(body)?;
        let limits = choose_limits(config, &request.model);
        request.into_upstream(limits)
    }

    fn times(config: &TimesConfig, request: &UpstreamRequest) -> EndpointTimes {
        config.chat.of_tokens(request.max_tokens.unwrap_or(u64::MAX))
    }
}

/// Returns the bounds of a chat with this model: thoughts, where it has them, count as output.
fn choose_limits(config: &Config, model: &str) -> TokenLimits {
    let models = &config.models;
    TokenLimits {
        default: choose_max_tokens(find_model(model), None, models.max_tokens_default),
        ceiling: models.max_tokens_ceiling,
    }
}
