//! The least function that forwards a request: no check, no retry, no log; the key is read at the start with the SDK of AWS.

#[path = "../../forward.rs"]
mod forward;

use forward::forward;
use lambda_http::{Body, Error, Request, Response, run, service_fn};
use std::env;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let upstream = env::var("GATEWAY_UPSTREAM_URL")?;
    let config = aws_config::load_from_env().await;
    let secret = aws_sdk_secretsmanager::Client::new(&config)
        .get_secret_value()
        .secret_id(env::var("GATEWAY_SECRET_ID")?)
        .send()
        .await?;
    let key = secret.secret_string().ok_or("the secret has no string")?.to_string();
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
