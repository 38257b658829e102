//! A Runtime API that asks another one for work and gives its answers back, changed on the way.

use crate::Fault;
use crate::prelude::AnswerSpoiler;
use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Headers of one connection.
const CONNECTION: [&str; 4] = ["connection", "content-length", "host", "transfer-encoding"];

pub(crate) struct Proxy {
    upstream: String,
    client: reqwest::Client,
    fault: Fault,
    /// Whether the running invocation, of which there is one at a time, is to be spoiled.
    is_spoiled: AtomicBool,
}

impl Proxy {
    pub(crate) fn new(upstream: &str, fault: Fault) -> anyhow::Result<Self> {
        // Work may be waited for without end.
        let client = reqwest::Client::builder().no_proxy().build().context("no client")?;
        let upstream = format!("http://{upstream}");
        Ok(Self { upstream, client, fault, is_spoiled: AtomicBool::new(false) })
    }

    pub(crate) fn into_router(self) -> Router {
        Router::new().fallback(pass_on).with_state(Arc::new(self))
    }

    /// Returns the fault of the running invocation.
    fn running_fault(&self) -> Fault {
        match self.is_spoiled.load(Ordering::Relaxed) {
            true => self.fault.clone(),
            false => Fault::default(),
        }
    }

    async fn fetch_work(&self, url: String) -> reqwest::Result<Response> {
        let response = self.client.get(url).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let event = response.bytes().await?;
        let is_spoiled = fastrand::f64() < self.fault.share;
        self.is_spoiled.store(is_spoiled, Ordering::Relaxed);
        let event = spoil_event(&self.running_fault(), event);
        Ok(build_response(status, &headers, Body::from(event)))
    }

    async fn post_answer(&self, url: String, request: Request) -> reqwest::Result<Response> {
        let (parts, body) = request.into_parts();
        let is_answer = parts.uri.path().ends_with("/response");
        let mode = parts.headers.get("lambda-runtime-function-response-mode");
        let is_streamed = mode.is_some_and(|mode| mode == "streaming");
        let fault = if is_answer { self.running_fault() } else { Fault::default() };
        let spoiler = AnswerSpoiler::new(fault, is_answer && is_streamed);
        let state = (spoiler, body.into_data_stream());
        let pieces = stream::unfold(state, |(mut spoiler, mut body)| async move {
            if spoiler.has_ended() {
                return None;
            }
            let piece = body.next().await?.map(|piece| spoiler.take_piece(piece));
            Some((piece, (spoiler, body)))
        });
        let mut post = self.client.post(url).body(reqwest::Body::wrap_stream(pieces));
        for (name, value) in keep_headers(&parts.headers) {
            post = post.header(name, value);
        }
        let response = post.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(build_response(status, &headers, Body::from(response.bytes().await?)))
    }
}

async fn pass_on(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let url = format!("{}{}", proxy.upstream, request.uri().path());
    let passed = match request.uri().path().ends_with("/next") {
        true => proxy.fetch_work(url).await,
        false => proxy.post_answer(url, request).await,
    };
    match passed {
        Ok(response) => response,
        // Lambda's side is gone.
        Err(_) => build_response(StatusCode::BAD_GATEWAY, &HeaderMap::new(), Body::empty()),
    }
}

fn spoil_event(fault: &Fault, event: Bytes) -> Bytes {
    match serde_json::from_slice::<Value>(&event) {
        Ok(mut read) => {
            fault.spoil_event(&mut read);
            read.to_string().into()
        }
        Err(_) => event,
    }
}

fn keep_headers(
    headers: &HeaderMap,
) -> impl Iterator<Item = (&http::HeaderName, &http::HeaderValue)> {
    headers.iter().filter(|(name, _)| !CONNECTION.contains(&name.as_str()))
}

fn build_response(status: StatusCode, headers: &HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in keep_headers(headers) {
        response.headers_mut().append(name.clone(), value.clone());
    }
    response
}
