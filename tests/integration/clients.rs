//! Who comes in, through the real authorizer: strangers never, a revoked token not for long, and a client
//! whose token is replaced without a gap.

use gateway_tests::gateway::{self, Answer, Running, read_answer};
use gateway_tests::ops;
use http::Method;
use local::{Options, Upstream};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

const BODY: &str = r#"{"query":"red fox","documents":["a blue whale","a fox that is red"]}"#;
/// How long the authorizer keeps its list here.
const LIST: Duration = Duration::from_secs(1);
/// How long the front keeps a verdict here.
const VERDICT: Duration = Duration::from_millis(300);
/// For a process to run and a machine to be busy.
const SLACK: Duration = Duration::from_secs(2);

async fn start_forgetful() -> Running {
    let options = Options { authorizer_cache_ttl: Some(VERDICT), ..Options::default() };
    gateway::start_with(&[("GATEWAY_CLIENTS_TTL_SECS", "1")], options).await
}

async fn send_rerank(running: &Running, authorization: &str) -> Answer {
    read_answer(
        running
            .request_without_token(Method::POST, "/v2/rerank")
            .header("authorization", authorization)
            .body(BODY),
    )
    .await
}

async fn status_for(running: &Running, token: &str) -> u16 {
    send_rerank(running, &format!("Bearer {token}")).await.status
}

async fn run_clients(running: &Running, arguments: &[&str]) -> String {
    ops::run_ops(running, &[&["clients"], arguments].concat(), "").await.data().to_string()
}

#[tokio::test]
async fn new_client_works_at_once_revoked_one_stops_soon() {
    let running = start_forgetful().await;
    assert_eq!(running.send("/v2/rerank", BODY).await.status, 200);
    let token = run_clients(&running, &["add", "search"]).await;
    assert_eq!(
        status_for(&running, &token).await,
        200,
        "the list is read anew for a token it does not know"
    );

    let revoking = Instant::now();
    run_clients(&running, &["revoke", "search"]).await;
    let answer = loop {
        let answer = send_rerank(&running, &format!("Bearer {token}")).await;
        if answer.status == 401 {
            break answer;
        }
        // The client's key is gone before the verdict is forgotten that names it.
        assert!([200, 500].contains(&answer.status), "{answer:?}");
        assert!(revoking.elapsed() < LIST + VERDICT + SLACK, "the token lives on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("unauthorized")));
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    let message = answer.json()["message"].as_str().unwrap_or_default().to_string();
    assert!(message.ends_with("missing, unknown, expired or revoked"), "{message}");
    for _ in 0..20 {
        assert_eq!(status_for(&running, &token).await, 401, "a dead token came back");
        tokio::time::sleep(VERDICT / 10).await;
    }
    assert_eq!(running.send("/v2/rerank", BODY).await.status, 200);
}

#[tokio::test]
async fn token_replacement_under_load_loses_no_request() {
    let running = Arc::new(start_forgetful().await);
    let old = run_clients(&running, &["add", "search", "--shared-key"]).await;
    let token = Arc::new(RwLock::new(old.clone()));
    let (served, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (running, token, served, done) =
                (running.clone(), token.clone(), served.clone(), done.clone());
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    let used = token.read().unwrap().clone();
                    let answer = send_rerank(&running, &format!("Bearer {used}")).await;
                    assert_eq!(answer.status, 200, "{:?}", answer.body);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let some_more = async || {
        let from = served.load(Ordering::Relaxed);
        while served.load(Ordering::Relaxed) < from + 100
            && !callers.iter().any(|caller| caller.is_finished())
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    some_more().await;
    let new = run_clients(&running, &["rotate", "search"]).await;
    // As `ops` says: by then every environment knows it.
    tokio::time::sleep(LIST).await;
    some_more().await;
    *token.write().unwrap() = new.clone();
    some_more().await;
    run_clients(&running, &["rotate", "search", "--finish"]).await;
    tokio::time::sleep(LIST + VERDICT).await;
    some_more().await;
    done.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("no caller lost a request");
    }
    assert!(served.load(Ordering::Relaxed) >= 400);
    assert_eq!((status_for(&running, &new).await, status_for(&running, &old).await), (200, 401));
}

#[tokio::test]
async fn verdict_is_cached_per_token_for_all_methods() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let judged_before = running.gateway.invoked_count("authorizer");
    let embed = r#"{"model":"embed-v4.0","input_type":"search_query","texts":["a red fox"]}"#;
    let chat = r#"{"messages":[{"role":"user","content":"hi"}]}"#;
    for (path, body) in
        [("/v2/rerank", BODY), ("/v2/embed", embed), ("/v2/chat", chat), ("/v2/rerank", BODY)]
    {
        assert_eq!(running.send(path, body).await.status, 200, "{path}");
    }
    assert_eq!(running.gateway.invoked_count("authorizer"), judged_before + 1);
    let stranger = "Bearer cgw_fake_token_of_a_stranger";
    for path in ["/v2/rerank", "/v2/chat"] {
        let request = running
            .request_without_token(Method::POST, path)
            .header("authorization", stranger)
            .body(BODY);
        assert_eq!(read_answer(request).await.status, 401);
    }
    assert_eq!(running.gateway.invoked_count("authorizer"), judged_before + 2);
}

#[tokio::test]
async fn foreign_token_never_reaches_a_function() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let (token, judged_before) =
        (&running.gateway.token, running.gateway.invoked_count("authorizer"));
    let huge = "x".repeat(8_000);
    for header in [
        String::new(),
        token.clone(),
        format!("Basic {token}"),
        format!("Bearer\t{token}"),
        format!("Bearer  {token}"),
        format!("Bearer {token} x"),
        format!("Bearer {token},Bearer {token}"),
        format!("Bearer {token}{huge}"),
        format!("Bearer cgw_{huge}"),
        "Bearer not-a-token".to_string(),
    ] {
        let answer = send_rerank(&running, &header).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (401, Some("unauthorized")),
            "{header}"
        );
    }
    let without =
        read_answer(running.request_without_token(Method::POST, "/v2/rerank").body(BODY)).await;
    assert_eq!(without.status, 401);
    assert_eq!(running.gateway.invoked_count("authorizer"), judged_before);
}

#[tokio::test]
async fn damaged_token_is_denied_by_authorizer() {
    let running = gateway::start(Upstream::Sandbox, &[]).await;
    let token = running.gateway.token.clone();
    let arn = "arn:aws:execute-api:us-east-1:123456789012:local/live/POST/v2/chat";
    let effect = async |event: String| {
        let answer =
            running.gateway.invoke("authorizer", event).await.expect("an answer, not a failure");
        let verdict: Value = serde_json::from_slice(&answer).expect("a verdict");
        verdict["policyDocument"]["Statement"][0]["Effect"].as_str().unwrap_or_default().to_string()
    };
    let question =
        |header: &str| json!({"type": "TOKEN", "methodArn": arn, "authorizationToken": header});
    for at in 4..token.len() {
        for bit in 0..7 {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let damaged = String::from_utf8(bytes).expect("ASCII");
            assert_eq!(
                effect(question(&format!("Bearer {damaged}")).to_string()).await,
                "Deny",
                "{damaged:?}"
            );
        }
    }
    for event in [
        "null".to_string(),
        "[]".to_string(),
        "\"x\"".to_string(),
        json!({}).to_string(),
        r#"{"authorizationToken":"\ud800"}"#.to_string(),
        json!({"type": "TOKEN", "methodArn": arn, "authorizationToken": 7}).to_string(),
        question(&format!("Bearer  {token}")).to_string(),
        question(&format!("Bearer {token}\u{0}")).to_string(),
        question(&format!("Bearer {token}\r\nx: y")).to_string(),
        question(&"x".repeat(1_000_000)).to_string(),
    ] {
        assert_eq!(effect(event).await, "Deny");
    }
    assert_eq!(effect(question(&format!("Bearer {token}")).to_string()).await, "Allow");
    // A busy machine may start a second environment; a crash is told in a line.
    let crashed = running.read_lines().into_iter().find(|line| line.contains("during a request"));
    assert_eq!(crashed, None);
}

#[tokio::test]
async fn bad_client_list_leaves_the_good_one() {
    let running = start_forgetful().await;
    assert_eq!(running.send("/v2/rerank", BODY).await.status, 200);
    let bad =
        json!({"clients": [{"name": "MARK-NAME", "token_sha256": ["MARK-HASH"]}]}).to_string();
    running.gateway.secrets.put(local::secrets_manager::CLIENTS, &bad);
    let line = running_line(&running).await;
    assert!(
        line.contains("clients[0]: token_sha256 must hold 64 hexadecimal digits each"),
        "{line}"
    );
    assert!(!line.contains("MARK"), "{line}");
    assert_eq!(running.send("/v2/rerank", BODY).await.status, 200);
    let refused = ops::run_ops(&running, &["clients", "list"], "").await;
    assert!(refused.problem().contains("clients[0]: token_sha256"), "{refused:?}");
    assert!(!refused.stderr.contains("MARK"), "{refused:?}");
}

/// Asks until the list's time is over and the authorizer has said that it keeps the old one.
async fn running_line(running: &Running) -> String {
    let until = Instant::now() + LIST + VERDICT + SLACK;
    loop {
        assert_eq!(running.send("/v2/rerank", BODY).await.status, 200);
        if let Some(line) =
            running.read_lines().into_iter().find(|line| line.contains("the old value serves on"))
        {
            return line;
        }
        assert!(Instant::now() < until, "{:#?}", running.read_lines());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
