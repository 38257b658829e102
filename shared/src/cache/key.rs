//! The key of a cached answer: a hash of everything that changes it.
//!
//! Keys are SHA-256, so that no two requests are ever taken for one another, whatever a caller sends:
//! a wrong vector would be found only by the searches that it spoils.

use sha2::{Digest as _, Sha256};

/// The key of one entry: what was asked of Cohere, and which piece of the answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    request: Digest,
    piece: Digest,
}

/// A hash of something that is part of a key; hashed once, used in many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn new<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            add_field(&mut hash, field);
        }
        Self(hash.finalize().into())
    }

    /// Returns the key of a piece of what this digest asks for.
    pub fn key_of(self, piece: Digest) -> CacheKey {
        CacheKey { request: self, piece }
    }
}

/// What all pieces of a request have in common: the client, the model, and the options.
#[derive(Clone, Debug)]
pub struct KeyPrefix(Sha256);

impl KeyPrefix {
    /// Starts with the fields that hold for the whole request, in a fixed order; absent is not empty.
    pub fn new<'a>(fields: impl IntoIterator<Item = Option<&'a [u8]>>) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            match field {
                Some(bytes) => add_field(&mut hash, bytes),
                None => hash.update([0]),
            }
        }
        Self(hash)
    }

    /// Returns the digest of the request for one input, or for none.
    pub fn with_input(&self, input: Option<&[u8]>) -> Digest {
        let mut hash = self.0.clone();
        if let Some(input) = input {
            add_field(&mut hash, input);
        }
        Digest(hash.finalize().into())
    }
}

/// Adds a field with its length, so that no two lists of fields run together.
fn add_field(hash: &mut Sha256, field: &[u8]) {
    hash.update([1]);
    hash.update((field.len() as u64).to_le_bytes());
    hash.update(field);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_depends_on_every_field_and_its_place() {
        let (c, d) = (Digest::new([&b"c"[..]]), Digest::new([&b"d"[..]]));
        let keys = [
            KeyPrefix::new([Some(&b"ab"[..]), None]).with_input(Some(b"x")).key_of(c),
            KeyPrefix::new([None, Some(&b"ab"[..])]).with_input(Some(b"x")).key_of(c),
            KeyPrefix::new([Some(&b"ab"[..]), Some(b"")]).with_input(Some(b"x")).key_of(c),
            KeyPrefix::new([Some(&b"a"[..]), Some(b"b")]).with_input(Some(b"x")).key_of(c),
            KeyPrefix::new([Some(&b"ab"[..]), None]).with_input(Some(b"y")).key_of(c),
            KeyPrefix::new([Some(&b"ab"[..]), None]).with_input(None).key_of(c),
            KeyPrefix::new([Some(&b"ab"[..]), None]).with_input(Some(b"")).key_of(c),
            KeyPrefix::new([Some(&b"ab"[..]), None]).with_input(Some(b"x")).key_of(d),
            KeyPrefix::new([Some(&b"ab"[..]), None])
                .with_input(Some(b"x"))
                .key_of(Digest::new([&b"c"[..], b""])),
        ];
        for (position, key) in keys.iter().enumerate() {
            assert!(!keys[..position].contains(key), "{position}");
        }
        assert_eq!(
            keys[0],
            KeyPrefix::new([Some(&b"ab"[..]), None]).with_input(Some(b"x")).key_of(c)
        );
    }
}
