//! An upstream that says what a test tells it to, byte for byte, over plain sockets.

use bytes::Bytes;
use http::HeaderMap;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};

/// One thing the stub does with a connection, in order.
#[derive(Clone, Debug)]
pub enum Step {
    Write(Bytes),
    Wait(Duration),
    /// Waits until the test gives leave, once for each step of this kind.
    Leave(Arc<Semaphore>),
    /// Closes the connection at once, with a reset.
    Reset,
    /// Closes the connection, as if all had been said.
    Close,
    /// Sends nothing more and leaves the connection open.
    Hang,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    /// Returns a field of the JSON body as text, empty where there is none.
    pub fn field(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body[name].as_str().map_or_else(String::new, str::to_string)
    }
}

type Answering = dyn Fn(&Seen) -> Vec<Step> + Send + Sync;

/// The stub. Planned answers are given in order, then what `otherwise` says; without that it answers 500.
#[derive(Clone)]
pub struct Stub {
    pub url: String,
    answers: Arc<Mutex<VecDeque<Vec<Step>>>>,
    otherwise: Arc<Mutex<Arc<Answering>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Ends the connections that wait for a request.
    closing: Arc<Notify>,
}

/// Writes an HTTP answer with a length.
pub fn write_answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<Step> {
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    vec![Step::Write([head.as_bytes(), b"\r\n", body].concat().into())]
}

/// Writes a JSON answer.
pub fn write_json(status: u16, body: &serde_json::Value) -> Vec<Step> {
    write_answer(status, &[("content-type", "application/json")], body.to_string().as_bytes())
}

/// Writes the head of a stream of events and then each piece as one chunk.
pub fn write_stream(headers: &[(&str, &str)], pieces: &[&[u8]]) -> Vec<Step> {
    let mut steps = vec![write_stream_head(headers)];
    steps.extend(pieces.iter().map(|piece| write_chunk(piece)));
    steps.push(Step::Write(Bytes::from_static(b"0\r\n\r\n")));
    steps
}

/// Writes the head of a stream of events.
pub fn write_stream_head(headers: &[(&str, &str)]) -> Step {
    let mut head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n"
            .to_string();
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    Step::Write((head + "\r\n").into())
}

/// Writes one chunk of a body.
pub fn write_chunk(piece: &[u8]) -> Step {
    Step::Write([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat().into())
}

impl Stub {
    /// Starts the stub on a free port of this machine; it ends with the test's runtime.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let nothing_left = |_: &Seen| write_answer(500, &[], b"the stub has no answer left");
        let stub = Self {
            url,
            answers: Arc::default(),
            otherwise: Arc::new(Mutex::new(Arc::new(nothing_left))),
            seen: Arc::default(),
            closing: Arc::default(),
        };
        let serving = stub.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let _ = socket.set_nodelay(true);
                tokio::spawn(serving.clone().serve(socket));
            }
        });
        stub
    }

    /// Plans the answer to the next request that has none yet.
    pub fn plan_answer(&self, steps: Vec<Step>) {
        self.answers.lock().expect("no panic").push_back(steps);
    }

    /// Says how every request is answered that has no planned answer.
    pub fn answer_others(&self, answering: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) {
        *self.otherwise.lock().expect("no panic") = Arc::new(answering);
    }

    /// Closes every connection that waits for a next request.
    pub fn close_idle(&self) {
        self.closing.notify_waiters();
    }

    /// Returns how many requests named this model so far.
    pub fn count_calls(&self, model: &str) -> usize {
        self.seen().iter().filter(|seen| seen.field("model") == model).count()
    }

    /// Returns the requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    async fn serve(self, mut socket: TcpStream) {
        loop {
            let seen = tokio::select! {
                seen = read_request(&mut socket) => seen,
                () = self.closing.notified() => None,
            };
            let Some(seen) = seen else { return };
            self.seen.lock().expect("no panic").push(seen.clone());
            let planned = self.answers.lock().expect("no panic").pop_front();
            let otherwise = self.otherwise.lock().expect("no panic").clone();
            for step in planned.unwrap_or_else(|| otherwise(&seen)) {
                match step {
                    Step::Write(bytes) => {
                        if socket.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                    Step::Wait(time) => tokio::time::sleep(time).await,
                    Step::Leave(leave) => match leave.acquire().await {
                        Ok(permit) => permit.forget(),
                        Err(_) => return,
                    },
                    Step::Reset => {
                        let _ = socket.set_zero_linger();
                        return;
                    }
                    Step::Close => return,
                    Step::Hang => std::future::pending().await,
                }
            }
        }
    }
}

/// Reads one request with a content length; `None` once the peer has closed.
async fn read_request(socket: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_string();
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((
            name.parse::<http::HeaderName>().ok()?,
            value.trim().parse::<http::HeaderValue>().ok()?,
        ))
    });
    let headers: HeaderMap = headers.collect();
    let length: usize = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    while bytes.len() < head_end + length {
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Seen { path, headers, body: Bytes::from(bytes).slice(head_end..head_end + length) })
}
