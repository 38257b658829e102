//! The one HTTP client of a function, for Cohere and for Secrets Manager alike.
//!
//! Scope: environment. One pool, one TLS setup with compiled-in roots (reading the system's costs
//! milliseconds of a cold start), no redirects, no proxy from the environment, and no hidden
//! retries: what is sent twice is decided in the open. Unused connections are dropped early because
//! they die unseen while Lambda freezes the instance.

use crate::config::HttpConfig;
use crate::telemetry::redact;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Sends requests over pooled connections.
#[derive(Clone, Debug)]
pub struct Transport {
    client: reqwest::Client,
    /// Keeps no connection; built when a kept one was found dead.
    fresh: Arc<OnceLock<reqwest::Client>>,
    config: HttpConfig,
}

/// Why there is no answer, or no whole one. The texts name no URL, header or body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// No connection, so nothing was sent.
    Connect(String),
    /// The connection broke, or what came was no HTTP.
    Broken(String),
    /// The answer is larger than this many bytes.
    TooLarge(usize),
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransportError::Connect(detail) => write!(f, "cannot connect: {detail}"),
            TransportError::Broken(detail) => write!(f, "connection broke: {detail}"),
            TransportError::TooLarge(limit) => write!(f, "answer is larger than {limit} bytes"),
        }
    }
}

impl Error for TransportError {}

impl From<reqwest::Error> for TransportError {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut detail = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            detail += &format!(": {cause}");
            source = cause.source();
        }
        let detail = redact::redact_words(&detail);
        if error.is_connect() { Self::Connect(detail) } else { Self::Broken(detail) }
    }
}

/// The head of an answer and its body as it arrives.
#[derive(Debug)]
pub struct TransportResponse {
    pub status: u16,
    pub headers: HeaderMap,
    body: reqwest::Response,
    max_bytes: usize,
}

impl TransportResponse {
    /// Waits for the next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// The connection broke before the body's announced end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        Ok(self.body.chunk().await?)
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// The connection broke, or the body is over the limit of answers in memory.
    pub async fn collect(mut self) -> Result<Bytes, TransportError> {
        let announced = self.body.content_length().unwrap_or_default();
        if announced > self.max_bytes as u64 {
            return Err(TransportError::TooLarge(self.max_bytes));
        }
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        if first.len() as u64 == announced {
            return Ok(first);
        }
        let mut whole = BytesMut::with_capacity((announced as usize).max(first.len() * 2));
        whole.extend_from_slice(&first);
        while let Some(chunk) = self.chunk().await? {
            if whole.len() + chunk.len() > self.max_bytes {
                return Err(TransportError::TooLarge(self.max_bytes));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }
}

/// Where requests of one kind go, parsed once.
#[derive(Clone, Debug)]
pub struct Target(reqwest::Url);

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it, without quoting it.
    pub fn parse(url: &str) -> Result<Self, String> {
        reqwest::Url::parse(url).map(Self).map_err(|error| error.to_string())
    }
}

/// A `POST` with a JSON body, ready to be sent more than once.
#[derive(Clone, Debug)]
pub struct JsonPost {
    pub target: Target,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl From<JsonPost> for reqwest::Request {
    fn from(post: JsonPost) -> Self {
        let mut request = reqwest::Request::new(reqwest::Method::POST, post.target.0);
        *request.headers_mut() = post.headers;
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        *request.body_mut() = Some(post.body.into());
        request
    }
}

impl Transport {
    /// Builds the client; connects to nothing.
    ///
    /// # Errors
    /// The TLS setup is unusable, which is a defect of the build.
    pub fn new(config: &HttpConfig) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let client = build(config, usize::MAX)?;
        Ok(Self { client, fresh: Arc::default(), config: config.clone() })
    }

    /// Sends a request over a connection of its own, for one whose kept connection was found dead.
    ///
    /// # Errors
    /// As `send`.
    pub async fn post_fresh(&self, post: JsonPost) -> Result<TransportResponse, TransportError> {
        if self.fresh.get().is_none() {
            let client = build(&self.config, 0)
                .map_err(|error| TransportError::Connect(error.to_string()))?;
            let _ = self.fresh.set(client);
        }
        self.send_with(self.fresh.get().unwrap_or(&self.client), post.into()).await
    }

    /// Sends a `POST` and waits for the head of the answer. Times are the caller's affair.
    ///
    /// # Errors
    /// As `send`.
    pub async fn post(&self, post: JsonPost) -> Result<TransportResponse, TransportError> {
        self.send_with(&self.client, post.into()).await
    }

    /// Sends a request and waits for the head of the answer. Times are the caller's affair.
    ///
    /// # Errors
    /// No connection, or it broke before a head came.
    pub async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<TransportResponse, TransportError> {
        self.send_with(&self.client, reqwest::Request::try_from(request)?).await
    }

    async fn send_with(
        &self,
        client: &reqwest::Client,
        request: reqwest::Request,
    ) -> Result<TransportResponse, TransportError> {
        let mut body = client.execute(request).await?;
        Ok(TransportResponse {
            status: body.status().as_u16(),
            headers: std::mem::take(body.headers_mut()),
            body,
            max_bytes: self.config.max_answer_bytes,
        })
    }
}

fn build(
    config: &HttpConfig,
    kept_connections: usize,
) -> Result<reqwest::Client, Box<dyn Error + Send + Sync>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(config.pool_idle)
        .pool_max_idle_per_host(kept_connections)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy();
    Ok(client.build()?)
}
