//! The requests of a batch, and the few lines of HTTP that send them.

use super::batches::{CLIENT_NAMES, RehearsalPhase};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One request; a fault travels in the client's name, which Cohere and its sandbox get.
pub(super) struct RehearsedRequest {
    path: &'static str,
    token: String,
    fault: String,
    body: Value,
}

impl RehearsedRequest {
    /// A token of this rehearsal: it opens nothing anywhere else.
    pub(super) fn token_of(client: &str) -> String {
        format!("cgw_rehearsal_token_of_client_{client}")
    }

    /// A chat without a fault of its own.
    pub(super) fn plain_chat(number: usize) -> RehearsedRequest {
        let question = format!("What do foxes do in winter, part {number}?");
        let messages = json!([{ "role": "user", "content": question.repeat(6) }]);
        RehearsedRequest {
            path: "/v2/chat",
            token: Self::token_of(CLIENT_NAMES[number % CLIENT_NAMES.len()]),
            fault: String::new(),
            body: json!({ "model": "command-a-03-2025", "messages": messages }),
        }
    }

    fn streamed_chat(number: usize) -> RehearsedRequest {
        let mut call = Self::plain_chat(number);
        call.body["stream"] = json!(true);
        if number % 2 == 1 {
            call.body["model"] = json!("command-r7b-12-2024");
        }
        call
    }

    /// Some of the texts come in every batch, the others in this one alone.
    fn embed(number: usize) -> RehearsedRequest {
        let text = |place: usize| match place % 3 {
            0 => format!("a text of batch {number}, number {place}"),
            _ => format!("a text that comes often, number {place}"),
        };
        let texts: Vec<String> = (0..24).map(text).collect();
        let body = json!({
            "model": "embed-v4.0", "input_type": "search_document", "texts": texts,
            "embedding_types": ["float"], "output_dimension": 256,
        });
        RehearsedRequest { path: "/v2/embed", body, ..Self::plain_chat(number) }
    }

    fn rerank(number: usize) -> RehearsedRequest {
        let documents: Vec<String> =
            (0..12).map(|place| format!("document {place} about foxes and snow")).collect();
        let query =
            format!("foxes in winter {}", if number.is_multiple_of(3) { 0 } else { number });
        let body = json!({ "model": "rerank-v3.5", "query": query, "documents": documents });
        RehearsedRequest { path: "/v2/rerank", body, ..Self::plain_chat(number) }
    }

    fn with_fault(mut self, fault: String) -> RehearsedRequest {
        self.fault = format!("fault {fault}");
        self
    }
}

/// Returns the calls of a batch; `haste` divides the times that Cohere takes.
pub(super) fn choose_calls(
    phase: RehearsalPhase,
    number: usize,
    haste: u64,
) -> Vec<RehearsedRequest> {
    // Each phase asks what none has asked before, beside what all ask.
    let number = number + 100 * phase as usize;
    let takes = |milliseconds: usize| format!("delay_ms={}", milliseconds as u64 / haste);
    let spread = number * 97 % 400;
    let chat_time =
        if phase == RehearsalPhase::Slow { 2_600 + 3 * spread } else { 420 + 2 * spread };
    let mut calls = vec![
        RehearsedRequest::plain_chat(number).with_fault(takes(chat_time)),
        RehearsedRequest::plain_chat(number + 1).with_fault(takes(chat_time + 260)),
        RehearsedRequest::streamed_chat(number).with_fault(takes(chat_time / 2)),
        RehearsedRequest::streamed_chat(number + 1).with_fault(takes(chat_time / 2 + 90)),
        RehearsedRequest::streamed_chat(number + 2).with_fault(takes(chat_time / 3)),
        RehearsedRequest::embed(number).with_fault(takes(60 + spread / 3)),
        RehearsedRequest::rerank(number).with_fault(takes(90 + spread / 2)),
    ];
    let fault = match phase {
        RehearsalPhase::Failing => Some("status=503"),
        RehearsalPhase::Limited => Some("status=429 header=retry-after:1"),
        _ => None,
    };
    // An outage has its lucky ones.
    let step = if phase == RehearsalPhase::Failing { 2 } else { 1 };
    if let Some(fault) = fault {
        for call in calls.iter_mut().skip(number % step).step_by(step) {
            call.fault = format!("fault {fault}");
        }
    }
    if number % 4 == 1 {
        calls.push(RehearsedRequest {
            body: json!({ "messages": [] }),
            ..RehearsedRequest::plain_chat(number)
        });
    }
    if number % 4 == 3 {
        calls.push(RehearsedRequest {
            token: RehearsedRequest::token_of("nobody_known"),
            ..RehearsedRequest::plain_chat(number)
        });
    }
    calls
}

/// Sends a request and reads its answer to the end, whatever it is.
pub(super) async fn send(url: &str, call: &RehearsedRequest) -> anyhow::Result<()> {
    let host = url.strip_prefix("http://").context("the address is no http://")?;
    let body = call.body.to_string();
    let (path, token) = (call.path, &call.token);
    let mut head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    if !call.fault.is_empty() {
        head += &format!("x-client-name: {}\r\n", call.fault);
    }
    let mut connection = TcpStream::connect(host).await?;
    connection.write_all(format!("{head}\r\n{body}").as_bytes()).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    ensure!(answer.starts_with(b"HTTP/1.1 "), "{path} was not answered");
    Ok(())
}
