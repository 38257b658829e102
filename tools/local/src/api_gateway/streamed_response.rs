//! A function's streamed answer: the head is read from its prelude, then chunk follows chunk.

use super::prelude::{PreludeReader, ResponseHead};
use super::rejection::Rejection;
use crate::lambda::Payload;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use std::io;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a regional REST API lets a stream be silent.
const IDLE_LIMIT: Duration = Duration::from_secs(300);

pub struct StreamedResponse {
    payload: Payload,
    /// When API Gateway's integration timeout is over.
    deadline: Instant,
    /// What came together with the end of the head.
    first: Bytes,
}

impl StreamedResponse {
    pub fn new(payload: Payload, deadline: Instant) -> Self {
        StreamedResponse { payload, deadline, first: Bytes::new() }
    }

    /// The response once its head is known; its body follows while the function writes it.
    pub async fn into_response(mut self) -> Result<Response, Rejection> {
        if !self.payload.streamed {
            // A buffered answer has no prelude; a streaming integration cannot read it.
            return Err(Rejection::IntegrationFailure);
        }
        let head = self.read_head().await?;
        let mut response = Response::builder().status(head.status);
        for (name, value) in &head.headers {
            response = response.header(name, value);
        }
        let body = Body::from_stream(stream::try_unfold(self, StreamedResponse::next_chunk));
        response.body(body).map_err(|_| Rejection::IntegrationFailure)
    }

    async fn read_head(&mut self) -> Result<ResponseHead, Rejection> {
        let mut reader = PreludeReader::default();
        // Ends with the prelude, with its size limit, or with the answer.
        loop {
            let chunk = timeout_at(self.deadline, self.payload.next_chunk()).await;
            let Some(Ok(chunk)) = chunk.map_err(|_| Rejection::IntegrationTimeout)? else {
                return Err(Rejection::IntegrationFailure);
            };
            if let Some((head, first)) =
                reader.push(&chunk).map_err(|_| Rejection::IntegrationFailure)?
            {
                self.first = first;
                return Ok(head);
            }
        }
    }

    /// An error here breaks the connection off. The head is sent already, and a clean end would
    /// make the caller take a part of the answer for the whole.
    async fn next_chunk(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let first = std::mem::take(&mut self.first);
        if !first.is_empty() {
            return Ok(Some((first, self)));
        }
        let limit = self.deadline.min(Instant::now() + IDLE_LIMIT);
        match timeout_at(limit, self.payload.next_chunk()).await {
            Ok(chunk) => match chunk.transpose() {
                Ok(chunk) => Ok(chunk.map(|chunk| (chunk, self))),
                Err(_) => Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the function's answer broke off",
                )),
            },
            Err(_) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the integration's time is over"))
            }
        }
    }
}
