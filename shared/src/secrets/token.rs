//! A client's token: `cgw_` and random characters of base64url, stored as its SHA-256.
//!
//! `ops` makes tokens of 43 random characters, which are 256 bits; a shorter or longer one that an
//! operator has put into the list by hand is taken as well, within the limits here.

pub use crate::telemetry::redact::TOKEN_PREFIX;
use sha2::{Digest, Sha256};

/// Random characters of a token that `ops` makes.
pub const NEW_RANDOM_CHARS: usize = 43;
const MIN_RANDOM_CHARS: usize = 20;
const MAX_RANDOM_CHARS: usize = 120;

/// Tells whether a text has the shape of a token.
pub fn is_token(text: &str) -> bool {
    let Some(random) = text.strip_prefix(TOKEN_PREFIX) else { return false };
    (MIN_RANDOM_CHARS..=MAX_RANDOM_CHARS).contains(&random.len())
        && random.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Returns the SHA-256 of a token.
pub fn hash_token(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Returns the SHA-256 of a token in hexadecimal, as the list of clients stores it.
pub fn hash_token_as_hex(token: &str) -> String {
    hex::encode(hash_token(token))
}

/// Reads a stored hash; `None` where it is not 64 hexadecimal digits.
pub fn parse_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_and_code_have_one_shape() {
        let template = include_str!("../../../template.yaml");
        let shape =
            format!("[Rr] {TOKEN_PREFIX}[A-Za-z0-9_-]{{{MIN_RANDOM_CHARS},{MAX_RANDOM_CHARS}}}$'");
        assert!(template.contains(&shape), "the ValidationExpression does not end in {shape}");
    }

    #[test]
    fn token_has_prefix_length_and_alphabet() {
        for (length, is_taken) in [(19, false), (20, true), (43, true), (120, true), (121, false)] {
            assert_eq!(is_token(&format!("cgw_{}", "a".repeat(length))), is_taken, "{length}");
        }
        let random = "A-z_9".repeat(5);
        assert!(is_token(&format!("cgw_{random}")));
        for bad in [
            random.clone(),
            format!("CGW_{random}"),
            format!("cgw_{random}+"),
            format!("cgw_{random}é"),
        ] {
            assert!(!is_token(&bad), "{bad}");
        }
    }

    #[test]
    fn stored_hash_is_the_sha_256_of_the_whole_token() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hash_token_as_hex(""), empty);
        assert_eq!(parse_hash(empty), Some(hash_token("")));
        assert_eq!(parse_hash(&empty.to_uppercase()), Some(hash_token("")));
        for bad in
            ["", &empty[1..], &format!("+{}", &empty[1..]), &format!("{empty}00"), &"é".repeat(32)]
        {
            assert_eq!(parse_hash(bad), None, "{bad}");
        }
    }
}
