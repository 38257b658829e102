//! The one HTTP client of a function, for Cohere and for Secrets Manager alike.
//!
//! Scope: environment. One pool, one TLS setup with compiled-in roots (reading the system's costs
//! milliseconds of a cold start), no redirects, no proxy from the environment, and no hidden
//! retries: what is sent twice is decided in the open. Unused connections are dropped early because
//! they die unseen while Lambda freezes the environment.

mod opening;

use crate::clock::{Instant, now};
use crate::config::HttpConfig;
use crate::lock::lock_anyway;
use crate::telemetry::redact;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, header};
use opening::Opening;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tower::util::MapFutureLayer;

/// What stands between an operator's machine and the Internet; a function has nothing of the kind.
#[derive(Debug, Default)]
pub struct ProxySettings {
    /// URL of a proxy for https; plain http stays on this machine.
    pub https_proxy: Option<String>,
    /// Names to be reached without it, separated by commas.
    pub no_proxy: String,
    /// Certificates of further authorities, in PEM.
    pub authorities: Vec<u8>,
}

/// Sends requests over pooled connections.
#[derive(Clone, Debug)]
pub struct Transport {
    /// Keeps connections; replaced together with them when they are to be forgotten.
    pool: Arc<Mutex<Pool>>,
    /// Speaks HTTP/1.1 only and keeps no connection; built when a server wants that.
    http1: Arc<OnceLock<reqwest::Client>>,
    opening: Arc<Opening>,
    config: HttpConfig,
    roots: Arc<rustls::RootCertStore>,
}

/// A client, and since when it keeps connections.
#[derive(Debug)]
struct Pool {
    client: reqwest::Client,
    since: Instant,
}

/// Why there is no answer, or no whole one. The texts name no URL, header or body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// No connection, so nothing was sent.
    Connect(String),
    /// The server says that it has not processed the request, so that it may be sent again.
    NotProcessed(String),
    /// The server wants the request over HTTP/1.1, and has not processed it.
    WantsHttp1(String),
    /// The connection broke, or what came was no HTTP.
    Broken(String),
    /// The answer is larger than this many bytes.
    TooLarge(usize),
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransportError::Connect(detail) => write!(f, "cannot connect: {detail}"),
            TransportError::NotProcessed(detail) => write!(f, "not processed: {detail}"),
            TransportError::WantsHttp1(detail) => write!(f, "HTTP/1.1 is wanted: {detail}"),
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
        let mut classify: fn(String) -> Self = Self::Broken;
        let mut source = error.source();
        while let Some(cause) = source {
            detail += &format!(": {cause}");
            if let Some(cause) = cause.downcast_ref::<h2::Error>() {
                classify = classify_http2(cause);
            }
            source = cause.source();
        }
        let detail = redact::redact_words(&detail);
        if error.is_connect() { Self::Connect(detail) } else { classify(detail) }
    }
}

/// Tells by an error of HTTP/2 whether the request has been processed.
///
/// A server that says goodbye, or refuses a stream, has not processed what it names (RFC 9113, 8.7).
fn classify_http2(error: &h2::Error) -> fn(String) -> TransportError {
    if !error.is_remote() {
        return TransportError::Broken;
    }
    match error.reason() {
        _ if error.is_go_away() => TransportError::NotProcessed,
        Some(h2::Reason::REFUSED_STREAM) => TransportError::NotProcessed,
        Some(h2::Reason::HTTP_1_1_REQUIRED) => TransportError::WantsHttp1,
        _ => TransportError::Broken,
    }
}

/// Returns the protocol's name for the log.
fn protocol_name(version: http::Version) -> &'static str {
    if version == http::Version::HTTP_2 { HTTP2 } else { "http/1.1" }
}

const HTTP2: &str = "h2";

/// The head of an answer and its body as it arrives.
#[derive(Debug)]
pub struct TransportResponse {
    pub status: u16,
    pub headers: HeaderMap,
    /// The protocol it came over: `h2` or `http/1.1`.
    pub protocol: &'static str,
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

/// A `POST` with a JSON body, or a `GET` without one; ready to be sent more than once.
#[derive(Clone, Debug)]
pub struct JsonRequest {
    pub method: Method,
    pub target: Target,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl From<JsonRequest> for reqwest::Request {
    fn from(json: JsonRequest) -> Self {
        let has_body = json.method == Method::POST;
        let mut request = reqwest::Request::new(json.method, json.target.0);
        *request.headers_mut() = json.headers;
        if has_body {
            let media_type = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, media_type);
            *request.body_mut() = Some(json.body.into());
        }
        request
    }
}

impl Transport {
    /// Builds the client; connects to nothing.
    ///
    /// # Errors
    /// The TLS setup is unusable, which is a defect of the build.
    pub fn new(config: &HttpConfig) -> Result<Self, BuildError> {
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
        #[cfg(feature = "test-ca")]
        let roots = add_test_ca(roots, config)?;
        Self::with_roots(config, roots)
    }

    /// Builds the client of somebody whose network has a proxy, or an authority of its own.
    ///
    /// # Errors
    /// What is wrong with either, without quoting it.
    pub fn with_proxy(config: &HttpConfig, proxy: &ProxySettings) -> Result<Self, BuildError> {
        let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
        for certificate in CertificateDer::pem_slice_iter(&proxy.authorities) {
            roots.add(certificate?)?;
        }
        let transport = Self::with_roots(config, roots)?;
        if let Some(url) = &proxy.https_proxy {
            let https = reqwest::Proxy::https(url).map_err(|_| "the proxy's URL cannot be read")?;
            let except = reqwest::NoProxy::from_string(&proxy.no_proxy);
            let client = configure(&transport.config, &transport.roots, PROTOCOLS)?;
            lock_anyway(&transport.pool).client = client.proxy(https.no_proxy(except)).build()?;
        }
        Ok(transport)
    }

    fn with_roots(config: &HttpConfig, roots: rustls::RootCertStore) -> Result<Self, BuildError> {
        let roots = Arc::new(roots);
        let pool = Arc::new(Mutex::new(Pool::new(config, &roots)?));
        let (http1, opening) = (Arc::default(), Opening::new());
        Ok(Self { pool, http1, opening, config: config.clone(), roots })
    }

    /// Leaves all connections that were there at `then`; requests under way keep theirs.
    ///
    /// HTTP/2 would send the next request over the same one, and so to the same server.
    pub fn forget_connections(&self, then: Instant) {
        let mut pool = lock_anyway(&self.pool);
        // Others that were sent over them may have come first.
        if pool.since <= then
            && let Ok(fresh) = Pool::new(&self.config, &self.roots)
        {
            *pool = fresh;
        }
    }

    fn pooled_client(&self) -> reqwest::Client {
        lock_anyway(&self.pool).client.clone()
    }

    /// Sends a request over a connection of HTTP/1.1, for a server that wants that.
    ///
    /// # Errors
    /// As `send`.
    pub async fn send_over_http1(
        &self,
        request: JsonRequest,
    ) -> Result<TransportResponse, TransportError> {
        if self.http1.get().is_none() {
            let client = build_http1(&self.config, &self.roots)
                .map_err(|error| TransportError::Connect(error.to_string()))?;
            let _ = self.http1.set(client);
        }
        let client = self.http1.get().cloned().unwrap_or_else(|| self.pooled_client());
        self.send_with(client, request.into()).await
    }

    /// Sends a request with JSON and waits for the head of the answer. Times are the caller's affair.
    ///
    /// # Errors
    /// As `send`.
    pub async fn send_json(
        &self,
        request: JsonRequest,
    ) -> Result<TransportResponse, TransportError> {
        let call = async { self.send_with(self.pooled_client(), request.into()).await };
        let outcome = self.opening.run_call(call).await;
        if let Ok(response) = &outcome {
            self.opening.record_protocol(response.protocol);
        }
        outcome
    }

    /// Sends a request and waits for the head of the answer. Times are the caller's affair.
    ///
    /// # Errors
    /// No connection, or it broke before a head came.
    pub async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<TransportResponse, TransportError> {
        self.send_with(self.pooled_client(), reqwest::Request::try_from(request)?).await
    }

    async fn send_with(
        &self,
        client: reqwest::Client,
        request: reqwest::Request,
    ) -> Result<TransportResponse, TransportError> {
        let mut body = client.execute(request).await?;
        Ok(TransportResponse {
            status: body.status().as_u16(),
            protocol: protocol_name(body.version()),
            headers: std::mem::take(body.headers_mut()),
            body,
            max_bytes: self.config.max_answer_bytes,
        })
    }
}

/// Trusts the authority of a test besides; a deployed build has no such function.
#[cfg(feature = "test-ca")]
fn add_test_ca(
    mut roots: rustls::RootCertStore,
    config: &HttpConfig,
) -> Result<rustls::RootCertStore, BuildError> {
    if let Some(certificate) = &config.test_ca {
        roots.add(certificate.clone().into())?;
    }
    Ok(roots)
}

/// The protocols that are offered, the one that is wanted first.
const PROTOCOLS: &[&[u8]] = &[b"h2", b"http/1.1"];

/// How often a connection with requests under way is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

type BuildError = Box<dyn Error + Send + Sync>;

impl Pool {
    fn new(config: &HttpConfig, roots: &Arc<rustls::RootCertStore>) -> Result<Self, BuildError> {
        // Ends as the connection is there and before it is used, so that others find it in the pool.
        let tell_opening = MapFutureLayer::new(|connecting| {
            let under_way = Opening::begin();
            async move {
                let outcome = connecting.await;
                drop(under_way);
                outcome
            }
        });
        let client = configure(config, roots, PROTOCOLS)?.connector_layer(tell_opening).build()?;
        Ok(Self { client, since: now() })
    }
}

fn build_http1(
    config: &HttpConfig,
    roots: &Arc<rustls::RootCertStore>,
) -> Result<reqwest::Client, BuildError> {
    let client = configure(config, roots, &PROTOCOLS[1..])?.http1_only().pool_max_idle_per_host(0);
    Ok(client.build()?)
}

fn configure(
    config: &HttpConfig,
    roots: &Arc<rustls::RootCertStore>,
    protocols: &[&[u8]],
) -> Result<reqwest::ClientBuilder, BuildError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots.clone())
        .with_no_client_auth();
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(config.pool_idle)
        // A frozen instance could answer none, so an idle connection is not asked.
        .http2_keep_alive_while_idle(false)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy())
}

#[cfg(test)]
mod tests;
