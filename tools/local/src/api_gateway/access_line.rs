//! The line about a request that no function has seen, in the form of the functions' own lines.
//!
//! On AWS a metric of API Gateway counts it. Neither headers nor query are read here, and of a path the
//! words that Cohere's paths and ours are made of: any other may be a token in the wrong place.

use crate::output::Output;
use serde_json::json;
use shared::clock::{format_iso8601, since_epoch};

/// Where the lines of a function have its name.
const WRITER: &str = "gateway";
/// The words of Cohere's paths and of ours.
const PATH_WORDS: &[&str] = &[
    "",
    "api",
    "audio",
    "batches",
    "chat",
    "check",
    "check-api-key",
    "classify",
    "compatibility",
    "completions",
    "connectors",
    "datasets",
    "detokenize",
    "embed",
    "embed-jobs",
    "embeddings",
    "finetuning",
    "generate",
    "health",
    "live",
    "models",
    "parse",
    "rerank",
    "summarize",
    "tokenize",
    "transcriptions",
    "v1",
    "v2",
];

/// A request that was answered without its function.
pub struct RefusedRequest<'a> {
    pub id: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    pub status: u16,
    /// API Gateway's name for such an answer.
    pub response_type: &'a str,
}

impl RefusedRequest<'_> {
    pub fn write_line(&self, output: &Output) {
        output.write_line(WRITER, &self.describe());
    }

    fn describe(&self) -> String {
        json!({
            "timestamp": format_iso8601(since_epoch()),
            "level": "INFO",
            "message": "refused",
            "event": "request_refused",
            "request_id": self.id,
            "method": describe_method(self.method),
            "path": describe_path(self.path),
            "status": self.status,
            "response_type": self.response_type,
        })
        .to_string()
    }
}

/// Returns a method that is known; any other may be any text.
fn describe_method(method: &str) -> &str {
    match method {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
        _ => "…",
    }
}

/// Returns a path with `…` for each word that is not known.
fn describe_path(path: &str) -> String {
    let mut words: Vec<_> = path.split('/').collect();
    for word in &mut words {
        if !PATH_WORDS.contains(word) {
            *word = "…";
        }
    }
    words.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn refused_request_is_one_line_of_json() {
        let refused = RefusedRequest {
            id: "id-1",
            method: "POST",
            path: "/v2/chat",
            status: 401,
            response_type: "UNAUTHORIZED",
        };
        let line = refused.describe();
        assert!(!line.contains('\n'), "{line}");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&line["event"], &line["request_id"]),
            (&json!("request_refused"), &json!("id-1"))
        );
        assert_eq!((&line["path"], &line["status"]), (&json!("/v2/chat"), &json!(401)));
    }

    #[test]
    fn path_is_shown_by_its_known_words() {
        for (path, shown) in [
            ("/", "/"),
            ("/v1/models", "/v1/models"),
            ("/v2/audio/transcriptions", "/v2/audio/transcriptions"),
            ("//v2/chat/", "//v2/chat/"),
            ("/v2/nothing", "/v2/…"),
            ("/v2/chat/FakeKeyOfNobody0123456789/cgw_local", "/v2/chat/…/…"),
        ] {
            assert_eq!(describe_path(path), shown);
        }
    }
}
