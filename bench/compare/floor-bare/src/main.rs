//! The least function that forwards a request: no check, no retry, no log; the key is in its environment.

#[path = "../../forward.rs"]
mod forward;

use forward::forward;
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use std::env;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let upstream = env::var("GATEWAY_UPSTREAM_URL")?;
    let key = env::var("COHERE_API_KEY")?;
    let client = reqwest::Client::builder().build()?;
    let (upstream, key, client) = (&upstream, &key, &client);
    run(service_fn(move |request: Request| async move {
        let answer = forward(client, upstream, key, request).await?;
        let response =
            Response::builder().status(answer.status()).header("content-type", "application/json");
        Ok::<_, Error>(response.body(Body::Text(answer.text().await?))?)
    }))
    .await
}
