//! Which models' ids may be shown: those that the gateway or Cohere knows.
//!
//! A model's id is any text a caller likes, a password among them. It is shown in logs, metrics and headers
//! only where the catalogue or a setting has it, or Cohere has answered 200 with it; else by the beginning of
//! its SHA-256, which whoever knows the id can compare. Scope: environment.

use super::redact::TOKEN_PREFIX;
use crate::lock::lock_anyway;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// Most ids that are learned; Cohere knows fewer, and a bound costs nothing.
const MAX_LEARNED: usize = 1_024;
/// Digits of the hash in a name.
const HASH_CHARS: usize = 8;

static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Makes an id known. A token of the gateway stays unknown, whoever answers to it.
pub fn learn_model(id: &str) {
    let mut known = lock_anyway(&KNOWN);
    if known.len() < MAX_LEARNED && !known.contains(id) && !id.contains(TOKEN_PREFIX) {
        known.insert(id.to_string());
    }
}

/// Returns an id where it is known, else a name made of its hash.
pub fn name_model(id: &str) -> Cow<'_, str> {
    if lock_anyway(&KNOWN).contains(id) {
        return Cow::Borrowed(id);
    }
    let hash = hex::encode(Sha256::digest(id.as_bytes()));
    Cow::Owned(format!("unknown-{}", &hash[..HASH_CHARS]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_id_is_named_by_its_hash() {
        assert_eq!(name_model("abc"), "unknown-ba7816bf");
        assert_eq!(name_model(""), "unknown-e3b0c442");
        learn_model("a-model-of-this-test");
        assert_eq!(name_model("a-model-of-this-test"), "a-model-of-this-test");
        let token = "cgw_fake_token_of_the_tests";
        learn_model(token);
        assert!(!name_model(token).contains("cgw_"));
    }
}
