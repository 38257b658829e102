//! The stub's HTTP/2: requests of a connection are answered beside each other, by the same steps.

use super::step::{Head, Step};
use super::wire::{SETTINGS_TAKEN, Wire, carry_frames};
use super::{Seen, Stub};
use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Answers the requests of a connection until it ends.
pub(super) async fn serve(stub: Stub, stream: TlsStream<TcpStream>) {
    let (server, wire) = carry_frames(stream, stub.pings.clone());
    let Ok(mut connection) = h2::server::handshake(server).await else { return };
    let mut is_first = true;
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = stub.closing.notified() => {
                connection.abrupt_shutdown(Reason::NO_ERROR);
                continue;
            }
        };
        let Some(Ok((request, respond))) = accepted else { return };
        tokio::spawn(answer(stub.clone(), request, respond, wire.clone(), is_first));
        is_first = false;
    }
}

async fn answer(
    stub: Stub,
    request: http::Request<RecvStream>,
    respond: SendResponse<Bytes>,
    wire: Wire,
    is_first: bool,
) -> Option<()> {
    let (head, body) = request.into_parts();
    let body = read_body(&stub, body).await?;
    let path = head.uri.path().to_string();
    let seen = Seen { path, headers: head.headers, body, is_http2: true, is_first };
    let number = respond.stream_id().as_u32();
    let mut answer = Answer { respond, body: None, left: None, number, sent: 0, wire };
    for step in stub.take_steps(&seen) {
        answer.take(step).await?;
    }
    Some(())
}

/// Reads a request's body; without leave from the test it takes no more than the first window.
async fn read_body(stub: &Stub, mut from: RecvStream) -> Option<Bytes> {
    let mut body = BytesMut::new();
    while let Some(piece) = from.data().await {
        let piece = piece.ok()?;
        body.extend_from_slice(&piece);
        if !stub.withholds_windows.load(Ordering::SeqCst) {
            from.flow_control().release_capacity(piece.len()).ok()?;
        }
    }
    Some(body.freeze())
}

/// An answer on its stream.
struct Answer {
    respond: SendResponse<Bytes>,
    body: Option<SendStream<Bytes>>,
    /// Bytes of the announced length that have not been sent.
    left: Option<usize>,
    number: u32,
    /// One for the head, and the bytes of the body.
    sent: usize,
    wire: Wire,
}

impl Answer {
    /// Takes a step to its end: what is written is on the wire; `None` where nothing may follow.
    async fn take(&mut self, step: Step) -> Option<()> {
        match step {
            Step::Head(head) => {
                self.left = head.length;
                self.body = Some(self.respond.send_response(build_head(&head), false).ok()?);
                self.sent += 1;
            }
            Step::Piece(piece) => {
                self.left = self.left.map(|left| left - piece.len());
                self.sent += piece.len();
                self.body.as_mut()?.send_data(piece, self.left == Some(0)).ok()?;
            }
            Step::End if self.left.is_none() => {
                self.body.as_mut()?.send_data(Bytes::new(), true).ok()?;
            }
            Step::End => {}
            Step::ResetStream(reason) => match &mut self.body {
                Some(body) => body.send_reset(reason),
                None => self.respond.send_reset(reason),
            },
            Step::Wait(_) | Step::Leave(_) | Step::Hang => {
                return step.wait().await.then_some(());
            }
            Step::Reset | Step::Close | Step::Mute | Step::EndlessHeaders => {
                self.wire.take_step(step, self.number);
                return std::future::pending().await;
            }
            Step::ForbidStreams => {
                self.wire.take_step(step, self.number);
                return self.wire.wait_until_sent(SETTINGS_TAKEN, 1).await.then_some(());
            }
            Step::Raw(_) | Step::Goodbye(_) | Step::LosingGoodbye => {
                self.wire.take_step(step, self.number);
            }
        }
        let is_sent = self.sent == 0 || self.wire.wait_until_sent(self.number, self.sent).await;
        is_sent.then_some(())
    }
}

fn build_head(head: &Head) -> http::Response<()> {
    let mut response = http::Response::builder().status(head.status);
    if let Some(length) = head.length {
        response = response.header("content-length", length);
    }
    for (name, value) in &head.headers {
        response = response.header(name, value);
    }
    response.body(()).expect("a head")
}
