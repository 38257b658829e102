//! Reads Cohere's stream in whole frames, however the network has cut it.

use crate::cohere::classify;
use crate::error::Result;
use crate::secrets::cached::Versioned;
use crate::secrets::key::ApiKey;
use crate::transport::TransportResponse;
use crate::wire::stream::take_frames;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;

/// Largest frame that is waited for; Cohere's are a few kilobytes.
const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// The rest of a stream.
#[derive(Debug)]
pub struct EventReader {
    response: TransportResponse,
    buffer: BytesMut,
    /// What must not come back to the caller.
    key: Arc<Versioned<ApiKey>>,
}

impl EventReader {
    pub fn new(response: TransportResponse, key: Arc<Versioned<ApiKey>>) -> Self {
        Self { response, buffer: BytesMut::new(), key }
    }

    /// Waits for one or more complete frames; `None` at a clean end. Safe to cancel: nothing read is lost.
    ///
    /// # Errors
    /// The connection broke, or a frame is cut off or too large.
    pub async fn next_frames(&mut self) -> Result<Option<Bytes>> {
        loop {
            let chunk =
                self.response.chunk().await.map_err(|error| classify::from_transport(&error))?;
            let Some(chunk) = chunk else {
                let is_clean = self.buffer.iter().all(u8::is_ascii_whitespace);
                let cut_off = classify::malformed_answer("the stream ended inside an event");
                return if is_clean { Ok(None) } else { Err(cut_off) };
            };
            // Mostly a chunk is whole frames already, and needs no copy.
            if self.buffer.is_empty() && chunk.ends_with(b"\n\n") {
                return Ok(Some(self.key.value.mask_key(chunk)));
            }
            self.buffer.extend_from_slice(&chunk);
            if let Some(frames) = take_frames(&mut self.buffer) {
                return Ok(Some(self.key.value.mask_key(frames)));
            }
            if self.buffer.len() > MAX_FRAME_BYTES {
                return Err(classify::malformed_answer("an event is larger than 4 MiB"));
            }
        }
    }
}
