//! A fast stand-in for Cohere and Secrets Manager on loopback.
//!
//! `upstream FOLDER` writes `FOLDER/upstream.json`, which names its addresses (plain and over TLS, each without delay
//! and with 20 ms), and `FOLDER/ca.pem` and `FOLDER/ca.hex`, the authority that has signed its certificate.

mod answers;
mod authority;

use answers::Answers;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

type AnyError = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Between two events of a stream.
const EVENT_GAP: Duration = Duration::from_millis(4);
/// Of a stream, with content.
const EVENTS: usize = 32;
const DELAY_MS: [u64; 2] = [0, 20];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AnyError> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: upstream FOLDER")?);
    let answers = Arc::new(Answers::prepare());
    let tls = authority::make_acceptor(&folder)?;
    let mut addresses = serde_json::Map::new();
    for delay_ms in DELAY_MS {
        for (kind, scheme, acceptor) in
            [("plain", "http", None), ("tls", "https", Some(tls.clone()))]
        {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let url = format!("{scheme}://localhost:{}", listener.local_addr()?.port());
            addresses.insert(format!("{kind} {delay_ms}"), url.into());
            let delay = Duration::from_millis(delay_ms);
            tokio::spawn(accept(listener, acceptor, delay, answers.clone()));
        }
    }
    let text = serde_json::to_vec(&addresses)?;
    std::fs::write(folder.join("upstream.new"), text)?;
    std::fs::rename(folder.join("upstream.new"), folder.join("upstream.json"))?;
    std::future::pending().await
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    delay: Duration,
    answers: Arc<Answers>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, answers) = (tls.clone(), answers.clone());
        tokio::spawn(async move {
            let _ = serve(stream, tls, delay, answers).await;
        });
    }
}

async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    delay: Duration,
    answers: Arc<Answers>,
) -> Result<(), AnyError> {
    stream.set_nodelay(true)?;
    let service = service_fn(move |request| answer(request, delay, answers.clone()));
    let mut server = Builder::new(TokioExecutor::new());
    // Windows that hold an answer of 96 vectors: what is measured is the function, not this server's waiting.
    server.http2().initial_stream_window_size(1 << 20).initial_connection_window_size(1 << 24);
    match tls {
        Some(tls) => {
            server.serve_connection(TokioIo::new(tls.accept(stream).await?), service).await
        }
        None => server.serve_connection(TokioIo::new(stream), service).await,
    }
}

async fn answer(
    request: Request<Incoming>,
    delay: Duration,
    answers: Arc<Answers>,
) -> Result<Response<Body>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    if head.headers.contains_key("x-amz-target") {
        return Ok(respond(200, "application/x-amz-json-1.1", vec![answers.secret.clone()]));
    }
    if !delay.is_zero() {
        // A sleep of nothing would last a millisecond.
        tokio::time::sleep(delay).await;
    }
    if !head.headers.contains_key("authorization") {
        return Ok(respond(
            401,
            "application/json",
            vec![Bytes::from_static(b"{\"message\":\"no key\"}")],
        ));
    }
    Ok(match head.uri.path() {
        "/v2/chat" if answers::is_streamed(&body) => stream_events(&answers),
        path => match answers.find(path, &body) {
            Ok(pieces) => respond(200, "application/json", pieces),
            Err(told) => respond(
                400,
                "application/json",
                vec![Bytes::from(format!("{{\"message\":{told:?}}}"))],
            ),
        },
    })
}

fn respond(status: u16, kind: &str, pieces: Vec<Bytes>) -> Response<Body> {
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
    Response::builder()
        .status(status)
        .header("content-type", kind)
        .header("content-length", length)
        .body(StreamBody::new(stream::iter(frames)).boxed_unsync())
        .expect("a status and headers of this program")
}

/// Sends the beginning and the first content at once, then an event after each gap, each with the time of its sending.
fn stream_events(answers: &Answers) -> Response<Body> {
    let (beginning, end) = (answers.stream_beginning.clone(), answers.stream_end.clone());
    let events = stream::unfold(0, move |number| {
        let (beginning, end) = (beginning.clone(), end.clone());
        async move {
            if number > 1 {
                tokio::time::sleep(EVENT_GAP).await;
            }
            let event = match number {
                0 => beginning,
                _ if number <= EVENTS => answers::write_stamped_event(now_ns()),
                _ if number == EVENTS + 1 => end,
                _ => return None,
            };
            Some((Ok(Frame::data(event)), number + 1))
        }
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(StreamBody::new(events).boxed_unsync())
        .expect("headers of this program")
}

fn now_ns() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_nanos()
}
