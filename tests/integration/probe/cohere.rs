//! How Cohere is, as the probe's own call of it says: only what Cohere itself fails at is unreachable.

use super::{SETTINGS, look};
use gateway_tests::gateway::{self, FAKE_KEY};
use gateway_tests::stub::{Step, write_json};
use local::secrets_manager::API_KEY;
use serde_json::{Value, json};

/// The model that is asked first, unless a setting names another.
const FIRST_MODEL: &str = "command-r7b-12-2024";

fn refusal(status: u16, message: &str) -> Vec<Step> {
    write_json(status, &json!({ "id": "i", "message": message }))
}

#[tokio::test]
async fn every_answer_of_cohere_has_its_outcome() {
    let (stub, running) = gateway::start_with_stub(&SETTINGS).await;
    for (answer, outcome, metric) in [
        (write_json(200, &json!({ "message": {} })), "ok", "ProbeOk"),
        (refusal(429, "slower"), "degraded", "ProbeDegraded"),
        (refusal(404, "model not found"), "degraded", "ProbeDegraded"),
        (refusal(500, "no"), "unreachable", "ProbeUnreachable"),
        (refusal(503, "no"), "unreachable", "ProbeUnreachable"),
        (vec![Step::Hang], "unreachable", "ProbeUnreachable"),
        (refusal(401, "invalid api token"), "key_refused", "ProbeKeyRefused"),
        (refusal(403, "no access"), "key_refused", "ProbeKeyRefused"),
        (refusal(402, "pay"), "billing", "ProbeBilling"),
        (refusal(429, "limited to 1000 API calls / month"), "billing", "ProbeBilling"),
    ] {
        stub.answer_others(move |_| answer.clone());
        let look = look(&running).await;
        let line = &look.line;
        assert_eq!(
            (line["cohere"].as_str(), &look.ones[..]),
            (Some(outcome), &[metric.to_string()][..])
        );
        assert!(line["cohere_ms"].is_number(), "{line}");
        // There is no synthetic client, as after a first deployment.
        assert_eq!(line["front_door"], "not_checked", "{line}");
        assert_eq!(line["problem"], "there is no synthetic client yet");
    }
    let age = running.wait_for_line("\"KeyAgeDays\"").await;
    assert!(age.contains("\"KeyVersion\""), "{age}");
}

#[tokio::test]
async fn cohere_on_the_second_model_only_is_degraded() {
    let (stub, running) = gateway::start_with_stub(&SETTINGS).await;
    stub.answer_others(|seen| {
        let request: Value = serde_json::from_slice(&seen.body).unwrap();
        match request["model"] == FIRST_MODEL {
            true => refusal(404, "model not found"),
            false => write_json(200, &json!({ "message": {} })),
        }
    });
    let look = look(&running).await;
    assert_eq!(
        (look.line["cohere"].as_str(), &look.ones[..]),
        (Some("degraded"), &["ProbeDegraded".to_string()][..])
    );
}

#[tokio::test]
async fn address_that_nobody_answers_at_is_unreachable() {
    let running = gateway::start_at("http://127.0.0.1:9", &SETTINGS).await;
    assert_eq!(look(&running).await.line["cohere"], "unreachable");
}

#[tokio::test]
async fn missing_key_says_nothing_of_cohere() {
    let (stub, running) = gateway::start_with_stub(&SETTINGS).await;
    running.gateway.secrets.remove(API_KEY);
    let look = look(&running).await;
    assert_eq!(
        (look.line["cohere"].as_str(), &look.ones[..]),
        (Some("key_missing"), &["ProbeKeyMissing".to_string()][..])
    );
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn key_that_was_replaced_is_no_refused_one() {
    let (stub, running) = gateway::start_with_stub(&SETTINGS).await;
    stub.answer_others(|seen| {
        match seen.headers["authorization"].to_str().unwrap().contains(FAKE_KEY) {
            true => refusal(401, "invalid api token"),
            false => write_json(200, &json!({ "message": {} })),
        }
    });
    assert_eq!(look(&running).await.line["cohere"], "key_refused");
    running.gateway.secrets.put(API_KEY, "fake-newer-key-of-the-tests");
    assert_eq!(look(&running).await.line["cohere"], "ok");
}
