//! What is wrong with a version.

use crate::{BINARY, FAULT};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// A fault of a version; the default is none.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// The process ends before it asks for work.
    pub crash_at_start: bool,
    /// The share of invocations that the rest is done to, from 0 to 1.
    pub share: f64,
    /// Headers that the request has besides its own: the sandbox is asked for its faults by one.
    pub request_headers: BTreeMap<String, String>,
    /// The request's body in place of its own.
    pub request_body: Option<String>,
    /// The token that an authorizer is asked about in place of the caller's.
    pub token: Option<String>,
    /// The status of the answer in place of its own.
    pub status: Option<u16>,
    /// Headers that the answer lacks.
    pub lost_headers: Vec<String>,
    /// The answer ends after so many bytes of its body.
    pub kept_body_bytes: Option<usize>,
}

impl Default for Fault {
    fn default() -> Self {
        Fault {
            crash_at_start: false,
            share: 1.0,
            request_headers: BTreeMap::new(),
            request_body: None,
            token: None,
            status: None,
            lost_headers: Vec::new(),
            kept_body_bytes: None,
        }
    }
}

impl Fault {
    /// Returns the variables with which `faulty` runs `binary` and has this fault.
    pub fn variables(&self, binary: &Path) -> Vec<(String, String)> {
        let fault = json!(self).to_string();
        [(BINARY, binary.to_string_lossy().into_owned()), (FAULT, fault)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    /// Changes the event of an invocation.
    pub(crate) fn spoil_event(&self, event: &mut Value) {
        if let Some(Value::Object(headers)) = event.get_mut("headers") {
            for (name, value) in &self.request_headers {
                headers.insert(name.clone(), json!(value));
            }
        }
        if let Some(Value::Object(headers)) = event.get_mut("multiValueHeaders") {
            for (name, value) in &self.request_headers {
                headers.insert(name.clone(), json!([value]));
            }
        }
        if let Some(body) = &self.request_body {
            event["body"] = json!(body);
            event["isBase64Encoded"] = json!(false);
        }
        if let Some(token) = &self.token {
            event["authorizationToken"] = json!(format!("Bearer {token}"));
        }
    }

    /// Changes the head of an answer.
    pub(crate) fn spoil_head(&self, head: &mut Value) {
        if let Some(status) = self.status {
            head["statusCode"] = json!(status);
        }
        if let Some(Value::Object(headers)) = head.get_mut("headers") {
            headers.retain(|name, _| !self.lost_headers.iter().any(|lost| lost == name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_is_read_as_it_was_written() {
        let fault =
            Fault { share: 0.1, lost_headers: vec!["x-request-id".to_owned()], ..Fault::default() };
        let variables = fault.variables(Path::new("/binaries/chat"));
        assert_eq!(variables[0], (BINARY.to_owned(), "/binaries/chat".to_owned()));
        assert_eq!(serde_json::from_str::<Fault>(&variables[1].1).unwrap(), fault);
        assert!(serde_json::from_str::<Fault>(r#"{"shares":1}"#).is_err(), "a misspelt fault");
    }

    #[test]
    fn event_and_head_are_changed_where_asked() {
        let mut event = json!({ "headers": {"a": "1"}, "multiValueHeaders": {}, "body": "e30=" });
        let untouched = event.clone();
        Fault::default().spoil_event(&mut event);
        assert_eq!(event, untouched);
        let fault = Fault {
            request_headers: [("x-client-name".to_owned(), "fault status=503".to_owned())].into(),
            request_body: Some("{}".to_owned()),
            status: Some(500),
            lost_headers: vec!["b".to_owned()],
            ..Fault::default()
        };
        fault.spoil_event(&mut event);
        assert_eq!(event["multiValueHeaders"]["x-client-name"], json!(["fault status=503"]));
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
        let mut head = json!({ "statusCode": 200, "headers": { "a": "1", "b": "2" } });
        fault.spoil_head(&mut head);
        assert_eq!(head, json!({ "statusCode": 500, "headers": { "a": "1" } }));
        let mut question = json!({ "authorizationToken": "Bearer good" });
        let fault = Fault { token: Some("cgw_other".to_owned()), ..Fault::default() };
        fault.spoil_event(&mut question);
        assert_eq!(question, json!({ "authorizationToken": "Bearer cgw_other" }));
    }
}
