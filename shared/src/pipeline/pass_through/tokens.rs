//! `POST /v1/tokenize` and `POST /v1/detokenize`: the same text has the same tokens for ever, so answers are kept.

use super::answer::{PassedAnswer, call_model};
use crate::cache::CacheEntry;
use crate::cache::access::CacheAccess;
use crate::cache::key::{CacheKey, Digest, KeyPrefix};
use crate::clock::now;
use crate::config::{Config, EndpointTimes, TimesConfig};
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::pipeline::endpoint_rules::{EndpointRules, IntoChunks};
use crate::pipeline::model_answer::{ModelAnswer, ModelRequest};
use crate::record::RequestRecord;
use crate::wire::UpstreamRequest;
use crate::wire::dialect::Dialect;
use crate::wire::object::{KnownFields, RequestObject};
use crate::wire::tokens::{DETOKENIZE, TOKENIZE, parse_request};
use bytes::Bytes;

/// The rules of `POST /v1/tokenize`.
pub(super) struct Tokenize;
/// The rules of `POST /v1/detokenize`.
pub(super) struct Detokenize;

impl EndpointRules for Tokenize {
    const ENDPOINT: Endpoint = Endpoint::Tokenize;
    type Response = KeptAnswer;

    fn validate(body: Bytes, _: Dialect, _: &Config) -> Result<UpstreamRequest> {
        parse_request(body, TOKENIZE)
    }

    fn times(config: &TimesConfig, _: &UpstreamRequest) -> EndpointTimes {
        config.rerank
    }
}

impl EndpointRules for Detokenize {
    const ENDPOINT: Endpoint = Endpoint::Detokenize;
    type Response = KeptAnswer;

    fn validate(body: Bytes, _: Dialect, _: &Config) -> Result<UpstreamRequest> {
        parse_request(body, DETOKENIZE)
    }

    fn times(config: &TimesConfig, _: &UpstreamRequest) -> EndpointTimes {
        config.rerank
    }
}

/// An answer that is kept for the next who asks the same.
pub(super) struct KeptAnswer(Bytes);

impl IntoChunks for KeptAnswer {
    fn into_chunks(self) -> Vec<Bytes> {
        vec![self.0]
    }
}

impl ModelAnswer<Tokenize> for KeptAnswer {
    async fn answer(request: &ModelRequest<'_>, record: &mut RequestRecord) -> Result<Self> {
        answer_once(request, TOKENIZE, record).await
    }
}

impl ModelAnswer<Detokenize> for KeptAnswer {
    async fn answer(request: &ModelRequest<'_>, record: &mut RequestRecord) -> Result<Self> {
        answer_once(request, DETOKENIZE, record).await
    }
}

/// Answers from the cache, or by a call whose answer is kept.
async fn answer_once(
    request: &ModelRequest<'_>,
    known: KnownFields,
    record: &mut RequestRecord,
) -> Result<KeptAnswer> {
    let object = &request.upstream.object;
    let is_cacheable = object.has_only(known) && !request.request.options.no_store;
    let cache = &request.app.cache;
    let access = CacheAccess::new(cache, &request.request.identity.client, is_cacheable);
    let key = cache_key(access.client, known, object);
    if access.is_used()
        && let Some(CacheEntry::Answer(body)) = cache.get(&key, now())
    {
        record.batch = access.batch_stats(1, 1, 0);
        return Ok(KeptAnswer(body));
    }
    record.batch = access.batch_stats(1, 0, 1);
    let PassedAnswer(body) = call_model(request, record).await?;
    if access.is_used() {
        // Copied: a piece of what the connection has read would hold all of it.
        cache.put(key, CacheEntry::Answer(Bytes::copy_from_slice(&body)), now());
    }
    Ok(KeptAnswer(body))
}

/// The fields' names are part of it, so that tokens and texts are not taken for one another.
fn cache_key(client: Option<&[u8]>, known: KnownFields, object: &RequestObject) -> CacheKey {
    let mut fields = vec![client];
    for (name, _) in known {
        fields.extend([Some(name.as_bytes()), object.raw(name)]);
    }
    KeyPrefix::new(fields).with_input(None).key_of(Digest::new([&b"tokens"[..]]))
}
