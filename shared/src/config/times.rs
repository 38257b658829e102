//! All times of the request path.

use super::reader::Reader;
use super::setting::{MAX_MS, Setting, number, settings};
use std::time::Duration;

settings! {
    /// Longest time of one call to Cohere, chat.
    GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS = number(1, MAX_MS, "270000");
    /// Time of one call to Cohere, chat, before its tokens. A request has twice what base and tokens give.
    GATEWAY_CHAT_ATTEMPT_BASE_MS = number(1, MAX_MS, "30000");
    /// What each token of `max_tokens` adds to the time of one call, chat.
    GATEWAY_CHAT_ATTEMPT_TOKEN_MS = number(0, 1_000, "25");
    /// Longest time of a whole chat request.
    GATEWAY_CHAT_TOTAL_TIMEOUT_MS = number(100, MAX_MS, "290000");
    /// Time of one call to Cohere, embed.
    GATEWAY_EMBED_ATTEMPT_TIMEOUT_MS = number(1, MAX_MS, "60000");
    /// Time of a whole embed request.
    GATEWAY_EMBED_TOTAL_TIMEOUT_MS = number(100, MAX_MS, "290000");
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

/// What a request may spend on waits beside its calls.
const WAITS: Duration = Duration::from_secs(2);

/// Times of one endpoint's requests that are not streamed.
#[derive(Clone, Copy, Debug)]
pub struct EndpointTimes {
    /// One call to Cohere, from its start to the end of its answer.
    pub attempt: Duration,
    /// The whole request.
    pub total: Duration,
    /// Most that a caller may ask for the whole request.
    pub longest: Duration,
}

impl EndpointTimes {
    fn read_from(reader: &Reader, attempt: &Setting, total: &Setting) -> Self {
        let total = reader.read_millis(total);
        Self { attempt: reader.read_millis(attempt), total, longest: total }
    }
}

/// Times of chats that are not streamed: they follow from the tokens that an answer may have.
///
/// Nothing arrives before such an answer is whole, so that a Cohere which hangs looks like a long answer.
#[derive(Clone, Copy, Debug)]
pub struct ChatTimes {
    /// A call that makes no tokens: `GATEWAY_CHAT_ATTEMPT_BASE_MS`.
    pub base: Duration,
    /// Each token besides: `GATEWAY_CHAT_ATTEMPT_TOKEN_MS`.
    pub token: Duration,
    /// What no request has more of: `GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS`, `GATEWAY_CHAT_TOTAL_TIMEOUT_MS`.
    pub limits: EndpointTimes,
}

impl ChatTimes {
    fn read_from(reader: &Reader) -> Self {
        let (attempt, total) = (&GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS, &GATEWAY_CHAT_TOTAL_TIMEOUT_MS);
        Self {
            base: reader.read_millis(&GATEWAY_CHAT_ATTEMPT_BASE_MS),
            token: reader.read_millis(&GATEWAY_CHAT_ATTEMPT_TOKEN_MS),
            limits: EndpointTimes::read_from(reader, attempt, total),
        }
    }

    /// Returns the times of a request whose answer has at most `max_tokens` tokens: two attempts fit in.
    pub fn of_tokens(&self, max_tokens: u64) -> EndpointTimes {
        let tokens = u32::try_from(max_tokens).unwrap_or(u32::MAX);
        let attempt = self.base.saturating_add(self.token.saturating_mul(tokens));
        EndpointTimes {
            attempt: attempt.min(self.limits.attempt),
            total: attempt.saturating_mul(2).saturating_add(WAITS).min(self.limits.total),
            longest: self.limits.longest,
        }
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
        EndpointTimes { attempt: self.first_event, total: self.total, longest: self.total }
    }
}

/// All times of the request path.
#[derive(Clone, Debug)]
pub struct TimesConfig {
    pub chat: ChatTimes,
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
            chat: ChatTimes::read_from(reader),
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

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use std::time::Duration;

    fn seconds(max_tokens: u64, setting: (&str, &str)) -> [f64; 3] {
        let vars = [("GATEWAY_SECRET_ID", "key"), setting];
        let times = Config::from_vars(&vars).unwrap().times.chat.of_tokens(max_tokens);
        [times.attempt, times.total, times.longest].map(|time: Duration| time.as_secs_f64())
    }

    #[test]
    fn chat_times_follow_from_the_tokens_up_to_the_limits() {
        let none = ("GATEWAY_CHAT_ATTEMPT_TOKEN_MS", "25");
        assert_eq!(seconds(1, none), [30.025, 62.05, 290.0]);
        assert_eq!(seconds(1_000, none), [55.0, 112.0, 290.0]);
        assert_eq!(seconds(4_096, none), [132.4, 266.8, 290.0]);
        assert_eq!(seconds(u64::MAX, none), [270.0, 290.0, 290.0]);
        let everybody = ("GATEWAY_CHAT_ATTEMPT_BASE_MS", "270000");
        assert_eq!(seconds(1, everybody), [270.0, 290.0, 290.0]);
        // A low limit of one call shortens the call and leaves the request its time.
        let short = ("GATEWAY_CHAT_ATTEMPT_TIMEOUT_MS", "400");
        assert_eq!(seconds(1_000, short), [0.4, 112.0, 290.0]);
    }
}
