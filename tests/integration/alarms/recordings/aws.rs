//! What fails without a word of a function: crashes, throttles, API Gateway itself.

use super::{Recorder, Stage, answer_well, name_function, of_aws, start, write_body};
use crate::alarms::happening::{Happening, OF_FUNCTIONS};
use gateway_tests::gateway::read_answer;
use gateway_tests::stub::Step;
use http::Method;
use local::secrets_manager::{Behaviour, CLIENTS};
use serde_json::Value;
use shared::endpoint::Endpoint;
use std::time::Duration;

pub(super) async fn record_failures(stage: &Stage<'_>) {
    for endpoint in OF_FUNCTIONS {
        record_crash(stage, endpoint).await;
    }
    stage.stub.answer_others(answer_well);
    record_unplanned(stage).await;
    record_verdicts(stage).await;
}

async fn record_crash(stage: &Stage<'_>, endpoint: Endpoint) {
    stage.stub.answer_others(|_| vec![Step::Hang]);
    let known = stage.stub.seen().len();
    let killing = async {
        while stage.stub.seen().len() == known {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stage.running.gateway.kill(endpoint.name()).await;
    };
    stage
        .record(Happening::Crash(endpoint), &of_aws(endpoint.name()), async {
            let sending = stage.running.send_past_cache(endpoint.path(), write_body(endpoint));
            let (answer, ()) = tokio::join!(sending, killing);
            assert_eq!(answer.status, 503);
        })
        .await;
}

/// The authorizer names an API key that no usage plan has.
async fn record_unplanned(stage: &Stage<'_>) {
    let secrets = &stage.running.gateway.secrets;
    let clients = secrets.current(CLIENTS).expect("a list");
    let mut unplanned: Value = serde_json::from_str(&clients).unwrap();
    unplanned["clients"][0]["usage_plan_key"] = "a-key-that-was-deleted".into();
    secrets.put(CLIENTS, &unplanned.to_string());
    stage.running.gateway.kill("authorizer").await;
    for endpoint in OF_FUNCTIONS {
        stage
            .record(Happening::Unplanned(endpoint), &of_aws("authorizer"), async {
                let answer = stage.running.send(endpoint.path(), write_body(endpoint)).await;
                assert_eq!(answer.status, 500);
            })
            .await;
    }
    for (endpoint, path) in [
        (Endpoint::Embed, "/v1/embed"),
        (Endpoint::Rerank, "/v1/rerank"),
        (Endpoint::Completions, "/v1/chat"),
    ] {
        stage
            .record(Happening::UnplannedV1(endpoint), &of_aws("authorizer"), async {
                assert_eq!(stage.running.send(path, "{}").await.status, 500);
            })
            .await;
    }
    secrets.put(CLIENTS, &clients);
    stage.running.gateway.kill("authorizer").await;
}

async fn record_verdicts(stage: &Stage<'_>) {
    let unknown = format!("Bearer cgw_{}", "0".repeat(43));
    stage
        .record(Happening::Denied, &of_aws("authorizer"), async {
            let request = stage.running.request_without_token(Method::POST, "/v2/chat");
            let request = request.header("authorization", unknown).body(write_body(Endpoint::Chat));
            assert_eq!(read_answer(request).await.status, 401);
        })
        .await;
    stage.running.gateway.secrets.behave(Behaviour::Failing);
    stage.running.gateway.kill("authorizer").await;
    let mut expected = of_aws("authorizer");
    expected.push("\"AuthorizerFailed\"".to_string());
    stage
        .record(Happening::NotJudged, &expected, async {
            let answer = stage.running.send("/v2/chat", write_body(Endpoint::Chat)).await;
            assert_eq!(answer.status, 503);
        })
        .await;
    stage.running.gateway.secrets.behave(Behaviour::Normal);
}

/// Records what Lambda does not take, at gateways that have reserved nothing for a function.
pub(super) async fn record_throttles(recorder: &Recorder) {
    let nothing = ["Chat", "Embed", "Rerank", "PassThrough", "Health"]
        .map(|name| format!("{name}ReservedConcurrency"));
    let nothing: Vec<_> = nothing.iter().map(|name| (name.as_str(), "0")).collect();
    let (stub, running) = start(&nothing).await;
    let stage = Stage { stub, running, recorder };
    for endpoint in OF_FUNCTIONS {
        stage
            .record(Happening::Throttled(endpoint), &of_aws(endpoint.name()), async {
                let answer = stage.running.send(endpoint.path(), write_body(endpoint)).await;
                assert_eq!(answer.status, 503);
            })
            .await;
    }
    stage
        .record(Happening::HealthThrottled, &[name_function("health")], async {
            let request = stage.running.request_without_token(Method::GET, "/api/health");
            assert_eq!(read_answer(request).await.status, 503);
        })
        .await;
    drop(stage);
    let (stub, running) = start(&[("AuthorizerReservedConcurrency", "0")]).await;
    let stage = Stage { stub, running, recorder };
    stage
        .record(Happening::AuthorizerThrottled, &of_aws("authorizer"), async {
            let answer = stage.running.send("/v2/chat", write_body(Endpoint::Chat)).await;
            assert_eq!(answer.status, 503);
        })
        .await;
}
