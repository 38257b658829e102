use super::*;
use crate::secrets::source::{Fetching, StoredSecret};
use std::collections::VecDeque;

/// Answers what it was told, in order; `None` never answers.
struct Script(StdMutex<VecDeque<Option<std::result::Result<&'static str, &'static str>>>>);

impl SecretSource for Script {
    fn fetch(&self) -> Fetching<'_> {
        let next = self.0.lock().unwrap().pop_front().expect("an unexpected read");
        Box::pin(async move {
            let text = match next {
                Some(answer) => answer?,
                None => std::future::pending().await,
            };
            Ok(StoredSecret { text: Secret::new(text), version: format!("version of {text}") })
        })
    }
}

type Step = Option<std::result::Result<&'static str, &'static str>>;

fn cached(steps: impl IntoIterator<Item = Step>) -> CachedSecret<String> {
    let config = SecretConfig {
        id: "name".into(),
        timeout: Duration::from_secs(2),
        store_url: None,
        tries: 1,
        ttl: Duration::from_secs(300),
        forced_read: Duration::from_secs(30),
    };
    let source = Script(StdMutex::new(steps.into_iter().collect()));
    CachedSecret::new(Box::new(source), config, |secret| Ok(secret.expose().to_string()))
}

#[tokio::test(start_paused = true)]
async fn value_is_read_once_per_ttl() {
    let secret = cached([Some(Ok("one")), Some(Ok("two"))]);
    for _ in 0..3 {
        assert_eq!(secret.get().await.unwrap().value, "one");
    }
    tokio::time::advance(Duration::from_secs(300)).await;
    let held = secret.get().await.unwrap();
    assert_eq!((held.value.as_str(), held.version.as_str()), ("two", "version of two"));
}

#[tokio::test(start_paused = true)]
async fn old_value_serves_while_the_store_fails() {
    let secret = cached([Some(Ok("one")), Some(Err("down")), None, Some(Ok("two"))]);
    secret.get().await.unwrap();
    tokio::time::advance(Duration::from_secs(301)).await;
    for expected in ["one", "one", "two"] {
        for _ in 0..2 {
            assert_eq!(secret.get().await.unwrap().value, expected, "no read again at once");
        }
        tokio::time::advance(Duration::from_secs(11)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn missing_value_is_read_at_every_request() {
    let secret = cached([Some(Err("denied")), Some(Ok("one"))]);
    let error = secret.get().await.unwrap_err();
    assert_eq!(error.code, Code::KeyMissing);
    assert_eq!(error.message, "the gateway's secret \"name\" holds no usable value yet");
    assert_eq!(secret.get().await.unwrap().value, "one");
}

#[test]
fn secret_is_named_without_its_account() {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:";
    for (id, name) in [
        ("a-name", "a-name"),
        (&format!("{arn}my/key-name-a1B2c3"), "my/key-name"),
        (&format!("{arn}name"), "name"),
        (&format!("{arn}my-name"), "my-name"),
    ] {
        assert_eq!(find_secret_name(id), name);
    }
}

#[tokio::test(start_paused = true)]
async fn refused_value_forces_one_read_at_a_time() {
    let secret = cached([Some(Ok("one")), Some(Ok("one")), Some(Ok("two"))]);
    let version = secret.get().await.unwrap().version.clone();
    assert!(secret.read_newer_than(&version).await.unwrap().is_none());
    assert!(
        secret.read_newer_than(&version).await.unwrap().is_none(),
        "a second read came too soon"
    );
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(secret.read_newer_than(&version).await.unwrap().unwrap().value, "two");
    assert_eq!(
        secret.read_newer_than(&version).await.unwrap().unwrap().value,
        "two",
        "the newer one is in memory"
    );
}

#[tokio::test(start_paused = true)]
async fn replaced_value_forces_no_read() {
    let secret = cached([Some(Ok("one")), Some(Ok("two"))]);
    let version = secret.get().await.unwrap().version.clone();
    tokio::time::advance(Duration::from_secs(301)).await;
    secret.get().await.unwrap();
    assert_eq!(secret.read_newer_than(&version).await.unwrap().unwrap().value, "two");
}

#[tokio::test(start_paused = true)]
async fn many_refusals_at_once_force_one_read() {
    let secret = cached([Some(Ok("one")), Some(Ok("two"))]);
    let version = secret.get().await.unwrap().version.clone();
    let all =
        futures_util::future::join_all((0..16).map(|_| secret.read_newer_than(&version))).await;
    assert!(all.iter().all(|held| held.as_ref().unwrap().as_ref().unwrap().value == "two"));
}

#[tokio::test(start_paused = true)]
async fn many_requests_at_once_wait_for_one_read() {
    let secret = cached([Some(Ok("one"))]);
    let all = futures_util::future::join_all((0..16).map(|_| secret.get())).await;
    assert!(all.iter().all(|held| held.as_ref().unwrap().value == "one"));
}

#[tokio::test(start_paused = true)]
async fn failed_forced_read_leaves_the_old_value() {
    let secret = cached([Some(Ok("one")), Some(Err("down")), Some(Ok("two"))]);
    let version = secret.get().await.unwrap().version.clone();
    for _ in 0..2 {
        assert_eq!(secret.read_newer_than(&version).await.unwrap_err(), Unread);
    }
    assert_eq!(secret.get().await.unwrap().value, "one");
    // Sooner than after one that has told something.
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(secret.read_newer_than(&version).await.unwrap().unwrap().value, "two");
}

#[tokio::test(start_paused = true)]
async fn second_try_is_within_the_same_time() {
    let twice = |steps: [Step; 3]| {
        let mut secret = cached(steps);
        secret.config.tries = 2;
        secret
    };
    for first in [Some(Err("throttled")), None] {
        let secret = twice([first, Some(Ok("one")), None]);
        let started = now();
        assert_eq!(secret.get().await.unwrap().value, "one");
        assert!(now() - started <= Duration::from_secs(2));
    }
    let secret = twice([None, None, Some(Ok("one"))]);
    let started = now();
    secret.get().await.unwrap_err();
    assert!(now() - started < Duration::from_millis(2_100), "a third try, or a longer time");
    assert_eq!(secret.get().await.unwrap().value, "one");
}

/// Work that takes a second.
async fn a_second() -> &'static str {
    tokio::time::sleep(Duration::from_secs(1)).await;
    "done"
}

#[tokio::test(start_paused = true)]
async fn value_is_refreshed_in_its_last_fifth() {
    let secret = cached([Some(Ok("one")), Some(Ok("two"))]);
    secret.get().await.unwrap();
    tokio::time::advance(Duration::from_secs(238)).await;
    assert_eq!(secret.run_while_refreshing(a_second()).await, "done");
    assert_eq!(secret.get().await.unwrap().value, "one", "it was read too early");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(secret.run_while_refreshing(a_second()).await, "done");
    tokio::time::advance(Duration::from_secs(100)).await;
    assert_eq!(secret.get().await.unwrap().value, "two", "it lives from its own reading on");
}

#[tokio::test(start_paused = true)]
async fn work_waits_for_no_refresh() {
    let secret = cached([Some(Ok("one")), None, Some(Ok("two"))]);
    secret.get().await.unwrap();
    tokio::time::advance(Duration::from_secs(290)).await;
    let started = now();
    assert_eq!(secret.run_while_refreshing(a_second()).await, "done");
    assert_eq!(now() - started, Duration::from_secs(1));
    assert_eq!(secret.get().await.unwrap().value, "one", "the dropped reading holds no lock");
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(secret.get().await.unwrap().value, "two");
}

#[tokio::test(start_paused = true)]
async fn failed_refreshes_are_seconds_apart() {
    let secret = cached([Some(Ok("one")), Some(Err("down")), Some(Err("down")), Some(Ok("two"))]);
    secret.get().await.unwrap();
    tokio::time::advance(Duration::from_secs(241)).await;
    for _ in 0..9 {
        // Ten seconds later, the second try; both fail.
        secret.run_while_refreshing(a_second()).await;
        secret.run_while_refreshing(async {}).await;
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    secret.run_while_refreshing(a_second()).await;
    assert_eq!(secret.get().await.unwrap().value, "one");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(secret.get().await.unwrap().value, "two");
}

#[tokio::test(start_paused = true)]
async fn refresh_never_replaces_a_newer_value() {
    let secret = cached([Some(Ok("one")), Some(Ok("newest")), Some(Ok("older"))]);
    let version = secret.get().await.unwrap().version.clone();
    tokio::time::advance(Duration::from_secs(250)).await;
    let begun = secret.begin_refresh().expect("it is due");
    assert_eq!(secret.read_newer_than(&version).await.unwrap().unwrap().value, "newest");
    secret.refresh_value(begun).await;
    assert_eq!(secret.get().await.unwrap().value, "newest");
}

#[tokio::test(start_paused = true)]
async fn unusable_secret_is_key_missing_without_its_value() {
    use crate::secrets::key::ApiKey;
    let huge = "hidden".repeat(10_922);
    let useless: [&'static str; 6] = [
        "",
        " \n ",
        "hidden \u{0} key",
        r#"{"key":"hidden"}"#,
        r#"{"CO_API_KEY":""}"#,
        huge.leak(),
    ];
    for text in useless {
        let config = SecretConfig { id: "the-name".into(), ..cached([]).config };
        let source = Script(StdMutex::new([Some(Ok(text))].into()));
        let secret = CachedSecret::new(Box::new(source), config, ApiKey::parse);
        let error = secret.get().await.unwrap_err();
        assert_eq!(error.code, Code::KeyMissing);
        assert!(error.message.contains("\"the-name\""), "{}", error.message);
        assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
    }
}
