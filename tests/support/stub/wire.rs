//! The frames of an HTTP/2 connection, on their way between the wire and the stub's server.
//!
//! Here a step writes frames that no sound server would, and pings are counted.

use super::step::Step;
use bytes::{Bytes, BytesMut};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio_rustls::server::TlsStream;

/// What a client sends before its first frame.
const PREFACE: usize = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
/// Identifier 3, value 0.
const NO_STREAMS: [u8; 6] = [0, 3, 0, 0, 0, 0];
/// No stream of a request.
pub(super) const SETTINGS_TAKEN: u32 = 0;
/// An HPACK field of 16 KB, `x: aaa…`, that enters no table.
const FIELD_BYTES: usize = 16_000;

/// A step's side of a connection.
#[derive(Clone)]
pub(super) struct Wire {
    steps: mpsc::UnboundedSender<(Step, u32)>,
    /// What each stream's answer has put on the wire: one for its head, and the bytes of its body. Under
    /// `SETTINGS_TAKEN` how many of a step's settings the client has acknowledged.
    sent: watch::Receiver<HashMap<u32, usize>>,
}

impl Wire {
    /// Takes a step that concerns the connection itself, upon the request of this stream.
    pub(super) fn take_step(&self, step: Step, stream: u32) {
        // A connection that has ended needs no step.
        let _ = self.steps.send((step, stream));
    }

    /// Waits until so much of an answer is on the wire; returns whether the connection stands.
    pub(super) async fn wait_until_sent(&mut self, stream: u32, amount: usize) -> bool {
        let is_sent = |sent: &HashMap<u32, usize>| sent.get(&stream) >= Some(&amount);
        self.sent.wait_for(is_sent).await.is_ok()
    }
}

/// Carries frames until either side ends the connection; returns the server's side of it.
pub(super) fn carry_frames(
    client: TlsStream<TcpStream>,
    pings: Arc<AtomicUsize>,
) -> (DuplexStream, Wire) {
    let (server, near) = tokio::io::duplex(64 * 1024);
    let (steps, taken) = mpsc::unbounded_channel();
    let (sending, sent) = watch::channel(HashMap::new());
    tokio::spawn(async move {
        // Settings that a step has written and the client has not acknowledged yet.
        let unknown_settings = AtomicUsize::new(0);
        let mut client = client;
        let is_reset = {
            let (from_client, to_client) = tokio::io::split(&mut client);
            let (from_server, to_server) = tokio::io::split(near);
            let out = Outgoing {
                to_client,
                taken,
                unknown_settings: &unknown_settings,
                sending: &sending,
            };
            tokio::select! {
                _ = carry_in(from_client, to_server, &pings, &unknown_settings, &sending) => false,
                is_reset = out.carry_out(from_server) => is_reset,
            }
        };
        let _ = match is_reset {
            true => client.get_ref().0.set_zero_linger(),
            false => client.shutdown().await,
        };
    });
    (server, Wire { steps, sent })
}

/// Carries what the client sends, but for acknowledgements that the server would wonder at.
async fn carry_in(
    from_client: impl AsyncRead + Unpin,
    mut to_server: impl AsyncWrite + Unpin,
    pings: &AtomicUsize,
    unknown_settings: &AtomicUsize,
    sending: &watch::Sender<HashMap<u32, usize>>,
) -> Option<()> {
    let mut frames = Frames::new(from_client);
    to_server.write_all(&frames.next_bytes(PREFACE).await?).await.ok()?;
    loop {
        let frame = frames.next_frame().await?;
        let is_ack = frame[4] & ACK != 0;
        match frame[3] {
            PING if !is_ack => {
                pings.fetch_add(1, Ordering::SeqCst);
            }
            SETTINGS if is_ack && unknown_settings.load(Ordering::SeqCst) > 0 => {
                unknown_settings.fetch_sub(1, Ordering::SeqCst);
                sending.send_modify(|sent| *sent.entry(SETTINGS_TAKEN).or_default() += 1);
                continue;
            }
            _ => {}
        }
        to_server.write_all(&frame).await.ok()?;
    }
}

struct Outgoing<'a, W> {
    to_client: W,
    taken: mpsc::UnboundedReceiver<(Step, u32)>,
    unknown_settings: &'a AtomicUsize,
    sending: &'a watch::Sender<HashMap<u32, usize>>,
}

impl<W: AsyncWrite + Unpin> Outgoing<'_, W> {
    /// Carries what the server sends and what steps write; returns whether the end is a reset.
    async fn carry_out(mut self, from_server: impl AsyncRead + Unpin) -> bool {
        let mut frames = Frames::new(from_server);
        loop {
            let is_written = tokio::select! {
                frame = frames.next_frame() => match frame {
                    Some(frame) => self.write_frame(frame).await,
                    None => return false,
                },
                Some((step, stream)) = self.taken.recv() => match step {
                    Step::Reset => return true,
                    Step::Close => return false,
                    step => self.write_step(step, stream).await,
                },
            };
            if is_written.is_none() {
                return false;
            }
        }
    }

    async fn write_frame(&mut self, frame: Bytes) -> Option<()> {
        self.write(&frame).await?;
        let stream = u32::from_be_bytes([frame[5], frame[6], frame[7], frame[8]]);
        let amount = match frame[3] {
            HEADERS => 1,
            DATA => frame.len() - HEAD,
            _ => return Some(()),
        };
        self.sending.send_modify(|sent| *sent.entry(stream).or_default() += amount);
        Some(())
    }

    async fn write_step(&mut self, step: Step, stream: u32) -> Option<()> {
        match step {
            Step::Raw(bytes) => self.write(&bytes).await,
            Step::Goodbye(reason) => {
                let said = [stream.to_be_bytes(), u32::from(reason).to_be_bytes()].concat();
                self.write(&build_frame(GOAWAY, 0, 0, &said)).await
            }
            Step::Mute => std::future::pending().await,
            Step::LosingGoodbye => self.write(&build_frame(GOAWAY, 0, 0, &[0; 8])).await,
            Step::ForbidStreams => {
                self.unknown_settings.fetch_add(1, Ordering::SeqCst);
                self.write(&build_frame(SETTINGS, 0, 0, &NO_STREAMS)).await
            }
            Step::EndlessHeaders => {
                // `:status: 200`, indexed, and then fields without an end.
                self.write(&build_frame(HEADERS, 0, stream, &[0x88])).await?;
                loop {
                    self.write(&build_frame(CONTINUATION, 0, stream, &build_field())).await?;
                }
            }
            other => unreachable!("{other:?} does not concern the connection"),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Option<()> {
        self.to_client.write_all(bytes).await.ok()?;
        self.to_client.flush().await.ok()
    }
}

fn build_frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// Builds a literal HPACK field that enters no table (RFC 7541, 6.2.2).
fn build_field() -> Vec<u8> {
    let mut left = FIELD_BYTES - 0x7f;
    let mut field = vec![0, 1, b'x', 0x7f];
    while left >= 0x80 {
        field.push((left % 0x80) as u8 | 0x80);
        left /= 0x80;
    }
    field.push(left as u8);
    field.resize(field.len() + FIELD_BYTES, b'a');
    field
}

/// Reads frame by frame. A read that is given up loses nothing.
struct Frames<R> {
    from: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    fn new(from: R) -> Self {
        Self { from, buffer: BytesMut::new() }
    }

    async fn next_frame(&mut self) -> Option<Bytes> {
        self.fill(HEAD).await?;
        let length = u32::from_be_bytes([0, self.buffer[0], self.buffer[1], self.buffer[2]]);
        self.next_bytes(HEAD + length as usize).await
    }

    async fn next_bytes(&mut self, count: usize) -> Option<Bytes> {
        self.fill(count).await?;
        Some(self.buffer.split_to(count).freeze())
    }

    async fn fill(&mut self, count: usize) -> Option<()> {
        while self.buffer.len() < count {
            if self.from.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
        Some(())
    }
}
