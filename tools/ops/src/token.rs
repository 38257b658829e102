//! A client's token: made from the operating system's randomness, stored as a hash.

use crate::output::mask;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::secrets::token::{TOKEN_PREFIX, hash_token_as_hex};

/// A new token; it has no `Debug`, so that it cannot be printed by accident.
pub struct Token(String);

impl Token {
    /// Makes a token of 256 random bits.
    pub fn random() -> anyhow::Result<Self> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).context("the operating system gives no random numbers")?;
        let token = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bits));
        mask(&token);
        Ok(Self(token))
    }

    /// Returns the text, to be shown once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns what is stored of it.
    pub fn sha256(&self) -> String {
        hash_token_as_hex(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::secrets::token::{NEW_RANDOM_CHARS, is_token};
    use std::collections::HashSet;

    #[test]
    fn tokens_differ_and_have_the_shape_the_gateway_takes() {
        let tokens: HashSet<_> = (0..1_000).map(|_| Token::random().unwrap().0).collect();
        assert_eq!(tokens.len(), 1_000);
        for token in tokens {
            assert!(is_token(&token), "{token}");
            let random = token.strip_prefix(TOKEN_PREFIX).unwrap();
            assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
            assert_eq!(random.len(), NEW_RANDOM_CHARS);
        }
    }
}
