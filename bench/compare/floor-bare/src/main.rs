//! The least function that forwards a request: no check, no retry, no log; the key is in its environment.

use lambda_http::{Body, Error, Request, Response, run, service_fn};
use std::env;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let upstream = env::var("GATEWAY_UPSTREAM_URL")?;
    let key = env::var("COHERE_API_KEY")?;
    let client = reqwest::Client::builder().build()?;
    let (upstream, key, client) = (&upstream, &key, &client);
    run(service_fn(move |request: Request| async move {
        let (head, body) = request.into_parts();
        let call = client
            .post(format!("{upstream}{}", head.uri.path()))
            .bearer_auth(key)
            .header("content-type", "application/json")
            .body(body.to_vec());
        let answer = call.send().await?;
        let response =
            Response::builder().status(answer.status()).header("content-type", "application/json");
        Ok::<_, Error>(response.body(Body::Text(answer.text().await?))?)
    }))
    .await
}
