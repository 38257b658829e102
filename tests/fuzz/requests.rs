//! Requests: what is accepted is an object, and what goes to Cohere is that object with our fields.

use crate::reference::Fields;
use crate::run::{Verdict, run};
use bytes::Bytes;
use serde_json::Value;
use shared::error::{GatewayError, Result};
use shared::wire::dialect::Dialect;
use shared::wire::object::{KnownFields, MAX_FIELDS, RequestObject};
use shared::wire::{chat::ChatRequest, embed, embed::EmbedRequest, rerank, rerank::RerankRequest};

/// Stands in values of the corpus; an error may quote keys, never values.
const MARK: &str = "fake-marked-prompt";

#[test]
fn request_never_panics_and_keeps_its_fields() {
    run("request", check_request);
}

fn check_request(input: &[u8]) -> Verdict {
    let body = Bytes::copy_from_slice(input);
    let is_chat = judge(input, check_chat(&body));
    let is_embed = judge(input, check_embed(&body));
    let is_rerank = judge(input, check_rerank(&body));
    let with_known = [embed::KNOWN, rerank::KNOWN, &[]];
    let is_object = with_known.map(|known| judge(input, check_object(&body, known)));
    (is_chat | is_embed | is_rerank | is_object[2]).into()
}

fn check_chat(body: &Bytes) -> Result<()> {
    let upstream = ChatRequest::parse(body.clone())?.into_upstream("m".into(), 7, None)?;
    let sent = Fields::read(body).unwrap();
    let mut set = Vec::new();
    if sent.get("model").is_none() {
        set.push(("model", r#""m""#));
    }
    assert_eq!(upstream.chosen_max_tokens.is_some(), sent.get("max_tokens").is_none());
    if sent.get("max_tokens").is_none() {
        set.push(("max_tokens", "7"));
    }
    assert_eq!(Fields::read(upstream.object.body()), Some(sent.with(&set)));
    Ok(())
}

fn check_embed(body: &Bytes) -> Result<()> {
    let request = EmbedRequest::parse(body.clone())?;
    assert!(request.input_count() > 0);
    let upstream = request.into_upstream(Dialect::V2);
    let sent = Fields::read(body).unwrap();
    let set = [("embedding_types", r#"["float"]"#)];
    let set = if sent.get("embedding_types").is_some() { &[] } else { &set[..] };
    assert_eq!(Fields::read(upstream.object.body()), Some(sent.with(set)));
    Ok(())
}

fn check_rerank(body: &Bytes) -> Result<()> {
    let upstream = RerankRequest::parse(body.clone(), Dialect::V2)?.into_upstream("m".into());
    let sent = Fields::read(body).unwrap();
    let set = [("model", r#""m""#)];
    let set = if sent.get("model").is_some() { &[] } else { &set[..] };
    assert_eq!(Fields::read(upstream.object.body()), Some(sent.with(set)));
    Ok(())
}

/// Sets two fields of an accepted object and reads the result again, by the gateway and by another
/// parser.
fn check_object(body: &Bytes, known: KnownFields) -> Result<()> {
    let object = RequestObject::parse(body.clone(), known)?;
    let set = [("model", r#""set""#), ("documents", r#"["a",[{}]]"#)];
    let written = object.with(&set.map(|(name, value)| (name, value.as_bytes())));
    let fields = Fields::read(body).unwrap().with(&set);
    for (name, value) in &fields.0 {
        let expected = Some(value.as_bytes()).filter(|value| *value != b"null");
        assert_eq!(written.raw(name), expected, "{name} before it is read again");
    }
    // Numbers that no parser holds, lone surrogates and the deepest nesting are no `Value`.
    if let Ok(mut expected) = serde_json::from_slice::<Value>(body) {
        for (name, value) in set {
            expected[name] = serde_json::from_str(value).unwrap();
        }
        assert_eq!(serde_json::from_slice::<Value>(written.body()).unwrap(), expected);
    }
    if fields.0.len() <= MAX_FIELDS {
        let again = RequestObject::parse(written.body().clone(), &[]).expect("what was written");
        for (name, _) in &fields.0 {
            assert_eq!(again.raw(name), written.raw(name), "{name} read again");
        }
    }
    assert_eq!(Fields::read(written.body()), Some(fields));
    Ok(())
}

/// Tells whether an input was accepted; the words of a refusal quote none of its values.
fn judge(input: &[u8], result: Result<()>) -> bool {
    let Err(GatewayError { message, detail, .. }) = result else { return true };
    let is_key = |(key, _): &(String, String)| key.contains(MARK);
    let may_quote = Fields::read(input).is_some_and(|fields| fields.0.iter().any(is_key));
    let quotes = message.contains(MARK) || format!("{detail:?}").contains(MARK);
    assert!(may_quote || !quotes, "{message}");
    false
}
