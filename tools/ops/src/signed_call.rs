//! Calls of AWS, signed here and sent over the gateway's own client.
//!
//! The SDK's crates for API Gateway, CloudFormation, Lambda and Systems Manager have 860 000 lines together, those
//! of Secrets Manager 39 000; CloudWatch, Logs, SNS, CodeDeploy and EventBridge would be five more: they would be most of the time that `ops` takes to compile, for a few calls each.

use crate::aws::{Session, variable};
use crate::problem::{CHECK_NETWORK, explain_refusal, explain_silence};
use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use serde_json::Value;
use shared::rollout::aws_call::sign_request;
use std::fmt;
use std::time::Duration;

/// A service of AWS: in host names and signatures, in its endpoint's variable, and for people.
pub struct Service {
    name: &'static str,
    endpoint: &'static str,
    title: &'static str,
}

pub const API_GATEWAY: Service =
    Service { name: "apigateway", endpoint: "AWS_ENDPOINT_URL_API_GATEWAY", title: "API Gateway" };
pub const CLOUDFORMATION: Service = Service {
    name: "cloudformation",
    endpoint: "AWS_ENDPOINT_URL_CLOUDFORMATION",
    title: "CloudFormation",
};
pub const LAMBDA: Service =
    Service { name: "lambda", endpoint: "AWS_ENDPOINT_URL_LAMBDA", title: "Lambda" };
pub const CLOUDWATCH: Service =
    Service { name: "monitoring", endpoint: "AWS_ENDPOINT_URL_CLOUDWATCH", title: "CloudWatch" };
pub const CODEDEPLOY: Service =
    Service { name: "codedeploy", endpoint: "AWS_ENDPOINT_URL_CODEDEPLOY", title: "CodeDeploy" };
pub const EVENTS: Service =
    Service { name: "events", endpoint: "AWS_ENDPOINT_URL_EVENTBRIDGE", title: "EventBridge" };
pub const LOGS: Service = Service {
    name: "logs",
    endpoint: "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    title: "CloudWatch Logs",
};
pub const SECRETS_MANAGER: Service = Service {
    name: "secretsmanager",
    endpoint: "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    title: "Secrets Manager",
};
pub const SNS: Service = Service { name: "sns", endpoint: "AWS_ENDPOINT_URL_SNS", title: "SNS" };
pub const SSM: Service =
    Service { name: "ssm", endpoint: "AWS_ENDPOINT_URL_SSM", title: "Systems Manager" };
pub const STS: Service = Service { name: "sts", endpoint: "AWS_ENDPOINT_URL_STS", title: "STS" };

/// Codes of a refusal that another try may not meet; nothing was done.
const THROTTLED: [&str; 4] =
    ["Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"];
/// Before the second and the third try.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(900)];

/// One call.
#[derive(Clone)]
pub struct Call {
    pub method: Method,
    /// With its query; needs no further escapes.
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// What a service refuses; its text says what to do.
#[derive(Debug)]
pub struct Refusal {
    pub service: &'static str,
    pub code: String,
    pub message: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = explain_refusal(&self.code, self.message.as_deref());
        write!(f, "{}: {told}", self.service)
    }
}

impl std::error::Error for Refusal {}

/// Tells whether a call failed because the service refused it with this code.
pub fn is_refused_with(error: &anyhow::Error, code: &str) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.code == code)
}

/// Makes a call and returns the answer's body; one that is refused for its rate is made again.
///
/// # Errors
/// A [`Refusal`], or no answer.
pub async fn send(session: &Session, service: &Service, call: Call) -> anyhow::Result<Bytes> {
    for pause in PAUSES {
        let error = match send_once(session, service, call.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let code = error.downcast_ref::<Refusal>().map(|refusal| refusal.code.as_str());
        if !code.is_some_and(|code| THROTTLED.contains(&code)) {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
    }
    send_once(session, service, call).await
}

async fn send_once(session: &Session, service: &Service, call: Call) -> anyhow::Result<Bytes> {
    let title = service.title;
    let request = build_signed(session, service, call)?;
    let exchange = async {
        let mut response = session.transport.send(request).await?;
        let headers = std::mem::take(&mut response.headers);
        Ok::<_, shared::transport::TransportError>((
            response.status,
            headers,
            response.collect().await?,
        ))
    };
    let exchanged = tokio::time::timeout(session.limit, exchange).await;
    let exchanged =
        exchanged.map_err(|_| anyhow!("{title}: {}", explain_silence(session.limit)))?;
    let (status, headers, text) =
        exchanged.map_err(|error| anyhow!("{title}: {error}; {CHECK_NETWORK}"))?;
    if (200..300).contains(&status) {
        return Ok(text);
    }
    Err(read_refusal(title, &headers, &text).into())
}

/// Makes one call whose answer is JSON; one without a body is null.
pub async fn send_for_json(
    session: &Session,
    service: &Service,
    call: Call,
) -> anyhow::Result<Value> {
    let text = send(session, service, call).await?;
    if text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&text)
        .with_context(|| format!("{}: what came is no answer of it", service.title))
}

/// Makes one call of a service that takes JSON and is told its operation by a header.
pub async fn call_operation(
    session: &Session,
    service: &Service,
    operation: &str,
    body: &Value,
) -> anyhow::Result<Value> {
    let headers = vec![
        ("content-type", "application/x-amz-json-1.1".to_string()),
        ("x-amz-target", operation.to_string()),
    ];
    let body = body.to_string();
    send_for_json(session, service, Call { method: Method::POST, path: "/".into(), headers, body })
        .await
}

fn read_refusal(service: &'static str, headers: &HeaderMap, text: &Bytes) -> Refusal {
    let text = String::from_utf8_lossy(text);
    let xml = roxmltree::Document::parse(&text);
    let (code, message) = match &xml {
        Ok(document) => {
            let find = |name: &str| {
                let mut nodes = document.descendants();
                nodes.find(|node| node.has_tag_name(name))?.text().map(str::to_string)
            };
            (find("Code"), find("Message"))
        }
        Err(_) => {
            let body: Value = serde_json::from_str(&text).unwrap_or_default();
            let field = |name: &str| body[name].as_str().map(str::to_string);
            let header = headers.get("x-amzn-errortype").and_then(|kind| kind.to_str().ok());
            let code = header.map(str::to_string).or_else(|| field("__type"));
            (code, field("message").or_else(|| field("Message")))
        }
    };
    // A namespace may stand behind a colon, or in front of a number sign.
    let code = code.unwrap_or_default();
    let code = code.split(':').next().and_then(|code| code.rsplit('#').next());
    Refusal { service, code: code.unwrap_or_default().to_string(), message }
}

fn find_url(session: &Session, service: &Service) -> String {
    let of_region = || {
        let domain = match session.region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        format!("https://{}.{}.{domain}", service.name, session.region)
    };
    let url = variable(service.endpoint)
        .or_else(|| session.config.endpoint_url().map(str::to_string))
        .unwrap_or_else(of_region);
    url.trim_end_matches('/').to_string()
}

fn build_signed(
    session: &Session,
    service: &Service,
    call: Call,
) -> anyhow::Result<Request<Bytes>> {
    let url = format!("{}{}", find_url(session, service), call.path);
    // The words of the errors might quote what is signed.
    let unsigned =
        || anyhow!("the request to {} cannot be signed: check AWS_ENDPOINT_URL", service.title);
    let mut request = Request::builder().method(call.method).uri(&url);
    for (name, value) in &call.headers {
        request = request.header(*name, value);
    }
    let mut request = request.body(Bytes::from(call.body)).map_err(|_| unsigned())?;
    let credentials = session.credentials.clone();
    sign_request(&mut request, service.name, &session.region, credentials).ok_or_else(unsigned)?;
    Ok(request)
}

/// Escapes a text for a query or a form.
pub fn percent_encode(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match is_plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_query_is_escaped() {
        assert_eq!(percent_encode("a-B_9=/+é"), "a-B_9%3D%2F%2B%C3%A9");
    }

    #[test]
    fn refusal_is_read_in_every_form_of_aws() {
        let xml = "<ErrorResponse xmlns=\"u:x\"><Error><Type>Sender</Type><Code>ValidationError</Code>\
                   <Message>Stack a &amp; b</Message></Error></ErrorResponse>";
        let json = r#"{"__type":"com.amazonaws.ssm#ParameterNotFound","message":"no"}"#;
        let header = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-amzn-errortype"),
            http::HeaderValue::from_static("NotFoundException:http://internal/"),
        )]);
        for (headers, text, code, message) in [
            (HeaderMap::new(), xml, "ValidationError", Some("Stack a & b")),
            (HeaderMap::new(), json, "ParameterNotFound", Some("no")),
            (header, r#"{"Message":"no"}"#, "NotFoundException", Some("no")),
            (HeaderMap::new(), "odd", "", None),
        ] {
            let refusal = read_refusal("X", &headers, &Bytes::from(text));
            assert_eq!((refusal.code.as_str(), refusal.message.as_deref()), (code, message));
        }
    }
}
