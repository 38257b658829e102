//! The head of a streamed answer: JSON with status, headers and cookies, then eight NUL bytes.

#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use std::collections::BTreeMap;

const HEAD_END: [u8; 8] = [0; 8];
/// More than API Gateway passes on as headers (10 KB), so that no head it accepts is refused here.
const HEAD_LIMIT_BYTES: usize = 64 * 1024;
/// Headers of the connection, which the server here sets itself.
const CONNECTION: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];

/// Status and headers of an answer.
#[derive(Debug, PartialEq)]
pub struct ResponseHead {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why no head could be read.
#[derive(Debug, PartialEq)]
pub enum PreludeError {
    TooLong,
    Malformed,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PreludeJson {
    #[serde(default = "default_status")]
    status_code: u16,
    /// One value each: API Gateway does not take arrays here.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    cookies: Vec<String>,
}

fn default_status() -> u16 {
    200
}

/// Collects chunks until the head is complete.
#[derive(Default)]
pub struct PreludeReader {
    seen: BytesMut,
}

impl PreludeReader {
    /// Takes a chunk; gives the head and what followed it as soon as the head has ended.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Option<(ResponseHead, Bytes)>, PreludeError> {
        // The end may have begun in the chunk before.
        let from = self.seen.len().saturating_sub(HEAD_END.len() - 1);
        self.seen.extend_from_slice(chunk);
        let Some(at) =
            self.seen[from..].windows(HEAD_END.len()).position(|window| window == HEAD_END)
        else {
            return if self.seen.len() > HEAD_LIMIT_BYTES {
                Err(PreludeError::TooLong)
            } else {
                Ok(None)
            };
        };
        let mut body = self.seen.split_off(from + at);
        let head = ResponseHead::parse(&self.seen)?;
        Ok(Some((head, body.split_off(HEAD_END.len()).freeze())))
    }
}

impl ResponseHead {
    fn parse(json: &[u8]) -> Result<ResponseHead, PreludeError> {
        let json: PreludeJson =
            serde_json::from_slice(json).map_err(|_| PreludeError::Malformed)?;
        let cookies = json.cookies.into_iter().map(|cookie| ("set-cookie".to_owned(), cookie));
        let mut headers = Vec::new();
        for (name, value) in json.headers.into_iter().chain(cookies) {
            let name = HeaderName::try_from(name).map_err(|_| PreludeError::Malformed)?;
            if !CONNECTION.contains(&name.as_str()) {
                headers.push((
                    name,
                    HeaderValue::try_from(value).map_err(|_| PreludeError::Malformed)?,
                ));
            }
        }
        Ok(ResponseHead {
            status: StatusCode::from_u16(json.status_code).map_err(|_| PreludeError::Malformed)?,
            headers,
        })
    }
}
