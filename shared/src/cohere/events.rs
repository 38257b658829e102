//! Reads Cohere's stream in whole events, however the network has cut it; lines become events.

use crate::cohere::classify;
use crate::error::Result;
use crate::secrets::cached::Versioned;
use crate::secrets::key::ApiKey;
use crate::transport::TransportResponse;
use crate::wire::frames::FrameBuffer;
use crate::wire::framing::Framing;
use crate::wire::lines::LineBuffer;
use crate::wire::stream::{self, MessageEnd, StreamEvent};
use bytes::Bytes;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Largest frame that is waited for; Cohere's are a few kilobytes.
const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// The rest of a stream.
#[derive(Debug)]
pub struct EventReader {
    response: TransportResponse,
    buffer: Buffer,
    /// What must not come back to the caller.
    key: Arc<Versioned<ApiKey>>,
}

/// What has come of an event.
#[derive(Debug)]
enum Buffer {
    Events(FrameBuffer),
    Lines(LineBuffer),
}

impl Buffer {
    fn push(&mut self, chunk: Bytes) -> Option<Bytes> {
        match self {
            Buffer::Events(buffer) => buffer.push(chunk),
            Buffer::Lines(buffer) => buffer.push(chunk),
        }
    }

    fn waiting_bytes(&self) -> usize {
        match self {
            Buffer::Events(buffer) => buffer.waiting_bytes(),
            Buffer::Lines(buffer) => buffer.waiting_bytes(),
        }
    }

    fn take_rest(&mut self) -> Bytes {
        match self {
            Buffer::Events(buffer) => buffer.take_rest(),
            Buffer::Lines(buffer) => buffer.take_rest(),
        }
    }
}

impl EventReader {
    /// Reads a stream that Cohere sends in this form.
    pub fn new(response: TransportResponse, form: Framing, key: Arc<Versioned<ApiKey>>) -> Self {
        let buffer = match form {
            Framing::Events => Buffer::Events(FrameBuffer::default()),
            Framing::Lines => Buffer::Lines(LineBuffer::default()),
        };
        Self { response, buffer, key }
    }

    /// Waits for one or more complete frames; `None` at a clean end. Safe to cancel: nothing read is lost.
    ///
    /// # Errors
    /// The connection broke, or a frame is cut off or too large.
    pub async fn next_frames(&mut self) -> Result<Option<Bytes>> {
        loop {
            let chunk = self.response.chunk().await;
            let Some(chunk) = chunk.map_err(|error| classify::from_broken_body(&error))? else {
                return self.end_reading();
            };
            if let Some(frames) = self.buffer.push(chunk) {
                return Ok(Some(self.key.value.mask_key(frames)));
            }
            if self.buffer.waiting_bytes() > MAX_FRAME_BYTES {
                return Err(classify::malformed_answer("an event is larger than 4 MiB"));
            }
        }
    }

    /// Says how the stream has ended: cleanly, or inside an event, whose error is told if it is one.
    fn end_reading(&mut self) -> Result<Option<Bytes>> {
        let rest = self.key.value.mask_key(self.buffer.take_rest());
        if rest.trim_ascii().is_empty() {
            return Ok(None);
        }
        // A line is whole where its JSON is.
        if matches!(self.buffer, Buffer::Lines(_)) && is_whole_json(&rest) {
            return Ok(Some(rest));
        }
        match stream::read_event(&rest) {
            StreamEvent::Failure(failure)
            | StreamEvent::MessageEnd(MessageEnd { failure: Some(failure), .. }) => {
                Err(classify::from_stream_end(&failure))
            }
            _ => Err(classify::cut_short("the stream ended inside an event")),
        }
    }

    /// Reads what still comes and drops it, so that the connection can be used again.
    pub async fn drain(&mut self) {
        while let Ok(Some(_)) = self.response.chunk().await {}
    }
}

fn is_whole_json(event: &[u8]) -> bool {
    let data = stream::read_data(event).unwrap_or_default();
    serde_json::from_slice::<&RawValue>(&data).is_ok()
}
