//! `ops key`: a key comes from standard input, goes into use once Cohere has accepted it, and is never shown.

use gateway_tests::deployment::Deployment;
use gateway_tests::gateway::{self, Running};
use gateway_tests::ops::{self, Done};
use local::Upstream;
use local::cohere_sandbox::Key;
use local::secrets_manager::API_KEY;
use std::time::Duration;

const NEW: &str = "MARK-fake-new-cohere-key";

async fn start_gateway() -> Running {
    gateway::start(Upstream::Sandbox, &[]).await
}

/// Runs a command; nothing it writes may hold a key.
async fn run_key(running: &Running, arguments: &[&str], stdin: &str) -> Done {
    let done = ops::run_ops(running, &[&["key"], arguments].concat(), stdin).await;
    let key = running.gateway.secrets.current(API_KEY).unwrap_or_default();
    for hidden in ["MARK", "sandbox-"] {
        assert!(!done.stdout.contains(hidden) && !done.stderr.contains(hidden), "{done:?}");
    }
    assert!(!key.is_empty());
    done
}

fn accept_key(running: &Running, trial: bool) {
    running
        .gateway
        .sandbox
        .as_ref()
        .expect("a sandbox")
        .accept_key(Key { value: NEW.into(), trial });
}

#[tokio::test]
async fn staged_key_goes_into_use_by_rotation() {
    let running = start_gateway().await;
    accept_key(&running, false);
    let staged = run_key(&running, &["stage"], &format!("  {NEW}\n")).await;
    assert!(staged.data().is_empty() && staged.stderr.contains("ops key rotate"), "{staged:?}");
    assert!(
        !running.gateway.secrets.current(API_KEY).unwrap().contains(NEW),
        "it is in use already"
    );
    let status = run_key(&running, &["status"], "").await;
    assert!(
        status.data().contains("NEXT") && status.stderr.contains("never rotated"),
        "{status:?}"
    );

    let rotated = run_key(&running, &["rotate"], "").await;
    assert!(rotated.data().is_empty() && rotated.stderr.contains("is in use"), "{rotated:?}");
    assert_eq!(running.gateway.secrets.current(API_KEY).unwrap(), NEW);
    let status = run_key(&running, &["status"], "").await;
    assert!(!status.data().contains("NEXT") && status.data().contains("AWSPREVIOUS"), "{status:?}");
    assert!(status.stderr.starts_with("last rotated "), "{status:?}");
}

#[tokio::test]
async fn refused_key_stays_out_of_use() {
    let running = start_gateway().await;
    let before = running.gateway.secrets.current(API_KEY);
    run_key(&running, &["stage"], NEW).await.data();
    let refused = run_key(&running, &["rotate"], "").await;
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{refused:?}");
    assert!(refused.stderr.contains("error: the rotation has failed"), "{refused:?}");
    assert!(refused.stderr.contains("the log of the function rotate-key"), "{refused:?}");
    assert_eq!(running.gateway.secrets.current(API_KEY), before);

    accept_key(&running, true);
    run_key(&running, &["stage"], NEW).await.data();
    let refused = run_key(&running, &["rotate"], "").await;
    assert!(refused.code == 1 && refused.stderr.contains("the rotation has failed"), "{refused:?}");
    assert_eq!(running.gateway.secrets.current(API_KEY), before);
}

#[tokio::test]
async fn failed_rotation_tells_the_function_s_cause() {
    let deployment = Deployment::prepare("key-cause").await;
    deployment.deploy(&[]).await.data();
    let file = deployment.folder.join("key.txt");
    std::fs::write(&file, NEW).unwrap();
    let mut stage = deployment.command(ops::build_binary());
    let staged = stage.args(["key", "stage"]).stdin(std::fs::File::open(&file).unwrap());
    assert!(staged.output().await.unwrap().status.success());
    let rotate = ["key", "rotate", "--stack", "cohere-gateway-dev"];
    // CloudWatch shows the function's own line a while after it was written.
    let log = async {
        let line = deployment.running.wait_for_line("rotation_step_failed").await;
        let line = line[line.find('{').unwrap()..].to_string();
        tokio::time::sleep(Duration::from_millis(700)).await;
        deployment.account.state().operations.found = vec![vec![("message", line)]];
    };
    let (rotated, ()) = tokio::join!(deployment.run_ops_with(&rotate, &[]), log);
    let told = rotated.problem();
    assert!(told.starts_with("the rotation has failed: the key in use stays in use"), "{told}");
    assert!(told.contains("refused_key of testSecret: "), "{told}");
    assert!(!told.contains("MARK"), "{told}");

    let pending = deployment.run_ops_with(&["key", "status"], &[]).await;
    assert!(pending.stderr.contains(" waits for ops key rotate"), "{pending:?}");
}

#[tokio::test]
async fn rotation_that_has_not_ended_is_told_and_taken_up() {
    let running = start_gateway().await;
    let secrets = &running.gateway.secrets;
    accept_key(&running, false);
    let before = run_key(&running, &["status"], "").await;
    assert!(!before.stderr.contains("has not ended"), "{before:?}");
    secrets.put_under(API_KEY, NEW, "AWSPENDING");
    let status = run_key(&running, &["status"], "").await;
    assert!(status.data().contains("AWSPENDING"), "{status:?}");
    let told = "has not ended: ops key rotate takes it up again";
    assert!(status.stderr.contains(told), "{status:?}");
    let rotated = run_key(&running, &["rotate"], "").await;
    assert!(rotated.data().is_empty() && rotated.stderr.contains("is in use"), "{rotated:?}");
    assert_eq!(secrets.current(API_KEY).unwrap(), NEW);
    let status = run_key(&running, &["status"], "").await;
    assert!(!status.stderr.contains("has not ended"), "{status:?}");
}

#[tokio::test]
async fn last_staged_key_survives_interrupted_rotation() {
    let running = start_gateway().await;
    let secrets = &running.gateway.secrets;
    accept_key(&running, false);
    let earlier = Key { value: "fake-MARK-earlier".into(), trial: false };
    running.gateway.sandbox.as_ref().expect("a sandbox").accept_key(earlier);
    secrets.put_under(API_KEY, "fake-MARK-earlier", "AWSPENDING");
    run_key(&running, &["stage"], NEW).await.data();
    let rotated = run_key(&running, &["rotate"], "").await;
    assert!(
        rotated.data().is_empty() && rotated.stderr.contains("takes it up again"),
        "{rotated:?}"
    );
    assert!(rotated.stderr.contains("was an EARLIER key; now the one staged last"), "{rotated:?}");
    assert_eq!(rotated.stderr.matches("waiting for rotate-key…").count(), 2, "{rotated:?}");
    assert_eq!(secrets.current(API_KEY).unwrap(), NEW);
}

#[tokio::test]
async fn refused_last_key_names_earlier_one_in_use() {
    let running = start_gateway().await;
    let secrets = &running.gateway.secrets;
    let earlier = Key { value: "fake-MARK-earlier".into(), trial: false };
    running.gateway.sandbox.as_ref().expect("a sandbox").accept_key(earlier);
    secrets.put_under(API_KEY, "fake-MARK-earlier", "AWSPENDING");
    run_key(&running, &["stage"], NEW).await.data();
    let rotated = run_key(&running, &["rotate"], "").await;
    assert_eq!((rotated.code, rotated.stdout.as_str()), (1, ""), "{rotated:?}");
    assert!(rotated.stderr.contains("still waits under NEXT"), "{rotated:?}");
    assert!(rotated.stderr.contains("the rotation has failed"), "{rotated:?}");
    assert_eq!(secrets.current(API_KEY).unwrap(), "fake-MARK-earlier");
}

#[tokio::test]
async fn restaged_key_says_so_and_promises_nothing() {
    let running = start_gateway().await;
    run_key(&running, &["stage"], "fake-MARK-first").await.data();
    let staged = run_key(&running, &["stage"], NEW).await;
    assert!(staged.data().is_empty() && staged.stderr.contains(" instead of "), "{staged:?}");
    // A rotation whose function never ends it: the wait is over first.
    running
        .gateway
        .secrets
        .behave(local::secrets_manager::Behaviour::Slow(std::time::Duration::from_millis(700)));
    let late = run_key(&running, &["rotate", "--wait-secs", "1"], "").await;
    assert_eq!(late.code, 1, "{late:?}");
    assert!(
        late.stderr.contains("it may still end either way: look at `ops key status`"),
        "{late:?}"
    );
}

#[tokio::test]
async fn malformed_key_is_not_staged() {
    let running = start_gateway().await;
    let current = running.gateway.secrets.current(API_KEY).unwrap();
    for (stdin, words) in [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("MARK two words", "it holds no key"),
        ("{\"KEY\":\"MARK\"}", "CO_API_KEY"),
        ("\"MARK\"", "without quotation marks"),
        ("'MARK'", "without quotation marks"),
        ("CO_API_KEY=MARK", "only what follows the ="),
        ("export CO_API_KEY='MARK'", "only what follows the ="),
        ("cgw_MARK", "a client's token of the gateway"),
        (&"x".repeat(100_000), "more than 8192 bytes"),
        (&current, "this is the key already in use"),
    ] {
        let done = run_key(&running, &["stage"], stdin).await;
        assert!(done.problem().contains(words), "{done:?}");
    }
    let rotated = run_key(&running, &["rotate"], "").await;
    assert!(rotated.problem().contains("no key is staged: stage one first"), "{rotated:?}");
    let argument = run_key(&running, &["stage", "fake-key"], "").await;
    assert_eq!(argument.code, 2, "a key as an argument: {argument:?}");
}

#[tokio::test]
async fn first_key_of_new_stack_is_current_at_once() {
    let running = start_gateway().await;
    running.gateway.secrets.put(API_KEY, "fake-other");
    running.gateway.secrets.remove(API_KEY);
    running.gateway.secrets.create(API_KEY);
    let staged = run_key(&running, &["stage"], NEW).await;
    assert!(staged.data().is_empty() && staged.stderr.contains("first key"), "{staged:?}");
    assert!(
        staged.stderr.starts_with("warning: ") && staged.stderr.contains("at once"),
        "{staged:?}"
    );
    let status = run_key(&running, &["status"], "").await;
    assert!(status.data().contains("AWSCURRENT ") && !status.data().contains("NEXT"), "{status:?}");
    assert_eq!(running.gateway.secrets.current(API_KEY).unwrap(), NEW);
}
