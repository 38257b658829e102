//! Answers that API Gateway makes itself, with the texts of the template.
//!
//! A response type that the template does not mention is answered as `DEFAULT_4XX` or `DEFAULT_5XX`
//! says; where those set no status, it has the status that AWS gives its type.

use crate::template::GatewayResponse;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::collections::BTreeMap;

/// Begins a value that is taken from a header of the request.
const FROM_REQUEST: &str = "method.request.header.";

/// Why a request got no answer from its function.
#[derive(Debug, PartialEq)]
pub enum Rejection {
    AccessDenied { explicit: bool },
    AuthorizerConfigurationError,
    AuthorizerFailure,
    IntegrationFailure,
    IntegrationTimeout,
    InvalidApiKey,
    InvalidSignature,
    MissingAuthenticationToken,
    QuotaExceeded,
    RequestTooLarge,
    Throttled,
    Unauthorized,
}

impl Rejection {
    /// API Gateway's name for this answer.
    pub fn response_type(&self) -> &'static str {
        self.aws_defaults().0
    }

    /// Response type, status and message as AWS has them unless a template says otherwise.
    fn aws_defaults(&self) -> (&'static str, u16, &'static str) {
        match self {
            Rejection::AccessDenied { explicit: true } => (
                "ACCESS_DENIED",
                403,
                "User is not authorized to access this resource with an explicit deny",
            ),
            Rejection::AccessDenied { explicit: false } => {
                ("ACCESS_DENIED", 403, "User is not authorized to access this resource")
            }
            Rejection::AuthorizerConfigurationError => ("AUTHORIZER_CONFIGURATION_ERROR", 500, ""),
            Rejection::AuthorizerFailure => ("AUTHORIZER_FAILURE", 500, ""),
            Rejection::IntegrationFailure => ("INTEGRATION_FAILURE", 504, "Internal server error"),
            Rejection::IntegrationTimeout => {
                ("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out")
            }
            Rejection::InvalidApiKey => ("INVALID_API_KEY", 403, "Forbidden"),
            Rejection::InvalidSignature => {
                ("INVALID_SIGNATURE", 403, "Authorization header is no signature")
            }
            Rejection::MissingAuthenticationToken => {
                ("MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token")
            }
            Rejection::QuotaExceeded => ("QUOTA_EXCEEDED", 429, "Limit Exceeded"),
            Rejection::RequestTooLarge => ("REQUEST_TOO_LARGE", 413, "Request Too Long"),
            Rejection::Throttled => ("THROTTLED", 429, "Too Many Requests"),
            Rejection::Unauthorized => ("UNAUTHORIZED", 401, "Unauthorized"),
        }
    }
}

/// The template's gateway responses by type.
pub struct GatewayResponses {
    by_type: BTreeMap<String, GatewayResponse>,
}

impl GatewayResponses {
    pub fn new(by_type: BTreeMap<String, GatewayResponse>) -> Self {
        GatewayResponses { by_type }
    }

    /// The answer to a request that was refused.
    pub fn response_to(
        &self,
        rejection: &Rejection,
        request_id: &str,
        request_headers: &HeaderMap,
    ) -> Response {
        let (kind, default_status, message) = rejection.aws_defaults();
        let fallback = if default_status < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
        let given = self
            .by_type
            .get(kind)
            .or_else(|| self.by_type.get(fallback))
            .cloned()
            .unwrap_or_default();
        let status = given.status.unwrap_or(default_status);
        let template = given
            .template
            .unwrap_or_else(|| r#"{"message":$context.error.messageString}"#.to_owned());
        let mut response =
            Response::new(Body::from(render_template(&template, request_id, kind, message)));
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &given.headers {
            let value = match value.strip_prefix(FROM_REQUEST) {
                Some(sent) => request_headers.get(sent).cloned(),
                None => HeaderValue::try_from(value).ok(),
            };
            if let (Ok(name), Some(value)) = (HeaderName::try_from(name), value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// Replaces the variables of a response template, which has no further logic.
fn render_template(template: &str, request_id: &str, kind: &str, message: &str) -> String {
    template
        .replace("$context.error.messageString", &serde_json::Value::from(message).to_string())
        .replace("$context.error.message", message)
        .replace("$context.error.responseType", kind)
        .replace("$context.requestId", request_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    async fn answer(
        responses: &[(&str, GatewayResponse)],
        rejection: Rejection,
    ) -> (u16, Option<String>, Value) {
        let by_type = responses
            .iter()
            .map(|(kind, response)| ((*kind).to_owned(), response.clone()))
            .collect();
        let response = GatewayResponses::new(by_type).response_to(
            &rejection,
            "id-1",
            &HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static("http://a.example"))]),
        );
        let header =
            response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, header, serde_json::from_slice(&body).unwrap())
    }

    fn response_with(status: Option<u16>, template: &str) -> GatewayResponse {
        GatewayResponse {
            status,
            template: Some(template.to_owned()),
            ..GatewayResponse::default()
        }
    }

    #[tokio::test]
    async fn own_type_has_status_headers_and_text() {
        let mut throttled =
            response_with(Some(420), r#"{"id":"$context.requestId","message":"slower"}"#);
        throttled.headers.insert("Retry-After".to_owned(), "1".to_owned());
        let (status, header, body) =
            answer(&[("THROTTLED", throttled)], Rejection::Throttled).await;
        assert_eq!((status, header.as_deref()), (420, Some("1")));
        assert_eq!(body, json!({"id": "id-1", "message": "slower"}));
    }

    #[tokio::test]
    async fn header_may_come_from_the_request() {
        let mut throttled = response_with(None, "{}");
        throttled.headers.insert("Retry-After".into(), "method.request.header.Origin".into());
        throttled.headers.insert("X-None".into(), "method.request.header.X-Absent".into());
        let (_, header, _) = answer(&[("THROTTLED", throttled)], Rejection::Throttled).await;
        assert_eq!(header.as_deref(), Some("http://a.example"));
    }

    #[tokio::test]
    async fn unmentioned_type_follows_the_default_response() {
        let template = r#"{"m":$context.error.messageString,"t":"$context.error.responseType"}"#;
        let defaults = [
            ("DEFAULT_4XX", response_with(None, template)),
            ("DEFAULT_5XX", response_with(Some(503), r#"{"five":1}"#)),
        ];
        let (status, _, body) = answer(&defaults, Rejection::RequestTooLarge).await;
        assert_eq!(
            (status, body),
            (413, json!({"m": "Request Too Long", "t": "REQUEST_TOO_LARGE"}))
        );
        let (status, _, body) = answer(&defaults, Rejection::AuthorizerFailure).await;
        assert_eq!((status, body), (503, json!({"five": 1})));
    }

    #[tokio::test]
    async fn message_without_template_is_that_of_aws() {
        let (status, _, body) = answer(&[], Rejection::MissingAuthenticationToken).await;
        assert_eq!((status, body), (403, json!({"message": "Missing Authentication Token"})));
    }

    #[test]
    fn message_string_variable_is_json() {
        assert_eq!(
            render_template("$context.error.messageString", "", "", "say \"no\""),
            r#""say \"no\"""#
        );
        assert_eq!(render_template("$context.error.message", "", "", "say \"no\""), "say \"no\"");
    }
}
