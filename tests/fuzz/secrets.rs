//! Secrets as they are stored, and words of others for the log: a bad secret is refused without a
//! word of it, a good one cannot be printed, and what others quote is left out.

use crate::run::{Verdict, run};
use bytes::Bytes;
use shared::secrets::clients::{ClientList, Clients};
use shared::secrets::key::ApiKey;
use shared::secrets::source::Secret;
use shared::telemetry::redact::{TOKEN_PREFIX, redact_id, redact_words};
use std::fmt::Debug;

/// Stands in every value of the corpus.
const MARK: &str = "fake-mark";

#[test]
fn secret_never_panics_and_is_never_quoted() {
    run("secret", check_secret);
}

fn check_secret(input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    let secret = Secret::new(text.clone());
    let list = hide_error(ClientList::parse(&secret));
    let clients = hide_error(Clients::parse(&secret));
    assert_eq!(list.is_some(), clients.is_some());
    if let (Some(list), Some(clients)) = (&list, &clients) {
        assert!(clients.find(&text).is_none());
        let again = Secret::new(serde_json::to_string(list).unwrap());
        let again = ClientList::parse(&again).expect("a list that was written can be read");
        assert_eq!(again.clients.len(), list.clients.len());
    }
    check_redaction(&text);
    let key = hide_error(ApiKey::parse(&secret));
    if let Some(key) = &key {
        assert!(!format!("{key:?}").contains(MARK));
        check_mask(key, &text);
    }
    (list.is_some() | key.is_some()).into()
}

/// Returns what was read; an error has no piece of the secret.
fn hide_error<T: Debug>(read: Result<T, String>) -> Option<T> {
    if let Err(words) = &read {
        assert!(!words.contains(MARK), "{words}");
    }
    read.ok()
}

/// Checks that a text from outside reaches a log line without quotations, URLs and tokens.
fn check_redaction(text: &str) {
    assert_eq!(redact_words(&format!("a {text:?} b")), "a … b");
    let words = redact_words(text);
    assert!(!words.contains("://") && !words.contains(char::is_control), "{words}");
    assert!(!redact_id(text).contains(TOKEN_PREFIX));
}

/// Checks that a key which comes back is masked.
fn check_mask(key: &ApiKey, text: &str) {
    let bearer = key.authorization.to_str().unwrap();
    let bare = bearer.strip_prefix("Bearer ").unwrap();
    // A shorter one would be found in any text; the mask itself is made of stars.
    if bare.len() >= 8 && !bare.contains('*') {
        let sent = Bytes::from(format!("{text}: {bearer}{bare}"));
        let length = sent.len();
        let masked = key.mask_key(sent);
        assert_eq!(masked.len(), length);
        assert!(!String::from_utf8_lossy(&masked).contains(bare));
    }
}
