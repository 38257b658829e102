//! `docs/runbooks/key-leaked.md`, in its harsher order: the leaked key is revoked before there is another.

use gateway_tests::gateway;
use gateway_tests::runbook::Runbook;
use local::Upstream;
use std::time::{Duration, Instant};

const BODY: &str = r#"{"query":"red fox","documents":["a blue whale","a fox that is red"]}"#;
const NEW: &str = "fake-new-key-after-the-leak";
/// How long an environment does not try a refused key again, here; and time for a busy machine.
const BOUND: Duration = Duration::from_millis(500 + 3_000);

#[tokio::test]
async fn leaked_key_runbook_revokes_and_recovers() {
    let settings = [("GATEWAY_BAD_KEY_MS", "500"), ("GATEWAY_KEY_REFRESH_MS", "500")];
    let running = gateway::start(Upstream::Sandbox, &settings).await;
    let sandbox = running.gateway.sandbox.as_ref().unwrap();
    let mut runbook = Runbook::open(&running, "key-leaked", &[("NEW_KEY", NEW)]);
    runbook.next().await;
    assert_eq!(running.send_past_cache("/v2/rerank", BODY).await.status, 200);
    let leaked = sandbox.requests().last().unwrap().header("authorization").unwrap().to_owned();
    sandbox.revoke_key(leaked.trim_start_matches("Bearer "));
    let answer = running.send_past_cache("/v2/rerank", BODY).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (502, Some("upstream_auth")));

    runbook.next().await;
    let since = Instant::now();
    while running.send_past_cache("/v2/rerank", BODY).await.status != 200 {
        assert!(since.elapsed() < BOUND, "the new key is not used");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let status = runbook.next().await;
    assert!(status.contains("AWSCURRENT") && status.contains("AWSPREVIOUS"), "{status}");
    let lines = running.read_lines().join("\n");
    let leaked = leaked.trim_start_matches("Bearer ");
    assert!(!lines.contains(leaked) && !lines.contains(NEW) && !runbook.words().contains(NEW));
    runbook.end().await;
}
