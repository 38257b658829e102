//! The line about a request that no function has seen, in the form of the functions' own lines.
//!
//! On AWS a metric of API Gateway counts it. Neither headers nor query are read here, and a path is shown
//! only where nothing in it is long enough for a key or a token.

use crate::output::Output;
use serde_json::json;
use shared::clock::{format_iso8601, since_epoch};
use shared::telemetry::redact::redact_id;

/// Where the lines of a function have its name.
const WRITER: &str = "gateway";
/// The longest word of a path of Cohere's is shorter, a key and a token of the gateway are longer.
const MAX_WORD_CHARS: usize = 24;

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
            "method": redact_id(self.method),
            "path": describe_path(self.path),
            "status": self.status,
            "response_type": self.response_type,
        })
        .to_string()
    }
}

fn describe_path(path: &str) -> &str {
    let has_long_word = path.split('/').any(|word| word.len() > MAX_WORD_CHARS);
    if has_long_word { "(no path)" } else { redact_id(path) }
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
    fn path_is_shown_where_it_can_hold_no_secret() {
        for fine in ["/", "/v1/models", "/v2/audio/transcriptions", "//v2/chat"] {
            assert_eq!(describe_path(fine), fine);
        }
        for odd in ["/v2/chat/FakeKeyOfFortyCharacters0123456789abcd", "/cgw_local", "/a%20b", "/é"]
        {
            assert!(describe_path(odd).starts_with("(no "), "{odd}");
        }
    }
}
