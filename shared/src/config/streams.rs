//! How a stream ends that has failed.

use super::reader::Reader;
use super::setting::{one_of, settings};

const LOUD: &str = "loud";

settings! {
    /// What the ending of a failed stream of v2 says of its tokens: nothing, as Cohere's own, at which most clients
    /// raise an exception, or zero, which only who reads `finish_reason` notices ([clients](clients.md)).
    GATEWAY_STREAM_FAILED_ENDING = one_of(&[LOUD, "quiet"], LOUD);
}

/// How a stream ends that has failed.
#[derive(Clone, Copy, Debug)]
pub struct StreamsConfig {
    /// `GATEWAY_STREAM_FAILED_ENDING`
    pub ends_loud: bool,
}

impl StreamsConfig {
    pub(super) fn read_from(reader: &mut Reader) -> Self {
        Self { ends_loud: reader.is_word(&GATEWAY_STREAM_FAILED_ENDING, LOUD) }
    }
}
