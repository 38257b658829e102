//! OpenAI's form of embed, without the `input_type` that a search index needs: served with a warning, or refused.

use super::answer::PassedAnswer;
use crate::config::{Config, EndpointTimes, TimesConfig};
use crate::endpoint::Endpoint;
use crate::error::{GatewayError, Result};
use crate::pipeline::endpoint_rules::EndpointRules;
use crate::wire::UpstreamRequest;
use crate::wire::completions::parse_embeddings;
use crate::wire::dialect::Dialect;
use bytes::Bytes;

/// The rules of `POST /compatibility/v1/embeddings`; its answers are never kept.
pub(super) struct CompatibleEmbeddings;

impl EndpointRules for CompatibleEmbeddings {
    const ENDPOINT: Endpoint = Endpoint::CompatibleEmbeddings;
    const WARNING: Option<&'static str> = Some(
        "this endpoint has no input_type, so that documents and queries are embedded alike; \
         for search use POST /v2/embed",
    );
    type Response = PassedAnswer;

    fn validate(body: Bytes, _: Dialect, config: &Config) -> Result<UpstreamRequest> {
        if config.pass_through.refuses_embeddings {
            let problem = "is missing here and the operator refuses that; use POST /v2/embed";
            return Err(GatewayError::invalid("input_type", problem));
        }
        parse_embeddings(body)
    }

    fn times(config: &TimesConfig, _: &UpstreamRequest) -> EndpointTimes {
        config.rerank
    }
}
