//! `docs/runbooks/rotate-key.md`: the key is replaced between requests, and none of them notices.

use gateway_tests::gateway;
use gateway_tests::runbook::Runbook;
use local::Upstream;
use local::secrets_manager::API_KEY;

const BODY: &str = r#"{"query":"red fox","documents":["a blue whale","a fox that is red"]}"#;
const NEW: &str = "fake-new-key-of-the-runbook";

#[tokio::test]
async fn rotation_runbook_replaces_the_key() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let sandbox = running.gateway.sandbox.as_ref().unwrap();
    let key_used = || {
        sandbox.requests().last().and_then(|seen| seen.header("authorization").map(str::to_owned))
    };
    let mut runbook = Runbook::open(&running, "rotate-key", &[("NEW_KEY", NEW)]);
    runbook.next().await;
    assert_eq!(running.send_past_cache("/v2/rerank", BODY).await.status, 200);
    let old = key_used().unwrap();

    let staged = runbook.next().await;
    assert!(staged.contains("NEXT") && staged.contains("AWSCURRENT"), "{staged}");
    assert_eq!(running.send_past_cache("/v2/rerank", BODY).await.status, 200);
    assert_eq!(key_used().as_ref(), Some(&old), "a staged key is not in use");

    let rotated = runbook.next().await;
    assert!(rotated.contains("AWSPREVIOUS") && !rotated.contains("NEXT"), "{rotated}");
    assert_eq!(running.gateway.secrets.current(API_KEY).as_deref(), Some(NEW));

    // The last step, by hand at Cohere; this environment had no time to forget the old key.
    sandbox.revoke_key(old.trim_start_matches("Bearer "));
    for attempts in ["2", "1"] {
        let answer = running.send_past_cache("/v2/rerank", BODY).await;
        assert_eq!((answer.status, answer.header("x-gateway-attempts")), (200, attempts));
    }
    assert_eq!(key_used(), Some(format!("Bearer {NEW}")));
    assert!(!runbook.words().contains(NEW) && !running.read_lines().join("\n").contains(NEW));
    runbook.end().await;
}
