//! Whether another model may answer a request, and what it is then asked.
//!
//! A fallback must never change what the request meant: where it uses something that the other model lacks,
//! there is none. Chat falls back by itself; embed and rerank only on a wish, the caller's or the operator's,
//! because another embedding model is another vector space and other scores are another scale.

use super::request::GatewayRequest;
use crate::cohere::client::Call;
use crate::cohere::models::{self, Lifetime, Model};
use crate::config::FallbackConfig;
use crate::endpoint::Endpoint;
use crate::wire::UpstreamRequest;
use crate::wire::object::RequestObject;
use crate::wire::scan;

/// Bytes that hold at least one token, so that a prompt's size is never thought too small.
const BYTES_PER_TOKEN: u64 = 2;

/// Returns the call of the fallback, where there is one that can answer.
pub(super) fn call(config: &FallbackConfig, asked: &GatewayRequest) -> Option<Call> {
    let call = &asked.call;
    if !asked.fallback.unwrap_or(config.is_on(call.endpoint)) {
        return None;
    }
    let id = config.of(&call.request.model).filter(|id| asked.identity.check_model(id).is_ok())?;
    let model = models::find(id).filter(|model| model.endpoint == call.endpoint)?;
    let fields = RequestObject::parse(&call.request.body, &[]).ok()?;
    let retired = matches!(model.lifetime, Lifetime::Retired { .. });
    if retired || !can_answer(model, call.endpoint, &fields) {
        return None;
    }
    let id_json = serde_json::Value::from(id).to_string();
    let lowered_tokens = lowered_max_tokens(model, &fields);
    let lowered = lowered_tokens.map(|tokens| tokens.to_string());
    let mut set = vec![("model", id_json.as_str())];
    set.extend(lowered.as_deref().map(|tokens| ("max_tokens", tokens)));
    let request = UpstreamRequest {
        model: id.to_string(),
        body: fields.with(&set),
        stream: call.request.stream,
        chosen_max_tokens: lowered_tokens.or(call.request.chosen_max_tokens),
        expected: call.request.expected,
    };
    Some(Call { request, ..call.clone() })
}

fn can_answer(model: &Model, endpoint: Endpoint, fields: &RequestObject) -> bool {
    match endpoint {
        Endpoint::Chat => can_chat(model, fields),
        Endpoint::Embed => can_embed(model, fields),
        Endpoint::Rerank => {
            fields.raw("documents").is_some_and(|documents| longest(documents) <= model.context_tokens)
        }
    }
}

fn can_chat(model: &Model, fields: &RequestObject) -> bool {
    let messages = fields.raw("messages").unwrap_or_default();
    let has = |word: &str| memchr::memmem::find(messages.as_bytes(), word.as_bytes()).is_some();
    let asks_to_think = fields.raw("thinking").is_some_and(|thinking| !thinking.contains("\"disabled\""));
    // Everything that becomes part of the prompt counts.
    let prompt: usize = ["messages", "documents", "tools", "response_format"]
        .iter()
        .filter_map(|name| fields.raw(name))
        .map(str::len)
        .sum();
    (model.takes_images || !has("\"image_url\""))
        && (model.thinks || !(asks_to_think || has("\"thinking\"")))
        && (model.takes_tool_choice || fields.raw("tool_choice").is_none())
        && (model.context_tokens == 0 || prompt as u64 / BYTES_PER_TOKEN <= model.context_tokens)
}

fn can_embed(model: &Model, fields: &RequestObject) -> bool {
    let dimension = fields.raw("output_dimension").map(|raw| raw.parse().unwrap_or_default());
    let fits = |texts| longest(texts) <= model.context_tokens;
    // Images and mixed inputs have other limits in each generation of models, and a model that makes one
    // length takes no wish for it.
    let makes = |length: u64| model.dimensions.len() > 1 && model.dimensions.contains(&length);
    fields.raw("texts").is_some_and(fits) && dimension.is_none_or(makes)
}

/// Returns the most tokens that any text of an array may have.
fn longest(texts: &str) -> u64 {
    scan::elements(texts).map(str::len).max().unwrap_or_default() as u64 / BYTES_PER_TOKEN
}

fn lowered_max_tokens(model: &Model, fields: &RequestObject) -> Option<u64> {
    let asked: f64 = fields.raw("max_tokens")?.parse().ok()?;
    (model.max_output_tokens > 0 && asked > model.max_output_tokens as f64).then_some(model.max_output_tokens)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::deadline::Deadline;
    use crate::edge::identity::Identity;
    use bytes::Bytes;
    use std::time::Duration;

    fn config() -> FallbackConfig {
        Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap().fallback
    }

    fn asked(endpoint: Endpoint, model: &str, body: &str) -> GatewayRequest {
        let second = Duration::from_secs(1);
        let call = Call {
            endpoint,
            request: UpstreamRequest {
                model: model.into(),
                body: Bytes::from(body.to_string()),
                stream: false,
                chosen_max_tokens: None,
                expected: None,
            },
            headers: http::HeaderMap::new(),
            attempt: second,
            deadline: Deadline::new(crate::clock::now(), second, None, second),
        };
        GatewayRequest {
            call,
            identity: Identity::new("tests", None),
            request_id: String::new(),
            fallback: None,
            no_store: false,
        }
    }

    fn body_of(endpoint: Endpoint, model: &str, body: &str, wish: Option<bool>) -> Option<Bytes> {
        let asked = GatewayRequest { fallback: wish, ..asked(endpoint, model, body) };
        call(&config(), &asked).map(|call| call.request.body)
    }

    #[test]
    fn a_plain_chat_falls_back_with_its_tokens_lowered_to_the_limit() {
        let body =
            r#"{"messages":[{"role":"user","content":"hi"}],"model":"command-a-03-2025","max_tokens":8000}"#;
        assert_eq!(
            body_of(Endpoint::Chat, "command-a-03-2025", body, None).unwrap(),
            r#"{"messages":[{"role":"user","content":"hi"}],"model":"command-r-plus-08-2024","max_tokens":4000}"#
        );
        assert_eq!(body_of(Endpoint::Chat, "command-a-03-2025", body, Some(false)), None);
        assert_eq!(body_of(Endpoint::Chat, "my-own-model", body, None), None);
    }

    #[test]
    fn what_the_fallback_lacks_leaves_no_fallback() {
        let long = format!(r#"{{"messages":[{{"content":"{}"}}]}}"#, "a".repeat(300_000));
        for body in [
            r#"{"messages":[{"content":[{"type":"image_url","image_url":{}}]}]}"#,
            r#"{"messages":[{}],"thinking":{"type":"enabled"}}"#,
            r#"{"messages":[{"content":[{"type":"thinking","thinking":"hm"}]}]}"#,
            r#"{"messages":[{}],"tool_choice":"REQUIRED"}"#,
            &long,
        ] {
            assert_eq!(body_of(Endpoint::Chat, "command-a-03-2025", body, None), None, "{}", &body[..60]);
        }
        let thinking_off = r#"{"messages":[{}],"thinking":{"type":"disabled"}}"#;
        assert!(body_of(Endpoint::Chat, "command-a-03-2025", thinking_off, None).is_some());
    }

    #[test]
    fn embed_and_rerank_fall_back_on_a_wish_only() {
        let embed = r#"{"texts":["a"]}"#;
        assert_eq!(body_of(Endpoint::Embed, "embed-v4.0", embed, None), None);
        assert!(body_of(Endpoint::Embed, "embed-v4.0", embed, Some(true)).is_some());
        let dimension = r#"{"texts":["a"],"output_dimension":256}"#;
        assert_eq!(body_of(Endpoint::Embed, "embed-v4.0", dimension, Some(true)), None);
        assert_eq!(body_of(Endpoint::Embed, "embed-v4.0", r#"{"images":["a"]}"#, Some(true)), None);
        let rerank = r#"{"documents":["a"]}"#;
        assert_eq!(body_of(Endpoint::Rerank, "rerank-v3.5", rerank, None), None);
        assert!(body_of(Endpoint::Rerank, "rerank-v3.5", rerank, Some(true)).is_some());
    }

    #[test]
    fn a_client_falls_back_only_to_a_model_it_may_use() {
        let mut asked = asked(Endpoint::Chat, "command-a-03-2025", r#"{"messages":[{}]}"#);
        assert!(call(&config(), &asked).is_some());
        asked.identity = Identity::new("tests", Some(vec!["command-a-03-2025".into()]));
        assert!(call(&config(), &asked).is_none());
    }
}
