//! How a stream ends that has failed.

use super::reader::Reader;
use super::setting::{one_of, settings};

const LOUD: &str = "loud";

settings! {
    /// How a stream of v2 ends that has failed: such that most clients raise an exception, or such that only who
    /// reads `finish_reason` notices ([clients](clients.md#a-stream-that-breaks-off)).
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
