//! Limits of requests and answers.

use super::reader::Reader;
use super::setting::{number, settings};
use std::time::Duration;

settings! {
    /// Largest request body, in bytes as the caller sends them. Lambda takes 6 MB of event, in which the
    /// body is a third longer.
    GATEWAY_MAX_BODY_BYTES = number(1_000, 4_500_000, "4500000");
    /// Longest `Retry-After` of an answer: the SDKs sleep it twice before their user hears anything.
    GATEWAY_RETRY_AFTER_MAX_SECS = number(1, 60, "5");
    /// Most texts, images or inputs of one embed request. Cohere takes 2 000 inputs a minute.
    GATEWAY_EMBED_MAX_TEXTS = number(1, 100_000, "1920");
    /// Largest answer an embed request may be expected to have. It is held in memory until it is
    /// complete.
    GATEWAY_EMBED_MAX_ANSWER_BYTES = number(1_000, 200_000_000, "48000000");
}

/// Limits of requests and answers.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    /// `GATEWAY_MAX_BODY_BYTES`
    pub max_body_bytes: usize,
    /// `GATEWAY_RETRY_AFTER_MAX_SECS`
    pub retry_after_max: Duration,
    /// Texts, images or inputs of one embed request: `GATEWAY_EMBED_MAX_TEXTS`.
    pub embed_max_inputs: usize,
    /// Expected size of an embed answer: `GATEWAY_EMBED_MAX_ANSWER_BYTES`.
    pub embed_max_answer_bytes: usize,
}

impl LimitsConfig {
    pub(super) fn read_from(reader: &mut Reader) -> Self {
        Self {
            max_body_bytes: reader.read_count(&GATEWAY_MAX_BODY_BYTES),
            retry_after_max: reader.read_secs(&GATEWAY_RETRY_AFTER_MAX_SECS),
            embed_max_inputs: reader.read_count(&GATEWAY_EMBED_MAX_TEXTS),
            embed_max_answer_bytes: reader.read_count(&GATEWAY_EMBED_MAX_ANSWER_BYTES),
        }
    }
}
