//! Values of headers, in both directions: none of them costs an answer, whatever it holds.

use gateway_tests::gateway::{self, read_answer};
use gateway_tests::stub::{Step, write_answer, write_stream};
use gateway_tests::ways::Way;
use local::Upstream;
use serde_json::json;

/// Ways whose answers begin with a head of Cohere's.
const WAYS: [Way; 4] = [Way::Chat, Way::Stream, Way::Embed, Way::Rerank];

/// Headers of Cohere that reach the caller, besides the content type.
const FROM_COHERE: [&str; 4] =
    ["x-api-warning", "x-debug-trace-id", "num_tokens", "x-trial-endpoint-call-remaining"];

/// What the upstream does for a good answer with these headers.
fn good_steps(way: Way, headers: &[(&str, &str)]) -> Vec<Step> {
    let body = way.good_body();
    if way.is_stream() {
        return write_stream(headers, &[body.as_bytes()]);
    }
    let json = [("content-type", "application/json")];
    write_answer(200, &[&json[..], headers].concat(), body.as_bytes())
}

#[tokio::test]
async fn values_of_cohere_never_cost_the_body() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    let long = "ü".repeat(3_000);
    let values = [
        ("unknown field: température", "unknown field: temp%C3%A9rature"),
        ("model “x”\tis deprecated", "model %E2%80%9Cx%E2%80%9D%09is deprecated"),
        ("50 % of %41", "50 % of %41"),
        (&long, &format!("{}...", "%C3%BC".repeat(170))),
    ];
    for way in WAYS {
        for name in FROM_COHERE {
            for (value, expected) in values {
                stub.plan_answer(good_steps(way, &[(name, value)]));
                let answer = running.send_past_cache(&way.path(), way.body()).await;
                assert_eq!(answer.status, 200, "{way:?} {name} {answer:?}");
                assert_eq!(answer.body, way.good_body(), "{way:?} {name}");
                let seen = answer.header(name);
                assert_eq!(&seen[..expected.len().min(seen.len())], expected, "{way:?}");
                assert!(seen.len() <= 1_024, "{way:?} {name}: {}", seen.len());
            }
        }
    }
    assert_eq!(stub.seen().len(), WAYS.len() * FROM_COHERE.len() * values.len());
}

#[tokio::test]
async fn repeated_header_of_cohere_is_joined() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    let twice = [("x-api-warning", "model is deprecated"), ("X-API-Warning", "unknown field: é")];
    let joined = "model is deprecated, unknown field: %C3%A9";
    for way in WAYS {
        stub.plan_answer(good_steps(way, &twice));
        let answer = running.send_past_cache(&way.path(), way.body()).await;
        assert_eq!((answer.status, answer.header("x-api-warning")), (200, joined), "{way:?}");
        stub.plan_answer(write_answer(400, &twice, br#"{"message":"no"}"#));
        let answer = running.send_past_cache(&way.path(), way.body()).await;
        assert_eq!((answer.status, answer.header("x-api-warning")), (400, joined), "{way:?}");
    }
}

#[tokio::test]
async fn warnings_of_all_sub_requests_arrive_once() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    stub.answer_others(|seen| {
        let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
        let texts = body["texts"].as_array().unwrap();
        let first = texts[0].as_str().unwrap();
        let own = format!("a warning about {first}");
        let headers = [("x-api-warning", "model is deprecated"), ("x-api-warning", &own)];
        let vectors = vec![json!([0.5]); texts.len()];
        let answer = json!({ "id": "e", "embeddings": { "float": vectors }, "texts": texts });
        write_answer(200, &headers, answer.to_string().as_bytes())
    });
    let texts: Vec<_> = (0..200).map(|number| format!("t{number}")).collect();
    let body = json!({ "model": "m", "input_type": "search_query", "texts": texts });
    let answer = running.send("/v2/embed", body.to_string()).await;
    let mut warnings: Vec<_> = answer.header("x-api-warning").split(", ").collect();
    warnings.sort_unstable();
    let own = ["a warning about t0", "a warning about t192", "a warning about t96"];
    assert_eq!(warnings, [&own[..], &["model is deprecated"]].concat());
}

#[tokio::test]
async fn model_id_of_any_letters_is_answered() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    let ids = [
        ("modèle", "mod%C3%A8le"),
        ("command\u{2011}a", "command%E2%80%91a"),
        ("a\u{1}\n\u{7f}b", "a%01%0A%7Fb"),
        ("", ""),
    ];
    for way in WAYS {
        for (id, escaped) in ids {
            let mut body: serde_json::Value = serde_json::from_str(&way.body()).unwrap();
            body["model"] = id.into();
            stub.plan_answer(good_steps(way, &[]));
            let answer = running.send_past_cache(&way.path(), body.to_string()).await;
            assert_eq!(
                (answer.status, answer.header("x-gateway-model")),
                (200, escaped),
                "{way:?}"
            );
            let said = json!({ "message": format!("model '{id}' not found") }).to_string();
            stub.plan_answer(write_answer(404, &[], said.as_bytes()));
            let answer = running.send_past_cache(&way.path(), body.to_string()).await;
            assert_eq!(
                (answer.status, answer.header("x-gateway-model")),
                (404, escaped),
                "{way:?}"
            );
            assert_eq!(answer.json()["message"], format!("model '{id}' not found"));
        }
    }
}

#[tokio::test]
async fn values_of_callers_reach_cohere_escaped() {
    let (stub, running) = gateway::start_single_with_stub(&[]).await;
    let names = ["x-client-name", "user-agent", "request-source", "x-fern-language", "traceparent"];
    let long = "n".repeat(3_000);
    let values = [("café", "caf%C3%A9"), ("a\tb", "a%09b"), ("100%", "100%"), (&long, &long)];
    for name in names {
        for (value, expected) in values {
            stub.plan_answer(Way::Chat.good_steps());
            let request = running.post("/v2/chat").header(name, value).body(Way::Chat.body());
            assert_eq!(read_answer(request).await.status, 200, "{name}: {value}");
            let seen = stub.seen();
            assert_eq!(seen.last().unwrap().headers[name], expected);
        }
    }
}

#[tokio::test]
async fn sandbox_warns_in_the_callers_own_letters() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let body = json!({
        "model": "command-r-03-2024", "größe": 1, "messages": [{ "role": "user", "content": "hi" }],
    });
    let answer = running.send("/v2/chat", body.to_string()).await;
    let warning = answer.header("x-api-warning");
    assert_eq!(answer.status, 200);
    assert!(warning.starts_with("model 'command-r-03-2024' is deprecated and will be removed"));
    let unknown = ", unknown field: parameter gr%C3%B6%C3%9Fe is not a valid field";
    assert!(warning.ends_with(unknown), "{warning}");
}
