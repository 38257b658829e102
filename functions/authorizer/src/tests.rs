use super::*;
use serde_json::json;
use shared::secrets::source::{Fetching, Secret, StoredSecret};
use shared::secrets::token::hash_token_as_hex;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

mod tokens;

const ARN: &str = "arn:aws:execute-api:eu-west-1:123456789012:abc/live/POST/v2/chat";

/// A store whose text a test may change; empty means that it fails.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<StoreState>>);

#[derive(Default)]
struct StoreState {
    text: String,
    reads: usize,
    /// How many of the next reads fail.
    failures: usize,
}

impl Store {
    fn put(&self, text: impl ToString) {
        self.0.lock().unwrap().text = text.to_string();
    }

    fn reads(&self) -> usize {
        self.0.lock().unwrap().reads
    }

    fn fail(&self, reads: usize) {
        self.0.lock().unwrap().failures = reads;
    }
}

impl SecretSource for Store {
    fn fetch(&self) -> Fetching<'_> {
        let mut store = self.0.lock().unwrap();
        store.reads += 1;
        let mut text = store.text.clone();
        if store.failures > 0 {
            store.failures -= 1;
            text.clear();
        }
        let version = hash(&text);
        Box::pin(async move {
            match text.as_str() {
                "" => Err("down".into()),
                _ => Ok(StoredSecret { text: Secret::new(text), version }),
            }
        })
    }
}

fn hash(text: &str) -> String {
    hash_token_as_hex(text)
}

fn token(name: &str) -> String {
    format!("cgw_fake_token_of_the_tests_{name}")
}

fn list(names: &[&str]) -> Value {
    let client = |name: &&str| json!({ "name": name, "token_sha256": [hash(&token(name))] });
    json!({ "clients": names.iter().map(client).collect::<Vec<_>>() })
}

fn authorizer(list: impl ToString) -> (Authorizer, Store) {
    let store = Store::default();
    store.put(list);
    let config = SecretConfig {
        id: "clients".into(),
        timeout: Duration::from_secs(2),
        store_url: None,
        tries: 2,
        ttl: Duration::from_secs(60),
        forced_read: Duration::from_secs(30),
    };
    (Authorizer::new(Box::new(store.clone()), config, "default-key".into()), store)
}

async fn decide(authorizer: &Authorizer, question: Value) -> Result<AuthorizerResponse, NotJudged> {
    authorizer.decide(serde_json::value::to_raw_value(&question).unwrap()).await
}

fn question(header: &str) -> Value {
    json!({ "type": "TOKEN", "authorizationToken": header, "methodArn": ARN })
}

/// Returns the client that a header lets in.
async fn admitted(authorizer: &Authorizer, header: &str) -> Option<String> {
    let judged = decide(authorizer, question(header)).await.unwrap();
    let response = serde_json::to_value(judged).unwrap();
    let statement = &response["policyDocument"]["Statement"];
    assert_eq!(statement.as_array().map(Vec::len), Some(1));
    match statement[0]["Effect"].as_str() {
        Some("Allow") => Some(response["context"]["client"].as_str().unwrap().to_string()),
        Some("Deny") => None,
        other => panic!("{other:?}"),
    }
}

async fn admits(authorizer: &Authorizer, name: &str) -> bool {
    admitted(authorizer, &format!("Bearer {}", token(name))).await.as_deref() == Some(name)
}

#[tokio::test(start_paused = true)]
async fn new_client_is_known_at_once() {
    let (authorizer, store) = authorizer(list(&["a"]));
    assert!(admits(&authorizer, "a").await);
    store.put(list(&["a", "b"]));
    assert!(admits(&authorizer, "b").await);
    assert_eq!(store.reads(), 2);
    store.put(list(&["a", "b", "c"]));
    for _ in 0..100 {
        assert!(!admits(&authorizer, "c").await, "the second forced read came too soon");
    }
    assert_eq!(store.reads(), 2);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(admits(&authorizer, "c").await);
}

#[tokio::test(start_paused = true)]
async fn revoked_token_dies_with_the_list_in_memory() {
    let (authorizer, store) = authorizer(list(&["a", "b"]));
    assert!(admits(&authorizer, "b").await);
    store.put(list(&["a"]));
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(!admits(&authorizer, "b").await && admits(&authorizer, "a").await);
}

#[tokio::test(start_paused = true)]
async fn bad_list_leaves_the_old_one_in_use() {
    let (authorizer, store) = authorizer(list(&["a"]));
    assert!(admits(&authorizer, "a").await);
    for bad in ["", "no list", r#"{"clients":[{"name":"a"}]}"#, &list(&["b", "b"]).to_string()] {
        store.put(bad);
        tokio::time::advance(Duration::from_secs(61)).await;
        assert!(admits(&authorizer, "a").await, "{bad}");
        assert_not_judged(&authorizer, "b").await;
    }
    store.put(list(&["b"]));
    tokio::time::advance(Duration::from_secs(61)).await;
    assert!(admits(&authorizer, "b").await && !admits(&authorizer, "a").await);
}

/// Asserts that the invocation fails: whoever asks is neither let in nor remembered as a stranger.
async fn assert_not_judged(authorizer: &Authorizer, name: &str) {
    let judged = decide(authorizer, question(&format!("Bearer {}", token(name)))).await;
    assert!(judged.is_err(), "{name}: {judged:?}");
}

#[tokio::test(start_paused = true)]
async fn missing_or_broken_list_denies_nobody() {
    for unusable in ["", "no list", r#"{"clients":[{"name":"a"}]}"#] {
        let (authorizer, store) = authorizer(unusable);
        assert_not_judged(&authorizer, "a").await;
        assert_eq!(store.reads(), 2, "{unusable}: it is tried twice");
        assert_eq!(admitted(&authorizer, "Bearer cgw_short").await, None, "known to be wrong");
        store.put(list(&["a"]));
        assert!(admits(&authorizer, "a").await);
    }
}

#[tokio::test(start_paused = true)]
async fn one_failed_read_costs_nobody_anything() {
    let (authorizer, store) = authorizer(list(&["a"]));
    store.fail(1);
    assert!(admits(&authorizer, "a").await);
    store.put(list(&["a", "b"]));
    store.fail(1);
    assert!(admits(&authorizer, "b").await);
}

#[tokio::test(start_paused = true)]
async fn unknown_token_is_no_stranger_while_the_store_fails() {
    let (authorizer, store) = authorizer(list(&["a"]));
    assert!(admits(&authorizer, "a").await);
    store.put("");
    for _ in 0..3 {
        assert_not_judged(&authorizer, "b").await;
    }
    assert_eq!(store.reads(), 3, "a failed read is not repeated at once");
    assert!(admits(&authorizer, "a").await);
    store.put(list(&["a"]));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert!(!admits(&authorizer, "b").await);
}

#[tokio::test]
async fn expired_token_is_unknown() {
    let mut clients = list(&["a", "b"]);
    clients["clients"][0]["not_after"] = "2020-01-01T00:00:00Z".into();
    clients["clients"][1]["not_after"] = "2999-01-01T00:00:00Z".into();
    let (authorizer, _) = authorizer(clients);
    assert!(!admits(&authorizer, "a").await && admits(&authorizer, "b").await);
}

#[tokio::test]
async fn questions_without_a_token_are_denied() {
    let (authorizer, _) = authorizer(list(&["a"]));
    let bearer = format!("Bearer {}", token("a"));
    for question in [
        json!(null),
        json!([]),
        json!("Bearer"),
        json!({}),
        json!({ "authorizationToken": null, "methodArn": ARN }),
        json!({ "authorizationToken": [bearer], "methodArn": ARN }),
        json!({ "authorizationToken": format!("{bearer}{}", "x".repeat(5_000_000)), "methodArn": ARN }),
    ] {
        assert_eq!(decide(&authorizer, question).await, Ok(AuthorizerResponse::deny()));
    }
    let half_a_character =
        RawValue::from_string(r#"{"authorizationToken":"\ud800"}"#.into()).unwrap();
    assert_eq!(authorizer.decide(half_a_character).await, Ok(AuthorizerResponse::deny()));
    assert_eq!(admitted(&authorizer, &bearer).await.as_deref(), Some("a"));
}

#[tokio::test]
async fn question_without_usable_method_is_not_judged() {
    let (authorizer, _) = authorizer(list(&["a"]));
    for method_arn in [Value::Null, json!(7), json!("*"), json!("arn:aws:s3:::bucket/key/GET")] {
        let mut question = question(&format!("Bearer {}", token("a")));
        question["methodArn"] = method_arn;
        assert!(decide(&authorizer, question).await.is_err());
    }
}

#[tokio::test]
async fn panic_fails_the_invocation() {
    let (authorizer, _) = authorizer(list(&["a"]));
    let question = json!({ "authorizationToken": PanicPoint::Authorizer.mark(), "methodArn": ARN });
    let failure = decide(&authorizer, question).await.unwrap_err().to_string();
    assert!(!failure.contains(PanicPoint::Authorizer.mark()), "{failure}");
    assert!(admits(&authorizer, "a").await);
}
