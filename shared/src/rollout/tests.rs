//! Pairs of answers, and what they say of the new version.

use super::answer::{Outcome, read_outcome};
use super::judge::{Judgement, judge_pair};
use super::kinds::build_calls;
use super::lambda_api::Invoked;
use super::trial::spread_shares;
use crate::cohere::models::find_model;
use crate::config::{RolloutConfig, RolloutModels};
use serde_json::{Value, json};

const STREAM: &str = "event: message-start\ndata: {\"type\":\"message-start\",\"id\":\"i\"}\n\n\
    event: content-delta\ndata: {\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":\"a\"}}}}\n\n\
    event: content-delta\ndata: {\"type\":\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":\"b\"}}}}\n\n\
    event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\"}}\n\n\
    data: [DONE]\n\n";

fn answer(status: u16, headers: &[&str], body: &str) -> Outcome {
    let headers: serde_json::Map<_, _> = headers
        .iter()
        .map(|header| header.split_once(": ").unwrap_or((header, "1")))
        .map(|(name, value)| (name.to_string(), json!(value)))
        .collect();
    let head = json!({ "statusCode": status, "headers": headers });
    read_outcome(Invoked::Payload(format!("{head}\0\0\0\0\0\0\0\0{body}").into()))
}

fn error(status: u16, code: &str) -> Outcome {
    answer(
        status,
        &["x-request-id"],
        &json!({ "id": "i", "message": "m", "code": code }).to_string(),
    )
}

fn stream(body: &str) -> Outcome {
    answer(200, &["content-type: text/event-stream"], body)
}

fn good() -> Outcome {
    answer(200, &["x-request-id", "num_tokens"], r#"{"id":"i","text":"t"}"#)
}

fn crash() -> Outcome {
    read_outcome(Invoked::Failed("Runtime.ExitError".to_string()))
}

fn judge(live: &Outcome, new: &Outcome) -> Judgement {
    judge_pair(live, new, false)
}

fn worse(problem: &str) -> Judgement {
    Judgement::Worse(problem.to_string())
}

#[test]
fn new_version_may_say_more_and_no_less() {
    let more = answer(200, &["x-request-id", "x-more"], r#"{"id":"j","text":"u","more":1}"#);
    assert_eq!(judge(&good(), &more), Judgement::Agrees, "a header of Cohere may be missing");
    let lost = answer(200, &[], r#"{"id":"j","text":"u"}"#);
    assert_eq!(judge(&good(), &lost), worse("the header x-request-id is missing"));
    let other = answer(200, &["x-request-id"], r#"{"id":"j","text":1}"#);
    assert_eq!(judge(&good(), &other), worse("text is number, not text"));
    let doubtful = judge_pair(&good(), &other, true);
    assert_eq!(doubtful, Judgement::Doubtful("text is number, not text".to_string()));
}

#[test]
fn failure_of_the_new_version_alone_is_worse() {
    assert_eq!(judge(&good(), &crash()), worse("it crashes Runtime.ExitError"));
    assert_eq!(judge(&crash(), &crash()), Judgement::Agrees, "it is not worse");
    assert_eq!(judge(&crash(), &good()), Judgement::Agrees);
    assert_eq!(judge(&good(), &error(500, "internal")), worse("500 internal, not status 200"));
    assert_eq!(
        judge(&error(503, "circuit_open"), &error(500, "internal")),
        worse("500 internal, not 503 circuit_open")
    );
    assert_eq!(
        judge(&good(), &answer(500, &["x-request-id"], "<html>")),
        worse("status 500, not status 200")
    );
    let (live, new) = (error(400, "invalid_request"), error(404, "model_retired"));
    assert_eq!(judge(&live, &new), worse("404 model_retired, not 400 invalid_request"));
    assert_eq!(judge(&live, &good()), worse("status 200, not 400 invalid_request"));
    let none = read_outcome(Invoked::Payload("no answer".into()));
    assert_eq!(judge(&good(), &none), worse("it crashes its answer is none"));
}

#[test]
fn failing_cohere_is_no_mismatch() {
    let weather = [
        error(429, "rate_limited"),
        error(502, "upstream_malformed"),
        error(503, "circuit_open"),
        error(504, "deadline"),
        answer(200, &["x-request-id", "x-gateway-fallback-from"], "{}"),
        stream(&STREAM.replace("COMPLETE", "ERROR")),
        read_outcome(Invoked::NotRun("Lambda answers 429".to_string())),
    ];
    for met in &weather {
        assert!(matches!(judge(met, &good()), Judgement::NotComparable(_)), "{met:?}");
        assert!(matches!(judge(met, met), Judgement::NotComparable(_)), "{met:?}");
        assert!(matches!(judge(&good(), met), Judgement::OnlyNewFailed(_)), "{met:?}");
    }
}

#[test]
fn stream_ends_as_the_live_one_does() {
    assert_eq!(judge(&stream(STREAM), &stream(STREAM)), Judgement::Agrees);
    let broken = worse("its stream breaks off");
    for cut in [STREAM.len() - 5, 120, 0] {
        assert_eq!(judge(&stream(STREAM), &stream(&STREAM[..cut])), broken, "{cut}");
    }
    assert_eq!(judge(&stream(STREAM), &answer(200, &["content-type"], "{}")), broken);
    let no_delta: Vec<_> =
        STREAM.split_inclusive("\n\n").filter(|frame| !frame.contains("content-delta")).collect();
    let others = Judgement::Doubtful("the events of its stream are others".to_string());
    assert_eq!(judge(&stream(STREAM), &stream(&no_delta.concat())), others);
}

#[test]
fn verdict_of_an_authorizer_is_compared_as_a_status() {
    let verdict = |effect: &str| {
        let policy = json!({ "Statement": [{ "Effect": effect }] });
        let verdict = json!({ "principalId": "p", "policyDocument": policy });
        read_outcome(Invoked::Payload(verdict.to_string().into()))
    };
    assert_eq!(judge(&verdict("Allow"), &verdict("Allow")), Judgement::Agrees);
    assert_eq!(judge(&verdict("Allow"), &verdict("Deny")), worse("status 401, not status 200"));
    let unjudged = read_outcome(Invoked::Failed("NotJudged".to_string()));
    assert!(matches!(judge(&verdict("Allow"), &unjudged), Judgement::OnlyNewFailed(_)));
}

#[test]
fn health_of_cohere_is_no_matter_of_a_version() {
    let health = |status, said: &str| {
        let body = json!({ "status": said, "cohere": { "status": "down" } });
        answer(status, &["x-request-id"], &body.to_string())
    };
    assert_eq!(judge(&health(200, "ok"), &health(503, "degraded")), Judgement::Agrees);
    let failed = error(500, "internal");
    assert!(matches!(judge(&health(200, "ok"), &failed), Judgement::Worse(_)));
}

#[test]
fn every_call_is_marked_and_small() {
    let vars = [("GATEWAY_SYNTHETIC_CLIENT_SECRET_ID", "token")];
    let models = RolloutConfig::from_vars(&vars).unwrap().models;
    let RolloutModels { chat, embed, rerank } = &models;
    assert!(find_model(chat).unwrap().takes_tool_choice);
    assert!(find_model(embed).is_some() && find_model(rerank).is_some());
    for (function, kinds) in [
        ("chat", &["chat", "stream", "tools", "error"][..]),
        ("embed", &["embed", "cached", "error"]),
        ("rerank", &["rerank", "cached", "error"]),
        ("pass-through", &["completions", "stream", "v1_chat", "tokens", "models", "error"]),
        ("health", &["health"]),
        ("authorizer", &["unknown_token", "known_token"]),
        ("probe", &[]),
    ] {
        let calls = build_calls(function, &models, Some("cgw_a_token_of_nobody_at_all"));
        let built: Vec<_> = calls.iter().map(|call| call.kind).collect();
        assert_eq!(built, kinds, "{function}");
        for call in calls {
            assert_eq!(call.event["requestContext"]["authorizer"]["gate"], "true");
            let body = call.event["body"].as_str().unwrap_or("{}");
            assert!(body.len() < 600, "{body}");
            let body: Value = serde_json::from_str(body).unwrap();
            let limit = body["max_tokens"].as_u64();
            assert!(function != "chat" || limit.is_some_and(|limit| limit < 50), "{body}");
        }
    }
}

#[test]
fn driver_asks_mostly_what_reaches_cohere() {
    let vars = [("GATEWAY_SYNTHETIC_CLIENT_SECRET_ID", "token")];
    let models = RolloutConfig::from_vars(&vars).unwrap().models;
    for (function, kind, rounds) in [
        ("chat", "stream", 4),
        ("embed", "embed", 8),
        ("rerank", "rerank", 8),
        ("pass-through", "stream", 3),
        ("chat", "error", 1),
    ] {
        let calls = build_calls(function, &models, None);
        let spread = spread_shares(&calls);
        assert_eq!(spread.len(), 10);
        let places: Vec<_> = (0..10).filter(|round| calls[spread[*round]].kind == kind).collect();
        assert_eq!(places.len(), rounds, "{function} {kind}: {places:?}");
        assert!(places[0] < 6, "{function} {kind} comes late: {places:?}");
    }
    assert!(spread_shares(&[]).is_empty());
}
