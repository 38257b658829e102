//! A request as it reached the sandbox.

use bytes::Bytes;
use http::request::Parts;

/// A request as it reached the sandbox.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    pub method: String,
    /// Without the query.
    pub path: String,
    pub query: Option<String>,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl ReceivedRequest {
    /// Takes what the sandbox looks at out of a request.
    pub(super) fn from_parts(parts: &Parts, body: Bytes) -> Self {
        let mut headers = Vec::new();
        for (name, value) in &parts.headers {
            headers
                .push((name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        }
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            headers,
            body,
        }
    }

    /// The first header of that name (given in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
