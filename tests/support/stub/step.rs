//! What a stub does to answer a request, step by step; HTTP/1.1 and HTTP/2 carry the same steps.

use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// One thing the stub does, in order.
#[derive(Clone, Debug)]
pub enum Step {
    /// Writes the head of an answer.
    Head(Head),
    /// Writes a piece of its body.
    Piece(Bytes),
    /// Ends a body whose length was not announced.
    End,
    /// Writes bytes of the test's own on the connection: what is no HTTP, or frames of HTTP/2.
    Raw(Bytes),
    Wait(Duration),
    /// Waits until the test gives leave, once for each step of this kind.
    Leave(Arc<Semaphore>),
    /// Closes the connection at once, with a reset.
    Reset,
    /// Closes the connection, as if all had been said.
    Close,
    /// Sends nothing more and leaves the connection open.
    Hang,
    /// Leaves the connection open and says nothing more on it, not even to a ping (HTTP/2).
    Mute,
    /// Resets the request's stream (HTTP/2).
    ResetStream(h2::Reason),
    /// Says goodbye to the connection (HTTP/2): nothing after this request is processed.
    Goodbye(h2::Reason),
    /// Says goodbye to the connection (HTTP/2): neither this request nor what follows is processed.
    LosingGoodbye,
    /// Allows no streams on the connection from now on (HTTP/2).
    ForbidStreams,
    /// Begins a header block on the request's stream and goes on without an end (HTTP/2).
    EndlessHeaders,
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// Length of the body, where it is announced.
    pub length: Option<usize>,
}

impl Head {
    fn new(status: u16, headers: &[(&str, &str)], length: Option<usize>) -> Self {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Self { status, headers: headers.collect(), length }
    }
}

/// Writes an HTTP answer with a length.
pub fn write_answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<Step> {
    let head = Head::new(status, headers, Some(body.len()));
    vec![Step::Head(head), Step::Piece(Bytes::copy_from_slice(body))]
}

/// Writes a JSON answer.
pub fn write_json(status: u16, body: &serde_json::Value) -> Vec<Step> {
    write_answer(status, &[("content-type", "application/json")], body.to_string().as_bytes())
}

/// Writes the head of a stream of events and then each piece as one chunk.
pub fn write_stream(headers: &[(&str, &str)], pieces: &[&[u8]]) -> Vec<Step> {
    let mut steps = vec![write_stream_head(headers)];
    steps.extend(pieces.iter().map(|piece| write_chunk(piece)));
    steps.push(Step::End);
    steps
}

/// Writes the head of a stream of events.
pub fn write_stream_head(headers: &[(&str, &str)]) -> Step {
    let mut head = Head::new(200, headers, None);
    head.headers.push(("content-type".into(), "text/event-stream".into()));
    Step::Head(head)
}

/// Writes one chunk of a body.
pub fn write_chunk(piece: &[u8]) -> Step {
    Step::Piece(Bytes::copy_from_slice(piece))
}

/// Leaves the last bytes of an answer's body out, though its head announces them.
pub fn cut_body(mut steps: Vec<Step>, missing: usize) -> Vec<Step> {
    let Some(Step::Piece(body)) = steps.last_mut() else { panic!("an answer ends with its body") };
    body.truncate(body.len() - missing);
    steps
}

/// Returns the body that these steps write.
pub fn join_body(steps: &[Step]) -> Vec<u8> {
    let pieces = steps.iter().filter_map(|step| match step {
        Step::Piece(piece) => Some(piece.as_ref()),
        _ => None,
    });
    pieces.collect::<Vec<_>>().concat()
}

impl Step {
    /// Waits where the step is to wait; returns whether the next one may follow.
    pub(super) async fn wait(&self) -> bool {
        match self {
            Step::Wait(time) => tokio::time::sleep(*time).await,
            Step::Leave(leave) => match leave.acquire().await {
                Ok(permit) => permit.forget(),
                Err(_) => return false,
            },
            Step::Hang => std::future::pending().await,
            _ => {}
        }
        true
    }
}
