//! The request that reaches Cohere: the caller's fields in their order and text, and what the rules add.

use super::check_headers;
use gateway_tests::exchange::Exchange;
use gateway_tests::gateway::FAKE_KEY;
use gateway_tests::replay::Played;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// Headers of a caller that reach Cohere, besides every `x-fern-*`.
const PASSING: [&str; 4] = ["request-source", "traceparent", "user-agent", "x-client-name"];

/// Checks path, headers and body of what the upstream got.
pub fn check(exchange: &Exchange, played: &Played) {
    let (name, sent) = (exchange.name.as_str(), &played.sent);
    assert_eq!(sent.path, exchange.path, "{name}");
    let body = std::str::from_utf8(&sent.body).unwrap();
    check_fields(exchange, played, read_entries(&exchange.request_body), read_entries(body));

    let key = format!("Bearer {FAKE_KEY}");
    let length = sent.body.len().to_string();
    let mut expected: BTreeMap<&str, Option<&str>> = BTreeMap::from([
        ("accept", Some("*/*")),
        ("authorization", Some(key.as_str())),
        ("content-length", Some(length.as_str())),
        ("content-type", Some("application/json")),
        ("host", None),
    ]);
    let extra = gateway_tests::replay::EXTRA_HEADERS;
    let from_caller =
        exchange.request_headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in from_caller.chain(extra) {
        if PASSING.contains(&name) || name.starts_with("x-fern-") {
            expected.insert(name, Some(value));
        }
    }
    check_headers(&format!("{name}, upstream"), &sent.headers, &expected);
}

type Entry = (String, String);

fn check_fields(exchange: &Exchange, played: &Played, requested: Vec<Entry>, sent: Vec<Entry>) {
    let name = &exchange.name;
    let is_absent = |field: &str| !requested.iter().any(|(key, raw)| key == field && raw != "null");
    let (rules, model): (&[&str], _) = match exchange.path.as_str() {
        "/v2/chat" => (&["max_tokens", "model"], "\"command-a-03-2025\""),
        "/v2/embed" => (&["embedding_types"], ""),
        _ => (&["model"], "\"rerank-v3.5\""),
    };
    let added: Vec<_> = rules.iter().copied().filter(|field| is_absent(field)).collect();
    let passed: Vec<_> =
        requested.iter().filter(|(key, _)| !added.contains(&key.as_str())).cloned().collect();
    let (front, back) = sent.split_at(passed.len().min(sent.len()));
    assert_eq!(front, passed, "{name}: the caller's fields");
    let back: BTreeMap<_, _> = back.iter().map(|(key, raw)| (key.as_str(), raw.as_str())).collect();
    assert_eq!(back.keys().copied().collect::<Vec<_>>(), added, "{name}: fields the gateway adds");
    for (field, raw) in back {
        match field {
            "model" => assert_eq!(raw, model, "{name}"),
            "embedding_types" => assert_eq!(raw, r#"["float"]"#, "{name}"),
            _ => {
                let tokens: u32 = raw.parse().unwrap();
                assert!((4_000..=64_000).contains(&tokens), "{name}: max_tokens {tokens}");
                let said = played.answer.header("x-gateway-max-tokens");
                assert!(
                    said == raw || exchange.status != 200,
                    "{name}: {said} is said, {raw} was sent"
                );
            }
        }
    }
}

/// The fields of an object with their text, in their order.
fn read_entries(json: &str) -> Vec<Entry> {
    serde_json::from_str::<Entries>(json).unwrap_or_else(|error| panic!("{error}: {json}")).0
}

struct Entries(Vec<Entry>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut entries = Vec::new();
        while let Some((key, raw)) = map.next_entry::<String, Box<RawValue>>()? {
            entries.push((key, raw.get().to_owned()));
        }
        Ok(Entries(entries))
    }
}
