//! One invocation: the event on its way to a function, and the answer on its way back.

use super::routing::ALIAS;
use bytes::Bytes;
use std::fmt;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum InvocationError {
    /// The process ended, or was ended, before it answered.
    Crashed(String),
    /// The function reported an error: the JSON it posted.
    Reported(Bytes),
    /// Every environment stayed busy.
    Throttled,
}

impl fmt::Display for InvocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvocationError::Crashed(why) => write!(f, "the function crashed: it {why}"),
            InvocationError::Reported(report) => {
                write!(f, "the function failed: {}", String::from_utf8_lossy(report))
            }
            InvocationError::Throttled => f.write_str("every environment of the function is busy"),
        }
    }
}

/// A chunk of an answer; an answer that stops without its `End` broke off.
#[derive(Debug)]
pub enum PayloadChunk {
    Data(Bytes),
    End,
}

/// An answer that is read while the function posts it.
#[derive(Debug)]
pub struct Payload {
    pub streamed: bool,
    pieces: mpsc::Receiver<PayloadChunk>,
}

/// The answer broke off.
#[derive(Debug)]
pub struct BrokenOff;

impl Payload {
    /// Returns a payload and the sender of its chunks.
    pub fn new_channel(streamed: bool) -> (mpsc::Sender<PayloadChunk>, Payload) {
        let (sender, pieces) = mpsc::channel(16);
        (sender, Payload { streamed, pieces })
    }

    /// The next chunk exactly as it was posted, `None` after the last.
    pub async fn next_chunk(&mut self) -> Option<Result<Bytes, BrokenOff>> {
        match self.pieces.recv().await {
            Some(PayloadChunk::Data(data)) => Some(Ok(data)),
            Some(PayloadChunk::End) => None,
            None => Some(Err(BrokenOff)),
        }
    }

    /// The whole answer.
    pub async fn read_to_end(mut self) -> Result<Bytes, BrokenOff> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.next_chunk().await {
            whole.extend_from_slice(&chunk?);
        }
        Ok(whole.into())
    }
}

/// How an invocation ended, for what Lambda counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EndedInvocation {
    /// The function reported an error, crashed or ran out of time; a 500 that it answers is none.
    pub has_failed: bool,
    pub duration: Duration,
}

/// By what a function is invoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qualifier {
    /// By its name alone: the newest code. AWS runs what is not published yet, which here never differs.
    None,
    /// By the alias that everything is invoked by.
    Alias,
    /// By the number of a version.
    Version(u32),
}

impl Qualifier {
    /// Reads what stands behind the function's name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "$LATEST" => Some(Qualifier::None),
            ALIAS => Some(Qualifier::Alias),
            number => number.parse().ok().map(Qualifier::Version),
        }
    }

    /// The function's name with this behind it, as ARNs and metrics have it.
    pub fn qualify(self, function: &str) -> String {
        match self {
            Qualifier::None => function.to_owned(),
            Qualifier::Alias => format!("{function}:{ALIAS}"),
            Qualifier::Version(number) => format!("{function}:{number}"),
        }
    }
}

/// One event, where its answer and its end are told, and the slot it occupies.
#[derive(Debug)]
pub struct Invocation {
    pub id: String,
    /// Under which the function was invoked.
    pub arn: String,
    pub event: Bytes,
    pub answer: oneshot::Sender<Result<Payload, InvocationError>>,
    pub ended: oneshot::Sender<EndedInvocation>,
    pub slot: OwnedSemaphorePermit,
}

/// What a child gets when it asks for work.
#[derive(Debug)]
pub struct NextInvocation {
    pub id: String,
    pub arn: String,
    pub event: Bytes,
}
