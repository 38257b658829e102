//! Questions of API Gateway to the authorizer: who has a listed token comes in, nobody else does.

use crate::run::{Verdict, run};
use authorizer::Authorizer;
use serde_json::{Value, json};
use shared::config::SecretConfig;
use shared::secrets::source::{Fetching, Secret, SecretSource, StoredSecret};
use shared::secrets::token::hash_token_as_hex;
use std::time::Duration;

const TOKEN: &str = "cgw_fake_token_of_the_fuzz_target";
/// More than this a run does not last.
const A_DAY: Duration = Duration::from_secs(86_400);

#[test]
fn question_lets_in_listed_tokens_only() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let authorizer = Authorizer::new(Box::new(Store), config(), "fake-default-key".into());
    run("question", |input| {
        let text = String::from_utf8_lossy(input);
        let Ok(question) = serde_json::from_str(&text) else { return Verdict::Refused };
        let judged = runtime.block_on(authorizer.decide(question));
        let answer = judged.ok().map(|answer| serde_json::to_value(answer).unwrap());
        check_answer(&text, answer.as_ref())
    });
}

/// A store that holds a list of one client.
struct Store;

impl SecretSource for Store {
    fn fetch(&self) -> Fetching<'_> {
        let list =
            json!({ "clients": [{ "name": "a", "token_sha256": [hash_token_as_hex(TOKEN)] }] });
        let text = Secret::new(list.to_string());
        Box::pin(async { Ok(StoredSecret { text, version: "1".into() }) })
    }
}

fn config() -> SecretConfig {
    let id = "fake-clients".into();
    SecretConfig { id, store_url: None, timeout: A_DAY, tries: 1, ttl: A_DAY, forced_read: A_DAY }
}

/// Compares an answer, `None` for a failed invocation, with what the question's token deserves.
fn check_answer(question: &str, answer: Option<&Value>) -> Verdict {
    let question: Value = serde_json::from_str(question).unwrap_or_default();
    let header = question["authorizationToken"].as_str().unwrap_or_default();
    let is_listed = header.to_ascii_lowercase().starts_with("bearer ") && &header[7..] == TOKEN;
    let Some(answer) = answer else {
        assert!(is_listed, "a token that is not listed was not denied: {header:?}");
        return Verdict::Refused;
    };
    let statement = &answer["policyDocument"]["Statement"][0];
    if !is_listed {
        assert_eq!((&statement["Effect"], &statement["Resource"]), (&json!("Deny"), &json!("*")));
        assert!(!answer.to_string().contains("cgw_"), "{answer}");
        return Verdict::Refused;
    }
    assert_eq!(statement["Effect"], "Allow");
    let resource = statement["Resource"].as_str().unwrap();
    let stage = resource.strip_suffix("/*/*").expect("a policy for the whole stage");
    assert!(question["methodArn"].as_str().unwrap().starts_with(&format!("{stage}/")));
    assert!(!stage.contains(['*', '?']) && stage.starts_with("arn:"), "{resource}");
    assert!(answer["usageIdentifierKey"].is_string() && answer["context"]["client"] == "a");
    Verdict::Accepted
}
