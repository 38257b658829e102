//! What a request asks for, and what it gets in the end.

use super::stream::opening::OpenedStream;
use crate::cohere::client::Call;
use crate::edge::identity::Identity;
use crate::telemetry::request_log::{Billed, RequestLog};
use crate::wire::UpstreamRequest;
use bytes::Bytes;

/// What a request asks for, and who asks.
pub(super) struct GatewayRequest {
    pub(super) call: Call,
    pub(super) identity: Identity,
    pub(super) request_id: String,
    /// The caller's word on falling back.
    pub(super) fallback: Option<bool>,
    /// The caller wants nothing from memory, and nothing kept.
    pub(super) no_store: bool,
}

/// An answer that is ready for the caller.
pub(super) enum Reply {
    /// The pieces of a body.
    Whole(Vec<Bytes>, Billed),
    Stream(Box<OpenedStream>),
}

/// An answer and the model it came from.
pub(super) struct Settled {
    pub(super) reply: Reply,
    /// What the fallback was sent, where it was not the asked model that answered.
    pub(super) fallback: Option<UpstreamRequest>,
}

impl Settled {
    /// Notes which model has answered, and with which bound of tokens.
    pub(super) fn note(&self, event: &mut RequestLog) {
        if let Some(sent) = &self.fallback {
            event.fell_back_from = event.model.replace(sent.model.clone());
            event.chosen_max_tokens = sent.chosen_max_tokens;
        }
    }
}
