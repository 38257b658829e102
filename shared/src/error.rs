//! The one error of the gateway: a stable code, a message for the caller and a detail for the log.
//!
//! Codes are split by what a caller can do about them and are part of the public contract
//! (`docs/errors.md`). There is no HTTP here: `edge::response` turns a code into a status.
//! `message` may quote the caller's own field names and limits; `detail` goes to the log only,
//! and neither ever holds a key, a token or a piece of a body.

use std::fmt;
use std::time::Duration;

/// What went wrong, as the caller's code can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request itself is wrong; the message names field, problem and limit.
    InvalidRequest,
    /// No identity came with the request.
    Unauthorized,
    /// The client may not use this model.
    ModelNotAllowed,
    /// Nothing is served at this path.
    NotFound,
    /// Cohere has removed this model.
    ModelRetired,
    /// The request, or the answer it asks for, is over a limit.
    TooLarge,
    /// Cohere's rate limit.
    RateLimited,
    /// Cohere's monthly quota.
    QuotaExhausted,
    /// The client's own usage plan.
    ClientThrottled,
    /// A defect of the gateway.
    Internal,
    /// Cohere refused the gateway's key.
    UpstreamAuth,
    /// Cohere refused for payment.
    UpstreamBilling,
    /// Cohere's answer cannot be read, broke off, or is a proxy's.
    UpstreamMalformed,
    /// Cohere answered with a server error.
    UpstreamError,
    /// Cohere cannot be reached.
    UpstreamUnreachable,
    /// The circuit breaker is open and there is no fallback.
    CircuitOpen,
    /// The gateway has no Cohere key.
    KeyMissing,
    /// Cohere did not answer in an attempt's time.
    UpstreamTimeout,
    /// The time of the whole request ran out.
    Deadline,
}

impl Code {
    /// Every code, in the order of the table in `docs/errors.md`.
    pub const ALL: [Code; 19] = [
        Code::InvalidRequest,
        Code::Unauthorized,
        Code::ModelNotAllowed,
        Code::NotFound,
        Code::ModelRetired,
        Code::TooLarge,
        Code::RateLimited,
        Code::QuotaExhausted,
        Code::ClientThrottled,
        Code::Internal,
        Code::UpstreamAuth,
        Code::UpstreamBilling,
        Code::UpstreamMalformed,
        Code::UpstreamError,
        Code::UpstreamUnreachable,
        Code::CircuitOpen,
        Code::KeyMissing,
        Code::UpstreamTimeout,
        Code::Deadline,
    ];

    /// Returns the code as it stands in an error body.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::InvalidRequest => "invalid_request",
            Code::Unauthorized => "unauthorized",
            Code::ModelNotAllowed => "model_not_allowed",
            Code::NotFound => "not_found",
            Code::ModelRetired => "model_retired",
            Code::TooLarge => "too_large",
            Code::RateLimited => "rate_limited",
            Code::QuotaExhausted => "quota_exhausted",
            Code::ClientThrottled => "client_throttled",
            Code::Internal => "internal",
            Code::UpstreamAuth => "upstream_auth",
            Code::UpstreamBilling => "upstream_billing",
            Code::UpstreamMalformed => "upstream_malformed",
            Code::UpstreamError => "upstream_error",
            Code::UpstreamUnreachable => "upstream_unreachable",
            Code::CircuitOpen => "circuit_open",
            Code::KeyMissing => "key_missing",
            Code::UpstreamTimeout => "upstream_timeout",
            Code::Deadline => "deadline",
        }
    }
}

impl Code {
    /// Tells whether the gateway or Cohere is at fault, and neither the caller nor a rate.
    pub fn is_server_fault(self) -> bool {
        match self {
            Code::InvalidRequest
            | Code::Unauthorized
            | Code::ModelNotAllowed
            | Code::NotFound
            | Code::ModelRetired
            | Code::TooLarge
            | Code::RateLimited
            | Code::QuotaExhausted
            | Code::ClientThrottled => false,
            Code::Internal
            | Code::UpstreamAuth
            | Code::UpstreamBilling
            | Code::UpstreamMalformed
            | Code::UpstreamError
            | Code::UpstreamUnreachable
            | Code::CircuitOpen
            | Code::KeyMissing
            | Code::UpstreamTimeout
            | Code::Deadline => true,
        }
    }
}

/// What a failure says about Cohere, which decides what is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// No connection, so nothing was sent: the host's failure, whatever the model.
    Connect,
    /// The connection ended after the request was sent: the model's failure.
    Broken,
    Timeout,
    /// A server error, or an answer that cannot be read.
    Server,
    /// The rate of one model.
    Throttled,
    /// The month of one model.
    Quota,
    /// The model failed this once: the same request may succeed at once.
    Transient,
    /// The key.
    Auth,
    /// The account.
    Billing,
    /// The request itself: Cohere has judged it and refuses it.
    BadRequest,
    /// The model's breaker refused the call; nothing was sent.
    CircuitOpen,
    /// The host's breaker refused the call, as it would one of any model.
    HostOpen,
    /// The model's breaker has just closed and spares the model: nothing was sent, though it could have been.
    HeldBack,
    /// The gateway itself, or its caller: not about Cohere at all.
    Gateway,
}

/// The one `error_type` that was seen to pass by itself.
const TRANSIENT_ERROR_TYPE: &str = "NO_VALID_RESPONSE_GENERATED";

/// What Cohere itself said, kept so that its words and status reach the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamAnswer {
    /// HTTP status of Cohere's answer.
    pub status: u16,
    /// Cohere's own id of the failed call, for the log; the caller gets it where it gets Cohere's words.
    pub id: Option<String>,
    /// Cohere's `error_type`, where it sent one.
    pub error_type: Option<String>,
}

/// What a call that Cohere has not answered failed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Model,
    /// Cohere's host, which all models share.
    Host,
    /// The share of calls that a model gets after an outage.
    Ramp,
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayError {
    pub code: Code,
    /// For the caller.
    pub message: String,
    /// For the log; never answered.
    pub detail: Option<String>,
    /// How long Cohere asked us to wait.
    pub retry_after: Option<Duration>,
    pub upstream: Option<Box<UpstreamAnswer>>,
    /// What it is about, where the code leaves that open.
    pub about: About,
}

pub type Result<T> = std::result::Result<T, GatewayError>;

impl GatewayError {
    /// Creates an error with a message for the caller.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
            retry_after: None,
            upstream: None,
            about: About::Model,
        }
    }

    /// Creates the error of a defect of the gateway: the caller learns nothing of it, the log does.
    pub fn internal(detail: impl fmt::Display) -> Self {
        Self::new(Code::Internal, "internal error").with_detail(detail)
    }

    /// Creates the 400 that names `field` and what is wrong with it.
    pub fn invalid(field: &str, problem: impl fmt::Display) -> Self {
        Self::new(Code::InvalidRequest, format!("invalid request: {field}: {problem}"))
    }

    /// Returns what the failure says about Cohere.
    pub fn cause(&self) -> Cause {
        let upstream = self.upstream.as_deref();
        match self.code {
            Code::UpstreamUnreachable if self.about == About::Host => Cause::Connect,
            Code::UpstreamUnreachable => Cause::Broken,
            Code::UpstreamTimeout => Cause::Timeout,
            Code::UpstreamError | Code::UpstreamMalformed => Cause::Server,
            Code::RateLimited => Cause::Throttled,
            Code::QuotaExhausted => Cause::Quota,
            Code::UpstreamAuth => Cause::Auth,
            Code::UpstreamBilling => Cause::Billing,
            Code::CircuitOpen => match self.about {
                About::Model => Cause::CircuitOpen,
                About::Host => Cause::HostOpen,
                About::Ramp => Cause::HeldBack,
            },
            Code::InvalidRequest => match upstream {
                Some(said) if said.error_type.as_deref() == Some(TRANSIENT_ERROR_TYPE) => {
                    Cause::Transient
                }
                Some(_) => Cause::BadRequest,
                None => Cause::Gateway,
            },
            Code::Unauthorized
            | Code::ModelNotAllowed
            | Code::NotFound
            | Code::ModelRetired
            | Code::TooLarge
            | Code::ClientThrottled
            | Code::Internal
            | Code::KeyMissing
            | Code::Deadline => Cause::Gateway,
        }
    }

    /// Returns the id under which Cohere knows the failed call, where it told one.
    pub fn upstream_id(&self) -> Option<&str> {
        self.upstream.as_ref()?.id.as_deref()
    }

    /// Adds what only the log may know.
    pub fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(detail.to_string());
        self
    }
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

impl std::error::Error for GatewayError {}
