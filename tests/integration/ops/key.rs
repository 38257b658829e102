//! `ops key`: a key comes from standard input, goes into use once Cohere has accepted it, and is never shown.

use gateway_tests::gateway::{self, Running};
use gateway_tests::ops::{self, Done};
use local::Upstream;
use local::sandbox::Key;
use local::secrets::API_KEY;

const NEW: &str = "MARK-fake-new-cohere-key";

async fn running() -> Running {
    gateway::start(Upstream::Sandbox, &[]).await
}

/// Runs a command; nothing it writes may hold a key.
async fn ops(running: &Running, arguments: &[&str], stdin: &str) -> Done {
    let done = ops::run(running, &[&["key"], arguments].concat(), stdin).await;
    let key = running.gateway.secrets.current(API_KEY).unwrap_or_default();
    for hidden in ["MARK", "sandbox-"] {
        assert!(!done.stdout.contains(hidden) && !done.stderr.contains(hidden), "{done:?}");
    }
    assert!(!key.is_empty());
    done
}

fn accept(running: &Running, trial: bool) {
    running.gateway.sandbox.as_ref().expect("a sandbox").accept_key(Key { value: NEW.into(), trial });
}

#[tokio::test]
async fn a_staged_key_goes_into_use_by_rotation() {
    let running = running().await;
    accept(&running, false);
    let staged = ops(&running, &["stage"], &format!("  {NEW}\n")).await;
    assert!(staged.data().is_empty() && staged.stderr.contains("ops key rotate"), "{staged:?}");
    assert!(!running.gateway.secrets.current(API_KEY).unwrap().contains(NEW), "it is in use already");
    let status = ops(&running, &["status"], "").await;
    assert!(status.data().contains("NEXT") && status.stderr.contains("never rotated"), "{status:?}");

    let rotated = ops(&running, &["rotate"], "").await;
    assert!(rotated.data().is_empty() && rotated.stderr.contains("is in use"), "{rotated:?}");
    assert_eq!(running.gateway.secrets.current(API_KEY).unwrap(), NEW);
    let status = ops(&running, &["status"], "").await;
    assert!(!status.data().contains("NEXT") && status.data().contains("AWSPREVIOUS"), "{status:?}");
    assert!(status.stderr.starts_with("last rotated "), "{status:?}");
}

#[tokio::test]
async fn a_key_that_cohere_refuses_stays_out_of_use() {
    let running = running().await;
    let before = running.gateway.secrets.current(API_KEY);
    ops(&running, &["stage"], NEW).await.data();
    let refused = ops(&running, &["rotate"], "").await;
    assert!(refused.problem().contains("the rotation has failed"), "{refused:?}");
    assert!(refused.problem().contains("rotate-key"), "{refused:?}");
    assert_eq!(running.gateway.secrets.current(API_KEY), before);

    accept(&running, true);
    ops(&running, &["stage"], NEW).await.data();
    assert!(ops(&running, &["rotate"], "").await.problem().contains("the rotation has failed"));
    assert_eq!(running.gateway.secrets.current(API_KEY), before);
}

#[tokio::test]
async fn what_is_no_key_is_not_staged() {
    let running = running().await;
    let current = running.gateway.secrets.current(API_KEY).unwrap();
    for (stdin, words) in [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("MARK two words", "it holds no key"),
        ("{\"KEY\":\"MARK\"}", "CO_API_KEY"),
        ("cgw_MARK", "a client's token of the gateway"),
        (&"x".repeat(100_000), "more than 8192 bytes"),
        (&current, "this is the key already in use"),
    ] {
        let done = ops(&running, &["stage"], stdin).await;
        assert!(done.problem().contains(words), "{done:?}");
    }
    let rotated = ops(&running, &["rotate"], "").await;
    assert!(rotated.problem().contains("no key is staged: stage one first"), "{rotated:?}");
    let argument = ops(&running, &["stage", "fake-key"], "").await;
    assert_eq!(argument.code, 2, "a key as an argument: {argument:?}");
}

#[tokio::test]
async fn the_first_key_of_a_new_stack_is_in_use_at_once() {
    let running = running().await;
    running.gateway.secrets.put(API_KEY, "fake-other");
    running.gateway.secrets.remove(API_KEY);
    running.gateway.secrets.create(API_KEY);
    let staged = ops(&running, &["stage"], NEW).await;
    assert!(staged.data().is_empty() && staged.stderr.contains("first key"), "{staged:?}");
    let status = ops(&running, &["status"], "").await;
    assert!(status.data().contains("AWSCURRENT ") && !status.data().contains("NEXT"), "{status:?}");
    assert_eq!(running.gateway.secrets.current(API_KEY).unwrap(), NEW);
}
