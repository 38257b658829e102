//! Replays an exchange: its request goes through the gateway, a stub gives its answer, byte for byte.
//!
//! A stream is cut in ways a network may choose. In one of them the stub sends a frame only once the
//! caller has the one before it, which shows that the gateway keeps none back.

use crate::exchange::Exchange;
use crate::gateway::{self, Answer, Running, read_answer};
use crate::stub::{self, Seen, Step, Stub, write_chunk, write_stream_head};
use http::{Method, header};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What a caller might send besides, and Cohere must not get; `traceparent` alone passes.
pub const EXTRA_HEADERS: [(&str, &str); 5] = [
    ("cookie", "session=not-for-cohere"),
    ("x-forwarded-for", "203.0.113.7"),
    ("x-gateway-cache", "no-store"),
    ("x-something-else", "1"),
    ("traceparent", "00-11111111111111112222222222222222-3333333333333333-01"),
];

/// Far more than a frame takes on loopback: past it, something is held back for good.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the network cuts a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cut {
    /// Frame for frame, each sent when the one before it has reached the caller.
    InTurn,
    /// Every byte by itself.
    Bytes,
    /// Inside every character of several bytes, and between the two line feeds that end a frame.
    Torn,
    /// Several frames and a part of one at a time.
    Lumps,
}

impl Cut {
    pub const ALL: [Cut; 4] = [Cut::InTurn, Cut::Bytes, Cut::Torn, Cut::Lumps];

    /// Cuts the bytes of a stream.
    pub fn cut_stream(self, stream: &[u8]) -> Vec<&[u8]> {
        let is_cut = |at: usize| match self {
            Cut::InTurn => stream[..at].ends_with(b"\n\n"),
            Cut::Bytes => true,
            // A byte 10xxxxxx continues a character.
            Cut::Torn => stream[at] & 0xc0 == 0x80 || stream[at - 1..=at] == *b"\n\n",
            Cut::Lumps => at.is_multiple_of(500),
        };
        let mut pieces = Vec::new();
        let mut from = 0;
        for at in (1..stream.len()).filter(|at| is_cut(*at)).chain([stream.len()]) {
            pieces.push(&stream[from..at]);
            from = at;
        }
        pieces
    }
}

/// A gateway in front of a stub.
pub struct Replay {
    pub running: Running,
    stub: Stub,
}

/// What came out at both ends.
pub struct Played {
    /// What the upstream got.
    pub sent: Seen,
    /// How often it got that.
    pub calls: usize,
    /// What the caller got.
    pub answer: Answer,
}

impl Replay {
    /// Starts a gateway for any number of exchanges.
    pub async fn start() -> Self {
        let stub = Stub::start().await;
        let running = gateway::start_at(&stub.url, &[("GATEWAY_FALLBACKS", "none")]).await;
        Replay { running, stub }
    }

    /// Plays an exchange whose answer comes in one piece; a refusal is given as often as it is asked for.
    pub async fn replay_whole(&self, exchange: &Exchange) -> Played {
        let headers: Vec<_> = list_headers(exchange);
        let steps = match exchange.streamed {
            true => stub::write_stream(&stream_headers(exchange), &[&exchange.body]),
            false => stub::write_answer(exchange.status, &headers, &exchange.body),
        };
        if exchange.status >= 400 {
            // A refusal before this one may have taught the environment not to call.
            self.running.gateway.kill(exchange.path.trim_start_matches("/v2/")).await;
        }
        self.stub.answer_others(move |_| steps.clone());
        let before = self.stub.seen().len();
        let answer = timeout(PATIENCE, read_answer(self.request(exchange))).await;
        let answer = answer.unwrap_or_else(|_| panic!("{}: no whole answer", exchange.name));
        self.collect_played(exchange, before, answer)
    }

    /// Plays an exchange whose answer is a stream, cut by the network.
    pub async fn replay_cut(&self, exchange: &Exchange, cut: Cut) -> Played {
        let pieces = cut.cut_stream(&exchange.body);
        // The gateway holds the first frame until the second has come.
        let leave = Arc::new(Semaphore::new(2));
        let steps = match cut {
            Cut::InTurn => send_in_turn(exchange, &pieces, &leave),
            _ => stub::write_stream(&stream_headers(exchange), &pieces),
        };
        self.stub.plan_answer(steps);
        let before = self.stub.seen().len();
        let shown = format!("{}, {cut:?}", exchange.name);
        let sending = timeout(PATIENCE, self.request(exchange).send()).await;
        let mut response =
            sending.unwrap_or_else(|_| panic!("{shown}: no head")).expect("an answer");
        let (status, headers) =
            (response.status().as_u16(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        loop {
            let chunk = timeout(PATIENCE, response.chunk()).await;
            let chunk =
                chunk.unwrap_or_else(|_| panic!("{shown}: held back after {} bytes", body.len()));
            let Some(chunk) = chunk.unwrap_or_else(|error| panic!("{shown}: {error}")) else {
                break;
            };
            body.extend_from_slice(&chunk);
            if cut == Cut::InTurn {
                assert!(chunk.ends_with(b"\n\n"), "{shown}: a part of a frame came: {chunk:?}");
                leave.add_permits(1);
            }
        }
        let answer = Answer { status, headers, body: body.into() };
        self.collect_played(exchange, before, answer)
    }

    fn request(&self, exchange: &Exchange) -> reqwest::RequestBuilder {
        let token = format!("Bearer {}", self.running.gateway.token);
        let mut request = self
            .running
            .request_without_token(Method::POST, &exchange.path)
            .header(header::AUTHORIZATION, token);
        for (name, value) in &exchange.request_headers {
            request = request.header(name, value);
        }
        if !exchange.request_headers.contains_key("content-type") {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in EXTRA_HEADERS {
            request = request.header(name, value);
        }
        request.body(exchange.request_body.clone())
    }

    fn collect_played(&self, exchange: &Exchange, before: usize, answer: Answer) -> Played {
        let mut seen = self.stub.seen().split_off(before);
        let calls = seen.len();
        assert!(calls > 0, "{}: the upstream was not called: {answer:?}", exchange.name);
        let sent = seen.remove(0);
        for again in seen {
            assert_eq!(
                (again.body, again.headers),
                (sent.body.clone(), sent.headers.clone()),
                "{}",
                exchange.name
            );
        }
        Played { sent, calls, answer }
    }
}

fn list_headers(exchange: &Exchange) -> Vec<(&str, &str)> {
    exchange.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The stub writes a stream's content type itself.
fn stream_headers(exchange: &Exchange) -> Vec<(&str, &str)> {
    list_headers(exchange).into_iter().filter(|(name, _)| *name != "content-type").collect()
}

fn send_in_turn(exchange: &Exchange, frames: &[&[u8]], leave: &Arc<Semaphore>) -> Vec<Step> {
    let mut steps = vec![write_stream_head(&stream_headers(exchange))];
    for frame in frames {
        steps.extend([Step::Leave(leave.clone()), write_chunk(frame)]);
    }
    steps.push(Step::End);
    steps
}
