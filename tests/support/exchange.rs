//! Exchanges with the Cohere API in files: one JSON file each, and beside it the bytes of a stream.
//!
//! Two sets have this form: recordings of the real API, which are not part of this repository, and
//! their self-written twins in `tests/fixtures`. Bodies are kept as they stand in the file, so that
//! the order of fields and the text of every number can be compared.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Headers of the connection a recording was made over; the replay has its own.
const OF_THE_CONNECTION: [&str; 6] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "host",
    "transfer-encoding",
];

/// One request and its answer.
#[derive(Debug)]
pub struct Exchange {
    pub name: String,
    pub path: String,
    /// Names in lower case.
    pub request_headers: BTreeMap<String, String>,
    pub request_body: String,
    pub status: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Bytes,
    /// The answer is a stream of events.
    pub streamed: bool,
}

#[derive(Deserialize)]
struct File {
    name: String,
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    path: String,
    headers: BTreeMap<String, String>,
    body: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
    headers: BTreeMap<String, String>,
    /// The exact text, where it is known.
    body_raw: Option<String>,
    body: Option<Box<RawValue>>,
    /// A file beside this one with the exact bytes.
    body_file: Option<String>,
}

/// Reads a folder's recordings of paths that the gateway serves.
pub fn read_recorded(folder: &Path) -> Vec<Exchange> {
    let mut exchanges = read_folder(folder);
    exchanges.retain(|exchange| exchange.path.starts_with("/v2/"));
    exchanges
}

/// Reads a folder's recordings of paths that are passed through.
pub fn read_passed_through(folder: &Path) -> Vec<Exchange> {
    const PASSED: [&str; 3] = ["/v1/chat", "/v1/tokenize", "/v1/models"];
    let mut exchanges = read_folder(folder);
    exchanges.retain(|exchange| PASSED.iter().any(|path| exchange.path.starts_with(path)));
    exchanges
}

/// Reads the self-written twins.
pub fn read_twins() -> Vec<Exchange> {
    read_folder(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")))
}

fn read_folder(folder: &Path) -> Vec<Exchange> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ext| ext == "json")).collect();
    paths.sort();
    paths.iter().map(|path| Exchange::read(path)).collect()
}

impl Exchange {
    fn read(path: &Path) -> Self {
        let shown = path.display();
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let file: File =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let Response { status, headers, body_raw, body, body_file } = file.response;
        let streamed = body_file.is_some();
        let body = match (body_raw, body, body_file) {
            (Some(raw), ..) => raw.into(),
            (_, Some(body), _) => body.get().to_owned().into(),
            (.., Some(file)) => {
                std::fs::read(path.with_file_name(file)).expect("the file of the body").into()
            }
            (None, None, None) => Bytes::new(),
        };
        let request_body = match file.request.body {
            Some(body) => body.get().to_owned(),
            None => minimal_request(&file.request.path, streamed).to_owned(),
        };
        Exchange {
            name: file.name,
            path: file.request.path,
            request_headers: keep_message_headers(file.request.headers),
            request_body,
            status,
            headers: keep_message_headers(headers),
            body,
            streamed,
        }
    }
}

/// A request for an answer that was recorded without one: the least the gateway takes.
fn minimal_request(path: &str, streamed: bool) -> &'static str {
    match (path, streamed) {
        ("/v2/chat", false) => {
            r#"{"model":"command-a-03-2025","messages":[{"role":"user","content":"hi"}]}"#
        }
        ("/v2/chat", true) => {
            r#"{"model":"command-a-03-2025","messages":[{"role":"user","content":"hi"}],"stream":true}"#
        }
        ("/v2/embed", _) => r#"{"model":"embed-v4.0","input_type":"search_query","texts":["hi"]}"#,
        ("/v2/rerank", _) => r#"{"model":"rerank-v3.5","query":"hi","documents":["ho"]}"#,
        // Not served, so never sent.
        _ => "{}",
    }
}

fn keep_message_headers(headers: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let lower = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    lower.filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str())).collect()
}
