//! An upstream that does what a test tells it to, byte for byte: over plain sockets, or over TLS as Cohere does.

mod certificates;
mod http1;
mod http2;
mod step;
mod wire;

pub use certificates::{Certificate, trusted_certificate};
pub use step::{
    Head, Step, cut_body, join_body, write_answer, write_chunk, write_json, write_stream,
    write_stream_head,
};

use bytes::Bytes;
use http::HeaderMap;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// What a stub speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 without TLS.
    Plain,
    /// HTTP/1.1 over TLS.
    Http1,
    /// HTTP/2 over TLS, and HTTP/1.1 where that alone is offered.
    Http2,
}

impl Protocol {
    pub const ALL: [Protocol; 3] = [Protocol::Plain, Protocol::Http1, Protocol::Http2];
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub is_http2: bool,
    /// Whether its connection has brought no other before.
    pub is_first: bool,
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
    connections: Arc<AtomicUsize>,
    pings: Arc<AtomicUsize>,
    withholds_windows: Arc<AtomicBool>,
    /// How long a TLS handshake is left without an answer.
    handshake_delay: Arc<Mutex<Duration>>,
    /// Ends the connections that wait for a request.
    closing: Arc<Notify>,
}

impl Stub {
    /// Starts a stub without TLS on a free port of this machine; it ends with the test's runtime.
    pub async fn start() -> Self {
        Self::start_with(Protocol::Plain, Certificate::Good).await
    }

    /// Starts a stub that speaks this protocol and shows this certificate.
    pub async fn start_with(protocol: Protocol, certificate: Certificate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (url, acceptor) = match protocol {
            Protocol::Plain => (format!("http://127.0.0.1:{port}"), None),
            Protocol::Http1 | Protocol::Http2 => {
                let acceptor = certificates::make_acceptor(protocol, certificate);
                (format!("https://localhost:{port}"), Some(acceptor))
            }
        };
        let nothing_left = |_: &Seen| write_answer(500, &[], b"the stub has no answer left");
        let stub = Self {
            url,
            answers: Arc::default(),
            otherwise: Arc::new(Mutex::new(Arc::new(nothing_left))),
            seen: Arc::default(),
            connections: Arc::default(),
            pings: Arc::default(),
            withholds_windows: Arc::default(),
            handshake_delay: Arc::default(),
            closing: Arc::default(),
        };
        let serving = stub.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let _ = socket.set_nodelay(true);
                serving.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serving.clone().serve(socket, acceptor.clone()));
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

    /// Says whether bodies are taken in full, or only as far as HTTP/2's first window goes.
    pub fn withhold_windows(&self, withholds: bool) {
        self.withholds_windows.store(withholds, Ordering::SeqCst);
    }

    /// Says how late TLS handshakes are answered.
    pub fn delay_handshakes(&self, delay: Duration) {
        *self.handshake_delay.lock().expect("no panic") = delay;
    }

    /// Returns how many requests named this model so far.
    pub fn count_calls(&self, model: &str) -> usize {
        self.seen().iter().filter(|seen| seen.field("model") == model).count()
    }

    /// Returns how many connections were opened so far.
    pub fn count_connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Returns how many pings of HTTP/2 have come so far.
    pub fn count_pings(&self) -> usize {
        self.pings.load(Ordering::SeqCst)
    }

    /// Returns the requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    /// Records a request and returns what is done about it.
    fn take_steps(&self, seen: &Seen) -> Vec<Step> {
        self.seen.lock().expect("no panic").push(seen.clone());
        let planned = self.answers.lock().expect("no panic").pop_front();
        let otherwise = self.otherwise.lock().expect("no panic").clone();
        planned.unwrap_or_else(|| otherwise(seen))
    }

    async fn serve(self, socket: TcpStream, acceptor: Option<TlsAcceptor>) {
        let Some(acceptor) = acceptor else { return http1::serve(self, socket).await };
        let delay = *self.handshake_delay.lock().expect("no panic");
        tokio::time::sleep(delay).await;
        let Ok(stream) = acceptor.accept(socket).await else { return };
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => http2::serve(self, stream).await,
            _ => http1::serve(self, stream).await,
        }
    }
}
