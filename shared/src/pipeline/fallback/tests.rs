use super::*;
use crate::config::Config;
use crate::deadline::Deadline;
use crate::edge::identity::Identity;
use crate::edge::request::RequestOptions;
use crate::endpoint::Endpoint;
use crate::pipeline::tests::scripted::{ScriptedAnswer, ScriptedChat, start_default_app};
use crate::pipeline::{chat::Chat, embed::Embed, rerank::Rerank};
use crate::wire::dialect::Dialect;
use crate::wire::framing::Framing;
use bytes::Bytes;
use serde_json::{Value, json};
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
        upstream: E::validate(Bytes::from(body.to_string()), Dialect::V2, &config()).unwrap(),
        is_repeatable: true,
        framing: Framing::Events,
        headers: http::HeaderMap::new(),
        attempt_timeout: second,
        deadline: Deadline::new(crate::clock::now(), second * 100, None, second * 100),
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
fn embed_models_of_one_space_stand_in_unasked() {
    let body = |model: &str, rest: &str| {
        format!(r#"{{"model":"{model}","input_type":"x","embedding_types":["int8"],{rest}}}"#)
    };
    for rest in [
        r#""texts":["a"]"#,
        r#""texts":["a"],"output_dimension":256"#,
        r#""images":["a"]"#,
        r#""inputs":[{"content":[]}]"#,
    ] {
        for (model, other) in
            [("embed-v5.0-pro", "embed-v5.0-fast"), ("embed-v5.0-fast", "embed-v5.0-pro")]
        {
            let sent = fallback_body::<Embed>(&body(model, rest), None).unwrap();
            let mut expected: Value = serde_json::from_str(&body(model, rest)).unwrap();
            expected["model"] = other.into();
            assert_eq!(serde_json::from_slice::<Value>(&sent).unwrap(), expected, "{rest}");
            assert_eq!(fallback_body::<Embed>(&body(model, rest), Some(false)), None, "{rest}");
        }
    }
    let long = body("embed-v5.0-pro", &format!(r#""texts":["{}"]"#, "a".repeat(300_000)));
    assert!(fallback_body::<Embed>(&long, None).is_some(), "the other takes as much");
}

#[test]
fn pair_on_request_answers_only_where_it_is_allowed() {
    let image = r#"[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]"#;
    for (model, fallback, messages, is_unasked) in [
        ("command-a-plus-05-2026", "command-a-03-2025", "[{}]", true),
        ("command-a-reasoning-08-2025", "command-a-plus-05-2026", "[{}]", false),
        ("command-a-vision-07-2025", "command-a-plus-05-2026", image, false),
    ] {
        let body = format!(r#"{{"model":"{model}","messages":{messages}}}"#);
        let unasked = fallback_body::<Chat>(&body, None);
        assert_eq!(unasked.is_some(), is_unasked, "{model}");
        let allowed = fallback_body::<Chat>(&body, Some(true)).unwrap();
        let sent = RequestObject::parse(allowed, &[]).unwrap();
        assert_eq!(sent.read_name("model").unwrap(), fallback);
        assert_eq!(fallback_body::<Chat>(&body, Some(false)), None, "{model}");
    }
    let image = format!(r#"{{"model":"command-a-plus-05-2026","messages":{image}}}"#);
    assert_eq!(fallback_body::<Chat>(&image, Some(true)), None, "it takes no images");
    let rerank = r#"{"model":"rerank-v5.0-pro","query":"q","documents":["a"]}"#;
    assert_eq!(fallback_body::<Rerank>(rerank, None), None);
    assert!(fallback_body::<Rerank>(rerank, Some(true)).is_some());
}

#[test]
fn rerank_falls_back_with_spans_to_a_model_that_makes_them() {
    for (model, makes_them) in
        [("rerank-v5.0-fast", true), ("rerank-v4.0-fast", false), ("rerank-v3.5", false)]
    {
        let plain = r#"{"model":"m","query":"q","documents":["a"]}"#;
        let spans = plain.replace("}", r#","relevant_spans":{"mode":"auto"}}"#);
        let can_answer = |body: &str| {
            let upstream =
                Rerank::validate(Bytes::from(body.to_string()), Dialect::V2, &config()).unwrap();
            Rerank::can_answer(models::find_model(model).unwrap(), &upstream.object)
        };
        assert_eq!((can_answer(plain), can_answer(&spans)), (true, makes_them), "{model}");
    }
}

#[test]
fn fallback_of_a_model_without_thoughts_does_not_think() {
    let thinking = |model: &str, rest: &str| {
        let body = format!(r#"{{"model":"{model}","messages":[{{}}]{rest}}}"#);
        let sent = fallback_body::<Chat>(&body, Some(true))?;
        let sent: Value = serde_json::from_slice(&sent).unwrap();
        Some((sent["thinking"]["type"].clone(), sent["max_tokens"].clone()))
    };
    let vision = "command-a-vision-07-2025";
    let disabled = (json!("disabled"), json!(8_000));
    assert_eq!(thinking(vision, ""), Some(disabled.clone()));
    assert_eq!(thinking(vision, r#","thinking":null"#), Some(disabled));
    let asked = r#","thinking":{"type":"enabled","token_budget":100}"#;
    assert_eq!(thinking(vision, asked).unwrap().0, "enabled");
    let reasoning = thinking("command-a-reasoning-08-2025", "");
    assert_eq!(reasoning, Some((Value::Null, json!(32_000))));
    let plus = thinking("command-a-plus-05-2026", "");
    assert_eq!(plus, Some((Value::Null, json!(8_000))));
}

#[test]
fn as_large_a_context_takes_what_the_requested_model_takes() {
    let content = "a".repeat(300_000);
    let body = |model| format!(r#"{{"model":"{model}","messages":[{{"content":"{content}"}}]}}"#);
    assert!(fallback_body::<Chat>(&body("command-a-vision-07-2025"), Some(true)).is_some());
    assert_eq!(fallback_body::<Chat>(&body("command-a-reasoning-08-2025"), Some(true)), None);
}

#[test]
fn client_falls_back_only_to_an_allowed_model() {
    let mut request = request::<Chat>(r#"{"messages":[{}]}"#, None);
    assert!(choose_fallback::<Chat>(&config().fallback, &request).is_some());
    request.identity = Identity::new("tests", Some(vec!["command-a-03-2025".into()]));
    assert!(choose_fallback::<Chat>(&config().fallback, &request).is_none());
}

#[test]
fn fallback_is_asked_for_by_default_where_the_operator_says_so() {
    let setting = |name| Config::from_vars(&[("GATEWAY_SECRET_ID", "key"), (name, "on")]).unwrap();
    let embed = setting("GATEWAY_EMBED_FALLBACK").fallback;
    let rerank = setting("GATEWAY_RERANK_FALLBACK").fallback;
    let choose_embed = |config| {
        let body = r#"{"model":"embed-v4.0","input_type":"x","texts":["a"]}"#;
        choose_fallback::<Embed>(config, &request::<Embed>(body, None)).is_some()
    };
    let choose_rerank = |config| {
        let body = r#"{"model":"rerank-v3.5","query":"q","documents":["a"]}"#;
        choose_fallback::<Rerank>(config, &request::<Rerank>(body, None)).is_some()
    };
    assert!(choose_embed(&embed) && !choose_rerank(&embed));
    assert!(choose_rerank(&rerank) && !choose_embed(&rerank));
}

#[test]
fn embed_model_must_take_the_texts_and_make_the_length() {
    let can_answer = |id: &str, rest: &str| {
        let body = format!(r#"{{"model":"m","input_type":"x",{rest}}}"#);
        let upstream = Embed::validate(Bytes::from(body), Dialect::V2, &config()).unwrap();
        Embed::can_answer(models::find_model(id).unwrap(), &upstream.object)
    };
    let text = |bytes: usize| format!(r#""texts":["a","{}"]"#, "t".repeat(bytes - 2));
    // Two bytes are a token at least, and this one takes 512.
    assert!(can_answer("embed-english-v3.0", &text(1_025)));
    assert!(!can_answer("embed-english-v3.0", &text(1_026)));
    for (id, length, is_made) in [
        ("embed-v4.0", "512", true),
        ("embed-v4.0", "300", false),
        ("embed-english-v3.0", "1024", false),
        ("embed-english-v3.0", "null", true),
    ] {
        let rest = format!(r#""texts":["a"],"output_dimension":{length}"#);
        assert_eq!(can_answer(id, &rest), is_made, "{id} {length}");
    }
}

#[test]
fn thinking_model_needs_room_beside_the_thoughts() {
    let can_answer = |budget: u64| {
        let body = format!(r#"{{"messages":[{{}}],"thinking":{{"token_budget":{budget}}}}}"#);
        let upstream = Chat::validate(Bytes::from(body), Dialect::V2, &config()).unwrap();
        let model = models::find_model("command-a-reasoning-08-2025").unwrap();
        Chat::can_answer(model, &upstream.object)
    };
    assert!(can_answer(31_999) && !can_answer(32_000) && !can_answer(40_000));
}

#[test]
fn tokens_are_lowered_to_a_limit_that_there_is() {
    let lower = |id: &str, tokens: u64| {
        let body = Bytes::from(format!(r#"{{"messages":[{{}}],"max_tokens":{tokens}}}"#));
        let upstream = Chat::validate(body, Dialect::V2, &config()).unwrap();
        lower_max_tokens(models::find_model(id).unwrap(), &upstream.object)
    };
    assert_eq!(lower("command-r-08-2024", 4_000), None);
    assert_eq!(lower("command-r-08-2024", 4_001), Some(4_000));
    assert_eq!(lower("rerank-v3.5", 4_001), None);
}

#[test]
fn fallback_is_an_active_model_of_the_endpoint() {
    for (fallback, is_one) in
        [("command-r-08-2024", true), ("c4ai-aya-expanse-8b", false), ("rerank-v3.5", false)]
    {
        let pair = format!("command-a-03-2025={fallback}");
        let vars = [("GATEWAY_SECRET_ID", "key"), ("GATEWAY_FALLBACKS", &pair)];
        let config = Config::from_vars(&vars).unwrap();
        let request = request::<Chat>(r#"{"messages":[{}]}"#, None);
        let chosen = choose_fallback::<Chat>(&config.fallback, &request);
        assert_eq!(chosen.is_some(), is_one, "{fallback}");
    }
}

/// Answers a chat, and tells the code or the model, the calls, whose headers and id it has, and the
/// requested model where another is told.
async fn answer(app: &'static App, script: &str) -> (String, u32, String, Option<String>) {
    let body = format!(r#"{{"messages":[{{}}],"script":"{script}"}}"#);
    let request = request::<Chat>(&body, None);
    let mut record = RequestRecord::new(Endpoint::Chat);
    record.model = Some(request.upstream.model.clone());
    let answer =
        answer_with_fallback::<ScriptedChat, ScriptedAnswer>(app, &request, &mut record).await;
    let told = answer.map_or_else(|error| error.code.as_str().to_string(), |answer| answer.0);
    let calls = record.calls;
    let trace = calls.response_headers.get("x-debug-trace-id");
    let trace = trace.map(|trace| trace.to_str().unwrap().to_string()).unwrap_or_default();
    assert_eq!(calls.upstream_id.unwrap_or_default(), trace);
    (told, calls.attempts, trace, record.fallback_from)
}

#[tokio::test(start_paused = true)]
async fn answer_is_the_primarys_or_the_fallbacks_and_tells_which() {
    const PRIMARY: &str = "command-a-03-2025";
    const FALLBACK: &str = "command-r-plus-08-2024";
    fastrand::seed(7);
    for (script, told, calls, trace, fallback_from) in [
        ("ok", PRIMARY, 1, PRIMARY, None),
        ("invalid", "invalid_request", 1, PRIMARY, None),
        ("auth", "upstream_auth", 1, PRIMARY, None),
        ("server | ok", FALLBACK, 4, FALLBACK, Some(PRIMARY)),
        ("quota | ok", FALLBACK, 2, FALLBACK, Some(PRIMARY)),
        // The caller hears of the model that was asked for.
        ("quota | server", "quota_exhausted", 2, PRIMARY, None),
        ("quota | invalid", "quota_exhausted", 2, PRIMARY, None),
    ] {
        let expected =
            (told.to_string(), calls, trace.to_string(), fallback_from.map(str::to_string));
        assert_eq!(answer(start_default_app(), script).await, expected, "{script}");
    }
}

#[tokio::test(start_paused = true)]
async fn open_breaker_hides_no_mistake_of_the_caller() {
    for (script, told, is_fallbacks) in [
        ("ok | invalid", "invalid_request", true),
        ("ok | transient", "invalid_request", true),
        ("ok | unknown-model", "circuit_open", false),
        ("ok | server", "circuit_open", false),
    ] {
        let app = start_default_app();
        for _ in 0..2 {
            answer(app, "server | ok").await;
        }
        let (code, calls, _, fallback_from) = answer(app, script).await;
        assert_eq!((code.as_str(), calls), (told, 1), "{script}");
        assert_eq!(fallback_from.is_some(), is_fallbacks, "{script}");
    }
}

/// Starts an environment whose requested model has just come back, with more than a call a second.
async fn start_recovered() -> &'static App {
    let app = start_default_app();
    for _ in 0..2 {
        answer(app, "server | ok").await;
    }
    for _ in 0..140 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if answer(app, "ok | ok").await.3.is_none() {
            return app;
        }
    }
    panic!("no probe has closed the breaker");
}

#[tokio::test(start_paused = true)]
async fn recovering_model_is_spared_by_a_healthy_fallback() {
    fastrand::seed(7);
    let app = start_recovered().await;
    let mut spared = 0;
    let started = crate::clock::now();
    for _ in 0..200 {
        let (_, calls, _, fallback_from) = answer(app, "ok | ok").await;
        assert_eq!(calls, 1);
        spared += usize::from(fallback_from.is_some());
    }
    assert!((170..=195).contains(&spared), "{spared} of 200");
    assert!(started.elapsed().is_zero(), "nobody has waited");
}

#[tokio::test(start_paused = true)]
async fn recovering_model_is_called_where_its_fallback_fails() {
    for failure in ["server", "quota", "invalid", "throttled:60000"] {
        fastrand::seed(7);
        let app = start_recovered().await;
        for number in 0..10 {
            let (told, calls, ..) = answer(app, &format!("ok | {failure}")).await;
            assert_eq!(told, "command-a-03-2025", "{failure}, request {number}");
            assert!(calls <= 2, "{failure}: {calls} calls");
        }
    }
}
