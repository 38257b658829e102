//! The least function that forwards a request and streams the answer: no check, no retry, no log.

#[path = "../../forward.rs"]
mod forward;

use forward::forward;
use lambda_http::{Error, Request, Response, run_with_streaming_response, service_fn};
use std::env;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let upstream = env::var("GATEWAY_UPSTREAM_URL")?;
    let key = env::var("COHERE_API_KEY")?;
    let client = reqwest::Client::builder().build()?;
    let (upstream, key, client) = (&upstream, &key, &client);
    run_with_streaming_response(service_fn(move |request: Request| async move {
        let answer = forward(client, upstream, key, request).await?;
        let kind = answer.headers().get("content-type").cloned();
        let response = Response::builder()
            .status(answer.status())
            .header("content-type", kind.ok_or("an answer without a type")?);
        Ok::<_, Error>(response.body(reqwest::Body::from(answer))?)
    }))
    .await
}
