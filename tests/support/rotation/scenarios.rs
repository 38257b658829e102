//! What happens to a key in rotation, and to a rotation that is interrupted, repeated or refused.

use super::{Bench, CURRENT, NEXT, PENDING, PREVIOUS, Rotated, STEPS};
use serde_json::Value;
use std::pin::Pin;

type Playing<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A scenario: its sentence, and how it is played.
pub type Scenario = (&'static str, for<'a> fn(&'a Bench) -> Playing<'a>);

/// Every scenario.
pub const ALL: [Scenario; 13] = [
    ("a staged key becomes current in four steps", |bench| Box::pin(becomes_current(bench))),
    ("every step may be repeated", |bench| Box::pin(repeated(bench))),
    ("a rotation interrupted after any step starts anew", |bench| Box::pin(interrupted(bench))),
    ("a rotation interrupted inside the last step is cleaned up", |bench| {
        Box::pin(half_finished(bench))
    }),
    ("a wrong token changes nothing", |bench| Box::pin(wrong_token(bench))),
    ("a refused key never becomes current", |bench| Box::pin(refused(bench))),
    ("a trial key never becomes current", |bench| Box::pin(trial(bench))),
    ("without a staged key a rotation is given up", |bench| Box::pin(next_missing(bench))),
    ("an empty secret passes the test of a deployment", |bench| Box::pin(empty(bench))),
    ("the test of a deployment asks Cohere nothing", |bench| Box::pin(deployed(bench))),
    ("a key that no test has seen is tested before it is current", |bench| {
        Box::pin(untested(bench))
    }),
    ("while Cohere gives no verdict the rotation waits", |bench| Box::pin(no_verdict(bench))),
    ("a key staged meanwhile stays staged", |bench| Box::pin(staged_meanwhile(bench))),
];

async fn becomes_current(bench: &Bench) {
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.expect("a current version");
    let key = secret.key("new", Some(false));
    secret.put(&key, NEXT).await;
    let token = secret.begin().await;
    assert_eq!(secret.value(PENDING).await, None, "a rotation begins without a value");
    secret.steps(&STEPS[..1], &token).await;
    assert_eq!(secret.value(PENDING).await.as_deref(), Some(key.as_str()));
    secret.steps(&STEPS[1..3], &token).await;
    assert_eq!(secret.holder(CURRENT).await.as_ref(), Some(&before), "a test changes nothing");
    secret.steps(&STEPS[3..], &token).await;
    secret.assert_rotated(&token, &key, &before).await;
    assert_told(bench, &token, &before).await;
}

/// Checks the lines of a rotation's four steps.
async fn assert_told(bench: &Bench, token: &str, before: &str) {
    bench
        .running
        .wait_for_line(&format!("\"outcome\":\"finished\",\"pending_version\":\"{token}\""))
        .await;
    let lines = bench.running.read_lines();
    let events: Vec<Value> =
        lines.iter().filter(|line| line.contains(token)).map(|line| json_of(line)).collect();
    let steps: Vec<_> = events
        .iter()
        .filter(|event| event["message"] == "rotation")
        .map(|event| event["step"].clone())
        .collect();
    assert_eq!(steps, STEPS, "one line a step");
    assert_eq!(
        (&events[0]["key_version"], events[0]["key_age_days"].is_f64()),
        (&before.into(), true)
    );
    let ages = lines.iter().filter(|line| line.contains("\"KeyAgeDays\":") && line.contains(token));
    assert_eq!(ages.count(), 1, "the age of the new key, once it is current");
    assert!(!lines.join("\n").contains("fake-new"), "a key was logged");
}

fn json_of(line: &str) -> Value {
    line.split_once(": ").and_then(|(_, json)| serde_json::from_str(json).ok()).unwrap_or_default()
}

async fn repeated(bench: &Bench) {
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.expect("a current version");
    let key = secret.key("new", Some(false));
    secret.put(&key, NEXT).await;
    let token = secret.begin().await;
    for step in STEPS {
        secret.steps(&[step, step, step], &token).await;
    }
    secret.assert_rotated(&token, &key, &before).await;
    secret.steps(&STEPS, &token).await;
    secret.assert_rotated(&token, &key, &before).await;
}

async fn interrupted(bench: &Bench) {
    for done in 1..STEPS.len() {
        let secret = bench.with_current().await;
        let before = secret.holder(CURRENT).await.expect("a current version");
        let key = secret.key("new", Some(false));
        secret.put(&key, NEXT).await;
        let token = secret.begin().await;
        secret.steps(&STEPS[..done], &token).await;
        bench.running.gateway.kill("rotate-key").await;
        secret.steps(&STEPS, &token).await;
        secret.assert_rotated(&token, &key, &before).await;
    }
}

async fn half_finished(bench: &Bench) {
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.expect("a current version");
    let key = secret.key("new", Some(false));
    secret.put(&key, NEXT).await;
    let token = secret.begin().await;
    secret.steps(&STEPS[..3], &token).await;
    secret.move_label(CURRENT, &before, &token).await;
    assert!(secret.holder(NEXT).await.is_some());
    secret.steps(&STEPS[3..], &token).await;
    secret.assert_rotated(&token, &key, &before).await;
}

async fn wrong_token(bench: &Bench) {
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.expect("a current version");
    let first = rotate(&secret, "first").await;
    let next = secret.put(&secret.key("second", Some(false)), NEXT).await;
    let current = secret.holder(CURRENT).await;
    assert_eq!((secret.holder(PREVIOUS).await, &current), (Some(before.clone()), &Some(first)));
    // Unknown, staged but not in rotation, replaced long ago.
    for token in ["00000000-0000-4000-8000-ffffffffffff", &next, &before] {
        for step in STEPS {
            let problem = secret.step(step, token).await.expect_err("a wrong token");
            assert!(problem.contains("is not in rotation") && problem.contains(token), "{problem}");
        }
    }
    assert_eq!((secret.holder(CURRENT).await, secret.holder(NEXT).await), (current, Some(next)));
}

/// Rotates to a new key; returns its version.
async fn rotate(secret: &Rotated<'_>, what: &str) -> String {
    let key = secret.key(what, Some(false));
    let before = secret.holder(CURRENT).await.expect("a current version");
    secret.put(&key, NEXT).await;
    let token = secret.begin().await;
    secret.steps(&STEPS, &token).await;
    secret.assert_rotated(&token, &key, &before).await;
    token
}

async fn refused(bench: &Bench) {
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.expect("a current version");
    secret.put(&secret.key("unknown", None), NEXT).await;
    let token = secret.begin().await;
    secret.steps(&STEPS[..2], &token).await;
    let problem = secret.step("testSecret", &token).await.expect_err("a refused key");
    assert!(
        problem.contains("Cohere refuses the new key, status 401")
            && problem.contains("ops key stage")
    );
    assert!(!problem.contains("fake-unknown"), "{problem}");
    secret.assert_given_up(&before).await;
    secret.step("finishSecret", &token).await.expect_err("a rotation that was given up");
    secret.assert_given_up(&before).await;

    // What is no key at all is refused before Cohere is asked.
    secret.put(r#"{"key":"fake-hidden"}"#, NEXT).await;
    let token = secret.begin().await;
    let problem = secret.step("createSecret", &token).await.expect_err("no key");
    assert!(problem.contains("is unusable") && !problem.contains("fake-hidden"), "{problem}");
    secret.assert_given_up(&before).await;
    rotate(&secret, "good").await;
}

async fn trial(bench: &Bench) {
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.expect("a current version");
    secret.put(&secret.key("trial", Some(true)), NEXT).await;
    let token = secret.begin().await;
    secret.steps(&STEPS[..2], &token).await;
    let problem = secret.step("testSecret", &token).await.expect_err("a trial key");
    assert!(problem.contains("is a trial key") && problem.contains("AllowTrialKey"), "{problem}");
    secret.assert_given_up(&before).await;
}

async fn next_missing(bench: &Bench) {
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.expect("a current version");
    let token = secret.begin().await;
    let problem = secret.step("createSecret", &token).await.expect_err("nothing is staged");
    assert!(problem.contains("no key is under the label NEXT: stage a new key"), "{problem}");
    secret.assert_given_up(&before).await;
    let line = bench.running.wait_for_line(r#""RotationFailed":1"#).await;
    assert!(line.contains(r#""Metrics":[{"Name":"RotationFailed","Unit":"Count"}]"#), "{line}");
    rotate(&secret, "late").await;
}

async fn empty(bench: &Bench) {
    let secret = bench.empty().await;
    secret.steps(&["testSecret"], "00000000-0000-4000-8000-eeeeeeeeeeee").await;
    secret
        .step("finishSecret", "00000000-0000-4000-8000-eeeeeeeeeeee")
        .await
        .expect_err("nothing to promote");
    // A test of the configuration alone: the pending version may have no value.
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.expect("a current version");
    let token = secret.begin().await;
    secret.steps(&["testSecret"], &token).await;
    secret.step("finishSecret", &token).await.expect_err("nothing to promote");
    assert_eq!(secret.holder(CURRENT).await, Some(before));
}

/// What may be on the pending version of such a test, while Cohere would refuse or fail every call.
async fn deployed(bench: &Bench) {
    let refused = [Some(false), Some(true), None];
    for (number, kind) in refused.into_iter().enumerate() {
        for pending in [Some("a copy"), Some(r#"{"password":"fake-of-a-template"}"#), None] {
            let secret = bench.empty().await;
            let key = secret.key(&format!("in-use-{number}"), kind);
            let before = secret.put(&key, CURRENT).await;
            let token = match pending {
                Some("a copy") => secret.put(&key, PENDING).await,
                Some(text) => secret.put(text, PENDING).await,
                None => secret.begin().await,
            };
            let asked = bench.sandbox().requests().len();
            secret.steps(&["testSecret"], &token).await;
            assert_eq!(bench.sandbox().requests().len(), asked, "Cohere was asked: {pending:?}");
            assert_eq!(secret.holder(CURRENT).await.as_ref(), Some(&before));
            assert_eq!(secret.holder(PENDING).await, Some(token), "the label is Secrets Manager's");
        }
    }
    // On the first day the version of the test is the only one.
    let secret = bench.empty().await;
    let token = secret.begin().await;
    secret.steps(&["testSecret"], &token).await;
    // A key that waits for its rotation is not what a deployment tries.
    let secret = bench.with_current().await;
    secret.put(&secret.key("staged-and-refused", None), NEXT).await;
    let token = secret.begin().await;
    secret.steps(&["testSecret"], &token).await;
}

async fn untested(bench: &Bench) {
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.expect("a current version");
    let key = secret.key("by-hand", Some(false));
    let token = secret.put(&key, PENDING).await;
    bench.sandbox().plan_faults(vec!["status=500".parse().expect("a fault")]);
    secret.steps(&["testSecret"], &token).await;
    let problem = secret.step("finishSecret", &token).await.expect_err("no verdict");
    assert!(problem.contains("Cohere does not say"), "{problem}");
    assert_eq!(secret.holder(CURRENT).await.as_ref(), Some(&before));
    secret.steps(&["finishSecret"], &token).await;
    assert_eq!(secret.value(CURRENT).await, Some(key));

    let before = secret.holder(CURRENT).await.expect("a current version");
    for (what, trial, said) in
        [("refused", None, "Cohere refuses the new key"), ("trial", Some(true), "is a trial key")]
    {
        let token = secret.put(&secret.key(what, trial), PENDING).await;
        secret.steps(&["testSecret"], &token).await;
        let problem = secret.step("finishSecret", &token).await.expect_err(what);
        assert!(problem.contains(said), "{problem}");
        secret.assert_given_up(&before).await;
    }
    let token = secret.put("no key, but words", PENDING).await;
    secret.steps(&["testSecret"], &token).await;
    let problem = secret.step("finishSecret", &token).await.expect_err("no key");
    assert!(problem.contains("is unusable"), "{problem}");
    secret.assert_given_up(&before).await;
}

async fn no_verdict(bench: &Bench) {
    let secret = bench.with_current().await;
    let before = secret.holder(CURRENT).await.expect("a current version");
    let key = secret.key("new", Some(false));
    secret.put(&key, NEXT).await;
    let token = secret.begin().await;
    secret.steps(&STEPS[..2], &token).await;
    // Of the check, and of both models.
    for faults in [&["status=500"][..], &["delay_ms=1", "status=429", "status=503"]] {
        let faults = faults.iter().map(|fault| fault.parse().expect("a fault"));
        bench.sandbox().plan_faults(faults.collect());
        let problem = secret.step("testSecret", &token).await.expect_err("no verdict");
        assert!(problem.contains("Cohere does not say"), "{problem}");
        assert_eq!(secret.holder(PENDING).await.as_ref(), Some(&token), "it may go on");
    }
    secret.steps(&STEPS, &token).await;
    secret.assert_rotated(&token, &key, &before).await;
}

async fn staged_meanwhile(bench: &Bench) {
    let secret = bench.with_current().await;
    let first = secret.key("first", Some(false));
    secret.put(&first, NEXT).await;
    let token = secret.begin().await;
    secret.steps(&STEPS[..3], &token).await;
    let second = secret.put(&secret.key("second", Some(false)), NEXT).await;
    secret.steps(&STEPS, &token).await;
    assert_eq!(secret.value(CURRENT).await, Some(first));
    assert_eq!((secret.holder(NEXT).await, secret.holder(PENDING).await), (Some(second), None));
}
