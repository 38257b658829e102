//! Cohere on a socket of this machine, for what only a real answer shows.

use crate::app::App;
use crate::pipeline::tests::scripted::start_app_at;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a call is answered: pieces of a body, each after a pause in milliseconds.
pub(super) struct Reply {
    pub(super) content_type: &'static str,
    pub(super) pieces: Vec<(u64, String)>,
}

/// Returns an answer in one piece.
pub(super) fn json(body: impl ToString) -> Reply {
    Reply { content_type: "application/json", pieces: vec![(0, body.to_string())] }
}

/// Returns a stream of events.
pub(super) fn stream(pieces: &[(u64, &str)]) -> Reply {
    let pieces = pieces.iter().map(|(pause, piece)| (*pause, piece.to_string()));
    Reply { content_type: "text/event-stream", pieces: pieces.collect() }
}

/// Bodies of the calls so far.
pub(super) type Calls = Arc<Mutex<Vec<Value>>>;

/// Starts an environment whose Cohere answers as `reply` says of a call's body and its number, from 0.
pub(super) async fn start(
    setting: (&str, &str),
    reply: impl Fn(&Value, usize) -> Reply + Send + Sync + 'static,
) -> (&'static App, Calls) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (calls, reply) = (Calls::default(), Arc::new(reply));
    let seen = calls.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (seen, reply) = (seen.clone(), reply.clone());
            tokio::spawn(async move {
                let body = read_body(&mut socket).await;
                let number = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(body.clone());
                    seen.len() - 1
                };
                write_reply(&mut socket, reply(&body, number)).await;
            });
        }
    });
    (start_app_at(&url, setting, &["v1"]), calls)
}

async fn read_body(socket: &mut TcpStream) -> Value {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 65_536];
        let count = socket.read(&mut piece).await.unwrap();
        request.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&request);
        if let Some((_, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            return body;
        }
        assert!(count > 0, "the request ends early");
    }
}

/// Writes an answer that ends with its connection. A caller that leaves is no failure.
async fn write_reply(socket: &mut TcpStream, reply: Reply) {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {}\r\nconnection: close\r\n\r\n",
        reply.content_type
    );
    let _ = socket.write_all(head.as_bytes()).await;
    for (pause, piece) in reply.pieces {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let _ = socket.write_all(piece.as_bytes()).await;
    }
}
