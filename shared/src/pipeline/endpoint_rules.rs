//! What an endpoint does in its own way; everything else is the same for all.

use super::model_answer::ModelAnswer;
use crate::cohere::models::{Model, find_model};
use crate::config::{Config, EndpointTimes, FallbackConfig, TimesConfig};
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::wire::UpstreamRequest;
use crate::wire::dialect::Dialect;
use crate::wire::object::RequestObject;
use bytes::Bytes;

/// Bytes that hold at least one token, so that a prompt's size is never thought too small.
const BYTES_PER_TOKEN: u64 = 2;

/// The rules of one endpoint; each has one file beside this one.
pub(super) trait EndpointRules: Sized + Send + 'static {
    const ENDPOINT: Endpoint;
    /// What is to be said against every request.
    const WARNING: Option<&'static str> = None;

    /// The answer that is not streamed.
    type Response: ModelAnswer<Self> + IntoChunks;

    /// Checks a body, chooses the model and writes what Cohere will get.
    ///
    /// # Errors
    /// `invalid_request` and `too_large`, before anything is spent.
    fn validate(body: Bytes, dialect: Dialect, config: &Config) -> Result<UpstreamRequest>;

    /// Returns the times of a request that is not streamed.
    fn times(config: &TimesConfig, request: &UpstreamRequest) -> EndpointTimes;

    /// Tells whether Cohere may get a request twice.
    fn is_repeatable(_: &RequestObject) -> bool {
        true
    }

    /// Tells whether a request falls back to a model where its caller has not said so.
    fn falls_back_unasked(_: &FallbackConfig, _: &Model, _: &RequestObject) -> bool {
        false
    }

    /// Tells whether a model supports everything that a request uses; without a fallback none is asked.
    fn can_answer(_: &Model, _: &RequestObject) -> bool {
        false
    }
}

/// A whole answer that goes to the caller in chunks, none of them copied.
pub(super) trait IntoChunks {
    fn into_chunks(self) -> Vec<Bytes>;
}

/// The answer of a whole request that was split.
pub(super) struct BatchAnswer(pub(super) Vec<Bytes>);

impl IntoChunks for BatchAnswer {
    fn into_chunks(self) -> Vec<Bytes> {
        self.0
    }
}

/// Returns what is known of the model that a request names.
pub(super) fn find_requested(object: &RequestObject) -> Option<&'static Model> {
    find_model(&object.read_name("model")?)
}

/// Tells whether a text of so many bytes fits into a model's context, whatever its tokens.
pub(super) fn fits_context(bytes: usize, model: &Model, object: &RequestObject) -> bool {
    // What the requested model takes fits into a context that is as large, whatever it is: images
    // have far more bytes than tokens.
    if let Some(requested) = find_requested(object)
        && (1..=model.context_tokens).contains(&requested.context_tokens)
    {
        return true;
    }
    bytes as u64 / BYTES_PER_TOKEN <= model.context_tokens
}
