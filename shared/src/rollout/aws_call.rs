//! Calls of AWS, signed here and sent over the one HTTP client: a crate of the SDK for a few calls would be most of
//! a function. `ops` signs its calls by this too.

use crate::clock::since_epoch;
use crate::config::AwsAccess;
use crate::transport::Transport;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use std::time::{Duration, SystemTime};

/// Signs and sends. Scope: environment.
#[derive(Clone)]
pub(super) struct AwsCalls {
    transport: Transport,
    pub(super) access: AwsAccess,
}

/// One call.
pub(super) struct AwsCall {
    pub(super) service: &'static str,
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: Bytes,
    /// Time for the whole answer.
    pub(super) limit: Duration,
}

/// What a service has answered.
pub(super) struct AwsAnswer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl AwsCalls {
    pub(super) fn new(transport: Transport, access: AwsAccess) -> Self {
        Self { transport, access }
    }

    /// Makes one call, and takes any answer.
    ///
    /// # Errors
    /// There is no answer, and why, in words that quote nothing.
    pub(super) async fn send(&self, call: AwsCall) -> Result<AwsAnswer, String> {
        let limit = call.limit;
        let request = self.sign(call).ok_or("the call cannot be signed")?;
        let exchange = async {
            let mut response =
                self.transport.send(request).await.map_err(|error| error.to_string())?;
            let (status, headers) = (response.status, std::mem::take(&mut response.headers));
            let body = response.collect().await.map_err(|error| error.to_string())?;
            Ok(AwsAnswer { status, headers, body })
        };
        let exchanged = tokio::time::timeout(limit, exchange).await;
        exchanged.unwrap_or_else(|_| Err(format!("no answer within {} ms", limit.as_millis())))
    }

    fn sign(&self, call: AwsCall) -> Option<Request<Bytes>> {
        let AwsAccess { region, access_key, secret_key, session_token, .. } = &self.access;
        let token = session_token.clone();
        let credentials = Credentials::new(access_key, secret_key, token, None, "environment");
        let mut request = Request::builder().method(call.method).uri(&call.url);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(call.body).ok()?;
        sign_request(&mut request, call.service, region, credentials)?;
        Some(request)
    }
}

/// Signs a request to a service of AWS; `None` where it cannot be signed, which no word of the SDK may tell: it might
/// quote what is signed.
pub fn sign_request(
    request: &mut Request<Bytes>,
    service: &str,
    region: &str,
    credentials: Credentials,
) -> Option<()> {
    let identity = credentials.into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::UNIX_EPOCH + since_epoch())
        .settings(SigningSettings::default())
        .build()
        .ok()?;
    let url = request.uri().to_string();
    let texts = |(name, value): (&'_ HeaderName, &'_ HeaderValue)| {
        Some((name.to_string(), value.to_str().ok()?.to_string()))
    };
    let headers: Vec<_> = request.headers().iter().map(texts).collect::<Option<_>>()?;
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let body = SignableBody::Bytes(request.body());
    let signable = SignableRequest::new(request.method().as_str(), &url, headers, body).ok()?;
    let signed = sign(signable, &parameters.into()).ok()?;
    signed.into_parts().0.apply_to_request_http1x(request);
    Some(())
}
