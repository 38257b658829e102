//! An answer that is passed on as it came, once it is known to be one.

use crate::app::App;
use crate::cohere::classify;
use crate::cohere::client::Call;
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::pipeline::attempts::{CallAnswer, make_attempts};
use crate::pipeline::endpoint_rules::{EndpointRules, IntoChunks};
use crate::pipeline::model_answer::{ModelAnswer, ModelRequest};
use crate::record::{BilledUnits, CallStats, RequestRecord};
use crate::resilience::state::SharedRounds;
use crate::wire::refusal::read_id;
use crate::wire::scan;
use bytes::Bytes;
use serde_json::value::RawValue;

/// The fields that an answer cannot be without, any one of them: Cohere's, or OpenAI's.
fn main_fields(endpoint: Endpoint) -> [&'static str; 2] {
    match endpoint {
        Endpoint::V1Chat | Endpoint::Detokenize => ["text", "tool_calls"],
        Endpoint::Tokenize => ["tokens", "token_strings"],
        Endpoint::Completions => ["choices", "choices"],
        Endpoint::CompatibleEmbeddings => ["data", "data"],
        _ => ["models", "data"],
    }
}

/// An answer in one piece.
pub(super) struct PassedAnswer(pub(super) Bytes);

impl CallAnswer for PassedAnswer {
    async fn fetch(app: &'static App, call: &Call, stats: &mut CallStats) -> Result<Self> {
        let body = app.cohere.call(call, stats).await?;
        let Some(found) = find_parts(call, &body) else {
            stats.record_billed(&call.model, &BilledUnits::find_in(&body));
            return Err(classify::malformed_answer("the JSON is broken, or another answer"));
        };
        stats.upstream_id = found.id.and_then(read_id);
        stats.record_billed(&call.model, &found.units);
        Ok(Self(body))
    }
}

/// What is read of an answer.
struct AnswerParts<'a> {
    id: Option<&'a [u8]>,
    units: BilledUnits,
}

/// Reads an answer; `None` where it is not one of the endpoint's.
fn find_parts<'a>(call: &Call, body: &'a [u8]) -> Option<AnswerParts<'a>> {
    serde_json::from_slice::<&RawValue>(body).ok()?;
    let is_one_model = call.endpoint == Endpoint::Models && call.path_rest.starts_with('/');
    let [first, second] = main_fields(call.endpoint);
    let first = if is_one_model { "name" } else { first };
    let names = [first, second, "id", "response_id", "meta", "usage"];
    let [first, second, id, response_id, meta, usage] = scan::find_top_level(body, names)?;
    first.or(second)?;
    let units = match usage {
        Some(usage) => BilledUnits::parse_openai_usage(usage),
        None => BilledUnits::parse_usage(meta.unwrap_or_default()),
    };
    Some(AnswerParts { id: id.or(response_id), units })
}

/// Makes the calls of a request that is one call.
pub(super) async fn call_model(
    request: &ModelRequest<'_>,
    record: &mut RequestRecord,
) -> Result<PassedAnswer> {
    let call = request.whole_call();
    let rounds = SharedRounds::default();
    Box::pin(make_attempts(request.app, &call, request.role, &rounds, &mut record.calls)).await
}

impl<E: EndpointRules> ModelAnswer<E> for PassedAnswer {
    async fn answer(request: &ModelRequest<'_>, record: &mut RequestRecord) -> Result<Self> {
        call_model(request, record).await
    }
}

impl IntoChunks for PassedAnswer {
    fn into_chunks(self) -> Vec<Bytes> {
        vec![self.0]
    }
}
