//! A client's token: made from the operating system's randomness, stored as a hash.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// A new token; it has no `Debug`, so that it cannot be printed by accident.
pub struct Token(String);

impl Token {
    /// Makes a token of 256 random bits.
    pub fn random() -> anyhow::Result<Self> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).context("the operating system gives no random numbers")?;
        Ok(Self(format!("cgw_{}", URL_SAFE_NO_PAD.encode(bits))))
    }

    /// Returns the text, to be shown once.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns what is stored of it.
    pub fn sha256(&self) -> String {
        Sha256::digest(self.0.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn tokens_differ_and_have_the_shape_the_gateway_takes() {
        let tokens: HashSet<_> = (0..1_000).map(|_| Token::random().unwrap().0).collect();
        assert_eq!(tokens.len(), 1_000);
        for token in tokens {
            let random = token.strip_prefix("cgw_").unwrap();
            assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
            assert_eq!(random.len(), 43);
        }
    }

    #[test]
    fn what_is_stored_is_the_sha_256_of_the_whole_token() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Token(String::new()).sha256(), empty);
    }
}
