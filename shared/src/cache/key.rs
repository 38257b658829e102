//! What an answer is kept under: a hash of everything that changes it.
//!
//! Keys are SHA-256, so that no two requests are ever taken for one another, whatever a caller sends:
//! a wrong vector would be found only by the searches that it spoils.

use sha2::{Digest, Sha256};

/// The key of one kept piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

/// What all pieces of a request have in common: the client, the model, and how it is asked.
#[derive(Clone, Debug)]
pub struct Base(Sha256);

impl Base {
    /// Starts with the fields that hold for the whole request, in a fixed order; absent is not empty.
    pub fn new<'a>(fields: impl IntoIterator<Item = Option<&'a [u8]>>) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            match field {
                Some(bytes) => add(&mut hash, bytes),
                None => hash.update([0]),
            }
        }
        Self(hash)
    }

    /// Returns the key of a piece that the further fields name.
    pub fn key<'a>(&self, fields: impl IntoIterator<Item = &'a [u8]>) -> Key {
        let mut hash = self.0.clone();
        for field in fields {
            add(&mut hash, field);
        }
        Key(hash.finalize().into())
    }
}

/// Adds a field with its length, so that no two lists of fields run together.
fn add(hash: &mut Sha256, field: &[u8]) {
    hash.update([1]);
    hash.update((field.len() as u64).to_le_bytes());
    hash.update(field);
}

/// Hashes an input once, however many pieces are kept for it.
pub fn digest(input: &[u8]) -> [u8; 32] {
    Sha256::digest(input).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_its_place_and_its_absence_make_another_key() {
        let keys = [
            Base::new([Some(&b"ab"[..]), None]).key([&b"c"[..]]),
            Base::new([None, Some(&b"ab"[..])]).key([&b"c"[..]]),
            Base::new([Some(&b"ab"[..]), Some(b"")]).key([&b"c"[..]]),
            Base::new([Some(&b"a"[..]), Some(b"b")]).key([&b"c"[..]]),
            Base::new([Some(&b"ab"[..]), None]).key([&b"d"[..]]),
            Base::new([Some(&b"ab"[..]), None]).key([&b"c"[..], b""]),
        ];
        for (position, key) in keys.iter().enumerate() {
            assert!(!keys[..position].contains(key), "{position}");
        }
        assert_eq!(keys[0], Base::new([Some(&b"ab"[..]), None]).key([&b"c"[..]]));
    }
}
