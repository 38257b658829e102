//! `docs/runbooks/add-or-revoke-client.md`, with a look at who comes in after each step.

use gateway_tests::deployment::Deployment;
use gateway_tests::gateway::{Running, read_answer};
use gateway_tests::runbook::Runbook;
use http::Method;
use local::secrets_manager::SYNTHETIC_CLIENT;
use std::time::{Duration, Instant};

const BODY: &str = r#"{"query":"red fox","documents":["a blue whale","a fox that is red"]}"#;
/// The bound of a change here (list 1 s, verdict 0.3 s), and time for a busy machine.
const BOUND: Duration = Duration::from_millis(1_300 + 2_000);

async fn status_for(running: &Running, token: &str) -> u16 {
    let request = running
        .request_without_token(Method::POST, "/v2/rerank")
        .header("authorization", format!("Bearer {token}"));
    read_answer(request.body(BODY)).await.status
}

/// Waits until a token gets this answer.
async fn wait_for_status(running: &Running, token: &str, expected: u16) {
    let since = Instant::now();
    while status_for(running, token).await != expected {
        assert!(since.elapsed() < BOUND, "the token is not answered with {expected}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn token_in(printed: &str) -> String {
    let token = printed.lines().next().unwrap_or_default();
    assert!(token.starts_with("cgw_"), "{printed}");
    token.to_string()
}

#[tokio::test]
async fn client_runbook_adds_renews_and_revokes() {
    let deployment = Deployment::prepare("runbook-clients").await;
    deployment.deploy(&[]).await.data();
    let running = &deployment.running;
    let mut runbook = Runbook::open_for(&deployment, "add-or-revoke-client", &[]);
    runbook.next().await;

    let added = runbook.next().await;
    let first = token_in(&added);
    assert!(added.lines().any(|line| line.starts_with("search-service ")), "{added}");
    wait_for_status(running, &first, 200).await;

    let second = token_in(&runbook.next().await);
    wait_for_status(running, &second, 200).await;
    assert_eq!(status_for(running, &first).await, 200);

    runbook.next().await;
    wait_for_status(running, &first, 401).await;
    assert_eq!(status_for(running, &second).await, 200);

    let listed = runbook.next().await;
    assert!(!listed.contains("search-service") && listed.contains("local"), "{listed}");
    wait_for_status(running, &second, 401).await;
    assert_eq!(running.send("/v2/rerank", BODY).await.status, 200, "another client was disturbed");

    let token = || running.gateway.secrets.current(SYNTHETIC_CLIENT).unwrap();
    let leaked = token();
    assert_eq!(status_for(running, &leaked).await, 200);
    // Environments that have read no list yet need not be waited for.
    deployment.account.end_stack();
    running.gateway.kill("authorizer").await;
    let release = runbook.next().await;
    assert!(release.contains("smoke test ok."), "{release}");
    wait_for_status(running, &leaked, 401).await;
    assert_eq!(status_for(running, &token()).await, 200);
    assert!(!runbook.words().contains(&token()));
    runbook.end().await;
}
