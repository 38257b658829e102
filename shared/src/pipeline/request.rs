//! What a request asks for, and who asks. Scope: invocation.

use crate::cohere::client::Call;
use crate::deadline::Deadline;
use crate::edge::identity::Identity;
use crate::edge::request::RequestOptions;
use crate::endpoint::Endpoint;
use crate::resilience::rate::RateCost;
use crate::wire::framing::Framing;
use crate::wire::{UpstreamRequest, to_json_string};
use bytes::Bytes;
use http::HeaderMap;
use std::time::Duration;

/// A request that has been validated.
pub(super) struct GatewayRequest {
    pub(super) endpoint: Endpoint,
    pub(super) identity: Identity,
    pub(super) request_id: String,
    pub(super) options: RequestOptions,
    /// What the requested model is sent.
    pub(super) upstream: UpstreamRequest,
    /// Cohere may get it twice.
    pub(super) is_repeatable: bool,
    /// How the caller reads a stream.
    pub(super) framing: Framing,
    /// Headers of the caller that may go upstream.
    pub(super) headers: HeaderMap,
    /// Time of one attempt.
    pub(super) attempt_timeout: Duration,
    pub(super) deadline: Deadline,
}

impl GatewayRequest {
    /// Returns the call that sends a request to Cohere as it is: this one, or the fallback's.
    pub(super) fn call_for(&self, upstream: &UpstreamRequest) -> Call {
        Call {
            endpoint: self.endpoint,
            path_rest: String::new(),
            is_repeatable: self.is_repeatable,
            model: upstream.model.clone(),
            body: upstream.object.body().clone(),
            expected_results: upstream.expected_results.clone(),
            headers: self.headers.clone(),
            attempt_timeout: self.attempt_timeout,
            deadline: self.deadline,
            cost: RateCost::ONE,
        }
    }

    /// Returns the id of an answer from the cache, as JSON.
    pub(super) fn json_id(&self) -> Bytes {
        Bytes::from(to_json_string(&self.request_id))
    }
}
