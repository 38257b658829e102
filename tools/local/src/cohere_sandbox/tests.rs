//! The sandbox as a client sees it: shapes, refusals, faults, and the recorded answers of the API.

mod chat;
mod control;
mod embed;
mod faults;
mod guide;
mod other_paths;
mod recorded;
mod refusals;
mod shape;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use http::{HeaderMap, Request};
use serde_json::Value;

use super::{CohereSandbox, Key, handle_request};

const PIXEL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The `data` of every event but `[DONE]`, having checked the framing of all.
    fn events(&self) -> Vec<Value> {
        let mut frames: Vec<&str> = self.body.split_terminator("\n\n").collect();
        assert_eq!(frames.pop(), Some("data: [DONE]"), "{}", self.body);
        let event = |frame: &str| {
            let (event, data) = frame.split_once('\n').unwrap();
            let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            assert_eq!(event.strip_prefix("event: ").unwrap(), data["type"], "{frame}");
            data
        };
        frames.into_iter().map(event).collect()
    }
}

fn sandbox() -> CohereSandbox {
    let key = |value: &str, trial| Key { value: value.to_owned(), trial };
    CohereSandbox::new([key("test-key", false), key("trial-key", true)])
        .with_event_pause(std::time::Duration::ZERO)
}

async fn send(
    sandbox: &CohereSandbox,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response =
        handle_request(State(sandbox.clone()), request.body(Body::from(body)).unwrap()).await;
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

async fn post(path: &str, body: Value) -> Answer {
    send(&sandbox(), "POST", path, &[("authorization", "Bearer test-key")], body.to_string()).await
}
