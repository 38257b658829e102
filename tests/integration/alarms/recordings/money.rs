//! What an answer costs, and with which key it was got.

use super::{Stage, answer_well, of_request, write_body};
use crate::alarms::happening::Happening;
use gateway_tests::stub::write_json;
use local::secrets_manager::API_KEY;
use serde_json::{Value, json};
use shared::endpoint::Endpoint;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

pub(super) async fn record(stage: &Stage<'_>) {
    let answer = |output: u64| {
        let units = json!({ "input_tokens": 1, "output_tokens": output });
        json!({ "message": {}, "usage": { "billed_units": units } })
    };
    record_of_model(stage, Happening::Unpriced, "command-a-plus-05-2026", answer(1)).await;
    // At ten dollars for a million tokens of output; the one of input is no whole cent.
    record_of_model(stage, Happening::TenDollars, "command-a-03-2025", answer(1_000_000)).await;
    record_trial_key(stage).await;
    record_ages(stage).await;
}

async fn record_of_model(stage: &Stage<'_>, happening: Happening, model: &str, answer: Value) {
    stage.stub.answer_others(move |_| write_json(200, &answer));
    let body = write_body(Endpoint::Chat).replace(super::MODELS[0], model);
    stage
        .record(happening, &of_request(Endpoint::Chat), async {
            assert_eq!(stage.running.send("/v2/chat", body).await.status, 200);
        })
        .await;
}

async fn record_trial_key(stage: &Stage<'_>) {
    let units = json!({ "billed_units": { "input_tokens": 1, "output_tokens": 1 } });
    let body = json!({ "message": {}, "usage": units }).to_string();
    let headers = [("content-type", "application/json"), ("x-trial-endpoint-call-limit", "40")];
    let answer = gateway_tests::stub::write_answer(200, &headers, body.as_bytes());
    stage.record_request(Happening::TrialKey, Endpoint::Chat, answer).await;
}

/// Records readings of a key of each age, which are told by the environment that reads it first.
async fn record_ages(stage: &Stage<'_>) {
    stage.stub.answer_others(answer_well);
    let expected = ["\"KeyAgeDays\"".to_string(), "\"request_ended\"".to_string()];
    for (happening, age) in
        [(Happening::KeyOf91Days, 91 * DAY), (Happening::KeyOf89Days, 90 * DAY - DAY / 24)]
    {
        stage.running.gateway.secrets.put(API_KEY, gateway_tests::gateway::FAKE_KEY);
        stage.running.gateway.secrets.age(API_KEY, age);
        stage.running.gateway.kill("chat").await;
        stage.record(happening, &expected, stage.send_chat()).await;
    }
    stage.running.gateway.secrets.put(API_KEY, gateway_tests::gateway::FAKE_KEY);
    stage.running.gateway.kill("chat").await;
}
