//! Whether the Cohere API behind `--upstream` is there and takes the key, asked once while all else starts.
//!
//! `POST /v1/check-api-key` generates nothing and costs nothing.

use anyhow::Context;
use bytes::Bytes;
use http::{Request, header};
use serde_json::Value;
use shared::config::HttpConfig;
use shared::transport::{Transport, TransportError};
use std::io::Write;
use std::time::Duration;

const PATH: &str = "/v1/check-api-key";
/// How long an answer may take; connecting has a time of its own.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts the check; its sentence goes to standard error as soon as there is one.
pub fn start_check(config: HttpConfig, key: String) {
    tokio::spawn(async move {
        let sentence = check_key(&config, &key).await;
        let _ = writeln!(std::io::stderr(), "  cohere  {sentence}");
    });
}

/// Returns what the check came to, as a sentence with what to do.
async fn check_key(config: &HttpConfig, key: &str) -> String {
    let url = &config.upstream_url;
    match tokio::time::timeout(PATIENCE, send_check(config, key)).await {
        Ok(Ok((status, body))) => describe_answer(url, status, &body),
        Ok(Err(problem)) => describe_problem(url, &problem),
        Err(_) => format!("{url} has not answered in {} seconds", PATIENCE.as_secs()),
    }
}

async fn send_check(config: &HttpConfig, key: &str) -> anyhow::Result<(u16, Bytes)> {
    let transport = Transport::new(config).map_err(|error| anyhow::anyhow!("{error}"))?;
    let request = Request::post(format!("{}{PATH}", config.upstream_url))
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .body(Bytes::new())
        .context("CO_API_KEY has characters that no key has")?;
    let answer = transport.send(request).await?;
    Ok((answer.status, answer.collect().await?))
}

fn describe_answer(url: &str, status: u16, body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match (status, body["valid"].as_bool()) {
        (200, Some(true)) => format!("{url} takes the key in CO_API_KEY"),
        (200, Some(false)) | (401 | 403 | 498, _) => format!(
            "{url} refuses the key in CO_API_KEY: copy one from \
             https://dashboard.cohere.com/api-keys, export it and start again"
        ),
        _ => format!(
            "{url} answers {PATH} with {status}, so the key is not checked: \
             if requests fail too, look at the URL of --upstream"
        ),
    }
}

fn describe_problem(url: &str, problem: &anyhow::Error) -> String {
    match problem.downcast_ref() {
        Some(TransportError::Connect(detail)) if detail.contains("dns error") => format!(
            "the host of {url} is not known: look at the URL of --upstream, and at the network"
        ),
        Some(TransportError::Connect(detail)) => format!(
            "{url} cannot be reached: look at the network, and at the URL of --upstream; \
             proxies are not used ({detail})"
        ),
        _ => format!("the key cannot be checked at {url}: {problem:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cohere_sandbox::{CohereSandbox, Key};
    use crate::loopback;
    use shared::config::Config;
    use tokio::sync::watch;

    async fn ask(url: &str, key: &str) -> String {
        let vars = [("GATEWAY_SECRET_ID", "key"), ("GATEWAY_UPSTREAM_URL", url)];
        check_key(&Config::from_vars(&vars).unwrap().http, key).await
    }

    #[tokio::test]
    async fn key_is_checked_without_a_generation() {
        let sandbox = CohereSandbox::new([Key { value: "good".to_owned(), trial: false }]);
        let (listener, address) = loopback::bind_port(0).await.unwrap();
        let stop = watch::Sender::new(false);
        let router = sandbox.to_router();
        tokio::spawn(loopback::serve_until_stopped(listener, router, stop.subscribe()));
        let url = format!("http://{address}");
        assert!(ask(&url, "good").await.ends_with("takes the key in CO_API_KEY"));
        assert!(ask(&url, "bad").await.contains("refuses the key in CO_API_KEY"));
        let paths: Vec<_> = sandbox.requests().iter().map(|seen| seen.path.clone()).collect();
        assert_eq!(paths, [PATH, PATH]);
        assert!(ask(&format!("{url}/elsewhere"), "good").await.contains("with 404"));
        assert!(ask(&url, "two\nlines").await.contains("characters that no key has"));
    }

    #[tokio::test]
    async fn absent_host_and_closed_port_are_told_apart() {
        let (listener, address) = loopback::bind_port(0).await.unwrap();
        drop(listener);
        let closed = ask(&format!("http://{address}"), "good").await;
        assert!(closed.contains("cannot be reached"), "{closed}");
        let unknown = ask("https://nothing.invalid", "good").await;
        assert!(unknown.contains("is not known"), "{unknown}");
    }

    #[test]
    fn answer_says_what_to_do() {
        for (status, body, words) in [
            (200, r#"{"valid":false}"#, "refuses the key"),
            (200, "<html>", "with 200, so the key is not checked"),
            (503, "", "with 503, so the key is not checked"),
        ] {
            let said = describe_answer("https://c", status, body.as_bytes());
            assert!(said.contains(words), "{said}");
        }
    }
}
