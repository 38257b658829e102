//! Bounded tokens for chats that are passed through, whichever name the bound has.

use crate::error::{GatewayError, Result};
use crate::wire::chat::parse_max_tokens;
use crate::wire::object::RequestObject;
use crate::wire::{UpstreamRequest, to_json_string};

/// What an operator lets a chat have.
#[derive(Clone, Copy, Debug)]
pub struct TokenLimits {
    /// For a request that names no number.
    pub default: u64,
    pub ceiling: Option<u64>,
}

/// Most tokens of an answer, as the caller has asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenBound {
    asked: Option<(&'static str, u64)>,
}

impl TokenBound {
    /// Reads the bound from whichever of these fields the request has; the larger one counts.
    ///
    /// # Errors
    /// `invalid_request` where one is no whole number of at least 1.
    pub fn read(object: &RequestObject, fields: &[&'static str]) -> Result<Self> {
        let mut bound = Self::default();
        for &field in fields {
            let Some(raw) = object.raw(field) else { continue };
            let tokens = parse_max_tokens(field, raw)?;
            if bound.asked.is_none_or(|(_, known)| known < tokens) {
                bound.asked = Some((field, tokens));
            }
        }
        Ok(bound)
    }
}

/// Writes a chat for Cohere with its model and a bound of its tokens; what the caller has written stays.
///
/// # Errors
/// `invalid_request` where the caller asks for more than the ceiling.
pub fn bound_tokens(
    object: &RequestObject,
    model: String,
    bound: TokenBound,
    limits: TokenLimits,
) -> Result<UpstreamRequest> {
    let ceiling = limits.ceiling.unwrap_or(u64::MAX);
    if let Some((field, tokens)) = bound.asked
        && tokens > ceiling
    {
        let problem = format!("must be at most {ceiling}, the operator's ceiling, got {tokens}");
        return Err(GatewayError::invalid(field, problem));
    }
    let chosen_max_tokens = match bound.asked {
        Some(_) => None,
        None => Some(limits.default.min(ceiling)),
    };
    let model_json = to_json_string(&model);
    let tokens_json = chosen_max_tokens.map(|tokens| tokens.to_string());
    let mut set: Vec<(&str, &[u8])> = Vec::new();
    if !object.has("model") {
        set.push(("model", model_json.as_bytes()));
    }
    if let Some(tokens) = &tokens_json {
        set.push(("max_tokens", tokens.as_bytes()));
    }
    Ok(UpstreamRequest {
        stream: object.raw("stream") == Some(b"true"),
        max_tokens: bound.asked.map(|(_, tokens)| tokens).or(chosen_max_tokens),
        chosen_max_tokens,
        ..UpstreamRequest::of_model(model, object.with(&set))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn bound(body: &'static str, ceiling: Option<u64>) -> Result<(String, Option<u64>)> {
        let object = RequestObject::parse(Bytes::from(body), &[])?;
        let bound = TokenBound::read(&object, &["max_tokens", "max_completion_tokens"])?;
        let limits = TokenLimits { default: 4_096, ceiling };
        let sent = bound_tokens(&object, "m".into(), bound, limits)?;
        Ok((String::from_utf8_lossy(sent.object.body()).into_owned(), sent.max_tokens))
    }

    #[test]
    fn tokens_are_always_bounded_under_whichever_name() {
        for (body, sent, tokens) in [
            ("{}", r#"{"model":"m","max_tokens":4096}"#, 4_096),
            (r#"{"model":"m","max_tokens":7}"#, r#"{"model":"m","max_tokens":7}"#, 7),
            (
                r#"{"model":"m","max_completion_tokens":9}"#,
                r#"{"model":"m","max_completion_tokens":9}"#,
                9,
            ),
        ] {
            assert_eq!(bound(body, None).unwrap(), (sent.to_string(), Some(tokens)));
        }
        assert_eq!(bound("{}", Some(5)).unwrap().1, Some(5));
        for (body, problem) in [
            (r#"{"max_completion_tokens":6}"#, "max_completion_tokens: must be at most 5"),
            (r#"{"max_tokens":6,"max_completion_tokens":1}"#, "max_tokens: must be at most 5"),
            (r#"{"max_completion_tokens":0}"#, "max_completion_tokens: must be a whole number"),
        ] {
            let message = bound(body, Some(5)).unwrap_err().message;
            assert!(message.starts_with(&format!("invalid request: {problem}")), "{message}");
        }
    }
}
