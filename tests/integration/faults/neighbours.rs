//! Callers of one environment, one after another: what one of them does leaves the others their breakers,
//! their models and their retries.

use gateway_tests::gateway::{self, Answer, Running, read_answer};
use gateway_tests::stub::{Step, Stub, write_answer, write_json};
use gateway_tests::ways::{Way, count_breaker_lines, status_and_code};
use serde_json::json;

const WAYS: [Way; 4] = [Way::Chat, Way::Stream, Way::Embed, Way::Rerank];
/// Two failures would open a breaker.
const SETTINGS: [(&str, &str); 2] =
    [("GATEWAY_BREAKER_FAILURES", "2"), ("GATEWAY_CACHE_BYTES", "0")];
/// More than any budget pays retries for.
const MANY: usize = 60;
/// Neither the flooded model nor its fallback.
const OTHER_MODEL: &str = "command-r7b-12-2024";

/// Demands that somebody else's call is made, and is tried again when it fails.
async fn assert_served(stub: &Stub, running: &Running, way: Way, body: &str) {
    stub.answer_others(move |_| way.good_steps());
    stub.plan_answer(write_json(500, &json!({ "message": "oh" })));
    let request = running.post(&way.path()).header("x-gateway-fallback", "deny");
    let answer = read_answer(request.body(body.to_string())).await;
    assert_eq!(status_and_code(&answer), "200", "{way:?}");
    assert_eq!(answer.header("x-gateway-attempts"), "2", "{way:?}");
    assert_eq!(count_breaker_lines(running, "open"), 0, "{way:?}");
}

async fn send_in(running: &Running, way: Way, millis: &str) -> Answer {
    let request = running.post(&way.path()).header("x-gateway-timeout-ms", millis);
    read_answer(request.body(way.body())).await
}

#[tokio::test]
async fn caller_with_too_little_time_leaves_others_their_model() {
    let (stub, running) = gateway::start_single_with_stub(&SETTINGS).await;
    for way in WAYS {
        stub.answer_others(|_| vec![Step::Hang]);
        for _ in 0..12 {
            let late = send_in(&running, way, "100").await;
            assert_eq!(status_and_code(&late), "504 deadline", "{way:?}");
            assert_eq!(late.header("x-gateway-fallback-from"), "", "{way:?}");
        }
        assert_served(&stub, &running, way, &way.body()).await;
    }
}

#[tokio::test]
async fn caller_with_refused_bodies_leaves_others_their_model() {
    let transient = "NO_VALID_RESPONSE_GENERATED";
    let (stub, running) = gateway::start_single_with_stub(&SETTINGS).await;
    for way in WAYS {
        for status in [400, 403, 404, 422, 498] {
            stub.answer_others(move |_| write_json(status, &json!({ "message": "no" })));
            for _ in 0..5 {
                let refused = way.send_request(&running, "allow").await;
                assert_eq!(refused.status, status, "{way:?}");
            }
        }
        stub.answer_others(move |_| {
            write_json(422, &json!({ "message": "no", "error_type": transient }))
        });
        for _ in 0..MANY {
            assert_eq!(way.send_request(&running, "allow").await.status, 422, "{way:?}");
        }
        assert_served(&stub, &running, way, &way.body()).await;
    }
}

#[tokio::test]
async fn others_answers_refill_what_transient_refusals_took() {
    let transient = json!({ "message": "no", "error_type": "NO_VALID_RESPONSE_GENERATED" });
    let (stub, running) = gateway::start_single_with_stub(&SETTINGS).await;
    let refusal = transient.clone();
    stub.answer_others(move |_| write_json(422, &refusal));
    for _ in 0..MANY {
        Way::Chat.send_request(&running, "deny").await;
    }
    let last = Way::Chat.send_request(&running, "deny").await;
    assert_eq!(last.header("x-gateway-attempts"), "1", "its budget is empty");
    stub.answer_others(|_| Way::Chat.good_steps());
    for _ in 0..30 {
        assert_eq!(Way::Chat.send_request(&running, "deny").await.status, 200);
    }
    stub.plan_answer(write_json(422, &transient));
    let answer = Way::Chat.send_request(&running, "deny").await;
    assert_eq!((answer.status, answer.header("x-gateway-attempts")), (200, "2"));
}

#[tokio::test]
async fn flood_of_one_model_leaves_other_models_their_retries() {
    let (stub, running) = gateway::start_single_with_stub(&SETTINGS).await;
    let slow_down = || {
        let headers = [("content-type", "application/json"), ("retry-after", "0.01")];
        write_answer(429, &headers, br#"{"message":"past the per minute request limit"}"#)
    };
    stub.answer_others(move |_| slow_down());
    for _ in 0..MANY {
        let answer = Way::Chat.send_request(&running, "allow").await;
        assert_eq!(status_and_code(&answer), "429 rate_limited");
    }
    let other = Way::Chat.body().replace(Way::Chat.model(), OTHER_MODEL);
    assert_served(&stub, &running, Way::Chat, &other).await;
    // Its own rest is over as soon as Cohere said.
    assert_eq!(Way::Chat.send_request(&running, "deny").await.status, 200);
}
