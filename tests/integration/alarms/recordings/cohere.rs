//! Requests, and what Cohere and callers make of them.

use super::{Stage, answer_well, of_request, refuse, write_body};
use crate::alarms::happening::{Happening, OF_FUNCTIONS};
use gateway_tests::gateway::FAKE_KEY;
use gateway_tests::raw_event::build_chat_event;
use gateway_tests::stub::{Step, write_json};
use local::secrets_manager::API_KEY;
use serde_json::json;
use shared::endpoint::Endpoint;
use std::time::Duration;

/// What a caller waits for, which is less than Cohere takes.
const CALLERS_TIME: Duration = Duration::from_millis(100);

pub(super) async fn record(stage: &Stage<'_>) {
    for endpoint in OF_FUNCTIONS {
        stage.stub.answer_others(answer_well);
        // The first request of an environment reads the key, which is told too.
        stage
            .record(Happening::Good(endpoint), &of_request(endpoint), async {
                stage.running.send_past_cache(endpoint.path(), write_body(endpoint)).await;
            })
            .await;
        stage.record_request(Happening::Failed(endpoint), endpoint, refuse(503, "no")).await;
    }
    let refusals = [
        (Happening::Limited, 429, "past the per minute request limit"),
        (Happening::MonthUsedUp, 429, "limited to 1000 API calls / month."),
        (Happening::PaymentAsked, 402, "pay"),
        (Happening::KeyRefused, 401, "invalid api token"),
        (Happening::Blocked, 498, "blocked input"),
    ];
    for (happening, status, message) in refusals {
        stage.record_request(happening, Endpoint::Chat, refuse(status, message)).await;
    }
    record_renewed_key(stage).await;
    record_callers_times(stage).await;
    record_fallback(stage).await;
    record_empty_budget(stage).await;
    record_marked_failure(stage).await;
}

async fn record_renewed_key(stage: &Stage<'_>) {
    stage.running.gateway.kill("chat").await;
    stage.stub.answer_others(answer_well);
    stage.send_chat().await;
    stage.running.gateway.secrets.put(API_KEY, "fake-newer-key-of-the-tests");
    stage.stub.answer_others(|seen| {
        match seen.headers["authorization"].to_str().unwrap().contains(FAKE_KEY) {
            true => refuse(401, "invalid api token"),
            false => answer_well(seen),
        }
    });
    let sending = stage.send_chat();
    stage.record(Happening::KeyRenewed, &of_request(Endpoint::Chat), sending).await;
    stage.running.gateway.secrets.put(API_KEY, FAKE_KEY);
    stage.running.gateway.kill("chat").await;
}

async fn record_callers_times(stage: &Stage<'_>) {
    stage
        .stub
        .answer_others(|seen| [vec![Step::Wait(10 * CALLERS_TIME)], answer_well(seen)].concat());
    let chat = || stage.running.post("/v2/chat").body(write_body(Endpoint::Chat));
    stage
        .record(Happening::CallersDeadline, &of_request(Endpoint::Chat), async {
            let answer = chat().header("x-gateway-timeout-ms", "100").send().await.unwrap();
            assert_eq!(answer.status(), 504);
        })
        .await;
    // API Gateway's stand-in counts no request that nobody waits for.
    let expected = &of_request(Endpoint::Chat)[1..];
    stage
        .record(Happening::CallerLeft, expected, async {
            assert!(chat().timeout(CALLERS_TIME).send().await.is_err());
        })
        .await;
}

async fn record_fallback(stage: &Stage<'_>) {
    stage.running.gateway.kill("chat").await;
    let asked = "command-r7b-12-2024";
    stage.stub.answer_others(move |seen| match seen.field("model") == asked {
        true => refuse(500, "no"),
        false => answer_well(seen),
    });
    let body = write_body(Endpoint::Chat).replace(super::MODELS[0], asked);
    stage
        .record(Happening::Fallback, &of_request(Endpoint::Chat), async {
            assert_eq!(stage.running.send("/v2/chat", body).await.status, 200);
        })
        .await;
}

async fn record_empty_budget(stage: &Stage<'_>) {
    stage.running.gateway.kill("chat").await;
    stage.stub.answer_others(|_| refuse(500, "no"));
    // Ten retries empty a budget; requests beside each other would each get an environment.
    for _ in 0..6 {
        stage.send_chat().await;
    }
    let mut expected = of_request(Endpoint::Chat);
    expected.push("\"RetryBudgetEmpty\"".to_string());
    stage.record(Happening::RetryBudgetEmpty, &expected, stage.send_chat()).await;
}

async fn record_marked_failure(stage: &Stage<'_>) {
    stage.running.gateway.kill("chat").await;
    stage.stub.answer_others(|_| write_json(500, &json!({ "message": "no" })));
    let marked = json!({ "client": "driver", "gate": "true" });
    let event = build_chat_event(&write_body(Endpoint::Chat), false, &marked);
    stage
        .record(Happening::MarkedFailure, &of_request(Endpoint::Chat)[1..], async {
            // A rollout calls a version by its number, so that what AWS counts of the alias is of callers.
            let answer = stage.running.gateway.invoke_version("chat", 1, event.to_string()).await;
            assert!(answer.is_ok());
        })
        .await;
}
