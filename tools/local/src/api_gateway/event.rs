//! The event a function gets for a REST request: API Gateway's proxy format, payload version 1.0.

#[cfg(test)]
mod tests;

use super::authorizer::Caller;
use crate::aws_account::{ACCOUNT, API, REGION};
use crate::lambda;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// Headers about the connection to API Gateway, which it does not pass on.
const CONNECTION: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// The caller's address: on loopback always this one.
const SOURCE_IP: &str = "127.0.0.1";

/// A request as it arrived, and the route it takes.
pub struct ProxyRequest<'a> {
    pub id: &'a str,
    pub stage: &'a str,
    pub resource: &'a str,
    /// What a greedy resource takes of the path.
    pub greedy_rest: Option<&'a str>,
    pub parts: &'a Parts,
}

impl ProxyRequest<'_> {
    /// The event as JSON. The body is in base64, as for an API all of whose media types are binary.
    pub fn to_event(&self, body: &[u8], caller: Option<Caller>) -> Bytes {
        let Parts { method, uri, headers, .. } = self.parts;
        let (single, multi) = group_pairs(self.all_headers());
        let (query, multi_query) =
            group_pairs(form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()));
        let mut context = self.request_context(headers);
        if let Some(caller) = caller {
            context["authorizer"] = caller.context;
            context["identity"]["apiKey"] = caller.usage_plan_key.into();
        }
        let has_body = !body.is_empty();
        let body = if has_body { STANDARD.encode(body).into() } else { Value::Null };
        let event = json!({
            "resource": self.resource,
            "path": uri.path(),
            "httpMethod": method.as_str(),
            "headers": single,
            "multiValueHeaders": multi,
            "queryStringParameters": none_if_empty(query),
            "multiValueQueryStringParameters": none_if_empty(multi_query),
            "pathParameters": self.path_parameters(),
            "stageVariables": null,
            "requestContext": context,
            "body": body,
            "isBase64Encoded": has_body,
        });
        event.to_string().into()
    }

    /// What a greedy route takes of the path, decoded.
    fn path_parameters(&self) -> Value {
        let Some(rest) = self.greedy_rest else { return Value::Null };
        json!({ "proxy": percent_decode_str(rest).decode_utf8_lossy() })
    }

    /// The caller's headers without those of the connection, and those that API Gateway adds.
    fn all_headers(&self) -> impl Iterator<Item = (String, String)> {
        let host = match self.parts.headers.get("host") {
            Some(host) => host.to_str().unwrap_or_default(),
            None => SOURCE_IP,
        };
        let (_, port) = host.rsplit_once(':').unwrap_or((host, "80"));
        let added = [
            ("X-Forwarded-For", SOURCE_IP.to_owned()),
            ("X-Forwarded-Port", port.to_owned()),
            ("X-Forwarded-Proto", "http".to_owned()),
            ("X-Amzn-Trace-Id", lambda::new_trace_id()),
        ];
        let sent =
            self.parts.headers.iter().filter(|(name, _)| !CONNECTION.contains(&name.as_str()));
        sent.map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .chain(added.map(|(name, value)| (name.to_owned(), value)))
    }

    fn request_context(&self, headers: &HeaderMap) -> Value {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let user_agent =
            headers.get("user-agent").map(|value| String::from_utf8_lossy(value.as_bytes()));
        json!({
            "accountId": ACCOUNT,
            "apiId": API,
            "deploymentId": "local",
            "domainName": format!("{API}.execute-api.{REGION}.amazonaws.com"),
            "domainPrefix": API,
            "extendedRequestId": self.id,
            "httpMethod": self.parts.method.as_str(),
            "identity": {
                "accessKey": null,
                "accountId": null,
                "caller": null,
                "cognitoAuthenticationProvider": null,
                "cognitoAuthenticationType": null,
                "cognitoIdentityId": null,
                "cognitoIdentityPoolId": null,
                "principalOrgId": null,
                "sourceIp": SOURCE_IP,
                "user": null,
                "userAgent": user_agent,
                "userArn": null,
            },
            "path": format!("/{}{}", self.stage, self.parts.uri.path()),
            "protocol": "HTTP/1.1",
            "requestId": self.id,
            "requestTime": common_log_time(now.as_secs()),
            "requestTimeEpoch": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            "resourceId": "local",
            "resourcePath": self.resource,
            "stage": self.stage,
        })
    }
}

fn none_if_empty(map: Map<String, Value>) -> Value {
    if map.is_empty() { Value::Null } else { map.into() }
}

/// The two forms the event has of every list of pairs: the last value alone, and all of them.
fn group_pairs<N: Into<String>, V: Into<String>>(
    pairs: impl Iterator<Item = (N, V)>,
) -> (Map<String, Value>, Map<String, Value>) {
    let (mut single, mut multi) = (Map::new(), Map::new());
    for (name, value) in pairs {
        let (name, value) = (name.into(), Value::String(value.into()));
        let all = multi.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new()));
        all.as_array_mut().into_iter().for_each(|all| all.push(value.clone()));
        single.insert(name, value);
    }
    (single, multi)
}

/// `21/Nov/2026:07:46:12 +0000`, from seconds since 1970.
fn common_log_time(seconds: u64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    // Years begin in March here, so that the leap day is the last day of its year.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year + u64::from(month >= 10);
    let name = MONTHS[usize::try_from((month + 2) % 12).unwrap_or_default()];
    format!("{day:02}/{name}/{year}:{hour:02}:{minute:02}:{second:02} +0000")
}
