use super::*;
use crate::config::Config;
use crate::deadline::Deadline;
use crate::edge::identity::Identity;
use crate::edge::request::RequestOptions;
use crate::endpoint::Endpoint;
use crate::pipeline::{chat::Chat, embed::Embed, rerank::Rerank};
use bytes::Bytes;
use std::time::Duration;

fn config() -> Config {
    Config::from_vars(&[("GATEWAY_SECRET_ID", "key")]).unwrap()
}

fn request<E: EndpointRules>(body: &str, fallback: Option<bool>) -> GatewayRequest {
    let second = Duration::from_secs(1);
    GatewayRequest {
        endpoint: Endpoint::Chat,
        identity: Identity::new("tests", None),
        request_id: String::new(),
        options: RequestOptions { fallback, ..RequestOptions::default() },
        upstream: E::validate(Bytes::from(body.to_string()), &config()).unwrap(),
        headers: http::HeaderMap::new(),
        attempt_timeout: second,
        deadline: Deadline::new(crate::clock::now(), second, None, second),
    }
}

fn fallback_body<E: EndpointRules>(body: &str, option: Option<bool>) -> Option<Bytes> {
    let request = request::<E>(body, option);
    let fallback = choose_fallback::<E>(&config().fallback, &request)?;
    Some(fallback.object.body().clone())
}

#[test]
fn chat_falls_back_with_lowered_tokens() {
    let body = r#"{"messages":[{"role":"user","content":"hi"}],"model":"command-a-03-2025","max_tokens":8000}"#;
    assert_eq!(
        fallback_body::<Chat>(body, None).unwrap(),
        r#"{"messages":[{"role":"user","content":"hi"}],"model":"command-r-plus-08-2024","max_tokens":4000}"#
    );
    assert_eq!(fallback_body::<Chat>(body, Some(false)), None);
    let own = r#"{"messages":[{"role":"user","content":"hi"}],"model":"my-own-model"}"#;
    assert_eq!(fallback_body::<Chat>(own, None), None);
}

#[test]
fn features_the_fallback_lacks_leave_no_fallback() {
    let long = format!(r#"{{"messages":[{{"content":"{}"}}]}}"#, "a".repeat(300_000));
    for body in [
        r#"{"messages":[{"content":[{"type":"image_url","image_url":{}}]}]}"#,
        r#"{"messages":[{}],"thinking":{"type":"enabled"}}"#,
        r#"{"messages":[{"content":[{"type":"thinking","thinking":"hm"}]}]}"#,
        r#"{"messages":[{"content":[{"type":"im\u0061ge_url","im\u0061ge_url":{}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"think\u0069ng"}]}]}"#,
        r#"{"messages":[{}],"tool_choice":"REQUIRED"}"#,
        &long,
    ] {
        assert_eq!(fallback_body::<Chat>(body, None), None, "{}", &body[..40]);
    }
    for thinking in ["disabled", r"dis\u0061bled"] {
        let off = format!(r#"{{"messages":[{{}}],"thinking":{{"type":"{thinking}"}}}}"#);
        assert!(fallback_body::<Chat>(&off, None).is_some(), "{thinking}");
    }
}

#[test]
fn embed_and_rerank_fall_back_on_request_only() {
    let embed = |rest: &str| format!(r#"{{"model":"embed-v4.0","input_type":"x",{rest}}}"#);
    let texts = embed(r#""texts":["a"]"#);
    assert_eq!(fallback_body::<Embed>(&texts, None), None);
    assert!(fallback_body::<Embed>(&texts, Some(true)).is_some());
    let dimension = embed(r#""texts":["a"],"output_dimension":256"#);
    assert_eq!(fallback_body::<Embed>(&dimension, Some(true)), None);
    assert_eq!(fallback_body::<Embed>(&embed(r#""images":["a"]"#), Some(true)), None);
    let rerank = r#"{"model":"rerank-v3.5","query":"q","documents":["a"]}"#;
    assert_eq!(fallback_body::<Rerank>(rerank, None), None);
    assert!(fallback_body::<Rerank>(rerank, Some(true)).is_some());
}

#[test]
fn client_falls_back_only_to_an_allowed_model() {
    let mut request = request::<Chat>(r#"{"messages":[{}]}"#, None);
    assert!(choose_fallback::<Chat>(&config().fallback, &request).is_some());
    request.identity = Identity::new("tests", Some(vec!["command-a-03-2025".into()]));
    assert!(choose_fallback::<Chat>(&config().fallback, &request).is_none());
}
