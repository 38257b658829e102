use super::*;
use crate::endpoint::Endpoint;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

fn headers_of(record: &mut RequestRecord) -> HeaderMap {
    let mut response = Response::new(response::single_chunk(Bytes::new()));
    *response.status_mut() = StatusCode::ACCEPTED;
    add_headers(&mut response, record);
    assert_eq!(record.status, 202);
    response.headers().clone()
}

#[test]
fn answer_without_a_call_has_a_type_and_our_warning() {
    let mut record = RequestRecord::new(Endpoint::Chat);
    record.model_warning = Some("old".into());
    let headers = headers_of(&mut record);
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["x-api-warning"], "old");
}

#[test]
fn coheres_type_and_warning_win() {
    let mut record = RequestRecord::new(Endpoint::Chat);
    record.model_warning = Some("old".into());
    for (name, value) in [("content-type", "text/plain"), ("x-api-warning", "older")] {
        record.calls.response_headers.insert(name, HeaderValue::from_static(value));
    }
    let headers = headers_of(&mut record);
    assert_eq!(headers["content-type"], "text/plain");
    assert_eq!(headers["x-api-warning"], "older");
}

#[test]
fn waiting_is_told_where_there_was_some() {
    let mut record = RequestRecord::new(Endpoint::Chat);
    assert!(!server_timing(&record).contains("wait;"));
    record.calls.waiting_time = Duration::from_micros(5_001);
    assert!(server_timing(&record).ends_with(", wait;dur=5.001"));
}

#[test]
fn times_are_milliseconds_with_three_digits() {
    for (micros, text) in [(0, "a0.000"), (1_234_056, "a1234.056"), (999, "a0.999")] {
        let mut timing = String::new();
        push_millis(&mut timing, "a", Duration::from_micros(micros));
        assert_eq!(timing, text);
    }
}
