//! Reads Cohere's stream in whole frames, however the network has cut it.

use crate::cohere::classify;
use crate::error::Result;
use crate::secrets::cached::Versioned;
use crate::secrets::key::ApiKey;
use crate::transport::TransportResponse;
use crate::wire::frames::FrameBuffer;
use crate::wire::stream::{self, MessageEnd, StreamEvent};
use bytes::Bytes;
use std::sync::Arc;

/// Largest frame that is waited for; Cohere's are a few kilobytes.
const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// The rest of a stream.
#[derive(Debug)]
pub struct EventReader {
    response: TransportResponse,
    buffer: FrameBuffer,
    /// What must not come back to the caller.
    key: Arc<Versioned<ApiKey>>,
}

impl EventReader {
    pub fn new(response: TransportResponse, key: Arc<Versioned<ApiKey>>) -> Self {
        Self { response, buffer: FrameBuffer::default(), key }
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
        if self.buffer.is_blank() {
            return Ok(None);
        }
        let rest = self.key.value.mask_key(self.buffer.take_rest());
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
