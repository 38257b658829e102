//! The requested model first, then the fallback where it has failed: always for the whole request.
//!
//! One answer comes from one model: what the requested model has answered of a split request, and what
//! the cache holds of it, is left aside when the fallback is asked. A fallback must never change what the
//! request meant: where it uses something that the other model lacks, there is none. Chat falls back by
//! itself, unless the pair says otherwise; embed and rerank only on request, the caller's or the operator's,
//! because another embedding model is another vector space and other scores are another scale. Embedding
//! models that share a vector space stand in for each other by themselves.

use super::endpoint_rules::{EndpointRules, find_requested};
use super::model_answer::{ModelAnswer, ModelRequest, ModelRole};
use super::request::GatewayRequest;
use crate::app::App;
use crate::cohere::models::{self, Lifetime, Model};
use crate::config::{FallbackConfig, FallbackPair};
use crate::error::{Cause, GatewayError, Result};
use crate::record::RequestRecord;
use crate::resilience::retry::Disposition;
use crate::telemetry::redact;
use crate::wire::object::RequestObject;
use crate::wire::{UpstreamRequest, to_json_string};

/// Answers a request by its own model or by the fallback, and records which it was.
///
/// # Errors
/// The requested model's failure; the fallback's refusal where the requested model was not called at all.
pub(super) async fn answer_with_fallback<E: EndpointRules, A: ModelAnswer<E>>(
    app: &'static App,
    request: &GatewayRequest,
    record: &mut RequestRecord,
) -> Result<A> {
    let upstream = &request.upstream;
    // Asked only by a call that has hung or is held back: it looks through the whole request.
    let has_fallback = || match choose_fallback::<E>(&app.config.fallback, request) {
        Some(fallback) => app.upstream_state.may_call(E::ENDPOINT, &fallback.model),
        None => false,
    };
    let role = ModelRole::Primary { has_fallback: &has_fallback };
    let primary = ModelRequest { app, request, upstream, role };
    let error = match A::answer(&primary, record).await {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    if !Disposition::from(error.cause()).falls_back {
        return Err(error);
    }
    let Some(fallback) = choose_fallback::<E>(&app.config.fallback, request) else {
        return Err(error);
    };
    let role = ModelRole::Fallback(&error);
    let calls_before = record.calls.attempts;
    // The fallback's answer comes with its own headers and id only, the failure with those of its call.
    let failed_headers = std::mem::take(&mut record.calls.response_headers);
    let failed_id = record.calls.upstream_id.take();
    match A::answer(&ModelRequest { app, request, upstream: &fallback, role }, record).await {
        Ok(answer) => {
            record.record_fallback(&fallback.model, fallback.chosen_max_tokens);
            Ok(answer)
        }
        // The requested model was only to be spared, and nobody is refused for that.
        Err(second) if error.cause() == Cause::HeldBack => {
            tell_failed_fallback(&fallback.model, &second);
            let role = ModelRole::Primary { has_fallback: &|| false };
            A::answer(&ModelRequest { app, request, upstream, role }, record).await
        }
        // An open breaker must not hide the caller's own mistake.
        Err(second) if calls_before == 0 && is_about_the_request(&second) => {
            record.record_fallback(&fallback.model, fallback.chosen_max_tokens);
            Err(second)
        }
        // The requested model's failure is the one the caller hears of, whatever the fallback says.
        Err(second) => {
            record.calls.response_headers = failed_headers;
            record.calls.upstream_id = failed_id;
            tell_failed_fallback(&fallback.model, &second);
            Err(error)
        }
    }
}

fn tell_failed_fallback(model: &str, error: &GatewayError) {
    tracing::warn!(
        event = "fallback_failed",
        model = redact::redact_id(model),
        code = error.code.as_str(),
        upstream_id = error.upstream_id().map(redact::redact_id),
        detail = error.detail,
        "the fallback failed too"
    );
}

/// Tells whether a refusal is about what the caller sent. A 404 is about the fallback's own id, which the
/// caller has not chosen.
fn is_about_the_request(refusal: &GatewayError) -> bool {
    let is_refused = matches!(refusal.cause(), Cause::BadRequest | Cause::Transient);
    match &refusal.upstream {
        Some(upstream) => is_refused && upstream.status != 404,
        None => false,
    }
}

/// Returns what the fallback is sent, where there is one that can answer.
fn choose_fallback<E: EndpointRules>(
    config: &FallbackConfig,
    request: &GatewayRequest,
) -> Option<UpstreamRequest> {
    let upstream = &request.upstream;
    let FallbackPair { fallback: id, is_on_request, .. } = config.find_pair(&upstream.model)?;
    let model = models::find_model(id)?;
    let is_unasked = !is_on_request && E::falls_back_unasked(config, model, &upstream.object);
    let is_wanted = request.options.fallback.unwrap_or(is_unasked);
    if !is_wanted || request.identity.check_model(id).is_err() {
        return None;
    }
    let is_retired = matches!(model.lifetime, Lifetime::Retired { .. });
    if is_retired || model.endpoint != E::ENDPOINT || !E::can_answer(model, &upstream.object) {
        return None;
    }
    let id_json = to_json_string(id);
    let lowered_tokens = lower_max_tokens(model, &upstream.object);
    let tokens_json = lowered_tokens.map(|tokens| tokens.to_string());
    let mut set = vec![("model", id_json.as_bytes())];
    if let Some(tokens) = &tokens_json {
        set.push(("max_tokens", tokens.as_bytes()));
    }
    if thinks_unlike_requested(model, &upstream.object) {
        set.push(("thinking", br#"{"type":"disabled"}"#));
    }
    Some(UpstreamRequest {
        model: id.to_string(),
        object: upstream.object.with(&set),
        stream: upstream.stream,
        max_tokens: lowered_tokens.or(upstream.max_tokens),
        chosen_max_tokens: lowered_tokens.or(upstream.chosen_max_tokens),
        expected_results: upstream.expected_results.clone(),
        form: upstream.form.clone(),
    })
}

/// Returns the model's limit where the request asks for more tokens.
fn lower_max_tokens(model: &Model, object: &RequestObject) -> Option<u64> {
    let limit = model.max_output_tokens;
    let requested = object.read_number("max_tokens")?;
    if limit > 0 && requested > limit as f64 { Some(limit) } else { None }
}

/// Tells whether a model would think where the requested one does not: its thoughts would stand before the
/// text, and use up the tokens that are meant for it.
fn thinks_unlike_requested(model: &Model, object: &RequestObject) -> bool {
    match find_requested(object) {
        Some(requested) => model.thinks && !requested.thinks && !object.has("thinking"),
        None => false,
    }
}

#[cfg(test)]
mod tests;
