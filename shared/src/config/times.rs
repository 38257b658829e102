//! All times of the request path.

use super::reader::Reader;
use super::setting::{MAX_MS, Setting, number, settings};
use std::time::Duration;

settings! {
    /// Time of one call to Cohere, chat.
    GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS = number(1, MAX_MS, "270000");
    /// Time of a whole chat request.
    GATEWAY_CHAT_TOTAL_TIMEOUT_MS = number(100, MAX_MS, "290000");
    /// Time of one call to Cohere, embed.
    GATEWAY_EMBED_ATTEMPT_TIMEOUT_MS = number(1, MAX_MS, "60000");
    /// Time of a whole embed request.
    GATEWAY_EMBED_TOTAL_TIMEOUT_MS = number(100, MAX_MS, "120000");
    /// Time of one call to Cohere, rerank.
    GATEWAY_RERANK_ATTEMPT_TIMEOUT_MS = number(1, MAX_MS, "30000");
    /// Time of a whole rerank request.
    GATEWAY_RERANK_TOTAL_TIMEOUT_MS = number(100, MAX_MS, "60000");
    /// Time of one call to Cohere until the stream's first event after `message-start`.
    GATEWAY_STREAM_FIRST_EVENT_TIMEOUT_MS = number(1, MAX_MS, "60000");
    /// Longest silence of Cohere inside a stream.
    GATEWAY_STREAM_IDLE_TIMEOUT_MS = number(1, MAX_MS, "60000");
    /// Time of a whole stream.
    GATEWAY_STREAM_TOTAL_TIMEOUT_MS = number(100, MAX_MS, "870000");
    /// Silence after which a keep-alive comment goes to the caller of a stream.
    GATEWAY_STREAM_KEEP_ALIVE_MS = number(10, MAX_MS, "15000");
    /// Time kept free before Lambda's own deadline, in which the answer is written.
    GATEWAY_DEADLINE_MARGIN_MS = number(0, MAX_MS, "1000");
}

/// Times of one endpoint's requests that are not streamed.
#[derive(Clone, Copy, Debug)]
pub struct EndpointTimes {
    /// One call to Cohere, from its start to the end of its answer.
    pub attempt: Duration,
    /// The whole request.
    pub total: Duration,
}

impl EndpointTimes {
    fn read_from(reader: &Reader, attempt: &Setting, total: &Setting) -> Self {
        Self { attempt: reader.read_millis(attempt), total: reader.read_millis(total) }
    }
}

/// Times of streams.
#[derive(Clone, Copy, Debug)]
pub struct StreamTimes {
    /// One call to Cohere, until the first event after `message-start`:
    /// `GATEWAY_STREAM_FIRST_EVENT_TIMEOUT_MS`.
    pub first_event: Duration,
    /// Longest silence of Cohere afterwards: `GATEWAY_STREAM_IDLE_TIMEOUT_MS`.
    pub idle: Duration,
    /// The whole stream: `GATEWAY_STREAM_TOTAL_TIMEOUT_MS`.
    pub total: Duration,
    /// Silence towards the caller after which a comment is sent: `GATEWAY_STREAM_KEEP_ALIVE_MS`.
    pub keep_alive: Duration,
}

impl StreamTimes {
    fn read_from(reader: &Reader) -> Self {
        Self {
            first_event: reader.read_millis(&GATEWAY_STREAM_FIRST_EVENT_TIMEOUT_MS),
            idle: reader.read_millis(&GATEWAY_STREAM_IDLE_TIMEOUT_MS),
            total: reader.read_millis(&GATEWAY_STREAM_TOTAL_TIMEOUT_MS),
            keep_alive: reader.read_millis(&GATEWAY_STREAM_KEEP_ALIVE_MS),
        }
    }
}

impl StreamTimes {
    /// Returns the times of the calls that open a stream, and of the whole stream.
    pub fn endpoint_times(&self) -> EndpointTimes {
        EndpointTimes { attempt: self.first_event, total: self.total }
    }
}

/// All times of the request path.
#[derive(Clone, Debug)]
pub struct TimesConfig {
    /// `GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS`, `GATEWAY_CHAT_TOTAL_TIMEOUT_MS`
    pub chat: EndpointTimes,
    /// `GATEWAY_EMBED_ATTEMPT_TIMEOUT_MS`, `GATEWAY_EMBED_TOTAL_TIMEOUT_MS`
    pub embed: EndpointTimes,
    /// `GATEWAY_RERANK_ATTEMPT_TIMEOUT_MS`, `GATEWAY_RERANK_TOTAL_TIMEOUT_MS`
    pub rerank: EndpointTimes,
    pub stream: StreamTimes,
    /// Kept free before Lambda's own deadline: `GATEWAY_DEADLINE_MARGIN_MS`.
    pub margin: Duration,
}

impl TimesConfig {
    pub(super) fn read_from(reader: &Reader) -> Self {
        Self {
            chat: EndpointTimes::read_from(
                reader,
                &GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS,
                &GATEWAY_CHAT_TOTAL_TIMEOUT_MS,
            ),
            embed: EndpointTimes::read_from(
                reader,
                &GATEWAY_EMBED_ATTEMPT_TIMEOUT_MS,
                &GATEWAY_EMBED_TOTAL_TIMEOUT_MS,
            ),
            rerank: EndpointTimes::read_from(
                reader,
                &GATEWAY_RERANK_ATTEMPT_TIMEOUT_MS,
                &GATEWAY_RERANK_TOTAL_TIMEOUT_MS,
            ),
            stream: StreamTimes::read_from(reader),
            margin: reader.read_millis(&GATEWAY_DEADLINE_MARGIN_MS),
        }
    }
}
