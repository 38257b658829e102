//! What Cohere's status page says of Cohere. A word that is not known says nothing, and never that all is well.

use crate::transport::Transport;
use bytes::Bytes;
use http::Request;
use serde_json::Value;
use std::time::Duration;

/// Time to read the page.
const LIMIT: Duration = Duration::from_secs(5);

/// What the page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CohereStatus {
    Ok,
    Impaired,
    Unknown,
}

impl CohereStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            CohereStatus::Ok => "ok",
            CohereStatus::Impaired => "impaired",
            CohereStatus::Unknown => "unknown",
        }
    }

    fn from_page(page: &[u8]) -> Self {
        let page: Value = serde_json::from_slice(page).unwrap_or_default();
        match page["status"]["indicator"].as_str() {
            Some("none") => CohereStatus::Ok,
            Some("minor" | "major" | "critical" | "maintenance") => CohereStatus::Impaired,
            _ => CohereStatus::Unknown,
        }
    }
}

/// Reads the page at `url`; one that is not there says nothing.
pub async fn read_status(transport: &Transport, url: &str) -> CohereStatus {
    let request = Request::get(format!("{url}/api/v2/status.json")).body(Bytes::new());
    let exchange = async {
        let answer = transport.send(request.ok()?).await.ok()?;
        if answer.status != 200 {
            return None;
        }
        answer.collect().await.ok()
    };
    match tokio::time::timeout(LIMIT, exchange).await {
        Ok(Some(page)) => CohereStatus::from_page(&page),
        Ok(None) | Err(_) => CohereStatus::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_that_is_not_known_says_nothing() {
        for (indicator, status) in [
            ("none", CohereStatus::Ok),
            ("major", CohereStatus::Impaired),
            ("maintenance", CohereStatus::Impaired),
            ("operational", CohereStatus::Unknown),
            ("", CohereStatus::Unknown),
        ] {
            let page = format!(r#"{{"status":{{"indicator":"{indicator}"}}}}"#);
            assert_eq!(CohereStatus::from_page(page.as_bytes()), status, "{indicator}");
        }
        for page in ["", "{}", "<html>", r#"{"status":"none"}"#] {
            assert_eq!(CohereStatus::from_page(page.as_bytes()), CohereStatus::Unknown, "{page}");
        }
    }
}
