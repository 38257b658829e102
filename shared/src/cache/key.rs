//! The key of a cached answer: a keyed hash over everything that changes it.
//!
//! Keys are SipHash-2-4 of 128 bits under a secret that each process draws anew, so that no caller can
//! make two requests be taken for one another, whatever it sends: a wrong vector would be found only by the
//! searches that it spoils. Keys never leave the process.

use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// The secret of this process, from the randomness that the standard library's maps draw.
static SECRET: LazyLock<[u8; 16]> = LazyLock::new(|| {
    let (low, high) = (RandomState::new().hash_one(0), RandomState::new().hash_one(1));
    (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
});

/// The key of one entry: what was asked of Cohere, and which piece of the answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey {
    request: Digest,
    piece: Digest,
}

/// A hash of something that is part of a key; hashed once, used in many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Digest(u128);

impl Digest {
    pub fn new<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = new_hash();
        for field in fields {
            add_field(&mut hash, field);
        }
        Self(hash.finish128().as_u128())
    }

    /// Returns the key of a piece of what this digest asks for.
    pub fn key_of(self, piece: Digest) -> CacheKey {
        CacheKey { request: self, piece }
    }
}

/// What all pieces of a request have in common: the client, the model, and the options.
#[derive(Clone, Debug)]
pub struct KeyPrefix(SipHasher24);

impl KeyPrefix {
    /// Starts with the fields that hold for the whole request, in a fixed order; absent is not empty.
    pub fn new<'a>(fields: impl IntoIterator<Item = Option<&'a [u8]>>) -> Self {
        let mut hash = new_hash();
        for field in fields {
            match field {
                Some(bytes) => add_field(&mut hash, bytes),
                None => hash.write_u8(0),
            }
        }
        Self(hash)
    }

    /// Returns the digest of the request for one input, or for none.
    pub fn with_input(&self, input: Option<&[u8]>) -> Digest {
        let mut hash = self.0;
        if let Some(input) = input {
            add_field(&mut hash, input);
        }
        Digest(hash.finish128().as_u128())
    }
}

fn new_hash() -> SipHasher24 {
    SipHasher24::new_with_key(&SECRET)
}

/// Adds a field with its length, so that no two lists of fields run together.
fn add_field(hash: &mut SipHasher24, field: &[u8]) {
    hash.write_u8(1);
    hash.write_u64(field.len() as u64);
    hash.write(field);
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
