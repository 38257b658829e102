//! Chat: one call, answered whole or as a stream.

use super::attempts::{CallAnswer, make_attempts};
use super::endpoint_rules::{EndpointRules, IntoChunks, fits_context};
use super::model_answer::{ModelAnswer, ModelRequest};
use crate::app::App;
use crate::cohere::classify;
use crate::cohere::client::Call;
use crate::cohere::models::{Model, choose_max_tokens, find_model};
use crate::config::{Config, EndpointTimes, FallbackConfig, TimesConfig};
use crate::edge::request::Incoming;
use crate::edge::response::Body;
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::record::{BilledUnits, CallStats, RequestRecord};
use crate::resilience::state::SharedRounds;
use crate::wire::UpstreamRequest;
use crate::wire::chat::{ChatAnswerParts, ChatRequest, find_parts, read_thinking};
use crate::wire::dialect::Dialect;
use crate::wire::object::RequestObject;
use crate::wire::object::strings::unescape_words;
use crate::wire::refusal::read_id;
use bytes::Bytes;
use http::Response;
use memchr::memmem;

/// Fields that become part of the prompt.
const PROMPT_FIELDS: [&str; 4] = ["messages", "documents", "tools", "response_format"];

/// Answers one request of the endpoint.
pub async fn handle(app: &'static App, request: Incoming) -> Response<Body> {
    super::handle::<Chat>(app, request).await
}

/// The rules of chat.
pub(super) struct Chat;

/// A chat that is answered whole.
pub(super) struct ChatAnswer {
    body: Bytes,
}

impl EndpointRules for Chat {
    const ENDPOINT: Endpoint = Endpoint::Chat;
    type Response = ChatAnswer;

    fn validate(body: Bytes, _: Dialect, config: &Config) -> Result<UpstreamRequest> {
        let models = &config.models;
        let request = ChatRequest::parse(body)?;
        let model = request.model().unwrap_or_else(|| models.chat.clone());
        let max_tokens =
            choose_max_tokens(find_model(&model), request.thinking, models.max_tokens_default);
        request.into_upstream(model, max_tokens, models.max_tokens_ceiling)
    }

    fn times(config: &TimesConfig, request: &UpstreamRequest) -> EndpointTimes {
        config.chat.of_tokens(request.max_tokens.unwrap_or(u64::MAX))
    }

    fn falls_back_unasked(_: &FallbackConfig, _: &Model, _: &RequestObject) -> bool {
        true
    }

    fn can_answer(model: &Model, object: &RequestObject) -> bool {
        let messages = object.raw("messages").unwrap_or_default();
        let messages = unescape_words(messages);
        let has_images = contains(&messages, b"\"image_url\"");
        let has_thoughts = contains(&messages, b"\"thinking\"");
        let thinking = read_thinking(object);
        // Within its limit there is room for text beside the thoughts.
        let budget = thinking.and_then(|thinking| thinking.budget).unwrap_or_default();
        let thinks_enough = model.thinks && budget < model.max_output_tokens;
        let prompt_bytes: usize =
            PROMPT_FIELDS.iter().filter_map(|name| object.raw(name)).map(<[u8]>::len).sum();
        (model.takes_images || !has_images)
            && (thinks_enough || !(thinking.is_some() || has_thoughts))
            && (model.takes_tool_choice || !object.has("tool_choice"))
            && (model.context_tokens == 0 || fits_context(prompt_bytes, model, object))
    }
}

impl CallAnswer for ChatAnswer {
    async fn fetch(app: &'static App, call: &Call, stats: &mut CallStats) -> Result<Self> {
        let body = app.cohere.call(call, stats).await?;
        let Some(ChatAnswerParts { id, usage }) = find_parts(&body) else {
            stats.record_billed(&call.model, &BilledUnits::find_in(&body));
            return Err(classify::malformed_answer("the JSON is broken, or no chat answer"));
        };
        stats.upstream_id = id.and_then(read_id);
        stats.record_billed(&call.model, &BilledUnits::parse_usage(usage));
        Ok(Self { body })
    }
}

impl ModelAnswer<Chat> for ChatAnswer {
    async fn answer(request: &ModelRequest<'_>, record: &mut RequestRecord) -> Result<Self> {
        let call = request.whole_call();
        let rounds = SharedRounds::default();
        // Boxed: a request's future is moved about until it is first polled, and the calls in it are large.
        Box::pin(make_attempts(request.app, &call, request.role, &rounds, &mut record.calls)).await
    }
}

impl IntoChunks for ChatAnswer {
    fn into_chunks(self) -> Vec<Bytes> {
        vec![self.body]
    }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    memmem::find(text, word).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_request_has_room_for_text_streamed_or_not() {
        let config = Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap();
        for (model, budget) in [
            ("command-next-reasoning", 8_000),
            ("command-next-reasoning", 32_000),
            ("command-next-reasoning", 500_000),
            ("command-a-reasoning-08-2025", 31_000),
            ("command-a-plus-05-2026", 63_000),
        ] {
            for stream in [false, true] {
                let body = format!(
                    r#"{{"model":"{model}","messages":[{{}}],"stream":{stream},"thinking":{{"token_budget":{budget}}}}}"#
                );
                let sent = Chat::validate(Bytes::from(body), Dialect::V2, &config).unwrap();
                let max_tokens = sent.object.read_number("max_tokens").unwrap();
                assert!(max_tokens >= f64::from(budget + 1_000), "{model} {budget}: {max_tokens}");
                assert_eq!(sent.max_tokens, Some(max_tokens as u64));
            }
        }
    }
}
