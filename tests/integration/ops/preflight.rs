//! `ops preflight`: a gateway is tried with the synthetic client's token, and Cohere's status page is read beside it.

use gateway_tests::deployment::Deployment;
use gateway_tests::ops::Done;
use gateway_tests::stub::{Stub, write_json};
use local::secrets_manager::API_KEY;
use serde_json::{Value, json};

/// Runs it while the status page has this word.
async fn run_preflight(deployment: &Deployment, word: &str, wait: &str) -> Done {
    let page = Stub::start().await;
    page.plan_answer(write_json(200, &json!({ "status": { "indicator": word } })));
    let url = deployment.running.gateway.url.clone();
    let arguments = ["preflight", "--url", &url, "--status-url", &page.url, "--wait-secs", wait];
    deployment.run_ops_with(&arguments, &[]).await
}

#[tokio::test]
async fn preflight_tries_every_endpoint_as_a_client() {
    let deployment = Deployment::prepare("preflight").await;
    let nobody = run_preflight(&deployment, "none", "0").await;
    assert!(nobody.problem().contains("there is no synthetic client yet"), "{nobody:?}");
    deployment.deploy(&[]).await.data();
    let before = deployment.running.gateway.invoked_count("rerank");
    for (word, status) in [("none", "ok"), ("major", "impaired"), ("operational", "unknown")] {
        // The plan of this client takes twenty requests at once.
        let done = run_preflight(&deployment, word, "20").await;
        assert_eq!(
            done.data(),
            "health, chat, embed, rerank and pass-through are served",
            "{word}"
        );
        assert!(done.stderr.contains(&format!("page says: {status}")), "{done:?}");
    }
    assert_eq!(deployment.running.gateway.invoked_count("rerank"), before + 3);
}

#[tokio::test]
async fn gateway_that_serves_nobody_fails_beside_the_status_page() {
    let deployment = Deployment::prepare("preflight-fails").await;
    deployment.deploy(&[]).await.data();
    let key = deployment.running.gateway.secrets.current(API_KEY).unwrap();
    let key: Value = serde_json::from_str(&key).unwrap();
    let sandbox = deployment.running.gateway.sandbox.as_ref().unwrap();
    sandbox.revoke_key(key["CO_API_KEY"].as_str().unwrap());
    deployment.running.gateway.kill("health").await;
    let done = run_preflight(&deployment, "critical", "0").await;
    let told = done.problem();
    assert!(told.contains("status page says impaired: GET /api/health/check"), "{done:?}");
}
