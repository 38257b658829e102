//! The stub's HTTP/1.1, over a plain socket or over TLS.

use super::step::{Head, Step};
use super::{Seen, Stub};
use bytes::Bytes;
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection whose socket can be reached.
pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {
    fn socket(&self) -> &TcpStream;
}

impl Connection for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Connection for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Answers the requests of a connection, one after another.
pub(super) async fn serve(stub: Stub, mut connection: impl Connection) {
    let mut is_first = true;
    loop {
        let request = tokio::select! {
            request = read_request(&mut connection) => request,
            () = stub.closing.notified() => None,
        };
        let Some((path, headers, body)) = request else { break };
        let seen = Seen { path, headers, body, is_http2: false, is_first };
        is_first = false;
        for step in with_whole_heads(stub.take_steps(&seen)) {
            let bytes = match step {
                Step::Raw(bytes) => bytes,
                Step::Reset => {
                    let _ = connection.socket().set_zero_linger();
                    return;
                }
                Step::Close => {
                    let _ = connection.shutdown().await;
                    return;
                }
                other => match other.wait().await {
                    true => continue,
                    false => return,
                },
            };
            if connection.write_all(&bytes).await.is_err() || connection.flush().await.is_err() {
                return;
            }
        }
    }
    let _ = connection.shutdown().await;
}

/// Turns heads and pieces into bytes; a head goes out together with the first piece after it.
fn with_whole_heads(steps: Vec<Step>) -> Vec<Step> {
    let (mut written, mut held, mut is_chunked) = (Vec::new(), Vec::new(), false);
    for step in steps {
        let bytes = match step {
            Step::Head(head) => {
                is_chunked = head.length.is_none();
                held = write_head(&head);
                continue;
            }
            Step::Piece(piece) if is_chunked => {
                [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat()
            }
            Step::Piece(piece) => piece.to_vec(),
            Step::End if is_chunked => b"0\r\n\r\n".to_vec(),
            Step::End => Vec::new(),
            other => {
                if !held.is_empty() {
                    written.push(Step::Raw(std::mem::take(&mut held).into()));
                }
                written.push(other);
                continue;
            }
        };
        written.push(Step::Raw([std::mem::take(&mut held), bytes].concat().into()));
    }
    if !held.is_empty() {
        written.push(Step::Raw(held.into()));
    }
    written
}

fn write_head(head: &Head) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} X\r\n", head.status);
    match head.length {
        Some(length) => text += &format!("content-length: {length}\r\n"),
        None => text += "transfer-encoding: chunked\r\n",
    }
    for (name, value) in &head.headers {
        text += &format!("{name}: {value}\r\n");
    }
    (text + "\r\n").into_bytes()
}

/// Reads path, headers and body of a request, none without a content length; `None` once the peer has closed.
async fn read_request(
    connection: &mut (impl AsyncRead + Unpin),
) -> Option<(String, HeaderMap, Bytes)> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
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
    let length: usize = match headers.get("content-length") {
        Some(length) => length.to_str().ok()?.parse().ok()?,
        None => 0,
    };
    while bytes.len() < head_end + length {
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((path, headers, Bytes::from(bytes).slice(head_end..head_end + length)))
}
