//! What the probe finds, and steps of a rotation.

use super::{Stage, answer_well, name_function, refuse};
use crate::alarms::happening::Happening;
use gateway_tests::gateway::FAKE_KEY;
use local::LOCAL_TOKEN;
use local::secrets_manager::{API_KEY, CLIENTS, SYNTHETIC_CLIENT};
use serde_json::json;

pub(super) async fn record(stage: &Stage<'_>) {
    for (happening, status, message) in [
        (Happening::LookDegraded, 429, "slower"),
        (Happening::LookUnreachable, 503, "no"),
        (Happening::LookKeyRefused, 401, "invalid api token"),
        (Happening::LookPaymentAsked, 402, "pay"),
    ] {
        stage.stub.answer_others(move |_| refuse(status, message));
        record_look(stage, happening).await;
    }
    stage.stub.answer_others(answer_well);
    record_look(stage, Happening::LookOk).await;
    stage.running.gateway.secrets.remove(API_KEY);
    stage.running.gateway.kill("probe").await;
    record_look(stage, Happening::LookKeyMissing).await;
    stage.running.gateway.secrets.put(API_KEY, FAKE_KEY);
    stage.running.gateway.kill("probe").await;
    record_closed_door(stage).await;
    record_rotation(stage).await;
}

async fn record_look(stage: &Stage<'_>, happening: Happening) {
    let expected =
        ["\"probe_ended\"".to_string(), "\"FrontDoorFailed\"".to_string(), name_function("probe")];
    stage
        .record(happening, &expected, async {
            stage.running.gateway.invoke("probe", "{}").await.expect("an answer");
        })
        .await;
}

/// The list of clients was emptied, so that the public address takes nobody's token.
async fn record_closed_door(stage: &Stage<'_>) {
    let secrets = &stage.running.gateway.secrets;
    let clients = secrets.current(CLIENTS).expect("a list");
    secrets.put(SYNTHETIC_CLIENT, LOCAL_TOKEN);
    secrets.put(CLIENTS, r#"{"clients":[]}"#);
    stage.running.gateway.kill("authorizer").await;
    record_look(stage, Happening::LookDoorFailed).await;
    secrets.put(CLIENTS, &clients);
    stage.running.gateway.kill("authorizer").await;
}

async fn record_rotation(stage: &Stage<'_>) {
    let token = "00000000-0000-4000-8000-aaaaaaaaaaaa";
    stage.running.gateway.secrets.begin_rotation(API_KEY, token);
    let step = |name: &str| {
        let secret = local::secrets_manager::secret_arn(API_KEY);
        json!({ "Step": name, "SecretId": secret, "ClientRequestToken": token }).to_string()
    };
    // Nothing is staged, which a test of the schedule does not mind, and a rotation does.
    let done = ["\"rotation_step_done\"".to_string()];
    stage
        .record(Happening::RotationStepDone, &done, async {
            let _ = stage.running.gateway.invoke("rotate-key", step("testSecret")).await;
        })
        .await;
    let failed = ["\"RotationFailed\"".to_string()];
    stage
        .record(Happening::RotationFailed, &failed, async {
            let _ = stage.running.gateway.invoke("rotate-key", step("createSecret")).await;
        })
        .await;
}
