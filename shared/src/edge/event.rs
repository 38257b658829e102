//! An event of API Gateway (REST API, payload 1.0), read for what the gateway needs of it.
//!
//! Nothing that a caller can send keeps a request from its handler: a header that is no header is left
//! out, and no URL is built from the caller's `Host`. What cannot be read at all is an event without an
//! identity, which every handler refuses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// What a REST API tells of a request.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ApiGatewayEvent<'a> {
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    multi_value_headers: Option<&'a RawValue>,
    #[serde(borrow)]
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
    #[serde(borrow)]
    pub(super) http_method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) resource: Option<Cow<'a, str>>,
    #[serde(borrow)]
    path_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    multi_value_query_string_parameters: Option<&'a RawValue>,
    pub(super) request_context: EventContext,
}

/// What API Gateway adds about the request itself.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct EventContext {
    pub(super) request_id: Option<String>,
    pub(super) authorizer: Option<AuthorizerContext>,
}

/// What the authorizer says of the caller; each is a text, or the request has no identity.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct AuthorizerContext {
    #[serde(deserialize_with = "keep_null")]
    pub client: Option<Value>,
    #[serde(deserialize_with = "keep_null")]
    pub models: Option<Value>,
    /// Marks a call of a rollout's own. Only who invokes the function itself can set it: our authorizer never
    /// does, and no header comes here.
    pub gate: Option<Value>,
}

/// Reads `null` as a value that is there: a restriction of that form must not become none.
fn keep_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl<'a> ApiGatewayEvent<'a> {
    pub(super) fn parse(event: &'a str) -> Self {
        serde_json::from_str(event).unwrap_or_default()
    }

    /// Returns the headers that can be read, in the caller's order.
    pub(super) fn read_headers(&self) -> HeaderMap {
        let headers = parse_headers(self.multi_value_headers);
        if headers.is_empty() { parse_headers(self.headers) } else { headers }
    }

    /// Returns the path below a greedy route, such as `models/m` of `/v1/{proxy+}`, decoded; others have none.
    pub(super) fn read_greedy_path(&self) -> String {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct PathParameters {
            proxy: String,
        }
        let Some(parameters) = self.path_parameters else { return String::new() };
        serde_json::from_str::<PathParameters>(parameters.get()).unwrap_or_default().proxy
    }

    /// Returns the parameters of the query, decoded, in an order of their own.
    pub(super) fn read_query(&self) -> BTreeMap<String, Vec<String>> {
        let Some(query) = self.multi_value_query_string_parameters else { return BTreeMap::new() };
        serde_json::from_str::<Option<_>>(query.get()).ok().flatten().unwrap_or_default()
    }

    /// Takes the body out, decoded. API Gateway's base64 is sound; what is not is no body.
    pub(super) fn take_body(&mut self) -> Bytes {
        let Some(body) = self.body.take() else { return Bytes::new() };
        if self.is_base64_encoded {
            return Bytes::from(STANDARD.decode(body.as_bytes()).unwrap_or_default());
        }
        Bytes::from(body.into_owned())
    }
}

fn parse_headers(headers: Option<&RawValue>) -> HeaderMap {
    let Some(headers) = headers else { return HeaderMap::new() };
    let EventHeaders(headers) = serde_json::from_str(headers.get()).unwrap_or_default();
    headers
}

/// Headers as an event has them: each with one value, or with a list.
#[derive(Default)]
struct EventHeaders(HeaderMap);

impl<'de> Deserialize<'de> for EventHeaders {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeadersVisitor;
        impl<'de> Visitor<'de> for HeadersVisitor {
            type Value = EventHeaders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of headers")
            }

            fn visit_unit<E>(self) -> Result<EventHeaders, E> {
                Ok(EventHeaders::default())
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<EventHeaders, M::Error> {
                let mut headers = HeaderMap::with_capacity(map.size_hint().unwrap_or(16));
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    match HeaderName::from_bytes(name.as_bytes()) {
                        Ok(name) => {
                            map.next_value_seed(HeaderValues { name, headers: &mut headers })?
                        }
                        Err(_) => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(EventHeaders(headers))
            }
        }
        deserializer.deserialize_any(HeadersVisitor)
    }
}

/// Adds the values of one header, those that can be sent.
struct HeaderValues<'a> {
    name: HeaderName,
    headers: &'a mut HeaderMap,
}

impl HeaderValues<'_> {
    fn add(&mut self, value: &str) {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            self.headers.append(self.name.clone(), value);
        }
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for HeaderValues<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for HeaderValues<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header's value, or a list of them")
    }

    fn visit_str<E>(mut self, value: &str) -> Result<(), E> {
        self.add(value);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut values: S) -> Result<(), S::Error> {
        while let Some(value) = values.next_element::<Cow<'de, str>>()? {
            self.add(&value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_gives_headers_body_and_identity() {
        let text = r#"{"headers":{"x-a":"last"},"multiValueHeaders":{"X-A":["1","last"],"Host":"h"},
            "requestContext":{"requestId":"r","authorizer":{"client":"c","principalId":"c"}},
            "body":"{\"a\":\"\u00e9\"}","isBase64Encoded":false,"new":[1]}"#;
        let mut event = ApiGatewayEvent::parse(text);
        let headers = event.read_headers();
        assert_eq!(headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "last"]);
        assert_eq!(headers["host"], "h");
        assert_eq!(event.take_body(), "{\"a\":\"é\"}");
        assert_eq!(event.request_context.request_id.as_deref(), Some("r"));
        let authorizer = event.request_context.authorizer.unwrap();
        assert_eq!((authorizer.client, authorizer.models), (Some("c".into()), None));
    }

    #[test]
    fn headers_that_are_none_cost_nothing_else() {
        let text = r#"{"multiValueHeaders":{"host":["[::1"],"x b":["1"],"é":["1"],"":["1"],
            "x-forwarded-proto":["gopher","://"],"x-a":["a\u0001b"],"x-c":["\u00e9"],"x-d":null,
            "x-e":["fine"]},"body":null}"#;
        let headers = ApiGatewayEvent::parse(text).read_headers();
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["host", "x-c", "x-e", "x-forwarded-proto"]);
    }

    #[test]
    fn single_headers_serve_where_there_are_no_lists() {
        for lists in ["null", "{}"] {
            let text = format!(r#"{{"headers":{{"x-a":"1"}},"multiValueHeaders":{lists}}}"#);
            assert_eq!(ApiGatewayEvent::parse(&text).read_headers()["x-a"], "1");
        }
    }

    #[test]
    fn greedy_path_and_query_are_read_where_they_are() {
        let text = r#"{"resource":"/v1/{proxy+}","pathParameters":{"proxy":"models/a b"},
            "multiValueQueryStringParameters":{"page_size":["1"],"endpoint":["chat","embed"]}}"#;
        let event = ApiGatewayEvent::parse(text);
        assert_eq!(event.read_greedy_path(), "models/a b");
        assert_eq!(event.read_query()["endpoint"], ["chat", "embed"]);
        for none in ["{}", r#"{"pathParameters":null,"multiValueQueryStringParameters":null}"#] {
            let event = ApiGatewayEvent::parse(none);
            assert_eq!((event.read_greedy_path(), event.read_query().len()), (String::new(), 0));
        }
    }

    #[test]
    fn bodies_in_base64_are_decoded() {
        let mut event = ApiGatewayEvent::parse(r#"{"body":"eyJhIjoxfQ==","isBase64Encoded":true}"#);
        assert_eq!(event.take_body(), "{\"a\":1}");
    }

    #[test]
    fn unreadable_event_has_no_identity() {
        for text in ["[]", "7", "{\"requestContext\":7}", "{\"body\":[]}"] {
            assert!(ApiGatewayEvent::parse(text).request_context.authorizer.is_none(), "{text}");
        }
    }
}
