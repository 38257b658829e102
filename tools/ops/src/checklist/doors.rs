//! Questions to the running gateway and to Cohere's status page: a few small requests, which cost nothing or a token.

use super::facts::GatewayAnswer;
use crate::aws::{Session, variable};
use crate::store::Store;
use anyhow::{Context, anyhow, ensure};
use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;
use shared::secrets::token::is_token;
use std::time::Duration;

/// Tries of the open health check, and the time between two.
const HEALTH_TRIES: usize = 4;
const HEALTH_PAUSE: Duration = Duration::from_millis(700);
/// Where Cohere tells of incidents, unless GATEWAY_STATUS_URL says otherwise.
const STATUS_URL: &str = "https://status.cohere.com";

/// The token that `cargo run` takes without `--upstream`.
const LOCAL_TOKEN: &str = "cgw_local_token_of_this_machine_only";

/// Asks the health check that everybody may ask.
pub async fn ask_health(session: &Session, url: &str) -> anyhow::Result<GatewayAnswer> {
    let url = format!("{url}/api/health");
    let mut answer = ask_gateway(session, Method::GET, &url, None).await?;
    // Two a second are let through, whoever asks.
    for _ in 1..HEALTH_TRIES {
        if answer.status != 429 {
            break;
        }
        tokio::time::sleep(HEALTH_PAUSE).await;
        answer = ask_gateway(session, Method::GET, &url, None).await?;
    }
    Ok(answer)
}

/// Asks the health check as the client of a laptop, whose token is fixed unless GATEWAY_TOKEN says otherwise.
pub async fn ask_local_door(session: &Session, url: &str) -> anyhow::Result<GatewayAnswer> {
    let token = variable("GATEWAY_TOKEN").unwrap_or_else(|| LOCAL_TOKEN.to_string());
    ask_gateway(session, Method::GET, &format!("{url}/api/health/check"), Some(&token)).await
}

/// Asks the health check as the synthetic client.
pub async fn ask_front_door(
    session: &Session,
    url: &str,
    secret: &str,
) -> anyhow::Result<GatewayAnswer> {
    let held = Store::with_session(session, secret).current().await?;
    let held = held.context("there is no synthetic client yet: deploy")?;
    let token = held.text.expose().trim();
    ensure!(is_token(token), "the secret of the synthetic client holds no token: deploy");
    crate::output::mask(token);
    ask_gateway(session, Method::GET, &format!("{url}/api/health/check"), Some(token)).await
}

/// Asks for a chat without a token.
pub async fn ask_closed_door(session: &Session, url: &str) -> anyhow::Result<GatewayAnswer> {
    ask_gateway(session, Method::POST, &format!("{url}/v2/chat"), None).await
}

/// Asks Cohere's status page for its indicator.
pub async fn ask_status_page(session: &Session) -> anyhow::Result<String> {
    let url = variable("GATEWAY_STATUS_URL").unwrap_or_else(|| STATUS_URL.to_string());
    let url = format!("{}/api/v2/status.json", url.trim_end_matches('/'));
    let (status, body) = send(session, Method::GET, &url, None).await?;
    ensure!(status == 200, "the status page answers {status}");
    let indicator = body["status"]["indicator"].as_str();
    Ok(indicator.context("what the status page says is no status")?.to_string())
}

async fn ask_gateway(
    session: &Session,
    method: Method,
    url: &str,
    token: Option<&str>,
) -> anyhow::Result<GatewayAnswer> {
    let (status, body) = send(session, method, url, token).await?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let word = if body["code"].is_string() { &body["code"] } else { &body["status"] };
    Ok(GatewayAnswer { status, word: text(word), cohere: text(&body["cohere"]["status"]) })
}

async fn send(
    session: &Session,
    method: Method,
    url: &str,
    token: Option<&str>,
) -> anyhow::Result<(u16, Value)> {
    let body = if method == Method::POST { "{}" } else { "" };
    let mut request = Request::builder().method(method).uri(url);
    request = request.header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Bytes::from_static(body.as_bytes()));
    let request = request.map_err(|_| anyhow!("the address cannot be called"))?;
    let response = session.transport.send(request).await?;
    let status = response.status;
    let body = response.collect().await?;
    Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
}
