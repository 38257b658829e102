//! What the gateway is measured against: a quota and an outage in virtual time, and here an upstream, a socket on
//! loopback that answers embeddings of 1 536 numbers.
//!
//! The upstream's answers are prepared, so that its own cost is that of writing them, and come after a fixed time. It
//! counts no texts: a call over 2 KB is one of 96 texts, another one of a single text.

pub mod chart;
pub mod outage;
pub mod quota;

use bytes::Bytes;
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const DIMENSION: usize = 1_536;

/// Texts of a full call.
pub const PER_CALL: usize = 96;

/// Builds an embed answer as Cohere writes it.
pub fn answer(texts: usize) -> Bytes {
    let number = |seed: usize| format!("{:.8}", ((seed * 7_919) % 20_011) as f64 / 20_011.0 - 0.5);
    let rows: Vec<_> = (0..texts)
        .map(|text| {
            let row: Vec<_> = (0..DIMENSION).map(|at| number(text * DIMENSION + at)).collect();
            format!("[{}]", row.join(","))
        })
        .collect();
    let echo: Vec<_> = (0..texts).map(|text| format!("text {text}")).collect();
    let body = format!(
        r#"{{"id":"fake","texts":{},"embeddings":{{"float":[{}]}},"meta":{{"api_version":{{"version":"2"}},"billed_units":{{"input_tokens":{texts}}}}},"response_type":"embeddings_by_type"}}"#,
        json!(echo),
        rows.join(",")
    );
    Bytes::from(body)
}

/// Serves one prepared answer for calls of 96 texts and one for calls of a single text.
pub fn upstream(latency: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}", listener.local_addr().expect("loopback"));
    let answers = [answer(1), answer(PER_CALL)].map(|body| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), &body].concat()
    });
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = answers.clone();
            std::thread::spawn(move || serve(stream, &answers, latency));
        }
    });
    url
}

fn serve(stream: TcpStream, answers: &[Vec<u8>; 2], latency: Duration) {
    stream.set_nodelay(true).expect("loopback");
    let mut writer = stream.try_clone().expect("loopback");
    let mut reader = BufReader::new(stream);
    loop {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("loopback");
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("loopback");
        std::thread::sleep(latency);
        if writer.write_all(&answers[usize::from(body.len() > 2_000)]).is_err() {
            return;
        }
    }
}
