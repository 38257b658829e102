//! The call that every floor makes.

use lambda_http::{Error, Request};
use reqwest::{Client, Response};

/// Sends a request on as it came, with the key.
pub async fn forward(
    client: &Client,
    upstream: &str,
    key: &str,
    request: Request,
) -> Result<Response, Error> {
    let (head, body) = request.into_parts();
    let call = client
        .post(format!("{upstream}{}", head.uri.path()))
        .bearer_auth(key)
        .header("content-type", "application/json")
        .body(body.to_vec());
    Ok(call.send().await?)
}
